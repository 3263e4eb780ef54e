//! What the packets are: TCP connections (handshake, requests and answers in segments, acknowledgements, the close; of 500 data
//! segments one is sent twice) of which so many are open at a time, and UDP questions with their answers. IPv4, right
//! checksums, timestamps in the TCP options; payloads of zeros, to ports of which nobody decodes more than TCP or UDP.
//!
//! The same seed gives the same packets. Nothing of Ethernet says who is who: all frames go the same way over the wire.

/// Ethernet, IPv4 and TCP headers with a timestamp option.
const TCP_HEADERS: usize = 14 + 20 + 32;
const UDP_HEADERS: usize = 14 + 20 + 8;
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
/// First two bytes of the source address; the packet's number follows.
pub(crate) const NUMBERED: [u8; 2] = [2, 0x53];

const FIN: u8 = 1;
const SYN: u8 = 2;
const PSH: u8 = 8;
const ACK: u8 = 16;

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

    /// Writes the next frame into `to`, which is of [`LARGEST`] bytes, and gives its length; 0 at the end. Milliseconds are for the
    /// timestamps.
    pub(crate) fn next(&mut self, to: &mut [u8], millis: u32) -> usize {
        if self.left == 0 {
            return 0;
        }
        self.left -= 1;
        to[..6].copy_from_slice(&NOBODY);
        to[6..8].copy_from_slice(&NUMBERED);
        to[8..12].copy_from_slice(&self.number.to_be_bytes());
        to[12..14].copy_from_slice(&[8, 0]);
        self.number = self.number.wrapping_add(1);
        if let Some((client, port)) = self.answer.take() {
            return udp(to, (SERVER, 9999), (client, port), self.payload + 24);
        }
        let (at, left) = self.turn;
        if left > 0 {
            self.turn = (at, left - 1);
        } else if self.random.below(100) < self.udp_percent {
            let client = client(self.random.below(self.clients));
            let port = DYNAMIC + self.random.below(PORTS) as u16;
            self.answer = Some((client, port));
            return udp(to, (client, port), (SERVER, 9999), 40);
        } else {
            let at = self.random.below(self.connections.len() as u64) as usize;
            self.turn = (at, self.random.below(self.burst));
        }
        let at = self.turn.0;
        let made = self.connections[at].next(to, self.payload, millis, &mut self.random);
        if self.connections[at].step == Step::Over {
            self.connections[at] = self.begin();
            self.turn.1 = 0;
        }
        made
    }
}

const SERVER: u32 = 0xc000_0201;

/// Address of a client. Spread over the first octets, as on a server's link: tcpdump keeps texts of addresses in a table by those,
/// and becomes slow where many begin alike.
const fn client(n: u64) -> u32 {
    let n = n as u32;
    ((11 + n % 180) << 24) | ((n / 180 % 16) << 16) | (n << 4 & 0xfff0) | 1
}

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
        let client = (client(begun % clients), DYNAMIC + (begun / clients * 7 % PORTS) as u16);
        let seq = [random.next() as u32, random.next() as u32];
        let server = (SERVER + random.below(100) as u32, 4433);
        Self { client, server, seq, seen: [0; 2], echo: [0; 2], requests: 1 + random.below(3), step: Step::Syn, again: false }
    }

    /// The connection's next packet.
    fn next(&mut self, to: &mut [u8], payload: u32, millis: u32, random: &mut Random) -> usize {
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
        let segment = Segment { seq, ack: self.seen[side], flags, data, times: (millis, self.echo[side]) };
        let (from, dest) = if side == 0 { (self.client, self.server) } else { (self.server, self.client) };
        let length = tcp(to, from, dest, &segment);
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
        length
    }
}

struct Segment {
    seq: u32,
    ack: u32,
    flags: u8,
    data: u32,
    times: (u32, u32),
}

type Address = (u32, u16);

/// The IPv4 header, and the sum of what TCP's and UDP's checksums cover of it.
fn ip(to: &mut [u8], protocol: u8, from: u32, dest: u32, payload: usize) -> u32 {
    let id = [to[10], to[11]]; // the packet's number
    let header = &mut to[14..34];
    header.fill(0);
    header[0] = 0x45;
    header[2..4].copy_from_slice(&((20 + payload) as u16).to_be_bytes());
    header[4..6].copy_from_slice(&id);
    header[6] = 0x40;
    header[8] = 64;
    header[9] = protocol;
    header[12..16].copy_from_slice(&from.to_be_bytes());
    header[16..20].copy_from_slice(&dest.to_be_bytes());
    let sum = folded(sum(header));
    header[10..12].copy_from_slice(&sum.to_be_bytes());
    (from >> 16) + (from & 0xffff) + (dest >> 16) + (dest & 0xffff) + u32::from(protocol) + payload as u32
}

fn tcp(to: &mut [u8], from: Address, dest: Address, segment: &Segment) -> usize {
    let pseudo = ip(to, 6, from.0, dest.0, 32 + segment.data as usize);
    let header = &mut to[34..66];
    header[..2].copy_from_slice(&from.1.to_be_bytes());
    header[2..4].copy_from_slice(&dest.1.to_be_bytes());
    header[4..8].copy_from_slice(&segment.seq.to_be_bytes());
    header[8..12].copy_from_slice(&segment.ack.to_be_bytes());
    header[12] = 0x80;
    header[13] = segment.flags;
    header[14..20].copy_from_slice(&[0xfa, 0xf0, 0, 0, 0, 0]);
    header[20..24].copy_from_slice(&[1, 1, 8, 10]);
    header[24..28].copy_from_slice(&segment.times.0.to_be_bytes());
    header[28..32].copy_from_slice(&segment.times.1.to_be_bytes());
    let sum = folded(pseudo + sum(header));
    header[16..18].copy_from_slice(&sum.to_be_bytes());
    let end = TCP_HEADERS + segment.data as usize;
    to[66..end].fill(0);
    end
}

fn udp(to: &mut [u8], from: Address, dest: Address, payload: u32) -> usize {
    let pseudo = ip(to, 17, from.0, dest.0, 8 + payload as usize);
    let header = &mut to[34..42];
    header[..2].copy_from_slice(&from.1.to_be_bytes());
    header[2..4].copy_from_slice(&dest.1.to_be_bytes());
    header[4..6].copy_from_slice(&(8 + payload as u16).to_be_bytes());
    header[6..8].fill(0);
    let sum = folded(pseudo + sum(header));
    header[6..8].copy_from_slice(&sum.to_be_bytes());
    let end = UDP_HEADERS + payload as usize;
    to[42..end].fill(0);
    end
}

fn sum(bytes: &[u8]) -> u32 {
    bytes.chunks_exact(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum()
}

fn folded(mut sum: u32) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// `SplitMix64`.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(n)) >> 64) as u64
    }
}
