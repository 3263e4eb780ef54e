//! Live capture by both backends, over veth pairs and loopback in namespaces of our own. Needs root.

#![cfg(target_os = "linux")]

#[path = "support/netns.rs"]
mod netns;

use netns::{FAR_IP, FAR_MAC, NEAR_IP, NEAR_MAC, Pair, VETH};
use pnet::datalink::{self, Channel};
use sockeye::capture::interfaces::{InterfaceAddress, Interfaces, Obstacle};
use sockeye::capture::live::{self, Direction, KernelFilter, KernelInstruction, Live, LiveSpec};
use sockeye::capture::permission::Permission;
use sockeye::capture::{Next, PacketSource, SourceError, SourceNotice};
use sockeye::model::{FrameDirection, LinkType, LiveBackend, MacAddr};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant, SystemTime};

/// Each test for each backend that is built in.
macro_rules! for_backends {
    ($($test:ident)*) => {
        #[cfg(feature = "libpcap")]
        mod by_libpcap { $( #[test] fn $test() { super::$test(super::LiveBackend::Libpcap); } )* }
        mod by_pnet { $( #[test] fn $test() { super::$test(super::LiveBackend::Pnet); } )* }
    };
}

for_backends! {
    datagrams_come_whole_once_and_in_order
    a_way_can_be_asked_for
    tags_stand_in_their_place
    frames_larger_than_the_mtu_are_not_cut
    loopback_is_seen_once
    any_sees_every_interface_and_loopback_once
    drops_are_counted
    down_and_up_are_told_and_survived
    a_deleted_interface_ends_the_capture
    the_kernel_filters
    the_snap_length_cuts_and_the_true_length_stays
    silence_is_idle
    several_interfaces_at_once
    one_of_several_interfaces_may_vanish
    without_rights_it_says_so
    names_and_states_are_checked
    link_types_are_listed_and_chosen
    immediate_frames_come_at_once
}

/// A frame, kept.
#[derive(Clone, Debug)]
struct Kept {
    interface: u32,
    nanos: i64,
    link: LinkType,
    wire_len: u32,
    bytes: Vec<u8>,
    direction: Option<FrameDirection>,
}

fn open(spec: LiveSpec, backend: LiveBackend) -> Live {
    live::open(&[spec], Some(backend)).expect("opens")
}

/// Everything until it has been quiet for 0.3 s; notices are dropped.
fn drain(live: &mut Live) -> Vec<Kept> {
    let mut kept = Vec::new();
    let mut quiet = 0;
    while quiet < 3 {
        match live.next().expect("no error") {
            Next::Frame(frame) => {
                quiet = 0;
                assert_eq!(frame.number, kept.len() as u64 + 1, "frames are counted from 1");
                kept.push(Kept {
                    interface: frame.interface,
                    nanos: frame.ts.nanos(),
                    link: frame.link,
                    wire_len: frame.wire_len,
                    bytes: frame.bytes.to_vec(),
                    direction: frame.direction,
                });
            }
            Next::Idle => quiet += 1,
            Next::Notice(_) => {}
            Next::End => break,
        }
    }
    kept
}

/// A socket that takes datagrams in silence, so that no ICMP answers.
fn sink(pair: &Pair, address: &str) -> UdpSocket {
    let address = format!("{address}:4000");
    pair.near.run(|| UdpSocket::bind(address).expect("binds"))
}

/// Sends datagrams of the given payload lengths from the far side, each byte the datagram's number.
fn send(pair: &Pair, port: u16, lengths: impl IntoIterator<Item = usize> + Send) {
    pair.far.run(|| {
        let socket = UdpSocket::bind((FAR_IP, 4001)).expect("binds");
        for (i, length) in lengths.into_iter().enumerate() {
            socket.send_to(&vec![i as u8; length], (NEAR_IP, port)).expect("sends");
        }
    });
}

/// Sends frames as they are from the far side.
fn inject(pair: &Pair, frames: &[Vec<u8>]) {
    pair.far.run(|| {
        let all = datalink::interfaces();
        let veth = all.iter().find(|interface| interface.name == VETH).expect("is there");
        let Ok(Channel::Ethernet(mut sender, _)) = datalink::channel(veth, datalink::Config::default()) else {
            panic!("no channel")
        };
        for frame in frames {
            sender.send_to(frame, None).expect("not refused").expect("sends");
        }
    });
}

fn ethernet(tags: &[(u16, u16)], ethertype: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = [NEAR_MAC, FAR_MAC].concat();
    for (tpid, tci) in tags {
        frame.extend(tpid.to_be_bytes());
        frame.extend(tci.to_be_bytes());
    }
    frame.extend(ethertype.to_be_bytes());
    frame.extend(payload);
    frame
}

/// Ethernet, IPv4 and UDP headers before a datagram's payload.
const HEADERS: usize = 14 + 20 + 8;

fn now_nanos() -> i64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_nanos() as i64
}

fn datagrams_come_whole_once_and_in_order(backend: LiveBackend) {
    let Some(pair) = Pair::new() else { return };
    let sink = sink(&pair, NEAR_IP);
    let mut live = pair.near.run(|| open(LiveSpec::new(VETH), backend));
    let lengths: Vec<usize> = (0..1000).map(|i| i * 7 % 1400).collect();
    let before = now_nanos();
    send(&pair, 4000, lengths.clone());
    for _ in 0..10 {
        sink.send_to(b"back", (FAR_IP, 4001)).expect("sends");
    }
    let frames = drain(&mut live);
    let after = now_nanos();

    let (back, there): (Vec<_>, Vec<_>) = frames.iter().partition(|frame| frame.bytes[6..12] == NEAR_MAC);
    // The far side's socket is closed by then: it answers with ICMP, which is neither.
    let there: Vec<_> = there.into_iter().filter(|frame| frame.bytes[23] == 17).collect();
    assert_eq!((there.len(), back.len()), (1000, 10));
    for (i, (frame, length)) in there.iter().zip(&lengths).enumerate() {
        assert_eq!(frame.bytes.len(), HEADERS + length);
        assert_eq!(frame.wire_len as usize, HEADERS + length);
        assert!(frame.bytes[HEADERS..].iter().all(|byte| *byte == i as u8), "payload of datagram {i}");
        assert_eq!(frame.link, LinkType::ETHERNET);
    }
    assert!(frames.is_sorted_by_key(|frame| frame.nanos), "in order of time");
    assert!(frames.iter().all(|frame| (before..=after).contains(&frame.nanos)), "by the wall clock");
    assert!(frames.iter().any(|frame| frame.nanos % 1000 != 0), "with nanoseconds");
    if backend == LiveBackend::Pnet {
        assert!(there.iter().all(|frame| frame.direction == Some(FrameDirection::Inbound)));
        assert!(back.iter().all(|frame| frame.direction == Some(FrameDirection::Outbound)));
    }
    let stats = live.stats();
    assert_eq!((stats.frames, stats.received), (frames.len() as u64, Some(frames.len() as u64)));
    assert_eq!(stats.dropped_kernel, Some(0));
}

fn a_way_can_be_asked_for(backend: LiveBackend) {
    for (direction, want, bytes) in
        [(Direction::In, FrameDirection::Inbound, FAR_MAC), (Direction::Out, FrameDirection::Outbound, NEAR_MAC)]
    {
        let Some(pair) = Pair::new() else { return };
        let sink = sink(&pair, NEAR_IP);
        let spec = LiveSpec { direction: Some(direction), ..LiveSpec::new(VETH) };
        let mut live = pair.near.run(|| open(spec, backend));
        let other = pair.far.run(|| UdpSocket::bind((FAR_IP, 4001)).expect("binds"));
        for _ in 0..20 {
            sink.send_to(b"out", (FAR_IP, 4001)).expect("sends");
            other.send_to(b"in", (NEAR_IP, 4000)).expect("sends");
        }
        let frames = drain(&mut live);
        assert_eq!(frames.len(), 20, "{direction:?}");
        assert!(frames.iter().all(|frame| frame.direction == Some(want) && frame.bytes[6..12] == bytes));
        assert_eq!(live.stats().received, Some(20), "the other way is not counted");
    }
}

fn tags_stand_in_their_place(backend: LiveBackend) {
    let Some(pair) = Pair::new() else { return };
    let mut near = pair.near.run(|| open(LiveSpec::new(VETH), backend));
    let mut far = pair.far.run(|| open(LiveSpec::new(VETH), backend));
    let sent = [
        ethernet(&[(0x8100, 100)], 0x88b5, &[1; 80]),
        ethernet(&[(0x88a8, 0x6005)], 0x88b5, &[2; 80]),
        ethernet(&[(0x88a8, 7), (0x8100, 100)], 0x88b5, &[3; 80]),
        ethernet(&[(0x8100, 0)], 0x88b5, &[4; 80]),
        ethernet(&[], 0x88b5, &[5; 80]),
    ];
    inject(&pair, &sent);
    for live in [&mut near, &mut far] {
        let frames = drain(live);
        assert_eq!(frames.len(), sent.len());
        for (got, want) in frames.iter().zip(&sent) {
            assert_eq!(&got.bytes, want);
            assert_eq!(got.wire_len as usize, want.len());
        }
    }
}

fn frames_larger_than_the_mtu_are_not_cut(backend: LiveBackend) {
    let Some(pair) = Pair::new() else { return };
    let mut live = pair.near.run(|| open(LiveSpec::new(VETH), backend));
    let listener = pair.near.run(|| TcpListener::bind((NEAR_IP, 4002)).expect("binds"));
    let (total, sent) = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let (mut stream, _) = listener.accept().expect("a client");
            let mut all = Vec::new();
            stream.read_to_end(&mut all).expect("reads")
        });
        let sent = pair.far.run(|| {
            let mut stream = TcpStream::connect((NEAR_IP, 4002)).expect("connects");
            let block = vec![7; 4 << 20];
            stream.write_all(&block).expect("sends");
            block.len()
        });
        (reader.join().expect("read"), sent)
    });
    assert_eq!(total, sent);
    let frames = drain(&mut live);
    let largest = frames.iter().map(|frame| frame.bytes.len()).max();
    assert!(largest > Some(1514 * 2), "offload makes large frames: {largest:?}");
    assert!(frames.iter().all(|frame| frame.bytes.len() == frame.wire_len as usize), "none is cut");
}

