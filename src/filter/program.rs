//! A filter program that has been checked: running it always ends, and it cannot step outside itself.
//!
//! Programs come from libpcap's compiler or from the text `tcpdump -ddd` prints; both are taken apart here and
//! refused with the instruction (and line) that is wrong. Read [`crate::filter::insn`] first.

use super::insn::{Alu, Insn, Op, ancillary};
use thiserror::Error;

/// Longest program taken. The kernel takes 4096; libpcap compiles longer ones (a list of some hundred hosts), which
/// then run here and not in the kernel.
pub const MAX_INSTRUCTIONS: usize = 65_536;

/// Longest program Linux takes (`BPF_MAXINSNS`).
pub const KERNEL_INSTRUCTIONS: usize = 4096;

/// What programs made here return for "accept": the most bytes libpcap ever keeps of a packet (256 KiB).
pub const ACCEPT: u32 = 262_144;

/// What is wrong with a program or its text.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ProgramError {
    /// No instructions.
    #[error("the program is empty")]
    Empty,
    /// More than [`MAX_INSTRUCTIONS`].
    #[error("the program has {0} instructions; {MAX_INSTRUCTIONS} is the most")]
    TooLong(usize),
    /// One instruction is wrong. Numbered from 0, as `tcpdump -d` numbers them.
    #[error("instruction {number}: {fault}")]
    Instruction {
        /// Which.
        number: usize,
        /// What is wrong with it.
        fault: InstructionFault,
    },
    /// A line of the text is wrong. Numbered from 1.
    #[error("line {line}: {fault}")]
    Line {
        /// Which.
        line: usize,
        /// What is wrong with it.
        fault: LineFault,
    },
}

/// What is wrong with an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum InstructionFault {
    /// Its code means nothing.
    #[error("code {0:#x} is not a BPF instruction")]
    Code(u16),
    /// It jumps out of the program.
    #[error("jumps out of the program")]
    Jump,
    /// It divides by the constant 0.
    #[error("divides by zero")]
    Zero,
    /// It uses scratch memory that does not exist.
    #[error("uses M[{0}]; scratch memory ends at M[15]")]
    Scratch(u32),
    /// It is the last one and does not return.
    #[error("the last instruction must be a ret")]
    NoReturn,
}

/// What is wrong with a line of `-ddd` text.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LineFault {
    /// The first line is no count.
    #[error("expected the number of instructions, found \"{0}\" (the text is that of tcpdump -ddd)")]
    Count(String),
    /// Not four numbers that fit.
    #[error("expected four numbers \"code jt jf k\", found \"{0}\"")]
    Instruction(String),
    /// Fewer or more lines than the first one says.
    #[error("the first line says {said} instructions, but there are {found}")]
    Number {
        /// By the first line.
        said: usize,
        /// Lines that follow.
        found: usize,
    },
    /// Not text.
    #[error("not text; it must be what tcpdump -ddd prints")]
    NotText,
}

/// An instruction taken apart, so that the interpreter need not do it per packet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) op: Op,
    pub(crate) jt: u8,
    pub(crate) jf: u8,
    pub(crate) k: u32,
}

/// A checked program.
#[derive(Clone, Debug)]
pub struct Program {
    insns: Box<[Insn]>,
    pub(crate) steps: Box<[Step]>,
    /// Jumps backwards: loops, at most.
    loops: usize,
}

impl PartialEq for Program {
    fn eq(&self, other: &Self) -> bool {
        self.insns == other.insns
    }
}

impl Eq for Program {}

impl Program {
    /// Checks instructions. Jumps stay inside, the last instruction returns, no constant divisor is 0, scratch memory
    /// has sixteen words. Only `ja` may go backwards (libpcap makes such loops for `protochain`); programs
    /// that do are run with a bound on their steps.
    pub fn new(insns: Vec<Insn>) -> Result<Self, ProgramError> {
        if insns.is_empty() {
            return Err(ProgramError::Empty);
        }
        if insns.len() > MAX_INSTRUCTIONS {
            return Err(ProgramError::TooLong(insns.len()));
        }
        let mut steps = Vec::with_capacity(insns.len());
        for (number, &insn) in insns.iter().enumerate() {
            let step = check(insn, number, insns.len()).map_err(|fault| ProgramError::Instruction { number, fault })?;
            steps.push(step);
        }
        let loops = steps.iter().filter(|s| s.op == Op::Jump && (s.k as i32) < 0).count();
        Ok(Self { insns: insns.into(), steps: steps.into(), loops })
    }

