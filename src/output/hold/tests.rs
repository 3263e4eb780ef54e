//! What waits, what goes, and in which order.

use super::*;
use crate::event::RunSummary;
use crate::flow::{Confidence, Evidence, FlowId, FlowKind, Verdict, VerdictKind};
use crate::model::{LinkType, Timestamp};

/// What came through, in words: number, first byte, verdict.
#[derive(Debug, Default)]
struct Told {
    told: Vec<String>,
    /// The event, from 1, that cannot be written.
    fails_at: Option<usize>,
}

impl Sink for Told {
    fn on_event(&mut self, event: &Event<'_>) -> io::Result<Keep> {
        if self.fails_at == Some(self.told.len() + 1) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.told.push(match event {
            Event::Packet { frame, packet, note } => {
                assert_eq!(frame.bytes, packet.bytes);
                let verdict = note.verdict.map_or("-", |v| v.kind.key());
                let open = if is_open(note) { "?" } else { "" };
                format!("#{} {} {verdict}{open}", frame.number, frame.bytes.first().copied().unwrap_or_default())
            }
            Event::Tick(_) => "tick".to_owned(),
            Event::Summary(_) => "summary".to_owned(),
            _ => "other".to_owned(),
        });
        Ok(if self.told.len() >= 100 { Keep::Enough } else { Keep::Going })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.told.push("flush".to_owned());
        Ok(())
    }
}

impl Drafts for Told {}

fn verdict(kind: VerdictKind, settled: bool) -> Verdict {
    let confidence = Some(Confidence::Likely);
    Verdict { kind, confidence, evidence: Evidence::AGE, against: None, age: None, segments: 1, settled }
}

fn packet(hold: &mut Hold<Told>, number: u64, verdict: Option<Verdict>) -> Keep {
    packet_of(hold, 0, number, verdict).unwrap()
}

fn packet_of<S: Drafts>(hold: &mut Hold<S>, source: u16, number: u64, verdict: Option<Verdict>) -> io::Result<Keep> {
    let bytes = vec![number as u8; 40];
    let frame = Frame {
        number,
        source,
        interface: 0,
        ts: Timestamp::default(),
        link: LinkType::RAW,
        wire_len: 40,
        bytes: &bytes,
        direction: None,
        options: None,
        marks: crate::model::FrameMarks::NONE,
    };
    let note = Note { verdict, ..Note::default() };
    hold.on_event(&Event::Packet { frame: &frame, packet: &Packet::empty(&bytes), note: &note })
}

fn settled<S: Drafts>(hold: &mut Hold<S>, number: u64, kind: VerdictKind) {
    let flow = FlowId { kind: FlowKind::Tcp, number: 1 };
    let settled = Settled { source: 0, number, flow, verdict: verdict(kind, true) };
    hold.on_event(&Event::Settled(&settled)).unwrap();
}

#[test]
fn all_wait_for_the_first_that_is_open_and_go_in_order() {
    let mut hold = Hold::new(Told::default(), Wait::UntilSettled);
    packet(&mut hold, 1, None);
    packet(&mut hold, 2, Some(verdict(VerdictKind::Resent, false)));
    packet(&mut hold, 3, Some(verdict(VerdictKind::Reordered, true)));
    hold.on_event(&Event::Tick(Timestamp::default())).unwrap();
    packet(&mut hold, 4, Some(verdict(VerdictKind::Resent, false)));
    packet(&mut hold, 5, None);
    assert_eq!(hold.inner.told, ["#1 1 -"]);
    settled(&mut hold, 4, VerdictKind::Unsure);
    assert_eq!(hold.inner.told.len(), 1);
    settled(&mut hold, 2, VerdictKind::Spurious);
    packet(&mut hold, 6, None);
    assert_eq!(hold.inner.told, ["#1 1 -", "#2 2 spurious", "#3 3 reordered", "tick", "#4 4 unsure", "#5 5 -", "#6 6 -"]);
    assert!(hold.waiting.is_empty() && hold.open.is_empty() && hold.bytes.bytes.is_empty());
}

