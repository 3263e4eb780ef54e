//! What goes wrong: full buffers, interfaces that go down or vanish, missing rights.

use super::{drain, open, send, sink};
use crate::netns::{self, FAR_IP, NEAR_IP, Pair, VETH};
use sockeye::capture::live::{self, Live, LiveSpec};
use sockeye::capture::{Next, PacketSource, SourceError, SourceNotice};
use sockeye::model::LiveBackend;
use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

for_backends! {
    drops_are_counted
    down_and_up_are_told_and_survived
    up_again_is_told_before_what_comes_then
    a_deleted_interface_ends_the_capture
    frames_from_before_come_when_the_interface_is_gone
    one_of_several_interfaces_may_vanish
    those_that_vanish_together_are_all_drained_and_named
    news_of_one_interface_comes_through_the_traffic_of_another
    without_rights_it_says_so
}

fn drops_are_counted(backend: LiveBackend) {
    let Some(pair) = Pair::new() else { return };
    let _sink = sink(&pair, NEAR_IP);
    let spec = LiveSpec { buffer_bytes: 64 << 10, snaplen: 256, ..LiveSpec::new(VETH) };
    let mut live = pair.near.run(|| open(spec, backend));
    send(&pair, 4000, std::iter::repeat_n(100, 20_000));
    let early = live.stats();
    let frames = drain(&mut live);
    let stats = live.stats();
    assert_eq!(stats.received, Some(20_000));
    let dropped = stats.dropped_kernel.expect("counted");
    assert!(dropped > 0, "a small buffer and nobody reading");
    assert_eq!(frames.len() as u64 + dropped, 20_000);
    assert_eq!((early.received, early.dropped_kernel), (stats.received, stats.dropped_kernel), "not reset by reading");
}

/// The next thing that is not a frame nor silence.
fn notice(live: &mut Live) -> Result<SourceNotice, SourceError> {
    let deadline = Instant::now() + Duration::from_secs(5);
    while Instant::now() < deadline {
        match live.next()? {
            Next::Notice(notice) => return Ok(notice),
            Next::End => panic!("ended"),
            Next::Frame(_) | Next::Changed(_) | Next::Idle | Next::Drained => {}
        }
    }
    panic!("nothing was told for 5 s");
}

fn down_and_up_are_told_and_survived(backend: LiveBackend) {
    let Some(pair) = Pair::new() else { return };
    let _sink = sink(&pair, NEAR_IP);
    let mut live = pair.near.run(|| open(LiveSpec::new(VETH), backend));
    for round in 0..2 {
        send(&pair, 4000, [1; 5]);
        assert_eq!(count(&mut live), 5, "round {round}");
        // Frames from before are not lost, and come before the news.
        send(&pair, 4000, [1; 7]);
        std::thread::sleep(Duration::from_millis(50));
        pair.near.ip(&format!("link set {VETH} down"));
        assert_eq!(count_until_notice(&mut live), (7, SourceNotice::Down { interface: 0 }));
        assert!(matches!(live.next(), Ok(Next::Idle)), "it waits");
        pair.near.ip(&format!("link set {VETH} up"));
        assert_eq!(notice(&mut live).expect("goes on"), SourceNotice::Up { interface: 0 });
    }
    send(&pair, 4000, [1; 5]);
    assert_eq!(count(&mut live), 5);
}

/// Packets go on coming, so that it is never quiet.
fn up_again_is_told_before_what_comes_then(backend: LiveBackend) {
    let Some(pair) = Pair::new() else { return };
    let _sink = sink(&pair, NEAR_IP);
    let mut live = pair.near.run(|| open(LiveSpec::new(VETH), backend));
    let sender = pair.far.run(|| UdpSocket::bind((FAR_IP, 0)).expect("binds"));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let _ = sender.send_to(b"on and on", (NEAR_IP, 4000));
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            pair.near.ip(&format!("link set {VETH} down"));
            assert_eq!(count_until_notice(&mut live).1, SourceNotice::Down { interface: 0 });
            while !matches!(live.next().expect("no error"), Next::Idle) {}
            pair.near.ip(&format!("link set {VETH} up"));
            count_until_notice(&mut live)
        }));
        done.store(true, Ordering::Relaxed);
        assert_eq!(told.expect("told"), (0, SourceNotice::Up { interface: 0 }), "before its first packet");
    });
}

/// Datagrams until it is quiet.
fn count(live: &mut Live) -> usize {
    let mut frames = 0;
    let mut quiet = 0;
    while quiet < 3 {
        match live.next().expect("no error") {
            Next::Frame(frame) if frame.bytes[23] == 17 => frames += 1,
            Next::Idle => quiet += 1,
            _ => {}
        }
    }
    frames
}

fn count_until_notice(live: &mut Live) -> (usize, SourceNotice) {
    let mut frames = 0;
    let deadline = Instant::now() + Duration::from_secs(5);
    while Instant::now() < deadline {
        match live.next().expect("no error") {
            Next::Frame(frame) if frame.bytes[23] == 17 => frames += 1,
            Next::Notice(notice) => return (frames, notice),
            _ => {}
        }
    }
    panic!("nothing was told for 5 s");
}

