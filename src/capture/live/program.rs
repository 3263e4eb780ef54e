//! The classic BPF program that goes onto a capture socket: which frames the kernel keeps, and how much of each.
//!
//! The filter's program lets through at least what is wanted (user space decides again). In front of it stand the
//! questions only the kernel can answer before a frame is counted: its way (`-Q`), and whether it is the second
//! copy of a loopback frame, a twin. Twins that match come through as well, so that they are counted, but of their bytes
//! next to nothing: behind the gate stand two copies of the filter's program, one of which keeps frames short.

use super::Direction;
use crate::filter::Program;
use crate::filter::insn::{Insn, ancillary, code};
use crate::filter::program::KERNEL_INSTRUCTIONS;

/// `PACKET_OUTGOING` of `linux/if_packet.h`: the frame was sent by this host.
const OUTGOING: u32 = libc::PACKET_OUTGOING as u32;

const fn load_ancillary(number: u32) -> Insn {
    Insn::stmt(code::LD_WORD, ancillary::OFFSET + number)
}

const REFUSE: Insn = Insn::stmt(code::RET, 0);

/// Keeps every frame whole, in place of a program that kept none.
pub(super) const ACCEPT: &[Insn] = &[Insn::stmt(code::RET, u32::MAX)];

/// Bytes kept of a twin: the kernel drops a frame of which none are kept.
const OF_A_TWIN: u32 = 1;

/// What stands in the way of frames besides the filter's program.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::capture) struct Gate {
    /// Only this way.
    pub(in crate::capture) direction: Option<Direction>,
    /// What this loopback interface sends are twins: every frame there is seen again as received.
    pub(in crate::capture) loopback: Option<u32>,
    /// The socket sees more interfaces than the loopback one.
    pub(in crate::capture) many: bool,
    /// What the loopback interface sends is refused where only sent frames are asked for: whoever reads the socket would drop it.
    pub(in crate::capture) no_sent_loopback: bool,
    /// Bytes to keep of a frame, `None` = all.
    pub(in crate::capture) keep: Option<u32>,
}

impl Gate {
    /// The loopback interface whose twins come through. Where one way is asked for, the other way is refused, and with it one frame
    /// of each pair.
    pub(in crate::capture) fn twins(&self) -> Option<u32> {
        self.loopback.filter(|_| self.direction.is_none())
    }
}

/// The program for a socket.
#[derive(Debug)]
pub(super) struct Composed {
    /// Empty when every frame is to be kept whole.
    pub(super) program: Vec<Insn>,
    /// Twins are refused with frames that nobody wants, so nobody can count them.
    pub(super) refuses_twins: bool,
}

/// Makes the program for a socket.
pub(super) fn compose(gate: Gate, filter: Option<&Program>) -> Composed {
    let keep = gate.keep.unwrap_or(u32::MAX);
    let outgoing = [load_ancillary(ancillary::PACKET_TYPE), Insn::jump(code::JEQ, OUTGOING, 0, 1)];
    let whole = |program| Composed { program, refuses_twins: false };
    let mut program = match (gate.direction, gate.twins()) {
        (Some(Direction::Out), _) if gate.no_sent_loopback && gate.loopback.is_some() => vec![
            load_ancillary(ancillary::INTERFACE),
            Insn::jump(code::JEQ, gate.loopback.unwrap_or_default(), 2, 0),
            load_ancillary(ancillary::PACKET_TYPE),
            Insn::jump(code::JEQ, OUTGOING, 1, 0),
            REFUSE,
        ],
        (Some(Direction::Out), _) => {
            vec![load_ancillary(ancillary::PACKET_TYPE), Insn::jump(code::JEQ, OUTGOING, 1, 0), REFUSE]
        }
        (Some(Direction::In), _) => [&outgoing[..], &[REFUSE]].concat(),
        (None, Some(index)) => {
            let rest = body(filter, keep);
            let mut program = Vec::new();
            if gate.many {
                program.extend([load_ancillary(ancillary::INTERFACE), Insn::jump(code::JEQ, index, 0, 3)]);
            }
            program.extend(outgoing);
            program.push(Insn::stmt(code::JA, rest.len() as u32));
            program.extend(rest);
            let twins = body(filter, OF_A_TWIN);
            // The rare filter that is too long to stand there twice: its twins are refused, and so not counted.
            let fits = program.len() + twins.len() <= KERNEL_INSTRUCTIONS;
            program.extend(if fits { twins } else { vec![REFUSE] });
            return Composed { program, refuses_twins: !fits };
        }
        (None, None) if filter.is_none() && gate.keep.is_none() => return whole(Vec::new()),
        (None, None) => Vec::new(),
    };
    let clean = program.is_empty();
    // What is first of all has a clean accumulator.
    program.extend(body(filter, keep).into_iter().skip(usize::from(clean && filter.is_some())));
    whole(program)
}

/// The filter's program, keeping at most `keep` bytes of a frame.
fn body(filter: Option<&Program>, keep: u32) -> Vec<Insn> {
    match filter {
        Some(filter) => {
            // It may rely on the accumulator being 0 at its start.
            let clean = Insn::stmt(code::LD_IMM, 0);
            std::iter::once(clean).chain(filter.instructions().iter().map(|i| shortened(*i, keep))).collect()
        }
        None => vec![Insn::stmt(code::RET, keep)],
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
        assert!(compose(Gate::default(), None).program.is_empty());
    }

    #[test]
    fn a_snap_length_alone_is_one_return() {
        let gate = Gate { keep: Some(96), ..Gate::default() };
        assert_eq!(compose(gate, None).program, [Insn::stmt(code::RET, 96)]);
    }

    #[test]
    fn the_callers_program_follows_the_gate_with_a_clean_accumulator_and_short_returns() {
        let filter = Program::new(vec![Insn::stmt(code::RET, 262_144), REFUSE]).expect("sound");
        let gate = Gate { direction: Some(Direction::In), keep: Some(128), ..Gate::default() };
        let program = compose(gate, Some(&filter)).program;
        assert_eq!(program.len(), 3 + 1 + 2);
        assert_eq!(program[3], Insn::stmt(code::LD_IMM, 0));
        assert_eq!(program[4], Insn::stmt(code::RET, 128));
        assert_eq!(program[5], REFUSE);
    }
}
