//! Bytes of packets: Ethernet, VLAN tags, IPv4 and IPv6, TCP, UDP and ICMP, with right lengths and checksums.

pub(crate) const FIN: u8 = 1;
pub(crate) const SYN: u8 = 2;
pub(crate) const RST: u8 = 4;
pub(crate) const PSH: u8 = 8;
pub(crate) const ACK: u8 = 16;

pub(crate) const ICMP: u8 = 1;
pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;
const ICMP6: u8 = 58;

/// An IP address.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Address {
    V4(u32),
    V6(u128),
}

impl Address {
    fn sum(self) -> u32 {
        match self {
            Self::V4(bits) => sum(&bits.to_be_bytes()),
            Self::V6(bits) => sum(&bits.to_be_bytes()),
        }
    }

    /// A hardware address that goes with it.
    fn hardware(self) -> [u8; 6] {
        let bits = match self {
            Self::V4(bits) => bits,
            Self::V6(bits) => (bits ^ (bits >> 64)) as u32,
        };
        let bits = bits.to_be_bytes();
        [2, 0, bits[0], bits[1], bits[2], bits[3]]
    }
}

/// A client's address of IPv4: spread over the first octets, as on a server's link. tcpdump keeps texts of addresses in a table by
/// those, and becomes slow where many begin alike.
pub(crate) const fn client(n: u32) -> u32 {
    ((11 + n % 180) << 24) | ((n / 180 % 16) << 16) | (n << 4 & 0xfff0) | 1
}

/// Both ends of a conversation: the client first. Of ICMP the ports are not used.
#[derive(Clone, Copy)]
pub(crate) struct Ends {
    pub(crate) addresses: [Address; 2],
    pub(crate) ports: [u16; 2],
    pub(crate) vlan: Option<u16>,
}

impl Ends {
    /// As the other side sends.
    pub(crate) fn turned(mut self) -> Self {
        self.addresses.swap(0, 1);
        self.ports.swap(0, 1);
        self
    }
}

/// What stands in a TCP header beside the ports.
#[derive(Clone, Copy, Default)]
pub(crate) struct Segment {
    pub(crate) seq: u32,
    pub(crate) ack: u32,
    pub(crate) flags: u8,
    pub(crate) window: u16,
    /// With SYN only: maximum segment size, and the shift of the window.
    pub(crate) mss: Option<(u16, u8)>,
    /// Value and echo.
    pub(crate) times: Option<(u32, u32)>,
    /// Blocks that were received above the acknowledgement; of no bytes: none.
    pub(crate) sacks: [(u32, u32); 3],
}

/// Begins a frame: Ethernet, and a tag where there is one.
fn ethernet(to: &mut Vec<u8>, ends: &Ends) {
    to.clear();
    to.extend_from_slice(&ends.addresses[1].hardware());
    to.extend_from_slice(&ends.addresses[0].hardware());
    if let Some(vlan) = ends.vlan {
        to.extend_from_slice(&[0x81, 0]);
        to.extend_from_slice(&vlan.to_be_bytes());
    }
    to.extend_from_slice(if matches!(ends.addresses[0], Address::V4(_)) { &[8, 0] } else { &[0x86, 0xdd] });
}

/// What IPv4 says of a fragment: offset in bytes and whether more follow; or that it may not be one.
#[derive(Clone, Copy)]
pub(crate) enum Piece {
    Whole,
    Part { offset: u16, more: bool },
}

/// An IP header for so many bytes of payload.
pub(crate) fn ip(to: &mut Vec<u8>, addresses: [Address; 2], protocol: u8, payload: usize, id: u16, piece: Piece) {
    match addresses {
        [Address::V4(from), Address::V4(dest)] => {
            let start = to.len();
            to.extend_from_slice(&[0x45, 0]);
            to.extend_from_slice(&((20 + payload) as u16).to_be_bytes());
            to.extend_from_slice(&id.to_be_bytes());
            let part = match piece {
                Piece::Whole => 0x4000,
                Piece::Part { offset, more } => (u16::from(more) << 13) | (offset / 8),
            };
            to.extend_from_slice(&part.to_be_bytes());
            to.extend_from_slice(&[64, protocol, 0, 0]);
            to.extend_from_slice(&from.to_be_bytes());
            to.extend_from_slice(&dest.to_be_bytes());
            let check = folded(sum(&to[start..]));
            to[start + 10..start + 12].copy_from_slice(&check.to_be_bytes());
        }
        [from, dest] => {
            to.extend_from_slice(&[0x60, 0, 0, 0]);
            to.extend_from_slice(&(payload as u16).to_be_bytes());
            to.extend_from_slice(&[if protocol == ICMP { ICMP6 } else { protocol }, 64]);
            for address in [from, dest] {
                let Address::V6(bits) = address else { continue };
                to.extend_from_slice(&bits.to_be_bytes());
            }
        }
    }
}

/// The sum of what TCP's, UDP's and ICMPv6's checksums cover of the IP header.
fn pseudo(addresses: [Address; 2], protocol: u8, payload: usize) -> u32 {
    addresses[0].sum() + addresses[1].sum() + u32::from(protocol) + payload as u32
}

