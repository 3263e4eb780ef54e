//! TCP traffic by a seed: four pairs of ends, whose segments are partly what a host would send next, partly a little beside it,
//! partly nonsense. In a capture file of raw IP packets, nanoseconds.

use crate::rng::Rng;

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;

/// What a side sent last, for segments that follow on it.
#[derive(Clone, Copy, Default)]
struct Side {
    first: u32,
    next: u32,
    ack: u32,
    window: u16,
    scale: u8,
}

#[derive(Default)]
struct Segment {
    seq: u32,
    ack: u32,
    flags: u8,
    window: u16,
    options: Vec<u8>,
    len: u32,
}

/// A capture file of so many packets.
pub(crate) fn random(seed: u64, packets: usize) -> Vec<u8> {
    let mut dice = Rng::new(seed, 42);
    let mut sides = [[Side::default(); 2]; 4];
    for side in sides.iter_mut().flatten() {
        // Numbers wrap around in some.
        *side = Side { first: dice.pick(&[1000, 70_000, u32::MAX - 200, 1 << 31, 0]), window: 1000, ..Side::default() };
        side.next = side.first;
    }
    let mut now: u64 = 1_700_000_000_000_000_000;
    let mut out = header();
    for _ in 0..packets {
        now = now.wrapping_add_signed(step(&mut dice));
        let pair = dice.below(4) as usize;
        let from = dice.below(2) as usize;
        let segment = segment(&mut dice, sides[pair][from], sides[pair][1 - from]);
        learn(&mut sides[pair][from], &segment);
        let bytes = datagram(&mut dice, pair, from == 1, &segment);
        // Some are cut by a snap length, at places where something is lost.
        let captured = if dice.once_in(40) { dice.pick(&[40, 42, 44, 47, 52]).min(bytes.len()) } else { bytes.len() };
        record(&mut out, now, &bytes, captured);
    }
    out
}

/// Time to the next packet, nanoseconds: around the limits that rules have, and now and then backwards.
fn step(dice: &mut Rng) -> i64 {
    match dice.below(60) {
        0 => -1_500_000,
        1 => -40_000_000_000,
        2 => 75_000_000_000,
        _ => dice.pick(&[0, 1000, 400_000, 1_499_999, 1_500_000, 3_000_000, 3_000_001, 9_000_000, 20_000_000, 21_000_000]),
    }
}

fn segment(dice: &mut Rng, own: Side, peer: Side) -> Segment {
    let len = dice.pick(&[0, 0, 0, 0, 0, 1, 1, 2, 10, 10, 100]);
    let ack = match dice.below(12) {
        0..5 => own.ack,
        5..8 => peer.next,
        8 => peer.next.wrapping_add(10),
        9 => peer.next.wrapping_sub(10),
        10 => peer.first.wrapping_add(dice.below(50) as u32),
        _ => 0,
    };
    let seq = match dice.below(16) {
        0..7 => own.next,
        7..9 => own.next.wrapping_sub(1),
        9 => own.next.wrapping_sub(len),
        10 => own.next.wrapping_sub(10),
        11 => own.next.wrapping_add(10),
        12 => peer.ack,
        13 => peer.ack.wrapping_sub(len),
        14 => own.first,
        _ => own.first.wrapping_add(dice.below(50) as u32),
    };
    let window = match dice.below(8) {
        0..5 => own.window,
        5 => 0,
        _ => dice.pick(&[0, 1, 10, 100, 1000, 65_535]),
    };
    let flags = match dice.below(100) {
        0..3 => SYN,
        3..6 => SYN | ACK,
        6..9 => FIN | ACK,
        9 => RST,
        10 => RST | ACK,
        11 => 0,
        12 => SYN | FIN,
        13 => FIN,
        14 => SYN | RST,
        _ => ACK | dice.pick(&[0, 8]),
    };
    let mut segment = Segment { seq, ack, flags, window, options: options(dice, flags), len };
    if dice.once_in(25) {
        fill_window(&mut segment, own, peer);
    }
    segment
}

/// As much as the peer's window takes, or one more or less by the next roll's whim: the scale may be another.
fn fill_window(segment: &mut Segment, own: Side, peer: Side) {
    let edge = peer.ack.wrapping_add(u32::from(peer.window) << peer.scale);
    let room = edge.wrapping_sub(own.next);
    if (1..1400).contains(&room) {
        (segment.seq, segment.len, segment.flags) = (own.next, room, ACK);
    } else {
        (segment.seq, segment.len, segment.flags) = (edge.wrapping_sub(100), 100, ACK);
    }
}

