//! Frames come whole, once, in order, with their tags and true lengths; the kernel filters and cuts.

use super::{HEADERS, drain, ethernet, inject, now_nanos, open, send, sink};
use crate::netns::{self, FAR_IP, FAR_MAC, NEAR_IP, NEAR_MAC, Pair, VETH};
use sockeye::capture::live::{self, Direction, Live, LiveSpec};
use sockeye::capture::{Next, PacketSource};
use sockeye::filter::Filter;
use sockeye::model::{FrameDirection, FrameMarks, LinkType, LiveBackend};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

for_backends! {
    datagrams_come_whole_once_and_in_order
    a_way_can_be_asked_for
    tags_stand_in_their_place
    frames_larger_than_the_mtu_are_not_cut
    the_largest_frames_come_whole
    interfaces_are_merged_in_time_order
    the_kernel_filters
    the_snap_length_cuts_and_the_true_length_stays
    silence_is_idle
    immediate_frames_come_first
    a_tunnel_gives_bare_packets
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
    if backend != LiveBackend::Libpcap {
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
    // libpcap hides what the kernel says of checksums and segments.
    if backend == LiveBackend::Libpcap {
        assert!(frames.iter().all(|frame| frame.marks == FrameMarks::NONE));
        return;
    }
    // Small ones there are whose checksums the stack computes itself.
    let large: Vec<_> = frames.iter().filter(|frame| frame.bytes.len() > 1514).collect();
    assert!(large.iter().all(|frame| frame.marks.checksum_pending), "a pair of virtual interfaces computes no checksums");
    if kernel_tells_of_segments() {
        assert!(large.iter().all(|frame| frame.marks.gso));
        assert!(frames.iter().all(|frame| !frame.marks.gso || frame.bytes.len() > 1514));
    }
}

/// `TP_STATUS_GSO_TCP` came with Linux 6.2.
fn kernel_tells_of_segments() -> bool {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").expect("readable");
    let mut numbers = release.split(['.', '-']).map_while(|number| number.parse::<u32>().ok());
    (numbers.next(), numbers.next()) >= (Some(6), Some(2))
}

/// Over loopback, where nothing limits them: frames as large as IP packets can be.
fn the_largest_frames_come_whole(backend: LiveBackend) {
    let Some(pair) = Pair::new() else { return };
    let sink = sink(&pair, "127.0.0.1");
    let mut live = pair.near.run(|| open(LiveSpec::new("lo"), backend));
    let sender = pair.near.run(|| UdpSocket::bind("127.0.0.1:0").expect("binds"));
    let payload: Vec<u8> = (0..65_507_u32).map(|i| (i / 7) as u8).collect();
    for length in [65_507, 1, 65_000] {
        sender.send_to(&payload[..length], sink.local_addr().expect("bound")).expect("sends");
    }
    let frames = drain(&mut live);
    let whole: Vec<_> = frames.iter().map(|frame| &frame.bytes[HEADERS..]).collect();
    assert_eq!(whole, [&payload[..], &payload[..1], &payload[..65_000]]);
    assert!(frames.iter().all(|frame| frame.bytes.len() == frame.wire_len as usize));
}

/// `udp dst port PORT` over IPv4 without options, by hand.
fn udp_port(port: u16) -> Filter {
    let program = [
        "8".to_owned(),
        "40 0 0 12".to_owned(),    // ldh [12]
        "21 0 5 2048".to_owned(),  // jeq #0x800
        "48 0 0 23".to_owned(),    // ldb [23]
        "21 0 3 17".to_owned(),    // jeq #17
        "40 0 0 36".to_owned(),    // ldh [36]
        format!("21 0 1 {port}"),  // jeq #port
        "6 0 0 262144".to_owned(), // ret #262144
        "6 0 0 0".to_owned(),      // ret #0
    ];
    Filter::bytecode("by hand", program.join("\n").as_bytes()).expect("a program")
}

fn open_filtered(spec: LiveSpec, backend: LiveBackend, filter: &mut Filter) -> Live {
    live::open_filtered(&[spec], Some(backend), filter).expect("opens")
}

fn the_kernel_filters(backend: LiveBackend) {
    for direction in [None, Some(Direction::In)] {
        let Some(pair) = Pair::new() else { return };
        let _sink = sink(&pair, NEAR_IP);
        let spec = LiveSpec { snaplen: 100, direction, filter_text: Some("udp dst port 4000".to_owned()), ..LiveSpec::new(VETH) };
        let mut live = pair.near.run(|| open_filtered(spec, backend, &mut udp_port(4000)));
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
    // This one reads scratch memory before anything is there.
    let mut unset = Filter::bytecode("by hand", b"2\n96 0 0 3\n22 0 0 0").expect("a program");
    let mut live = pair.near.run(|| open_filtered(LiveSpec::new(VETH), backend, &mut unset));
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

/// Silence is told again and again, and each time this thread slept before.
fn silence_is_idle(backend: LiveBackend) {
    let Some(pair) = Pair::new() else { return };
    let mut live = pair.near.run(|| open(LiveSpec::new(VETH), backend));
    let before = sleeps();
    for _ in 0..5 {
        assert!(matches!(live.next(), Ok(Next::Idle)));
    }
    assert!(sleeps() >= before + 5, "it waits, it does not spin");
}

/// How often this thread gave up the processor of its own will (proc(5)).
fn sleeps() -> u64 {
    let status = std::fs::read_to_string("/proc/thread-self/status").expect("is there");
    let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")).expect("is counted");
    line.trim().parse().expect("a number")
}

/// Of two captures side by side the one that somebody watches has a single packet before the other, nearly always.
fn immediate_frames_come_first(backend: LiveBackend) {
    const ROUNDS: usize = 21;
    let Some(pair) = Pair::new() else { return };
    let _sink = sink(&pair, NEAR_IP);
    let sender = pair.far.run(|| UdpSocket::bind((FAR_IP, 0)).expect("binds"));
    let (come, coming) = std::sync::mpsc::channel();
    let first = std::thread::scope(|scope| {
        for immediate in [true, false] {
            let mut live = pair.near.run(|| open(LiveSpec { immediate, ..LiveSpec::new(VETH) }, backend));
            let come = come.clone();
            scope.spawn(move || {
                let mut frames = 0;
                while frames < ROUNDS {
                    if let Next::Frame(_) = live.next().expect("no error") {
                        frames += 1;
                        come.send(immediate).expect("somebody listens");
                    }
                }
            });
        }
        let mut first = 0;
        for _ in 0..ROUNDS {
            sender.send_to(b"now", (NEAR_IP, 4000)).expect("sends");
            let [one, other] = [(); 2].map(|()| coming.recv().expect("comes"));
            assert_ne!(one, other, "each has it once");
            first += usize::from(one);
        }
        first
    });
    assert!(first > ROUNDS * 2 / 3, "{first} of {ROUNDS}");
}

/// Bytes, lengths and times of the same frames, as sockets side by side see them.
#[test]
fn all_backends_agree() {
    let Some(pair) = Pair::new() else { return };
    let _sink = sink(&pair, NEAR_IP);
    let mut backends = vec![LiveBackend::Ring, LiveBackend::Pnet];
    if cfg!(feature = "libpcap") {
        backends.push(LiveBackend::Libpcap);
    }
    let spec = LiveSpec { snaplen: 900, ..LiveSpec::new(VETH) };
    let mut lives: Vec<_> = pair.near.run(|| backends.iter().map(|backend| open(spec.clone(), *backend)).collect());
    send(&pair, 4000, (0..300).map(|i| i * 4));
    inject(&pair, &[ethernet(&[(0x88a8, 7), (0x8100, 100)], 0x0800, &[0x45; 1200]), ethernet(&[], 0x0026, &[0xaa; 38])]);
    let seen: Vec<_> = lives.iter_mut().map(drain).collect();
    assert!(seen.iter().all(|frames| frames.len() == 302));
    for others in &seen[1..] {
        for (one, other) in seen[0].iter().zip(others) {
            assert_eq!((&one.bytes, one.wire_len, one.link), (&other.bytes, other.wire_len, other.link));
            assert!((one.nanos - other.nanos).abs() < 1_000_000, "{} and {}", one.nanos, other.nanos);
        }
    }
}

/// Frames of two interfaces come in the order of their times, also when there is a backlog of several blocks.
fn interfaces_are_merged_in_time_order(backend: LiveBackend) {
    let Some(pair) = Pair::new() else { return };
    let _sink = sink(&pair, "0.0.0.0");
    let specs = [VETH, "lo"].map(|name| LiveSpec { buffer_bytes: 32 << 20, ..LiveSpec::new(name) });
    let mut live = pair.near.run(|| live::open(&specs, Some(backend)).expect("opens"));
    let near = pair.near.run(|| UdpSocket::bind("127.0.0.1:0").expect("binds"));
    let far = pair.far.run(|| UdpSocket::bind((FAR_IP, 0)).expect("binds"));
    for i in 0..4000 {
        near.send_to(&[1; 900], "127.0.0.1:4000").expect("sends");
        if i % 10 == 0 {
            far.send_to(&[2; 20], (NEAR_IP, 4000)).expect("sends");
        }
    }
    std::thread::sleep(Duration::from_millis(50));
    let frames = drain(&mut live);
    let of = |interface| frames.iter().filter(|frame| frame.interface == interface).count();
    assert_eq!((of(0), of(1)), (400, 4000));
    assert!(frames.is_sorted_by_key(|frame| frame.nanos), "all was there before the first was asked for");
}

fn a_tunnel_gives_bare_packets(backend: LiveBackend) {
    let Some(pair) = Pair::new() else { return };
    let mut tun = pair.near.run(|| netns::tun("tun0"));
    pair.near.ip("addr add 10.78.0.1/24 dev tun0");
    pair.near.ip("link set tun0 up");
    let mut bare = pair.near.run(|| open(LiveSpec::new("tun0"), backend));
    let mut cooked = pair.near.run(|| open(LiveSpec::new(live::ANY), backend));
    let socket = pair.near.run(|| UdpSocket::bind("10.78.0.1:4000").expect("binds"));
    socket.send_to(&[7; 100], "10.78.0.2:4000").expect("sends");
    let mut packet = [0; 128];
    let length = tun.read(&mut packet).expect("what was sent");
    assert_eq!(length, 128);
    // The same packet comes back, the other way round, without a checksum of its header.
    packet[12..20].rotate_left(4);
    tun.write_all(&packet).expect("arrives");

    let frames = drain(&mut bare);
    assert_eq!(frames.len(), 2);
    for frame in &frames {
        assert_eq!((frame.link, frame.wire_len), (LinkType::RAW, 128));
        assert_eq!((frame.bytes.len(), frame.bytes[0], frame.bytes[9]), (128, 0x45, 17));
    }
    let frames = drain(&mut cooked);
    assert_eq!(frames.len(), 2);
    for (frame, kind) in frames.iter().zip([4, 0]) {
        assert_eq!((frame.link, frame.wire_len), (LinkType::LINUX_SLL2, 148));
        assert_eq!(frame.bytes[..4], [8, 0, 0, 0], "IPv4");
        assert_eq!((&frame.bytes[8..10], frame.bytes[10]), (&[0xff, 0xfe][..], kind), "no hardware type; its way");
        assert_eq!((frame.bytes[11], frame.bytes[20]), (0, 0x45));
    }
}
