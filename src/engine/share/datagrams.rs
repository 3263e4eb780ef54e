//! IP datagrams made for tests: enough of each protocol for the decoder, and for the kernel's program.

use std::net::IpAddr;

/// What is in an IP datagram.
#[derive(Clone, Debug)]
pub(in crate::engine) enum Inside {
    Tcp(u16, u16),
    Udp(u16, u16),
    Echo,
    /// An ICMP error about a datagram.
    Error(Box<Datagram>),
    Gre(Box<Datagram>),
    /// IPv4 or IPv6.
    Ip(Box<Datagram>),
    Vxlan(u16, Box<Datagram>),
    Sctp,
    Unknown,
}

/// An IP datagram or a fragment of one.
#[derive(Clone, Debug)]
pub(in crate::engine) struct Datagram {
    pub(in crate::engine) source: IpAddr,
    pub(in crate::engine) target: IpAddr,
    pub(in crate::engine) inside: Inside,
    /// IPv4: 32-bit words of options. IPv6: numbers of extension headers.
    pub(in crate::engine) options: Vec<u8>,
    pub(in crate::engine) authenticated: bool,
    /// Offset in 8 bytes, and more to come; (0, false) over IPv6 is an atomic fragment.
    pub(in crate::engine) piece: Option<(u16, bool)>,
}

impl Datagram {
    /// Without options, whole.
    pub(in crate::engine) fn new(source: IpAddr, target: IpAddr, inside: Inside) -> Self {
        Self { source, target, inside, options: Vec::new(), authenticated: false, piece: None }
    }

    pub(in crate::engine) fn reversed(&self) -> Self {
        let inside = match &self.inside {
            Inside::Tcp(a, b) => Inside::Tcp(*b, *a),
            Inside::Udp(a, b) => Inside::Udp(*b, *a),
            other => other.clone(),
        };
        Self { source: self.target, target: self.source, inside, ..self.clone() }
    }

    pub(in crate::engine) fn bytes(&self) -> Vec<u8> {
        let v6 = self.source.is_ipv6();
        let (mut number, mut payload) = self.inside.bytes(v6);
        if let Some((offset, _)) = self.piece.filter(|(offset, _)| *offset > 0) {
            // The data of a later fragment may look like anything.
            payload = vec![offset as u8; 64];
        } else {
            payload.resize(payload.len().next_multiple_of(8), 0);
        }
        if self.authenticated {
            payload = [&[number, 4, 0, 0][..], &[7; 20], &payload].concat();
            number = 51;
        }
        match (self.source, self.target) {
            (IpAddr::V4(source), IpAddr::V4(target)) => {
                let (offset, more) = self.piece.unwrap_or_default();
                let words = self.options.len().min(10);
                let length = (20 + 4 * words + payload.len()) as u16;
                let mut out = vec![0x45 + words as u8, 0];
                out.extend(length.to_be_bytes());
                out.extend([0, 9]);
                out.extend((offset | u16::from(more) << 13).to_be_bytes());
                out.extend([64, number, 0, 0]);
                out.extend(source.octets());
                out.extend(target.octets());
                out.extend(vec![1; 4 * words]);
                [out, payload].concat()
            }
            (IpAddr::V6(source), IpAddr::V6(target)) => {
                if let Some((offset, more)) = self.piece {
                    let [high, low] = (offset << 3 | u16::from(more)).to_be_bytes();
                    payload = [&[number, 0, high, low, 0, 0, 0, 9][..], &payload].concat();
                    number = 44;
                }
                for &extension in self.options.iter().rev() {
                    let length = extension % 2;
                    let mut header = vec![number, length, 1, 4, 0, 0, 0, 0];
                    header.extend(vec![0; 8 * usize::from(length)]);
                    payload = [header, payload].concat();
                    number = extension;
                }
                let mut out = vec![0x60, 0, 0, 0];
                out.extend((payload.len() as u16).to_be_bytes());
                out.extend([number, 64]);
                out.extend(source.octets());
                out.extend(target.octets());
                [out, payload].concat()
            }
            _ => panic!("two versions"),
        }
    }
}

impl Inside {
    /// Protocol number and bytes.
    fn bytes(&self, v6: bool) -> (u8, Vec<u8>) {
        let ports = |a: u16, b: u16| [a.to_be_bytes(), b.to_be_bytes()].concat();
        let udp = |a, b, data: &[u8]| [ports(a, b), ports(8 + data.len() as u16, 0), data.to_vec()].concat();
        match self {
            Self::Tcp(a, b) => {
                let mut out = ports(*a, *b);
                out.extend([0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x02, 0, 0, 0, 0, 0, 0]);
                (6, out)
            }
            Self::Udp(a, b) => (17, udp(*a, *b, b"some data")),
            Self::Echo => (if v6 { 58 } else { 1 }, vec![if v6 { 128 } else { 8 }, 0, 0, 0, 0, 1, 0, 1]),
            Self::Error(about) => {
                let kind = if v6 { 1 } else { 3 };
                (if v6 { 58 } else { 1 }, [vec![kind, 3, 0, 0, 0, 0, 0, 0], about.bytes()].concat())
            }
            Self::Gre(inner) => {
                let kind: [u8; 2] = if inner.source.is_ipv6() { [0x86, 0xdd] } else { [8, 0] };
                (47, [vec![0, 0], kind.to_vec(), inner.bytes()].concat())
            }
            Self::Ip(inner) => (if inner.source.is_ipv6() { 41 } else { 4 }, inner.bytes()),
            Self::Vxlan(from, inner) => {
                let kind: [u8; 2] = if inner.source.is_ipv6() { [0x86, 0xdd] } else { [8, 0] };
                let frame = [vec![8, 0, 0, 0, 0, 0, 7, 0], vec![2; 12], kind.to_vec(), inner.bytes()].concat();
                (17, udp(*from, 4789, &frame))
            }
            Self::Sctp => (132, [ports(5000, 6000), vec![0; 8]].concat()),
            Self::Unknown => (200, vec![9; 16]),
        }
    }
}
