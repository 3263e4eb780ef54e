//! The account is exact: frames handed out + duplicates + dropped by the kernel + unread = received, whatever happens.

use super::{HEADERS, drain, ethernet, inject, open, send, sink};
use crate::netns::{FAR_IP, NEAR_IP, Pair, VETH};
use sockeye::capture::live::{self, Live, LiveSpec};
use sockeye::capture::{Next, PacketSource};
use sockeye::model::{LiveBackend, SourceStats};
use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

for_backends! {
    a_slow_reader_is_stopped_in_the_middle
    an_end_in_the_middle_of_twins_is_exact
    what_is_not_asked_for_any_more_is_unread
    losses_are_told_where_they_happened
    a_reader_that_is_away_loses_nothing_at_a_low_rate
    what_came_before_the_end_is_still_given
    an_end_without_frames_is_an_end
    bursts_are_told_to_be_over
    nothing_comes_by_the_filter_at_the_start
}

/// A buffer that holds hardly anything.
fn tiny(interface: &str) -> LiveSpec {
    LiveSpec { buffer_bytes: 64 << 10, snaplen: 128, ..LiveSpec::new(interface) }
}

fn assert_exact(stats: SourceStats) {
    let SourceStats { frames, received, dropped_kernel, duplicates, unread, .. } = stats;
    let sum = [Some(frames), duplicates, dropped_kernel, unread].into_iter().sum::<Option<u64>>();
    assert_eq!(sum, received, "{stats:?}");
}

/// Until the end, which must come.
fn to_the_end(live: &mut Live) -> u64 {
    let mut frames = 0;
    loop {
        match live.next().expect("no error") {
            Next::Frame(_) => frames += 1,
            Next::End => return frames,
            _ => {}
        }
    }
}

/// Sends datagrams to ourselves over loopback and to us from the far side, until told to stop.
fn flood(pair: &Pair, done: &AtomicBool) {
    let near = pair.near.run(|| UdpSocket::bind("127.0.0.1:0").expect("binds"));
    let far = pair.far.run(|| UdpSocket::bind((FAR_IP, 0)).expect("binds"));
    while !done.load(Ordering::Relaxed) {
        let _ = near.send_to(&[7; 60], "127.0.0.1:4000");
        let _ = far.send_to(&[7; 60], (NEAR_IP, 4000));
    }
}

fn a_slow_reader_is_stopped_in_the_middle(backend: LiveBackend) {
    let Some(pair) = Pair::new() else { return };
    let _sink = sink(&pair, "0.0.0.0");
    for interface in [VETH, "lo", live::ANY] {
        let mut live = pair.near.run(|| open(tiny(interface), backend));
        let done = AtomicBool::new(false);
        let (mut frames, mut told) = (0, 0);
        std::thread::scope(|scope| {
            scope.spawn(|| flood(&pair, &done));
            while frames < 3000 {
                if let Next::Frame(frame) = live.next().expect("no error") {
                    frames += 1;
                    told += frame.marks.dropped_before;
                    if frames % 50 == 0 {
                        std::thread::sleep(Duration::from_millis(2));
                    }
                }
            }
            // In the middle of it.
            live.close_gate();
            frames += to_the_end(&mut live);
            done.store(true, Ordering::Relaxed);
        });
        let stats = live.stats();
        assert_exact(stats);
        assert_eq!((stats.frames, stats.unread), (frames, Some(0)), "{interface}: all that came was given");
        let dropped = stats.dropped_kernel.expect("known");
        assert!(dropped > 1000 && told > 0 && told <= dropped, "{interface}: {told} of {dropped} told");
        assert_eq!(stats.duplicates.expect("known") > 0, interface != VETH, "{interface}");
        assert_eq!(stats.freezes > Some(0), backend != LiveBackend::Pnet, "{interface}: a ring stands still when it is full");
        // The counters are final.
        send(&pair, 4000, [1; 10]);
        assert!(matches!(live.next(), Ok(Next::End)));
        assert_eq!(live.stats(), stats);
    }
}

