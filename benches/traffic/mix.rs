//! A link's everyday traffic: mostly short conversations, a few long ones that carry most of the bytes. So many are under way at a
//! time; when one ends another begins a little later.

use super::capture::Capture;
use super::random::Random;
use super::tcp::{End, Path, Script, connection};
use super::wire::{self, Address, Ends, Segment};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::Write;

const MILLI: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MILLI;
/// Payloads are cut from a block of so many bytes.
const NOISE: usize = 1 << 17;

/// What to make. Parts are in percent, chances in millionths.
pub(crate) struct Mix {
    pub(crate) open: usize,
    pub(crate) ipv6: u64,
    pub(crate) vlan: u64,
    pub(crate) loss: u64,
    pub(crate) reordering: u64,
    pub(crate) seed: u64,
}

/// A packet of a conversation, as it passes.
enum What {
    Tcp(Segment, u16),
    Udp(u16),
    Dns {
        id: u16,
        name: u32,
        answers: u8,
    },
    Echo {
        id: u16,
        number: u16,
    },
    /// A router says that what the client sent did not get there.
    Unreachable(u16),
}

struct Packet {
    at: u64,
    side: usize,
    what: What,
}

struct Flow {
    ends: Ends,
    /// The last one first.
    packets: Vec<Packet>,
    id: u16,
}

/// Fills the capture.
pub(crate) fn write(mix: &Mix, capture: &mut Capture<impl Write>) {
    let mut random = Random(mix.seed);
    let noise: Vec<u8> = (0..NOISE / 8).flat_map(|_| random.next().to_be_bytes()).collect();
    let mut flows: Vec<Flow> = Vec::with_capacity(mix.open);
    let mut turns = BinaryHeap::with_capacity(mix.open);
    let spread = 20 * SECOND;
    for place in 0..mix.open {
        let start = random.below(spread);
        let flow = begin(mix, start, &mut random);
        turns.push(Reverse((flow.packets.last().map_or(start, |packet| packet.at), place)));
        flows.push(flow);
    }
    let mut frame = Vec::with_capacity(2048);
    while capture.is_open() {
        let Some(Reverse((now, place))) = turns.pop() else { break };
        let flow = &mut flows[place];
        let Some(packet) = flow.packets.pop() else {
            *flow = begin(mix, now, &mut random);
            turns.push(Reverse((flow.packets.last().map_or(now, |packet| packet.at), place)));
            continue;
        };
        make(&mut frame, flow, &packet, &noise);
        capture.packet(packet.at, &frame);
        let next = flow.packets.last().map(|packet| packet.at);
        turns.push(Reverse((next.unwrap_or_else(|| now + random.exponential(500 * MILLI)), place)));
    }
}

fn make(frame: &mut Vec<u8>, flow: &mut Flow, packet: &Packet, noise: &[u8]) {
    let ends = if packet.side == 0 { flow.ends } else { flow.ends.turned() };
    flow.id = flow.id.wrapping_add(1);
    let cut = |from: usize, length: u16| &noise[from % (NOISE / 2)..][..usize::from(length)];
    match &packet.what {
        What::Tcp(segment, length) => wire::tcp(frame, &ends, flow.id, segment, cut(segment.seq as usize, *length)),
        What::Udp(length) => wire::udp(frame, &ends, flow.id, cut(usize::from(flow.id) * 8, *length)),
        What::Dns { id, name, answers } => wire::udp(frame, &ends, flow.id, &dns(*id, *name, *answers, packet.side == 1)),
        What::Echo { id, number } => {
            let kind = if packet.side == 0 { [(8, 0), (128, 0)] } else { [(0, 0), (129, 0)] };
            let word = (u32::from(*id) << 16) | u32::from(*number);
            wire::icmp(frame, &ends, flow.id, kind, word, cut(usize::from(*id), 56));
        }
        What::Unreachable(length) => {
            let mut quoted = Vec::new();
            wire::ip(&mut quoted, flow.ends.addresses, wire::UDP, 8 + usize::from(*length), flow.id, wire::Piece::Whole);
            wire::udp_datagram(&mut quoted, &flow.ends, cut(0, *length));
            wire::icmp(frame, &ends, flow.id, [(3, 3), (1, 4)], 0, &quoted);
        }
    }
}

