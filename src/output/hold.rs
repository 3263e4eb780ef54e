//! Holds packets back until what is said of them is settled, for outputs that print verdicts from files: from the first
//! packet whose verdict may still change, everything waits in order, until [`Event::Settled`] or a bound. What comes out is
//! the same however the source pauses, unless someone watches: then a pause ends the wait.
//!
//! Nothing is copied while nothing waits. It does not decide what is settled, and it does not look at a clock: the tracker
//! settles by packet time.

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
/// Most memory of what waits: the packets' bytes, and what is known of them.
pub const BYTES: usize = 16 << 20;

/// Places by which the queue grows.
const PLACES: usize = 1024;

/// An output behind a queue.
#[derive(Debug)]
pub struct Hold<S> {
    inner: S,
    wait: Wait,
    events: usize,
    most_bytes: usize,
    /// With the memory that each took, beside the bytes of its packet.
    waiting: VecDeque<(Waiting, usize)>,
    /// Memory of those, beside the bytes of packets.
    known: usize,
    /// How many left the queue, ever: what numbers its places.
    gone: u64,
    /// Places of the packets that are not settled, by source and number.
    open: HashMap<(u16, u64), u64, foldhash::fast::RandomState>,
    bytes: Arena,
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

/// An event that waits.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly all are packets; a box for each would be an allocation per packet")]
enum Waiting {
    Packet(Kept),
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

/// Bytes in the order in which they will be taken.
#[derive(Debug, Default)]
struct Arena {
    bytes: Vec<u8>,
    /// Where the first that is still wanted stands.
    start: usize,
}

impl Arena {
    fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// The first bytes.
    fn first(&self, len: usize) -> &[u8] {
        self.bytes.get(self.start..self.start + len).unwrap_or_default()
    }

