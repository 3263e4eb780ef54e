//! Makes a running program issue system calls of the test's choice, as somebody who took it over would: one of its threads
//! is stopped in a system call, its registers are changed so that it makes another one, the result is read, and the thread is
//! put back as it was. Source: ptrace(2). The program takes no part in it.
#![expect(unsafe_code, reason = "ptrace(2) has no safe binding")]

use libc::{c_long, c_void, pid_t, user_regs_struct};
use std::io;
use std::mem;
use std::ptr;

/// A thread of another process that is stopped, and that goes on when this is dropped.
pub(crate) struct Inside {
    thread: pid_t,
    saved: user_regs_struct,
    /// Where a `syscall` stands.
    instruction: u64,
    /// Room in the thread's stack, below what it uses.
    scratch: u64,
}

/// An argument of a system call.
pub(crate) enum Arg<'a> {
    Number(i64),
    /// Bytes that are put into the thread's memory; their address is the argument.
    Bytes(&'a [u8]),
}

/// Bytes below the stack pointer that compiled code may use (System V ABI: 128), and then some.
const RED_ZONE: u64 = 1024;
/// Bytes of scratch.
const ROOM: u64 = 4096;
/// `syscall`.
const INSTRUCTION: [u8; 2] = [0x0f, 0x05];

impl Inside {
    /// Stops a thread that waits in a system call or comes by one.
    pub(crate) fn stop(thread: pid_t) -> Self {
        trace(libc::PTRACE_SEIZE, thread, 0, 0).expect("root may trace");
        trace(libc::PTRACE_INTERRUPT, thread, 0, 0).expect("it can be interrupted");
        wait(thread);
        let mut saved = registers(thread);
        let mut instruction = saved.rip - 2;
        if peek(thread, instruction)[..2] != INSTRUCTION {
            // It was computing. At its next system call it is stopped again, the call is left out now, and is made when the
            // thread goes on.
            trace(libc::PTRACE_SYSCALL, thread, 0, 0).expect("goes on");
            wait(thread);
            saved = registers(thread);
            instruction = saved.rip - 2;
            assert_eq!(peek(thread, instruction)[..2], INSTRUCTION, "stopped in a system call");
            let mut skipped = saved;
            skipped.orig_rax = u64::MAX;
            set_registers(thread, &skipped);
            trace(libc::PTRACE_SYSCALL, thread, 0, 0).expect("goes on");
            wait(thread);
            saved.rip = instruction;
            saved.rax = saved.orig_rax;
            saved.orig_rax = u64::MAX;
        }
        Self { thread, saved, instruction, scratch: (saved.rsp - RED_ZONE - ROOM) & !15 }
    }

    /// Makes the system call there. The error is the one that the program would get.
    pub(crate) fn call(&self, number: c_long, args: &[Arg<'_>]) -> io::Result<i64> {
        let mut at = self.scratch;
        let mut values = [0_u64; 6];
        for (value, arg) in values.iter_mut().zip(args) {
            *value = match arg {
                Arg::Number(number) => *number as u64,
                Arg::Bytes(bytes) => {
                    let address = at;
                    for chunk in bytes.chunks(8) {
                        let mut word = [0; 8];
                        word[..chunk.len()].copy_from_slice(chunk);
                        trace(libc::PTRACE_POKEDATA, self.thread, at, u64::from_ne_bytes(word)).expect("writes");
                        at += 8;
                    }
                    assert!(at <= self.scratch + ROOM);
                    address
                }
            };
        }
        let mut new = self.saved;
        new.rip = self.instruction;
        new.rax = number as u64;
        // No call that is to be begun again.
        new.orig_rax = u64::MAX;
        new.rsp = self.scratch;
        [new.rdi, new.rsi, new.rdx, new.r10, new.r8, new.r9] = values;
        set_registers(self.thread, &new);
        trace(libc::PTRACE_SINGLESTEP, self.thread, 0, 0).expect("steps");
        wait(self.thread);
        let result = registers(self.thread).rax as i64;
        if (-4095..0).contains(&result) { Err(io::Error::from_raw_os_error(-result as i32)) } else { Ok(result) }
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        set_registers(self.thread, &self.saved);
        let _ = trace(libc::PTRACE_DETACH, self.thread, 0, 0);
    }
}

fn trace(request: libc::c_uint, thread: pid_t, address: u64, data: u64) -> io::Result<c_long> {
    // SAFETY: the requests made here take numbers, addresses in the other process, or pointers to values that live.
    let result = unsafe { libc::ptrace(request, thread, address as *mut c_void, data as *mut c_void) };
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Waits until the thread has stopped.
fn wait(thread: pid_t) {
    let mut status = 0;
    // SAFETY: the status lives.
    let waited = unsafe { libc::waitpid(thread, &raw mut status, libc::__WALL) };
    assert!(waited == thread && libc::WIFSTOPPED(status), "{waited} {status:x} {}", io::Error::last_os_error());
}

fn registers(thread: pid_t) -> user_regs_struct {
    // SAFETY: registers are numbers, for which zero will do.
    let mut registers: user_regs_struct = unsafe { mem::zeroed() };
    trace(libc::PTRACE_GETREGS, thread, 0, (&raw mut registers) as u64).expect("reads registers");
    registers
}

fn set_registers(thread: pid_t, registers: &user_regs_struct) {
    let _ = trace(libc::PTRACE_SETREGS, thread, 0, ptr::from_ref(registers) as u64);
}

fn peek(thread: pid_t, address: u64) -> [u8; 8] {
    // SAFETY: as in `trace`; -1 may be what is there, so errors are not looked for: what is not there is not `syscall`.
    let word = unsafe { libc::ptrace(libc::PTRACE_PEEKTEXT, thread, address as *mut c_void, ptr::null_mut::<c_void>()) };
    word.to_ne_bytes()
}
