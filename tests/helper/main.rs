//! The helper process as it is in a real run: whose rights it has, what it outlives, what it does when the others are gone, and
//! names of hosts. Needs root; without it every test says SKIPPED and passes.

#![cfg(target_os = "linux")]

mod names;
#[path = "../support/netns.rs"]
mod netns;
#[path = "../support/program.rs"]
mod program;

use netns::skipped;
use program::{capture, run, sockeye, wait};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Longest that anything awaited may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Is this root? Says so loudly if not.
#[track_caller]
fn root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        skipped("not root");
    }
    root
}

#[track_caller]
fn until(what: &str, is: impl Fn() -> bool) {
    let start = Instant::now();
    while !is() {
        assert!(start.elapsed() < PATIENCE, "{what}: waited in vain");
        thread::sleep(Duration::from_millis(5));
    }
}

/// A folder that only root may write to.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    folder
}

/// A field of `/proc/PID/status`.
fn status(pid: u32, field: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn runs(pid: u32) -> bool {
    !status(pid, "State").is_empty() && !status(pid, "State").starts_with('Z')
}

/// Its children of that name.
fn child_named(pid: u32, name: &str) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
    children.split_whitespace().filter_map(|pid| pid.parse().ok()).find(|pid| status(*pid, "Name") == name)
}

fn signal(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), signal).unwrap();
}

/// A run that reads a capture from a pipe, of which it has had the half, and writes into a folder of root's.
struct Halfway {
    folder: TempDir,
    child: Child,
    rest: Vec<u8>,
    helper: u32,
}

fn halfway(arguments: &str) -> Halfway {
    let folder = folder();
    let mut bytes = fs::read(capture("tour.pcapng")).unwrap();
    let rest = bytes.split_off(bytes.len() / 2);
    let mut command = sockeye();
    command.current_dir(folder.path()).args("capture -r - -w out.pcapng -U".split(' ')).args(arguments.split_whitespace());
    command.process_group(0).stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.as_mut().unwrap().write_all(&bytes).unwrap();
    let begun = || fs::read_dir(folder.path()).unwrap().any(|entry| entry.unwrap().metadata().is_ok_and(|data| data.len() > 0));
    until("it writes", begun);
    let helper = child_named(child.id(), "sockeye-helper").expect("a helper");
    Halfway { folder, child, rest, helper }
}

impl Halfway {
    /// Gives it the rest and waits for its end: exit code and what it said.
    fn end(mut self) -> (Option<i32>, String, TempDir) {
        let mut pipe = self.child.stdin.take().unwrap();
        // It may have ended on an error.
        let _ = pipe.write_all(&self.rest);
        drop(pipe);
        let code = wait(&mut self.child, PATIENCE).code();
        let mut said = String::new();
        std::io::Read::read_to_string(&mut self.child.stderr.take().unwrap(), &mut said).unwrap();
        (code, said, self.folder)
    }
}

/// A program in a folder.
fn script(folder: &Path, text: &str) -> PathBuf {
    let path = folder.join("command");
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn root_writes_into_its_folder_while_nobody_parses() {
    if !root() {
        return;
    }
    let run = halfway("-C 40k");
    let main = run.child.id();
    assert!(!status(main, "Uid").starts_with("0 "), "{}", status(main, "Uid"));
    assert_eq!(status(run.helper, "Uid"), "0 0 0 0");
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_eq!(status(run.helper, set), "0000000000000000", "{set}");
    }
    assert_eq!(status(run.helper, "NoNewPrivs"), "1");
    let (code, said, folder) = run.end();
    assert_eq!(code, Some(0), "{said}");
    let files = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let whole: Vec<_> = files.inspect(|path| assert!(path.extension().is_some_and(|e| e == "pcapng"), "{path:?}")).collect();
    assert!(whole.len() > 3, "{whole:?}");
}

