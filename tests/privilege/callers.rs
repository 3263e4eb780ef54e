//! What a caller of sudo gets at: files with his own rights, whatever the arguments say; and who borrows the rights of a
//! program's owner gets nothing.

use super::program::{Ran, capture, run, sockeye, with_bare_settings};
use super::{copy_of_the_program, folder, is_root};
use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::{Command, Stdio};

/// The program as a user who called sudo gets it, in a folder of his.
fn by_sudo(folder: &Path) -> Command {
    chown(folder, Some(4321), Some(4321)).expect("root may");
    let mut line = sockeye();
    line.envs([("SUDO_UID", "4321"), ("SUDO_GID", "4321")]).current_dir(folder);
    line
}

/// A file of root's that nobody else may read (0600) or write (0644).
fn of_root(path: &Path, mode: u32, bytes: &[u8]) {
    fs::write(path, bytes).expect("written");
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("ours");
}

fn refused(ran: &Ran) {
    assert_eq!((ran.stdout.as_str(), ran.code()), ("", Some(4)), "{}", ran.stderr);
}

#[test]
fn names_of_descriptors_lead_nowhere_else() {
    if !is_root(&[]) {
        return;
    }
    let (his, roots) = (folder(), folder());
    let planted = roots.path().join("planted");
    for place in ["/dev/fd/../../..", "/proc/self/fd/../root", "/proc/self/cwd/../../../../../../.."] {
        let target = format!("{place}{}", planted.display());
        let ran = run(by_sudo(his.path())
            .args(["flows", "--format", "csv", "--force", "-o"])
            .arg(target)
            .arg("-r")
            .arg(capture("http-get.pcap")));
        refused(&ran);
        assert!(!planted.exists());
    }
}

#[test]
fn a_descriptor_is_used_as_it_was_opened() {
    if !is_root(&[]) {
        return;
    }
    let (his, roots) = (folder(), folder());
    let file = roots.path().join("file");
    of_root(&file, 0o644, b"as it was");
    let open = || Stdio::from(File::open(&file).expect("root may"));
    let line = |target: &str| {
        let mut line = by_sudo(his.path());
        line.args(["capture", "--force", "-w", target, "-r"]).arg(capture("http-get.pcap"));
        line
    };
    for target in ["/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"] {
        let ran = run(line(target).stdin(open()));
        refused(&ran);
        assert!(ran.stderr.contains("open for reading only"), "{}", ran.stderr);
    }
    assert_eq!(fs::read(&file).expect("ours"), b"as it was");
    let written = his.path().join("written");
    let ran = run(line("/dev/stdin").stdin(Stdio::from(File::create(&written).expect("ours"))));
    assert_eq!((ran.stderr.as_str(), ran.code()), ("", Some(0)));
    assert_eq!(fs::read(&written).expect("ours").len(), fs::read(capture("http-get.pcap")).expect("there").len());
}

#[test]
fn what_arguments_name_is_read_with_the_rights_of_the_caller() {
    if !is_root(&[]) {
        return;
    }
    let (his, roots) = (folder(), folder());
    let secret = roots.path().join("secret");
    of_root(&secret, 0o600, b"secret-line-one\n");
    fs::create_dir(roots.path().join("private")).expect("ours");
    fs::set_permissions(roots.path().join("private"), fs::Permissions::from_mode(0o700)).expect("ours");
    of_root(&roots.path().join("private/id_rsa.pcap"), 0o600, b"key");
    let good = capture("http-get.pcap");
    for flag in ["-F", "-V", "--filter-bytecode", "-r"] {
        let mut line = by_sudo(his.path());
        line.args(["packets", flag]).arg(&secret);
        if flag.contains('F') || flag.contains("byte") {
            line.arg("-r").arg(&good);
        }
        let ran = run(&mut line);
        assert!(!ran.stderr.contains("secret-") && ran.stderr.contains("Permission denied"), "{flag}: {}", ran.stderr);
        assert!(ran.stderr.contains("as root himself:  sudo env -u SUDO_UID sockeye"), "{flag}: {}", ran.stderr);
        assert_ne!(ran.code(), Some(0));
    }
    let ran = run(by_sudo(his.path()).args(["packets", "-r"]).arg(roots.path().join("private/id_rs.pcap")));
    assert!(!ran.stderr.contains("id_rsa"), "{}", ran.stderr);
    // What he can read is read as ever, and pipes of root's shell are.
    let script = r#"cat "$2" | "$1" packets --count -r /dev/stdin"#;
    let mut line = with_bare_settings(Command::new("sh"));
    line.envs([("SUDO_UID", "4321"), ("SUDO_GID", "4321")]).args(["-c", script, "sh", env!("CARGO_BIN_EXE_sockeye")]);
    let ran = run(line.arg(&good));
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("14 packets\n", ""));
}