#[test]
fn a_pause_changes_nothing_unless_someone_watches() {
    let mut hold = Hold::new(Told::default(), Wait::UntilSettled);
    packet(&mut hold, 1, Some(verdict(VerdictKind::Resent, false)));
    hold.flush().unwrap();
    settled(&mut hold, 1, VerdictKind::Unsure);
    assert_eq!(hold.inner.told, ["flush", "#1 1 unsure"]);
}

#[test]
fn the_end_and_a_flush_let_everything_go_as_it_is() {
    let mut hold = Hold::new(Told::default(), Wait::UntilIdle);
    packet(&mut hold, 1, Some(verdict(VerdictKind::Resent, false)));
    hold.flush().unwrap();
    packet(&mut hold, 2, Some(verdict(VerdictKind::Resent, false)));
    hold.on_event(&Event::Summary(&RunSummary::default())).unwrap();
    // What is settled too late is settled for others.
    settled(&mut hold, 1, VerdictKind::Unsure);
    assert_eq!(hold.inner.told, ["#1 1 resent?", "flush", "#2 2 resent?", "summary"]);
}

#[test]
fn no_more_wait_than_the_bound_allows() {
    let mut hold = Hold { events: 3, ..Hold::new(Told::default(), Wait::UntilSettled) };
    for number in 1..=5 {
        packet(&mut hold, number, Some(verdict(VerdictKind::Resent, false)));
    }
    assert_eq!(hold.inner.told, ["#1 1 resent?", "#2 2 resent?"]);
    settled(&mut hold, 3, VerdictKind::Resent);
    assert_eq!(hold.inner.told.last().unwrap(), "#3 3 resent");
    assert_eq!((hold.waiting.len(), hold.open.len()), (2, 2));
}

#[test]
fn no_more_memory_is_taken_than_the_bound_allows() {
    // Three packets and what is known of them fit, four do not.
    let each = 40 + KNOWN;
    let mut hold = Hold { most_bytes: 3 * each, ..Hold::new(Told::default(), Wait::UntilSettled) };
    for number in 1..=3 {
        packet(&mut hold, number, Some(verdict(VerdictKind::Resent, false)));
    }
    assert_eq!((hold.inner.told.len(), hold.held), (0, 3 * each));
    packet(&mut hold, 4, Some(verdict(VerdictKind::Resent, false)));
    assert_eq!(hold.inner.told, ["#1 1 resent?"]);
    hold.on_event(&Event::Summary(&RunSummary::default())).unwrap();
    assert_eq!((hold.held, hold.bytes.bytes.len(), hold.waiting.len()), (0, 0, 0));
}

/// Writes a letter a packet and the word of its verdict before its end; drafts likewise.
#[derive(Debug, Default)]
struct Text {
    out: Vec<u8>,
    others: usize,
}

fn put(out: &mut Vec<u8>, frame: &Frame<'_>, verdict: Option<Verdict>) -> usize {
    out.push(b'a' + frame.number as u8);
    let at = out.len();
    out.extend_from_slice(verdict.map_or("", |v| v.kind.key()).as_bytes());
    out.push(b'\n');
    at
}

