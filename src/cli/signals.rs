//! Signals. Of a run that waits for packets, live or through a pipe, the first Ctrl-C ends it in order, the second at once.
//! SIGHUP begins the next capture file where one is written, and ends other runs. Of a live run, SIGUSR1 asks for a status line, SIGUSR2 for a flush.
//! Of saved files the first signal that would end the program ends the reading in order, and the program dies of it afterwards.

use super::errors::Problem;
use super::exit::Exit;
use signal_hook::consts::{SIGHUP, SIGINT, SIGPIPE, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::{flag, low_level};
use sockeye::engine::Stop;
use std::io;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

/// Exit status after a second Ctrl-C.
const STOPPED_AT_ONCE: i32 = 130;

/// SIGINT, SIGTERM and SIGHUP end the run in order, with what came until then; SIGHUP not if it is to begin the next file.
pub(crate) fn end_in_order(stop: &Stop, hangup_rotates: bool) -> Result<(), Problem> {
    register_end(stop, hangup_rotates).map_err(unwatchable)
}

/// Of saved files: SIGINT, SIGTERM and SIGHUP end the reading; what was read until then is told. A second SIGINT ends the program at
/// once, and so does any of them when the flag that this gives is up: all is read, and what is left is to write it. What whoever
/// started us has set to be ignored (`nohup`, a script's `&`) stays ignored.
pub(crate) fn end_reading(stop: &Stop) -> Result<Arc<AtomicBool>, Problem> {
    let all_read = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| !is_ignored(*signal)) {
        register_end_of_reading(signal, stop, &all_read).map_err(unwatchable)?;
    }
    Ok(all_read)
}

fn register_end_of_reading(signal: i32, stop: &Stop, all_read: &Arc<AtomicBool>) -> io::Result<()> {
    // In this order: at the first signal the flags are still down when those who end the program look at them.
    flag::register_conditional_default(signal, Arc::clone(all_read))?;
    if signal == SIGINT {
        flag::register_conditional_default(signal, stop.stop_flag())?;
    }
    flag::register_usize(signal, Arc::clone(asked_by()), signal.unsigned_abs() as usize)?;
    flag::register(signal, stop.stop_flag())?;
    Ok(())
}

/// The latest signal that ended the reading of saved files; 0: none.
fn asked_by() -> &'static Arc<AtomicUsize> {
    static SIGNAL: OnceLock<Arc<AtomicUsize>> = OnceLock::new();
    SIGNAL.get_or_init(Arc::default)
}

/// Ends the program by the signal that ended the reading. Comes back only if that fails.
pub(crate) fn die_as_asked() -> ExitCode {
    let signal = asked_by().load(Ordering::Relaxed) as i32;
    let _ = low_level::emulate_default_handler(signal);
    Exit::Stopped.into()
}

/// SIGUSR1 and SIGUSR2 ask for a status line and for a flush.
pub(crate) fn watch(stop: &Stop) -> Result<(), Problem> {
    flag::register(SIGUSR1, stop.status_flag()).map_err(unwatchable)?;
    flag::register(SIGUSR2, stop.flush_flag()).map_err(unwatchable)?;
    Ok(())
}

#[expect(clippy::needless_pass_by_value, reason = "as map_err wants it")]
fn unwatchable(error: io::Error) -> Problem {
    Problem::new(Exit::Failed, format!("cannot watch for signals: {error}"))
}

fn register_end(stop: &Stop, hangup_rotates: bool) -> io::Result<()> {
    // In this order: at the first signal the flag is still down when the shutdown looks at it.
    flag::register_conditional_shutdown(SIGINT, STOPPED_AT_ONCE, stop.stop_flag())?;
    flag::register(SIGINT, stop.stop_flag())?;
    flag::register(SIGTERM, stop.stop_flag())?;
    if !is_ignored(SIGHUP) {
        flag::register(SIGHUP, if hangup_rotates { stop.rotate_flag() } else { stop.stop_flag() })?;
    }
    Ok(())
}

/// Looks which signals are ignored, as Linux tells in /proc: before rights are given up, as nothing is told any more then.
pub(crate) fn look_what_is_ignored() {
    is_ignored(SIGHUP);
}

/// Was a signal set to be ignored by whoever started us (`nohup`)? Then it stays ignored. The first answer stays.
fn is_ignored(signal: i32) -> bool {
    static IGNORED: OnceLock<u64> = OnceLock::new();
    let bits = IGNORED.get_or_init(|| {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        mask.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok()).unwrap_or(0)
    });
    bits >> (signal - 1) & 1 == 1
}

/// Ends the program as SIGPIPE would have, so that the shell sees 141. Comes back only if that fails.
pub(crate) fn die_of_closed_pipe() -> ExitCode {
    let _ = low_level::emulate_default_handler(SIGPIPE);
    ExitCode::from(141)
}
