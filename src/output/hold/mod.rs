//! Holds packets back until what is said of them is settled, for outputs that print verdicts from files: from the first
//! packet whose verdict may still change, everything waits in order, until [`Event::Settled`] or a bound. What comes out is
//! the same however the source pauses, unless someone watches: then a pause ends the wait.
//!
//! Nothing is copied while nothing waits. What waits of a packet is its text, where the output makes [`Drafts`], else all of it.
//! It does not decide what is settled, and it does not look at a clock: the tracker settles by packet time.

mod waiting;

use self::waiting::{Arena, Queue, make_way};
use crate::decode::Packet;
use crate::event::{Event, Keep, Sink};
use crate::flow::{FlowRecord, Note, Settled};
use crate::heap;
use crate::model::{Frame, SourceInfo, Timestamp};
use hashbrown::HashMap;
use std::collections::VecDeque;
use std::io;

/// Most events that wait. Two round trips of a fast path are more: then the oldest go as they are.
const EVENTS: usize = 1 << 16;
/// Most memory of what waits: the packets' bytes, and what is known of them. A draft counts as its packet would, or more if it is
/// longer: what waits, and so what is said of it, is the same in all forms but the longest.
pub const BYTES: usize = 16 << 20;

/// What is known of a packet and waits with it, beside its bytes.
const KNOWN: usize = size_of::<Kept>() + size_of::<usize>();

/// The text of a packet that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Draft {
    /// This output makes none, of no packet.
    Never,
    /// It is as it is to be written.
    Whole,
    /// The words of the verdict, which is open, are missing: they belong so many bytes behind its beginning.
    Open(usize),
}

/// An output that can make the text of a packet while its verdict is still open. While that waits, events that are no packets go
/// past it.
pub trait Drafts: Sink {
    /// Appends the text of a packet as it is to be written; of one whose verdict is open all but the words of that.
    fn draft(&mut self, _: &mut Vec<u8>, _: &Frame<'_>, _: &Packet<'_>, _: &Note) -> Draft {
        Draft::Never
    }

    /// Writes such a text; of an open one, with the words of the verdict that the note has by now where they belong.
    fn write_draft(&mut self, text: &[u8], verdict: Option<(usize, &Note)>) -> io::Result<Keep> {
        let _ = (text, verdict);
        Ok(Keep::Going)
    }
}

/// An output behind a queue.
#[derive(Debug)]
pub struct Hold<S> {
    inner: S,
    wait: Wait,
    events: usize,
    most_bytes: usize,
    waiting: VecDeque<Waiting>,
    /// The packets among those.
    kept: Queue<Kept>,
    /// The drafts among those whose verdicts were open when they came.
    unsure: Queue<Unsure>,
    /// Memory of all that waits.
    held: usize,
    /// Which of the packets or drafts are not settled, by source and number.
    open: HashMap<(u16, u64), u64, foldhash::fast::RandomState>,
    bytes: Arena,
    /// The output makes drafts.
    drafts: bool,
}

/// How long packets wait for their verdicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Not at all: live.
    Never,
    /// Until they are settled, or the source pauses: someone watches.
    UntilIdle,
    /// Until they are settled.
    UntilSettled,
}

/// An event that waits. Small: what is large stands in queues of its own.
#[derive(Debug)]
enum Waiting {
    /// The first of those that are kept.
    Packet,
    /// So many bytes of text, which count as so many.
    Draft {
        len: u32,
        counted: u32,
    },
    /// The same; its verdict is the first of those that were open.
    Unsure {
        len: u32,
        counted: u32,
    },
    Other(Box<Other>),
}

/// An event that is no packet, with the memory that it takes.
#[derive(Debug)]
struct Other {
    event: Told,
    room: usize,
}

#[derive(Debug)]
enum Told {
    Source(u16, Box<SourceInfo>),
    Handshake(Box<FlowRecord>),
    Flow(Box<FlowRecord>),
    Tick(Timestamp),
}

/// A packet without its bytes, which are in the arena.
#[derive(Debug)]
struct Kept {
    frame: Frame<'static>,
    packet: Packet<'static>,
    note: Note,
    len: usize,
}

/// What belongs into a draft.
#[derive(Debug)]
struct Unsure {
    source: u16,
    number: u64,
    /// Where in the text.
    at: usize,
    note: Note,
}

