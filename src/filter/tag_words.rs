//! Does an expression speak of VLAN tags? Then it sees frames as they are; otherwise as if tags were not there.
//!
//! It does when it says `vlan`; when it asks for the type of a tag (`ether proto 0x8100` and the other three TPIDs, under
//! any of `ether`'s names); or when it reads a byte of the link header that stands at or behind the place where a
//! tag would be: `ether[N]`, `ether[N:size]` or `link[…]` with a computed offset. One such word makes the
//! whole expression one that sees frames as they are, with exactly libpcap's meaning.
//!
//! The same is asked here of the address family of BSD loopback frames, which other expressions see translated.

use super::lex::{Kind, Token, tokens};
use super::roles::roles;
use super::view::{TagPlace, is_tag};

/// Applies the rule to an expression for frames with tags at `place`.
pub(crate) fn speaks_of_tags(expression: &str, place: TagPlace) -> bool {
    let tokens = tokens(expression);
    let names_type = |(token, (q, _)): (&Token<'_>, (super::roles::Qualifiers<'_>, _))| {
        let number = matches!(token.kind, Kind::Number(n) if u16::try_from(n).is_ok_and(is_tag));
        number && q.is_link() && q.asked == Some("proto")
    };
    tokens.iter().any(|t| t.is("vlan"))
        || tokens.iter().zip(roles(&tokens)).any(names_type)
        // Plain offsets into the addresses in front of the tag are the same with and without it.
        || (0..tokens.len()).any(|at| {
            reads_link_header(&tokens[at..], |first, size| first.saturating_add(size) > place.protocol)
        })
}

/// Does an expression read the first four bytes of the link header, where BSD loopback has its address family?
pub(crate) fn reads_family(expression: &str) -> bool {
    let tokens = tokens(expression);
    (0..tokens.len()).any(|at| reads_link_header(&tokens[at..], |first, _| first < 4))
}

/// Do the words begin with `ether[…]` reading bytes that `touched` (offset and size) is true for?
fn reads_link_header(tokens: &[Token<'_>], touched: impl Fn(u32, u32) -> bool) -> bool {
    let [link, open, index @ ..] = tokens else { return false };
    if !open.is("[") || !matches!(link.text, "ether" | "link" | "ppp" | "slip" | "fddi" | "tr" | "wlan") {
        return false;
    }
    let number = |t: &Token<'_>| if let Kind::Number(n) = t.kind { Some(n) } else { None };
    let read = match index {
        [at, close, ..] if close.is("]") => number(at).map(|at| (at, 1)),
        [at, colon, size, close, ..] if colon.is(":") && close.is("]") => number(at).zip(number(size)),
        _ => None,
    };
    read.is_none_or(|(at, size)| touched(at, size))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::LinkType;

    fn speaks(expression: &str, link: LinkType) -> bool {
        speaks_of_tags(expression, TagPlace::of(link).unwrap())
    }

    #[test]
    fn expressions_that_see_frames_as_they_are() {
        for e in [
            "vlan",
            "not vlan",
            "vlan 5 and tcp port 80",
            "tcp port 80 or vlan",
            "ether proto 0x8100",
            "ether proto 33024",
            "ether proto 0x88a8",
            "ether proto (0x800 or 0x9100)",
            "link proto 0x8100",
            "ether[12:2] = 0x8100",
            "link[12:2] = 0x800",
            "ether[12] = 8",
            "ether[10:4] = 1",
            "ether[9:4] = 1",
            "ether[100] = 1",
            "ether[0xc] = 1",
            "ether[2+1] = 1",
            "ether[len] = 1",
            "ether[ip[0]] = 1",
            "tcp[ether[14]] = 1",
        ] {
            assert!(speaks(e, LinkType::ETHERNET), "{e}");
        }
    }

    #[test]
    fn expressions_that_see_frames_without_tags() {
        for e in [
            "",
            "tcp port 80",
            "not port 22",
            "port 33024",
            "tcp port 0x8100",
            "udp[2:2] = 33024",
            "ip proto 6",
            "ether proto 0x0800",
            r"ether proto \ip",
            "ether host 1:2:3:4:5:6",
            "ether[0] & 1 = 1",
            "ether[11] = 1",
            "ether[6:4] = 1",
            "ether[8:4] = 1",
            "ip[12:4] = 1",
            "pppoes 33024",
            "ether proto 0x800 and port 33024",
            "len > 33024",
        ] {
            assert!(!speaks(e, LinkType::ETHERNET), "{e}");
        }
    }

    #[test]
    fn the_family_of_loopback_frames_is_asked_for_by_its_offset() {
        assert!(reads_family("link[0:4] = 2") && reads_family("ip and ether[3] = 2") && reads_family("link[1+1] = 2"));
        assert!(!reads_family("ip6 and link[4] = 2") && !reads_family("tcp[0] = 2"));
    }

    #[test]
    fn cooked_frames_have_their_tags_elsewhere() {
        assert!(!speaks("link[12:2] = 1", LinkType::LINUX_SLL));
        assert!(speaks("link[14:2] = 0x8100", LinkType::LINUX_SLL));
        assert!(speaks("link[0:2] = 0x8100", LinkType::LINUX_SLL2));
    }
}
