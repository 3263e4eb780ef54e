//! The classic BPF program that goes onto a capture socket: which frames the kernel keeps, and how much of each.
//!
//! The filter's program lets through at least what is wanted (user space decides again). In front of it stand the
//! questions only the kernel can answer before a frame is counted: its way (`-Q`), and whether it is the second
//! copy of a loopback frame.

use super::Direction;
use crate::filter::Program;
use crate::filter::insn::{Insn, ancillary, code};

/// `PACKET_OUTGOING` of `linux/if_packet.h`: the frame was sent by this host.
const OUTGOING: u32 = libc::PACKET_OUTGOING as u32;

const fn load_ancillary(number: u32) -> Insn {
    Insn::stmt(code::LD_WORD, ancillary::OFFSET + number)
}

const REFUSE: Insn = Insn::stmt(code::RET, 0);

/// What stands in the way of frames besides the filter's program.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Gate {
    /// Only this way.
    pub(super) direction: Option<Direction>,
    /// Drop what this loopback interface sends: every frame there is seen again as received.
    pub(super) loopback: Option<u32>,
    /// The socket sees more interfaces than the loopback one.
    pub(super) many: bool,
    /// Bytes to keep of a frame, `None` = all.
    pub(super) keep: Option<u32>,
}

/// The program for a socket; empty when every frame is to be kept whole.
pub(super) fn compose(gate: Gate, filter: Option<&Program>) -> Vec<Insn> {
    let mut program = prefix(gate);
    let keep = gate.keep.unwrap_or(u32::MAX);
    match filter {
        Some(filter) => {
            if !program.is_empty() {
                // The filter's program may rely on the accumulator being 0 at its start.
                program.push(Insn::stmt(code::LD_IMM, 0));
            }
            program.extend(filter.instructions().iter().map(|i| shortened(*i, keep)));
        }
        None if program.is_empty() && gate.keep.is_none() => {}
        None => program.push(Insn::stmt(code::RET, keep)),
    }
    program
}

fn prefix(gate: Gate) -> Vec<Insn> {
    match (gate.direction, gate.loopback) {
        (Some(Direction::Out), _) => {
            vec![load_ancillary(ancillary::PACKET_TYPE), Insn::jump(code::JEQ, OUTGOING, 1, 0), REFUSE]
        }
        (None, Some(index)) if gate.many => vec![
            load_ancillary(ancillary::INTERFACE),
            Insn::jump(code::JEQ, index, 0, 3),
            load_ancillary(ancillary::PACKET_TYPE),
            Insn::jump(code::JEQ, OUTGOING, 0, 1),
            REFUSE,
        ],
        (Some(Direction::In), _) | (None, Some(_)) => {
            vec![load_ancillary(ancillary::PACKET_TYPE), Insn::jump(code::JEQ, OUTGOING, 0, 1), REFUSE]
        }
        (None, None) => Vec::new(),
    }
}

/// A `ret #k` that accepts keeps at most `keep` bytes.
fn shortened(mut instruction: Insn, keep: u32) -> Insn {
    if instruction.code == code::RET {
        instruction.k = instruction.k.min(keep);
    }
    instruction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_asked_is_no_program() {
        assert!(compose(Gate::default(), None).is_empty());
    }

    #[test]
    fn a_snap_length_alone_is_one_return() {
        let gate = Gate { keep: Some(96), ..Gate::default() };
        assert_eq!(compose(gate, None), [Insn::stmt(code::RET, 96)]);
    }

    #[test]
    fn the_callers_program_follows_the_gate_with_a_clean_accumulator_and_short_returns() {
        let filter = Program::new(vec![Insn::stmt(code::RET, 262_144), REFUSE]).expect("sound");
        let gate = Gate { direction: Some(Direction::In), keep: Some(128), ..Gate::default() };
        let program = compose(gate, Some(&filter));
        assert_eq!(program.len(), 3 + 1 + 2);
        assert_eq!(program[3], Insn::stmt(code::LD_IMM, 0));
        assert_eq!(program[4], Insn::stmt(code::RET, 128));
        assert_eq!(program[5], REFUSE);
    }
}
