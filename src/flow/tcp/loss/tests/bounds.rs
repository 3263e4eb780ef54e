//! Memory: its bounds, rest, and what happens without room.

use super::*;
use proptest::prelude::*;
use std::sync::LazyLock;

#[test]
fn ten_thousand_holes_stay_within_bounds() {
    let mut world = World::plain();
    for i in 0..10_000u32 {
        world.a(data(1 + i * 200, 100));
    }
    let held = held(&mut world.room);
    assert!(held < 4 << 20, "{held}");
    assert!(world.of_a().at_least);
    // The oldest holes are still known, the newest were forgotten.
    is(world.wait(10).a(data(101, 100)), Reordered, SURE, Evidence::FILLS_HOLE);
    is(world.a(data(1_999_701, 100)), Unsure, None, Evidence::FORGOTTEN);
    world.loss.release(&mut world.room);
    assert!(world.room.take(ROOM), "all of it is given back");
}

/// What is taken of the room.
fn held(room: &mut Room) -> usize {
    let mut free = 0;
    let mut step = ROOM;
    while step > 0 {
        if room.take(step) {
            free += step;
        }
        step /= 2;
    }
    room.give_back(free);
    ROOM - free
}

#[test]
fn a_fresh_connection_stays_small() {
    let mut world = World::plain();
    for i in 0..10 {
        world.a(data(1 + i * 100, 100));
    }
    let held = held(&mut world.room);
    assert!(size_of::<Loss>() <= 96 && size_of::<Side>() <= 376, "{} and {}", size_of::<Loss>(), size_of::<Side>());
    assert!(held <= 1900, "{held}");
    world.wait(5000).b(ack(1001));
    world.wait(60_000);
    world.loss.rest(world.now, &mut world.room);
    let rested = self::held(&mut world.room);
    assert!(rested < held && rested <= 2 * (size_of::<Side>() + 2 * size_of::<Passed>()), "{rested}");
}

/// A connection that has sent and was acknowledged, silent for a minute, then folded.
fn at_rest() -> World {
    let mut world = World::plain();
    for i in 0..10 {
        world.a(data(1 + i * 100, 100).id(10 + i as u16));
    }
    world.wait(60).b(ack(1001));
    world.wait(60_000);
    world.loss.rest(world.now, &mut world.room);
    world
}

#[test]
fn a_connection_at_rest_is_small_and_forgets_nothing_that_counts() {
    let mut world = at_rest();
    assert!(matches!(world.loss.sides, [Kept::Rested(_), Kept::Rested(_)]));
    let bytes = held(&mut world.room);
    assert!(bytes <= 200, "docs/verdicts.md says 100 bytes a direction: {bytes}");
    is(world.a(seg(".", 1000, 1)), KeepAlive, SURE, Evidence::BELOW_WINDOW);
    world.a(data(1101, 100).id(22));
    is(world.wait(5).a(data(1001, 100).id(21)), Reordered, SURE, Evidence::ID_OLDER);
    assert_eq!((world.of_a().keep_alives, world.of_a().reordered_packets, world.of_a().at_least), (1, 1, false));
    world.wait(60).b(ack(1201));
    world.wait(60_000);
    while world.loss.settle(world.now).is_some() {}
    world.loss.rest(world.now, &mut world.room);
    assert!(matches!(world.loss.sides, [Kept::Rested(_), Kept::Rested(_)]));
    assert_eq!((world.of_a().keep_alives, world.of_a().reordered_packets), (1, 1), "what was counted stays");
    world.loss.release(&mut world.room);
    assert!(world.room.take(ROOM), "all of it is given back");
}

#[test]
fn what_is_open_does_not_rest() {
    let mut world = World::plain();
    world.a(data(1, 100));
    world.a(data(201, 100));
    world.wait(60_000);
    world.loss.rest(world.now, &mut world.room);
    assert!(matches!(world.loss.sides, [Kept::Awake(_), Kept::Rested(_)]));
}

