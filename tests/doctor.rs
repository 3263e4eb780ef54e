//! `sockeye doctor` where capturing works and where it does not: as root, through sudo, with a capability of the file, without
//! rights, in a user namespace, without loopback, with offloads on and off, on kernels that lack pieces of the sandbox. Needs
//! root; without it every test but the first says SKIPPED and passes.

#![cfg(target_os = "linux")]

#[path = "support/netns.rs"]
mod netns;
#[path = "support/program.rs"]
mod program;

use netns::{Namespace, Pair, VETH, apart};
use program::{Ran, copy_of_the_program, on_a_kernel_without, run, sockeye, with_bare_settings};
use std::fs;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use tempfile::TempDir;

/// What must not be possible in the sandbox.
const TRIED: [&str; 5] = ["read a file", "make a file", "make a socket", "fork", "exec"];

/// The mark's word and the text of a check.
#[track_caller]
fn check<'a>(ran: &'a Ran, name: &str) -> (&'a str, &'a str) {
    let of = |line: &'a str| {
        let (word, rest) = line.strip_prefix("  ")?.split_once(' ')?.1.split_once(' ')?;
        let text = rest.trim_start().strip_prefix(name)?;
        (text.is_empty() || text.starts_with("  ")).then(|| (word, text.trim_start()))
    };
    ran.stdout.lines().find_map(of).unwrap_or_else(|| panic!("no line \"{name}\": {}{}", ran.stdout, ran.stderr))
}

#[track_caller]
fn is_ok(ran: &Ran, names: &[&str]) {
    for name in names {
        assert_eq!(check(ran, name).0, "ok", "{name}: {}", ran.stdout);
    }
}

fn backends() -> &'static [&'static str] {
    if cfg!(feature = "libpcap") { &["ring", "libpcap", "pnet"] } else { &["ring", "pnet"] }
}

fn doctor(words: &[&str]) -> Command {
    let mut command = sockeye();
    command.arg("doctor").args(words);
    command
}

fn inside(namespace: &Namespace, mut command: Command) -> Ran {
    namespace.run(|| run(&mut command))
}

/// A folder that everybody can look into, with a copy of the program.
fn copied() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("ours");
    let copy = copy_of_the_program(folder.path());
    (folder, copy)
}

/// The copy, started by somebody without rights. `None`, loudly, where that is not possible.
fn by_somebody(copy: &Path, flags: &[&str]) -> Option<Command> {
    if !program::has("setpriv") {
        netns::skipped("needs setpriv");
        return None;
    }
    let mut command = with_bare_settings(Command::new("setpriv"));
    command.args(["--reuid", "4321", "--regid", "4321", "--clear-groups"]).args(flags).arg(copy).arg("doctor").current_dir("/");
    Some(command)
}

#[test]
fn an_interface_that_is_not_there() {
    let ran = run(&mut doctor(&["-i", "no-such-if0"]));
    assert!(ran.stderr.starts_with("sockeye: no interface \"no-such-if0\"\n  up: "), "{}", ran.stderr);
    assert_eq!((ran.code(), ran.stdout.as_str()), (Some(2), ""));
}

#[test]
fn as_root_everything_works() {
    let Some(pair) = Pair::new() else { return };
    let ran = inside(&pair.near, doctor(&[]));
    assert_eq!((ran.code(), ran.stderr.as_str()), (Some(0), ""), "{}", ran.stdout);
    for backend in backends() {
        let (mark, text) = check(&ran, backend);
        let expected = "8 of 8 packets to itself seen, the account comes out even, times in nanoseconds";
        assert!(mark == "ok" && text.starts_with(expected), "{backend}: {text}");
    }
    assert!(check(&ran, "ring").1.ends_with(", buffer 64 MiB"));
    is_ok(&ran, &["CAP_NET_RAW", "lo", VETH, "rights", "Landlock", "seccomp", "capture inside"]);
    is_ok(&ran, &TRIED);
    assert!(TRIED.iter().all(|name| check(&ran, name).1.ends_with(": refused")), "{}", ran.stdout);
    assert_eq!(check(&ran, "rights").1, "given up: user nobody, no capabilities, no_new_privs");
    assert!(ran.stdout.contains(&format!("\nYou can capture here, by {}.\n", backends().join(", "))), "{}", ran.stdout);
    let headings: Vec<_> = ran.stdout.lines().filter(|line| !line.is_empty() && !line.starts_with(' ')).skip(1).take(6).collect();
    let expected = ["Rights", "Capture on loopback", "Interfaces", "Offloads: what cards do to packets", "Limits", "Sandbox"];
    assert_eq!(headings, expected);
}

