//! The interpreter of filter programs.
//!
//! It follows libpcap's `bpf_filter`: a load outside the captured bytes, a division by zero and a shift by 32 or more
//! have its results. What differs is on purpose: the length is the one on the wire, also for frames that were cut, and
//! a program that jumps backwards is stopped after a number of steps no program of libpcap's compiler needs.

use super::insn::{Alu, Op, Test, ancillary};
use super::program::{Program, Step};
use super::view::View;

/// Runs a program on a frame. 0 = not accepted.
#[inline]
#[must_use]
pub fn run<V: View>(program: &Program, view: &V) -> u32 {
    let answer = if program.has_loops() {
        run_steps(&program.steps, view, LoopSteps(step_limit(program, view.captured())))
    } else {
        run_steps(&program.steps, view, AnySteps)
    };
    answer.unwrap_or(0)
}

/// Each `protochain` walks extension headers of at least eight bytes with some twenty instructions each.
fn step_limit(program: &Program, captured: usize) -> u64 {
    let walk = 64 + 8 * captured as u64;
    (program.loops() as u64).saturating_mul(walk).saturating_add(program.steps.len() as u64)
}

/// Counts steps, or not: programs without loops end by themselves.
trait Steps {
    fn one_more(&mut self) -> bool;
}

struct AnySteps;

impl Steps for AnySteps {
    fn one_more(&mut self) -> bool {
        true
    }
}

struct LoopSteps(u64);

impl Steps for LoopSteps {
    fn one_more(&mut self) -> bool {
        self.0 = self.0.saturating_sub(1);
        self.0 > 0
    }
}

/// Nothing = a load failed, a division by zero, or too many steps: not accepted.
#[inline]
fn run_steps<V: View>(steps: &[Step], view: &V, mut limit: impl Steps) -> Option<u32> {
    let (mut a, mut x, mut m) = (0_u32, 0_u32, [0_u32; 16]);
    let mut at = 0_usize;
    while limit.one_more() {
        let step = *steps.get(at)?;
        let k = step.k;
        at += 1;
        match step.op {
            Op::RetK => return Some(k),
            Op::RetA => return Some(a),
            Op::Word => a = view.word(k)?,
            Op::Half => a = view.half(k)?,
            Op::Byte => a = view.byte(k)?,
            Op::Ancillary => a = view.ancillary(ancillary::number(k)?)?,
            Op::WordX => a = view.word(x.checked_add(k)?)?,
            Op::HalfX => a = view.half(x.checked_add(k)?)?,
            Op::ByteX => a = view.byte(x.checked_add(k)?)?,
            Op::Len => a = view.wire_len(),
            Op::Imm => a = k,
            Op::Mem => a = m[k as usize & 15],
            Op::XImm => x = k,
            Op::XMem => x = m[k as usize & 15],
            Op::XLen => x = view.wire_len(),
            Op::XNibble => x = (view.byte(k)? & 0xf) << 2,
            Op::Store => m[k as usize & 15] = a,
            Op::StoreX => m[k as usize & 15] = x,
            Op::AluK(op) => a = calculate(op, a, k)?,
            Op::AluX(op) => a = calculate(op, a, x)?,
            Op::Neg => a = a.wrapping_neg(),
            Op::Jump => at = at.wrapping_add_signed(k as i32 as isize),
            Op::IfEq => at += distance(step, a == k),
            Op::IfGt => at += distance(step, a > k),
            Op::IfGe => at += distance(step, a >= k),
            Op::IfSet => at += distance(step, a & k != 0),
            Op::IfX(test) => at += distance(step, holds(test, a, x)),
            Op::Tax => x = a,
            Op::Txa => a = x,
        }
    }
    None
}

#[inline]
fn calculate(op: Alu, a: u32, b: u32) -> Option<u32> {
    Some(match op {
        Alu::Add => a.wrapping_add(b),
        Alu::Sub => a.wrapping_sub(b),
        Alu::Mul => a.wrapping_mul(b),
        Alu::Div => a.checked_div(b)?,
        Alu::Mod => a.checked_rem(b)?,
        Alu::And => a & b,
        Alu::Or => a | b,
        Alu::Xor => a ^ b,
        Alu::Lsh => a.checked_shl(b).unwrap_or(0),
        Alu::Rsh => a.checked_shr(b).unwrap_or(0),
    })
}

#[inline]
const fn holds(test: Test, a: u32, b: u32) -> bool {
    match test {
        Test::Eq => a == b,
        Test::Gt => a > b,
        Test::Ge => a >= b,
        Test::Set => a & b != 0,
    }
}

