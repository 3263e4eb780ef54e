//! The command of `-z` for each complete file, as the helper process runs it. A few run at once, the others wait their turn; nobody
//! waits for them but [`Commands::settle`]. Knows nothing of a run.

use super::errors::{shown, shown_path};
use sockeye::output::pcap::Rotation;
use sockeye::output::units;
use sockeye::privilege::helper::{self, Commands};
use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Commands at once.
const AT_ONCE: usize = 4;
/// Files that may wait for theirs.
const WAITING: usize = 10_000;
/// Failures told one by one.
const TOLD: usize = 8;

// What is removed last of all must be remembered still: files that are kept, those that wait, and the one being written.
const _: () = assert!(Rotation::MOST_KEPT as usize + WAITING + AT_ONCE < helper::REMEMBERED);

/// A command for each complete file.
#[derive(Debug)]
pub(crate) struct ForEach {
    command: OsString,
    work: Arc<Work>,
}

#[derive(Debug, Default)]
struct Work {
    state: Mutex<State>,
    /// A runner has ended.
    ended: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<PathBuf>,
    /// Those whose command runs.
    running: Vec<PathBuf>,
    runners: usize,
    failures: Vec<String>,
    /// Failures that are not among those.
    more: u64,
    /// Nothing is begun any more.
    stopped: bool,
    /// Files that got no command for that reason.
    left: u64,
}

impl State {
    fn failed(&mut self, what: String) {
        if self.failures.len() < TOLD {
            self.failures.push(what);
        } else {
            self.more += 1;
        }
    }
}

impl Work {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ForEach {
    /// `command` is a program's name or path; it gets the file as its only argument.
    pub(crate) fn new(command: OsString) -> Self {
        Self { command, work: Arc::default() }
    }
}

impl Commands for ForEach {
    fn finished(&self, path: &Path) {
        let mut state = self.work.lock();
        if state.stopped {
            state.left += 1;
            return;
        }
        if state.waiting.len() >= WAITING {
            state.failed(format!("-z: {} got no command: too many files wait for theirs", shown_path(path)));
            return;
        }
        state.waiting.push_back(path.to_owned());
        if state.runners >= AT_ONCE {
            return;
        }
        let (command, work) = (self.command.clone(), Arc::clone(&self.work));
        match thread::Builder::new().name("command".to_owned()).spawn(move || run_all(&command, &work)) {
            Ok(_) => state.runners += 1,
            // One that runs takes it; without any, nobody does.
            Err(error) if state.runners == 0 => {
                state.waiting.clear();
                state.failed(format!("-z: no thread for {}: {error}", shown_path(path)));
            }
            Err(_) => {}
        }
    }

    fn busy(&self, path: &Path) -> bool {
        let state = self.work.lock();
        state.running.iter().chain(&state.waiting).any(|busy| busy == path)
    }

    fn settle(&self, patience: Option<Duration>) -> Result<Vec<String>, u64> {
        let at_work = |state: &mut State| state.runners > 0;
        let state = self.work.lock();
        let mut state = match patience {
            None => self.work.ended.wait_while(state, at_work).unwrap_or_else(PoisonError::into_inner),
            Some(patience) => {
                let waited = self.work.ended.wait_timeout_while(state, patience, at_work);
                let (state, waited) = waited.unwrap_or_else(PoisonError::into_inner);
                if waited.timed_out() {
                    return Err((state.waiting.len() + state.running.len()) as u64);
                }
                state
            }
        };
        let mut failures = std::mem::take(&mut state.failures);
        let more = std::mem::take(&mut state.more);
        if more > 0 {
            failures.push(format!("-z: {more} more failed"));
        }
        let left = std::mem::take(&mut state.left);
        if left > 0 {
            let command = shown(&self.command.to_string_lossy());
            failures.push(format!("-z {command}: {} got no command: the run was ended first", units::counted(left, "file")));
        }
        Ok(failures)
    }

