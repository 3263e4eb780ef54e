//! Connections as no host would make them: resends, holes, overlaps, shut windows, SACK, wraparound, a clock that steps back.

use crate::rng::Rng;
use etherparse::{PacketBuilder, TcpOptionElement as Opt};

/// A side's numbers.
#[derive(Clone, Copy)]
struct Numbers {
    base: u32,
    next: u32,
    scale: Option<u8>,
}

impl Numbers {
    /// Near the edges of the quadrants that tcptrace divides the circle into, or anywhere.
    fn new(dice: &mut Rng) -> Self {
        let edge = dice.within(0..4) << 30;
        let near = edge.wrapping_add(dice.within(0..100)).wrapping_sub(80);
        let base = if dice.percent(30) { dice.next() as u32 } else { near };
        let scale = dice.pick(&[None, Some(0), Some(3), Some(7), Some(14)]);
        Self { base, next: 1, scale }
    }

    fn at(&self, offset: u32) -> u32 {
        self.base.wrapping_add(offset)
    }
}

struct Connection<'a> {
    dice: &'a mut Rng,
    port: u16,
    v6: bool,
    sides: [Numbers; 2],
    now: u64,
    out: &'a mut Vec<u8>,
}

/// What is sent: flags by tcpdump's letters, number and acknowledgment relative to their starts.
struct Sent {
    from: usize,
    flags: &'static str,
    seq: u32,
    ack: u32,
    window: u16,
    data: u32,
    options: Vec<Opt>,
}

impl Connection<'_> {
    fn send(&mut self, sent: &Sent) {
        let wait = self.dice.pick(&[0, 0, 90, 2_000, 3_000, 40_000, 80_000]);
        self.now += u64::from(self.dice.within(0..wait + 1));
        if self.dice.percent(3) {
            self.now -= u64::from(self.dice.within(0..50_000));
        }
        let (me, peer) = (self.sides[sent.from], self.sides[1 - sent.from]);
        let ports = if sent.from == 0 { (self.port, 80) } else { (80, self.port) };
        let host = |side: usize| side as u8 + 1;
        let builder = PacketBuilder::ethernet2([2; 6], [4; 6]);
        let builder = if self.v6 {
            let address = |side| [0x20, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, host(side)];
            builder.ipv6(address(sent.from), address(1 - sent.from), 64)
        } else {
            builder.ipv4([10, 0, 0, host(sent.from)], [10, 0, 0, host(1 - sent.from)], 64)
        };
        let mut tcp = builder.tcp(ports.0, ports.1, me.at(sent.seq), sent.window);
        for flag in sent.flags.chars() {
            tcp = match flag {
                'S' => tcp.syn(),
                'F' => tcp.fin(),
                'R' => tcp.rst(),
                'P' => tcp.psh(),
                _ => tcp.ack(peer.at(sent.ack)),
            };
        }
        let mut packet = Vec::new();
        let tcp = tcp.options(&sent.options).expect("options fit");
        tcp.write(&mut packet, &vec![b'x'; sent.data as usize]).expect("it fits");
        let length = packet.len() as u32;
        for field in [(self.now / 1_000_000) as u32, (self.now % 1_000_000) as u32, length, length] {
            self.out.extend(field.to_le_bytes());
        }
        self.out.extend(packet);
    }

    fn handshake(&mut self) {
        let options =
            |side: &Numbers| side.scale.map(Opt::WindowScale).into_iter().chain([Opt::MaximumSegmentSize(1460)]).collect();
        let [a, b] = self.sides.map(|side| options(&side));
        for _ in 0..self.dice.pick(&[1, 1, 1, 2, 3]) {
            let window = self.dice.pick(&[0, 1000, 65535]);
            self.send(&Sent { from: 0, flags: "S", seq: 0, ack: 0, window, data: 0, options: Vec::clone(&a) });
        }
        for _ in 0..self.dice.pick(&[1, 1, 1, 2]) {
            let window = self.dice.pick(&[0, 1000, 65535]);
            self.send(&Sent { from: 1, flags: "S.", seq: 0, ack: 1, window, data: 0, options: Vec::clone(&b) });
        }
        self.send(&Sent { from: 0, flags: ".", seq: 1, ack: 1, window: 500, data: 0, options: Vec::new() });
    }

    fn anything(&mut self) {
        let from = self.dice.within(0..2) as usize;
        let data = self.dice.pick(&[0, 0, 1, 3, 5, 8, 20]);
        let (next, other) = (self.sides[from].next, self.sides[1 - from].next);
        let seq = match self.dice.within(0..10) {
            0..5 => next,
            5 => next + self.dice.within(0..30),
            _ => next.saturating_sub(self.dice.within(0..40)).max(1),
        };
        let back = self.dice.pick(&[0, 0, 0, 1]) * self.dice.within(0..40);
        let ack = other.saturating_sub(back).max(1);
        let window = if self.dice.percent(10) { 0 } else { self.dice.next() as u16 };
        let flags = self.dice.pick(&[".", "P.", ".", "P.", ".", "P.", ".", "P.", ".", "F.", "P", "R."]);
        let mut options = Vec::new();
        if self.dice.percent(15) {
            let mut block = || {
                let left = self.sides[1 - from].at(ack.wrapping_add(self.dice.within(0..60)).wrapping_sub(30));
                (left, left.wrapping_add(self.dice.within(1..20)))
            };
            options.push(Opt::SelectiveAcknowledgement(block(), [Some(block()), None, None]));
        }
        self.send(&Sent { from, flags, seq, ack, window, data, options });
        self.sides[from].next = next.max(seq + data);
    }
}

/// A classic pcap file of so many connections, each on a port of its own, a third of them seen from their middle.
pub(crate) fn capture(seed: u64, connections: u16) -> Vec<u8> {
    let mut dice = Rng::new(seed, 41);
    let mut out = [0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0].to_vec();
    out.extend([0; 8]);
    out.extend(65_535_u32.to_le_bytes());
    out.extend(1_u32.to_le_bytes());
    for number in 0..connections {
        let sides = [Numbers::new(&mut dice), Numbers::new(&mut dice)];
        let (v6, now, packets) = (dice.percent(20), 1_700_000_000_000_000, dice.within(2..60));
        let mut connection = Connection { dice: &mut dice, port: 1024 + number, v6, sides, now, out: &mut out };
        if connection.dice.percent(70) {
            connection.handshake();
        }
        for _ in 0..packets {
            connection.anything();
        }
    }
    out
}
