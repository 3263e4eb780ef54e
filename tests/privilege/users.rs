//! Who is become, and where it cannot be done.

use super::program::{Ran, capture, on_a_kernel_without, run, sockeye, with_bare_settings};
use super::{Wanted, fifo, folder, is_root, start, status};
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;
use std::process::{Command, Stdio};

/// `landlock_create_ruleset(2)`, on every architecture.
const LANDLOCK: libc::c_long = 444;

/// Starts `words… sockeye ARGUMENTS` on a FIFO that nobody writes to, waits until it has given up its rights, and checks. Then
/// it gets a capture, and what it says on the way is given back.
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
    let mut running = start(None, command);
    running.wait_until("rights are given up", |it| {
        let pid = it.child.id() as i32;
        let status = status(pid);
        status["Name"] == "sockeye" && status["NoNewPrivs"] == "1" && (!wanted.sandbox || status["Seccomp"] == "2")
    });
    wanted.check(running.child.id());
    (&both).write_all(&fs::read(capture("http-get.pcap")).expect("a capture")).expect("read");
    drop(both);
    assert!(super::wait(&mut running.child, super::PATIENCE).success(), "{}", running.stderr());
    assert_eq!(running.stdout().lines().count(), 14);
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
    assert!(told.contains("cannot become user \"nobody\" here"), "{told}");
}

#[test]
fn who_writes_files_must_be_allowed_to() {
    if !is_root(&[]) {
        return;
    }
    let (folder, his) = (folder(), super::folder());
    chown(his.path(), Some(4321), Some(4321)).expect("root may");
    for (flags, user, named) in
        [(["-Z", "daemon"], "0", "daemon"), (["-Z", "daemon"], "4321", "4321"), (["--color", "never"], "4321", "4321")]
    {
        for command in ["packets -w", "flows -o"] {
            let run_to = |file: &Path| {
                let mut line = sockeye();
                line.envs([("SUDO_UID", user), ("SUDO_GID", user)]).args(command.split(' ')).arg(file);
                run(line.arg("-r").arg(capture("http-get.pcap")).args(flags))
            };
            let file = folder.path().join("out.pcap");
            let ran = run_to(&file);
            let told = format!(
                "sockeye: cannot create {}: sockeye gave up root rights and writes as user \"{named}\"; choose a folder it can \
                 write\n",
                file.display()
            );
            assert_eq!((ran.stderr, ran.status.code()), (told, Some(4)));
            assert!(!file.exists());
            let file = his.path().join(format!("{}{}", command.replace(' ', ""), flags[0]));
            if named == user {
                assert_eq!(run_to(&file).stderr, "");
                assert_eq!(fs::metadata(&file).expect("written").uid(), 4321);
            }
        }
    }
}

/// Counts the packets of a capture on a kernel that does not know these system calls.
fn counted_on_a_kernel_without(calls: &[libc::c_long], arguments: &[&str]) -> Ran {
    let mut command = sockeye();
    command.args(["packets", "--count", "-r"]).arg(capture("http-get.pcap")).args(arguments);
    on_a_kernel_without(calls, &mut command);
    run(&mut command)
}

#[test]
fn what_the_kernel_lacks_is_said_and_the_run_goes_on() {
    if !is_root(&[]) {
        return;
    }
    let start = "sockeye: rights are given up as far as this system lets it: ";
    let no_landlock = "no Landlock: this kernel does not have it";
    let cases: [(&[libc::c_long], String); 2] = [
        (&[LANDLOCK], format!("{start}{no_landlock}\n")),
        (&[LANDLOCK, libc::SYS_seccomp], format!("{start}{no_landlock}; no seccomp: ")),
    ];
    for (calls, told) in cases {
        let ran = counted_on_a_kernel_without(calls, &[]);
        assert_eq!((ran.stdout.as_str(), ran.code()), ("14 packets\n", Some(0)));
        assert!(ran.stderr.starts_with(&told) && ran.stderr.lines().count() == 1, "{}", ran.stderr);
        let quiet = counted_on_a_kernel_without(calls, &["-q"]);
        assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("14 packets\n", ""));
    }
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
