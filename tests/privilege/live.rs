//! During a capture.

use super::netns::{FAR_IP, NEAR_IP, Pair, VETH};
use super::program::{run, sockeye};
use super::{Running, SOMEBODY, Wanted, copy_of_the_program, folder, is_root, start, try_everything};
use std::fs;
use std::net::UdpSocket;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Sends datagrams to the near side, where nobody answers them.
fn send(pair: &Pair, count: usize) {
    let _taken = pair.near.run(|| UdpSocket::bind((NEAR_IP, 4000)).expect("binds"));
    pair.far.run(|| {
        let socket = UdpSocket::bind((FAR_IP, 5000)).expect("binds");
        for _ in 0..count {
            socket.send_to(&[7; 100], (NEAR_IP, 4000)).expect("sends");
        }
    });
}

fn backends() -> Vec<&'static str> {
    if cfg!(feature = "libpcap") { vec!["ring", "pnet", "libpcap"] } else { vec!["ring", "pnet"] }
}

/// Packets of a capture file, as another run of the program counts them.
fn packets_in(file: &Path) -> String {
    run(sockeye().args(["packets", "--count", "-r"]).arg(file)).stdout
}

/// Captures to a file, looks at it from outside and from inside, and sees that it goes on.
fn captured(pair: &Pair, command: Command, file: &Path, wanted: &Wanted<'_>) {
    let mut running = start(Some(pair), command).listens();
    send(pair, 10);
    running.captures(10);
    wanted.check(running.child.id());
    assert!(running.threads().len() < 10);
    if wanted.sandbox {
        try_everything(running.child.id(), file.parent().expect("a folder"));
    }
    send(pair, 10);
    running.captures(20);
    wanted.check(running.child.id());
    without_capabilities(&running);
    assert!(running.interrupt().success(), "{}", running.stderr());
    assert!(running.stderr().contains("20 packets captured"), "{}", running.stderr());
    assert_eq!(packets_in(file), "20 packets\n");
}

/// What it forked has no capability either.
fn without_capabilities(running: &Running) {
    for helper in running.descendants() {
        let maps = fs::read_to_string(format!("/proc/{helper}/maps")).expect("root may");
        assert!(!maps.is_empty() && !maps.contains("socket:"), "packets are not seen there:\n{maps}");
        for thread in super::threads_of(helper) {
            let status = super::status(thread);
            assert!(["CapInh", "CapPrm", "CapEff", "CapAmb"].iter().all(|set| status[*set] == "0000000000000000"));
            assert_eq!(status["NoNewPrivs"], "1");
        }
    }
}

fn capture(backend: &str, file: &Path) -> Command {
    let mut command = sockeye();
    command.args(["capture", "-i", VETH, "--backend", backend, "-w"]).arg(file);
    command
}

#[test]
fn root_becomes_nobody() {
    let Some(pair) = Pair::new() else { return };
    for backend in backends() {
        let folder = folder();
        let file = folder.path().join("out.pcapng");
        captured(&pair, capture(backend, &file), &file, &Wanted::NOBODY);
    }
}

#[test]
fn files_follow_each_other_after_an_intruder_tried() {
    let Some(pair) = Pair::new() else { return };
    let folder = folder();
    chown(folder.path(), Some(4321), Some(4321)).expect("root may");
    let mut command = capture("ring", &folder.path().join("out.pcapng"));
    command.args(["-G", "1", "-z", "touch"]).envs([("SUDO_UID", SOMEBODY), ("SUDO_GID", SOMEBODY)]);
    let mut running = start(Some(&pair), command).listens();
    let files = || -> Vec<PathBuf> { fs::read_dir(folder.path()).expect("ours").map(|e| e.expect("an entry").path()).collect() };
    for round in 1..=3 {
        send(&pair, 5);
        running.captures(5 * round);
        try_everything(running.child.id(), folder.path());
        Wanted { uid: SOMEBODY, gid: SOMEBODY, groups: Some(""), sandbox: true }.check(running.child.id());
        assert_eq!(running.descendants().len(), 1, "one helper");
        without_capabilities(&running);
        let complete = |files: Vec<PathBuf>| files.iter().filter(|file| file.extension().is_some_and(|e| e == "pcapng")).count();
        running.wait_until("the end of the file", |_| complete(files()) >= round);
    }
    assert!(running.interrupt().success(), "{}", running.stderr());
    let files = files();
    assert!(files.len() >= 3 && files.iter().all(|file| fs::metadata(file).expect("there").uid() == 4321), "{files:?}");
    let merged = run(sockeye().args(["packets", "--count"]).args(files));
    assert_eq!(merged.stdout, "15 packets\n", "{}", merged.stderr);
}

#[test]
fn by_sudo_the_caller() {
    let Some(pair) = Pair::new() else { return };
    let folder = folder();
    chown(folder.path(), Some(4321), Some(8765)).expect("root may");
    let file = folder.path().join("out.pcapng");
    let mut command = capture("pnet", &file);
    command.envs([("SUDO_UID", SOMEBODY), ("SUDO_GID", "8765")]);
    captured(&pair, command, &file, &Wanted { uid: SOMEBODY, gid: "8765", groups: Some(""), sandbox: true });
}