    /// Accepts everything: what libpcap compiles the empty expression to.
    #[must_use]
    pub fn accept_all() -> Self {
        let insn = Insn::stmt(super::insn::code::RET, ACCEPT);
        let step = Step { op: Op::RetK, jt: 0, jf: 0, k: ACCEPT };
        Self { insns: Box::new([insn]), steps: Box::new([step]), loops: 0 }
    }

    /// Reads what `tcpdump -ddd` prints: a line with the number of instructions, then a line `code jt jf k` each, in
    /// decimal. Empty lines are passed over.
    pub fn parse(text: &[u8]) -> Result<Self, ProgramError> {
        let text = std::str::from_utf8(text).map_err(|e| {
            let line = text[..e.valid_up_to()].split(|&b| b == b'\n').count();
            ProgramError::Line { line, fault: LineFault::NotText }
        })?;
        let mut lines = text.lines().enumerate().map(|(i, l)| (i + 1, l.trim())).filter(|(_, l)| !l.is_empty());
        let (first, count) = lines.next().ok_or(ProgramError::Empty)?;
        let said: usize =
            count.parse().map_err(|_| ProgramError::Line { line: first, fault: LineFault::Count(excerpt(count)) })?;
        if said > MAX_INSTRUCTIONS {
            return Err(ProgramError::TooLong(said));
        }
        let mut insns = Vec::with_capacity(said);
        let mut found = 0;
        for (line, text) in lines {
            found += 1;
            if found <= said {
                let fault = || ProgramError::Line { line, fault: LineFault::Instruction(excerpt(text)) };
                insns.push(parse_line(text).ok_or_else(fault)?);
            }
        }
        if found != said {
            return Err(ProgramError::Line { line: first, fault: LineFault::Number { said, found } });
        }
        Self::new(insns)
    }

    /// The instructions.
    #[must_use]
    pub fn instructions(&self) -> &[Insn] {
        &self.insns
    }

    /// Does it jump backwards? The kernel takes no such program.
    #[must_use]
    pub fn has_loops(&self) -> bool {
        self.loops > 0
    }

    /// How many of its jumps go backwards: one for each loop of libpcap's.
    pub(super) fn loops(&self) -> usize {
        self.loops
    }

    /// Does it ask for the length on the wire (`len`, `greater`, `less`)?
    #[must_use]
    pub fn uses_length(&self) -> bool {
        self.steps.iter().any(|s| matches!(s.op, Op::Len | Op::XLen))
    }

    /// Which ancillary loads it makes, as numbers of [`ancillary`], with the instruction that makes them.
    pub fn ancillary_loads(&self) -> impl Iterator<Item = (usize, u32)> {
        let loads = self.steps.iter().enumerate().filter(|(_, s)| s.op == Op::Ancillary);
        loads.filter_map(|(i, s)| Some((i, ancillary::number(s.k)?)))
    }

    /// Does it ask the kernel for the VLAN tag it took off? Such a program was compiled for a live interface.
    #[must_use]
    pub fn asks_for_stripped_tag(&self) -> bool {
        use ancillary::{VLAN_TAG, VLAN_TAG_PRESENT, VLAN_TPID};
        self.ancillary_loads().any(|(_, n)| matches!(n, VLAN_TAG | VLAN_TAG_PRESENT | VLAN_TPID))
    }

    /// The same program returning `bytes` wherever it accepts with a constant: the kernel cuts packets to what a
    /// program returns, and printed programs show it.
    #[must_use]
    pub fn accepting(mut self, bytes: u32) -> Self {
        for (insn, step) in self.insns.iter_mut().zip(&mut self.steps) {
            if step.op == Op::RetK && step.k != 0 {
                (insn.k, step.k) = (bytes, bytes);
            }
        }
        self
    }
}

