//! Conversations followed in several threads are those of one thread: two or four of them and one look at the same packets at the
//! same time, and give the same records but for the numbers in them.

use super::netns::{FAR_IP, FAR_MAC, NEAR_IP, NEAR_MAC, Namespace, Pair, VETH};
use super::program::sockeye;
use super::{start, start_command};
use pnet::datalink::{self, Channel};
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::thread;

type Ip4 = [u8; 4];

/// Not one of the pair: the frames between these are made here.
const A: Ip4 = [192, 0, 2, 1];
const B: Ip4 = [198, 51, 100, 2];
const ROUTER: Ip4 = [203, 0, 113, 254];

const TCP: u8 = 6;
const UDP: u8 = 17;
const SYN: u8 = 2;
const SYN_ACK: u8 = 18;
const ACK: u8 = 16;

fn ethernet(tags: &[u16], kind: u16, payload: &[u8], out: bool) -> Vec<u8> {
    let (to, from) = if out { (FAR_MAC, NEAR_MAC) } else { (NEAR_MAC, FAR_MAC) };
    let mut frame = [to, from].concat();
    for (at, tag) in tags.iter().enumerate() {
        frame.extend(if at + 1 < tags.len() { [0x88, 0xa8] } else { [0x81, 0] });
        frame.extend(tag.to_be_bytes());
    }
    frame.extend(kind.to_be_bytes());
    [frame, payload.to_vec()].concat()
}

fn sum(bytes: &[u8]) -> [u8; 2] {
    let words = bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0)));
    let all = words.sum::<u32>();
    let folded = (all & 0xffff) + (all >> 16);
    (!((folded & 0xffff) + (folded >> 16)) as u16).to_be_bytes()
}

/// `piece`: identification, offset in 8 bytes, more.
fn ipv4(source: Ip4, target: Ip4, protocol: u8, piece: (u16, u16, bool), payload: &[u8]) -> Vec<u8> {
    let mut head = vec![0x45, 0];
    head.extend((20 + payload.len() as u16).to_be_bytes());
    head.extend(piece.0.to_be_bytes());
    head.extend((piece.1 | u16::from(piece.2) << 13).to_be_bytes());
    head.extend([64, protocol, 0, 0]);
    head.extend(source);
    head.extend(target);
    let checksum = sum(&head);
    head[10..12].copy_from_slice(&checksum);
    [head, payload.to_vec()].concat()
}

fn whole(source: Ip4, target: Ip4, protocol: u8, payload: &[u8]) -> Vec<u8> {
    ipv4(source, target, protocol, (1, 0, false), payload)
}

/// A datagram in fragments of 64 bytes of data.
fn pieces(source: Ip4, target: Ip4, protocol: u8, id: u16, payload: &[u8]) -> Vec<Vec<u8>> {
    let last = payload.len().div_ceil(64) - 1;
    let cut = payload.chunks(64).enumerate();
    cut.map(|(at, data)| ipv4(source, target, protocol, (id, at as u16 * 8, at < last), data)).collect()
}

fn ipv6(source: u8, target: u8, next: u8, payload: &[u8]) -> Vec<u8> {
    let address = |last: u8| [&[0x20, 1, 0xd, 0xb8][..], &[0; 11], &[last]].concat();
    let mut head = vec![0x60, 0, 0, 0];
    head.extend((payload.len() as u16).to_be_bytes());
    head.extend([next, 64]);
    [head, address(source), address(target), payload.to_vec()].concat()
}

/// A segment whose checksum was left to a network card.
fn tcp(from: u16, to: u16, seq: u32, ack: u32, flags: u8, data: &[u8]) -> Vec<u8> {
    let mut out = [from.to_be_bytes(), to.to_be_bytes()].concat();
    out.extend(seq.to_be_bytes());
    out.extend(ack.to_be_bytes());
    out.extend([0x50, flags, 0x40, 0, 0, 0, 0, 0]);
    [out, data.to_vec()].concat()
}

fn udp(from: u16, to: u16, data: &[u8]) -> Vec<u8> {
    let length = (8 + data.len() as u16).to_be_bytes();
    [&from.to_be_bytes()[..], &to.to_be_bytes(), &length, &[0, 0], data].concat()
}

fn icmp(kind: u8, code: u8, rest: &[u8]) -> Vec<u8> {
    let mut out = [&[kind, code, 0, 0][..], rest].concat();
    let checksum = sum(&out);
    out[2..4].copy_from_slice(&checksum);
    out
}

/// "Host unreachable" about a datagram.
fn unreachable(about: &[u8]) -> Vec<u8> {
    icmp(3, 1, &[&[0; 4], &about[..about.len().min(28)]].concat())
}

