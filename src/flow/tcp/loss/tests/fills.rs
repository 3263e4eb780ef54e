//! What fills a hole.

use super::*;

#[test]
fn what_is_expected_gets_no_verdict() {
    let mut world = World::plain();
    for i in 0..20 {
        assert_eq!(world.wait(1).a(data(1 + i * 100, 100)), None);
        assert_eq!(world.wait(1).b(ack(101 + i * 100)), None);
    }
    assert_eq!(world.a(seg("F.", 2001, 1)), None);
    assert_eq!(world.of_a(), LossRecord::default());
}

#[test]
fn a_timestamp_tells_what_fills_a_hole() {
    for (value, kind, why) in [(1101, Resent, Evidence::TS_NEWER), (999, Reordered, Evidence::TS_OLDER)] {
        let mut world = World::open_with(50, 50, |seg, n| seg.times(900 + n, 0));
        world.a(data(1, 100).times(1000, 0));
        world.a(data(201, 100).times(1001, 0));
        let said = world.wait(10).a(data(101, 100).times(value, 0));
        is(said, kind, SURE, Evidence::FILLS_HOLE.and(why));
        assert_eq!(said.and_then(|said| said.against), Some((0, 5)));
        assert_eq!(said.and_then(|said| said.age), Some(Span::from_millis(10)));
    }
}

#[test]
fn a_hole_that_the_capture_may_have_made_is_told_from_loss_before_it() {
    for (dropped_at, told) in [(None, false), (Some(0), true), (Some(-15), true), (Some(-20), false), (Some(25), false)] {
        let mut world = World::open_with(50, 50, |seg, n| seg.times(900 + n, 0));
        world.a(data(1, 100).times(1000, 0));
        world.wait(20);
        if let Some(ms) = dropped_at {
            world.drops.before(0, world.now + Span::from_millis(ms), 3);
        }
        world.a(data(201, 100).times(1020, 0));
        let why = Evidence::FILLS_HOLE.and(Evidence::TS_NEWER);
        let why = if told { why.and(Evidence::DROPPED) } else { why };
        is(world.wait(200).a(data(101, 100).times(1220, 0)), Resent, SURE, why);
        assert_eq!(world.settled().evidence, why);
        let record = world.of_a();
        assert_eq!((record.resent_packets, record.lost_before, record.lost_beyond), (1, u64::from(!told), 0), "{dropped_at:?}");
    }
}

#[test]
fn an_ip_id_tells_what_fills_a_hole() {
    for (id, kind, why) in [(20, Resent, Evidence::ID_NEWER), (18, Reordered, Evidence::ID_OLDER)] {
        let mut world = counted();
        world.a(data(901, 100).id(19));
        is(world.wait(5).a(data(801, 100).id(id)), kind, SURE, why);
    }
}

#[test]
fn a_missing_ip_id_may_be_the_original() {
    let mut world = counted();
    // 18 was the original, and 19 is it once more, overtaken by 20.
    world.a(data(901, 100).id(20));
    is(world.wait(5).a(data(801, 100).id(19)), Unsure, None, Evidence::ID_OLDER);
}

#[test]
fn counters_that_do_not_count_are_not_compared() {
    let mut world = World::plain();
    for (i, id) in [5000, 77, 60_000, 31_234].into_iter().enumerate() {
        world.a(data(1 + i as u32 * 100, 100).id(id));
    }
    world.a(data(501, 100).id(9));
    let said = world.wait(10).a(data(401, 100).id(10)).expect("a verdict");
    assert!(!said.evidence.has(Evidence::ID_NEWER) && said.evidence.has(Evidence::AGE), "{said:?}");
}

#[test]
fn an_equal_timestamp_is_proof_where_a_round_trip_takes_longer() {
    let slow = |to_b, to_a| {
        let mut world = World::open_with(to_b, to_a, |seg, n| seg.times(900 + 100 * n, 0));
        world.wait(100).a(data(1, 100).times(1100, 0));
        world.a(data(201, 100).times(1100, 0));
        world
    };
    let mut world = slow(50, 50);
    world.a(data(301, 100).times(1100, 0));
    is(world.a(data(101, 100).times(1100, 0)), Reordered, SURE, Evidence::TS_EQUAL);
    is(world.wait(30).a(data(101, 100).times(1100, 0)), Duplicate, SURE, Evidence::TS_EQUAL.and(Evidence::IDENTICAL));
    let mut world = slow(0, 1);
    world.loss.path.measured(End::Low, Span::ZERO, true);
    world.wait(1).a(data(101, 100).times(1100, 0));
    assert_eq!(world.settled().kind, Unsure);
}

#[test]
fn classic_ecn_marks_originals_only() {
    let mut world = World::new();
    world.a(seg("SEW", 0, 0).offers());
    world.wait(50).b(seg("S.E", 0, 1).offers());
    world.wait(50).a(seg(".", 1, 1));
    for i in 0..6 {
        world.a(data(1 + i * 100, 100).ect(true));
    }
    world.a(data(801, 100).ect(true));
    is(world.wait(1).a(data(601, 100).ect(false)), Resent, SURE, Evidence::ECN);
    is(world.wait(1).a(data(701, 100).ect(true)), Reordered, SURE, Evidence::ECN);
    is(world.wait(1).a(data(601, 100).ect(true)), Reordered, SURE, Evidence::ECN);
}