impl<S: Drafts> Hold<S> {
    /// An output whose packets wait for their verdicts.
    #[must_use]
    pub fn new(inner: S, wait: Wait) -> Self {
        Self {
            inner,
            wait,
            events: EVENTS,
            most_bytes: BYTES,
            waiting: VecDeque::new(),
            kept: Queue::new(),
            unsure: Queue::new(),
            held: 0,
            open: HashMap::default(),
            bytes: Arena::default(),
            drafts: false,
        }
    }

    /// At most so many bytes wait, and no more than [`BYTES`].
    #[must_use]
    pub fn within(self, bytes: usize) -> Self {
        Self { most_bytes: bytes.min(BYTES), ..self }
    }

    /// The output; what waits is lost, but nothing does after [`Event::Summary`].
    pub fn into_inner(self) -> S {
        self.inner
    }

    fn settle(&mut self, settled: &Settled) -> io::Result<Keep> {
        if let Some(number) = self.open.remove(&(settled.source, settled.number)) {
            let note = if self.drafts {
                self.unsure.get_mut(number).map(|unsure| &mut unsure.note)
            } else {
                self.kept.get_mut(number).map(|kept| &mut kept.note)
            };
            if let Some(note) = note {
                note.verdict = Some(settled.verdict);
            }
        }
        self.go_on()
    }

    fn keep_packet(&mut self, frame: &Frame<'_>, packet: &Packet<'_>, note: &Note) {
        let place = (frame.source, frame.number);
        let start = self.bytes.bytes.len();
        let draft = self.inner.draft(&mut self.bytes.bytes, frame, packet, note);
        debug_assert!(self.waiting.is_empty() || self.drafts == (draft != Draft::Never), "of all packets or of none");
        self.drafts = draft != Draft::Never;
        let (len, counted) = match draft {
            Draft::Never => (frame.bytes.len(), frame.bytes.len() + KNOWN),
            Draft::Whole | Draft::Open(_) => {
                let text = self.bytes.bytes.len() - start;
                (text, text.max(frame.bytes.len() + KNOWN))
            }
        };
        self.held += counted;
        let waiting = match draft {
            Draft::Never => {
                if is_open(note) {
                    self.open.insert(place, self.kept.next());
                }
                self.bytes.bytes.extend_from_slice(frame.bytes);
                self.kept.push(Kept {
                    // Options of a pcapng block are for writers, which do not wait.
                    frame: Frame { bytes: &[], options: None, ..*frame },
                    packet: packet.with_bytes(&[]),
                    note: *note,
                    len,
                });
                Waiting::Packet
            }
            Draft::Whole => Waiting::Draft { len: len as u32, counted: counted as u32 },
            Draft::Open(at) => {
                self.open.insert(place, self.unsure.next());
                self.unsure.push(Unsure { source: frame.source, number: frame.number, at, note: *note });
                Waiting::Unsure { len: len as u32, counted: counted as u32 }
            }
        };
        make_way(&mut self.waiting);
        self.waiting.push_back(waiting);
    }

    fn keep_other(&mut self, event: &Event<'_>) {
        let before = heap::held();
        let (event, least) = match *event {
            Event::Source { index, info } => (Told::Source(index, Box::new(info.clone())), size_of::<SourceInfo>()),
            Event::Handshake(record) => (Told::Handshake(Box::new(record.clone())), size_of::<FlowRecord>()),
            Event::Flow(record) => (Told::Flow(Box::new(record.clone())), size_of::<FlowRecord>()),
            Event::Tick(time) => (Told::Tick(time), 0),
            Event::Packet { .. }
            | Event::Settled(_)
            | Event::Stream(_)
            | Event::Drained
            | Event::SourcesEnded
            | Event::Counters { .. }
            | Event::Rotate(_)
            | Event::Finding { .. }
            | Event::Summary(_) => return,
        };
        // What a source says of itself may be long. Where no allocator counts, what is sure.
        let room = KNOWN + least.max((heap::held() - before).max(0).unsigned_abs());
        self.held += room;
        make_way(&mut self.waiting);
        self.waiting.push_back(Waiting::Other(Box::new(Other { event, room })));
    }