fn gre(inner: &[u8]) -> Vec<u8> {
    [&[0, 0, 8, 0][..], inner].concat()
}

fn vxlan(from: u16, inner: &[u8]) -> Vec<u8> {
    udp(from, 4789, &[&[8, 0, 0, 0, 0, 0, 42, 0][..], &ethernet(&[], 0x0800, inner, false)].concat())
}

fn pppoe(inner: &[u8]) -> Vec<u8> {
    [&[0x11, 0, 0, 7][..], &(inner.len() as u16 + 2).to_be_bytes(), &[0, 0x21], inner].concat()
}

fn mpls(inner: &[u8]) -> Vec<u8> {
    [&[0, 1, 0x10, 64, 0, 2, 0x11, 64][..], inner].concat()
}

/// A frame, and whether the near side sends it.
type Sent = (Vec<u8>, bool);

/// A conversation of a client and a server as segments: there (`false`) and back.
fn connection(port: u16) -> Vec<(Vec<u8>, bool)> {
    let (there, back) = (
        |seq, ack, flags, data: &[u8]| tcp(port, 443, seq, ack, flags, data),
        |seq, ack, flags, data: &[u8]| tcp(443, port, seq, ack, flags, data),
    );
    vec![
        (there(100, 0, SYN, b""), false),
        (back(900, 101, SYN_ACK, b""), true),
        (there(101, 901, ACK, b""), false),
        (there(101, 901, ACK, b"question"), false),
        (back(901, 109, ACK, &[7; 300]), true),
        (there(109, 1201, ACK, b""), false),
    ]
}

/// Each segment of a connection in IPv4 between two hosts, wrapped by `wrap`.
fn wrapped(ports: std::ops::Range<u16>, hosts: [Ip4; 2], wrap: impl Fn(Vec<u8>, bool) -> Vec<Vec<u8>>) -> Vec<Sent> {
    let [client, server] = hosts;
    let segments = ports.flat_map(connection);
    let each = segments.flat_map(|(segment, back)| {
        let datagram = if back { whole(server, client, TCP, &segment) } else { whole(client, server, TCP, &segment) };
        wrap(datagram, back).into_iter().map(move |frame| (frame, back)).collect::<Vec<_>>()
    });
    each.collect()
}

/// What real programs do not send here: tags, labels, tunnels, IPv6, fragments of TCP, errors of routers.
fn made() -> Vec<Sent> {
    let frame = |kind: u16, payload: &[u8], back: bool| vec![ethernet(&[], kind, payload, back)];
    let mut all = Vec::new();
    all.extend(wrapped(1000..1020, [A, B], |ip, back| vec![ethernet(&[5], 0x0800, &ip, back)]));
    all.extend(wrapped(1020..1030, [A, B], |ip, back| vec![ethernet(&[6, 7], 0x0800, &ip, back)]));
    all.extend(wrapped(1030..1040, [A, B], |ip, back| frame(0x8864, &pppoe(&ip), back)));
    // Labelled one way and bare the other: still one conversation.
    all.extend(wrapped(
        1040..1050,
        [A, B],
        |ip, back| if back { frame(0x0800, &ip, back) } else { frame(0x8847, &mpls(&ip), back) },
    ));
    // LLC and SNAP instead of an Ethernet type: the kernel's program does not look into it.
    all.extend(wrapped(1050..1060, [A, B], |ip, back| {
        let snap = [&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0][..], &ip].concat();
        frame(snap.len() as u16, &snap, back)
    }));
    let ends = |back: bool| if back { (B, A) } else { (A, B) };
    all.extend(wrapped(2000..2010, [[10, 1, 0, 1], [10, 1, 0, 2]], |ip, back| {
        frame(0x0800, &whole(ends(back).0, ends(back).1, 47, &gre(&ip)), back)
    }));
    all.extend(wrapped(2010..2020, [[10, 1, 0, 1], [10, 1, 0, 2]], |ip, back| {
        frame(0x0800, &whole(ends(back).0, ends(back).1, 4, &ip), back)
    }));
    // The outer source port differs by direction.
    all.extend(wrapped(2020..2030, [[10, 1, 0, 1], [10, 1, 0, 2]], |ip, back| {
        let outer = vxlan(if back { 50_000 } else { 60_000 }, &ip);
        frame(0x0800, &whole(ends(back).0, ends(back).1, UDP, &outer), back)
    }));
    // The same in fragments: only the joined datagram shows that it is a tunnel.
    all.extend(wrapped(2030..2032, [[10, 1, 0, 1], [10, 1, 0, 2]], |ip, back| {
        let (source, target) = ends(back);
        let id = u16::from_be_bytes([ip[22], ip[23]]) ^ u16::from_be_bytes([ip[26], ip[27]]) ^ ip.len() as u16;
        pieces(source, target, UDP, id, &vxlan(7, &ip)).iter().map(|piece| ethernet(&[], 0x0800, piece, back)).collect()
    }));
    all.extend(fragmented_segments());
    all.extend(over_ipv6());
    all.extend(errors());
    all
}

