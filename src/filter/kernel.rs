//! What the kernel may decide of a live capture: a program that accepts every frame that the filter accepts, and often more.
//!
//! Linux takes the outer 802.1Q or 802.1ad tag off before a socket filter runs and keeps it beside the bytes; a second tag, and
//! any other TPID, stays in the bytes; so do tags of some drivers and of sent frames. A capture puts the outer tag back, so
//! we see it in the bytes and the kernel does not. Hence, for an expression E:
//!
//! - E sees frames as they are: a frame whose tag was taken off goes through to us; of any other the kernel sees the same
//!   bytes and the same length as we do, and may run E.
//! - E sees frames untagged: a frame with a tag in its bytes goes through to us. Otherwise the kernel sees the bytes
//!   that E is to see, and may run E; but if E asks for the length, which lacks four bytes when a tag was taken off,
//!   then a frame whose tag was taken off goes through to us too.
//!
//! A program that was compiled for a live interface asks for the tag beside the bytes, and is treated like the second kind.
//!
//! A frame cut to the snapshot length makes no difference: what fails to load in ours could only be accepted there.
//! Where a program cannot be put into the kernel, it is given nothing and everything goes through to us.

mod cooked;

use super::apply::{Filter, Sight};
use super::insn::{Alu, Insn, Op, ancillary, code};
use super::program::{ACCEPT, KERNEL_INSTRUCTIONS, Program};
use super::view::{TAG_TYPES, TagPlace};
use crate::model::LinkType;

impl Filter {
    /// A program for `SO_ATTACH_FILTER` on a Linux packet socket of type `SOCK_RAW`; nothing where every frame must come through
    /// (attach none). It accepts at least what [`Filter::accepts`] accepts, which has to be asked again. At most
    /// 4096 instructions, without loops. Should the kernel refuse it all the same (it refuses programs from elsewhere that
    /// read scratch memory before writing it), attach none.
    ///
    /// Nothing for [`LinkType::LINUX_SLL2`], of which sockets may see frames in different forms.
    pub fn kernel_program(&mut self, link: LinkType) -> Option<Program> {
        // Cooked headers are made up in user space, no socket filter sees them; Linux has no BSD loopback.
        let made_up = [LinkType::LINUX_SLL, LinkType::LINUX_SLL2, LinkType::NULL, LinkType::LOOP].contains(&link);
        if self.is_everything() || made_up {
            return None;
        }
        let is_expression = self.text().is_some();
        let (program, sight) = self.decided(link)?;
        if !kernel_takes(program, is_expression) {
            return None;
        }
        let mut checks = Vec::new();
        match (sight, TagPlace::of(link)) {
            (Sight::Untagged(_) | Sight::OuterBeside(_), Some(place)) => {
                if program.uses_length() {
                    checks.push(Check::TagTakenOff);
                }
                checks.push(Check::TagInBytes(place));
            }
            (Sight::AsItIs, Some(_)) => checks.push(Check::TagTakenOff),
            (Sight::OwnFamily, _) | (_, None) => {}
        }
        let mut insns = prologue(&checks);
        insns.extend_from_slice(program.instructions());
        fitting(insns)
    }

    /// As [`Self::kernel_program`], and for [`LinkType::LINUX_SLL2`] a program for a socket of type `SOCK_RAW`, whose frames get
    /// their SLL2 headers from the capture, and are given to the program with their own.
    pub fn kernel_program_on_raw_socket(&mut self, link: LinkType) -> Option<Program> {
        if link != LinkType::LINUX_SLL2 || self.is_everything() {
            return self.kernel_program(link);
        }
        let is_expression = self.text().is_some();
        let (program, _) = self.decided(link)?;
        if !kernel_takes(program, is_expression) {
            return None;
        }
        cooked::program(program).and_then(fitting)
    }
}

fn fitting(insns: Vec<Insn>) -> Option<Program> {
    Program::new(insns).ok().filter(|p| p.instructions().len() <= KERNEL_INSTRUCTIONS)
}

/// Accepts the frame, whole.
const fn accept() -> Insn {
    Insn::stmt(code::RET, ACCEPT)
}

/// A reason to let a frame through undecided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Check {
    /// The kernel took a tag off.
    TagTakenOff,
    /// There is a tag in the bytes.
    TagInBytes(TagPlace),
}

