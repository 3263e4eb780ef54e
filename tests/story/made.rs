//! Conversations made packet by packet, for what no kernel makes when it is asked: C is 10.0.0.1:40000, S is 10.0.0.2:80, and their
//! numbers are counted from their SYNs, which are 0.

use super::gather;
use sockeye::flow::FlowRecord;
use sockeye::story::{Claim, Host, Mark, Say, Steps, Story, Told, tell};
use std::borrow::Borrow;
use std::fs;

/// First numbers, as they are sent.
const FIRST: [u32; 2] = [1000, 5_000_000];

/// A segment to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Seg {
    flags: u8,
    seq: u32,
    ack: u32,
    data: Vec<u8>,
    window: u16,
    urgent: u16,
    options: Vec<u8>,
    id: Option<u16>,
    ttl: u8,
}

/// `S`, `F`, `R`, `P`, `U` and `.` (ACK).
pub(crate) fn seg(flags: &str, seq: i64, ack: i64) -> Seg {
    let bit = |c| match c {
        'F' => 1,
        'S' => 2,
        'R' => 4,
        'P' => 8,
        '.' => 16,
        'U' => 32,
        _ => panic!("{c}"),
    };
    let flags = flags.chars().map(bit).sum();
    let (seq, ack) = (seq as u32, ack as u32);
    Seg { flags, seq, ack, data: Vec::new(), window: 64_000, urgent: 0, options: Vec::new(), id: None, ttl: 64 }
}

/// Data with PSH.
pub(crate) fn data(seq: i64, ack: i64, text: &str) -> Seg {
    Seg { data: text.as_bytes().to_vec(), ..seg("P.", seq, ack) }
}

impl Seg {
    pub(crate) fn window(self, window: u16) -> Self {
        Self { window, ..self }
    }

    pub(crate) fn urgent(self, urgent: u16) -> Self {
        Self { flags: self.flags | 32, urgent, ..self }
    }

    pub(crate) fn options(self, options: &[u8]) -> Self {
        Self { options: options.to_vec(), ..self }
    }

    pub(crate) fn text(self, data: &[u8]) -> Self {
        Self { data: data.to_vec(), ..self }
    }

    pub(crate) fn sack(self, first: u32, end: u32) -> Self {
        Self { options: [&[1, 1, 5, 10], &first.to_be_bytes()[..], &end.to_be_bytes()].concat(), ..self }
    }

    /// Identification and time to live of its datagram.
    pub(crate) fn datagram(self, id: u16, ttl: u8) -> Self {
        Self { id: Some(id), ttl, ..self }
    }
}

/// A capture in the making.
#[derive(Debug)]
pub(crate) struct Talk {
    file: Vec<u8>,
    isn: [u32; 2],
    now: u64,
    packets: u16,
}

/// A conversation of the capture, told.
pub(crate) struct Heard {
    pub(crate) record: FlowRecord,
    pub(crate) steps: Steps,
    pub(crate) story: Story,
}

