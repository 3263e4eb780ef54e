//! One classic BPF instruction: eight bytes as the kernel and libpcap lay them out, and what its code means.
//!
//! The encoding is that of the paper "The BSD Packet Filter" (USENIX 1993), with the later `mod` and `xor`, and
//! of Linux's `struct sock_filter`. What is not listed in [`Op`] is not an instruction.

/// A classic BPF instruction as it stands in memory (`struct bpf_insn`, `struct sock_filter`).
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Insn {
    /// What to do; see [`Op::decode`].
    pub code: u16,
    /// Instructions to skip when a comparison holds.
    pub jt: u8,
    /// Instructions to skip when it does not.
    pub jf: u8,
    /// The constant, offset or jump distance.
    pub k: u32,
}

impl Insn {
    /// An instruction without jumps.
    #[must_use]
    pub const fn stmt(code: u16, k: u32) -> Self {
        Self { code, jt: 0, jf: 0, k }
    }

    /// A comparison with its two distances.
    #[must_use]
    pub const fn jump(code: u16, k: u32, jt: u8, jf: u8) -> Self {
        Self { code, jt, jf, k }
    }
}

#[cfg(target_os = "linux")]
impl From<Insn> for libc::sock_filter {
    fn from(i: Insn) -> Self {
        Self { code: i.code, jt: i.jt, jf: i.jf, k: i.k }
    }
}

/// Codes used when programs are built here rather than read.
pub mod code {
    /// `ld [k]`, four bytes.
    pub const LD_WORD: u16 = 0x20;
    /// `ld #pktlen`.
    pub const LD_LEN: u16 = 0x80;
    /// `ldh [k]`, two bytes.
    pub const LD_HALF: u16 = 0x28;
    /// `ld #k`.
    pub const LD_IMM: u16 = 0x00;
    /// `ja k`.
    pub const JA: u16 = 0x05;
    /// `jeq #k`.
    pub const JEQ: u16 = 0x15;
    /// `jge #k`.
    pub const JGE: u16 = 0x35;
    /// `ret #k`.
    pub const RET: u16 = 0x06;
    /// `jset #k`.
    pub const JSET: u16 = 0x45;
    /// `ldx #k`.
    pub const LDX_IMM: u16 = 0x01;
    /// `ld M[k]`.
    pub const LD_MEM: u16 = 0x60;
    /// `ldx M[k]`.
    pub const LDX_MEM: u16 = 0x61;
    /// `ldb [x + k]`, a byte.
    pub const LD_BYTE_X: u16 = 0x50;
    /// `ldh [x + k]`, two bytes.
    pub const LD_HALF_X: u16 = 0x48;
    /// `ld [x + k]`, four bytes.
    pub const LD_WORD_X: u16 = 0x40;
    /// `st M[k]`.
    pub const ST: u16 = 0x02;
    /// `stx M[k]`.
    pub const STX: u16 = 0x03;
    /// `add #k`.
    pub const ADD: u16 = 0x04;
    /// `add x`.
    pub const ADD_X: u16 = 0x0c;
    /// `mul #k`.
    pub const MUL: u16 = 0x24;
    /// `and #k`.
    pub const AND: u16 = 0x54;
    /// `lsh #k`.
    pub const LSH: u16 = 0x64;
    /// `rsh #k`.
    pub const RSH: u16 = 0x74;
    /// `xor x`.
    pub const XOR_X: u16 = 0xac;
    /// `tax`.
    pub const TAX: u16 = 0x07;
    /// `txa`.
    pub const TXA: u16 = 0x87;
    /// `ret a`.
    pub const RET_A: u16 = 0x16;
}

/// Linux's loads of what the kernel knows beside the bytes: absolute offsets from [`ancillary::OFFSET`] on
/// (`SKF_AD_OFF` in `linux/filter.h`).
pub mod ancillary {
    /// Offsets from here on count from the start of the network header, wherever the bytes begin (`SKF_NET_OFF`).
    pub const NETWORK: u32 = 0xfff0_0000;
    /// The same from the start of the link header (`SKF_LL_OFF`).
    pub const LINK: u32 = 0xffe0_0000;
    /// Where they begin: -0x1000 as an unsigned number.
    pub const OFFSET: u32 = 0xffff_f000;
    /// `EtherType` of the packet, tags taken off.
    pub const PROTOCOL: u32 = 0;
    /// Packet type: 0 to us, 1 broadcast, 2 multicast, 3 to others, 4 outgoing.
    pub const PACKET_TYPE: u32 = 4;
    /// Kernel's number of the interface.
    pub const INTERFACE: u32 = 8;
    /// Hardware type of the interface (`ARPHRD_*`).
    pub const HARDWARE: u32 = 28;
    /// Tag control information of the VLAN tag the kernel took off.
    pub const VLAN_TAG: u32 = 44;
    /// 1 when the kernel took a VLAN tag off, else 0.
    pub const VLAN_TAG_PRESENT: u32 = 48;
    /// TPID of the VLAN tag the kernel took off.
    pub const VLAN_TPID: u32 = 60;
    /// First offset that is no ancillary load any more.
    pub const END: u32 = 64;