/// A whole frame with TCP, from `ends`' first to its second.
pub(crate) fn tcp(to: &mut Vec<u8>, ends: &Ends, id: u16, segment: &Segment, payload: &[u8]) {
    ethernet(to, ends);
    let blocks = segment.sacks.iter().filter(|block| block.0 != block.1).count();
    let options = if segment.mss.is_some() { 8 + if segment.times.is_some() { 12 } else { 4 } } else { 0 };
    let options = options
        + if segment.mss.is_none() && segment.times.is_some() { 12 } else { 0 }
        + if blocks > 0 { 4 + 8 * blocks } else { 0 };
    let length = 20 + options + payload.len();
    ip(to, ends.addresses, TCP, length, id, Piece::Whole);
    let start = to.len();
    to.extend_from_slice(&ends.ports[0].to_be_bytes());
    to.extend_from_slice(&ends.ports[1].to_be_bytes());
    to.extend_from_slice(&segment.seq.to_be_bytes());
    to.extend_from_slice(&segment.ack.to_be_bytes());
    to.extend_from_slice(&[((20 + options) as u8 / 4) << 4, segment.flags]);
    to.extend_from_slice(&segment.window.to_be_bytes());
    to.extend_from_slice(&[0; 4]);
    let times = |to: &mut Vec<u8>, (value, echo): (u32, u32)| {
        to.extend_from_slice(&value.to_be_bytes());
        to.extend_from_slice(&echo.to_be_bytes());
    };
    if let Some((mss, shift)) = segment.mss {
        to.extend_from_slice(&[2, 4]);
        to.extend_from_slice(&mss.to_be_bytes());
        match segment.times {
            Some(both) => {
                to.extend_from_slice(&[4, 2, 8, 10]);
                times(to, both);
            }
            None => to.extend_from_slice(&[1, 1, 4, 2]),
        }
        to.extend_from_slice(&[1, 3, 3, shift]);
    } else if let Some(both) = segment.times {
        to.extend_from_slice(&[1, 1, 8, 10]);
        times(to, both);
    }
    if blocks > 0 {
        to.extend_from_slice(&[1, 1, 5, 2 + 8 * blocks as u8]);
        for block in segment.sacks.iter().filter(|block| block.0 != block.1) {
            times(to, *block);
        }
    }
    to.extend_from_slice(payload);
    checked(to, start, 16, pseudo(ends.addresses, TCP, length));
}

/// A whole frame with UDP.
pub(crate) fn udp(to: &mut Vec<u8>, ends: &Ends, id: u16, payload: &[u8]) {
    ethernet(to, ends);
    ip(to, ends.addresses, UDP, 8 + payload.len(), id, Piece::Whole);
    udp_datagram(to, ends, payload);
}

/// The UDP header and its payload.
pub(crate) fn udp_datagram(to: &mut Vec<u8>, ends: &Ends, payload: &[u8]) {
    let start = to.len();
    let length = 8 + payload.len();
    to.extend_from_slice(&ends.ports[0].to_be_bytes());
    to.extend_from_slice(&ends.ports[1].to_be_bytes());
    to.extend_from_slice(&(length as u16).to_be_bytes());
    to.extend_from_slice(&[0; 2]);
    to.extend_from_slice(payload);
    checked(to, start, 6, pseudo(ends.addresses, UDP, length));
    if to[start + 6..start + 8] == [0, 0] {
        to[start + 6..start + 8].fill(0xff); // RFC 768: zero says that there is none
    }
}

/// A whole frame with ICMP: type and code as IPv4 has them, or as IPv6 has them; the four bytes after the checksum, the rest.
pub(crate) fn icmp(to: &mut Vec<u8>, ends: &Ends, id: u16, kind: [(u8, u8); 2], word: u32, payload: &[u8]) {
    ethernet(to, ends);
    let length = 8 + payload.len();
    ip(to, ends.addresses, ICMP, length, id, Piece::Whole);
    let start = to.len();
    let v4 = matches!(ends.addresses[0], Address::V4(_));
    let (kind, code) = kind[usize::from(!v4)];
    to.extend_from_slice(&[kind, code, 0, 0]);
    to.extend_from_slice(&word.to_be_bytes());
    to.extend_from_slice(payload);
    checked(to, start, 2, if v4 { 0 } else { pseudo(ends.addresses, ICMP6, length) });
}

/// A frame with one piece of an IPv4 datagram.
pub(crate) fn fragment(to: &mut Vec<u8>, ends: &Ends, protocol: u8, id: u16, piece: Piece, payload: &[u8]) {
    ethernet(to, ends);
    ip(to, ends.addresses, protocol, payload.len(), id, piece);
    to.extend_from_slice(payload);
}

/// A frame with an IP payload made elsewhere.
pub(crate) fn raw(to: &mut Vec<u8>, ends: &Ends, protocol: u8, id: u16, payload: &[u8]) {
    fragment(to, ends, protocol, id, Piece::Whole, payload);
}

/// Puts the checksum of all from `start` on to where it belongs.
fn checked(to: &mut [u8], start: usize, place: usize, pseudo: u32) {
    let check = folded(pseudo + sum(&to[start..]));
    to[start + place..start + place + 2].copy_from_slice(&check.to_be_bytes());
}

fn sum(bytes: &[u8]) -> u32 {
    let pairs = bytes.chunks_exact(2);
    let last = pairs.remainder().first().map_or(0, |byte| u32::from(*byte) << 8);
    last + pairs.map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum::<u32>()
}

fn folded(mut sum: u32) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}