/// TCP whose larger segments come in fragments, which have no ports, in the middle of those that are whole.
fn fragmented_segments() -> Vec<Sent> {
    let mut all = Vec::new();
    for (id, (segment, back)) in (3000..3012).flat_map(connection).enumerate() {
        let (source, target) = if back { (B, A) } else { (A, B) };
        if segment.len() > 64 {
            let cut = pieces(source, target, TCP, id as u16, &segment);
            all.extend(cut.iter().map(|piece| (ethernet(&[], 0x0800, piece, back), back)));
        } else {
            all.push((ethernet(&[], 0x0800, &whole(source, target, TCP, &segment), back), back));
        }
    }
    all
}

/// TCP with and without extension headers, UDP whole and in fragments.
fn over_ipv6() -> Vec<Sent> {
    let mut all = Vec::new();
    for (at, (segment, back)) in (4000..4020).flat_map(connection).enumerate() {
        let (source, target) = if back { (2, 1) } else { (1, 2) };
        let options = [&[TCP, 0, 1, 4, 0, 0, 0, 0][..], &segment].concat();
        let datagram = if at % 3 == 0 { ipv6(source, target, 60, &options) } else { ipv6(source, target, TCP, &segment) };
        all.push((ethernet(&[], 0x86dd, &datagram, back), back));
    }
    for port in 5000..5020 {
        let data = udp(port, 6000, &[3; 104]);
        all.push((ethernet(&[], 0x86dd, &ipv6(1, 2, UDP, &data), false), false));
        for (offset, more) in [(0_u16, 1), (64, 0)] {
            let part = if more == 1 { &data[..64] } else { &data[64..] };
            let [high, low] = (offset | more).to_be_bytes();
            let [id_high, id_low] = port.to_be_bytes();
            let fragment = [&[UDP, 0, high, low, 0, 0, id_high, id_low][..], part].concat();
            all.push((ethernet(&[], 0x86dd, &ipv6(2, 1, 44, &fragment), true), true));
        }
    }
    all
}

/// Errors of a router: about connections that are there, and about such that are not, which are one conversation of its own.
fn errors() -> Vec<Sent> {
    let mut all = Vec::new();
    for port in 7000..7020 {
        let syn = whole(A, B, TCP, &tcp(port, 80, 1, 0, SYN, b""));
        let query = whole(A, B, UDP, &udp(port, 53, b"query"));
        for about in [syn, query] {
            all.push((ethernet(&[], 0x0800, &about, false), false));
            all.push((ethernet(&[], 0x0800, &whole(ROUTER, A, 1, &unreachable(&about)), true), true));
        }
        let unknown = whole(A, [198, 51, 100, port as u8], TCP, &tcp(port, 81, 1, 0, SYN, b""));
        all.push((ethernet(&[], 0x0800, &whole(ROUTER, A, 1, &unreachable(&unknown)), true), true));
    }
    all
}

/// Sends frames as they are, each from its side, in this order.
fn inject(pair: &Pair, frames: &[Sent]) {
    let sender = |side: &Namespace| {
        side.run(|| {
            let all = datalink::interfaces();
            let veth = all.iter().find(|interface| interface.name == VETH).expect("is there");
            let Ok(Channel::Ethernet(sender, _)) = datalink::channel(veth, datalink::Config::default()) else {
                panic!("no channel")
            };
            sender
        })
    };
    let mut senders = [sender(&pair.far), sender(&pair.near)];
    for (frame, back) in frames {
        senders[usize::from(*back)].send_to(frame, None).expect("not refused").expect("sends");
    }
}

