//! The kernel's program where a capture makes up the link headers: frames of `any`, which we see with SLL2 headers and the kernel
//! sees as they are. What a filter asks of an SLL2 header the kernel knows beside the frame; what is behind the header stands
//! behind the Ethernet header.
//!
//! Only frames of Ethernet and loopback interfaces are decided: there, and nowhere else, what a capture takes for the network
//! header begins at the same place in every frame. (The kernel has offsets from the network header, too, but on many versions
//! they do not reach all of a packet that lies in pieces, and what cannot be loaded is refused.) Frames of other interfaces
//! and tagged frames go through to us.

use super::super::insn::{Insn, Op, ancillary, code};
use super::super::program::Program;
use super::super::view::TAG_TYPES;
use super::accept;

/// Bytes of an SLL2 header (`LINKTYPE_LINUX_SLL2`).
const SLL2: u32 = 20;
/// Bytes of an Ethernet header, and where it has the protocol.
const ETHERNET: u32 = 14;
const ETHERTYPE: u32 = 12;
/// `ARPHRD_ETHER` and `ARPHRD_LOOPBACK` of `linux/if_arp.h`.
const HARDWARE: [u32; 2] = [1, 772];
/// Largest number of which no sum with an offset wraps around.
const SMALL: u32 = 1 << 16;

/// The program for frames as the kernel has them, of one for frames with SLL2 headers; nothing where it asks what the kernel cannot
/// tell.
pub(super) fn program(cooked: &Program) -> Option<Vec<Insn>> {
    // An offset with X added could reach the made-up header, whatever it seems to say, if the sum wraps around.
    let small = cooked.steps.iter().all(|step| match step.op {
        Op::XImm => step.k < SMALL,
        Op::XMem | Op::Tax | Op::XLen => false,
        _ => true,
    });
    let beside = |number| Some(Insn::stmt(code::LD_WORD, ancillary::OFFSET + number));
    let rewritten = cooked.instructions().iter().zip(&cooked.steps).map(|(insn, step)| match (step.op, insn.k) {
        (Op::Half, 0) => beside(ancillary::PROTOCOL),
        (Op::Word, 4) => beside(ancillary::INTERFACE),
        (Op::Half, 8) => beside(ancillary::HARDWARE),
        (Op::Byte, 10) => beside(ancillary::PACKET_TYPE),
        (Op::Word | Op::Half | Op::Byte | Op::XNibble, SLL2..) => Some(Insn { k: insn.k - SLL2 + ETHERNET, ..*insn }),
        (Op::WordX | Op::HalfX | Op::ByteX, SLL2..) if small => Some(Insn { k: insn.k - SLL2 + ETHERNET, ..*insn }),
        (Op::Word | Op::Half | Op::Byte | Op::XNibble | Op::WordX | Op::HalfX | Op::ByteX | Op::Len | Op::XLen, _) => None,
        _ => Some(*insn),
    });
    let rewritten = rewritten.collect::<Option<Vec<Insn>>>()?;
    let mut insns = vec![
        Insn::stmt(code::LD_WORD, ancillary::OFFSET + ancillary::HARDWARE),
        Insn::jump(code::JEQ, HARDWARE[0], 2, 0),
        Insn::jump(code::JEQ, HARDWARE[1], 1, 0),
        accept(),
        Insn::stmt(code::LD_WORD, ancillary::OFFSET + ancillary::VLAN_TAG_PRESENT),
        Insn::jump(code::JEQ, 0, 1, 0),
        accept(),
        // Too short for a protocol: a load that fails would refuse it.
        Insn::stmt(code::LD_LEN, 0),
        Insn::jump(code::JGE, ETHERNET, 1, 0),
        accept(),
    ];
    for load in [Insn::stmt(code::LD_HALF, ETHERTYPE), Insn::stmt(code::LD_WORD, ancillary::OFFSET + ancillary::PROTOCOL)] {
        insns.push(load);
        for (i, tag) in TAG_TYPES.into_iter().enumerate() {
            let more = (TAG_TYPES.len() - 1 - i) as u8;
            insns.push(Insn::jump(code::JEQ, u32::from(tag), more, u8::from(more == 0)));
        }
        insns.push(accept());
    }
    // A program begins with A = 0.
    insns.push(Insn::stmt(code::LD_IMM, 0));
    insns.extend(rewritten);
    Some(insns)
}