impl Talk {
    pub(crate) fn new() -> Self {
        let mut file = Vec::new();
        for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 101] {
            file.extend(word.to_le_bytes());
        }
        Self { file, isn: FIRST, now: 1_700_000_000_000_000, packets: 0 }
    }

    /// With the handshake, 10 ms from C to S and back, seen next to C.
    pub(crate) fn open() -> Self {
        let mss = [2, 4, 5, 0xb4];
        let mut talk = Self::new();
        talk.c(seg("S", 0, 0).options(&mss)).wait(10.0).s(seg("S.", 0, 1).options(&mss)).wait(0.05).c(seg(".", 1, 1));
        talk
    }

    /// Other first numbers from here on.
    pub(crate) fn first_numbers(&mut self, c: u32, s: u32) -> &mut Self {
        self.isn = [c, s];
        self
    }

    /// So many milliseconds later.
    pub(crate) fn wait(&mut self, ms: f64) -> &mut Self {
        self.now += (ms * 1000.0).round() as u64;
        self
    }

    pub(crate) fn c(&mut self, seg: impl Borrow<Seg>) -> &mut Self {
        self.send(0, seg.borrow())
    }

    pub(crate) fn s(&mut self, seg: impl Borrow<Seg>) -> &mut Self {
        self.send(1, seg.borrow())
    }

    fn send(&mut self, from: usize, seg: &Seg) -> &mut Self {
        self.packets += 1;
        let hosts = [[10, 0, 0, 1], [10, 0, 0, 2]];
        let ports = [40_000_u16, 80];
        let to = 1 - from;
        let header = 20 + seg.options.len();
        assert_eq!(header % 4, 0, "options are filled up to four bytes");
        let ack = if seg.flags & 16 == 0 { 0 } else { self.isn[to].wrapping_add(seg.ack) };
        let options = sacks_as_sent(&seg.options, self.isn[to]);
        let mut tcp = [ports[from].to_be_bytes(), ports[to].to_be_bytes()].concat();
        tcp.extend(self.isn[from].wrapping_add(seg.seq).to_be_bytes());
        tcp.extend(ack.to_be_bytes());
        tcp.extend([(header as u8 / 4) << 4, seg.flags]);
        tcp.extend([seg.window.to_be_bytes(), [0, 0], seg.urgent.to_be_bytes()].concat());
        tcp.extend(options);
        tcp.extend(&seg.data);
        let pseudo = [&hosts[from][..], &hosts[to], &[0, 6], &(tcp.len() as u16).to_be_bytes(), &tcp].concat();
        tcp[16..18].copy_from_slice(&checksum(&pseudo).to_be_bytes());
        let ip = ipv4([hosts[from], hosts[to]], seg.id.unwrap_or(self.packets), 0x4000, seg.ttl, 6, &tcp);
        self.write(&ip)
    }

    /// A datagram of UDP: `from` 0 is C, port 40000, to S, port 53; 1 the other way.
    pub(crate) fn udp(&mut self, from: usize, data: &[u8]) -> &mut Self {
        self.packets += 1;
        let ip = ipv4(ends(from), self.packets, 0x4000, 64, 17, &udp(from, data));
        self.write(&ip)
    }

    /// The same from C, cut in two behind so many bytes of data.
    pub(crate) fn udp_in_pieces(&mut self, data: &[u8], first: u16) -> &mut Self {
        let whole = udp(0, data);
        let cut = usize::from(first) + 8;
        assert_eq!(cut % 8, 0, "pieces begin at multiples of eight");
        self.packets += 1;
        let id = self.packets;
        self.write(&ipv4(ends(0), id, 0x2000, 64, 17, &whole[..cut]));
        self.packets += 1;
        self.write(&ipv4(ends(0), id, cut as u16 / 8, 64, 17, &whole[cut..]))
    }

    /// A router, 10.0.0.254, reports something of C's SYN.
    pub(crate) fn icmp_to_syn(&mut self, kind: u8, code: u8) -> &mut Self {
        self.packets += 1;
        let mut syn = [40_000_u16.to_be_bytes(), 80_u16.to_be_bytes()].concat();
        syn.extend(self.isn[0].to_be_bytes());
        syn.extend([0, 0, 0, 0, 0x50, 2, 0xfa, 0, 0, 0, 0, 0]);
        let mut icmp = vec![kind, code, 0, 0, 0, 0, 0, 0];
        icmp.extend(ipv4(ends(0), 1, 0x4000, 63, 6, &syn));
        let sum = checksum(&icmp).to_be_bytes();
        icmp[2..4].copy_from_slice(&sum);
        let ip = ipv4([[10, 0, 0, 254], [10, 0, 0, 1]], self.packets, 0, 64, 1, &icmp);
        self.write(&ip)
    }

    fn write(&mut self, ip: &[u8]) -> &mut Self {
        for word in [(self.now / 1_000_000) as u32, (self.now % 1_000_000) as u32, ip.len() as u32, ip.len() as u32] {
            self.file.extend(word.to_le_bytes());
        }
        self.file.extend(ip);
        self
    }

    /// The conversations, in order.
    pub(crate) fn heard(&self) -> Vec<Heard> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        fs::write(file.path(), &self.file).expect("room on the disk");
        let mut heard: Vec<_> = gather(file.path())
            .expect("a capture")
            .into_iter()
            .map(|(record, steps)| Heard { story: tell(&steps, &record), record, steps })
            .collect();
        heard.sort_by_key(|heard| heard.record.id);
        for heard in &heard {
            let faults = super::faults(&heard.story, &heard.steps, &heard.record);
            assert!(faults.is_empty(), "{faults:?}");
        }
        heard
    }

    /// The only conversation.
    #[track_caller]
    pub(crate) fn told(&self) -> Heard {
        let mut heard = self.heard();
        assert_eq!(heard.len(), 1, "conversations");
        heard.remove(0)
    }
}

