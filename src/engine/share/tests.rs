//! The kernel's program, run by our interpreter as the kernel runs it, against what the decoder finds: on every packet that makes
//! sense the two name the same thread, whichever way it goes and whatever it is wrapped in.

use super::datagrams::{Datagram, Inside};
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

fn by_kernel(program: &Program, spread: Spread, view: &InKernel<'_>) -> u32 {
    vm::run(program, view) % spread.threads()
}

fn program(spread: Spread) -> Program {
    Program::new(fanout::program(spread)).expect("sound")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn kernel_and_decoder_name_the_same_thread(spread in spread(), link in link(), datagram in any_datagram()) {
        let program = program(spread);
        with_decoded(&link, &datagram, |packet, view| {
            let decoded = owner(spread, packet, true);
            prop_assert!(decoded.is_some());
            // A fragment of a tunnel in UDP, and a tunnel whose contents are pieces of other protocols' errors, are plain to both.
            prop_assert_eq!(Some(by_kernel(&program, spread, view)), decoded, "{:?}", packet);
            Ok(())
        })?;
    }

    #[test]
    fn the_way_back_and_errors_about_it_stay_with_the_conversation(
        spread in spread(), links in [link(), link(), link()], datagram in plain(), router in any::<[u8; 16]>()
    ) {
        let program = program(spread);
        let there = with_decoded(&links[0], &datagram, |_, view| by_kernel(&program, spread, view));
        let back = with_decoded(&links[1], &datagram.reversed(), |_, view| by_kernel(&program, spread, view));
        prop_assert_eq!(there, back);
        let v6 = datagram.source.is_ipv6();
        let router = if v6 { IpAddr::from(router) } else { IpAddr::from([router[0], router[1], router[2], router[3]]) };
        let error = Datagram::new(router, datagram.source, Inside::Error(Box::new(datagram.clone())));
        let error = with_decoded(&links[2], &error, |_, view| by_kernel(&program, spread, view));
        prop_assert_eq!(there, error);
    }

    #[test]
    fn fragments_stay_together_and_with_all_that_has_no_ports(spread in spread(), link in link(), datagram in plain(), offset in 1_u16..8000) {
        let program = program(spread);
        let place = |piece, inside: &Inside| {
            let datagram = Datagram { piece, inside: inside.clone(), ..datagram.clone() };
            with_decoded(&link, &datagram, |_, view| by_kernel(&program, spread, view))
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
        prop_assert!(by_kernel(&program(spread), spread, &view) < spread.threads());
    }
}

#[test]
fn the_program_is_one_that_the_kernel_has_room_for() {
    let program = program(Spread::seeded(4, 9));
    assert!(program.instructions().len() < KERNEL_INSTRUCTIONS / 2, "{}", program.instructions().len());
    assert!(!program.has_loops());
}

#[test]
fn tunnels_go_to_the_first_thread_and_so_do_frames_without_ip() {
    let spread = Spread::seeded(64, 5);
    let program = program(spread);
    let host = |n: u8| IpAddr::from([10, 0, 0, n]);
    let bare =
        |inside| Datagram { source: host(1), target: host(2), inside, options: Vec::new(), authenticated: false, piece: None };
    let inner = Box::new(bare(Inside::Tcp(1, 2)));
    for inside in [Inside::Gre(inner.clone()), Inside::Ip(inner.clone()), Inside::Vxlan(40_000, inner)] {
        with_decoded(&Link::Tags(Vec::new(), false), &bare(inside), |packet, view| {
            assert_ne!(packet.tunnel.kind, TunnelKind::None);
            assert_eq!(packet.transport, Transport::Tcp);
            assert_eq!((owner(spread, packet, true), by_kernel(&program, spread, view)), (Some(0), 0));
        });
    }
    let arp = [&[2; 12][..], &[8, 6], &[0, 1, 8, 0, 6, 4, 0, 1], &[0; 20]].concat();
    assert_eq!(by_kernel(&program, spread, &InKernel { bytes: &arp, network: 14, protocol: 0x0806 }), 0);
}