/// A branch, not a choice of numbers: the processor guesses it and reads on, instead of waiting for each comparison.
#[inline]
fn distance(step: Step, holds: bool) -> usize {
    if holds {
        std::hint::cold_path();
        return usize::from(step.jt);
    }
    usize::from(step.jf)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::insn::Insn;
    use crate::filter::view::Bytes;
    use proptest::prelude::*;

    fn answer(insns: &[Insn], bytes: &[u8], wire_len: u32) -> u32 {
        let program = Program::new(insns.to_vec()).unwrap();
        run(&program, &Bytes::new(bytes, wire_len))
    }

    const RET_A: Insn = Insn::stmt(0x16, 0);

    #[test]
    fn loads() {
        let bytes = [0x45, 1, 2, 3, 4];
        let at = |code, k| answer(&[Insn::stmt(code, k), RET_A], &bytes, 9);
        assert_eq!((at(0x20, 1), at(0x28, 3), at(0x30, 4)), (0x0102_0304, 0x0304, 4));
        assert_eq!((at(0x20, 2), at(0x28, 4), at(0x30, 5), at(0x20, u32::MAX)), (0, 0, 0, 0));
        assert_eq!((at(0x80, 0), at(0x00, 7)), (9, 7));
        let indexed = |x, code, k| answer(&[Insn::stmt(0x01, x), Insn::stmt(code, k), RET_A], &bytes, 9);
        assert_eq!((indexed(1, 0x40, 0), indexed(1, 0x48, 2), indexed(3, 0x50, 1)), (0x0102_0304, 0x0304, 4));
        assert_eq!((indexed(2, 0x40, 0), indexed(u32::MAX, 0x50, 2)), (0, 0));
        let nibble = [Insn::stmt(0xb1, 0), Insn::stmt(0x87, 0), RET_A];
        assert_eq!(answer(&nibble, &bytes, 9), 20);
        assert_eq!(answer(&[Insn::stmt(0x81, 0), Insn::stmt(0x87, 0), RET_A], &bytes, 9), 9);
    }

    #[test]
    fn arithmetic() {
        let alu = |a, code, k| answer(&[Insn::stmt(0x00, a), Insn::stmt(code, k), RET_A], &[], 0);
        assert_eq!((alu(1, 0x14, 2), alu(7, 0x34, 2), alu(7, 0x94, 4), alu(6, 0xa4, 3)), (u32::MAX, 3, 3, 5));
        assert_eq!((alu(1, 0x64, 31), alu(1, 0x64, 32), alu(u32::MAX, 0x74, 33)), (1 << 31, 0, 0));
        assert_eq!((alu(1, 0x84, 0), alu(u32::MAX, 0x04, 2), alu(u32::MAX, 0x24, 2)), (u32::MAX, 1, u32::MAX - 1));
        assert_eq!((alu(6, 0x54, 3), alu(6, 0x44, 1)), (2, 7));
        // Division by X = 0 rejects, whatever follows.
        assert_eq!(answer(&[Insn::stmt(0x3c, 0), Insn::stmt(0x06, 5)], &[], 0), 0);
        assert_eq!(answer(&[Insn::stmt(0x9c, 0), Insn::stmt(0x06, 5)], &[], 0), 0);
        let scratch =
            [Insn::stmt(0x00, 3), Insn::stmt(0x02, 15), Insn::stmt(0x61, 15), Insn::stmt(0x03, 0), Insn::stmt(0x60, 0), RET_A];
        assert_eq!(answer(&scratch, &[], 0), 3);
    }

    #[test]
    fn comparisons() {
        let ask = |code, k| answer(&[Insn::stmt(0x00, 6), Insn::jump(code, k, 0, 1), Insn::stmt(6, 1), Insn::stmt(6, 2)], &[], 0);
        assert_eq!((ask(0x15, 6), ask(0x15, 5)), (1, 2));
        assert_eq!((ask(0x25, 5), ask(0x25, 6)), (1, 2));
        assert_eq!((ask(0x35, 6), ask(0x35, 7)), (1, 2));
        assert_eq!((ask(0x45, 2), ask(0x45, 9)), (1, 2));
        // X is 0.
        assert_eq!((ask(0x1d, 0), ask(0x2d, 0), ask(0x3d, 0), ask(0x4d, 0)), (2, 1, 1, 2));
    }

    #[test]
    fn an_endless_loop_ends_and_does_not_accept() {
        let forever = [Insn::stmt(0x05, -1_i32 as u32), Insn::stmt(0x06, 1)];
        assert_eq!(answer(&forever, &[0; 100], 100), 0);
    }

    fn any_insn() -> impl Strategy<Value = Insn> {
        let codes: Vec<u16> = (0..0x100).filter(|&c| Op::decode(Insn::stmt(c, 1)).is_some()).collect();
        let small = prop_oneof![0_u32..20, 0xffff_fff0..=u32::MAX, 0xffff_f000_u32..0xffff_f044, any::<u32>()];
        (proptest::sample::select(codes), 0_u8..6, 0_u8..6, small).prop_map(|(code, jt, jf, k)| Insn { code, jt, jf, k })
    }

    proptest! {
        #[test]
        fn a_checked_program_ends_on_any_bytes(
            mut insns in proptest::collection::vec(any_insn(), 0..40),
            bytes in proptest::collection::vec(any::<u8>(), 0..80),
            wire_len: u32,
        ) {
            for insn in &mut insns {
                match Op::decode(*insn) {
                    Some(Op::AluK(Alu::Div | Alu::Mod)) if insn.k == 0 => insn.k = 1,
                    Some(Op::Mem | Op::XMem | Op::Store | Op::StoreX) => insn.k &= 15,
                    _ => {}
                }
            }
            insns.extend([RET_A; 7]);
            if let Ok(program) = Program::new(insns) {
                let _ = run(&program, &Bytes::new(&bytes, wire_len));
            }
        }
    }
}
