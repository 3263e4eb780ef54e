//! What the packets are: TCP connections (handshake, requests and answers in segments, acknowledgements, the close; of 500 data
//! segments one is sent twice) of which so many are open at a time, and UDP questions with their answers. IPv4, right
//! checksums, timestamps in the TCP options; payloads of zeros, to ports of which nobody decodes more than TCP or UDP.
//!
//! The same seed gives the same packets. Nothing of Ethernet says who is who: all frames go the same way over the wire.

use super::made::random::Random;
use super::made::wire::{self, ACK, Address, Ends, FIN, PSH, SYN, Segment};

/// Ethernet, IPv4 and TCP headers with a timestamp option.
const TCP_HEADERS: usize = 14 + 20 + 32;
/// Bounds of `--size`: a data segment has a payload, and fits into an MTU of 1500.
pub(crate) const SMALLEST: u64 = TCP_HEADERS as u64 + 1;
pub(crate) const LARGEST: u64 = 1514;
/// Bound of `--open`.
pub(crate) const MOST_OPEN: u64 = 1 << 20;
/// Of so many data segments one is sent twice.
const RESENT_OF: u64 = 500;
/// Bound of `--clients`: as many have an address of their own.
pub(crate) const MOST_CLIENTS: u64 = 4096;
/// Clients' ports: none that a program decodes by its number.
const DYNAMIC: u16 = 49_152;
const PORTS: u64 = 10_000;
/// Frames that the pair's own addresses would answer are for nobody: the kernel drops them after the taps.
const NOBODY: [u8; 6] = [2, 0xff, 0, 0, 0, 1];
/// Payloads.
static ZEROS: [u8; LARGEST as usize] = [0; LARGEST as usize];
/// First two bytes of the source address; the packet's number follows.
pub(crate) const NUMBERED: [u8; 2] = [2, 0x53];

/// What to make.
pub(crate) struct Mix {
    pub(crate) frames: u64,
    pub(crate) size: usize,
    pub(crate) open: usize,
    pub(crate) burst: u64,
    pub(crate) udp_percent: u64,
    pub(crate) clients: u64,
    pub(crate) seed: u64,
}

impl Default for Mix {
    fn default() -> Self {
        Self { frames: 1_000_000, size: 200, open: 1000, burst: 4, udp_percent: 10, clients: MOST_CLIENTS, seed: 1 }
    }
}

/// Makes the packets one by one.
pub(crate) struct Traffic {
    payload: u32,
    burst: u64,
    udp_percent: u64,
    clients: u64,
    random: Random,
    left: u64,
    number: u32,
    connections: Vec<Connection>,
    /// Connections ever begun.
    begun: u64,
    /// The connection that sends now, and how many packets more.
    turn: (usize, u64),
    /// An answer over UDP that is due.
    answer: Option<(u32, u16)>,
}

impl Traffic {
    pub(crate) fn new(mix: &Mix) -> Self {
        let mut traffic = Self {
            payload: (mix.size - TCP_HEADERS) as u32,
            burst: mix.burst,
            udp_percent: mix.udp_percent,
            clients: mix.clients,
            random: Random(mix.seed),
            left: mix.frames,
            number: 0,
            connections: Vec::new(),
            begun: 0,
            turn: (0, 0),
            answer: None,
        };
        for _ in 0..mix.open {
            let connection = traffic.begin();
            traffic.connections.push(connection);
        }
        traffic
    }

    fn begin(&mut self) -> Connection {
        self.begun += 1;
        Connection::new(self.begun, self.clients, &mut self.random)
    }

    /// Makes the next frame, of at most [`LARGEST`] bytes; false at the end. Milliseconds are for the timestamps.
    pub(crate) fn next(&mut self, to: &mut Vec<u8>, millis: u32) -> bool {
        if self.left == 0 {
            return false;
        }
        self.left -= 1;
        self.make(to, millis);
        to[..6].copy_from_slice(&NOBODY);
        to[6..8].copy_from_slice(&NUMBERED);
        to[8..12].copy_from_slice(&self.number.to_be_bytes());
        self.number = self.number.wrapping_add(1);
        true
    }

