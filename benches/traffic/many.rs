//! So many TCP connections open at a time, all alike, whose packets come in a scrambled order: what a packet costs when its flow is in
//! no cache. Each connection has the same number of packets, about one a second, and gives way to another. So the share of
//! packets that begin or end a connection is the same with ten thousand open connections and with five million.

use super::capture::Capture;
use super::random::mixed;
use super::wire::{self, ACK, Address, Ends, FIN, PSH, SYN, Segment};
use std::io::Write;

/// What to make.
pub(crate) struct Many {
    pub(crate) open: u64,
    /// Packets of a connection, 7 at least.
    pub(crate) life: u64,
    /// Bytes of a frame with data.
    pub(crate) size: usize,
    pub(crate) seed: u64,
}

/// Ethernet, IPv4 and TCP headers with a timestamp option.
const HEADERS: usize = 14 + 20 + 32;

/// Fills the capture. Keeps nothing of a connection: all follows from its number and the packet's.
pub(crate) fn write(many: &Many, capture: &mut Capture<impl Write>) {
    let payload = vec![b'.'; many.size.saturating_sub(HEADERS).max(1)];
    let mut frame = Vec::with_capacity(2048);
    // Rounds: in each, every place has one packet. A step without common factors with the number of places scrambles them.
    let step = (many.open * 618 / 1000..many.open).find(|step| gcd(*step, many.open) == 1).unwrap_or(1);
    let mut round = 0_u64;
    while capture.is_open() {
        for turn in 0..many.open {
            let place = turn * step % many.open;
            // Connections in neighbouring places begin one round after the other.
            if let Some(age) = round.checked_sub(place % many.life) {
                let connection = age / many.life * many.open + place;
                let nanos = round * 1_000_000_000 + turn * 1_000_000_000 / many.open;
                segment(&mut frame, many, connection, age % many.life, nanos, &payload);
                capture.packet(nanos, &frame);
            }
            if !capture.is_open() {
                return;
            }
        }
        round += 1;
    }
}

const fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// The packet of a connection: handshake, data by turns, and both ends' FIN.
fn segment(to: &mut Vec<u8>, many: &Many, connection: u64, packet: u64, nanos: u64, payload: &[u8]) {
    let random = mixed(many.seed ^ connection.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let client = Address::V4(wire::client((connection / 40_000) as u32 * 13));
    let server = Address::V4(0xc612_0000 | (random as u32 & 0xff));
    let ends = Ends { addresses: [client, server], ports: [20_000 + (connection % 40_000) as u16, 4433], vlan: None };
    let bytes = payload.len() as u64;
    // After the handshake data, by turns of the client and the server; then the server's FIN, the client's, the last acknowledgement.
    let close = many.life - 3;
    let data = packet.clamp(3, close) - 3;
    let sent = [data.div_ceil(2), data / 2].map(|count| (count * bytes) as u32);
    let (side, flags) = match packet {
        0 => (0, SYN),
        1 => (1, SYN | ACK),
        2 => (0, ACK),
        _ if packet == close => (1, FIN | ACK),
        _ if packet == close + 1 => (0, FIN | ACK),
        _ if packet > close => (1, ACK),
        _ => ((packet + 1) as usize % 2, PSH | ACK),
    };
    let isn = [random as u32, (random >> 32) as u32];
    // What SYN and FIN add, once they have been sent.
    let position = |side: usize| {
        let syn = u32::from(packet > side as u64);
        let fin = u32::from(packet > close + 1 - side as u64);
        isn[side].wrapping_add(sent[side]).wrapping_add(syn + fin)
    };
    let (seq, ack) = (position(side), position(1 - side));
    let millis = (nanos / 1_000_000) as u32;
    let segment = Segment {
        seq,
        ack: if packet == 0 { 0 } else { ack },
        flags,
        window: 64_240,
        mss: (flags & SYN != 0).then_some((1460, 7)),
        times: Some((millis, if packet == 0 { 0 } else { millis.wrapping_sub(1000) })),
        sacks: [(0, 0); 3],
    };
    let ends = if side == 0 { ends } else { ends.turned() };
    wire::tcp(to, &ends, packet as u16, &segment, if flags & PSH != 0 { payload } else { &[] });
}