fn options(dice: &mut Rng, flags: u8) -> Vec<u8> {
    let syn = flags & SYN != 0;
    match dice.below(if syn { 6 } else { 60 }) {
        0 | 1 => vec![1, 3, 3, dice.pick(&[0, 0, 1, 2, 7, 14, 15, 40])],
        2 => vec![2, 4, 5, 180, 4, 2, 1, 1],
        3 => [&[1, 1, 8, 10][..], &(dice.next() as u32).to_be_bytes(), &[0; 4]].concat(),
        // Multipath: an acknowledgment, a change of priority, a reset of a subflow.
        4 if !syn => vec![30, 4, 0x80, 0],
        5 if !syn => vec![30, 8, 0x20, 1, 0, 0, 0, 1],
        6 if !syn => vec![30, 4, 0x50, 0],
        7 if !syn => [&[1, 1, 5, 10][..], &(dice.below(100) as u32).to_be_bytes(), &200_u32.to_be_bytes()].concat(),
        _ => Vec::new(),
    }
}

fn learn(side: &mut Side, sent: &Segment) {
    let end = sent.seq.wrapping_add(sent.len).wrapping_add(u32::from(sent.flags & (SYN | FIN) != 0));
    if sent.flags & SYN != 0 {
        (side.first, side.next) = (sent.seq, end);
        side.scale = if sent.options.starts_with(&[1, 3, 3]) { sent.options[3].min(14) } else { 0 };
    } else if (end.wrapping_sub(side.next) as i32) > 0 && (end.wrapping_sub(side.next) as i32) < 100_000 {
        side.next = end;
    }
    (side.ack, side.window) = (sent.ack, sent.window);
}

/// A segment in its datagram: sometimes a piece of one, sometimes quoted by an ICMP error, sometimes with a header that lies.
fn datagram(dice: &mut Rng, pair: usize, back: bool, segment: &Segment) -> Vec<u8> {
    let mut ports = [40_001 + pair as u16, 50_001];
    let mut hosts = [[10, 0, 0, 1], [10, 0, 0, 2]];
    if back {
        ports.reverse();
        hosts.reverse();
    }
    let tcp = tcp(dice, ports, segment);
    let mut ip = ipv4(6, hosts, &tcp);
    match dice.below(150) {
        0 => ip[6] = 0x20,
        1 => {
            let quote = [&[3, 1, 0, 0, 0, 0, 0, 0], &ip[..]].concat();
            ip = ipv4(1, [[10, 0, 0, 9], hosts[0]], &quote);
        }
        // Segmentation offload leaves the length to the card.
        2 => ip[2..4].fill(0),
        3 => set_length(&mut ip, 40),
        4 => set_length(&mut ip, -1),
        // The first half of a tunnelled packet.
        5 => {
            ip.truncate(ip.len().min(64));
            ip = ipv4(4, [[10, 1, 0, 1], [10, 1, 0, 2]], &ip);
            ip[6] = 0x20;
        }
        _ => {}
    }
    ip
}

fn tcp(dice: &mut Rng, ports: [u16; 2], segment: &Segment) -> Vec<u8> {
    let mut tcp: Vec<u8> = ports.iter().flat_map(|port| port.to_be_bytes()).collect();
    tcp.extend(segment.seq.to_be_bytes());
    tcp.extend(segment.ack.to_be_bytes());
    let words = 5 + segment.options.len() / 4;
    let words = if dice.once_in(300) { dice.pick(&[0, 4, 15]) } else { words as u8 };
    tcp.extend([words << 4, segment.flags]);
    tcp.extend(segment.window.to_be_bytes());
    tcp.extend([0; 4]);
    tcp.extend(&segment.options);
    tcp.resize(tcp.len() + segment.len as usize, 0);
    tcp
}

fn ipv4(protocol: u8, hosts: [[u8; 4]; 2], data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u16 + 20).to_be_bytes();
    let mut ip = vec![0x45, 0, length[0], length[1], 0, 0, 0, 0, 64, protocol, 0, 0];
    ip.extend(hosts.concat());
    ip.extend(data);
    ip
}

/// The datagram says that it is longer, or shorter, than it is.
fn set_length(ip: &mut [u8], more: i16) {
    let length = (ip.len() as u16).wrapping_add_signed(more);
    ip[2..4].copy_from_slice(&length.to_be_bytes());
}

fn header() -> Vec<u8> {
    let words = [0xa1b2_3c4d_u32, 0x0004_0002, 0, 0, 65_535, 101];
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn record(out: &mut Vec<u8>, now: u64, bytes: &[u8], captured: usize) {
    let words = [(now / 1_000_000_000) as u32, (now % 1_000_000_000) as u32, captured as u32, bytes.len() as u32];
    out.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    out.extend(&bytes[..captured]);
}