#[test]
fn through_sudo_the_caller_is_become() {
    let Some(pair) = Pair::new() else { return };
    let mut command = doctor(&[]);
    command.envs([("SUDO_UID", "4321"), ("SUDO_GID", "4321")]);
    let ran = inside(&pair.near, command);
    assert_eq!(ran.code(), Some(0));
    assert_eq!(check(&ran, "started by").1, "root (0), by sudo of 4321 (4321)");
    assert_eq!(check(&ran, "rights").1, "given up: user 4321, no capabilities, no_new_privs");
    is_ok(&ran, &["capture inside"]);
}

#[test]
fn one_interface_in_detail_and_in_ascii() {
    let Some(pair) = Pair::new() else { return };
    let ran = inside(&pair.near, doctor(&["-i", VETH, "--ascii", "--width", "80"]));
    assert_eq!(ran.code(), Some(0), "{}", ran.stdout);
    assert!(ran.stdout.is_ascii() && ran.stdout.contains("\n  + ok       ring "), "{}", ran.stdout);
    let commands = |line: &str| line.starts_with("      ");
    let widest = ran.stdout.lines().filter(|line| !commands(line)).map(str::len).max();
    assert!(widest <= Some(80), "{widest:?}: {}", ran.stdout);
    assert_eq!(check(&ran, "state"), ("ok", "up"));
    assert_eq!(check(&ran, "addresses").1, "02:00:00:00:00:01, 10.77.0.1/24");
    assert!(check(&ran, "link types").1.starts_with("EN10MB, LINUX_SLL2"), "{}", ran.stdout);
    assert!(ran.stdout.matches("  opens\n").count() == backends().len(), "{}", ran.stdout);
    pair.near.ip(&format!("link set {VETH} down"));
    let ran = inside(&pair.near, doctor(&["-i", VETH]));
    assert_eq!(ran.code(), Some(1));
    assert_eq!(check(&ran, "state"), ("failed", "down"));
    assert!(ran.stdout.contains(", but not on veth0.\n  veth0:\n      sudo ip link set veth0 up\n"), "{}", ran.stdout);
}

#[test]
fn without_loopback_the_command_is_named() {
    let Some([namespace, _other]) = apart() else { return };
    namespace.ip("link set lo down");
    let ran = inside(&namespace, doctor(&[]));
    assert_eq!((ran.code(), ran.stderr.as_str()), (Some(1), ""));
    for backend in backends() {
        assert_eq!(check(&ran, backend), ("failed", "lo is down"));
    }
    assert!(ran.stdout.ends_with("  lo:\n      sudo ip link set lo up\n"), "{}", ran.stdout);
    assert_eq!(check(&ran, "capture inside").0, "note");
    is_ok(&ran, &TRIED);
    namespace.ip("link set lo up");
    assert_eq!(inside(&namespace, doctor(&[])).code(), Some(0), "the command helps");
}

#[test]
fn without_rights_the_sandbox_is_tried_all_the_same() {
    let Some(pair) = Pair::new() else { return };
    let (_folder, copy) = copied();
    let Some(command) = by_somebody(&copy, &[]) else { return };
    let ran = inside(&pair.near, command);
    assert_eq!((ran.code(), ran.stderr.as_str()), (Some(4), ""), "{}", ran.stdout);
    assert_eq!(check(&ran, "CAP_NET_RAW"), ("failed", "not in force: nothing can be captured"));
    assert_eq!(check(&ran, "capabilities").1, "effective: none; permitted: none");
    for name in backends().iter().copied().chain([VETH, "lo"]) {
        let (mark, text) = check(&ran, name);
        assert!(mark == "failed" && text.ends_with("no right to capture (needs CAP_NET_RAW)"), "{name}: {text}");
    }
    is_ok(&ran, &["rights", "Landlock", "seccomp"]);
    is_ok(&ran, &TRIED);
    let command = format!("  the right to capture:\n      sudo setcap cap_net_raw+ep {}\n", copy.display());
    assert!(ran.stdout.contains(&command), "{}", ran.stdout);
}

