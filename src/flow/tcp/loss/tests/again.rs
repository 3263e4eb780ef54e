//! What passes although all of it passed before.

use super::*;

#[test]
fn the_same_ip_id_is_the_same_packet() {
    let mut world = counted();
    is(world.wait(300).a(data(701, 100).id(17)), Duplicate, SURE, Evidence::ID_EQUAL);
    is(world.wait(300).a(data(701, 100).id(18)), Resent, SURE, Evidence::SEEN_BEFORE.and(Evidence::ID_NEWER));
}

#[test]
fn a_part_of_a_merged_packet_is_that_packet() {
    let mut world = World::open_with(50, 50, |seg, n| seg.id(8 + n as u16));
    for i in 0..8 {
        world.a(data(1 + u32::from(i) * 1460, 1460).id(10 + i));
    }
    world.a(data(11_681, 4380).id(18));
    is(world.a(data(13_141, 1460).id(19)), Duplicate, SURE, Evidence::ID_EQUAL);
    let said = world.wait(200).a(data(11_681, 4380).id(21));
    is(said, Resent, SURE, Evidence::ID_NEWER);
    assert_eq!(said.map(|said| said.segments), Some(3));
    assert_eq!(world.of_a().resent_packets, 3);
}

#[test]
fn what_passes_its_sender_twice_was_sent_twice() {
    let mut world = World::open_with(100, 0, |seg, _| seg);
    world.a(data(1, 100));
    world.a(data(101, 100));
    is(world.wait(130).a(data(1, 100)), Resent, SURE, Evidence::AT_SENDER);
    assert_eq!((world.of_a().lost_beyond, world.of_a().lost_before), (1, 0));
    assert_eq!(world.loss.vantage(End::Low), Some(Vantage::NearOriginator));
}

#[test]
fn next_to_its_sender_an_older_ip_id_does_not_say_that_it_was_overtaken() {
    let mut world = World::open_with(100, 0, |seg, n| seg.id(0x7500 + n as u16));
    // A card cut these out of one segment, and counted in the upper half; what was not cut is counted in the lower.
    for i in 0..12 {
        world.a(data(1 + i * 100, 100).id(0x7600 + 256 * i as u16));
    }
    world.wait(100).b(ack(101).sack(&[(201, 1201)]));
    is(world.wait(1).a(data(101, 100).id(0x7502)), Resent, SURE, Evidence::AT_SENDER);
    assert_eq!(world.of_a().reordered_packets, 0);
}

#[test]
fn a_copy_soon_after_is_a_duplicate() {
    let mut world = World::plain();
    world.a(data(1, 100));
    is(world.wait(3).a(data(1, 100)), Duplicate, SURE, Evidence::IDENTICAL);
    is(world.wait(300).a(data(1, 100)), Resent, SURE, Evidence::SEEN_BEFORE);
}

#[test]
fn needless_resends_are_spurious() {
    let start = || {
        let mut world = World::open_with(50, 50, |seg, n| seg.times(900 + n, 0));
        world.a(data(1, 100).times(1000, 0));
        world
    };
    let mut world = start();
    world.wait(50).b(ack(101));
    is(world.wait(300).a(data(1, 100).times(1350, 0)), Spurious, SURE, Evidence::ACKED);
    assert_eq!((world.of_a().resent_packets, world.of_a().spurious_packets), (1, 1));
    let mut world = start();
    let said = world.wait(300).a(data(1, 100).times(1300, 0));
    is(said, Resent, SURE, Evidence::TS_NEWER);
    assert_eq!(said.map(|said| said.settled), Some(false));
    world.wait(50).b(ack(101).sack(&[(1, 101)]));
    is(Some(world.settled()), Spurious, SURE, Evidence::DSACK);
    assert_eq!((world.of_a().resent_packets, world.of_a().spurious_packets), (1, 1));
}

#[test]
fn late_originals_are_told_from_resends() {
    let mut world = World::open_with(50, 50, |seg, n| seg.times(900 + n, 0));
    world.a(data(1, 100).times(1000, 0));
    world.a(data(201, 100).times(1002, 0));
    is(world.wait(110).a(data(101, 100).times(1110, 0)), Resent, SURE, Evidence::TS_NEWER);
    is(world.wait(1).a(data(101, 100).times(1001, 0)), Reordered, SURE, Evidence::SEEN_BEFORE.and(Evidence::TS_OLDER));
}

#[test]
fn a_flood_of_copies_is_not_remembered() {
    let mut world = World::plain();
    world.a(data(1, 100));
    let copies = |world: &World| world.loss.sides[0].awake().map_or(0, |side| side.history.copies(0, u64::MAX).count());
    for _ in 0..1000 {
        world.wait(1).a(data(1, 100));
    }
    assert!(copies(&world) < 32, "{}", copies(&world));
}

#[test]
fn probes_are_told_by_silence_and_the_window() {
    let mut world = World::plain();
    world.a(data(1, 100));
    world.wait(50).b(ack(101));
    is(world.wait(2000).a(seg(".", 100, 1)), KeepAlive, SURE, Evidence::BELOW_WINDOW);
    assert_eq!(world.wait(1).a(seg(".", 100, 1)), None, "an overtaken ACK");
    world.wait(50).b(ack(101).window(0));
    is(world.wait(300).a(seg(".", 100, 1)), WindowProbe, SURE, Evidence::WINDOW_SHUT);
    is(world.wait(300).a(seg(".", 100, 1).len(1)), WindowProbe, SURE, Evidence::WINDOW_SHUT);
    assert_eq!((world.of_a().keep_alives, world.of_a().window_probes), (1, 2));
    world.wait(50).b(ack(101));
    world.a(seg("F.", 101, 1));
    assert_eq!(world.wait(300).a(seg(".", 101, 1)), None, "after a FIN it is an overtaken ACK");
}

#[test]
fn a_partial_overlap_counts_what_passed_before_also_when_it_settles() {
    let mut world = World::plain();
    for i in 0..3 {
        world.a(data(1 + i * 1460, 1460));
    }
    // The last of them again, merged with ten new ones.
    let said = world.wait(200).a(data(2921, 1460 * 11));
    assert_eq!(said.map(|said| (said.kind, said.segments)), Some((Resent, 1)));
    assert_eq!((world.settled().segments, world.of_a().resent_packets), (1, 1));
}

#[test]
fn a_small_mss_that_was_offered_has_a_floor() {
    let mut world = World::new();
    let tiny = |seg: Seg| Seg { options: vec![2, 4, 0, 1], ..seg };
    world.a(tiny(seg("S", 0, 0)));
    world.wait(50).b(tiny(seg("S.", 0, 1)));
    world.wait(50).a(seg(".", 1, 1));
    world.a(data(1, 1400));
    let said = world.wait(2000).a(data(1, 1400)).expect("a verdict");
    assert!(said.segments <= 30, "{}", said.segments);
}