/// Does the kernel run this program, with the same result as our interpreter?
fn kernel_takes(program: &Program, is_expression: bool) -> bool {
    // Shifts by 32 or more are refused by the kernel or end differently there.
    let same = |op: Op, k: u32| match op {
        Op::AluX(Alu::Lsh | Alu::Rsh) => false,
        Op::AluK(Alu::Lsh | Alu::Rsh) => k < 32,
        // Offsets from the link or network header, which the kernel counts from the top of the range.
        Op::Word | Op::Half | Op::Byte | Op::XNibble | Op::WordX | Op::HalfX | Op::ByteX => (k as i32) >= 0,
        // The number of the interface says nothing to us. Of the packet type we know outgoing or not, which is what expressions
        // ask; a program from elsewhere may tell packets to us from packets to others.
        Op::Ancillary => match ancillary::number(k) {
            Some(ancillary::PACKET_TYPE) => is_expression,
            Some(n) => matches!(n, ancillary::VLAN_TAG | ancillary::VLAN_TAG_PRESENT | ancillary::VLAN_TPID),
            None => false,
        },
        _ => true,
    };
    !program.has_loops() && program.instructions().iter().zip(&program.steps).all(|(i, s)| same(s.op, i.k))
}

/// Instructions that accept a frame if a check says so, and else fall through.
fn prologue(checks: &[Check]) -> Vec<Insn> {
    let accept = accept();
    let mut insns = Vec::new();
    for check in checks {
        match check {
            Check::TagTakenOff => insns.extend([
                Insn::stmt(code::LD_HALF, ancillary::OFFSET + ancillary::VLAN_TAG_PRESENT),
                Insn::jump(code::JEQ, 0, 1, 0),
                accept,
            ]),
            Check::TagInBytes(place) => {
                insns.extend([
                    // Too short for a protocol: a load that fails would refuse it.
                    Insn::stmt(code::LD_LEN, 0),
                    Insn::jump(code::JGE, place.protocol + 2, 1, 0),
                    accept,
                    Insn::stmt(code::LD_HALF, place.protocol),
                ]);
                for (i, tag) in TAG_TYPES.into_iter().enumerate() {
                    let more = (TAG_TYPES.len() - 1 - i) as u8;
                    insns.push(Insn::jump(code::JEQ, u32::from(tag), more, u8::from(more == 0)));
                }
                insns.push(accept);
            }
        }
    }
    if !insns.is_empty() {
        // A program begins with A = 0. Those of libpcap load before they compare; others need not.
        insns.push(Insn::stmt(code::LD_IMM, 0));
    }
    insns
}

#[cfg(all(test, feature = "libpcap"))]
mod tests {
    use super::*;
    use crate::filter::ProgramForm;
    use crate::filter::view::View;
    use crate::filter::vm;
    use crate::model::bytes::{be16, be32};
    use crate::model::{Frame, FrameDirection, Timestamp};

    /// A frame as the kernel's filter sees it.
    pub(super) struct Skb {
        pub(super) bytes: Vec<u8>,
        pub(super) len: u32,
        /// TPID and tag control information of a tag taken off.
        pub(super) tag: Option<(u16, u16)>,
        outgoing: bool,
    }

    impl View for Skb {
        fn byte(&self, at: u32) -> Option<u32> {
            self.bytes.get(at as usize).map(|&b| b.into())
        }
        fn half(&self, at: u32) -> Option<u32> {
            be16(&self.bytes, at as usize).map(u32::from)
        }
        fn word(&self, at: u32) -> Option<u32> {
            be32(&self.bytes, at as usize)
        }
        fn wire_len(&self) -> u32 {
            self.len
        }
        fn captured(&self) -> usize {
            self.bytes.len()
        }
        fn ancillary(&self, number: u32) -> Option<u32> {
            Some(match number {
                ancillary::PACKET_TYPE => 4 * u32::from(self.outgoing),
                ancillary::VLAN_TAG => self.tag.map_or(0, |t| t.1.into()),
                ancillary::VLAN_TAG_PRESENT => self.tag.is_some().into(),
                ancillary::VLAN_TPID => self.tag.map_or(0, |t| t.0.into()),
                _ => 0,
            })
        }
    }

