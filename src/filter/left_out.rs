//! Sentences about packets that a filter left out because it could not be asked about them: one for each reason, however many
//! link types a capture has.

use super::error::Named;
use crate::model::LinkType;
use hashbrown::HashMap;

/// Most link types named in a sentence.
const MOST_NAMED: usize = 5;

/// Most sentences about link types.
const MOST_SENTENCES: usize = 5;

/// What was left out, by reason, in the order the reasons came up.
#[derive(Debug, Default)]
pub(super) struct LeftOut {
    groups: Vec<Group>,
    places: HashMap<String, usize, foldhash::fast::RandomState>,
}

#[derive(Debug)]
struct Group {
    reason: String,
    links: Vec<LinkType>,
    packets: u64,
}

impl LeftOut {
    /// Adds packets of a link type.
    pub(super) fn add(&mut self, link: LinkType, packets: u64, reason: String) {
        let at = *self.places.entry_ref(reason.as_str()).or_insert(self.groups.len());
        if at == self.groups.len() {
            self.groups.push(Group { reason, links: Vec::new(), packets: 0 });
        }
        let group = &mut self.groups[at];
        group.links.push(link);
        group.packets += packets;
    }

    /// The sentences, without a full stop.
    pub(super) fn sentences(&self) -> Vec<String> {
        let (told, rest) = self.groups.split_at(self.groups.len().min(MOST_SENTENCES));
        let mut sentences: Vec<String> = told.iter().map(Group::sentence).collect();
        if !rest.is_empty() {
            let types: usize = rest.iter().map(|g| g.links.len()).sum();
            let more = if types == 1 { "link type" } else { "link types" };
            let of = format!(" of {types} more {more}");
            sentences.push(were_left_out(rest.iter().map(|g| g.packets).sum(), &of));
        }
        sentences
    }
}

impl Group {
    fn sentence(&self) -> String {
        let names: Vec<String> = self.links.iter().take(MOST_NAMED).map(|l| Named(*l).to_string()).collect();
        let of = match (&names[..], self.links.len() - names.len()) {
            ([one], 0) => format!(" of link type {one}"),
            ([first @ .., last], 0) => format!(" of link types {} and {last}", first.join(", ")),
            (_, more) => format!(" of link types {} and {more} more", names.join(", ")),
        };
        format!("{}: {}", were_left_out(self.packets, &of), self.reason)
    }
}

/// `1 packet was left out`; `of` which, with a blank in front.
pub(super) fn were_left_out(packets: u64, of: &str) -> String {
    let (noun, verb) = if packets == 1 { ("packet", "was") } else { ("packets", "were") };
    format!("{packets} {noun}{of} {verb} left out")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capture_of_very_many_types_is_told_in_few_sentences() {
        let mut told = LeftOut::default();
        told.add(LinkType::RAW, 1, "a".to_owned());
        assert_eq!(told.sentences(), ["1 packet of link type Raw IP was left out: a"]);
        told.add(LinkType(1000), 2, "a".to_owned());
        assert_eq!(told.sentences(), ["3 packets of link types Raw IP and 1000 were left out: a"]);
        for n in 1001..=60_000 {
            told.add(LinkType(n), 1, "a".to_owned());
        }
        let first = "59003 packets of link types Raw IP, 1000, 1001, 1002, 1003 and 58997 more were left out: a";
        assert_eq!(told.sentences(), [first]);
        for n in 1..=9 {
            told.add(LinkType::PPP, n, n.to_string());
        }
        let sentences = told.sentences();
        assert_eq!((sentences.len(), sentences[1].as_str()), (6, "1 packet of link type PPP was left out: 1"));
        assert_eq!(sentences[5], "35 packets of 5 more link types were left out");
    }
}