#[test]
fn who_parses_may_be_chosen_and_who_writes_may_not() {
    if !is_root(&[]) {
        return;
    }
    let his = folder();
    let script = his.path().join("script");
    fs::write(&script, format!("#!/bin/sh\nid -u > {}\n", his.path().join("id").display())).expect("written");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("ours");
    let file = his.path().join("file.pcap");
    let ran = run(by_sudo(his.path())
        .args(["capture", "-Z", "root", "-z"])
        .arg(&script)
        .arg("-w")
        .arg(&file)
        .arg("-r")
        .arg(capture("http-get.pcap")));
    assert_eq!((ran.stderr.as_str(), ran.code()), ("", Some(0)));
    assert_eq!(fs::read_to_string(his.path().join("id")).expect("it ran"), "4321\n");
    assert_eq!(fs::metadata(&file).expect("written").uid(), 4321);
}

#[test]
fn callers_by_pkexec_and_doas_are_callers() {
    if !is_root(&[]) {
        return;
    }
    for (variable, value, uid) in [("PKEXEC_UID", "4321", 4321), ("DOAS_USER", "daemon", 1)] {
        let his = folder();
        chown(his.path(), Some(uid), Some(uid)).expect("root may");
        let file = his.path().join("file.pcap");
        let ran = run(sockeye().env(variable, value).args(["capture", "-w"]).arg(&file).arg("-r").arg(capture("http-get.pcap")));
        assert_eq!((ran.stderr.as_str(), ran.code()), ("", Some(0)));
        assert_eq!(fs::metadata(&file).expect("written").uid(), uid);
    }
    let ran = run(sockeye().env("SUDO_UID", "4294967295").arg(capture("http-get.pcap")));
    refused(&ran);
    let ran = run(sockeye().args(["-Z", "4294967295"]).arg(capture("http-get.pcap")));
    assert_eq!((ran.stdout.as_str(), ran.code()), ("", Some(2)), "{}", ran.stderr);
}

#[test]
fn set_user_and_group_id_programs_do_not_run() {
    if !is_root(&["setpriv"]) {
        return;
    }
    let place = folder();
    let copy = copy_of_the_program(place.path());
    for mode in [0o4755, 0o2755] {
        if mode == 0o2755 {
            chown(&copy, None, Some(8765)).expect("root may");
        }
        fs::set_permissions(&copy, fs::Permissions::from_mode(mode)).expect("ours");
        let mut line = with_bare_settings(Command::new("setpriv"));
        line.args(["--reuid", "4321", "--regid", "4321", "--clear-groups"]).arg(&copy).args(["packets", "--count", "-r", "-"]);
        let ran = run(line.stdin(Stdio::from(File::open(capture("http-get.pcap")).expect("a capture"))));
        refused(&ran);
        assert!(ran.stderr.contains("use setcap"), "{}", ran.stderr);
    }
}

#[test]
fn where_the_caller_cannot_be_become_files_are_written_all_the_same() {
    if !is_root(&["setpriv"]) {
        return;
    }
    let roots = folder();
    let file = roots.path().join("file.pcap");
    let mut line = with_bare_settings(Command::new("setpriv"));
    line.envs([("SUDO_UID", "4321"), ("SUDO_GID", "4321")])
        .args(["--bounding-set=-setuid,-setgid", env!("CARGO_BIN_EXE_sockeye")]);
    let ran = run(line.args(["capture", "-w"]).arg(&file).arg("-r").arg(capture("http-get.pcap")));
    assert_eq!(ran.code(), Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("cannot become user \"4321\" here") && file.exists(), "{}", ran.stderr);
}

#[test]
fn what_was_left_open_is_closed() {
    if !is_root(&[]) {
        return;
    }
    let script = r#"exec 7</etc/hostname 8<"$2"; exec "$1" packets --count -r /dev/fd/8 -V /dev/fd/7"#;
    // Descriptor 7 is named, so is 8; 9 is not, and to read it fails.
    let other = r#"exec 9</etc/passwd; echo /dev/fd/9 | "$1" packets -V -"#;
    let ran = |script: &str| {
        run(with_bare_settings(Command::new("sh"))
            .args(["-c", script, "sh", env!("CARGO_BIN_EXE_sockeye")])
            .arg(capture("http-get.pcap")))
    };
    let closed = ran(other);
    assert!(closed.stderr.contains("no such file") && closed.code() == Some(3), "{}", closed.stderr);
    let script = script.replace(" -V /dev/fd/7", "");
    assert_eq!(ran(&script).stdout, "14 packets\n");
}

#[test]
fn a_desktops_harmless_capability_is_no_right() {
    if !is_root(&["setpriv"]) {
        return;
    }
    let place = folder();
    let copy = copy_of_the_program(place.path());
    let mut line = with_bare_settings(Command::new("setpriv"));
    line.args(["--reuid", "4321", "--regid", "4321", "--clear-groups", "--inh-caps=+wake_alarm", "--ambient-caps=+wake_alarm"]);
    line.arg("sh").args(["-c", "ulimit -n 32; exec \"$@\"", "sh"]).arg(&copy).args(["packets", "--count"]);
    for number in 0..80 {
        let path = place.path().join(format!("{number}.pcap"));
        fs::copy(capture("http-get.pcap"), &path).expect("copied");
        line.arg("-r").arg(path);
    }
    let ran = run(&mut line);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("1120 packets\n", ""));
}
