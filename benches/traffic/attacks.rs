//! What somebody sends to hurt whoever reads it: each kind aims at one table, list or loop of an analyzer.

use super::capture::Capture;
use super::random::Random;
use super::wire::{self, ACK, Address, Ends, PSH, Piece, SYN, Segment, TCP, UDP, client};
use std::io::Write;

/// Nanoseconds between two packets.
const GAP: u64 = 2_000;
const VICTIM: Address = Address::V4(0xc633_6402);

/// Names and what they are, for the usage.
pub(crate) const KINDS: &[(&str, &str)] = &[
    ("syn", "SYNs of 54 bytes from spoofed addresses to one server"),
    ("half-open", "the same, answered by the server, never completed: two packets a connection"),
    ("fragments", "first and middle pieces of 8 bytes; no datagram is ever whole"),
    ("overlaps", "pieces of few datagrams, each overlapping those before"),
    ("window", "a thousand connections; segments far outside of their windows"),
    ("holes", "one connection; every second segment is missing, 10,000 holes at a time, and then they are filled"),
    ("small-holes", "a hundred thousand connections, each with 30 holes of a byte that nobody fills"),
    ("tunnels", "IP in IP, GRE, VXLAN and tags, as deep as a frame of 1,500 bytes has room, each another conversation"),
    (
        "collisions",
        "conversations whose addresses and ports have one sum, one exclusive or, or one FNV- or Fx-like hash without a seed",
    ),
    ("udp", "datagrams between spoofed addresses, each a conversation of its own"),
];

/// Fills the capture with one kind; false if there is no such kind.
pub(crate) fn write(kind: &str, seed: u64, capture: &mut Capture<impl Write>) -> bool {
    let mut random = Random(seed);
    match kind {
        "syn" => flood(capture, &mut random, false),
        "half-open" => flood(capture, &mut random, true),
        "fragments" => fragments(capture, &mut random),
        "overlaps" => overlaps(capture, &mut random),
        "window" => out_of_window(capture, &mut random),
        "holes" => holes(capture, &mut random),
        "small-holes" => small_holes(capture, &mut random),
        "tunnels" => tunnels(capture, &mut random),
        "collisions" => collisions(capture, &mut random),
        "udp" => datagrams(capture, &mut random),
        _ => return false,
    }
    true
}

fn spoofed(random: &mut Random) -> Ends {
    let from = Address::V4(0x0b00_0000 + random.below(0xb000_0000) as u32);
    Ends { addresses: [from, VICTIM], ports: [random.between(1024, 65_536) as u16, 80], vlan: None }
}

fn flood(capture: &mut Capture<impl Write>, random: &mut Random, answered: bool) {
    let (mut frame, mut now) = (Vec::new(), 0);
    while capture.is_open() {
        let ends = spoofed(random);
        let seq = random.next() as u32;
        let syn = Segment { seq, flags: SYN, window: 1024, ..Segment::default() };
        wire::tcp(&mut frame, &ends, seq as u16, &syn, &[]);
        capture.packet(now, &frame);
        if answered {
            let answer = Segment {
                seq: random.next() as u32,
                ack: seq.wrapping_add(1),
                flags: SYN | ACK,
                window: 64_240,
                ..Segment::default()
            };
            wire::tcp(&mut frame, &ends.turned(), 0, &answer, &[]);
            capture.packet(now + GAP / 2, &frame);
        }
        now += GAP;
    }
}

fn datagrams(capture: &mut Capture<impl Write>, random: &mut Random) {
    let (mut frame, mut now) = (Vec::new(), 0);
    while capture.is_open() {
        let mut ends = spoofed(random);
        ends.ports[1] = random.next() as u16 | 1;
        wire::udp(&mut frame, &ends, now as u16, &[0; 12]);
        capture.packet(now, &frame);
        now += GAP;
    }
}

fn fragments(capture: &mut Capture<impl Write>, random: &mut Random) {
    let (mut frame, mut now) = (Vec::new(), 0);
    while capture.is_open() {
        let ends = spoofed(random);
        let id = random.next() as u16;
        for offset in [0, 8, 16, 64_000] {
            let piece = Piece::Part { offset, more: true };
            let protocol = if id.is_multiple_of(2) { TCP } else { UDP };
            wire::fragment(&mut frame, &ends, protocol, id, piece, &random.next().to_be_bytes());
            capture.packet(now, &frame);
            now += GAP;
        }
    }
}