#[test]
fn it_holds_nothing_but_its_sockets_and_standard_error() {
    if !root() {
        return;
    }
    let run = halfway("");
    let held = || -> Vec<String> {
        let all = fs::read_dir(format!("/proc/{}/fd", run.helper)).unwrap().map(|entry| entry.unwrap());
        let others = all.filter(|entry| !["0", "1", "2"].iter().any(|n| entry.file_name() == *n));
        others.filter_map(|entry| Some(fs::read_link(entry.path()).ok()?.display().to_string())).collect()
    };
    // The file that it has just handed over it closes in its own time.
    until("the file is closed there", || !held().iter().any(|target| target.contains("out.pcapng")));
    let held = held();
    let (sockets, others): (Vec<_>, Vec<_>) = held.iter().partition(|target| target.starts_with("socket:"));
    assert_eq!(sockets.len(), 1, "{held:?}");
    // The folder that it writes to.
    assert_eq!(others, [&run.folder.path().display().to_string()], "{held:?}");
    for n in [0, 1] {
        assert_eq!(fs::read_link(format!("/proc/{}/fd/{n}", run.helper)).unwrap(), Path::new("/dev/null"));
    }
    assert_eq!(run.end().0, Some(0));
}

#[test]
fn signals_that_end_a_run_do_not_end_it() {
    if !root() {
        return;
    }
    let run = halfway("-C 40k");
    for sent in [Signal::INT, Signal::TERM, Signal::HUP, Signal::QUIT, Signal::USR1, Signal::USR2] {
        signal(run.helper, sent);
    }
    let (code, said, _) = run.end();
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn it_ends_with_the_process_that_asks_however_that_ends() {
    if !root() {
        return;
    }
    let mut run = halfway("");
    signal(run.child.id(), Signal::KILL);
    run.child.wait().unwrap();
    until("the helper ends", || !runs(run.helper));
}

#[test]
fn without_it_a_capture_ends_with_a_message_and_does_not_hang() {
    if !root() {
        return;
    }
    let run = halfway("-C 40k");
    signal(run.helper, Signal::KILL);
    until("the helper ends", || !runs(run.helper));
    let (code, said, folder) = run.end();
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("helper process of sockeye has ended"), "{said}");
    // What was written stays.
    assert!(fs::read_dir(folder.path()).unwrap().any(|entry| entry.unwrap().metadata().unwrap().len() > 0));
}