fn check(insn: Insn, number: usize, len: usize) -> Result<Step, InstructionFault> {
    let op = Op::decode(insn).ok_or(InstructionFault::Code(insn.code))?;
    match op {
        _ if op.comparison().is_some() && number + 1 + usize::from(insn.jt.max(insn.jf)) >= len => {
            return Err(InstructionFault::Jump);
        }
        Op::Jump => {
            let target = number as i64 + 1 + i64::from(insn.k as i32);
            if !(0..len as i64).contains(&target) {
                return Err(InstructionFault::Jump);
            }
        }
        Op::AluK(Alu::Div | Alu::Mod) if insn.k == 0 => return Err(InstructionFault::Zero),
        Op::Mem | Op::XMem | Op::Store | Op::StoreX if insn.k >= 16 => return Err(InstructionFault::Scratch(insn.k)),
        _ => {}
    }
    if number + 1 == len && !matches!(op, Op::RetK | Op::RetA) {
        return Err(InstructionFault::NoReturn);
    }
    Ok(Step { op, jt: insn.jt, jf: insn.jf, k: insn.k })
}

pub(super) fn parse_line(text: &str) -> Option<Insn> {
    let mut words = text.split_ascii_whitespace();
    let insn = Insn {
        code: words.next()?.parse().ok()?,
        jt: words.next()?.parse().ok()?,
        jf: words.next()?.parse().ok()?,
        k: words.next()?.parse().ok()?,
    };
    words.next().is_none().then_some(insn)
}

/// The first few characters of a line, fit for a message.
fn excerpt(line: &str) -> String {
    line.chars().take(40).map(|c| if c.is_control() { '?' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(insns: &[Insn]) -> String {
        Program::new(insns.to_vec()).unwrap_err().to_string()
    }

    const RET: Insn = Insn::stmt(0x06, 0);

    #[test]
    fn what_could_leave_the_program_or_the_scratch_memory_is_refused() {
        assert_eq!(fault(&[]), "the program is empty");
        assert_eq!(fault(&[Insn::stmt(0x00, 1)]), "instruction 0: the last instruction must be a ret");
        assert_eq!(fault(&[Insn::jump(0x15, 0, 0, 1), RET]), "instruction 0: jumps out of the program");
        assert_eq!(fault(&[Insn::stmt(0x05, 1), RET]), "instruction 0: jumps out of the program");
        assert_eq!(fault(&[Insn::stmt(0x05, -2_i32 as u32), RET]), "instruction 0: jumps out of the program");
        assert_eq!(fault(&[Insn::stmt(0x34, 0), RET]), "instruction 0: divides by zero");
        assert_eq!(fault(&[Insn::stmt(0x94, 0), RET]), "instruction 0: divides by zero");
        assert_eq!(fault(&[Insn::stmt(0x61, 16), RET]), "instruction 0: uses M[16]; scratch memory ends at M[15]");
        assert_eq!(fault(&[Insn::stmt(0x0e, 0), RET]), "instruction 0: code 0xe is not a BPF instruction");
        assert_eq!(fault(&vec![RET; MAX_INSTRUCTIONS + 1]), "the program has 65537 instructions; 65536 is the most");
        assert!(Program::new(vec![Insn::stmt(0x05, -1_i32 as u32), RET]).unwrap().has_loops());
    }

    #[test]
    fn text_is_read_and_bad_lines_are_named() {
        let p = Program::parse(b"2\n48 0 0 4294963248\n6 0 0 65535\n").unwrap();
        assert!(p.asks_for_stripped_tag());
        assert_eq!(p.accepting(96).instructions()[1].k, 96);
        let bad = |t: &[u8]| Program::parse(t).unwrap_err().to_string();
        assert_eq!(bad(b"\n \n"), "the program is empty");
        assert_eq!(
            bad(b"(000) ldh [12]\n"),
            "line 1: expected the number of instructions, found \"(000) ldh [12]\" (the text is that of tcpdump -ddd)"
        );
        assert_eq!(bad(b"1\n6 0 0\n"), "line 2: expected four numbers \"code jt jf k\", found \"6 0 0\"");
        assert_eq!(bad(b"1\n\n6 0 256 0\n"), "line 3: expected four numbers \"code jt jf k\", found \"6 0 256 0\"");
        assert_eq!(bad(b"2\n6 0 0 0\n"), "line 1: the first line says 2 instructions, but there are 1");
        assert_eq!(bad(b"1\n6 0 0 0\n6 0 0 0\n"), "line 1: the first line says 1 instructions, but there are 2");
        assert_eq!(bad(b"1\n\xff\n"), "line 2: not text; it must be what tcpdump -ddd prints");
        assert_eq!(bad(b"99999999\n"), "the program has 99999999 instructions; 65536 is the most");
    }
}