fn a_deleted_interface_ends_the_capture(backend: LiveBackend) {
    let Some(pair) = Pair::new() else { return };
    let mut live = pair.near.run(|| open(LiveSpec::new(VETH), backend));
    send(&pair, 4000, [1; 3]);
    let before = drain(&mut live).len() as u64;
    assert!(before >= 3);
    pair.near.ip(&format!("link del {VETH}"));
    let end = loop {
        match notice(&mut live) {
            Ok(notice) => assert_eq!(notice, SourceNotice::Down { interface: 0 }, "on the way out"),
            Err(error) => break error,
        }
    };
    assert!(matches!(&end, SourceError::InterfaceGone { interfaces } if interfaces == &[VETH]), "{end}");
    assert!(matches!(live.next(), Ok(Next::End)));
    assert_eq!(live.stats().frames, before);
    assert_eq!(live.stats().received, Some(before), "the counters outlive the interface");
}

/// What came just before is in the ring's open block or in the socket's queue when the interface is deleted.
fn frames_from_before_come_when_the_interface_is_gone(backend: LiveBackend) {
    let Some(pair) = Pair::new() else { return };
    let _sink = sink(&pair, NEAR_IP);
    let mut live = pair.near.run(|| open(LiveSpec::new(VETH), backend));
    send(&pair, 4000, [1; 40]);
    pair.near.ip(&format!("link del {VETH}"));
    let mut datagrams = 0;
    let end = loop {
        match live.next() {
            Ok(Next::Frame(frame)) if frame.bytes[23] == 17 => datagrams += 1,
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert!(matches!(end, SourceError::InterfaceGone { .. }), "{end}");
    assert_eq!(datagrams, 40);
    let stats = live.stats();
    assert_eq!((Some(stats.frames), stats.unread), (stats.received, Some(0)));
}

fn one_of_several_interfaces_may_vanish(backend: LiveBackend) {
    let Some(pair) = Pair::new() else { return };
    let _sink = sink(&pair, "127.0.0.1");
    let specs = [LiveSpec::new(VETH), LiveSpec::new("lo")];
    let mut live = pair.near.run(|| live::open(&specs, Some(backend)).expect("opens"));
    pair.near.ip(&format!("link del {VETH}"));
    loop {
        match notice(&mut live).expect("lo is still there") {
            SourceNotice::Gone { interface: 0 } => break,
            other => assert_eq!(other, SourceNotice::Down { interface: 0 }),
        }
    }
    pair.near.run(|| {
        let sender = UdpSocket::bind("127.0.0.1:0").expect("binds");
        sender.send_to(b"round", "127.0.0.1:4000").expect("sends");
    });
    let frames = drain(&mut live);
    assert_eq!((frames.len(), frames[0].interface), (1, 1));
}

/// One has packets in its ring's open block or its queue still when the other, which has none, is done with.
fn those_that_vanish_together_are_all_drained_and_named(backend: LiveBackend) {
    let Some(pair) = Pair::new() else { return };
    let _sink = sink(&pair, NEAR_IP);
    pair.near.ip("link add quiet0 type veth peer name quiet1");
    pair.near.ip("link set quiet1 up");
    pair.near.ip("link set quiet0 up group 7");
    pair.near.ip(&format!("link set {VETH} group 7"));
    let specs = ["quiet0", VETH].map(LiveSpec::new);
    let mut live = pair.near.run(|| live::open(&specs, Some(backend)).expect("opens"));
    send(&pair, 4000, [1; 40]);
    pair.near.ip("link del group 7");
    let mut datagrams = 0;
    let end = loop {
        match live.next() {
            Ok(Next::Frame(frame)) if frame.bytes[23] == 17 => datagrams += 1,
            Ok(Next::Notice(SourceNotice::Gone { .. })) => panic!("nothing goes on"),
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    let SourceError::InterfaceGone { mut interfaces } = end else { panic!("{end}") };
    interfaces.sort();
    assert_eq!(interfaces, ["quiet0", VETH]);
    assert_eq!(datagrams, 40);
    assert!(matches!(live.next(), Ok(Next::End)));
    assert_eq!(live.stats().unread, Some(0));
}

/// On the loopback interface it is never quiet for as long as a poll lasts.
fn news_of_one_interface_comes_through_the_traffic_of_another(backend: LiveBackend) {
    let Some(pair) = Pair::new() else { return };
    let sink = sink(&pair, "127.0.0.1");
    let sender = pair.near.run(|| UdpSocket::bind("127.0.0.1:0").expect("binds"));
    let specs = [LiveSpec::new("lo"), LiveSpec::new(VETH)];
    let mut live = pair.near.run(|| live::open(&specs, Some(backend)).expect("opens"));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let _ = sender.send_to(b"round", sink.local_addr().expect("bound"));
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            pair.near.ip(&format!("link set {VETH} down"));
            let down = notice(&mut live)?;
            pair.near.ip(&format!("link set {VETH} up"));
            let up = notice(&mut live)?;
            pair.near.ip(&format!("link del {VETH}"));
            let gone = match notice(&mut live)? {
                SourceNotice::Down { interface: 1 } => notice(&mut live)?,
                other => other,
            };
            Ok::<_, SourceError>([down, up, gone])
        }));
        done.store(true, Ordering::Relaxed);
        let interface = 1;
        let want = [SourceNotice::Down { interface }, SourceNotice::Up { interface }, SourceNotice::Gone { interface }];
        assert_eq!(told.expect("told").expect("lo is still there"), want);
    });
}

fn without_rights_it_says_so(backend: LiveBackend) {
    let Some(pair) = Pair::new() else { return };
    let refused = pair.near.run(|| {
        netns::as_nobody(|| {
            ["lo", live::ANY].map(|name| live::open(&[LiveSpec::new(name)], Some(backend)).err().map(|e| e.to_string()))
        })
    });
    let want = |name| Some(format!("not allowed to capture on {name}"));
    assert_eq!(refused, [want("lo"), want("any")]);
}