    fn drop_first(&mut self, len: usize) {
        self.start = (self.start + len).min(self.bytes.len());
        // Moved to the front when that costs no more than was taken since the last time.
        if self.start * 2 >= self.bytes.len() {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
    }
}

impl<S: Sink> Hold<S> {
    /// An output whose packets wait for their verdicts.
    #[must_use]
    pub fn new(inner: S, wait: Wait) -> Self {
        Self {
            inner,
            wait,
            events: EVENTS,
            most_bytes: BYTES,
            waiting: VecDeque::new(),
            known: 0,
            gone: 0,
            open: HashMap::default(),
            bytes: Arena::default(),
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
        if let Some(place) = self.open.remove(&(settled.source, settled.number))
            && let Some((Waiting::Packet(kept), _)) = self.waiting.get_mut((place - self.gone) as usize)
        {
            kept.note.verdict = Some(settled.verdict);
        }
        self.go_on()
    }

    fn keep(&mut self, event: &Event<'_>) {
        let before = heap::held();
        let waiting = match *event {
            Event::Packet { frame, packet, note } => {
                if is_open(note) {
                    self.open.insert((frame.source, frame.number), self.gone + self.waiting.len() as u64);
                }
                self.bytes.bytes.extend_from_slice(frame.bytes);
                Waiting::Packet(Kept {
                    // Options of a pcapng block are for writers, which do not wait.
                    frame: Frame { bytes: &[], options: None, ..*frame },
                    packet: packet.with_bytes(&[]),
                    note: *note,
                    len: frame.bytes.len(),
                })
            }
            Event::Source { index, info } => Waiting::Source(index, Box::new(info.clone())),
            Event::Handshake(record) => Waiting::Handshake(Box::new(record.clone())),
            Event::Flow(record) => Waiting::Flow(Box::new(record.clone())),
            Event::Tick(time) => Waiting::Tick(time),
            Event::Settled(_)
            | Event::Drained
            | Event::SourcesEnded
            | Event::Counters { .. }
            | Event::Rotate(_)
            | Event::Summary(_) => return,
        };
        let boxed = match waiting {
            // The bytes are in the arena, and counted there.
            Waiting::Packet(_) | Waiting::Tick(_) => 0,
            // What a source says of itself may be long. Where no allocator counts, what is sure.
            Waiting::Source(..) => size_of::<SourceInfo>().max((heap::held() - before).max(0).unsigned_abs()),
            Waiting::Handshake(_) | Waiting::Flow(_) => {
                size_of::<FlowRecord>().max((heap::held() - before).max(0).unsigned_abs())
            }
        };
        let room = size_of::<(Waiting, usize)>() + boxed;
        self.known += room;
        self.make_way();
        self.waiting.push_back((waiting, room));
    }

    /// Makes place for one more. Not doubled: half of that would be there and not used.
    fn make_way(&mut self) {
        if self.waiting.len() == self.waiting.capacity() {
            self.waiting.reserve_exact(PLACES);
        }
    }

    /// Lets go what is settled, and what is too much.
    fn go_on(&mut self) -> io::Result<Keep> {
        let mut answer = Keep::Going;
        while let Some((first, _)) = self.waiting.front() {
            let open = matches!(first, Waiting::Packet(kept) if is_open(&kept.note));
            if open && self.waiting.len() <= self.events && self.bytes.len() + self.known <= self.most_bytes {
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
        // It is lent from where it is: taken out it would be copied, and a packet with its note is half a kilobyte.
        let Some((first, room)) = self.waiting.front() else { return Ok(so_far) };
        let said = match first {
            Waiting::Packet(kept) => {
                let Kept { frame, packet, note, len } = kept;
                if is_open(note) {
                    self.open.remove(&(frame.source, frame.number));
                }
                let bytes = self.bytes.first(*len);
                let frame = Frame { bytes, ..*frame };
                let said = self.inner.on_event(&Event::Packet { frame: &frame, packet: &packet.with_bytes(bytes), note });
                self.bytes.drop_first(*len);
                said
            }
            Waiting::Source(index, info) => self.inner.on_event(&Event::Source { index: *index, info }),
            Waiting::Handshake(record) => self.inner.on_event(&Event::Handshake(record)),
            Waiting::Flow(record) => self.inner.on_event(&Event::Flow(record)),
            Waiting::Tick(time) => self.inner.on_event(&Event::Tick(*time)),
        };
        self.gone += 1;
        self.known -= *room;
        self.waiting.pop_front();
        said.map(|answer| if so_far == Keep::Enough { so_far } else { answer })
    }
}

impl<S: Sink> Sink for Hold<S> {
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
            _ if self.waiting.is_empty() && !matches!(event, Event::Packet { .. }) => self.inner.on_event(event),
            _ => {
                self.keep(event);
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

    fn verdict(kind: VerdictKind, settled: bool) -> Verdict {
        let confidence = Some(Confidence::Likely);
        Verdict { kind, confidence, evidence: Evidence::AGE, against: None, age: None, segments: 1, settled }
    }

    fn packet(hold: &mut Hold<Told>, number: u64, verdict: Option<Verdict>) -> Keep {
        packet_of(hold, 0, number, verdict).unwrap()
    }

    fn packet_of(hold: &mut Hold<Told>, source: u16, number: u64, verdict: Option<Verdict>) -> io::Result<Keep> {
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

    fn settled(hold: &mut Hold<Told>, number: u64, kind: VerdictKind) {
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
        let each = 40 + size_of::<(Waiting, usize)>();
        let mut hold = Hold { most_bytes: 3 * each, ..Hold::new(Told::default(), Wait::UntilSettled) };
        for number in 1..=3 {
            packet(&mut hold, number, Some(verdict(VerdictKind::Resent, false)));
        }
        assert_eq!((hold.inner.told.len(), hold.known + hold.bytes.len()), (0, 3 * each));
        packet(&mut hold, 4, Some(verdict(VerdictKind::Resent, false)));
        assert_eq!(hold.inner.told, ["#1 1 resent?"]);
        hold.on_event(&Event::Summary(&RunSummary::default())).unwrap();
        assert_eq!((hold.known, hold.bytes.len(), hold.waiting.len()), (0, 0, 0));
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
