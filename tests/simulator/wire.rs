//! A segment as its sender means it, and as bytes: IPv4 or IPv6 (link type raw), TCP with options, valid checksums.

use crate::truth::Role;
use std::sync::OnceLock;

/// Which of the two hosts: 0 opens the connection.
pub(crate) type Host = usize;

/// One sending of a segment. Places in the streams are counted from the SYN, which is 0.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    /// In the order of sending, over both hosts.
    pub(crate) id: u64,
    pub(crate) from: Host,
    pub(crate) role: Role,
    pub(crate) start: u64,
    /// Bytes of data.
    pub(crate) len: u32,
    pub(crate) syn: bool,
    pub(crate) fin: bool,
    pub(crate) push: bool,
    pub(crate) ece: bool,
    pub(crate) cwr: bool,
    /// `None` of the first SYN.
    pub(crate) ack: Option<u64>,
    pub(crate) window: u16,
    pub(crate) ts: Option<(u32, u32)>,
    pub(crate) sack: Vec<(u64, u64)>,
    /// Most bytes of data of a segment, and the window's scale: on SYNs.
    pub(crate) offer: Option<Offer>,
    pub(crate) ip_id: u16,
    pub(crate) flow_label: u32,
    pub(crate) ecn: u8,
}

/// Options of a SYN.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offer {
    pub(crate) mss: u16,
    pub(crate) window_scale: u8,
    pub(crate) sack: bool,
}

impl Segment {
    /// Where the next one begins: SYN and FIN take a place each.
    pub(crate) fn end(&self) -> u64 {
        self.start + u64::from(self.len) + u64::from(self.syn) + u64::from(self.fin)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.end() == self.start
    }

    /// Length of the IP packet.
    pub(crate) fn wire_len(&self, ipv6: bool) -> usize {
        (if ipv6 { 40 } else { 20 }) + 20 + self.options(0).len() + self.len as usize
    }

    /// Places in this stream where data lie, from its first byte.
    fn data_at(&self) -> u64 {
        (self.start + u64::from(self.syn)).saturating_sub(1)
    }

    fn options(&self, peer_isn: u32) -> Vec<u8> {
        let mut out = Vec::with_capacity(40);
        if let Some(offer) = self.offer {
            out.extend([2, 4]);
            out.extend(offer.mss.to_be_bytes());
            if offer.sack {
                out.extend([4, 2]);
            }
            out.extend([3, 3, offer.window_scale]);
        }
        if let Some((value, echo)) = self.ts {
            out.extend([8, 10]);
            out.extend(value.to_be_bytes());
            out.extend(echo.to_be_bytes());
        }
        if !self.sack.is_empty() {
            out.extend([5, 2 + 8 * self.sack.len() as u8]);
            for (start, end) in &self.sack {
                out.extend(peer_isn.wrapping_add(*start as u32).to_be_bytes());
                out.extend(peer_isn.wrapping_add(*end as u32).to_be_bytes());
            }
        }
        out.resize(out.len().next_multiple_of(4), 1);
        out
    }

    /// The IP packet; `marked`: a router set Congestion Experienced (RFC 3168 section 5).
    pub(crate) fn bytes(&self, ipv6: bool, isn: [u32; 2], marked: bool) -> Vec<u8> {
        let options = self.options(isn[1 - self.from]);
        let tcp_len = 20 + options.len() + self.len as usize;
        let ecn = if marked { 3 } else { self.ecn };
        let mut out = Vec::with_capacity(40 + tcp_len);
        if ipv6 {
            self.ipv6(&mut out, tcp_len, ecn);
        } else {
            self.ipv4(&mut out, tcp_len, ecn);
        }
        let at = out.len();
        let port = |host: Host| if host == 0 { 40_000_u16 } else { 80 };
        out.extend(port(self.from).to_be_bytes());
        out.extend(port(1 - self.from).to_be_bytes());
        out.extend(isn[self.from].wrapping_add(self.start as u32).to_be_bytes());
        out.extend(self.ack.map_or(0, |ack| isn[1 - self.from].wrapping_add(ack as u32)).to_be_bytes());
        let bits = [self.fin, self.syn, false, self.push, self.ack.is_some(), false, self.ece, self.cwr];
        let flags = bits.iter().enumerate().fold(0, |all, (bit, set)| all | u8::from(*set) << bit);
        out.extend([(((20 + options.len()) / 4) << 4) as u8, flags]);
        out.extend(self.window.to_be_bytes());
        out.extend([0; 4]);
        out.extend(&options);
        // The pseudo header: addresses, length, protocol (RFC 9293 section 3.1).
        let addresses = if ipv6 { 8..40 } else { 12..20 };
        let sum = sum(&out[addresses]) + tcp_len as u64 + 6 + sum(&out[at..]);
        let (data, data_sum) = stream(self.data_at(), self.len as usize);
        out.extend(data);
        let checksum = folded(sum + data_sum);
        out[at + 16..at + 18].copy_from_slice(&checksum.to_be_bytes());
        out
    }

    fn ipv4(&self, out: &mut Vec<u8>, tcp_len: usize, ecn: u8) {
        let at = out.len();
        out.extend([0x45, ecn]);
        out.extend(((20 + tcp_len) as u16).to_be_bytes());
        out.extend(self.ip_id.to_be_bytes());
        out.extend([0x40, 0, 64, 6, 0, 0]);
        for host in [self.from, 1 - self.from] {
            out.extend([10, 9, 0, 1 + host as u8]);
        }
        let checksum = folded(sum(&out[at..]));
        out[at + 10..at + 12].copy_from_slice(&checksum.to_be_bytes());
    }

    fn ipv6(&self, out: &mut Vec<u8>, tcp_len: usize, ecn: u8) {
        out.extend((6 << 28 | u32::from(ecn) << 20 | self.flow_label & 0xf_ffff).to_be_bytes());
        out.extend((tcp_len as u16).to_be_bytes());
        out.extend([6, 64]);
        for host in [self.from, 1 - self.from] {
            out.extend([0xfd, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 + host as u8]);
        }
    }
}

fn sum(bytes: &[u8]) -> u64 {
    bytes.chunks(2).map(|two| u64::from(two[0]) << 8 | u64::from(two.get(1).copied().unwrap_or(0))).sum()
}

fn folded(mut sum: u64) -> u16 {
    while sum >> 16 != 0 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// After so many bytes a stream's bytes come again.
const PERIOD: usize = 1 << 16;

/// The bytes of a stream from a place on, with their sum (RFC 1071) if they begin at an even offset. What is slow in a debug
/// build is done once: the sums of all beginnings are kept.
fn stream(at: u64, len: usize) -> (&'static [u8], u64) {
    static ALL: OnceLock<(Vec<u8>, Vec<u64>)> = OnceLock::new();
    let (bytes, sums) = ALL.get_or_init(|| {
        let mut rng = crate::rng::Rng::new(1, 1);
        let one: Vec<u8> = (0..PERIOD).map(|_| rng.next() as u8).collect();
        let bytes = [&one[..], &one[..]].concat();
        // sums[i]: of the words at i - 2, i - 4 and so on.
        let mut sums = vec![0, 0];
        for i in 2..=bytes.len() {
            let word = u64::from(bytes[i - 2]) << 8 | u64::from(bytes[i - 1]);
            sums.push(sums[i - 2] + word);
        }
        (bytes, sums)
    });
    let at = (at % PERIOD as u64) as usize;
    let even = at + len / 2 * 2;
    let odd_byte = if len % 2 == 1 { u64::from(bytes[even]) << 8 } else { 0 };
    (&bytes[at..at + len], sums[even] - sums[at] + odd_byte)
}