    /// Lets go what is settled, and what is too much.
    fn go_on(&mut self) -> io::Result<Keep> {
        let mut answer = Keep::Going;
        while let Some(first) = self.waiting.front() {
            let note = match first {
                Waiting::Packet => self.kept.items.front().map(|kept| &kept.note),
                Waiting::Unsure { .. } => self.unsure.items.front().map(|unsure| &unsure.note),
                Waiting::Draft { .. } | Waiting::Other(_) => None,
            };
            if note.is_some_and(is_open) && self.waiting.len() <= self.events && self.held <= self.most_bytes {
                break;
            }
            answer = self.let_go(answer)?;
        }
        Ok(answer)
    }

    fn all_go(&mut self) -> io::Result<Keep> {
        let mut answer = Keep::Going;
        while !self.waiting.is_empty() {
            answer = self.let_go(answer)?;
        }
        Ok(answer)
    }

    /// The first that waits goes.
    fn let_go(&mut self, so_far: Keep) -> io::Result<Keep> {
        let said = match self.waiting.pop_front() {
            None => return Ok(so_far),
            Some(Waiting::Packet) => self.let_packet_go(),
            Some(Waiting::Draft { len, counted }) => {
                self.held -= counted as usize;
                let said = self.inner.write_draft(self.bytes.first(len as usize), None);
                self.bytes.drop_first(len as usize);
                said
            }
            Some(Waiting::Unsure { len, counted }) => {
                self.held -= counted as usize;
                let Some(unsure) = self.unsure.items.front() else { return Ok(so_far) };
                if is_open(&unsure.note) {
                    self.open.remove(&(unsure.source, unsure.number));
                }
                let said = self.inner.write_draft(self.bytes.first(len as usize), Some((unsure.at, &unsure.note)));
                self.unsure.drop_first();
                self.bytes.drop_first(len as usize);
                said
            }
            Some(Waiting::Other(other)) => {
                self.held -= other.room;
                self.inner.on_event(&match &other.event {
                    Told::Source(index, info) => Event::Source { index: *index, info },
                    Told::Handshake(record) => Event::Handshake(record),
                    Told::Flow(record) => Event::Flow(record),
                    Told::Tick(time) => Event::Tick(*time),
                })
            }
        };
        said.map(|answer| if so_far == Keep::Enough { so_far } else { answer })
    }

    fn let_packet_go(&mut self) -> io::Result<Keep> {
        // It is lent from where it is: taken out it would be copied, and a packet with its note is half a kilobyte.
        let Some(Kept { frame, packet, note, len }) = self.kept.items.front() else { return Ok(Keep::Going) };
        if is_open(note) {
            self.open.remove(&(frame.source, frame.number));
        }
        let bytes = self.bytes.first(*len);
        let frame = Frame { bytes, ..*frame };
        let said = self.inner.on_event(&Event::Packet { frame: &frame, packet: &packet.with_bytes(bytes), note });
        self.held -= *len + KNOWN;
        self.bytes.drop_first(*len);
        self.kept.drop_first();
        said
    }
}

impl<S: Drafts> Sink for Hold<S> {
    fn on_event(&mut self, event: &Event<'_>) -> io::Result<Keep> {
        if self.wait == Wait::Never {
            return self.inner.on_event(event);
        }
        match event {
            Event::Settled(settled) => self.settle(settled),
            Event::Summary(_) => {
                self.all_go()?;
                self.inner.on_event(event)
            }
            Event::Packet { note, .. } if self.waiting.is_empty() && !is_open(note) => self.inner.on_event(event),
            Event::Packet { frame, packet, note } => {
                self.keep_packet(frame, packet, note);
                self.go_on()
            }
            // Text that is made already is changed by none of them.
            _ if self.waiting.is_empty() || self.drafts => self.inner.on_event(event),
            _ => {
                self.keep_other(event);
                self.go_on()
            }
        }
    }

    fn dropped(&self) -> u64 {
        self.inner.dropped()
    }

    fn records_dropped(&self) -> u64 {
        self.inner.records_dropped()
    }

    /// The source is idle or a person asked: where someone watches, what waits goes as it is.
    fn flush(&mut self) -> io::Result<()> {
        if self.wait == Wait::UntilIdle {
            self.all_go()?;
        }
        self.inner.flush()
    }
}

/// May its verdict still change?
fn is_open(note: &Note) -> bool {
    note.verdict.is_some_and(|verdict| !verdict.settled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::RunSummary;
    use crate::flow::{Confidence, Evidence, FlowId, FlowKind, Verdict, VerdictKind};
    use crate::model::LinkType;

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
}
