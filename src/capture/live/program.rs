//! The classic BPF program that goes onto a capture socket: which frames the kernel keeps, and how much of each.
//!
//! A caller's program is a superset of what it wants (user space decides again). In front of it stand the
//! questions only the kernel can answer before a frame is counted: its way (`-Q`), and whether it is the second
//! copy of a loopback frame.

use super::Direction;
use libc::{BPF_ABS, BPF_IMM, BPF_JEQ, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W, SKF_AD_IFINDEX, SKF_AD_OFF, SKF_AD_PKTTYPE};

/// One classic BPF instruction, laid out as Linux's `struct sock_filter` and libpcap's `struct bpf_insn`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelInstruction {
    /// Operation.
    pub code: u16,
    /// Instructions to skip when a comparison holds.
    pub jt: u8,
    /// Instructions to skip when it does not.
    pub jf: u8,
    /// Operand.
    pub k: u32,
}

/// A program for the kernel; it must accept at least every frame the caller wants, for what it refuses is never seen.
///
/// It runs on the frame without its outermost 802.1Q or 802.1ad tag, which the kernel keeps beside the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelFilter {
    /// The instructions, at most 4096 together with the few put before them.
    pub instructions: Vec<KernelInstruction>,
}

/// `PACKET_OUTGOING` of `linux/if_packet.h`: the frame was sent by this host.
const OUTGOING: u32 = libc::PACKET_OUTGOING as u32;

const fn statement(code: u32, k: u32) -> KernelInstruction {
    KernelInstruction { code: code as u16, jt: 0, jf: 0, k }
}

const fn jump_if_equal(k: u32, jt: u8, jf: u8) -> KernelInstruction {
    KernelInstruction { code: (BPF_JMP | BPF_JEQ | BPF_K) as u16, jt, jf, k }
}

const fn load_ancillary(what: i32) -> KernelInstruction {
    statement(BPF_LD | BPF_W | BPF_ABS, (SKF_AD_OFF + what) as u32)
}

const REFUSE: KernelInstruction = statement(BPF_RET | BPF_K, 0);

/// What stands in the way of frames besides the caller's program.
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
pub(super) fn compose(gate: Gate, filter: Option<&KernelFilter>) -> Vec<KernelInstruction> {
    let mut program = prefix(gate);
    let keep = gate.keep.unwrap_or(u32::MAX);
    match filter {
        Some(filter) => {
            if !program.is_empty() {
                // The caller's program may rely on the accumulator being 0 at its start.
                program.push(statement(BPF_LD | BPF_IMM, 0));
            }
            program.extend(filter.instructions.iter().map(|i| shortened(*i, keep)));
        }
        None if program.is_empty() && gate.keep.is_none() => {}
        None => program.push(statement(BPF_RET | BPF_K, keep)),
    }
    program
}

fn prefix(gate: Gate) -> Vec<KernelInstruction> {
    match (gate.direction, gate.loopback) {
        (Some(Direction::Out), _) => {
            vec![load_ancillary(SKF_AD_PKTTYPE), jump_if_equal(OUTGOING, 1, 0), REFUSE]
        }
        (None, Some(index)) if gate.many => vec![
            load_ancillary(SKF_AD_IFINDEX),
            jump_if_equal(index, 0, 3),
            load_ancillary(SKF_AD_PKTTYPE),
            jump_if_equal(OUTGOING, 0, 1),
            REFUSE,
        ],
        (Some(Direction::In), _) | (None, Some(_)) => {
            vec![load_ancillary(SKF_AD_PKTTYPE), jump_if_equal(OUTGOING, 0, 1), REFUSE]
        }
        (None, None) => Vec::new(),
    }
}

/// A `ret #k` that accepts keeps at most `keep` bytes.
fn shortened(mut instruction: KernelInstruction, keep: u32) -> KernelInstruction {
    if u32::from(instruction.code) == BPF_RET | BPF_K {
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
        assert_eq!(compose(gate, None), [statement(BPF_RET | BPF_K, 96)]);
    }

    #[test]
    fn the_callers_program_follows_the_gate_with_a_clean_accumulator_and_short_returns() {
        let filter = KernelFilter { instructions: vec![statement(BPF_RET | BPF_K, 262_144), REFUSE] };
        let gate = Gate { direction: Some(Direction::In), keep: Some(128), ..Gate::default() };
        let program = compose(gate, Some(&filter));
        assert_eq!(program.len(), 3 + 1 + 2);
        assert_eq!(program[3], statement(BPF_LD | BPF_IMM, 0));
        assert_eq!(program[4], statement(BPF_RET | BPF_K, 128));
        assert_eq!(program[5], REFUSE);
    }
}
