//! Programs as text, byte for byte as `tcpdump -d`, `-dd` and `-ddd` print them.

use super::insn::{Alu, Insn, Op, Test, ancillary};
use super::program::Program;
use std::fmt;

/// Which of the three forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgramForm {
    /// `-d`: for people.
    Words,
    /// `-dd`: a fragment of C.
    C,
    /// `-ddd`: a count, then decimal numbers; what [`Program::parse`] reads.
    Decimal,
}

/// A program to be printed; each line ends with a newline.
#[derive(Clone, Copy, Debug)]
pub struct Listing<'a> {
    program: &'a Program,
    form: ProgramForm,
}

impl Program {
    /// The program as text.
    #[must_use]
    pub fn listing(&self, form: ProgramForm) -> Listing<'_> {
        Listing { program: self, form }
    }
}

impl fmt::Display for Listing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let insns = self.program.instructions();
        if self.form == ProgramForm::Decimal {
            writeln!(f, "{}", insns.len())?;
        }
        for (number, insn) in insns.iter().enumerate() {
            match self.form {
                ProgramForm::Words => writeln!(f, "{}", Line { number, insn: *insn })?,
                ProgramForm::C => writeln!(f, "{{ 0x{:x}, {}, {}, 0x{:08x} }},", insn.code, insn.jt, insn.jf, insn.k)?,
                ProgramForm::Decimal => writeln!(f, "{} {} {} {}", insn.code, insn.jt, insn.jf, insn.k)?,
            }
        }
        Ok(())
    }
}

/// One instruction in words, without a newline.
struct Line {
    number: usize,
    insn: Insn,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, insn } = *self;
        let Some(op) = Op::decode(insn) else {
            return write!(f, "({number:03}) {:<8} 0x{:x}", "unimp", insn.code);
        };
        let name = name(op, insn.code);
        let operand = Operand { op, insn, number };
        if op.comparison().is_none() {
            return write!(f, "({number:03}) {name:<8} {operand}");
        }
        let (jt, jf) = (number + 1 + usize::from(insn.jt), number + 1 + usize::from(insn.jf));
        write!(f, "({number:03}) {name:<8} {:<16} jt {jt}\tjf {jf}", operand.to_string())
    }
}

fn name(op: Op, code: u16) -> &'static str {
    match op {
        Op::RetK | Op::RetA => "ret",
        Op::Ancillary => match code {
            0x28 => "ldh",
            0x30 => "ldb",
            _ => "ld",
        },
        Op::Word | Op::WordX | Op::Len | Op::Imm | Op::Mem => "ld",
        Op::Half | Op::HalfX => "ldh",
        Op::Byte | Op::ByteX => "ldb",
        Op::XImm | Op::XMem | Op::XLen => "ldx",
        Op::XNibble => "ldxb",
        Op::Store => "st",
        Op::StoreX => "stx",
        Op::AluK(alu) | Op::AluX(alu) => alu_name(alu),
        Op::Neg => "neg",
        Op::Jump => "ja",
        Op::IfEq | Op::IfX(Test::Eq) => "jeq",
        Op::IfGt | Op::IfX(Test::Gt) => "jgt",
        Op::IfGe | Op::IfX(Test::Ge) => "jge",
        Op::IfSet | Op::IfX(Test::Set) => "jset",
        Op::Tax => "tax",
        Op::Txa => "txa",
    }
}

const fn alu_name(alu: Alu) -> &'static str {
    match alu {
        Alu::Add => "add",
        Alu::Sub => "sub",
        Alu::Mul => "mul",
        Alu::Div => "div",
        Alu::Mod => "mod",
        Alu::And => "and",
        Alu::Or => "or",
        Alu::Xor => "xor",
        Alu::Lsh => "lsh",
        Alu::Rsh => "rsh",
    }
}

/// Offsets are printed as signed numbers, ancillary ones by name, masks and comparisons in hexadecimal.
struct Operand {
    op: Op,
    insn: Insn,
    number: usize,
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (k, signed) = (self.insn.k, self.insn.k as i32);
        match self.op {
            Op::RetA | Op::Neg | Op::Tax | Op::Txa => Ok(()),
            Op::Word | Op::Half | Op::Byte => write!(f, "[{signed}]"),
            Op::Ancillary => match ancillary_name(k) {
                Some(name) => write!(f, "[{name}]"),
                None => write!(f, "[{signed}]"),
            },
            Op::WordX | Op::HalfX | Op::ByteX => write!(f, "[x + {signed}]"),
            Op::Len | Op::XLen => f.write_str("#pktlen"),
            Op::Mem | Op::XMem | Op::Store | Op::StoreX => write!(f, "M[{signed}]"),
            Op::XNibble => write!(f, "4*([{signed}]&0xf)"),
            Op::AluX(_) | Op::IfX(_) => f.write_str("x"),
            Op::Imm | Op::XImm | Op::IfEq | Op::IfGt | Op::IfGe | Op::IfSet | Op::AluK(Alu::And | Alu::Or | Alu::Xor) => {
                write!(f, "#0x{k:x}")
            }
            Op::RetK | Op::AluK(_) => write!(f, "#{signed}"),
            Op::Jump => write!(f, "{}", self.number as i64 + 1 + i64::from(signed)),
        }
    }
}

fn ancillary_name(k: u32) -> Option<&'static str> {
    Some(match ancillary::number(k)? {
        0 => "proto",
        4 => "type",
        8 => "ifidx",
        12 => "nla",
        16 => "nlan",
        20 => "mark",
        24 => "queue",
        28 => "hatype",
        32 => "rxhash",
        36 => "cpu",
        40 => "xor_x",
        44 => "vlan_tci",
        48 => "vlanp",
        52 => "poff",
        56 => "random",
        60 => "vlan_tpid",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_forms() {
        let p = Program::parse(b"4\n40 0 0 12\n21 0 1 2048\n6 0 0 262144\n6 0 0 0\n").unwrap();
        assert_eq!(
            p.listing(ProgramForm::Words).to_string(),
            "(000) ldh      [12]\n(001) jeq      #0x800           jt 2\tjf 3\n(002) ret      #262144\n(003) ret      #0\n"
        );
        assert_eq!(
            p.listing(ProgramForm::C).to_string(),
            "{ 0x28, 0, 0, 0x0000000c },\n{ 0x15, 0, 1, 0x00000800 },\n{ 0x6, 0, 0, 0x00040000 },\n{ 0x6, 0, 0, 0x00000000 },\n"
        );
        let decimal = p.listing(ProgramForm::Decimal).to_string();
        assert_eq!(Program::parse(decimal.as_bytes()).unwrap(), p);
    }
}
