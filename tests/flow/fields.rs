//! What each field of a record needs: with that alone it says the same as with everything.

use crate::world::{World, seg};
use sockeye::flow::fields::{self, Field};
use sockeye::flow::{FlowRecord, TrackerConfig, Wants};

/// A connection with something to tell of every kind: a gap, a segment sent again, one out of order, a FIN.
fn record(wants: Wants) -> FlowRecord {
    let mut w = World::with(TrackerConfig { wants, ..TrackerConfig::default() });
    w.open();
    let request = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(77));
    w.wait(5).a(seg("P.", 1001, 5001).text(request.as_bytes()));
    w.wait(20).b(seg(".", 5001, 1101));
    w.wait(5).a(seg("P.", 1201, 5001).len(100));
    w.wait(1).a(seg("P.", 1301, 5001).len(100));
    w.wait(20).b(seg(".", 5001, 1101));
    w.wait(300).a(seg("P.", 1101, 5001).len(100));
    w.wait(20).b(seg(".", 5001, 1401));
    w.wait(1).b(seg("P.", 5101, 1401).len(100));
    w.wait(1).a(seg(".", 1401, 5201));
    w.wait(1).b(seg("F.", 5201, 1401));
    w.only()
}

#[test]
fn each_field_needs_what_it_says() {
    let all = record(Wants::ALL);
    for field in fields::all() {
        let alone = record(field.needs);
        assert_eq!((field.get)(&alone), (field.get)(&all), "{}", field.name);
    }
    // And it is not for want of something to tell that they agree.
    let without = record(Wants::NONE);
    let differing = fields::all().filter(|f| (f.get)(&without) != (f.get)(&all)).map(|f| f.needs);
    let seen = differing.fold(Wants::NONE, Wants::and);
    assert_eq!(seen, Wants { labels: false, ..Wants::ALL });
}

#[test]
fn a_field_of_the_flow_alone_needs_nothing() {
    let named = |name| fields::named(name).expect("it is one");
    assert_eq!(Field::needs_of(&[named("id"), named("orig.packets")]), Wants::NONE);
    assert_eq!(Field::needs_of(&[named("id"), named("history"), named("orig.lost_before")]), Wants::ZEEK.and(Wants::VERDICTS));
}
