//! While saved captures are read: from a FIFO that the test holds open, compressed ones, several.

use super::program::{capture, run, sockeye};
use super::{Wanted, fifo, folder, is_root, start, try_everything};
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// Starts a command that reads a FIFO as standard input, and gives the end for writing.
fn reading(fifo: &Path, arguments: &[&str]) -> (super::Running, File) {
    let mut command = sockeye();
    command.args(arguments);
    // Both ends, so that opening waits for nobody.
    let both = File::options().read(true).write(true).open(fifo).expect("a FIFO");
    command.stdin(Stdio::from(File::open(fifo).expect("a FIFO")));
    let running = start(None, command);
    let writing = File::options().write(true).open(fifo).expect("a FIFO");
    drop(both);
    (running, writing)
}

#[test]
fn rights_are_gone_before_the_first_byte_and_stay_gone() {
    if !is_root(&[]) {
        return;
    }
    for name in ["http-get.pcap", "http-get.pcap.gz"] {
        let folder = folder();
        let path = folder.path().join("fifo");
        fifo(&path);
        let (mut running, mut writing) = reading(&path, &["packets", "-r", "-", "--plain"]);
        // There are two programs, one after the other: between them not all is closed yet.
        let seccomp = |it: &super::Running| super::status(it.child.id() as i32)["Seccomp_filters"] == "2";
        running.wait_until("rights are given up, though nothing was written", seccomp);
        Wanted::NOBODY.check(running.child.id());
        try_everything(running.child.id(), folder.path());
        let bytes = fs::read(capture(name)).expect("a capture");
        writing.write_all(&bytes[..bytes.len() / 2]).expect("read");
        running.wait_until("threads", |it| it.threads().len() > usize::from(name.ends_with("gz")));
        Wanted::NOBODY.check(running.child.id());
        try_everything(running.child.id(), folder.path());
        writing.write_all(&bytes[bytes.len() / 2..]).expect("read");
        drop(writing);
        assert!(super::wait(&mut running.child, super::PATIENCE).success(), "{}", running.stderr());
        let whole = run(sockeye().args(["packets", "--plain", "-r"]).arg(capture(name)));
        assert_eq!((running.stdout(), running.stderr()), (whole.stdout, String::new()));
    }
}

#[test]
fn names_are_asked_for_by_a_process_without_rights() {
    if !is_root(&[]) {
        return;
    }
    for (more, uid) in [(&[][..], "65534"), (&["-Z", "54321"], "54321")] {
        let folder = folder();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).expect("ours");
        let path = folder.path().join("fifo");
        fifo(&path);
        let (mut running, writing) = reading(&path, &[&["packets", "-N", "-r", "-"], more].concat());
        let named =
            |it: &super::Running| it.descendants().into_iter().find(|pid| super::status(*pid as i32)["Name"] == "sockeye-names");
        let seccomp = |pid: u32| super::status(pid as i32)["Seccomp"] == "2";
        running.wait_until("rights are given up", |it| named(it).is_some_and(seccomp) && seccomp(it.child.id()));
        let asks = named(&running).expect("it runs");
        Wanted { uid, gid: uid, ..Wanted::NOBODY }.check(asks);
        super::try_to_leave(asks, folder.path());
        assert!(!folder.path().join("planted").exists());
        drop(writing);
        super::wait(&mut running.child, super::PATIENCE);
    }
}

#[test]
fn what_only_root_can_read_is_read() {
    if !is_root(&[]) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).expect("ours");
    let names = ["http-get.pcap", "http-get.pcap.gz"].map(|name| {
        let path = folder.path().join(name);
        fs::copy(capture(name), &path).expect("copied");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("ours");
        path
    });
    let ran = run(sockeye().args(["packets", "--count"]).args(&names));
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("28 packets\n", ""));
}

#[test]
#[cfg(feature = "libpcap")]
fn names_in_filters_are_known_for_link_types_that_come_late() {
    if !is_root(&[]) {
        return;
    }
    let folder = folder();
    let both = folder.path().join("both.pcapng");
    let sources = ["http-get.pcap", "raw-ip.pcap"].map(capture);
    let made = run(sockeye().args(["capture", "-w"]).arg(&both).args(sources.iter().flat_map(|s| [Path::new("-r"), s])));
    assert_eq!((made.stderr.as_str(), made.code()), ("", Some(0)));
    for expression in ["port http or port domain", "port 80 or port 53", r"ip proto \tcp or \udp"] {
        let root = run(sockeye().args(["packets", "-r"]).arg(&both).arg(expression));
        let mut command = super::program::with_bare_settings(Command::new(env!("CARGO_BIN_EXE_sockeye")));
        let without = run(command.args(["packets", "--no-sandbox", "-r"]).arg(&both).arg(expression));
        assert_eq!((&root.stdout, root.stderr.as_str()), (&without.stdout, ""), "{expression}");
        assert_ne!(root.stdout, "");
    }
}

#[test]
fn more_files_than_may_be_open_at_once_by_default() {
    if !is_root(&[]) {
        return;
    }
    let folder = folder();
    let one = fs::read(capture("raw-ip.pcap")).expect("a capture");
    // CAP_SYS_RESOURCE may raise the hard limit, too.
    let own = super::status(std::process::id() as i32);
    let may_raise = u64::from_str_radix(&own["CapEff"], 16).expect("hexadecimal") >> 24 & 1 == 1;
    let limit = if may_raise { r#"ulimit -n 64 && exec "$@""# } else { r#"ulimit -S -n 64 && exec "$@""# };
    let mut command = Command::new("sh");
    command.args(["-c", limit, "sh", env!("CARGO_BIN_EXE_sockeye"), "packets", "--count"]);
    for number in 0..200 {
        let path = folder.path().join(format!("{number}.pcap"));
        fs::write(&path, &one).expect("written");
        command.arg("-r").arg(path);
    }
    let ran = run(&mut command);
    assert_eq!(ran.stderr, "");
    assert!(ran.stdout.ends_with(" packets\n"), "{}", ran.stdout);
}