/// Connections and datagrams of real programs, some of them in fragments, some refused.
fn talk(pair: &Pair) {
    let listener = pair.near.run(|| TcpListener::bind((NEAR_IP, 8000)).expect("binds"));
    let echo = pair.near.run(|| UdpSocket::bind((NEAR_IP, 9000)).expect("binds"));
    thread::scope(|scope| {
        scope.spawn(|| {
            for connection in listener.incoming().take(40) {
                let mut connection = connection.expect("accepted");
                let mut question = [0; 5];
                connection.read_exact(&mut question).expect("read");
                connection.write_all(&vec![question[0]; 20_000]).expect("written");
            }
        });
        scope.spawn(|| {
            let mut buffer = [0; 4096];
            for _ in 0..60 {
                let (length, from) = echo.recv_from(&mut buffer).expect("received");
                echo.send_to(&buffer[..length], from).expect("sends");
            }
        });
        pair.far.run(|| {
            for _ in 0..40 {
                let mut connection = TcpStream::connect((NEAR_IP, 8000)).expect("connects");
                connection.write_all(b"hello").expect("written");
                let mut answer = Vec::new();
                connection.read_to_end(&mut answer).expect("read");
                assert!(TcpStream::connect((NEAR_IP, 8001)).is_err(), "nobody listens there");
            }
            for _ in 0..20 {
                // The same ports, now whole, now in fragments.
                let socket = UdpSocket::bind((FAR_IP, 0)).expect("binds");
                for length in [100, 3000, 100] {
                    socket.send_to(&vec![1; length], (NEAR_IP, 9000)).expect("sends");
                    let mut buffer = [0; 4096];
                    assert_eq!(socket.recv(&mut buffer).expect("received"), length);
                }
                let _ = socket.send_to(b"?", (NEAR_IP, 9001)); // answered by an ICMP error
            }
        });
    });
}

/// Columns with numbers of packets and flows, which are given in another order.
const NUMBERS: &[&str] = &[
    "id",
    "first_packet",
    "last_packet",
    "icmp_error.packet",
    "handshake.syn",
    "handshake.syn_ack",
    "handshake.ack",
    "handshake.refusal",
];

/// Is the column a time? Every socket reads the clock for itself, some hundred nanoseconds after the one before.
fn is_time(name: &str) -> bool {
    let times = ["start", "end", "duration", "vantage"];
    times.contains(&name)
        || ["_time", "rtt", "rtt_originator", "rtt_responder", ".min", ".avg", ".max", ".stdev"]
            .iter()
            .any(|end| name.ends_with(end))
}

/// Ports of conversations whose packets come in fragments that only the joined datagram shows to be theirs. They are in the right
/// record, but some milliseconds late, which TCP's order depends on.
fn is_handed_over(port: &str) -> bool {
    port.parse().is_ok_and(|port: u16| (2030..2032).contains(&port) || (3000..3012).contains(&port))
}

/// What is said of those: whose conversation it is, and how much of it there was.
const COUNTED: &[&str] = &[
    "proto",
    "orig.ip",
    "orig.port",
    "orig.packets",
    "orig.wire_bytes",
    "resp.ip",
    "resp.port",
    "resp.packets",
    "resp.wire_bytes",
];

/// The records without numbers and times, in one order.
fn records(tsv: &str) -> Vec<Vec<(&str, &str)>> {
    let mut lines = tsv.lines();
    let names: Vec<&str> = lines.next().expect("a header").split('\t').collect();
    let mut records: Vec<Vec<(&str, &str)>> = lines
        .map(|line| {
            let cells: Vec<_> = names
                .iter()
                .copied()
                .zip(line.split('\t'))
                .filter(|(name, _)| !NUMBERS.contains(name) && !is_time(name))
                .collect();
            let late = cells.iter().any(|(name, cell)| ["orig.port", "resp.port"].contains(name) && is_handed_over(cell));
            cells.into_iter().filter(|(name, _)| !late || COUNTED.contains(name)).collect()
        })
        .collect();
    records.sort_unstable_by_key(|record| {
        let named = |wanted: &str| record.iter().find(|(name, _)| *name == wanted).map(|(_, cell)| *cell);
        (named("proto"), named("orig.ip"), named("orig.port"), named("resp.ip"), named("resp.port"), record.clone())
    });
    records
}

/// What differs, in the first records that do.
fn differences(one: &[Vec<(&str, &str)>], many: &[Vec<(&str, &str)>]) -> String {
    let mut text = String::new();
    for (a, b) in one.iter().zip(many).filter(|(a, b)| a != b).take(4) {
        let key: Vec<_> = a.iter().filter(|(name, _)| COUNTED.contains(name)).collect();
        let _ = writeln!(text, "{key:?}");
        a.iter().zip(b).filter(|(a, b)| a != b).for_each(|(a, b)| {
            let _ = writeln!(text, "    one thread {a:?}, several {b:?}");
        });
    }
    text
}

