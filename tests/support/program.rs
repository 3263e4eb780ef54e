//! Runs the real program, as a person or a script would, and keeps what it says.
#![allow(dead_code, reason = "each test program uses its part")]

use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// What a run printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) status: ExitStatus,
}

impl Ran {
    /// The exit code; `None` after a signal.
    pub(crate) fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// The signal that ended it.
    pub(crate) fn signal(&self) -> Option<i32> {
        self.status.signal()
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self { stdout: text(output.stdout), stderr: text(output.stderr), status: output.status }
    }
}

/// The program with nothing of this machine's settings; standard input is empty.
pub(crate) fn sockeye() -> Command {
    with_bare_settings(Command::new(env!("CARGO_BIN_EXE_sockeye")))
}

/// Any program, so.
pub(crate) fn with_bare_settings(mut command: Command) -> Command {
    command.env_clear().envs([("TZ", "UTC"), ("LANG", "C.UTF-8"), ("NO_COLOR", "1"), ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")]);
    command.stdin(Stdio::null());
    command
}

/// Runs the program with words separated by blanks, in a folder.
pub(crate) fn run_in(folder: &Path, line: &str) -> Ran {
    run(sockeye().current_dir(folder).args(line.split_whitespace()))
}

/// Runs to the end.
pub(crate) fn run(command: &mut Command) -> Ran {
    command.output().expect("the program runs").into()
}

/// Runs to the end, at most for `limit`; then it is killed, which shows as signal 9.
pub(crate) fn run_for(command: &mut Command, limit: Duration) -> Ran {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program runs");
    let (mut out, mut err) = (child.stdout.take().expect("piped"), child.stderr.take().expect("piped"));
    let read = thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = out.read_to_end(&mut bytes);
        bytes
    });
    let read_errors = thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = err.read_to_end(&mut bytes);
        bytes
    });
    let status = wait(&mut child, limit);
    let stdout = read.join().expect("read");
    let stderr = read_errors.join().expect("read");
    Output { status, stdout, stderr }.into()
}

/// Waits for the end, at most for `limit`; then it is killed.
pub(crate) fn wait(child: &mut Child, limit: Duration) -> ExitStatus {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("waited") {
            return status;
        }
        if start.elapsed() > limit {
            let _ = child.kill();
            return child.wait().expect("waited");
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// A capture of this repository.
pub(crate) fn capture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("captures").join(name)
}

/// Is a program there?
pub(crate) fn has(program: &str) -> bool {
    Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).stdin(Stdio::null()).status().is_ok()
}

/// A copy of the program that every user can start. Written by another process: had this one the file open for writing while
/// another test's thread forks, the child would have it, too, and for that moment the copy could not be started (ETXTBSY).
#[cfg(unix)]
pub(crate) fn copy_of_the_program(into: &Path) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let copy = into.join("sockeye");
    assert!(Command::new("cp").arg(env!("CARGO_BIN_EXE_sockeye")).arg(&copy).status().expect("cp runs").success());
    std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o755)).expect("ours");
    copy
}

/// Has a command run on a kernel that does not know these system calls.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "only a child process can do without")]
pub(crate) fn on_a_kernel_without(calls: &[libc::c_long], command: &mut Command) {
    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, apply_filter};
    use std::os::unix::process::CommandExt;
    let rules = calls.iter().map(|call| (*call, Vec::new())).collect();
    let missing = SeccompAction::Errno(libc::ENOSYS as u32);
    let here = std::env::consts::ARCH.try_into().expect("known");
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, missing, here).expect("sound");
    let program: BpfProgram = filter.try_into().expect("fits");
    // SAFETY: the closure makes two system calls and allocates nothing, unless they fail.
    unsafe { command.pre_exec(move || apply_filter(&program).map_err(std::io::Error::other)) };
}
