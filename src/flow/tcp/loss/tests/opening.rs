//! SYNs that pass more than once.

use super::*;

#[test]
fn a_syn_again() {
    let mut world = World::new();
    world.a(seg("S", 0, 0).id(5));
    is(world.wait(1).a(seg("S", 0, 0).id(5)), Duplicate, SURE, Evidence::ID_EQUAL);
    is(world.wait(1000).a(seg("S", 0, 0).id(6)), Resent, SURE, Evidence::SYN_AGAIN);
    world.wait(10).b(seg("S.", 0, 1));
    // It answers the repeated SYN, although it looks like a copy.
    is(world.wait(1).b(seg("S.", 0, 1)), Resent, SURE, Evidence::SYN_AGAIN);
    let mut world = World::new();
    world.a(seg("S", 0, 0));
    is(world.wait(1).a(seg("S", 0, 0)), Duplicate, SURE, Evidence::IDENTICAL);
}

#[test]
fn both_open_at_the_same_time() {
    let mut world = World::new();
    world.a(seg("S", 0, 0));
    world.b(seg("S", 0, 0));
    assert_eq!(world.wait(1).a(seg("S.", 0, 1)), None, "the answer is not the SYN again");
    assert_eq!(world.wait(50).b(seg("S.", 0, 1)), None);
    is(world.wait(1000).b(seg("S.", 0, 1)), Spurious, SURE, Evidence::SYN_AGAIN.and(Evidence::ACKED));
}

#[test]
fn an_answer_may_be_copied_where_the_syn_was() {
    let mut world = World::new();
    world.a(seg("S", 0, 0).id(5));
    is(world.wait(1).a(seg("S", 0, 0).id(5)), Duplicate, SURE, Evidence::ID_EQUAL);
    world.wait(10).b(seg("S.", 0, 1));
    is(world.wait(1).b(seg("S.", 0, 1)), Resent, LIKELY, Evidence::SYN_AGAIN);
}

#[test]
fn of_two_syns_of_which_one_was_lost_one_is_answered() {
    let mut world = World::new();
    world.a(seg("S", 0, 0));
    world.wait(1000).a(seg("S", 0, 0));
    world.wait(50).b(seg("S.", 0, 1));
    is(world.wait(1).b(seg("S.", 0, 1)), Resent, LIKELY, Evidence::SYN_AGAIN);
}

#[test]
fn a_new_connection_forgets_what_the_old_one_forgot() {
    let mut world = World::plain();
    for i in 0..10_000u32 {
        world.a(data(1 + i * 200, 100));
    }
    world.a(seg("S", 0x5000_0000, 0));
    assert!(world.of_a().at_least, "what was counted before is still less than all");
    assert!(world.loss.sides[0].awake().is_some_and(|side| !side.holes.forgot()));
}
