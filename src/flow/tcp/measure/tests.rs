//! The list of pieces held to the rules written down plainly, its bounds, and the small parts beside it.

use super::Measure;
use super::echo::Echo;
use super::samples::Samples;
use super::sequence::{Acked, MOST, Sent, Sequence};
use super::window::Window;
use crate::decode::TcpFlags;
use crate::flow::room::Room;
use crate::flow::tcp::options::Options;
use crate::flow::tcp::segment::Segment;
use crate::flow::tcp::seq::Seq;
use crate::model::{Span, Timestamp};
use proptest::prelude::*;

const ROOM: usize = 1 << 20;

fn segment(flags: u16, window: u16, len: u32) -> Segment<'static> {
    let (seq, ack) = (Seq(1), Seq(1));
    Segment {
        seq,
        ack,
        flags: TcpFlags(flags),
        window,
        len,
        options: Options::default(),
        options_cut: false,
        syn_id: 0,
        checksum: 0,
        sound: true,
    }
}

#[test]
fn what_is_measured_stays_small() {
    // As `docs/measures.md` has it.
    assert_eq!(size_of::<Measure>(), 464);
}

/// The same list without a thought for speed: four lists, walked from the start every time.
#[derive(Default)]
struct Plain {
    quadrants: [Vec<Numbers>; 4],
}

#[derive(Clone, Copy)]
struct Numbers {
    first: u64,
    last: u64,
    acked: bool,
    resent: bool,
    sent: i64,
}

impl Plain {
    fn turn_to(&mut self, number: u32) -> usize {
        let at = (number >> 30) as usize;
        self.quadrants[(at + 2) % 4].clear();
        at
    }

    fn send(&mut self, first: u32, length: u32, now: i64) -> Sent {
        let at = self.turn_to(first);
        let (first, end) = (u64::from(first), u64::from(first) + u64::from(length));
        let edge = ((at as u64) + 1) << 30;
        let mut sent = Self::put(&mut self.quadrants[at], first, end.min(edge), now);
        if end > edge {
            let above = Self::put(&mut self.quadrants[(at + 1) % 4], edge % (1 << 32), end - (edge - edge % (1 << 32)), now);
            sent = Sent { again: sent.again + above.again, out_of_order: sent.out_of_order | above.out_of_order };
        }
        sent
    }

    fn put(list: &mut Vec<Numbers>, mut first: u64, end: u64, now: i64) -> Sent {
        let (mut sent, mut fresh, last) = (Sent::default(), true, end - 1);
        let new = |first, last| Numbers { first, last, acked: false, resent: false, sent: now };
        for at in 0.. {
            let Some(&piece) = list.get(at) else {
                list.push(new(first, last));
                return sent;
            };
            if first > piece.last {
                continue;
            }
            if first < piece.first {
                sent.out_of_order |= last < piece.last;
                list.insert(at, new(first, last.min(piece.first - 1)));
                if last < piece.first {
                    return sent;
                }
                first = piece.first;
                continue;
            }
            sent.again += (last.min(piece.last) - first + 1) as u32;
            list[at].resent = true;
            if std::mem::take(&mut fresh) {
                list[at].sent = now;
            }
            if last <= piece.last {
                return sent;
            }
            first = piece.last + 1;
        }
        sent
    }

    fn acknowledge(&mut self, ack: u32) -> Acked {
        let at = self.turn_to(ack);
        let (mut latest, mut acked) = (i64::MIN, Acked::Nothing);
        for piece in self.quadrants[(at + 3) % 4].iter_mut().filter(|piece| !piece.acked) {
            piece.acked = true;
            latest = latest.max(piece.sent);
        }
        for piece in self.quadrants[at].iter_mut().filter(|piece| piece.first < u64::from(ack)) {
            latest = latest.max(piece.sent);
            if !std::mem::replace(&mut piece.acked, true) && piece.last + 1 == u64::from(ack) {
                acked = match () {
                    () if latest > piece.sent => Acked::Overtaken,
                    () if piece.resent => Acked::Ambiguous,
                    () => Acked::Once(piece.sent),
                };
            }
        }
        for list in &mut self.quadrants {
            list.dedup_by(|above, below| {
                let join = below.acked && above.acked && below.last + 1 == above.first;
                if join {
                    (below.last, below.sent) = (above.last, below.sent.max(above.sent));
                }
                join
            });
        }
        acked
    }
}

/// Numbers near each other and near the edges of quadrants, and jumps of up to half the circle.
fn any_step() -> impl Strategy<Value = (bool, u32, u32, i64)> {
    let jump = prop_oneof![20 => Just(0u32), 1 => (0u32..4).prop_map(|quadrants| quadrants << 30), 1 => any::<u32>()];
    let number = (jump, 0u32..80).prop_map(|(jump, near)| jump.wrapping_sub(40).wrapping_add(near));
    (any::<bool>(), number, 1u32..30, -3i64..10)
}