#[test]
fn through_sudo_itself() {
    let Some(pair) = Pair::new() else { return };
    if !is_root(&["sudo"]) {
        return;
    }
    // Root calls sudo: it says that the caller is root, who is nobody to become.
    let mut command = Command::new("sudo");
    command.args(["-n", env!("CARGO_BIN_EXE_sockeye"), "packets", "-i", VETH, "-c", "3", "--plain"]);
    let mut running = start(Some(&pair), command).listens();
    let under_sudo = running.descendants().into_iter().find(|pid| super::status(*pid as i32)["Name"] == "sockeye");
    Wanted::NOBODY.check(under_sudo.expect("sudo started it"));
    send(&pair, 3);
    assert!(super::wait(&mut running.child, super::PATIENCE).success(), "{}", running.stderr());
    assert_eq!(running.stdout().lines().count(), 3);
}

#[test]
fn with_a_capability_of_the_file_and_nothing_else() {
    let Some(pair) = Pair::new() else { return };
    if !is_root(&["setpriv", "setcap"]) {
        return;
    }
    for backend in backends() {
        let folder = folder();
        let program = copy_of_the_program(folder.path());
        assert!(Command::new("setcap").arg("cap_net_raw+ep").arg(&program).status().expect("runs").success());
        let outputs = super::folder();
        chown(outputs.path(), Some(4321), Some(4321)).expect("root may");
        let file = outputs.path().join("out.pcapng");
        let mut command = super::program::with_bare_settings(Command::new("setpriv"));
        command.args(["--reuid", SOMEBODY, "--regid", SOMEBODY, "--groups", "77"]).arg(&program);
        command.args(["capture", "-i", VETH, "--backend", backend, "-w"]).arg(&file);
        captured(&pair, command, &file, &Wanted { uid: SOMEBODY, gid: SOMEBODY, groups: Some("77"), sandbox: true });
    }
}

#[test]
fn without_the_sandbox_rights_go_all_the_same() {
    let Some(pair) = Pair::new() else { return };
    let folder = folder();
    let file = folder.path().join("out.pcap");
    let mut command = capture("pnet", &file);
    command.arg("--no-sandbox");
    captured(&pair, command, &file, &Wanted { sandbox: false, ..Wanted::NOBODY });
}

#[test]
fn times_stay_local_for_seconds() {
    let Some(pair) = Pair::new() else { return };
    let mut command = sockeye();
    command.args(["packets", "-i", VETH, "-tttt", "-q", "--plain"]).env("TZ", "Asia/Tokyo");
    let mut running = start(Some(&pair), command).listens();
    let tokyo = |line: &str| {
        let shown =
            chrono::NaiveDateTime::parse_from_str(line.get(..26).unwrap_or_default(), "%Y-%m-%d %H:%M:%S%.f").expect("a time");
        (shown - chrono::Utc::now().naive_utc()).num_minutes()
    };
    // The zone's file is looked at again when a second has gone by.
    for count in 1..=3 {
        send(&pair, 1);
        running.wait_until("a line", |it| it.stdout().lines().count() >= count);
        std::thread::sleep(std::time::Duration::from_millis(1100));
    }
    assert!(running.interrupt().success());
    for line in running.stdout().lines() {
        assert!((538..=540).contains(&tokyo(line)), "{line}");
    }
}

#[test]
fn a_line_is_said_with_v_and_nothing_without() {
    let Some(pair) = Pair::new() else { return };
    let said = |flags: &[&str]| {
        let mut command = sockeye();
        command.args(["packets", "-i", VETH]).args(flags);
        let mut running = start(Some(&pair), command).listens();
        assert!(running.interrupt().success());
        running
            .stderr()
            .lines()
            .filter(|line| !line.contains("packets") && !line.contains("listening"))
            .collect::<Vec<_>>()
            .join("\n")
    };
    assert_eq!(said(&[]), "");
    let told = said(&["-v"]);
    assert!(told.starts_with("sockeye: gave up all rights: user nobody, no capabilities"), "{told}");
    assert!(told.ends_with(", seccomp") && !told.contains('\n'), "{told}");
}

#[test]
fn files_of_a_run_stay_readable_for_whom_they_belong_to() {
    let Some(pair) = Pair::new() else { return };
    let folder = folder();
    let file = folder.path().join("flows.jsonl");
    let mut command = sockeye();
    command.args(["flows", "-i", VETH, "-o"]).arg(&file);
    let mut running = start(Some(&pair), command).listens();
    send(&pair, 3);
    running.captures(3);
    Wanted::NOBODY.check(running.child.id());
    assert!(running.interrupt().success());
    assert!(fs::read_to_string(&file).expect("written").contains("\"type\":\"flow\""));
}