fn same_records(threads: u32) {
    let Some(pair) = Pair::new() else { return };
    let line = "flows -i veth0 --format tsv";
    let alone = start(&pair, "ring", line);
    let shared = start(&pair, "ring", &format!("{line} --threads {threads}"));
    inject(&pair, &made());
    talk(&pair);
    inject(&pair, &made());
    let (alone, shared) = (alone.interrupt(), shared.interrupt());
    assert_eq!(alone.code(), Some(0), "{}", alone.stderr);
    assert_eq!(shared.stderr, alone.stderr, "packets captured, received, dropped");
    let (one, many) = (records(&alone.stdout), records(&shared.stdout));
    assert!(one.len() > 300, "there was something to follow: {} records", one.len());
    assert!(
        one == many,
        "{} records of one thread, {} of several; first differences:\n{}",
        one.len(),
        many.len(),
        differences(&one, &many)
    );
}

/// How many packets were captured, by what is said at the end.
fn captured(stderr: &str) -> u64 {
    let number = stderr.lines().find_map(|line| line.strip_suffix(" packets captured")).unwrap_or_else(|| panic!("{stderr}"));
    number.parse().expect("a number")
}

/// Loopback shows each frame twice; a limit ends it all; what was captured, the twins and the rest are what was received.
#[test]
fn the_account_of_several_rings_is_exact() {
    let Some(pair) = Pair::new() else { return };
    for line in ["flows -i lo --threads 3 --format jsonl", "flows -i any --threads 3 --format jsonl -c 40"] {
        let mut command = sockeye();
        command.args(line.split_whitespace());
        let capturing = start_command(&pair, command);
        pair.near.run(|| {
            let to = UdpSocket::bind("127.0.0.1:9100").expect("binds");
            for _ in 0..30 {
                let from = UdpSocket::bind("127.0.0.1:0").expect("binds");
                for _ in 0..10 {
                    from.send_to(b"round", to.local_addr().expect("bound")).expect("sends");
                }
            }
        });
        let ran = if line.contains("-c") { capturing.end() } else { capturing.interrupt() };
        assert_eq!(ran.code(), Some(0), "{}", ran.stderr);
        let end = ran.stdout.lines().last().expect("an end record");
        let number = |name: &str| -> u64 {
            let at = end.rfind(&format!("\"{name}\":")).unwrap_or_else(|| panic!("{name}: {end}")) + name.len() + 3;
            let digits: String = end[at..].chars().take_while(char::is_ascii_digit).collect();
            digits.parse().expect("a number")
        };
        let wanted = if line.contains("-c") { 40 } else { 300 };
        assert_eq!(number("packets"), wanted, "{end}");
        assert_eq!(captured(&ran.stderr), wanted, "{}", ran.stderr);
        assert_eq!(end.matches("\"name\":").count(), 1, "one source: {end}");
    }
}

#[test]
fn asked_it_tells_of_all_threads_and_of_its_interface_once() {
    let Some(pair) = Pair::new() else { return };
    let capturing = start(&pair, "ring", "summary -i veth0 --threads 4");
    inject(&pair, &made());
    // Blocks of all rings are read by then; the line may be asked for again.
    let frames = made().len();
    let is_all = |_: &str, stderr: &str| {
        stderr.lines().any(|line| line.starts_with(&format!("sockeye: {} packets captured", grouped(frames))))
    };
    let start = std::time::Instant::now();
    while !is_all("", &capturing.stderr()) {
        assert!(start.elapsed() < super::PATIENCE, "{}", capturing.stderr());
        capturing.signal("USR1");
        thread::sleep(std::time::Duration::from_millis(50));
    }
    pair.near.ip("link set veth0 down");
    capturing.wait_until("down", |_, stderr| stderr.contains("went down"));
    pair.near.ip("link set veth0 up");
    capturing.wait_until("up", |_, stderr| stderr.contains("is up again"));
    inject(&pair, &made());
    pair.near.ip("link del veth0");
    let ran = capturing.end();
    assert_eq!(ran.code(), Some(1), "{}", ran.stderr);
    for said in ["is up again", "vanished", "listening on"] {
        assert_eq!(ran.stderr.matches(said).count(), 1, "{said}: {}", ran.stderr);
    }
    // An interface that is removed goes down first, which may be seen or not.
    assert!((1..=2).contains(&ran.stderr.matches("went down").count()), "{}", ran.stderr);
    assert_eq!(captured(&ran.stderr), 2 * frames as u64, "also when the interface had been down: {}", ran.stderr);
}

/// As messages print it.
fn grouped(number: usize) -> String {
    if number < 1000 { number.to_string() } else { format!("{},{:03}", number / 1000, number % 1000) }
}

#[test]
fn two_threads_find_what_one_finds() {
    same_records(2);
}

#[test]
fn five_threads_find_what_one_finds() {
    same_records(5);
}