proptest! {
    #[test]
    fn the_list_agrees_with_the_rules(start: u32, steps in prop::collection::vec(any_step(), 0..300)) {
        let (mut plain, mut list, mut room, mut now) = (Plain::default(), Sequence::default(), Room::new(ROOM), 0);
        for edge in [0, start] {
            for &(sends, number, length, wait) in &steps {
                now += wait;
                let number = number.wrapping_add(edge);
                if sends {
                    prop_assert_eq!(list.send(number, length, now, &mut room), plain.send(number, length, now));
                } else {
                    prop_assert_eq!(list.acknowledge(number, &mut room), plain.acknowledge(number));
                }
            }
        }
        prop_assert!(!list.forgot());
        list.release(&mut room);
        prop_assert!(room.take(ROOM) && !room.take(1));
    }

    #[test]
    fn any_numbers_are_survived_in_any_room(
        steps in prop::collection::vec((any::<bool>(), any::<u32>(), any::<u32>(), any::<i64>()), 0..300),
        space in 0usize..2000,
    ) {
        let (mut list, mut room) = (Sequence::default(), Room::new(space));
        for (sends, number, length, now) in steps {
            if sends {
                let sent = list.send(number, length, now, &mut room);
                prop_assert!(sent.again <= length);
            } else {
                list.acknowledge(number, &mut room);
            }
            if now % 8 == 0 {
                list.rest(&mut room);
            }
        }
        list.release(&mut room);
        prop_assert!(room.take(space) && !room.take(1));
    }
}

#[test]
fn a_list_without_any_room_remembers_the_newest_in_place() {
    let (mut list, mut room) = (Sequence::default(), Room::new(0));
    for (number, length) in [(397_014_242, 676_727_583), (2, 1 << 30), (626_953_921, 446_787_906)] {
        assert!(list.send(number, length, 0, &mut room).again <= length);
    }
    list.rest(&mut room);
    assert!(list.forgot());
    let mut list = Sequence::default();
    for hole in 0..10 {
        assert_eq!(list.send(hole * 20, 10, 0, &mut room), Sent::default());
    }
    assert_eq!((list.send(180, 10, 1, &mut room).again, list.send(0, 10, 1, &mut room).again), (10, 0));
    assert!(list.forgot());
}

#[test]
fn the_newest_find_a_place_in_the_shortest_list() {
    let (mut list, mut room) = (Sequence::default(), Room::new(2 * 24));
    for hole in 0..10 {
        list.send(hole * 20, 10, 0, &mut room);
        assert_eq!(list.send(hole * 20, 10, 1, &mut room).again, 10, "{hole}");
    }
}

#[test]
fn next_data_and_its_acknowledgment_leave_one_piece() {
    let (mut list, mut room) = (Sequence::default(), Room::new(256));
    let mut at = u32::MAX - 5_000_000;
    for now in 0..10_000 {
        assert_eq!(list.send(at, 1460, now, &mut room), Sent::default());
        at = at.wrapping_add(1460);
        // The piece that goes through the edge of a quadrant ends in the next one.
        assert_eq!(list.acknowledge(at, &mut room), Acked::Once(now), "{at}");
    }
    assert!(!list.forgot());
}

#[test]
fn more_holes_than_are_kept_are_said_to_be() {
    let (mut list, mut room) = (Sequence::default(), Room::new(ROOM));
    for hole in 0..10_000u32 {
        assert_eq!(list.send(hole * 20, 10, i64::from(hole), &mut room), Sent::default());
    }
    assert!(list.forgot() && !room.clone().take(ROOM));
    // No more than a full list holds was taken, and what that is itself.
    assert!(room.clone().take(ROOM - MOST * 24 - 32));
    // The newest are remembered, the oldest are not.
    assert_eq!(list.send(9_999 * 20, 10, 20_000, &mut room).again, 10);
    assert_eq!(list.send(0, 10, 20_000, &mut room).again, 0);
    list.release(&mut room);
    assert!(room.take(ROOM) && !room.take(1));
}

#[test]
fn data_that_is_never_acknowledged_is_still_recognised() {
    let (mut list, mut room) = (Sequence::default(), Room::new(ROOM));
    for packet in 0..100_000u32 {
        list.send(packet * 1000, 1000, i64::from(packet), &mut room);
    }
    // What adjoins became one piece: round trips are lost, bytes are not.
    assert!(list.forgot());
    for packet in [0, 50_000, 99_999] {
        assert_eq!(list.send(packet * 1000, 1000, 200_000, &mut room), Sent { again: 1000, out_of_order: false });
    }
}