fn overlaps(capture: &mut Capture<impl Write>, random: &mut Random) {
    let (mut frame, mut now) = (Vec::new(), 0);
    let ends = spoofed(random);
    while capture.is_open() {
        let offset = 8 * random.below(8000) as u16;
        let length = (8 * random.between(1, 60)) as usize;
        wire::fragment(&mut frame, &ends, UDP, random.below(16) as u16, Piece::Part { offset, more: true }, &vec![7; length]);
        capture.packet(now, &frame);
        now += GAP;
    }
}

/// The handshake of a connection of this client; gives its ends and the first sequence numbers of both.
fn opened(
    capture: &mut Capture<impl Write>,
    frame: &mut Vec<u8>,
    now: &mut u64,
    n: u64,
    random: &mut Random,
) -> (Ends, [u32; 2]) {
    let from = Address::V4(client((n / 50_000) as u32 * 7));
    let ends = Ends { addresses: [from, VICTIM], ports: [10_000 + (n % 50_000) as u16, 4433], vlan: None };
    let isn = [random.next() as u32, random.next() as u32];
    let next = isn.map(|isn| isn.wrapping_add(1));
    let mss = Some((1460, 7));
    let syn = Segment { seq: isn[0], flags: SYN, window: 64_240, mss, ..Segment::default() };
    let answer = Segment { seq: isn[1], ack: next[0], flags: SYN | ACK, window: 64_240, mss, ..Segment::default() };
    let ack = Segment { seq: next[0], ack: next[1], flags: ACK, window: 500, ..Segment::default() };
    for (ends, segment) in [(ends, syn), (ends.turned(), answer), (ends, ack)] {
        wire::tcp(frame, &ends, 1, &segment, &[]);
        capture.packet(*now, frame);
        *now += GAP;
    }
    (ends, next)
}

fn out_of_window(capture: &mut Capture<impl Write>, random: &mut Random) {
    let (mut frame, mut now) = (Vec::new(), 0);
    let connections: Vec<_> = (0..1000).map(|n| opened(capture, &mut frame, &mut now, n, random)).collect();
    while capture.is_open() {
        let (ends, next) = connections[random.below(1000) as usize];
        let side = random.below(2) as usize;
        let ends = if side == 0 { ends } else { ends.turned() };
        let seq = random.next() as u32;
        let ack = if random.below(2) == 0 { next[1 - side] } else { random.next() as u32 };
        let segment = Segment { seq, ack, flags: ACK, window: 500, ..Segment::default() };
        wire::tcp(&mut frame, &ends, seq as u16, &segment, &[0; 6]);
        capture.packet(now, &frame);
        now += GAP;
    }
}

fn holes(capture: &mut Capture<impl Write>, random: &mut Random) {
    const HOLES: u32 = 10_000;
    const BYTES: u32 = 100;
    let (mut frame, mut now) = (Vec::new(), 0);
    let (ends, mut next) = opened(capture, &mut frame, &mut now, 1, random);
    while capture.is_open() {
        // First what lies above the holes, and then the holes from the last to the first: none closes all before the end.
        let above = (0..HOLES).map(|n| 2 * n + 1);
        let below = (0..HOLES).rev().map(|n| 2 * n);
        for place in above.chain(below) {
            let seq = next[0].wrapping_add(place * BYTES);
            let data = Segment { seq, ack: next[1], flags: ACK | PSH, window: 500, ..Segment::default() };
            wire::tcp(&mut frame, &ends, place as u16, &data, &[b'h'; BYTES as usize]);
            capture.packet(now, &frame);
            let acked = next[0].wrapping_add(if place == 0 { 2 * HOLES * BYTES } else { 0 });
            let ack = Segment { seq: next[1], ack: acked, flags: ACK, window: 0xffff, ..Segment::default() };
            wire::tcp(&mut frame, &ends.turned(), place as u16, &ack, &[]);
            capture.packet(now + GAP / 2, &frame);
            now += GAP;
        }
        next[0] = next[0].wrapping_add(2 * HOLES * BYTES);
    }
}

