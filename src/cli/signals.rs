//! Signals. Of a run that waits for packets, live or through a pipe, the first Ctrl-C ends it in order, the second at once.
//! SIGHUP begins the next capture file where one is written, and ends other runs. Of a live run, SIGUSR1 asks for a status line, SIGUSR2 for a flush. Reading files leaves all of them as they are.

use super::errors::Problem;
use super::exit::Exit;
use signal_hook::consts::{SIGHUP, SIGINT, SIGPIPE, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::{flag, low_level};
use sockeye::engine::Stop;
use std::io;
use std::process::ExitCode;
use std::sync::OnceLock;

/// Exit status after a second Ctrl-C.
const STOPPED_AT_ONCE: i32 = 130;

/// SIGINT, SIGTERM and SIGHUP end the run in order, with what came until then; SIGHUP not if it is to begin the next file.
pub(crate) fn end_in_order(stop: &Stop, hangup_rotates: bool) -> Result<(), Problem> {
    register_end(stop, hangup_rotates).map_err(unwatchable)
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
    if !is_ignored_hangup() {
        flag::register(SIGHUP, if hangup_rotates { stop.rotate_flag() } else { stop.stop_flag() })?;
    }
    Ok(())
}

/// Was SIGHUP set to be ignored by whoever started us (`nohup`)? Then it stays ignored. Linux tells in /proc.
/// To be asked before rights are given up: then nothing is told any more, and the first answer stays.
pub(crate) fn is_ignored_hangup() -> bool {
    static IGNORED: OnceLock<bool> = OnceLock::new();
    *IGNORED.get_or_init(|| {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        let bits = mask.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok()).unwrap_or(0);
        bits >> (SIGHUP - 1) & 1 == 1
    })
}

/// Ends the program as SIGPIPE would have, so that the shell sees 141. Comes back only if that fails.
pub(crate) fn die_of_closed_pipe() -> ExitCode {
    let _ = low_level::emulate_default_handler(SIGPIPE);
    ExitCode::from(141)
}
