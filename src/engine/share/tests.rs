//! The kernel's program, run by our interpreter as the kernel runs it, against what the decoder finds: on every packet that makes
//! sense the two name the same thread, whichever way it goes and whatever it is wrapped in.

use super::owner;
use crate::capture::Spread;
use crate::capture::ring::fanout;
use crate::decode::{Packet, Transport, TunnelKind, decode};
use crate::filter::insn::ancillary;
use crate::filter::program::{KERNEL_INSTRUCTIONS, Program};
use crate::filter::view::View;
use crate::filter::vm;
use crate::model::{Frame, FrameMarks, LinkType, Timestamp};
use proptest::prelude::*;
use std::net::IpAddr;

/// A frame as the kernel has it when it asks the program.
struct InKernel<'a> {
    bytes: &'a [u8],
    /// Where the kernel says that the network header is.
    network: usize,
    protocol: u16,
}

impl InKernel<'_> {
    fn load(&self, at: u32, length: usize) -> Option<u32> {
        let from = match at {
            ancillary::NETWORK.. => self.network + (at - ancillary::NETWORK) as usize,
            ancillary::LINK.. => (at - ancillary::LINK) as usize,
            _ => panic!("an offset from where the bytes begin, which is not the same for all frames"),
        };
        let bytes = self.bytes.get(from..from + length)?;
        Some(bytes.iter().fold(0, |number, &byte| number << 8 | u32::from(byte)))
    }
}

impl View for InKernel<'_> {
    fn byte(&self, at: u32) -> Option<u32> {
        self.load(at, 1)
    }
    fn half(&self, at: u32) -> Option<u32> {
        self.load(at, 2)
    }
    fn word(&self, at: u32) -> Option<u32> {
        self.load(at, 4)
    }
    fn wire_len(&self) -> u32 {
        self.bytes.len() as u32
    }
    fn captured(&self) -> usize {
        self.bytes.len()
    }
    fn ancillary(&self, number: u32) -> Option<u32> {
        (number == ancillary::PROTOCOL).then_some(u32::from(self.protocol))
    }
}

/// What is in an IP datagram.
#[derive(Clone, Debug)]
enum Inside {
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
struct Datagram {
    source: IpAddr,
    target: IpAddr,
    inside: Inside,
    /// IPv4: 32-bit words of options. IPv6: numbers of extension headers.
    options: Vec<u8>,
    authenticated: bool,
    /// Offset in 8 bytes, and more to come; (0, false) over IPv6 is an atomic fragment.
    piece: Option<(u16, bool)>,
}

impl Datagram {
    fn reversed(&self) -> Self {
        let inside = match &self.inside {
            Inside::Tcp(a, b) => Inside::Tcp(*b, *a),
            Inside::Udp(a, b) => Inside::Udp(*b, *a),
            other => other.clone(),
        };
        Self { source: self.target, target: self.source, inside, ..self.clone() }
    }