#[cfg(all(test, feature = "libpcap"))]
mod tests {
    use super::super::tests::{KINDS, Skb, TAGS, forms, frame};
    use super::*;
    use crate::filter::view::View;
    use crate::filter::{Filter, vm};
    use crate::model::{Frame, LinkType};

    const INTERFACE: u32 = 7;

    /// A frame as the kernel's filter sees it on a socket of all interfaces.
    struct OfAny<'a> {
        skb: &'a Skb,
        hardware: u16,
        protocol: u16,
        packet_type: u8,
    }

    impl View for OfAny<'_> {
        fn byte(&self, at: u32) -> Option<u32> {
            self.skb.byte(at)
        }
        fn half(&self, at: u32) -> Option<u32> {
            self.skb.half(at)
        }
        fn word(&self, at: u32) -> Option<u32> {
            self.skb.word(at)
        }
        fn wire_len(&self) -> u32 {
            self.skb.wire_len()
        }
        fn captured(&self) -> usize {
            self.skb.captured()
        }
        fn ancillary(&self, number: u32) -> Option<u32> {
            match number {
                ancillary::PROTOCOL => Some(self.protocol.into()),
                ancillary::INTERFACE => Some(INTERFACE),
                ancillary::HARDWARE => Some(self.hardware.into()),
                ancillary::PACKET_TYPE => Some(self.packet_type.into()),
                number => self.skb.ancillary(number),
            }
        }
    }

    impl OfAny<'_> {
        /// As the capture hands it out (packet(7) tells what is in the header; the tag becomes part of the frame again).
        fn cooked(&self) -> Vec<u8> {
            let bytes = &self.skb.bytes;
            let header = if HARDWARE.contains(&self.hardware.into()) { bytes.len().min(14) } else { 0 };
            let ethertype = if header == 14 { u16::from_be_bytes([bytes[12], bytes[13]]) } else { 0 };
            let inner = if [0x8100, 0x88a8].contains(&ethertype) { ethertype } else { self.protocol };
            let outer = self.skb.tag.map_or(inner, |(tpid, _)| tpid);
            let mut cooked = [&outer.to_be_bytes()[..], &[0, 0], &INTERFACE.to_be_bytes(), &self.hardware.to_be_bytes()].concat();
            cooked.extend([self.packet_type, 6, 2, 0, 0, 0, 0, 2, 0, 0]);
            if let Some((_, tci)) = self.skb.tag {
                cooked.extend([tci.to_be_bytes(), inner.to_be_bytes()].concat());
            }
            cooked.extend(&bytes[header..]);
            cooked
        }
    }

    const EXPRESSIONS: &[&str] = &[
        "tcp port 80",
        "not port 22",
        "port 80 and not host 10.0.0.1",
        "arp",
        "not arp",
        "ip",
        "not ip",
        "ip6",
        "udp port 53",
        "vlan",
        "not vlan",
        "vlan 5",
        "not vlan 5",
        "vlan 5 and tcp port 80",
        "tcp port 80 or vlan 5",
        "inbound",
        "outbound",
        "outbound and tcp port 80",
        "not outbound and tcp port 80",
        "ifindex 7 and tcp",
        "ifindex 8",
        "ip[0] = 0x45",
        "tcp[13] & 2 != 0",
        "not tcp[13] & 2 != 0",
        "len > 60",
        "not len > 58",
        "ip[len - 50] = 0",
        "ip[ip[0] - 80:1] = 0",
        "not ip[ip[0] - 80:1] = 0",
        "tcp[((tcp[12] >> 4) * 4)] = 0",
        "ether[0] & 1 = 0",
        "ether[9] = 1",
        "link[10] = 4",
        "ip[0] >> ip[1] = 0",
    ];

    /// How often the kernel refused a frame; asserts that it never refused one that we accept, and decides what it can.
    fn compare(filter: &mut Filter, what: &str) -> u32 {
        let program = filter.kernel_program_on_raw_socket(LinkType::LINUX_SLL2);
        let mut refused = 0;
        let cases = KINDS.iter().flat_map(|kind| TAGS.iter().map(move |tags| (kind, tags)));
        for (kind, tags) in cases {
            for (hardware, packet_type) in [(1, 0), (1, 4), (772, 0), (1, 3), (1, 1), (65_534, 0), (65_534, 4)] {
                let (_, mut skbs) = forms(kind, tags, packet_type == 4);
                for skb in &mut skbs {
                    let last = 12
                        + 4 * skb.bytes[12..]
                            .chunks(4)
                            .take_while(|c| TAG_TYPES.iter().any(|t| t.to_be_bytes() == c[..2]))
                            .count();
                    let protocol = u16::from_be_bytes([skb.bytes[last], skb.bytes[last + 1]]);
                    if hardware == 65_534 {
                        skb.bytes.drain(..last + 2);
                        skb.len = skb.bytes.len() as u32;
                    }
                    for cut in [usize::MAX, 13] {
                        skb.bytes.truncate(cut);
                        skb.len = skb.bytes.len() as u32;
                        let seen = OfAny { skb, hardware, protocol, packet_type };
                        let kernel = program.as_ref().is_none_or(|program| vm::run(program, &seen) != 0);
                        let cooked = seen.cooked();
                        for kept in [cooked.len(), 60, 40, 24, 20, 13, 0] {
                            let bytes = &cooked[..kept.min(cooked.len())];
                            let ours = filter.accepts(&Frame {
                                link: LinkType::LINUX_SLL2,
                                ..frame(bytes, cooked.len() as u32, packet_type == 4)
                            });
                            assert!(
                                kernel || !ours,
                                "{what}: {kind} {tags:x?} tag off: {:?}, {hardware} {packet_type}, {kept} kept",
                                seen.skb.tag
                            );
                            if kept == cooked.len() && cut > 13 && tags.is_empty() && hardware != 65_534 && program.is_some() {
                                assert_eq!(kernel, ours, "{what}: {kind} is decided by the kernel");
                            }
                        }
                        refused += u32::from(!kernel);
                    }
                }
            }
        }
        refused
    }

    #[test]
    fn the_kernel_never_refuses_what_we_accept() {
        let mut compiled = 0;
        for strict in [false, true] {
            for expression in EXPRESSIONS {
                let mut filter = Filter::expression(expression, strict).unwrap_or_else(|e| panic!("{e}"));
                if filter.prepare(LinkType::LINUX_SLL2).is_err() {
                    continue;
                }
                compiled += 1;
                let refused = compare(&mut filter, expression);
                let asks_more = ["len", "ip[ip[0]", "tcp[((", "ether[", "link[10]", "ip[0] >> ip"]
                    .iter()
                    .any(|part| expression.contains(part));
                assert!(refused > 0 || asks_more, "{expression}: what the kernel can refuse it should");
            }
        }
        assert!(compiled > 40, "{compiled}");
    }

    #[test]
    fn other_sockets_are_given_none() {
        let mut filter = Filter::expression("tcp port 80", false).unwrap();
        assert!(filter.kernel_program_on_raw_socket(LinkType::LINUX_SLL2).is_some());
        assert!(filter.kernel_program(LinkType::LINUX_SLL2).is_none());
        assert!(filter.kernel_program_on_raw_socket(LinkType::LINUX_SLL).is_none());
        assert!(Filter::everything().kernel_program_on_raw_socket(LinkType::LINUX_SLL2).is_none());
    }
}