fn loopback_is_seen_once(backend: LiveBackend) {
    let Some(pair) = Pair::new() else { return };
    let sink = sink(&pair, "127.0.0.1");
    let mut live = pair.near.run(|| open(LiveSpec::new("lo"), backend));
    let sender = pair.near.run(|| UdpSocket::bind("127.0.0.1:0").expect("binds"));
    for _ in 0..50 {
        sender.send_to(b"round", sink.local_addr().expect("bound")).expect("sends");
    }
    let frames = drain(&mut live);
    assert_eq!(frames.len(), 50);
    assert_eq!(frames[0].link, LinkType::ETHERNET);
    assert_eq!(live.stats().received, Some(50), "the copies are not counted either");
}

fn any_sees_every_interface_and_loopback_once(backend: LiveBackend) {
    let Some(pair) = Pair::new() else { return };
    let near = sink(&pair, "0.0.0.0");
    let mut live = pair.near.run(|| open(LiveSpec::new(live::ANY), backend));
    pair.near.run(|| {
        let sender = UdpSocket::bind("127.0.0.1:0").expect("binds");
        for _ in 0..50 {
            sender.send_to(b"round", "127.0.0.1:4000").expect("sends");
        }
    });
    let other = pair.far.run(|| UdpSocket::bind((FAR_IP, 4001)).expect("binds"));
    for _ in 0..30 {
        other.send_to(b"in", (NEAR_IP, 4000)).expect("sends");
        near.send_to(b"out", (FAR_IP, 4001)).expect("sends");
    }
    let frames = drain(&mut live);
    let index = |frame: &Kept| u32::from_be_bytes(frame.bytes[4..8].try_into().expect("four"));
    let lo = frames.iter().filter(|frame| index(frame) == 1).count();
    let out = frames.iter().filter(|frame| frame.direction == Some(FrameDirection::Outbound)).count();
    assert_eq!((frames.len(), lo, out), (110, 50, 30));
    assert!(frames.iter().all(|frame| frame.link == LinkType::LINUX_SLL2 && frame.bytes[..2] == [8, 0]));
    assert!(frames.iter().all(|frame| frame.bytes[20] == 0x45), "IPv4 follows the cooked header");
    assert_eq!(live.stats().received, Some(110));
    let Err(error) = live::open(&[LiveSpec { link: Some(LinkType::PPP), ..LiveSpec::new("any") }], Some(backend)) else {
        panic!("any has no PPP")
    };
    assert!(matches!(error, SourceError::Unsupported { .. }), "{error}");
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
            Next::Frame(_) | Next::Idle => {}
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
    assert!(matches!(&end, SourceError::InterfaceGone { interface } if interface == VETH), "{end}");
    assert!(matches!(live.next(), Ok(Next::End)));
    assert_eq!(live.stats().frames, before);
    assert_eq!(live.stats().received, Some(before), "the counters outlive the interface");
}