    /// The ancillary number an absolute offset stands for.
    #[must_use]
    pub const fn number(k: u32) -> Option<u32> {
        if k >= OFFSET && k - OFFSET < END { Some(k - OFFSET) } else { None }
    }
}

/// Arithmetic of the accumulator with a constant or with X.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Alu {
    /// Addition, wrapping.
    Add,
    /// Subtraction, wrapping.
    Sub,
    /// Multiplication, wrapping.
    Mul,
    /// Unsigned division; by 0 ends the program with 0.
    Div,
    /// Unsigned remainder; by 0 ends the program with 0.
    Mod,
    /// Bitwise and.
    And,
    /// Bitwise or.
    Or,
    /// Bitwise exclusive or.
    Xor,
    /// Shift left; by 32 or more gives 0.
    Lsh,
    /// Shift right; by 32 or more gives 0.
    Rsh,
}

/// A comparison of the accumulator with a constant or with X, unsigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Test {
    /// Equal.
    Eq,
    /// Greater.
    Gt,
    /// Greater or equal.
    Ge,
    /// Any bit in common.
    Set,
}

/// What an instruction does. A is the accumulator, X the index register, M the sixteen words of scratch memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Ends with `k`.
    RetK,
    /// Ends with A.
    RetA,
    /// A = four bytes at `k`.
    Word,
    /// A = two bytes at `k`.
    Half,
    /// A = the byte at `k`.
    Byte,
    /// A = what the kernel knows beside the bytes, `k` as in [`ancillary`], of any width.
    Ancillary,
    /// A = four bytes at X + `k`.
    WordX,
    /// A = two bytes at X + `k`.
    HalfX,
    /// A = the byte at X + `k`.
    ByteX,
    /// A = length on the wire.
    Len,
    /// A = `k`.
    Imm,
    /// A = `M[k]`.
    Mem,
    /// X = `k`.
    XImm,
    /// X = `M[k]`.
    XMem,
    /// X = length on the wire.
    XLen,
    /// X = 4 times the low nibble of the byte at `k`: the length of an IPv4 header.
    XNibble,
    /// `M[k]` = A.
    Store,
    /// `M[k]` = X.
    StoreX,
    /// A = A op `k`.
    AluK(Alu),
    /// A = A op X.
    AluX(Alu),
    /// A = -A.
    Neg,
    /// Goes on `k` instructions further; `k` is signed.
    Jump,
    /// Goes on `jt` further if A = `k`, else `jf`. The comparisons with `k` are apart, for they are most of any program.
    IfEq,
    /// Goes on `jt` further if A > `k`, else `jf`.
    IfGt,
    /// Goes on `jt` further if A ≥ `k`, else `jf`.
    IfGe,
    /// Goes on `jt` further if A and `k` have a bit in common, else `jf`.
    IfSet,
    /// Goes on `jt` or `jf` further, as A compares with X.
    IfX(Test),
    /// X = A.
    Tax,
    /// A = X.
    Txa,
}

impl Op {
    /// The meaning of an instruction, or nothing where its code is none.
    #[must_use]
    pub const fn decode(insn: Insn) -> Option<Self> {
        Some(match insn.code {
            0x06 => Self::RetK,
            0x16 => Self::RetA,
            0x20 | 0x28 | 0x30 if ancillary::number(insn.k).is_some() => Self::Ancillary,
            0x20 => Self::Word,
            0x28 => Self::Half,
            0x30 => Self::Byte,
            0x40 => Self::WordX,
            0x48 => Self::HalfX,
            0x50 => Self::ByteX,
            0x80 => Self::Len,
            0x00 => Self::Imm,
            0x60 => Self::Mem,
            0x01 => Self::XImm,
            0x61 => Self::XMem,
            0x81 => Self::XLen,
            0xb1 => Self::XNibble,
            0x02 => Self::Store,
            0x03 => Self::StoreX,
            0x84 => Self::Neg,
            0x05 => Self::Jump,
            0x07 => Self::Tax,
            0x87 => Self::Txa,
            code => return Self::decode_two_operands(code),
        })
    }

