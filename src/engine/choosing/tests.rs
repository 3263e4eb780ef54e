//! Both readings of a capture made of events, with memory that does not suffice, and of a capture that changed meanwhile.

use super::{Again, Bounds, Choosing, Chosen, Keeping, Recount, Roomy};
use crate::decode::{Packet, decode};
use crate::event::{Event, Keep, Sink};
use crate::flow::{FlowId, FlowKind, FlowRecord, Note};
use crate::model::{Frame, FrameMarks, LinkType, Timestamp};
use crate::output::fixture::nine;
use crate::query::Query;
use std::io;

/// A frame of a capture: nanoseconds, bytes on the wire, what was dropped before it.
fn frame(ts: i64, wire_len: u32, dropped_before: u64) -> Frame<'static> {
    Frame {
        number: 1,
        source: 0,
        interface: 0,
        ts: Timestamp::from_nanos(ts),
        link: LinkType::RAW,
        wire_len,
        bytes: &[0; 40],
        direction: None,
        options: None,
        marks: FrameMarks { dropped_before, ..FrameMarks::NONE },
    }
}

fn note(number: u64) -> Note {
    Note { flow: Some(FlowId { kind: FlowKind::Tcp, number }), ..Note::default() }
}

fn record(number: u64) -> FlowRecord {
    let mut record = nine().swap_remove(0);
    record.id = FlowId { kind: FlowKind::Tcp, number };
    record
}

fn tell(sink: &mut impl Sink, frame: &Frame<'_>, note: &Note) -> Keep {
    sink.on_event(&Event::Packet { frame, packet: &Packet::empty(&[]), note }).unwrap()
}

/// Times of what is let through, and what is said to be dropped before.
#[derive(Default)]
struct Through(Vec<(i64, u64)>);

impl Sink for Through {
    fn on_event(&mut self, event: &Event<'_>) -> io::Result<Keep> {
        if let Event::Packet { frame, .. } = event {
            self.0.push((frame.ts.nanos(), frame.marks.dropped_before));
        }
        Ok(Keep::Going)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Packets of c1, c2 and c3 in turn; c2 is chosen.
fn chosen() -> Chosen {
    let mut choosing = Choosing::new(Query::parse("id c2").unwrap(), 1 << 20, 0);
    for at in 0..9 {
        assert_eq!(tell(&mut choosing, &frame(at, 40, 1), &note(at as u64 % 3 + 1)), Keep::Going);
    }
    for number in 1..=3 {
        choosing.on_event(&Event::Flow(&record(number))).unwrap();
    }
    choosing.finish().unwrap()
}

#[test]
fn the_chosen_ones_go_through_and_say_what_was_dropped_before_the_others() {
    let chosen = chosen();
    assert_eq!((chosen.chosen, chosen.flows_chosen, chosen.flows_total), (3, 1, 3));
    let mut again = Again::new(Through::default(), chosen);
    for at in 0..9 {
        tell(&mut again, &frame(at, 40, 1), &Note::NONE);
    }
    assert!(again.is_the_same());
    assert_eq!(again.into_inner().0.0, [(1, 2), (4, 3), (7, 3)]);
}

#[test]
fn a_capture_that_changed_is_known() {
    let frames: Vec<_> = (0..9).map(|at| frame(at, 40, 0)).collect();
    let other = |at: usize, with: Frame<'static>| {
        let mut frames = frames.clone();
        frames[at] = with;
        frames
    };
    let swapped = [&frames[..3], &[frames[4], frames[3]], &frames[5..]].concat();
    let fewer = frames[..8].to_vec();
    for changed in [other(4, frame(4, 41, 0)), other(0, frame(1, 40, 0)), swapped, fewer] {
        let mut again = Again::new(Through::default(), chosen());
        for frame in &changed {
            tell(&mut again, frame, &Note::NONE);
        }
        assert!(!again.is_the_same());
    }
}

impl Roomy for Through {
    fn has_room(&mut self) -> bool {
        true
    }