/// `udp dst port PORT` over IPv4 without options, by hand.
fn udp_port(port: u16) -> KernelFilter {
    let instruction = |code, jt, jf, k| KernelInstruction { code, jt, jf, k };
    KernelFilter {
        instructions: vec![
            instruction(0x28, 0, 0, 12),              // ldh [12]
            instruction(0x15, 0, 5, 0x0800),          // jeq #0x800
            instruction(0x30, 0, 0, 23),              // ldb [23]
            instruction(0x15, 0, 3, 17),              // jeq #17
            instruction(0x28, 0, 0, 36),              // ldh [36]
            instruction(0x15, 0, 1, u32::from(port)), // jeq #port
            instruction(0x06, 0, 0, 262_144),         // ret #262144
            instruction(0x06, 0, 0, 0),               // ret #0
        ],
    }
}

fn the_kernel_filters(backend: LiveBackend) {
    for direction in [None, Some(Direction::In)] {
        let Some(pair) = Pair::new() else { return };
        let _sink = sink(&pair, NEAR_IP);
        let spec = LiveSpec {
            kernel_filter: Some(udp_port(4000)),
            snaplen: 100,
            direction,
            filter_text: Some("udp dst port 4000".to_owned()),
            ..LiveSpec::new(VETH)
        };
        let mut live = pair.near.run(|| open(spec, backend));
        assert_eq!(live.info().warnings, [""; 0]);
        assert_eq!(live.info().interfaces[0].filter.as_deref(), Some("udp dst port 4000"));
        send(&pair, 5000, [10; 20]);
        send(&pair, 4000, [200; 10]);
        let frames = drain(&mut live);
        assert_eq!(frames.len(), 10);
        assert!(frames.iter().all(|frame| frame.bytes[36..38] == [0x0f, 0xa0]));
        assert!(frames.iter().all(|frame| frame.bytes.len() == 100 && frame.wire_len as usize == HEADERS + 200));
        assert_eq!(live.stats().received, Some(10), "refused frames are not counted");
    }
    // A program the kernel refuses is no reason to stop: user space decides anyway.
    let Some(pair) = Pair::new() else { return };
    let nonsense = KernelFilter { instructions: vec![KernelInstruction { code: 0x28, jt: 0, jf: 0, k: 12 }] };
    let spec = LiveSpec { kernel_filter: Some(nonsense), ..LiveSpec::new(VETH) };
    let mut live = pair.near.run(|| open(spec, backend));
    assert_eq!(live.info().warnings.len(), 1);
    inject(&pair, &[ethernet(&[], 0x88b5, &[1; 60])]);
    assert_eq!(drain(&mut live).len(), 1);
}