/// A DNS question, or its answer with so many addresses.
fn dns(id: u16, name: u32, answers: u8, is_answer: bool) -> Vec<u8> {
    let mut message = Vec::with_capacity(128);
    message.extend_from_slice(&id.to_be_bytes());
    message.extend_from_slice(if is_answer { &[0x81, 0x80] } else { &[1, 0] });
    message.extend_from_slice(&[0, 1, 0, if is_answer { answers } else { 0 }, 0, 0, 0, 0]);
    for label in [format!("host{:x}", name % 4096), format!("site{:x}", name >> 20), "example".to_owned()] {
        message.push(label.len() as u8);
        message.extend_from_slice(label.as_bytes());
    }
    message.extend_from_slice(&[0, 0, 1, 0, 1]);
    if is_answer {
        for answer in 0..answers {
            message.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4, 198, 51, 100, answer]);
        }
    }
    message
}

fn begin(mix: &Mix, start: u64, random: &mut Random) -> Flow {
    let v6 = random.below(100) < mix.ipv6;
    let (from, dest) = (random.below(4096) as u32, random.pareto(1, 0.7, 3000) as u32 % 3000);
    let addresses = if v6 {
        let host = |net: u128, n: u32| Address::V6((net << 96) | (u128::from(n & 0xff) << 64) | u128::from(n) | 0x1_0000);
        [host(0x2001_0db8, from), host(0x2a00_1450, dest)]
    } else {
        [Address::V4(wire::client(from)), Address::V4(0xc612_0000 | dest)]
    };
    // A host is in one network.
    let vlan = (u64::from(from % 100) < mix.vlan).then_some(100 + (from % 7) as u16);
    let ephemeral = random.between(32_768, 61_000) as u16;
    let ends = |port| Ends { addresses, ports: [ephemeral, port], vlan };
    let (ends, mut packets) = match random.below(1000) {
        0..580 => {
            let port = [443, 443, 443, 443, 443, 443, 4433, 4433, 5228, 8009][random.below(10) as usize];
            (ends(port), tcp(mix, start, random))
        }
        580..850 => (ends(53), lookup(start, random)),
        850..856 => (ends(16_384 + (ephemeral & 0xffe)), voice(start, random)),
        856..905 => (ends(443), datagrams(start, random)),
        905..930 => (ends(123), ask(start, 48, random)),
        930..970 => (ends(0), ping(start, random)),
        970..985 => {
            let length = random.between(20, 200) as u16;
            let quoted = random.between(MILLI, 80 * MILLI);
            let packet = |at, side, what| Packet { at, side, what };
            (ends(33_434), vec![packet(start, 0, What::Udp(length)), packet(start + quoted, 1, What::Unreachable(length))])
        }
        _ => (ends(1900 + (ephemeral & 0xff)), ask(start, 120, random)),
    };
    packets.sort_by_key(|packet| Reverse(packet.at));
    Flow { ends, packets, id: random.next() as u16 }
}