    fn wait_for_room(&mut self) {}

    fn after_missing(&mut self, frame: &Frame<'_>, _: u64) -> io::Result<Keep> {
        self.0.push((frame.ts.nanos(), 0));
        Ok(Keep::Going)
    }
}

#[test]
fn a_piece_whose_datagram_is_never_completed_keeps_nobody_waiting_for_long() {
    const SECOND: i64 = 1_000_000_000;
    // Whole from 10.0.0.1:5000 to 10.0.0.2:80, and the first piece of another.
    let whole =
        [&[0x45, 0, 0, 28, 0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0x13, 0x88, 0, 80, 0, 8, 0, 0][..]].concat();
    let mut piece = [&whole[..], &[0; 12]].concat();
    (piece[3], piece[6]) = (40, 0x20);
    let query = Query::parse("port 80").unwrap();
    let mut keeping = Keeping::new(Through::default(), query, Bounds { flow: 1 << 20, all: 1 << 20, at_once: false });
    let mut tell = |at: i64, bytes: &[u8], note: &Note| {
        let frame = Frame { bytes, ..frame(at * SECOND, bytes.len() as u32, 0) };
        keeping.on_event(&Event::Packet { frame: &frame, packet: &decode(&frame), note }).unwrap();
        keeping.sink.0.len()
    };
    assert_eq!(tell(0, &piece, &Note::NONE), 0);
    assert_eq!(tell(1, &whole, &note(1)), 0, "in their order, as long as it may be completed");
    assert_eq!(tell(100, &whole, &note(1)), 2);
    assert_eq!(tell(101, &piece, &Note::NONE), 2);
    assert_eq!(tell(102, &whole, &note(1)), 2);
    keeping.on_event(&Event::Tick(Timestamp::from_nanos(200 * SECOND))).unwrap();
    assert_eq!(keeping.into_inner().0.0.len(), 3, "without a packet, too");
}

#[test]
fn conversations_that_have_other_numbers_are_known() {
    let known_by = chosen().known_by;
    let recounted = |records: &[FlowRecord]| {
        let mut recount = Recount::new(Through::default());
        for record in records {
            recount.on_event(&Event::Flow(record)).unwrap();
        }
        recount.into_inner().1
    };
    let same = [record(2), record(1), record(3)];
    assert_eq!(recounted(&same), known_by, "in whatever order");
    let mut elsewhere = same.clone();
    elsewhere[0].first_packet.1 += 1;
    let swapped = {
        let mut swapped = same.clone();
        (swapped[0].first_packet, swapped[1].last_packet) = ((0, 70), (0, 90));
        swapped
    };
    for other in [&same[..2], &[record(1), record(2), record(4)], &elsewhere, &swapped] {
        assert_ne!(recounted(other), known_by);
    }
}

#[test]
fn without_room_nothing_is_chosen_and_what_is_over_takes_little() {
    let most = 1 << 20;
    let ends_at_once = |flows: u64| {
        let mut choosing = Choosing::new(Query::parse("tcp").unwrap(), most, 0);
        for at in 0..2_000_000 {
            let number = 1 + at / (2_000_000 / flows);
            if tell(&mut choosing, &frame(at as i64, 40, 0), &note(number)) == Keep::Enough {
                return Err(choosing.packets());
            }
            let last = (at + 1) % (2_000_000 / flows) == 0;
            if last && flows > 1 {
                choosing.on_event(&Event::Flow(&record(number))).unwrap();
            }
        }
        Ok(choosing.finish().map(|chosen| chosen.chosen))
    };
    // A quarter of a million has room at 4 bytes each, where no conversation is over before the end; of those that are, all.
    assert!(ends_at_once(1).is_err_and(|packets| (150_000..300_000).contains(&packets)));
    assert_eq!(ends_at_once(100), Ok(Some(2_000_000)));
}