    /// Arithmetic and comparisons: class in the low three bits, 0x08 = with X, the rest says which.
    const fn decode_two_operands(code: u16) -> Option<Self> {
        let with_x = code & 0x08 != 0;
        match code & !0x08 {
            0x04 => Some(Self::alu(Alu::Add, with_x)),
            0x14 => Some(Self::alu(Alu::Sub, with_x)),
            0x24 => Some(Self::alu(Alu::Mul, with_x)),
            0x34 => Some(Self::alu(Alu::Div, with_x)),
            0x44 => Some(Self::alu(Alu::Or, with_x)),
            0x54 => Some(Self::alu(Alu::And, with_x)),
            0x64 => Some(Self::alu(Alu::Lsh, with_x)),
            0x74 => Some(Self::alu(Alu::Rsh, with_x)),
            0x94 => Some(Self::alu(Alu::Mod, with_x)),
            0xa4 => Some(Self::alu(Alu::Xor, with_x)),
            0x15 => Some(Self::test(Test::Eq, with_x)),
            0x25 => Some(Self::test(Test::Gt, with_x)),
            0x35 => Some(Self::test(Test::Ge, with_x)),
            0x45 => Some(Self::test(Test::Set, with_x)),
            _ => None,
        }
    }

    const fn alu(alu: Alu, with_x: bool) -> Self {
        if with_x { Self::AluX(alu) } else { Self::AluK(alu) }
    }

    const fn test(test: Test, with_x: bool) -> Self {
        match test {
            _ if with_x => Self::IfX(test),
            Test::Eq => Self::IfEq,
            Test::Gt => Self::IfGt,
            Test::Ge => Self::IfGe,
            Test::Set => Self::IfSet,
        }
    }

    /// What it compares, if it is a comparison.
    #[must_use]
    pub const fn comparison(self) -> Option<Test> {
        Some(match self {
            Self::IfEq => Test::Eq,
            Self::IfGt => Test::Gt,
            Self::IfGe => Test::Ge,
            Self::IfSet => Test::Set,
            Self::IfX(test) => test,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instruction_is_eight_bytes() {
        assert_eq!(size_of::<Insn>(), 8);
        #[cfg(target_os = "linux")]
        assert_eq!(size_of::<Insn>(), size_of::<libc::sock_filter>());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn ancillary_numbers_are_linux_s() {
        use ancillary::{INTERFACE, OFFSET, PACKET_TYPE, PROTOCOL, VLAN_TAG, VLAN_TAG_PRESENT, VLAN_TPID};
        assert_eq!(OFFSET, libc::SKF_AD_OFF as u32);
        assert_eq!([ancillary::NETWORK, ancillary::LINK], [libc::SKF_NET_OFF, libc::SKF_LL_OFF].map(|n| n as u32));
        let ours = [PROTOCOL, PACKET_TYPE, INTERFACE, VLAN_TAG, VLAN_TAG_PRESENT, VLAN_TPID];
        let linux = [
            libc::SKF_AD_PROTOCOL,
            libc::SKF_AD_PKTTYPE,
            libc::SKF_AD_IFINDEX,
            libc::SKF_AD_VLAN_TAG,
            libc::SKF_AD_VLAN_TAG_PRESENT,
            libc::SKF_AD_VLAN_TPID,
        ];
        assert_eq!(ours, linux.map(|n| n as u32));
    }

    #[test]
    fn ancillary_offsets_are_a_window_at_the_top() {
        assert_eq!(ancillary::number(0xffff_f000), Some(0));
        assert_eq!(ancillary::number(0xffff_f030), Some(48));
        assert_eq!(ancillary::number(0xffff_f040), None);
        assert_eq!(ancillary::number(0), None);
    }

    #[test]
    fn of_all_codes_fifty_are_instructions() {
        // 2 returns, 3 absolute, 3 indirect, 3 other loads of A, 4 of X, 2 stores, 10 × 2 arithmetic, 1 negation, 1 jump,
        // 4 × 2 comparisons, 2 moves; absolute loads count once, whatever their offset.
        let n = (0..=u16::MAX).filter(|&c| Op::decode(Insn::stmt(c, 1)).is_some()).count();
        assert_eq!(n, 2 + 3 + 3 + 3 + 4 + 2 + 20 + 1 + 1 + 8 + 2);
    }
}
