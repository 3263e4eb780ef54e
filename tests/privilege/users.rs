//! Who is become, and where it cannot be done.

use super::program::{capture, run, sockeye, with_bare_settings};
use super::{Wanted, fifo, folder, is_root, start, status};
use std::fs::File;
use std::process::{Command, Stdio};

/// Starts `words… sockeye ARGUMENTS` on a FIFO that nobody writes to, waits until it has given up its rights, and checks.
fn check_with(words: &[&str], arguments: &[&str], wanted: &Wanted<'_>) -> String {
    let folder = folder();
    let path = folder.path().join("fifo");
    fifo(&path);
    let both = File::options().read(true).write(true).open(&path).expect("a FIFO");
    let program = env!("CARGO_BIN_EXE_sockeye");
    let first = words.first().copied().unwrap_or(program);
    let mut command = with_bare_settings(Command::new(first));
    command.args(words.get(1..).unwrap_or_default());
    if !words.is_empty() {
        command.arg(program);
    }
    command.args(["packets", "-r", "-"]).args(arguments);
    command.stdin(Stdio::from(File::open(&path).expect("a FIFO")));
    let running = start(None, command);
    running.wait_until("rights are given up", |it| {
        let pid = it.child.id() as i32;
        let status = status(pid);
        status["Name"] == "sockeye" && status["NoNewPrivs"] == "1" && (!wanted.sandbox || status["Seccomp"] == "2")
    });
    wanted.check(running.child.id());
    drop(both);
    running.stderr()
}

#[test]
fn the_user_of_z_by_name_and_number() {
    if !is_root(&[]) {
        return;
    }
    let daemon = Wanted { uid: "1", gid: "1", groups: Some(""), sandbox: true };
    assert_eq!(check_with(&[], &["-Z", "daemon"], &daemon), "");
    let number = Wanted { uid: "54321", gid: "54321", ..daemon };
    assert_eq!(check_with(&[], &["-Z", "54321"], &number), "");
    let sudo = ["env", "SUDO_UID=1000", "SUDO_GID=1001"];
    assert_eq!(check_with(&sudo, &["-Z", "54321"], &number), "");
    assert_eq!(check_with(&sudo, &[], &Wanted { uid: "1000", gid: "1001", ..number }), "");
}

#[test]
fn root_stays_root_when_asked_and_has_no_capability() {
    if !is_root(&[]) {
        return;
    }
    let root = Wanted { uid: "0", gid: "0", groups: None, sandbox: true };
    assert_eq!(check_with(&[], &["-Z", "root"], &root), "");
    assert_eq!(check_with(&[], &["-Z", "root", "--no-sandbox"], &Wanted { sandbox: false, ..root }), "");
}

#[test]
fn root_that_cannot_become_anybody_goes_on_and_says_so() {
    if !is_root(&["setpriv"]) {
        return;
    }
    let words = ["setpriv", "--bounding-set=-setuid,-setgid"];
    let root = Wanted { uid: "0", gid: "0", groups: None, sandbox: true };
    let told = check_with(&words, &[], &root);
    assert!(told.contains("cannot become user \"nobody\" here") && told.lines().count() == 1, "{told}");
    assert_eq!(check_with(&words, &["-q"], &root), "");
}

#[test]
fn in_a_user_namespace_it_goes_on() {
    if !is_root(&["unshare"]) {
        return;
    }
    let free = Command::new("unshare").args(["-r", "true"]).stderr(Stdio::null()).status();
    if !free.is_ok_and(|status| status.success()) {
        return super::netns::skipped("needs user namespaces");
    }
    // Its only user is that who made it; seen from outside that is root.
    let root = Wanted { uid: "0", gid: "0", groups: None, sandbox: true };
    let told = check_with(&["unshare", "-r"], &[], &root);
    assert!(told.contains("supplementary groups stay"), "{told}");
}

#[test]
fn asked_for_what_cannot_be_nothing_is_read() {
    if !is_root(&["setpriv"]) {
        return;
    }
    let file = capture("http-get.pcap");
    let ran = run(sockeye().args(["-Z", "no-such-user"]).arg(&file));
    assert_eq!((ran.stderr.as_str(), ran.code()), ("sockeye: -Z: there is no user \"no-such-user\"\n", Some(2)));
    let setpriv = |flags: &[&str]| {
        let mut command = with_bare_settings(Command::new("setpriv"));
        let program = folder();
        command.args(flags).arg(super::copy_of_the_program(program.path()));
        run(command.args(["-Z", "daemon", "-r", "-"]).stdin(Stdio::from(File::open(&file).expect("a capture"))))
    };
    let weak = setpriv(&["--bounding-set=-setuid,-setgid"]);
    assert_eq!((weak.stdout.as_str(), weak.code()), ("", Some(4)));
    assert!(weak.stderr.starts_with("sockeye: cannot become user \"daemon\": "), "{}", weak.stderr);
    let plain = setpriv(&["--reuid", "4321", "--regid", "4321", "--clear-groups"]);
    assert_eq!((plain.stderr.as_str(), plain.code()), ("sockeye: -Z daemon: only root can become another user\n", Some(4)));
}

#[test]
fn who_has_no_right_gives_up_none() {
    if !is_root(&["setpriv"]) {
        return;
    }
    let program = folder();
    let copy = super::copy_of_the_program(program.path());
    let mut command = with_bare_settings(Command::new("setpriv"));
    command.args(["--reuid", "4321", "--regid", "4321", "--clear-groups"]).arg(copy).args(["packets", "--count", "-r", "-"]);
    let ran = run(command.stdin(Stdio::from(File::open(capture("http-get.pcap")).expect("a capture"))));
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("14 packets\n", ""));
}