fn the_snap_length_cuts_and_the_true_length_stays(backend: LiveBackend) {
    let Some(pair) = Pair::new() else { return };
    let spec = LiveSpec { snaplen: 60, ..LiveSpec::new(VETH) };
    let mut live = pair.near.run(|| open(spec, backend));
    assert_eq!(live.info().interfaces[0].snaplen, Some(60));
    let sent = [
        ethernet(&[], 0x88b5, &[1; 1000]),
        ethernet(&[(0x8100, 5)], 0x88b5, &[2; 1000]),
        ethernet(&[], 0x88b5, &[3; 46]),
        ethernet(&[(0x8100, 5)], 0x88b5, &[4; 44]),
    ];
    inject(&pair, &sent);
    let frames = drain(&mut live);
    assert_eq!(frames.len(), sent.len());
    for (got, want) in frames.iter().zip(&sent) {
        assert_eq!(got.bytes, want[..want.len().min(60)]);
        assert_eq!(got.wire_len as usize, want.len());
    }
}

fn silence_is_idle(backend: LiveBackend) {
    let Some(pair) = Pair::new() else { return };
    let mut live = pair.near.run(|| open(LiveSpec::new(VETH), backend));
    let start = Instant::now();
    for _ in 0..5 {
        assert!(matches!(live.next(), Ok(Next::Idle)));
    }
    let each = start.elapsed() / 5;
    assert!(each > Duration::from_millis(50), "it waits, it does not spin: {each:?}");
    assert!(each < Duration::from_millis(300), "{each:?}");
}