    fn make(&mut self, to: &mut Vec<u8>, millis: u32) {
        let id = self.number as u16;
        if let Some((client, port)) = self.answer.take() {
            return udp(to, id, (SERVER, 9999), (client, port), self.payload + 24);
        }
        let (at, left) = self.turn;
        if left > 0 {
            self.turn = (at, left - 1);
        } else if self.random.below(100) < self.udp_percent {
            let client = wire::client(self.random.below(self.clients) as u32);
            let port = DYNAMIC + self.random.below(PORTS) as u16;
            self.answer = Some((client, port));
            return udp(to, id, (client, port), (SERVER, 9999), 40);
        } else {
            let at = self.random.below(self.connections.len() as u64) as usize;
            self.turn = (at, self.random.below(self.burst));
        }
        let at = self.turn.0;
        self.connections[at].next(to, id, self.payload, millis, &mut self.random);
        if self.connections[at].step == Step::Over {
            self.connections[at] = self.begin();
            self.turn.1 = 0;
        }
    }
}

const SERVER: u32 = 0xc000_0201;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Syn,
    SynAck,
    Established,
    Request,
    /// Segments of the answer to come, and whether the client owes an acknowledgement.
    Answer(u64, bool),
    /// The last acknowledgement of an answer.
    Acked,
    Fin,
    FinAck,
    LastAck,
    Over,
}

struct Connection {
    client: (u32, u16),
    server: (u32, u16),
    /// Next sequence numbers of client and server.
    seq: [u32; 2],
    /// What each has seen of the other.
    seen: [u32; 2],
    /// The timestamp each saw last.
    echo: [u32; 2],
    requests: u64,
    step: Step,
    /// The data segment that comes next was sent before.
    again: bool,
}

impl Connection {
    fn new(begun: u64, clients: u64, random: &mut Random) -> Self {
        // An address and port come again after tens of millions of connections.
        let client = (wire::client((begun % clients) as u32), DYNAMIC + (begun / clients * 7 % PORTS) as u16);
        let seq = [random.next() as u32, random.next() as u32];
        let server = (SERVER + random.below(100) as u32, 4433);
        Self { client, server, seq, seen: [0; 2], echo: [0; 2], requests: 1 + random.below(3), step: Step::Syn, again: false }
    }

    /// The connection's next packet.
    fn next(&mut self, to: &mut Vec<u8>, id: u16, payload: u32, millis: u32, random: &mut Random) {
        let (side, flags, data, next) = match self.step {
            Step::Syn => (0, SYN, 0, Step::SynAck),
            Step::SynAck => (1, SYN | ACK, 0, Step::Established),
            Step::Established => (0, ACK, 0, Step::Request),
            Step::Request => (0, PSH | ACK, payload, Step::Answer(1 + random.below(12), false)),
            Step::Answer(left, true) => (0, ACK, 0, Step::Answer(left, false)),
            Step::Answer(1, false) => (1, PSH | ACK, payload, Step::Acked),
            // Every second segment is acknowledged.
            Step::Answer(left, false) => (1, ACK, payload, Step::Answer(left - 1, left % 2 == 1)),
            Step::Acked if self.requests > 1 => (0, ACK, 0, Step::Request),
            Step::Acked => (0, ACK, 0, Step::Fin),
            Step::Fin => (0, FIN | ACK, 0, Step::FinAck),
            Step::FinAck => (1, FIN | ACK, 0, Step::LastAck),
            Step::LastAck | Step::Over => (0, ACK, 0, Step::Over),
        };
        if self.step == Step::Acked {
            self.requests -= 1;
        }
        let seq = self.seq[side].wrapping_sub(if self.again { data } else { 0 });
        let times = Some((millis, self.echo[side]));
        let segment = Segment { seq, ack: self.seen[side], flags, window: 0xfaf0, times, ..Segment::default() };
        let (from, dest) = if side == 0 { (self.client, self.server) } else { (self.server, self.client) };
        wire::tcp(to, &ends(from, dest), id, &segment, &ZEROS[..data as usize]);
        let resent = !self.again && data > 0 && self.step != Step::Request && random.below(RESENT_OF) == 0;
        if !self.again {
            self.seq[side] = self.seq[side].wrapping_add(data + u32::from(flags & (SYN | FIN) != 0));
        }
        self.again = resent;
        if !resent {
            self.seen[1 - side] = self.seq[side];
            self.echo[1 - side] = millis;
            self.step = next;
        }
    }
}

fn ends(from: (u32, u16), dest: (u32, u16)) -> Ends {
    Ends { addresses: [Address::V4(from.0), Address::V4(dest.0)], ports: [from.1, dest.1], vlan: None }
}

fn udp(to: &mut Vec<u8>, id: u16, from: (u32, u16), dest: (u32, u16), payload: u32) {
    wire::udp(to, &ends(from, dest), id, &ZEROS[..payload as usize]);
}