/// A TCP connection of one kind or another.
fn tcp(mix: &Mix, start: u64, random: &mut Random) -> Vec<Packet> {
    let near = random.between(MILLI / 10, 4 * MILLI);
    let path = Path {
        delays: [near, random.pareto(3 * MILLI, 1.1, 250 * MILLI)],
        jitter: random.below(near / 4 + 1),
        // Most paths are good, some are not.
        loss: if random.below(10) == 0 { mix.loss * 5 } else { mix.loss / 2 },
        reordering: if random.below(10) == 0 { mix.reordering * 6 } else { mix.reordering / 3 },
        nanos_a_byte: [8, 40, 80, 400][random.below(4) as usize],
    };
    let pause = |random: &mut Random| random.exponential(400 * MILLI);
    let mut end = match random.below(100) {
        0..70 => End::Fin(random.below(2) as usize),
        70..88 => End::Reset(random.below(2) as usize),
        _ => End::Open,
    };
    let exchanges = match random.below(1000) {
        0..45 => {
            end = End::Unanswered;
            Vec::new()
        }
        45..80 => {
            end = End::Refused;
            Vec::new()
        }
        // Somebody types.
        80..100 => (0..random.pareto(25, 1.0, 1500))
            .map(|_| (random.between(36, 100), random.between(36, 180), random.exponential(180 * MILLI)))
            .collect(),
        // A download, or an upload.
        100..107 => {
            let bytes = random.pareto(90_000, 1.05, 16_000_000);
            if random.below(5) == 0 { vec![(bytes, 300, 0)] } else { vec![(400, bytes, 0)] }
        }
        _ => (0..random.pareto(1, 1.3, 30))
            .map(|_| (random.between(120, 1300), random.pareto(150, 0.95, 60_000), pause(random)))
            .collect(),
    };
    let script = Script {
        exchanges,
        end,
        mss: [1448, 1448, 1448, 1388, 1348, 536][random.below(6) as usize],
        shift: random.between(5, 9) as u8,
        timestamps: random.below(100) < 85,
    };
    let passed = connection(&script, &path, start, random);
    passed.into_iter().map(|one| Packet { at: one.at, side: one.side, what: What::Tcp(one.segment, one.payload) }).collect()
}

fn lookup(start: u64, random: &mut Random) -> Vec<Packet> {
    let (id, name, answers) = (random.next() as u16, random.next() as u32, random.between(1, 5) as u8);
    let packet = |at, side| Packet { at, side, what: What::Dns { id, name, answers } };
    let mut packets = vec![packet(start, 0)];
    let mut asked = start;
    if random.below(50) == 0 {
        asked += 5 * SECOND;
        packets.push(packet(asked, 0));
    }
    if random.below(100) > 0 {
        packets.push(packet(asked + random.pareto(MILLI / 2, 0.9, 300 * MILLI), 1));
    }
    packets
}

/// One question and one answer.
fn ask(start: u64, length: u16, random: &mut Random) -> Vec<Packet> {
    let answered = start + random.between(2 * MILLI, 60 * MILLI);
    [(start, 0), (answered, 1)].map(|(at, side)| Packet { at, side, what: What::Udp(length) }).into()
}

/// A call: a packet each 20 ms, both ways.
fn voice(start: u64, random: &mut Random) -> Vec<Packet> {
    let each = random.pareto(50, 1.0, 3000);
    let packets = (0..each * 2).map(|n| {
        let at = start + n / 2 * 20 * MILLI + random.below(3 * MILLI);
        Packet { at, side: (n % 2) as usize, what: What::Udp(172) }
    });
    packets.collect()
}

/// A transfer over UDP: full datagrams one way, small ones the other way.
fn datagrams(start: u64, random: &mut Random) -> Vec<Packet> {
    let mut at = start;
    let mut packets = vec![Packet { at, side: 0, what: What::Udp(1200) }];
    for n in 0..random.pareto(3, 0.9, 5000) {
        at += if random.below(12) == 0 { random.exponential(30 * MILLI) } else { random.exponential(MILLI / 5) };
        let full = random.below(10) < 3;
        packets.push(Packet { at, side: 1, what: What::Udp(if full { 1200 } else { random.between(30, 400) as u16 }) });
        if n % 3 == 0 {
            packets.push(Packet { at: at + random.below(2 * MILLI), side: 0, what: What::Udp(33) });
        }
    }
    packets
}

fn ping(start: u64, random: &mut Random) -> Vec<Packet> {
    let (id, around) = (random.next() as u16, random.between(MILLI, 120 * MILLI));
    let mut packets = Vec::new();
    for number in 0..random.between(1, 8) as u16 {
        let at = start + u64::from(number) * SECOND;
        packets.push(Packet { at, side: 0, what: What::Echo { id, number } });
        if random.below(20) > 0 {
            packets.push(Packet { at: at + around, side: 1, what: What::Echo { id, number } });
        }
    }
    packets
}