fn several_interfaces_at_once(backend: LiveBackend) {
    let Some(pair) = Pair::new() else { return };
    let _sink = sink(&pair, "0.0.0.0");
    let specs = [LiveSpec::new(VETH), LiveSpec::new("lo")];
    let mut live = pair.near.run(|| live::open(&specs, Some(backend)).expect("opens"));
    assert_eq!(live.info().interfaces.len(), 2);
    assert_eq!(live.info().name, "veth0, lo");
    send(&pair, 4000, [1; 300]);
    pair.near.run(|| {
        let sender = UdpSocket::bind("127.0.0.1:0").expect("binds");
        for _ in 0..200 {
            sender.send_to(b"round", "127.0.0.1:4000").expect("sends");
        }
    });
    let frames = drain(&mut live);
    let of = |interface| frames.iter().filter(|frame| frame.interface == interface).count();
    assert_eq!((of(0), of(1)), (300, 200));
    let each = live.interface_stats();
    assert_eq!((each[0].received, each[1].received), (Some(300), Some(200)));
    assert_eq!((each[0].frames, each[1].frames), (300, 200));
    assert_eq!(live.stats().received, Some(500));
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

fn names_and_states_are_checked(backend: LiveBackend) {
    let Some(pair) = Pair::new() else { return };
    pair.near.ip("link add idle0 type veth peer name idle1");
    pair.near.run(|| {
        let error = |name: &str| live::open(&[LiveSpec::new(name)], Some(backend)).err().map(|e| e.to_string());
        assert_eq!(error("etho").as_deref(), Some("no interface \"etho\""));
        assert_eq!(error("").as_deref(), Some("no interface \"\""));
        assert!(error("a name that is far too long for linux").is_some_and(|text| text.starts_with("no interface")));
        assert_eq!(error("idle0").as_deref(), Some("interface idle0 exists but is down"));
        let link = LiveSpec { link: Some(LinkType::PPP), ..LiveSpec::new("lo") };
        assert!(matches!(live::open(&[link], Some(backend)), Err(SourceError::Unsupported { .. })));
    });
}

fn link_types_are_listed_and_chosen(backend: LiveBackend) {
    let Some(pair) = Pair::new() else { return };
    pair.near.run(|| {
        let types = |name| live::link_types(name, Some(backend)).expect("lists");
        assert_eq!(types(VETH)[0], LinkType::ETHERNET);
        assert_eq!(types(live::ANY)[0], LinkType::LINUX_SLL2);
        assert!(live::link_types("etho", Some(backend)).is_err());
    });
    // A tunnel without a link header gives bare IP packets.
    pair.near.ip("tuntap add dev tun0 mode tun");
    pair.near.ip("link set tun0 up");
    pair.near.run(|| assert_eq!(live::link_types("tun0", Some(backend)).expect("lists")[0], LinkType::RAW));
}

fn immediate_frames_come_at_once(backend: LiveBackend) {
    let Some(pair) = Pair::new() else { return };
    let spec = LiveSpec { immediate: true, ..LiveSpec::new(VETH) };
    let mut live = pair.near.run(|| open(spec, backend));
    for _ in 0..5 {
        inject(&pair, &[ethernet(&[], 0x88b5, &[1; 60])]);
        let age = match live.next().expect("no error") {
            Next::Frame(frame) => now_nanos() - frame.ts.nanos(),
            other => panic!("{other:?}"),
        };
        assert!(age < 1_000_000_000, "{age} ns old");
    }
}

#[test]
fn interfaces_are_listed_with_what_stands_in_the_way() {
    let Some(pair) = Pair::new() else { return };
    pair.near.ip("link add idle0 type veth peer name idle1");
    let all = pair.near.run(Interfaces::list);
    let of = |name| all.find(name).expect("listed");
    let veth = of(VETH);
    assert!(veth.up && veth.running && !veth.loopback);
    assert_eq!(veth.mac, Some(MacAddr(NEAR_MAC)));
    assert_eq!((veth.link, veth.obstacle), (Some(LinkType::ETHERNET), None));
    let address = InterfaceAddress { address: NEAR_IP.parse().expect("an address"), prefix: 24 };
    assert_eq!(veth.addresses, [address]);
    assert!(of("lo").loopback && of("lo").mac.is_none());
    assert_eq!((of("idle0").up, of("idle0").obstacle), (false, Some(Obstacle::Down)));
    let names: Vec<_> = all.interfaces.iter().map(|interface| interface.name.as_str()).collect();
    assert_eq!(names.iter().position(|name| *name == "lo"), Some(0), "up and lowest index first: {names:?}");
    assert_eq!(all.suggest("vet0"), Some(VETH));
    assert!(all.pseudo.iter().all(|device| device.name != "any" && device.name != VETH));

    let refused = pair.near.run(|| netns::as_nobody(Interfaces::list));
    assert_eq!(refused.any, Some(Obstacle::NotPermitted));
    assert!(refused.interfaces.iter().all(|interface| interface.obstacle == Some(Obstacle::NotPermitted)));
    assert_eq!(refused.interfaces.len(), all.interfaces.len());
}

#[test]
fn the_missing_right_is_found() {
    let Some(_pair) = Pair::new() else { return };
    let (root, nobody) = (Permission::look(), netns::as_nobody(Permission::look));
    assert!(root.effective && root.obtainable);
    assert!(!nobody.effective && nobody.obtainable);
    assert_eq!(nobody.mount, root.mount);
    assert!(root.mount.is_some_and(|mount| std::env::current_exe().expect("runs").starts_with(mount.point)));
}