impl Sink for Text {
    fn on_event(&mut self, event: &Event<'_>) -> io::Result<Keep> {
        if let Event::Packet { frame, note, .. } = event {
            put(&mut self.out, frame, note.verdict);
        } else {
            self.others += 1;
        }
        Ok(Keep::Going)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drafts for Text {
    fn draft(&mut self, text: &mut Vec<u8>, frame: &Frame<'_>, _: &Packet<'_>, note: &Note) -> Draft {
        let start = text.len();
        let at = put(text, frame, note.verdict.filter(|_| !is_open(note))) - start;
        if is_open(note) { Draft::Open(at) } else { Draft::Whole }
    }

    fn write_draft(&mut self, text: &[u8], verdict: Option<(usize, &Note)>) -> io::Result<Keep> {
        let (start, end) = text.split_at(verdict.map_or(0, |(at, _)| at));
        self.out.extend_from_slice(start);
        if let Some(verdict) = verdict.and_then(|(_, note)| note.verdict) {
            self.out.extend_from_slice(verdict.kind.key().as_bytes());
        }
        self.out.extend_from_slice(end);
        Ok(Keep::Going)
    }
}

#[test]
fn drafts_get_the_words_that_are_settled_or_those_there_are() {
    let mut hold = Hold { events: 4, ..Hold::new(Text::default(), Wait::UntilSettled) };
    let open = Some(verdict(VerdictKind::Resent, false));
    for (number, verdict) in [(0, None), (1, open), (2, Some(verdict(VerdictKind::Reordered, true))), (3, open), (4, None)] {
        packet_of(&mut hold, 0, number, verdict).unwrap();
    }
    assert_eq!(hold.inner.out, b"a\n");
    hold.on_event(&Event::Tick(Timestamp::default())).unwrap();
    assert_eq!(hold.inner.others, 1, "goes past what waits");
    settled(&mut hold, 3, VerdictKind::Spurious);
    packet_of(&mut hold, 0, 5, open).unwrap();
    assert_eq!(hold.inner.out, b"a\nbresent\ncreordered\ndspurious\ne\n", "one too many: the first goes as it is");
    assert_eq!((hold.waiting.len(), hold.open.len(), hold.unsure.items.len(), hold.held), (1, 1, 1, 40 + KNOWN));
    hold.on_event(&Event::Summary(&RunSummary::default())).unwrap();
    assert!(hold.inner.out.ends_with(b"e\nfresent\n"));
    assert!(hold.waiting.is_empty() && hold.open.is_empty() && hold.bytes.bytes.is_empty() && hold.held == 0);
}

#[test]
fn packets_of_one_number_from_two_sources_are_two() {
    let mut hold = Hold::new(Told::default(), Wait::UntilSettled);
    packet_of(&mut hold, 0, 1, Some(verdict(VerdictKind::Resent, false))).unwrap();
    packet_of(&mut hold, 1, 1, Some(verdict(VerdictKind::Reordered, false))).unwrap();
    settled(&mut hold, 1, VerdictKind::Spurious);
    assert_eq!(hold.inner.told, ["#1 1 spurious"]);
    assert_eq!((hold.waiting.len(), hold.open.len()), (1, 1));
}

#[test]
fn an_error_while_all_go_is_handed_on_and_nothing_is_told_twice() {
    let told = Told { fails_at: Some(2), ..Told::default() };
    let mut hold = Hold::new(told, Wait::UntilIdle);
    for number in 1..=4 {
        packet(&mut hold, number, Some(verdict(VerdictKind::Resent, false)));
    }
    assert_eq!(hold.flush().unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert_eq!(hold.inner.told, ["#1 1 resent?"]);
    hold.inner.fails_at = None;
    hold.flush().unwrap();
    assert_eq!(hold.inner.told, ["#1 1 resent?", "#3 3 resent?", "#4 4 resent?", "flush"]);
}

#[test]
fn live_nothing_waits_and_enough_is_handed_on() {
    let mut hold = Hold::new(Told::default(), Wait::Never);
    packet(&mut hold, 1, Some(verdict(VerdictKind::Resent, false)));
    assert_eq!(hold.inner.told, ["#1 1 resent?"]);
    let mut hold = Hold::new(Told::default(), Wait::UntilSettled);
    packet(&mut hold, 1, Some(verdict(VerdictKind::Resent, false)));
    for number in 2..=200 {
        assert_eq!(packet(&mut hold, number, None), Keep::Going);
    }
    let flow = FlowId { kind: FlowKind::Tcp, number: 1 };
    let last = Settled { source: 0, number: 1, flow, verdict: verdict(VerdictKind::Resent, true) };
    assert_eq!(hold.on_event(&Event::Settled(&last)).unwrap(), Keep::Enough);
    assert_eq!(hold.inner.told.len(), 200);
}
