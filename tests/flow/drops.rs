//! What the capture dropped, set against the time of each flow.

use crate::world::{A, B, World, icmp, seg};
use sockeye::flow::State;

/// Drops of every flow, in order of first packet.
fn drops(world: World) -> Vec<Option<u64>> {
    world.finish().into_iter().map(|record| record.capture_drops).collect()
}

#[test]
fn a_source_that_does_not_tell_is_not_one_that_dropped_nothing() {
    let mut world = World::new();
    world.open();
    assert_eq!(world.active().capture_drops, None);
    // Another source says nothing of this one.
    world.tracker.on_drops(1, world.now, 5);
    assert_eq!(world.active().capture_drops, None);
    world.tracker.on_drop_counters(0, 0, 0, world.now);
    assert_eq!(world.active().capture_drops, Some(0));
    assert_eq!(drops(world), [Some(0)]);
}

#[test]
fn a_connection_is_spoiled_until_it_is_over() {
    let mut world = World::new();
    world.tracker.on_drops(0, world.now, 1000);
    world.open();
    assert_eq!(world.active().capture_drops, Some(0), "before its first packet");
    let lost = |world: &mut World, packets| {
        world.wait(10);
        world.tracker.on_drops(0, world.now, packets);
    };
    lost(&mut world, 3);
    world.wait(10).a(seg("F.", 1001, 5001));
    // It is open yet: its last packets may be among these.
    lost(&mut world, 20);
    world.idle(1);
    assert_eq!(world.active().capture_drops, Some(23));
    world.wait(10).b(seg("F.", 5001, 1002));
    world.wait(10).a(seg(".", 1002, 5002));
    lost(&mut world, 400);
    world.idle(1);
    assert_eq!(drops(world), [Some(23)]);
}

#[test]
fn datagrams_are_spoiled_while_an_answer_may_have_been_missed() {
    let mut world = World::new();
    world.udp(A, B, b"one");
    world.wait(10).udp(B, A, b"answer");
    world.wait(10).udp((A.0, 4000), B, b"two");
    world.send(&icmp(A.0, B.0, &[8, 0, 0xf7, 0xfd, 0, 1, 0, 1]));
    // A router that introduces itself is not answered.
    world.send(&icmp(A.0, B.0, &[9, 0, 0xf6, 0xff, 0, 0, 0, 0]));
    world.wait(10);
    world.tracker.on_drops(0, world.now, 7);
    world.idle(1);
    let records = world.finish();
    assert_eq!(
        records.iter().map(|r| r.state).collect::<Vec<_>>(),
        [State::Answered, State::OneWay, State::NoReply, State::OneWay]
    );
    assert_eq!(records.iter().map(|r| r.capture_drops).collect::<Vec<_>>(), [Some(0), Some(7), Some(7), Some(0)]);
}

#[test]
fn counters_of_a_live_source_tell_what_no_frame_names() {
    let mut world = World::new();
    world.tracker.on_drop_counters(0, 5, 0, world.now);
    world.open();
    world.wait(10).a(seg("P.", 1001, 5001).len(10));
    world.tracker.on_drop_counters(0, 9, 0, world.now);
    assert_eq!(world.active().capture_drops, Some(4));
    // A frame that names what the counters had told already.
    world.wait(10);
    world.tracker.on_drops(0, world.now, 9);
    world.a(seg("P.", 1011, 5001).len(10));
    world.tracker.on_drop_counters(0, 9, 0, world.now);
    assert_eq!(world.active().capture_drops, Some(4));
}

#[test]
fn what_was_dropped_after_the_last_packet_of_an_open_flow_is_among_it() {
    let mut world = World::new();
    world.tracker.on_drop_counters(0, 0, 0, world.now);
    world.open();
    // Nothing more comes: the counters are newer than every packet.
    world.wait(50);
    world.tracker.on_drop_counters(0, 30, 0, world.now);
    assert_eq!(drops(world), [Some(30)]);
}

#[test]
fn a_connection_during_which_the_clock_was_set_back_is_not_said_to_be_whole() {
    let mut world = World::new();
    world.tracker.on_drops(0, world.now, 1);
    world.open();
    world.wait(-500).a(seg("P.", 1001, 5001).len(10));
    assert_eq!(world.active().capture_drops, Some(0), "overtaken by others, as happens");
    world.wait(-100_000).a(seg("P.", 1011, 5001).len(10));
    assert_eq!(world.active().capture_drops, None);
}