#[test]
fn the_command_for_rights_helps() {
    let Some(pair) = Pair::new() else { return };
    let (_folder, copy) = copied();
    match Command::new("setcap").arg("cap_net_raw+ep").arg(&copy).status() {
        Ok(status) => assert!(status.success()),
        Err(_) => return netns::skipped("needs setcap"),
    }
    let Some(command) = by_somebody(&copy, &[]) else { return };
    let ran = inside(&pair.near, command);
    assert_eq!(ran.code(), Some(0), "{}", ran.stdout);
    assert_eq!(check(&ran, "capabilities").1, "effective: CAP_NET_RAW; permitted: CAP_NET_RAW");
    assert_eq!(check(&ran, "setcap"), ("note", &*format!("cap_net_raw+ep on {}", copy.display())));
    assert_eq!(check(&ran, "rights").1, "given up: no capabilities, no_new_privs");
    is_ok(&ran, backends());
    is_ok(&ran, &["capture inside", VETH]);
    is_ok(&ran, &TRIED);
    // The file's capability has no effect, and that is said.
    let Some(command) = by_somebody(&copy, &["setpriv", "--no-new-privs"]) else { return };
    let ran = inside(&pair.near, command);
    assert_eq!(ran.code(), Some(4), "{}", ran.stdout);
    let (mark, text) = check(&ran, "setcap");
    assert!(mark == "limited" && text.ends_with("but setcap has no effect here: no_new_privs is set"), "{text}");
    assert!(ran.stdout.contains("start it from a shell without no_new_privs"), "{}", ran.stdout);
}

#[test]
fn where_setcap_has_no_effect_sudo_is_named() {
    let Some(pair) = Pair::new() else { return };
    let (folder, copy) = copied();
    if !program::has("setpriv") || !program::has("unshare") {
        return netns::skipped("needs setpriv and unshare");
    }
    let place = folder.path().join("nosuid");
    fs::create_dir(&place).expect("ours");
    let mut command = with_bare_settings(Command::new("unshare"));
    let script = "mount -t tmpfs -o nosuid,mode=755 tmpfs \"$0\" && cp \"$1\" \"$0\" && cd / && \
                  exec setpriv --reuid 4321 --regid 4321 --clear-groups \"$0/sockeye\" doctor";
    command.args(["-m", "sh", "-c", script]).arg(&place).arg(&copy);
    let ran = inside(&pair.near, command);
    assert_eq!(ran.code(), Some(4), "{}{}", ran.stdout, ran.stderr);
    let expected = format!("none on {0}/sockeye; setcap has no effect here: {0} is mounted nosuid", place.display());
    assert_eq!(check(&ran, "setcap").1, expected);
    assert!(ran.stdout.contains("  the right to capture:\n      sudo \"$(command -v sockeye)\" doctor\n"), "{}", ran.stdout);
}

#[test]
fn capabilities_in_a_user_namespace_do_not_reach_the_network() {
    let Some(pair) = Pair::new() else { return };
    let mut command = with_bare_settings(Command::new("unshare"));
    command.args(["-r", env!("CARGO_BIN_EXE_sockeye"), "doctor"]);
    let ran = inside(&pair.near, command);
    if ran.stderr.starts_with("unshare:") {
        return netns::skipped("needs user namespaces");
    }
    assert_eq!(ran.code(), Some(4), "{}", ran.stdout);
    let (mark, text) = check(&ran, "CAP_NET_RAW");
    assert!(mark == "failed" && text.contains("belongs to another user namespace"), "{text}");
    assert!(ran.stdout.contains("      start it outside this user namespace, by sudo\n"), "{}", ran.stdout);
    is_ok(&ran, &TRIED);
}

/// Switches an offload of the pair's near interface, as `ethtool -K` does.
#[expect(unsafe_code, reason = "an ioctl without a safe binding")]
fn switch(pair: &Pair, command: u32, on: bool) {
    pair.near.run(|| {
        let socket = UnixDatagram::unbound().expect("a socket");
        // `struct ethtool_value`.
        let mut value = [command, u32::from(on)];
        // SAFETY: integers and unions of integers and pointers; zero is valid.
        let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
        for (to, from) in request.ifr_name.iter_mut().zip(VETH.bytes()) {
            *to = from as libc::c_char;
        }
        request.ifr_ifru.ifru_data = value.as_mut_ptr().cast();
        // SAFETY: SIOCETHTOOL reads one `ifreq` and, for these commands, the two words behind its pointer; both live.
        let done = unsafe { libc::ioctl(socket.as_raw_fd(), 0x8946, &raw mut request) };
        assert_eq!(done, 0, "{}", std::io::Error::last_os_error());
    });
}