#[test]
fn a_window_is_scaled_where_both_offered_it() {
    let (syn, ack) = (TcpFlags::SYN.0, TcpFlags::ACK.0);
    let (mut a, mut b) = (Window::default(), Window::default());
    let send = |me: &mut Window, peer: &mut Window, flags: u16, window: u16, option: Option<u8>| {
        let segment = segment(flags, window, 0);
        Window::scale(me, peer, &segment, option);
        me.on_segment(&segment, peer.offered_scale());
    };
    send(&mut a, &mut b, syn, 65535, Some(7));
    send(&mut b, &mut a, syn | ack, 65535, Some(15));
    assert_eq!((a.extremes(), b.extremes()), ((65535, 65535), (65535, 65535)));
    // The first scaled window that is not 0 forgets those of the handshake; the smallest is never 0.
    send(&mut a, &mut b, ack, 0, None);
    assert!(a.is_shut() && a.extremes() == (65535, 65535));
    send(&mut a, &mut b, ack, 10, None);
    send(&mut a, &mut b, ack, 0, None);
    send(&mut b, &mut a, ack, 1, None);
    assert_eq!((a.extremes(), b.extremes()), ((1280, 1280), (1 << 15, 1 << 15)));
    // A reset has no window; a packet with neither ACK nor SYN has one of 0.
    send(&mut b, &mut a, TcpFlags::RST.0, 0, None);
    assert!(!b.is_shut());
    send(&mut b, &mut a, TcpFlags::PSH.0, 9, None);
    assert!(b.is_shut());
}

#[test]
fn a_scale_counts_for_nothing_once_something_was_sent_without_the_other() {
    let (mut a, mut b) = (Window::default(), Window::default());
    Window::scale(&mut a, &mut b, &segment(TcpFlags::SYN.0, 1, 0), Some(7));
    Window::scale(&mut a, &mut b, &segment(TcpFlags::ACK.0, 1, 0), None);
    Window::scale(&mut b, &mut a, &segment(TcpFlags::SYN.0, 1, 0), Some(3));
    for (mut me, shown) in [(a, 5), (b, 40)] {
        me.on_segment(&segment(TcpFlags::ACK.0, 5, 0), true);
        assert_eq!(me.extremes(), (shown, shown));
    }
}

#[test]
fn samples_are_summed_up_as_tcptrace_does() {
    let of = |samples: &[i64]| {
        let mut sum = Samples::default();
        for &sample in samples {
            sum.add(sample);
        }
        sum.record()
    };
    let span = |nanos| Some(Span::from_nanos(nanos));
    assert_eq!((of(&[]).samples, of(&[]).min, of(&[]).avg, of(&[]).stdev), (0, None, None, None));
    let two = of(&[10, 20]);
    assert_eq!((two.min, two.avg, two.max, two.stdev), (span(10), span(15), span(20), None));
    assert_eq!(of(&[1000, 2000, 3000]).stdev, span(1000));
    // A minimum of 0 is none yet.
    assert_eq!((of(&[0, 30, 20]).min, of(&[0]).min), (span(20), span(0)));
    // A steady way deviates by nothing, however long it is measured.
    let mut steady = Samples::default();
    for _ in 0..1_000_000 {
        steady.add(3_600_000_000_123);
    }
    assert_eq!((steady.record().avg, steady.record().stdev), (span(3_600_000_000_123), span(0)));
}

#[test]
fn a_timestamp_counts_once_from_its_first_use_to_its_first_echo() {
    let (data, ack) = (segment(TcpFlags::ACK.0, 1, 10), segment(TcpFlags::ACK.0, 1, 0));
    let (mut echo, mut room) = (Echo::default(), Room::new(ROOM));
    let at = |ms: i64| Timestamp::from_nanos(ms * 1_000_000);
    echo.sent(u32::MAX, &data, at(0), &mut room);
    echo.sent(u32::MAX, &data, at(1), &mut room);
    echo.sent(3, &data, at(2), &mut room);
    // The value of a pure ACK comes back when the peer next has something to say: no round trip.
    echo.sent(4, &ack, at(3), &mut room);
    echo.sent(4, &data, at(4), &mut room);
    echo.came_back(0, at(9));
    echo.came_back(77, at(9));
    echo.came_back(u32::MAX, at(10));
    echo.came_back(u32::MAX, at(20));
    echo.came_back(4, at(30));
    // An older value is not waited for any more, and an older one that comes late is none.
    echo.came_back(3, at(31));
    echo.sent(2, &data, at(32), &mut room);
    echo.came_back(2, at(33));
    let record = echo.record();
    assert_eq!((record.samples, record.min, record.max), (1, Some(Span::from_millis(10)), Some(Span::from_millis(10))));
}

#[test]
fn a_long_way_is_measured_by_some_of_its_timestamps() {
    let data = segment(TcpFlags::ACK.0, 1, 10);
    let (mut echo, mut room) = (Echo::default(), Room::new(ROOM));
    for tick in 1..5000u32 {
        echo.sent(tick, &data, Timestamp::from_nanos(i64::from(tick)), &mut room);
        if tick > 1000 {
            echo.came_back(tick - 1000, Timestamp::from_nanos(i64::from(tick)));
        }
    }
    let record = echo.record();
    assert!(record.samples > 500 && record.min == record.max && record.max == Some(Span::from_nanos(1000)), "{record:?}");
    echo.release(&mut room);
    assert!(room.take(ROOM) && !room.take(1));
}

#[test]
fn a_connection_without_anything_under_way_stays_small() {
    let size = size_of::<super::Measure>();
    assert!(size <= 544, "{size} bytes");
}