/// Ends a flood, also when a check fails.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// As by Ctrl-C and by -c, again and again while both copies of frames keep coming.
fn an_end_in_the_middle_of_twins_is_exact(backend: LiveBackend) {
    let Some(pair) = Pair::new() else { return };
    let _sink = sink(&pair, "0.0.0.0");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _end = End(&done);
        scope.spawn(|| flood(&pair, &done));
        scope.spawn(|| flood(&pair, &done));
        for round in 0..40 {
            let interface = if round % 4 == 0 { live::ANY } else { "lo" };
            let mut live = pair.near.run(|| open(tiny(interface), backend));
            let mut frames = 0;
            while frames < 20 + round {
                frames += u64::from(matches!(live.next().expect("no error"), Next::Frame(_)));
            }
            if round % 2 == 0 {
                // The buffer fills up.
                std::thread::sleep(Duration::from_millis(5));
                live.close_gate();
                frames += to_the_end(&mut live);
            }
            live.skip_rest();
            let stats = live.stats();
            assert_exact(stats);
            assert_eq!(stats.frames, frames, "round {round}");
            assert!(round % 2 == 1 || stats.unread == Some(0), "round {round}: {stats:?}");
        }
    });
}

fn what_is_not_asked_for_any_more_is_unread(backend: LiveBackend) {
    let Some(pair) = Pair::new() else { return };
    let _sink = sink(&pair, "0.0.0.0");
    let specs = [LiveSpec::new(VETH), LiveSpec::new("lo")];
    let mut live = pair.near.run(|| live::open(&specs, Some(backend)).expect("opens"));
    send(&pair, 4000, [20; 700]);
    pair.near.run(|| {
        let sender = UdpSocket::bind("127.0.0.1:0").expect("binds");
        for _ in 0..300 {
            sender.send_to(b"round", "127.0.0.1:4000").expect("sends");
        }
    });
    let mut frames = 0;
    while frames < 3 {
        frames += u64::from(matches!(live.next(), Ok(Next::Frame(_))));
    }
    assert_eq!(live.stats().unread, None, "not known before the end");
    live.skip_rest();
    let stats = live.stats();
    assert_exact(stats);
    assert_eq!((stats.received, stats.duplicates), (Some(1300), Some(300)));
    assert_eq!((stats.frames, stats.unread), (3, Some(997)));
    live.interface_stats().into_iter().for_each(assert_exact);
    assert!(matches!(live.next(), Ok(Next::End)));
}

/// Sends so many datagrams from the far side, each with its number, which goes on from call to call.
fn send_numbered(pair: &Pair, numbers: std::ops::Range<u32>) {
    pair.far.run(|| {
        let socket = UdpSocket::bind((FAR_IP, 0)).expect("binds");
        for number in numbers {
            socket.send_to(&[&number.to_be_bytes()[..], &[0; 56]].concat(), (NEAR_IP, 4000)).expect("sends");
        }
    });
}

/// Each gap in the numbers is named by the frame behind it, and by no other; whoever reads the counters.
fn losses_are_told_where_they_happened(backend: LiveBackend) {
    for asks in [false, true] {
        let Some(pair) = Pair::new() else { return };
        let _sink = sink(&pair, NEAR_IP);
        let mut live = pair.near.run(|| open(tiny(VETH), backend));
        let (mut next, mut told) = (0, 0);
        for round in 0..3 {
            send_numbered(&pair, round * 10_000..(round + 1) * 10_000);
            if asks {
                assert!(live.stats().dropped_kernel > Some(1000), "nobody was reading");
            }
            for frame in drain(&mut live) {
                let number = u32::from_be_bytes(frame.bytes[HEADERS..HEADERS + 4].try_into().expect("four bytes"));
                assert_eq!(frame.marks.dropped_before, u64::from(number - next), "before datagram {number}, asked: {asks}");
                told += frame.marks.dropped_before;
                next = number + 1;
            }
        }
        assert!(told > 1000);
        live.skip_rest();
        assert_exact(live.stats());
    }
}

