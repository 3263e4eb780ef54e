//! Segments made by hand, and what the capture sees of them.

use crate::decode::decode;
use crate::flow::capture_drops::CaptureDrops;
use crate::flow::key::{End, Ends, FlowKey};
use crate::flow::tcp::aspects::Sighting;
use crate::flow::tcp::segment::Segment;
use crate::model::{Frame, FrameMarks, LinkType, Timestamp};

pub(in crate::flow::tcp) const A: [u8; 4] = [10, 0, 0, 1];
pub(in crate::flow::tcp) const B: [u8; 4] = [10, 0, 0, 2];

/// A segment to be sent.
#[derive(Clone, Debug, Default)]
pub(in crate::flow::tcp) struct Seg {
    pub(in crate::flow::tcp) flags: u16,
    pub(in crate::flow::tcp) seq: u32,
    pub(in crate::flow::tcp) ack: u32,
    pub(in crate::flow::tcp) len: usize,
    pub(in crate::flow::tcp) window: u16,
    pub(in crate::flow::tcp) id: u16,
    pub(in crate::flow::tcp) ecn: u8,
    pub(in crate::flow::tcp) options: Vec<u8>,
}

pub(in crate::flow::tcp) fn seg(flags: &str, seq: u32, ack: u32) -> Seg {
    let bit = |c| match c {
        'F' => 1,
        'S' => 2,
        'R' => 4,
        '.' => 16,
        'E' => 64,
        'W' => 128,
        _ => panic!("{c}"),
    };
    Seg { flags: flags.chars().map(bit).sum(), seq, ack, window: 1000, ..Seg::default() }
}

pub(in crate::flow::tcp) fn data(seq: u32, len: usize) -> Seg {
    Seg { len, ..seg(".", seq, 1) }
}

pub(in crate::flow::tcp) fn ack(ack: u32) -> Seg {
    seg(".", 1, ack)
}

impl Seg {
    pub(in crate::flow::tcp) fn id(self, id: u16) -> Self {
        Self { id, ..self }
    }

    pub(in crate::flow::tcp) fn ect(self, ect: bool) -> Self {
        Self { ecn: if ect { 2 } else { 0 }, ..self }
    }

    pub(in crate::flow::tcp) fn window(self, window: u16) -> Self {
        Self { window, ..self }
    }

    pub(in crate::flow::tcp) fn len(self, len: usize) -> Self {
        Self { len, ..self }
    }

    pub(in crate::flow::tcp) fn times(mut self, value: u32, echo: u32) -> Self {
        self.options.extend([1, 1, 8, 10]);
        self.options.extend(value.to_be_bytes());
        self.options.extend(echo.to_be_bytes());
        self
    }

    pub(in crate::flow::tcp) fn sack(mut self, blocks: &[(u32, u32)]) -> Self {
        self.options.extend([1, 1, 5, 2 + 8 * blocks.len() as u8]);
        for (a, b) in blocks {
            self.options.extend([a.to_be_bytes(), b.to_be_bytes()].concat());
        }
        self
    }

    pub(in crate::flow::tcp) fn offers(mut self) -> Self {
        self.options.extend([2, 4, 5, 0xb4, 4, 2, 1, 1]);
        self
    }

    pub(in crate::flow::tcp) fn bytes(&self, from: [u8; 4], to: [u8; 4]) -> Vec<u8> {
        let header = 20 + self.options.len();
        let total = 20 + header + self.len;
        let mut out = vec![0x45, self.ecn];
        out.extend((total as u16).to_be_bytes());
        out.extend(self.id.to_be_bytes());
        out.extend([0x40, 0, 64, 6, 0, 0]);
        out.extend([from, to].concat());
        let ports: [u16; 2] = if from == A { [4000, 80] } else { [80, 4000] };
        out.extend(ports.iter().flat_map(|port| port.to_be_bytes()));
        out.extend(self.seq.to_be_bytes());
        out.extend(self.ack.to_be_bytes());
        out.extend(((header as u16 / 4) << 12 | self.flags).to_be_bytes());
        out.extend(self.window.to_be_bytes());
        out.extend([0; 4]);
        out.extend(&self.options);
        out.resize(total, b'x');
        // The checksum stands for the bytes; nobody checks it here.
        let sum: u32 = out[20..].chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0))).sum();
        let sum = !((sum >> 16) + (sum & 0xffff)) as u16;
        out[36..38].copy_from_slice(&sum.to_be_bytes());
        out
    }
}

/// Shows a packet, captured as this number at this time, to `look`.
pub(in crate::flow::tcp) fn see<T>(
    bytes: &[u8],
    (number, ts): (u64, Timestamp),
    accepted: bool,
    drops: &CaptureDrops,
    look: impl FnOnce(&Sighting<'_, '_>) -> T,
) -> T {
    let frame = Frame {
        number,
        source: 0,
        interface: 0,
        ts,
        link: LinkType::RAW,
        wire_len: bytes.len() as u32,
        bytes,
        direction: None,
        options: None,
        marks: FrameMarks::NONE,
    };
    let packet = decode(&frame);
    let segment = Segment::of(&packet).expect("TCP");
    let (key, from): (FlowKey, End) = Ends::of(&packet).expect("IP").key([0; 2], 0);
    look(&Sighting { key: &key, from, accepted, segment: &segment, packet: &packet, source: 0, number, ts, drops })
}
