//! Does the sandbox hold? It is entered, as a capture enters it, and what must fail is tried. The last thing that the doctor does,
//! for there is no way back.

use super::sheet::{Mark, Sheet};
use super::trial::{DATAGRAMS, LOOPBACK, Trial, comes_out_even};
use crate::cli::errors::{Problem, shown};
use crate::cli::rights;
use sockeye::capture::SourceError;
use sockeye::privilege::{self, Choice, Report};
use std::env;
use std::fs::{self, File};
use std::io;
use std::net::UdpSocket;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{self, Command, Stdio};

/// The version of Landlock that has each right, and what a capture then cannot do. Version 1 is the files.
const LANDLOCK: [(i32, &str); 3] = [(4, "TCP ports"), (5, "ioctl on devices"), (6, "signals and abstract sockets")];
/// A program that is on every system.
const PROGRAM: &str = "/bin/sh";
/// A path that leads nowhere, so that starting it ends nothing where it is not refused.
const NOWHERE: &str = "/nonexistent/sockeye-doctor";

/// Enters it for good, and tries. `trial` is an open capture, if one could be had.
pub(super) fn check(sheet: &mut Sheet, choice: Choice, trial: Option<Trial>) -> Result<(), Problem> {
    sheet.heading("Sandbox")?;
    // All that is needed outside is got ready: inside, nothing is found any more.
    let planted = env::temp_dir().join(format!("sockeye-doctor-{}", process::id()));
    // What the datagrams are sent on is left, as the sockets to other processes are in a run.
    let senders = trial.iter().map(Trial::sender).collect();
    match privilege::enter(&rights::config(choice, true, &[LOOPBACK.to_owned()], senders)) {
        Ok(report) => tell(sheet, &report)?,
        Err(error) => {
            return sheet.line(Mark::Failed, "entering", &format!("{}; a capture would not begin", shown(&error.to_string())));
        }
    }
    attempt(sheet, "read a file", "/etc/passwd", || File::open("/etc/passwd").map(drop))?;
    attempt(sheet, "make a file", &shown(&planted.display().to_string()), || make(&planted))?;
    attempt(sheet, "make a socket", "UDP", || UdpSocket::bind(("0.0.0.0", 0)).map(drop))?;
    attempt(sheet, "fork", PROGRAM, run_program)?;
    attempt(sheet, "exec", NOWHERE, || Err(Command::new(NOWHERE).exec()))?;
    let Some(trial) = trial else {
        return sheet.line(Mark::Note, "capture inside", "not tried: none could be opened before");
    };
    match capture(trial) {
        Ok((DATAGRAMS, true)) => {
            sheet.line(Mark::Ok, "capture inside", &format!("goes on: {DATAGRAMS} of {DATAGRAMS} packets to itself seen"))
        }
        Ok((seen, even)) => {
            let account = if even { "" } else { ", the account does not come out even" };
            sheet.line(Mark::Failed, "capture inside", &format!("{seen} of {DATAGRAMS} packets to itself seen{account}"))
        }
        Err(error) => sheet.line(Mark::Failed, "capture inside", &shown(&error.to_string())),
    }
}

/// Which pieces are in force.
fn tell(sheet: &Sheet, report: &Report) -> Result<(), Problem> {
    let became = report.user.as_ref().map_or_else(String::new, |user| format!("user {}, ", shown(user)));
    sheet.line(Mark::Ok, "rights", &format!("given up: {became}no capabilities, no_new_privs"))?;
    if let Some(abi) = report.landlock {
        let lacking: Vec<_> = LANDLOCK.iter().filter(|(since, _)| abi < *since).map(|(_, what)| *what).collect();
        let rest =
            if lacking.is_empty() { String::new() } else { format!("; not {} (seccomp refuses them)", lacking.join(", ")) };
        sheet.line(Mark::Ok, "Landlock", &format!("ABI {abi} in force{rest}"))?;
    }
    if report.seccomp {
        sheet.line(Mark::Ok, "seccomp", "in force")?;
    }
    for missing in &report.missing {
        sheet.line(Mark::Limited, "missing", &shown(missing))?;
    }
    Ok(())
}

/// Tries what must not be possible.
fn attempt(sheet: &Sheet, name: &str, on: &str, what: impl FnOnce() -> io::Result<()>) -> Result<(), Problem> {
    let (mark, text) = judge(&what());
    sheet.line(mark, name, &format!("{on}: {text}"))
}

fn judge(result: &io::Result<()>) -> (Mark, String) {
    match result {
        Ok(()) => (Mark::Limited, "possible".to_owned()),
        Err(error) if matches!(error.raw_os_error(), Some(libc::EPERM | libc::EACCES | libc::ENOSYS)) => {
            (Mark::Ok, "refused".to_owned())
        }
        Err(error) => (Mark::Limited, format!("not refused ({error})")),
    }
}

fn make(path: &Path) -> io::Result<()> {
    File::create_new(path)?;
    fs::remove_file(path)
}

fn run_program() -> io::Result<()> {
    let mut command = Command::new(PROGRAM);
    command.args(["-c", ":"]).stdin(Stdio::inherit()).stdout(Stdio::inherit()).stderr(Stdio::inherit());
    command.status().map(drop)
}

fn capture(mut trial: Trial) -> Result<(usize, bool), SourceError> {
    let seen = trial.run()?;
    let stats = trial.account()?;
    Ok((if seen.twice { 0 } else { seen.datagrams }, comes_out_even(&stats)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_refusal_is_ok() {
        let error = |number| Err(io::Error::from_raw_os_error(number));
        assert_eq!(judge(&error(libc::EPERM)).0, Mark::Ok);
        assert_eq!(judge(&error(libc::EACCES)).0, Mark::Ok);
        assert_eq!(judge(&error(libc::ENOENT)).0, Mark::Limited);
        assert_eq!(judge(&Ok(())), (Mark::Limited, "possible".to_owned()));
    }
}