#[test]
fn age_tells_where_nothing_else_does() {
    let holed = || {
        let mut world = World::plain();
        world.a(data(1, 100));
        world.a(data(201, 100));
        world
    };
    is(holed().wait(20).a(data(101, 100)), Reordered, SURE, Evidence::AGE);
    is(holed().wait(95).a(data(101, 100)), Unsure, None, Evidence::AGE);
    let asked = |then: i64| {
        let mut world = holed();
        world.wait(40).b(ack(101));
        world.b(ack(101));
        world.wait(then);
        world
    };
    is(asked(10).a(data(101, 100)), Reordered, LIKELY, Evidence::AGE);
    let mut world = asked(60);
    is(world.a(data(101, 100)), Resent, SURE, Evidence::AGE.and(Evidence::REQUESTED));
    // A second copy shakes it.
    world.wait(30).a(data(101, 100));
    let first = world.loss.settle(Timestamp::MAX).expect("open").2;
    is(Some(first), Unsure, None, Evidence::SECOND_COPY);
}

#[test]
fn without_a_round_trip_age_says_nothing() {
    let mut world = World::new();
    world.a(data(1, 100));
    world.a(data(201, 100));
    is(world.wait(500).a(data(101, 100)), Unsure, None, Evidence::FILLS_HOLE);
}

#[test]
fn a_late_original_left_in_the_tick_of_what_made_the_hole() {
    let mut world = World::open_with(50, 50, |seg, n| seg.times(900 + n, 0));
    world.a(data(1, 100).times(1000, 0));
    world.a(data(201, 100).times(1000, 0));
    is(world.wait(110).a(data(101, 100).times(1110, 0)), Resent, SURE, Evidence::TS_NEWER);
    is(world.wait(1).a(data(101, 100).times(1000, 0)), Reordered, SURE, Evidence::TS_OLDER.and(Evidence::TS_EQUAL));
}

#[test]
fn a_merged_packet_is_what_it_fills() {
    let mut world = World::plain();
    for n in 0..8 {
        world.a(data(1 + 100 * u32::from(n), 100).id(10 + n));
    }
    // The third of three overtook the others, was copied, and its copy was merged with them.
    world.a(data(1001, 100).id(20));
    is(world.wait(1).a(data(801, 300).id(18)), Reordered, SURE, Evidence::FILLS_HOLE.and(Evidence::ID_OLDER));
}

#[test]
fn a_pause_may_have_been_a_timeout() {
    let paused = |burst: bool| {
        let mut world = World::open_with(50, 50, |seg, n| seg.times(900 + n, 0));
        world.a(data(1, 100).times(1000, 0));
        world.wait(600).a(data(101, 100).times(1600, 0));
        if burst {
            world.wait(1).a(data(201, 100).times(1601, 0));
        } else {
            world.wait(100);
        }
        world.a(data(401, 100).times(1702, 0));
        world.wait(1).a(data(301, 100).times(1701, 0))
    };
    is(paused(false), Unsure, None, Evidence::STALL);
    is(paused(true), Reordered, SURE, Evidence::TS_OLDER);
}

#[test]
fn a_fast_clock_keeps_its_rate_however_long_it_runs() {
    let mut world = World::open_with(50, 50, |seg, n| seg.times(100_000 * n, 0));
    for minute in 1..100u32 {
        let at = 1 + (minute - 1) * 300;
        world.wait(60_000);
        let value = minute.wrapping_mul(60_000_000).wrapping_add(100_000);
        world.a(data(at, 100).times(value, 1));
        world.a(data(at + 200, 100).times(value + 5, 1));
        is(world.wait(1).a(data(at + 100, 100).times(value + 3, 1)), Reordered, SURE, Evidence::TS_OLDER);
        let tick = world.loss.sides[0].awake().and_then(|side| side.sender.tick_length());
        assert_eq!(tick, Some(Span::from_nanos(1000)), "minute {minute}");
        world.wait(49).b(ack(at + 300).times(minute, value));
    }
}

#[test]
fn numbers_wrap() {
    let top = u32::MAX - 150;
    let mut world = World::new();
    world.a(seg("S", top, 0).times(900, 0));
    world.wait(50).b(seg("S.", 0, top.wrapping_add(1)).times(900, 900));
    world.wait(50).a(seg(".", top.wrapping_add(1), 1).times(1000, 900));
    world.a(data(top.wrapping_add(1), 100).times(1000, 900));
    world.a(data(top.wrapping_add(201), 100).times(1001, 900));
    is(world.wait(150).a(data(top.wrapping_add(101), 100).times(1150, 900)), Resent, SURE, Evidence::TS_NEWER);
    assert_eq!(world.of_a().lost_before, 1);
}