#[test]
fn a_command_has_the_caller_and_no_capability() {
    if !root() {
        return;
    }
    for (sudo, uid) in [(None, "0 0 0 0"), (Some("12345"), "12345 12345 12345 12345")] {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let command = script(folder.path(), r#"cat /proc/self/status > "$1.status"; readlink /proc/self/fd/0 >> "$1.status""#);
        let mut line = sockeye();
        if let Some(sudo) = sudo {
            line.envs([("SUDO_UID", sudo), ("SUDO_GID", sudo)]);
        }
        line.current_dir(folder.path())
            .args(["capture", "-w", "out.pcap", "-z"])
            .arg(command)
            .arg("-r")
            .arg(capture("http-get.pcap"));
        let ran = run(&mut line);
        assert_eq!(ran.code(), Some(0), "{}", ran.stderr);
        let told = fs::read_to_string(folder.path().join("out.pcap.status")).unwrap();
        let field = |name: &str| {
            let line = told.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{name} in {told}"));
            line.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(field("Uid:"), uid);
        assert_eq!(field("Gid:"), uid);
        for set in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
            assert_eq!(field(set), "0000000000000000", "{set}");
        }
        assert_eq!(field("NoNewPrivs:"), "1");
        // What was ignored when the program was started, but SIGPIPE, and the two that belong to the C library.
        let ignored = |mask: &str| u64::from_str_radix(mask, 16).unwrap() & 0x7fff_efff;
        assert_eq!(ignored(&field("SigIgn:")), ignored(&status(std::process::id(), "SigIgn")));
        assert!(told.ends_with("/dev/null\n"));
    }
}

#[test]
fn a_pipe_planted_under_a_name_that_comes_gets_nothing_and_holds_nothing_up() {
    if !root() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let written = |sudo: Option<&str>| {
        let mut line = sockeye();
        line.envs(sudo.map(|uid| ("SUDO_UID", uid)));
        line.current_dir(folder.path()).args(["capture", "-C", "1k", "-w", "f.pcap", "-r"]).arg(capture("http-get.pcap"));
        let ran = program::run_for(&mut line, PATIENCE);
        assert_eq!(ran.code(), Some(0), "{}", ran.stderr);
        let mut files: Vec<PathBuf> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    };
    for sudo in [None, Some("4321")] {
        let names = written(sudo);
        assert!(names.len() > 1, "{names:?}");
        for name in &names {
            fs::remove_file(name).unwrap();
        }
        let second = names.iter().find(|name| name.to_string_lossy().contains("_00002_")).expect("a second file");
        let planted = PathBuf::from(format!("{}.part", second.display()));
        rustix::fs::mknodat(rustix::fs::CWD, &planted, rustix::fs::FileType::Fifo, 0o666.into(), 0).unwrap();
        let again = written(sudo);
        assert_eq!(again.len(), names.len() + 1, "{again:?}");
        assert!(!again.contains(second), "its packets are under another name: {again:?}");
        for name in &again {
            fs::remove_file(name).unwrap();
        }
    }
}

#[test]
fn a_command_is_waited_for_where_whoever_started_us_ignores_children() {
    let folder = folder();
    let script = "import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])";
    let mut line = program::with_bare_settings(std::process::Command::new("python3"));
    line.current_dir(folder.path()).args(["-c", script, env!("CARGO_BIN_EXE_sockeye")]);
    line.args(["capture", "-w", "out.pcap", "-z", "true", "-r"]).arg(capture("http-get.pcap"));
    if !program::has("python3") {
        skipped("needs python3");
        return;
    }
    let ran = run(&mut line);
    assert_eq!((ran.code(), ran.stderr.contains("child")), (Some(0), false), "{}", ran.stderr);
}

#[test]
fn files_are_made_where_there_is_no_proc_and_no_dev() {
    if !root() {
        return;
    }
    for without in ["umount -l /proc", "mount -t tmpfs none /dev", "umount -l /proc && mount -t tmpfs none /dev"] {
        let folder = folder();
        let mut line = program::with_bare_settings(std::process::Command::new("unshare"));
        line.current_dir(folder.path()).args(["--mount", "sh", "-c", &format!("{without} && exec \"$@\""), "sh"]);
        line.args([env!("CARGO_BIN_EXE_sockeye"), "capture", "-w", "out.pcap", "-z", "rm", "-r"]).arg(capture("http-get.pcap"));
        let ran = run(&mut line);
        assert_eq!(ran.code(), Some(0), "{without}: {}", ran.stderr);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "made, and given to the command");
    }
}

#[test]
fn ctrl_c_does_not_end_a_command_that_runs() {
    if !root() {
        return;
    }
    let folder = folder();
    let command = script(folder.path(), "echo > begun; while [ ! -e gate ]; do sleep 0.02; done; echo > done");
    let mut line = sockeye();
    line.current_dir(folder.path())
        .args(["capture", "-w", "out.pcap", "-z"])
        .arg(command)
        .arg("-r")
        .arg(capture("http-get.pcap"));
    let mut child = line.process_group(0).spawn().unwrap();
    until("the command begins", || folder.path().join("begun").exists());
    let helper = child_named(child.id(), "sockeye-helper").expect("a helper");
    kill_process_group(Pid::from_child(&child), Signal::INT).unwrap();
    wait(&mut child, PATIENCE);
    assert!(runs(helper), "it waits for the command");
    fs::write(folder.path().join("gate"), "").unwrap();
    until("the command ends", || folder.path().join("done").exists());
    until("the helper ends", || !runs(helper));
}

#[test]
fn a_command_that_fails_is_told_and_is_a_failure() {
    if !root() {
        return;
    }
    let folder = folder();
    let command = script(folder.path(), "exit 3");
    let mut line = sockeye();
    line.current_dir(folder.path()).args(["capture", "-w", "out.pcap", "-z", "./command", "-r"]).arg(capture("http-get.pcap"));
    let ran = run(&mut line);
    assert_eq!(ran.code(), Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains("-z ./command out.pcap: exit code 3"), "{}", ran.stderr);
    drop(command);
}