    const EXPRESSIONS: &[&str] = &[
        "tcp port 80",
        "not port 22",
        "tcp and not port 80",
        "port 80 and not host 10.0.0.1",
        "arp",
        "not arp",
        "ip",
        "not ip",
        "ip6",
        "udp",
        "vlan",
        "not vlan",
        "vlan 5",
        "not vlan 5",
        "vlan 5 and tcp port 80",
        "vlan 5 and not tcp port 80",
        "vlan and vlan 7",
        "tcp port 80 or vlan 5",
        "tcp port 80 or (vlan and tcp port 80)",
        "ether proto 0x8100",
        "not ether proto 0x8100",
        "ether proto 0x88a8",
        "ether[12:2] = 0x0800",
        "not ether[12:2] = 0x0800",
        "ether[14:2] & 0xfff = 5",
        "ether host 02:00:00:00:00:01",
        "not ether host 02:00:00:00:00:01",
        "ether[0] & 1 = 0",
        "ether[20] = 0",
        "len > 60",
        "len <= 60",
        "not len > 58",
        "len = 54",
        "len = 58",
        "len = 62",
        "greater 58",
        "less 58",
        "vlan and greater 58",
        "not (vlan and greater 58)",
        "tcp and len = 58",
        "ip[len - 50] = 0",
        "inbound",
        "outbound",
        "outbound and tcp port 80",
        "ip protochain 6",
        "tcp[((tcp[12] >> 4) * 4)] = 0",
        "ip[0] >> ip[1] = 0",
    ];

    fn payload(kind: &str) -> (u16, Vec<u8>) {
        let ports = |from: u16, to: u16| [from.to_be_bytes(), to.to_be_bytes()].concat();
        let ip = |protocol: u8, rest: Vec<u8>| {
            let mut b = vec![0x45, 0, 0, 40, 0, 1, 0, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
            b.extend(rest);
            b.resize(40, 0);
            (0x0800, b)
        };
        match kind {
            "http" => ip(6, ports(40000, 80)),
            "ssh" => ip(6, ports(22, 40000)),
            "dns" => ip(17, ports(40000, 53)),
            "arp" => (0x0806, vec![0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2]),
            "http6" => {
                let mut b = vec![0x60, 0, 0, 0, 0, 20, 6, 64];
                b.resize(40, 0);
                b.extend(ports(40000, 80));
                b.resize(60, 0);
                (0x86dd, b)
            }
            "long" => {
                let (t, mut b) = ip(6, ports(40000, 80));
                b.resize(400, 7);
                (t, b)
            }
            // Says that it is IPv4 and ends at once.
            _ => (0x0800, vec![0x45]),
        }
    }

    /// The frame as it was on the wire, and the forms in which the kernel may have it.
    pub(super) fn forms(kind: &str, tags: &[(u16, u16)], outgoing: bool) -> (Vec<u8>, Vec<Skb>) {
        let (ethertype, rest) = payload(kind);
        let build = |tags: &[(u16, u16)]| {
            let mut b = if kind == "arp" { vec![0xff; 6] } else { vec![2, 0, 0, 0, 0, 1] };
            b.extend([2, 0, 0, 0, 0, 2]);
            for (tpid, tci) in tags {
                b.extend(tpid.to_be_bytes());
                b.extend(tci.to_be_bytes());
            }
            b.extend(ethertype.to_be_bytes());
            b.extend(&rest);
            b
        };
        let skb = |tag: Option<(u16, u16)>, inside: &[(u16, u16)]| {
            let bytes = build(inside);
            Skb { len: bytes.len() as u32, bytes, tag, outgoing }
        };
        let mut seen = vec![skb(None, tags)];
        if let [outer @ (0x8100 | 0x88a8, _), inner @ ..] = tags {
            seen.push(skb(Some(*outer), inner));
        }
        (build(tags), seen)
    }

    pub(super) const TAGS: &[&[(u16, u16)]] = &[
        &[],
        &[(0x8100, 5)],
        &[(0x8100, 7)],
        &[(0x8100, 0)],
        &[(0x8100, 0x6005)],
        &[(0x88a8, 5)],
        &[(0x9100, 5)],
        &[(0x88a8, 7), (0x8100, 5)],
        &[(0x8100, 5), (0x8100, 7)],
        &[(0x9100, 5), (0x8100, 7)],
        &[(0x9200, 5)],
    ];

    pub(super) const KINDS: &[&str] = &["http", "ssh", "dns", "arp", "http6", "long", "stub"];

    pub(super) fn frame(bytes: &[u8], wire_len: u32, outgoing: bool) -> Frame<'_> {
        let direction = Some(if outgoing { FrameDirection::Outbound } else { FrameDirection::Inbound });
        let ts = Timestamp::default();
        Frame {
            number: 1,
            source: 0,
            interface: 0,
            ts,
            link: LinkType::ETHERNET,
            wire_len,
            bytes,
            direction,
            options: None,
            marks: crate::model::FrameMarks::NONE,
        }
    }