#[test]
fn without_room_to_wake_the_record_says_so_and_numbers_begin_anew() {
    let mut world = at_rest();
    let free = ROOM - held(&mut world.room);
    assert!(world.room.take(free));
    assert_eq!(world.a(data(1001, 100)), None);
    world.room.give_back(free);
    assert_eq!(world.a(data(5001, 100)), None);
    assert_eq!((world.of_a().at_least, world.of_a().uncaptured_bytes), (true, 0));
    world.loss.release(&mut world.room);
    assert!(world.room.take(ROOM), "all of it is given back");
}

#[test]
fn a_direction_has_a_bound() {
    let seen = history::MOST_FRESH * size_of::<Passed>() + history::MOST_ODD * size_of::<Odd>();
    let open = hole::MOST * size_of::<hole::Hole>() + settle::MOST * size_of::<Open>();
    assert!((size_of::<hole::Hole>(), size_of::<Open>()) <= (144, 344), "{} and {}", size_of::<hole::Hole>(), size_of::<Open>());
    assert!(size_of::<Side>() + seen + open <= 1_400_000, "docs/verdicts.md says 1.4 MB: {}", seen + open);
}

#[test]
fn without_room_there_are_no_verdicts_and_the_record_says_so() {
    let mut world = World::new();
    assert!(world.room.take(ROOM));
    world.a(data(1, 100));
    assert_eq!(world.a(data(1, 100)), None);
    assert!(world.of_a().at_least);
    world.loss.release(&mut world.room);
    assert!(!world.room.take(1), "nothing is given back that was not taken");
}

static FLAGS: LazyLock<[u16; 6]> = LazyLock::new(|| [".", "S", "S.", "F.", "R", "SEW"].map(|flags| seg(flags, 0, 0).flags));

proptest! {
    #[test]
    fn anything_may_come(
        packets in prop::collection::vec(
            (any::<bool>(), 0usize..6, 0u32..3000, 0u32..3000, 0usize..400, any::<(u8, u8, u8)>(), -300i64..3000),
            0..300),
        base: u32,
        room in 0usize..20_000,
    ) {
        let mut world = World::new();
        prop_assert!(world.room.take(ROOM - room));
        let mut open = 0i64;
        for (from_a, flags, seq, ack, len, (id, times, odd), wait) in packets {
            let mut one = Seg { flags: FLAGS[flags], ..seg("", base.wrapping_add(seq), base.wrapping_add(ack)) };
            one = one.len(len).id(u16::from(id)).ect(odd & 1 == 0).window(u16::from(odd & 6));
            if odd & 8 == 0 {
                one = one.times(u32::from(times), u32::from(odd));
            } else if odd & 16 == 0 {
                one = one.sack(&[(base.wrapping_add(seq), base.wrapping_add(ack)), (seq, ack)]);
            }
            world.wait(wait);
            let said = if from_a { world.a(one) } else { world.b(one) };
            open += i64::from(said.is_some_and(|said| !said.settled));
            while let Some((_, _, verdict)) = world.loss.settle(world.now) {
                prop_assert!(verdict.settled);
                open -= 1;
            }
        }
        while world.loss.settle(Timestamp::MAX).is_some() {
            open -= 1;
        }
        prop_assert_eq!(open, 0);
        for end in [End::Low, End::High] {
            let record = world.loss.record(end);
            prop_assert!(record.spurious_packets <= record.resent_packets);
        }
        let verdicts = world.said.len() as u64;
        let counted: u64 = [End::Low, End::High].map(|end| {
            let r = world.loss.record(end);
            r.reordered_packets + r.duplicate_packets + r.unsure_packets + r.keep_alives + r.window_probes
        }).iter().sum();
        prop_assert!(counted <= verdicts);
        world.loss.release(&mut world.room);
        prop_assert!(world.room.take(room), "all is given back");
        prop_assert!(!world.room.take(1));
    }
}
