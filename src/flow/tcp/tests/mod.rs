//! The short way of plain segments leaves what the long way leaves.

pub(super) mod made;

use self::made::{A, B, Seg, see, seg};
use super::*;
use crate::flow::capture_drops::CaptureDrops;
use crate::flow::record::SideRecord;
use crate::model::Span;
use proptest::prelude::*;
use std::cell::Cell;

thread_local! {
    /// Nothing is taken the short way.
    static LONG_WAY: Cell<bool> = const { Cell::new(false) };
}

/// May what is plain be taken the short way?
pub(super) fn early() -> bool {
    !LONG_WAY.get()
}

/// What comes next in a conversation.
#[derive(Clone, Copy, Debug)]
struct Next {
    from_a: bool,
    what: u8,
    len: u16,
    back: u16,
    /// Microseconds since the one before.
    wait: i64,
    odd: u8,
}

fn next() -> impl Strategy<Value = Next> {
    let wait = prop_oneof![8 => 0i64..50_000, 1 => 0i64..3_000_000, 1 => -2000i64..0];
    let what = prop_oneof![12 => 0u8..6, 3 => 6u8..17];
    (any::<bool>(), what, 1u16..3000, 0u16..5000, wait, any::<u8>()).prop_map(|(from_a, what, len, back, wait, odd)| Next {
        from_a,
        what,
        len,
        back,
        wait,
        odd,
    })
}

/// What a host would send, or what comes out of the ordinary. `at`: the next number of each.
fn made(at: &mut [u32; 2], tick: u32, next: Next) -> Seg {
    let (me, peer) = if next.from_a { (0, 1) } else { (1, 0) };
    let (seq, ack) = (at[me], at[peer]);
    let (len, back) = (u32::from(next.len), u32::from(next.back));
    let plain = Seg { id: tick as u16, window: 500, ..seg(".", seq, ack) };
    let one = match next.what {
        0..3 => plain.len(len as usize),
        3..6 => plain,
        6 => Seg { seq: seq.wrapping_sub(back), ..plain }.len(len as usize),
        7 => Seg { seq: seq.wrapping_add(back), ..plain }.len(len as usize),
        8 => Seg { ack: ack.wrapping_sub(back), ..plain },
        9 => Seg { ack: ack.wrapping_add(back), ..plain },
        10 => seg("F.", seq, ack),
        11 => seg("S", seq.wrapping_sub(1), 0),
        12 => seg("S.", seq.wrapping_sub(1), ack),
        13 if next.odd.is_multiple_of(4) => seg("R.", seq, ack),
        14 => Seg { window: 0, ..plain },
        15 => Seg { seq: seq.wrapping_sub(1), ..plain },
        _ => plain.sack(&[(ack.wrapping_add(back), ack.wrapping_add(back + len))]),
    };
    if matches!(next.what, 0..3 | 7 | 10) {
        at[me] = one.seq.wrapping_add(one.len as u32 + u32::from(next.what == 10));
    }
    let one = if next.odd & 4 == 0 { one.ect(true) } else { one };
    if next.odd & 8 == 0 { one.times(tick, tick.wrapping_sub(back % 8)) } else { one }
}

/// What was said of each packet of a conversation, all that is left of it, and its records. `handshake`: it was seen from its
/// beginning.
fn told(handshake: bool, base: u32, steps: &[Next], long_way: bool) -> (Vec<String>, String, [SideRecord; 2]) {
    LONG_WAY.set(long_way);
    let mut connection = Connection::new(Wants::ALL);
    let (mut room, mut paths, drops) = (Room::new(1 << 22), Paths::default(), CaptureDrops::default());
    let mut at = [base, base.wrapping_mul(7)];
    let mut packets = Vec::new();
    if handshake {
        packets.push((true, 0, seg("S", at[0], 0).offers()));
        packets.push((false, 9000, seg("S.", at[1], at[0].wrapping_add(1)).offers()));
        at = at.map(|at| at.wrapping_add(1));
        packets.push((true, 2000, seg(".", at[0], at[1])));
    }
    for (tick, next) in (1..).zip(steps) {
        packets.push((next.from_a, next.wait, made(&mut at, tick * 3, *next)));
    }
    let mut said = Vec::new();
    let mut now = Timestamp::from_parts(1_000_000, 0);
    for (number, (from_a, wait, one)) in (1..).zip(packets) {
        now = now + Span::from_nanos(wait * 1000);
        let bytes = if from_a { one.bytes(A, B) } else { one.bytes(B, A) };
        said.push(see(&bytes, (number, now), true, &drops, |seen| {
            let step = connection.on_segment(seen.from, seen.segment, number, now);
            let change = connection.change(End::Low);
            let seen = Sighting { accepted: step.accepted, ..*seen };
            let aspects = connection.aspects.as_mut().expect("wanted");
            let verdict = aspects.on_segment(&seen, &mut room, &mut paths);
            while aspects.settle(now).is_some() {}
            format!("{step:?} {change:?} {verdict:?} {:?}", connection.class())
        }));
    }
    LONG_WAY.set(false);
    let sides = [End::Low, End::High].map(|end| {
        let mut side = SideRecord::default();
        connection.fill_side(end, &mut side);
        side
    });
    // Of one segment alone the short way works nothing out.
    let whole = if said.len() > 1 { format!("{connection:?}") } else { String::new() };
    (said, whole, sides)
}

proptest! {
    #[test]
    fn the_short_way_leaves_what_the_long_way_leaves(
        handshake: bool,
        base: u32,
        steps in prop::collection::vec(next(), 0..200),
    ) {
        let (short, long) = (told(handshake, base, &steps, false), told(handshake, base, &steps, true));
        prop_assert_eq!(short, long);
    }
}

#[test]
fn a_connection_stays_small() {
    let sizes = (size_of::<Connection>(), size_of::<Endpoint>(), size_of::<Setup>());
    assert!(sizes <= (384, 128, 240), "{sizes:?}");
}
