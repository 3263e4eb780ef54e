//! What the capture did not see, or saw late, and what receivers ask for.

use super::*;

#[test]
fn what_the_capture_missed_is_not_lost() {
    let mut world = World::plain();
    world.a(data(1, 100));
    world.a(data(201, 100));
    world.wait(50).b(ack(301));
    assert_eq!(world.of_a().uncaptured_bytes, 100);
    let said = world.wait(300).a(data(101, 100));
    is(said, Spurious, SURE, Evidence::MISSED.and(Evidence::ACKED));
    assert_eq!((world.of_a().uncaptured_bytes, world.of_a().lost_before), (0, 0));
    world.wait(50).b(ack(501));
    assert_eq!(world.of_a().uncaptured_bytes, 200);
}

#[test]
fn data_seen_after_its_own_acknowledgment_is_no_resend() {
    let mut world = World::plain();
    for i in 0..20 {
        world.wait(200).b(ack(101 + i * 100));
        assert_eq!(world.of_a().uncaptured_bytes, 100);
        world.now = world.now + Span::from_nanos(10_000);
        assert_eq!(world.a(data(1 + i * 100, 100)), None);
        assert_eq!(world.of_a(), LossRecord::default());
    }
    // Two acknowledgments, then what they acknowledge in one packet, and more.
    world.wait(200).b(ack(2101));
    world.wait(1).b(ack(2201));
    assert_eq!(world.wait(1).a(data(2001, 300)), None);
    assert_eq!(world.of_a(), LossRecord::default());
    // It is remembered.
    is(world.wait(1).a(data(2001, 300)), Duplicate, SURE, Evidence::IDENTICAL);
}

#[test]
fn data_seen_long_after_its_acknowledgment_was_sent_again() {
    let missed = || {
        let mut world = World::open_with(50, 50, |seg, _| seg);
        world.a(data(1, 100));
        world.wait(50).b(ack(201));
        world
    };
    let mut world = missed();
    world.loss.path.measured(End::Low, Span::from_millis(50), true);
    is(world.wait(20).a(data(101, 100)), Unsure, None, Evidence::MISSED);
    assert_eq!(world.of_a().uncaptured_bytes, 0, "it was captured after all");
    let mut world = missed();
    is(world.wait(300).a(data(101, 100)), Spurious, LIKELY, Evidence::MISSED.and(Evidence::ACKED));
    assert_eq!((world.of_a().uncaptured_bytes, world.of_a().lost_before), (0, 0));
    // Out of order, however soon.
    let mut world = missed();
    world.a(data(201, 100));
    is(world.wait(1).a(data(101, 100)), Unsure, None, Evidence::MISSED);
}

#[test]
fn duplicate_acks_count_while_data_is_outstanding() {
    let mut world = World::plain();
    world.a(data(1, 100));
    world.wait(50).b(ack(101));
    world.b(ack(101));
    assert_eq!(world.loss.record(End::High).duplicate_acks, 0);
    world.a(data(201, 100));
    world.wait(50).b(ack(101).sack(&[(201, 301)]));
    world.b(ack(101).window(900));
    assert_eq!(world.loss.record(End::High).duplicate_acks, 1);
}

#[test]
fn below_what_a_capture_saw_first_order_still_tells() {
    let begun = || {
        let mut world = World::new();
        world.a(data(1001, 100).times(1000, 0));
        world
    };
    is(begun().a(data(901, 100).times(1050, 0)), Resent, SURE, Evidence::TS_NEWER);
    is(begun().a(data(901, 100).times(1000, 0)), Unsure, None, Evidence::FORGOTTEN);
}

#[test]
fn what_no_host_takes_changes_nothing() {
    let mut world = World::plain();
    world.a(data(1, 100));
    let far = data(900_000, 100).bytes(A, B);
    assert_eq!(world.send(&far, false), None);
    assert_eq!(world.wait(1).a(data(101, 100)), None);
}