/// It is bytes that use up a buffer, not time.
fn a_reader_that_is_away_loses_nothing_at_a_low_rate(backend: LiveBackend) {
    let Some(pair) = Pair::new() else { return };
    let _sink = sink(&pair, NEAR_IP);
    for immediate in [false, true] {
        let mut live = pair.near.run(|| open(LiveSpec { immediate, ..LiveSpec::new(VETH) }, backend));
        for number in 0..300 {
            send_numbered(&pair, number..number + 1);
            std::thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(drain(&mut live).len(), 300);
        assert_eq!(live.stats().dropped_kernel, Some(0));
    }
}

fn what_came_before_the_end_is_still_given(backend: LiveBackend) {
    let Some(pair) = Pair::new() else { return };
    let _sink = sink(&pair, NEAR_IP);
    let mut live = pair.near.run(|| open(LiveSpec::new(VETH), backend));
    send(&pair, 4000, [30; 500]);
    live.close_gate();
    send(&pair, 4000, [40; 500]);
    assert_eq!(to_the_end(&mut live), 500, "those from before, none from after");
    let stats = live.stats();
    assert_exact(stats);
    assert_eq!((stats.frames, stats.received, stats.unread), (500, Some(500), Some(0)));
}

fn an_end_without_frames_is_an_end(backend: LiveBackend) {
    let Some(pair) = Pair::new() else { return };
    let specs = [LiveSpec::new(VETH), LiveSpec::new("lo")];
    let mut live = pair.near.run(|| live::open(&specs, Some(backend)).expect("opens"));
    live.close_gate();
    assert_eq!(to_the_end(&mut live), 0);
    live.skip_rest();
    assert_exact(live.stats());
    assert_eq!(live.stats().received, Some(0));
}

fn bursts_are_told_to_be_over(backend: LiveBackend) {
    let Some(pair) = Pair::new() else { return };
    let _sink = sink(&pair, NEAR_IP);
    let mut live = pair.near.run(|| open(LiveSpec::new(VETH), backend));
    for _ in 0..3 {
        send(&pair, 4000, [30; 100]);
        std::thread::sleep(Duration::from_millis(50));
        let (mut frames, mut after) = (0, Vec::new());
        while frames < 100 || after.len() < 3 {
            match live.next().expect("no error") {
                Next::Frame(_) => {
                    frames += 1;
                    after.clear();
                }
                Next::Drained => after.push("drained"),
                Next::Idle => after.push("idle"),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((frames, &after[..]), (100, &["drained", "idle", "idle"][..]));
    }
}

/// While the capture is opened again and again, frames that the filter refuses come by all the time.
fn nothing_comes_by_the_filter_at_the_start(backend: LiveBackend) {
    // libpcap binds before a filter can be set.
    if backend == LiveBackend::Libpcap {
        return;
    }
    let Some(pair) = Pair::new() else { return };
    let _sink = sink(&pair, "0.0.0.0");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| flood(&pair, &done));
        for _ in 0..30 {
            // Only frames of an EtherType that nobody sends.
            let program = "4\n40 0 0 12\n21 0 1 35002\n6 0 0 262144\n6 0 0 0";
            let mut filter = sockeye::filter::Filter::bytecode("by hand", program.as_bytes()).expect("a program");
            let mut live =
                pair.near.run(|| live::open_filtered(&[LiveSpec::new(VETH)], Some(backend), &mut filter).expect("opens"));
            std::thread::sleep(Duration::from_millis(3));
            live.skip_rest();
            let stats = live.stats();
            assert_eq!((stats.frames, stats.received, stats.unread), (0, Some(0), Some(0)));
        }
        done.store(true, Ordering::Relaxed);
    });
    let mut live = pair.near.run(|| open(LiveSpec::new(VETH), backend));
    inject(&pair, &[ethernet(&[], 0x88ba, &[1; 60])]);
    assert_eq!(drain(&mut live).len(), 1, "the frames were there to be seen");
}