#[test]
fn offloads_are_told_with_the_command_that_switches_them_off() {
    let Some(pair) = Pair::new() else { return };
    // `ETHTOOL_SGRO`, `ETHTOOL_STSO`, `ETHTOOL_SGSO`, `ETHTOOL_STXCSUM` of `linux/ethtool.h`.
    let [gro, tso, gso, tx] = [0x2c, 0x1f, 0x24, 0x17];
    let told = || {
        let ran = inside(&pair.near, doctor(&["-i", VETH]));
        assert_eq!(ran.code(), Some(0));
        let commands: Vec<_> = ran.stdout.lines().filter(|line| line.contains("ethtool -K")).map(str::trim).collect();
        (check(&ran, VETH).0.to_owned(), check(&ran, VETH).1.to_owned(), commands.join("\n"))
    };
    for offload in [gro, tso, gso, tx] {
        switch(&pair, offload, false);
    }
    let (_, text, before) = told();
    let words = text.split(':').next().unwrap_or_default().split(' ').collect::<Vec<_>>();
    assert!(!words.iter().any(|word| ["gro", "tso", "gso", "tx"].contains(word)), "{text}");
    assert!(!before.contains("gro off") && !before.contains("gso off"), "{before}");
    for offload in [tx, gso, tso, gro] {
        switch(&pair, offload, true);
    }
    let (mark, text, command) = told();
    assert!(mark == "note" && text.starts_with("gro tso gso"), "{text}");
    assert!(text.contains(": packets larger than the wire's") && text.contains("; tx: checksums of sent packets"), "{text}");
    assert!(command.starts_with("sudo ethtool -K veth0 gro off tso off gso off"), "{command}");
}

#[test]
fn a_busy_loopback_changes_nothing() {
    let Some(pair) = Pair::new() else { return };
    let over = AtomicBool::new(false);
    let ran = std::thread::scope(|scope| {
        scope.spawn(|| {
            pair.near.run(|| {
                let to = UdpSocket::bind("127.0.0.1:0").expect("binds");
                let from = UdpSocket::bind("127.0.0.1:0").expect("binds");
                from.connect(to.local_addr().expect("has one")).expect("connects");
                while !over.load(Ordering::Relaxed) {
                    let _ = from.send(&[0; 200]);
                }
            });
        });
        let ran = inside(&pair.near, doctor(&[]));
        over.store(true, Ordering::Relaxed);
        ran
    });
    assert_eq!(ran.code(), Some(0), "{}", ran.stdout);
    // What a slower backend drops meanwhile is told and counted; its account comes out even all the same.
    for backend in backends() {
        assert!(check(&ran, backend).1.contains("the account comes out even"), "{}", ran.stdout);
    }
}

#[test]
fn what_a_kernel_lacks_shows_in_what_is_possible() {
    /// `landlock_create_ruleset(2)`, on every architecture.
    const LANDLOCK: libc::c_long = 444;
    let Some(pair) = Pair::new() else { return };
    let lacking = |calls: &[libc::c_long]| {
        let mut command = doctor(&[]);
        on_a_kernel_without(calls, &mut command);
        inside(&pair.near, command)
    };
    let ran = lacking(&[LANDLOCK]);
    assert_eq!((ran.code(), ran.stderr.as_str()), (Some(0), ""), "{}", ran.stdout);
    assert_eq!(check(&ran, "missing").0, "limited");
    assert!(check(&ran, "missing").1.starts_with("no Landlock: "), "{}", ran.stdout);
    assert_eq!(check(&ran, "read a file"), ("limited", "/etc/passwd: possible"));
    is_ok(&ran, &TRIED[1..]);
    is_ok(&ran, &["capture inside"]);

    let ran = lacking(&[LANDLOCK, libc::SYS_seccomp]);
    assert_eq!(ran.code(), Some(0), "{}", ran.stdout);
    for (name, words) in TRIED.into_iter().zip(["possible", "possible", "possible", "possible", "not refused ("]) {
        let (mark, text) = check(&ran, name);
        assert!(mark == "limited" && text.contains(words), "{name}: {text}");
    }
    let path = check(&ran, "make a file").1.split(':').next().expect("a path");
    assert!(path.contains("sockeye-doctor-") && !Path::new(path).exists(), "what was made is gone: {path}");
    is_ok(&ran, &["capture inside"]);
}