impl Heard {
    fn packet(&self, number: u64) -> &Told {
        let steps: Vec<_> = self.steps.iter().collect();
        let mut told = self.story.scenes.iter().flat_map(|scene| &scene.steps);
        told.find(|told| steps[told.step].number == number).expect("a packet of this conversation")
    }

    /// What is said of a packet.
    pub(crate) fn of(&self, number: u64) -> &[Claim] {
        &self.packet(number).claims
    }

    /// The rules by which it is told.
    pub(crate) fn keys(&self, number: u64) -> Vec<&'static str> {
        self.of(number).iter().map(|claim| claim.say.key()).collect()
    }

    /// The mark of what one rule says of a packet; `None`: it says nothing.
    pub(crate) fn mark(&self, number: u64, key: &str) -> Option<Mark> {
        self.of(number).iter().find(|claim| claim.say.key() == key).map(|claim| claim.mark)
    }

    /// Where its numbers lie.
    pub(crate) fn numbers(&self, number: u64) -> (Option<i64>, Option<i64>) {
        let told = self.packet(number);
        (told.seq, told.ack)
    }

    /// Through which states a host goes with a packet, the first one included.
    pub(crate) fn moves(&self, number: u64, of: Host) -> Vec<&'static str> {
        let states = self.of(number).iter().find_map(|claim| match &claim.say {
            Say::Moves { host, from, to, .. } if *host == of => Some((from, to)),
            _ => None,
        });
        states.map_or_else(Vec::new, |(from, to)| std::iter::once(from).chain(to).map(|state| state.name()).collect())
    }
}

/// Addresses, the sender's first.
const fn ends(from: usize) -> [[u8; 4]; 2] {
    let hosts = [[10, 0, 0, 1], [10, 0, 0, 2]];
    [hosts[from], hosts[1 - from]]
}

fn udp(from: usize, data: &[u8]) -> Vec<u8> {
    let ports = [40_000_u16, 53];
    let mut udp = [ports[from], ports[1 - from], 8 + data.len() as u16, 0].map(u16::to_be_bytes).concat();
    udp.extend(data);
    udp
}

fn ipv4([from, to]: [[u8; 4]; 2], id: u16, fragment: u16, ttl: u8, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut ip = vec![0x45, 0];
    ip.extend([20 + payload.len() as u16, id, fragment].map(u16::to_be_bytes).concat());
    ip.extend([ttl, protocol, 0, 0]);
    ip.extend([from, to].concat());
    let sum = checksum(&ip).to_be_bytes();
    ip[10..12].copy_from_slice(&sum);
    ip.extend(payload);
    ip
}

/// SACK blocks are given as the connection counts.
fn sacks_as_sent(options: &[u8], isn: u32) -> Vec<u8> {
    let mut options = options.to_vec();
    if options.starts_with(&[1, 1, 5]) {
        for at in (4..options.len()).step_by(4) {
            let number = u32::from_be_bytes(options[at..at + 4].try_into().expect("four bytes"));
            options[at..at + 4].copy_from_slice(&isn.wrapping_add(number).to_be_bytes());
        }
    }
    options
}

/// RFC 1071.
fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|pair| u64::from(pair[0]) << 8 | u64::from(pair.get(1).copied().unwrap_or(0)));
    let mut sum: u64 = words.sum();
    while sum >> 16 != 0 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}