fn small_holes(capture: &mut Capture<impl Write>, random: &mut Random) {
    let (mut frame, mut now) = (Vec::new(), 0);
    let connections: Vec<_> = (0..100_000).map(|n| opened(capture, &mut frame, &mut now, n, random)).collect();
    for round in 0..30 {
        for (ends, next) in &connections {
            let seq = next[0].wrapping_add(1 + 2 * round);
            let segment = Segment { seq, ack: next[1], flags: ACK, window: 500, ..Segment::default() };
            wire::tcp(&mut frame, ends, round as u16, &segment, b"x");
            capture.packet(now, &frame);
            now += GAP;
        }
    }
}

fn tunnels(capture: &mut Capture<impl Write>, random: &mut Random) {
    const DEEP: usize = 1400;
    let (mut frame, mut now) = (Vec::new(), 0);
    while capture.is_open() {
        let inner = Ends {
            addresses: [Address::V4(client(random.below(4096) as u32)), VICTIM],
            ports: [random.between(1024, 65_536) as u16, 53],
            vlan: Some(5),
        };
        let addresses = || [Address::V4(0x0a00_0001), Address::V4(0x0a00_0002)];
        let kind = random.below(4);
        let (mut payload, mut protocol) = (Vec::new(), UDP);
        wire::udp_datagram(&mut payload, &inner, &[1; 12]);
        while payload.len() < DEEP {
            let mut around = Vec::with_capacity(1500);
            wire::ip(&mut around, addresses(), protocol, payload.len(), 1, Piece::Whole);
            around.append(&mut payload);
            (payload, protocol) = match if kind == 3 { random.below(3) } else { kind } {
                0 => (around, 4),
                // GRE with IPv4 in it.
                1 => ([&[0, 0, 8, 0][..], &around].concat(), 47),
                // VXLAN: UDP, its header, Ethernet with two tags, IPv4.
                _ => {
                    let mut vxlan = vec![8, 0, 0, 0, 0, 0, 9, 0];
                    vxlan.extend_from_slice(&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xa8, 0, 9, 0x81, 0, 0, 10, 8, 0]);
                    vxlan.append(&mut around);
                    let ends = Ends { addresses: addresses(), ports: [49_152, 4789], vlan: None };
                    let mut datagram = Vec::with_capacity(1500);
                    wire::udp_datagram(&mut datagram, &ends, &vxlan);
                    (datagram, UDP)
                }
            };
        }
        wire::raw(&mut frame, &inner, protocol, now as u16, &payload);
        capture.packet(now, &frame);
        now += GAP;
    }
}

fn collisions(capture: &mut Capture<impl Write>, random: &mut Random) {
    const FX: u64 = 0x517c_c1b7_2722_0a95;
    let (mut frame, mut now) = (Vec::new(), 0);
    let mut n = 0_u32;
    while capture.is_open() {
        n += 1;
        let low = n & 0xffff;
        let (addresses, ports) = match n >> 16 & 3 {
            // One sum of addresses and of ports.
            0 => ([0x0a00_0000 + n, 0xd000_0000 - n], [low as u16, 0_u16.wrapping_sub(low as u16)]),
            // One exclusive or.
            1 => ([0x0a00_0000 ^ n, 0xc000_0000 ^ n], [low as u16, low as u16 ^ 0x1bb]),
            // Equal low bits: tables of a power of two that take addresses as they are.
            2 => ([n << 12, 0xc0a8_0000], [0x1000, 0x2000]),
            // Rotate, exclusive or, multiply: the second word undoes the first.
            _ => {
                let first = u64::from(n);
                let second = first.wrapping_mul(FX).rotate_left(5) ^ 0x0a0b_0c0d;
                ([n, second as u32], [(second >> 32) as u16, (second >> 48) as u16])
            }
        };
        let ends = Ends { addresses: addresses.map(Address::V4), ports, vlan: None };
        let segment = Segment { seq: random.next() as u32, flags: SYN, window: 1024, ..Segment::default() };
        wire::tcp(&mut frame, &ends, n as u16, &segment, &[]);
        capture.packet(now, &frame);
        now += GAP;
    }
}