    fn bytes(&self) -> Vec<u8> {
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

/// What stands before IP.
#[derive(Clone, Debug)]
enum Link {
    /// Tags left in the bytes, and where the kernel's network header is: before them (received) or behind (sent).
    Tags(Vec<u16>, bool),
    Mpls(usize),
    Pppoe,
    /// No header at all.
    Raw,
}

impl Link {
    fn wrap(&self, ip: &[u8]) -> (Vec<u8>, LinkType, usize, u16) {
        let kind: u16 = if ip[0] >> 4 == 6 { 0x86dd } else { 0x0800 };
        let mut out = vec![2; 12];
        let push = |out: &mut Vec<u8>, number: u16| out.extend(number.to_be_bytes());
        match self {
            Self::Raw => (ip.to_vec(), LinkType::RAW, 0, kind),
            Self::Tags(tags, sent) => {
                for &tag in tags {
                    push(&mut out, tag);
                    push(&mut out, 0x6007);
                }
                push(&mut out, kind);
                let network = if *sent { out.len() } else { 14 };
                ([&out, ip].concat(), LinkType::ETHERNET, network, tags.first().copied().unwrap_or(kind))
            }
            Self::Mpls(labels) => {
                push(&mut out, 0x8847);
                for label in 1..=*labels {
                    out.extend([0x45, 6, 0x10 | u8::from(label == *labels), 64]);
                }
                ([&out, ip].concat(), LinkType::ETHERNET, 14, 0x8847)
            }
            Self::Pppoe => {
                out.extend([0x88, 0x64, 0x11, 0, 0, 9]);
                push(&mut out, ip.len() as u16 + 2);
                push(&mut out, if kind == 0x86dd { 0x57 } else { 0x21 });
                ([&out, ip].concat(), LinkType::ETHERNET, 14, 0x8864)
            }
        }
    }
}

fn link() -> BoxedStrategy<Link> {
    let tag = proptest::sample::select(vec![0x8100_u16, 0x88a8, 0x9100, 0x9200]);
    prop_oneof![
        (proptest::collection::vec(tag, 0..3), any::<bool>()).prop_map(|(tags, sent)| Link::Tags(tags, sent)),
        (1_usize..5).prop_map(Link::Mpls),
        Just(Link::Pppoe),
        Just(Link::Raw),
    ]
    .boxed()
}

/// No port of a tunnel: what is sent there and is no tunnel is set right after decoding.
fn port() -> impl Strategy<Value = u16> {
    prop_oneof![any::<u16>(), 1..1024_u16]
        .prop_filter("a tunnel's port", |port| ![4789, 8472, 6081, 4754, 2152, 3544, 5072].contains(port))
}

fn simple() -> BoxedStrategy<Inside> {
    prop_oneof![
        3 => (port(), port()).prop_map(|(a, b)| Inside::Tcp(a, b)),
        2 => (port(), port()).prop_map(|(a, b)| Inside::Udp(a, b)),
        1 => Just(Inside::Echo),
        1 => Just(Inside::Sctp),
        1 => Just(Inside::Unknown),
    ]
    .boxed()
}

fn address(v6: bool) -> BoxedStrategy<IpAddr> {
    if v6 { any::<[u8; 16]>().prop_map(IpAddr::from).boxed() } else { any::<[u8; 4]>().prop_map(IpAddr::from).boxed() }
}

fn piece() -> impl Strategy<Value = Option<(u16, bool)>> {
    prop_oneof![
        4 => Just(None),
        1 => Just(Some((0, true))),
        1 => (1_u16..1000, any::<bool>()).prop_map(Some),
        1 => Just(Some((0, false))),
    ]
}

fn datagram(v6: bool, inside: BoxedStrategy<Inside>) -> BoxedStrategy<Datagram> {
    let options = if v6 { proptest::sample::select(vec![0_u8, 43, 60, 135, 139, 140]).boxed() } else { Just(1).boxed() };
    let options = prop_oneof![2 => Just(Vec::new()), 1 => proptest::collection::vec(options, 0..3)];
    let made = (address(v6), address(v6), inside, options, proptest::bool::weighted(0.2), piece());
    let datagrams = made.prop_map(|(source, target, inside, options, authenticated, piece)| Datagram {
        source,
        target,
        inside,
        options,
        authenticated,
        piece,
    });
    datagrams.boxed()
}

fn plain() -> BoxedStrategy<Datagram> {
    prop_oneof![datagram(false, simple()), datagram(true, simple())].boxed()
}

fn any_datagram() -> BoxedStrategy<Datagram> {
    let of = |v6| {
        let inside = prop_oneof![
            4 => simple(),
            2 => datagram(v6, simple()).prop_map(|about| Inside::Error(Box::new(about))),
            1 => plain().prop_map(|inner| Inside::Gre(Box::new(inner))),
            1 => plain().prop_map(|inner| Inside::Ip(Box::new(inner))),
            1 => (1024_u16.., plain()).prop_map(|(from, inner)| Inside::Vxlan(from, Box::new(inner))),
        ];
        datagram(v6, inside.boxed())
    };
    prop_oneof![of(false), of(true)].boxed()
}

fn spread() -> impl Strategy<Value = Spread> {
    (2_u32..65, any::<u32>()).prop_map(|(threads, seed)| Spread::seeded(threads, seed))
}

fn with_decoded<T>(link: &Link, datagram: &Datagram, look: impl FnOnce(&Packet<'_>, &InKernel<'_>) -> T) -> T {
    let (bytes, link, network, protocol) = link.wrap(&datagram.bytes());
    let frame = Frame {
        number: 1,
        source: 0,
        interface: 0,
        ts: Timestamp::default(),
        link,
        wire_len: bytes.len() as u32,
        bytes: &bytes,
        direction: None,
        options: None,
        marks: FrameMarks::NONE,
    };
    look(&decode(&frame), &InKernel { bytes: &bytes, network, protocol })
}

fn by_kernel(program: &Program, spread: &Spread, view: &InKernel<'_>) -> u32 {
    vm::run(program, view) % spread.threads()
}

fn program(spread: &Spread) -> Program {
    Program::new(fanout::program(spread)).expect("sound")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn kernel_and_decoder_name_the_same_thread(spread in spread(), link in link(), datagram in any_datagram()) {
        let program = program(&spread);
        with_decoded(&link, &datagram, |packet, view| {
            let decoded = owner(&spread, packet, true);
            prop_assert!(decoded.is_some());
            // A fragment of a tunnel in UDP, and a tunnel whose contents are pieces of other protocols' errors, are plain to both.
            prop_assert_eq!(Some(by_kernel(&program, &spread, view)), decoded, "{:?}", packet);
            Ok(())
        })?;
    }

    #[test]
    fn the_way_back_and_errors_about_it_stay_with_the_conversation(
        spread in spread(), links in [link(), link(), link()], datagram in plain(), router in any::<[u8; 16]>()
    ) {
        let program = program(&spread);
        let there = with_decoded(&links[0], &datagram, |_, view| by_kernel(&program, &spread, view));
        let back = with_decoded(&links[1], &datagram.reversed(), |_, view| by_kernel(&program, &spread, view));
        prop_assert_eq!(there, back);
        let v6 = datagram.source.is_ipv6();
        let router = if v6 { IpAddr::from(router) } else { IpAddr::from([router[0], router[1], router[2], router[3]]) };
        let error = Datagram {
            source: router,
            target: datagram.source,
            inside: Inside::Error(Box::new(datagram.clone())),
            options: Vec::new(),
            authenticated: false,
            piece: None,
        };
        let error = with_decoded(&links[2], &error, |_, view| by_kernel(&program, &spread, view));
        prop_assert_eq!(there, error);
    }

    #[test]
    fn fragments_stay_together_and_with_all_that_has_no_ports(spread in spread(), link in link(), datagram in plain(), offset in 1_u16..8000) {
        let program = program(&spread);
        let place = |piece, inside: &Inside| {
            let datagram = Datagram { piece, inside: inside.clone(), ..datagram.clone() };
            with_decoded(&link, &datagram, |_, view| by_kernel(&program, &spread, view))
        };
        let first = place(Some((0, true)), &datagram.inside);
        prop_assert_eq!(first, place(Some((offset, true)), &datagram.inside));
        prop_assert_eq!(first, place(Some((offset, false)), &datagram.inside));
        prop_assert_eq!(first, place(None, &Inside::Udp(1, 2)));
        prop_assert_eq!(first, place(None, &Inside::Echo));
    }

    #[test]
    fn any_bytes_end_somewhere(spread in spread(), bytes in proptest::collection::vec(any::<u8>(), 0..120), kind in 0_usize..7) {
        let protocol = [0x0800, 0x86dd, 0x8100, 0x88a8, 0x8847, 0x8864, 0x0806][kind];
        let view = InKernel { bytes: &bytes, network: 14.min(bytes.len()), protocol };
        prop_assert!(by_kernel(&program(&spread), &spread, &view) < spread.threads());
    }
}

#[test]
fn the_program_is_one_that_the_kernel_has_room_for() {
    let program = program(&Spread::seeded(4, 9));
    assert!(program.instructions().len() < KERNEL_INSTRUCTIONS / 2, "{}", program.instructions().len());
    assert!(!program.has_loops());
}

#[test]
fn tunnels_go_to_the_first_thread_and_so_do_frames_without_ip() {
    let spread = Spread::seeded(64, 5);
    let program = program(&spread);
    let host = |n: u8| IpAddr::from([10, 0, 0, n]);
    let bare =
        |inside| Datagram { source: host(1), target: host(2), inside, options: Vec::new(), authenticated: false, piece: None };
    let inner = Box::new(bare(Inside::Tcp(1, 2)));
    for inside in [Inside::Gre(inner.clone()), Inside::Ip(inner.clone()), Inside::Vxlan(40_000, inner)] {
        with_decoded(&Link::Tags(Vec::new(), false), &bare(inside), |packet, view| {
            assert_ne!(packet.tunnel.kind, TunnelKind::None);
            assert_eq!(packet.transport, Transport::Tcp);
            assert_eq!((owner(&spread, packet, true), by_kernel(&program, &spread, view)), (Some(0), 0));
        });
    }
    let arp = [&[2; 12][..], &[8, 6], &[0, 1, 8, 0, 6, 4, 0, 1], &[0; 20]].concat();
    assert_eq!(by_kernel(&program, &spread, &InKernel { bytes: &arp, network: 14, protocol: 0x0806 }), 0);
}