    /// Every combination; gives how often the kernel refused a frame, how often we did, and asserts that it never
    /// refused one that we accept.
    fn compare(filter: &mut Filter, what: &str) -> (u32, u32) {
        let program = filter.kernel_program(LinkType::ETHERNET);
        let (mut by_kernel, mut by_us) = (0, 0);
        for kind in KINDS {
            for tags in TAGS {
                for outgoing in [false, true] {
                    let (wire, skbs) = forms(kind, tags, outgoing);
                    for skb in skbs {
                        let kernel = program.as_ref().is_none_or(|p| vm::run(p, &skb) != 0);
                        for kept in [wire.len(), 60, 40, 20, 14, 13, 5, 0] {
                            let bytes = &wire[..kept.min(wire.len())];
                            let ours = filter.accepts(&frame(bytes, wire.len() as u32, outgoing));
                            assert!(kernel || !ours, "{what}: {kind} {tags:x?} tag off: {:?}, {kept} kept", skb.tag);
                            by_us += u32::from(!ours && kept == wire.len());
                            if tags.is_empty() && program.is_some() && kept == wire.len() {
                                assert_eq!(kernel, ours, "{what}: {kind} untagged is decided by the kernel");
                            }
                        }
                        by_kernel += u32::from(!kernel);
                    }
                }
            }
        }
        (by_kernel, by_us)
    }

    #[test]
    fn the_kernel_never_refuses_what_we_accept() {
        for strict in [false, true] {
            for expression in EXPRESSIONS {
                let mut filter = Filter::expression(expression, strict).unwrap_or_else(|e| panic!("{e}"));
                let (by_kernel, by_us) = compare(&mut filter, expression);
                assert!(by_us > 0, "{expression} accepts everything: no test");
                let loops = ["ip protochain 6", "ip[0] >> ip[1] = 0"].contains(expression);
                assert_eq!(by_kernel == 0, loops, "{expression}: what the kernel can refuse it should");
            }
        }
    }

    #[test]
    fn programs_made_for_the_kernel_are_treated_alike() {
        // `vlan 5` and `vlan` as compiled for a live interface.
        let vlan_5 = "15\n48 0 0 4294963248\n21 4 0 1\n40 0 0 12\n21 2 0 33024\n21 1 0 34984\n21 0 8 37120\n48 0 0 4294963248\n\
             21 0 2 1\n48 0 0 4294963244\n5 0 0 1\n40 0 0 14\n84 0 0 4095\n21 0 1 5\n6 0 0 262144\n6 0 0 0\n";
        let mut filter = Filter::bytecode("x", vlan_5.as_bytes()).unwrap();
        let (by_kernel, _) = compare(&mut filter, "vlan 5, live");
        assert!(by_kernel > 0);
        let (wire, _) = forms("http", &[(0x8100, 5)], false);
        assert!(filter.accepts(&frame(&wire, wire.len() as u32, false)));
        let (wire, _) = forms("http", &[(0x8100, 6)], false);
        assert!(!filter.accepts(&frame(&wire, wire.len() as u32, false)));
    }

    #[test]
    fn some_filters_leave_all_to_us() {
        let kernel = |mut filter: Filter, link| filter.kernel_program(link).is_some();
        assert!(!kernel(Filter::everything(), LinkType::ETHERNET));
        let tcp = Filter::expression("tcp port 80", false).unwrap();
        assert!(kernel(tcp.clone(), LinkType::ETHERNET) && kernel(tcp.clone(), LinkType::RAW));
        assert!(!kernel(tcp.clone(), LinkType::LINUX_SLL2) && !kernel(tcp, LinkType::LINUX_SLL));
        let long = vec![Insn::stmt(code::LD_IMM, 0); KERNEL_INSTRUCTIONS];
        let many =
            Program::new([long, vec![Insn::stmt(code::RET, 1)]].concat()).unwrap().listing(ProgramForm::Decimal).to_string();
        let many = Filter::bytecode("x", many.as_bytes()).unwrap();
        assert!(!kernel(many, LinkType::ETHERNET));
    }
}