    fn stop(&self) {
        let mut state = self.work.lock();
        state.stopped = true;
        state.left += state.waiting.len() as u64;
        state.waiting.clear();
    }
}

/// A runner: takes files until none waits.
fn run_all(command: &OsStr, work: &Work) {
    let mut state = work.lock();
    while let Some(path) = state.waiting.pop_front() {
        state.running.push(path.clone());
        drop(state);
        let done = run(command, &path);
        state = work.lock();
        state.running.retain(|running| *running != path);
        if let Err(what) = done {
            state.failed(what);
        }
    }
    state.runners -= 1;
    work.ended.notify_all();
}

/// In a process group of its own: a Ctrl-C ends the capture, not what is done with its files.
fn run(command: &OsStr, path: &Path) -> Result<(), String> {
    // A name that begins with a minus would be taken for an option.
    let argument =
        if path.as_os_str().as_encoded_bytes().starts_with(b"-") { Path::new(".").join(path) } else { path.to_owned() };
    let name = || shown(&command.to_string_lossy());
    let mut child = Command::new(command);
    // Standard input and output of the helper, where this runs, lead nowhere already.
    child.arg(argument).stdin(Stdio::inherit()).stdout(Stdio::inherit()).process_group(0);
    let status = child.status().map_err(|error| format!("-z {}: {}: {error}", name(), shown_path(path)))?;
    if status.success() { Ok(()) } else { Err(format!("-z {} {}: {}", name(), shown_path(path), ending(status))) }
}

fn ending(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("killed by signal {signal}"),
        (None, None) => "failed".to_owned(),
    }
}

/// Is there such a program? A path to one, or a name that PATH knows.
pub(crate) fn is_command(command: &OsStr) -> bool {
    let runs = |path: &Path| fs::metadata(path).is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0);
    if command.as_encoded_bytes().contains(&b'/') {
        return runs(Path::new(command));
    }
    std::env::var_os("PATH").is_some_and(|folders| std::env::split_paths(&folders).any(|folder| runs(&folder.join(command))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A script that runs when the file gate is there, and writes its argument.
    fn script(folder: &Path, text: &str) -> OsString {
        let path = folder.join("script");
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path.into()
    }

    #[test]
    fn each_file_gets_its_command_and_settling_waits_for_all() {
        let folder = tempfile::tempdir().unwrap();
        let command = script(folder.path(), r#"sleep 0.02; echo done > "$1.done""#);
        assert!(is_command(&command) && is_command(OsStr::new("sh")) && !is_command(OsStr::new("no-such-command")));
        let files = ForEach::new(command);
        let names: Vec<PathBuf> = (0..20).map(|i| folder.path().join(format!("{i}"))).collect();
        for name in &names {
            files.finished(name);
        }
        assert_eq!(files.settle(None), Ok(Vec::new()));
        assert!(names.iter().all(|name| name.with_extension("done").is_file()));
    }

    #[test]
    fn failures_are_told_at_the_end_but_not_without_end() {
        let folder = tempfile::tempdir().unwrap();
        let files = ForEach::new(script(folder.path(), "exit 3"));
        (0..12).for_each(|i| files.finished(Path::new(&format!("-{i}"))));
        let told = files.settle(None).unwrap();
        assert_eq!((told.len(), told.last().map(String::as_str)), (9, Some("-z: 4 more failed")));
        assert!(told[0].ends_with(": exit code 3"), "{told:?}");
        assert_eq!(files.settle(None), Ok(Vec::new()));
        let files = ForEach::new("no/such".into());
        files.finished(Path::new("x"));
        assert_eq!(files.settle(None).unwrap(), ["-z no/such: x: No such file or directory (os error 2)"]);
    }

    #[test]
    fn when_it_is_stopped_what_runs_ends_and_nothing_begins() {
        let folder = tempfile::tempdir().unwrap();
        let gate = folder.path().join("gate");
        let text = format!(r#"echo > "$1.begun"; until test -e {}; do sleep 0.01; done; echo > "$1.done""#, gate.display());
        let files = ForEach::new(script(folder.path(), &text));
        let name = |i| folder.path().join(format!("{i}"));
        (0..AT_ONCE + 3).for_each(|i| files.finished(&name(i)));
        while !(0..AT_ONCE).all(|i| name(i).with_extension("begun").exists()) {
            thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(files.settle(Some(Duration::ZERO)), Err(7));
        files.stop();
        files.finished(&name(100));
        assert_eq!(files.settle(Some(Duration::ZERO)), Err(4));
        fs::write(gate, "").unwrap();
        let told = files.settle(None).unwrap();
        assert!(told.len() == 1 && told[0].ends_with("script: 4 files got no command: the run was ended first"), "{told:?}");
        let with = |ending: &str| (0..101).filter(|i| name(*i).with_extension(ending).exists()).count();
        assert_eq!((with("begun"), with("done")), (AT_ONCE, AT_ONCE));
    }
}
