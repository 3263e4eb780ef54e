//! Two network namespaces joined by a veth pair, for tests that capture: made for one test, gone with it, even when
//! it panics. Names carry the process and a counter, so tests run side by side.
//!
//! Needs root and iproute2. Without them tests print a loud line and pass; with `SOCKEYE_REQUIRE_ROOT_TESTS=1`, which `.ci/run`
//! sets when it runs as root, they fail.
#![allow(dead_code, reason = "each test program uses its part")]

use std::fs::{self, File};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

/// The interface's name, the same in both namespaces.
pub(crate) const VETH: &str = "veth0";
/// IPv4 address of the interface in the near namespace, and in the far one.
pub(crate) const NEAR_IP: &str = "10.77.0.1";
/// See [`NEAR_IP`].
pub(crate) const FAR_IP: &str = "10.77.0.2";
/// Hardware address in the near namespace, and in the far one.
pub(crate) const NEAR_MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
/// See [`NEAR_MAC`].
pub(crate) const FAR_MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];

/// A network namespace that is deleted on drop.
pub(crate) struct Namespace(String);

/// The pair: capture in `near`, send from `far`.
pub(crate) struct Pair {
    pub(crate) near: Namespace,
    pub(crate) far: Namespace,
}

/// Runs `ip` with words separated by blanks, and gives what it prints.
///
/// # Panics
/// When it fails.
pub(crate) fn ip(words: &str) -> String {
    let output = Command::new("ip").args(words.split(' ')).output().expect("ip runs");
    assert!(output.status.success(), "ip {words}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Says so, past the test harness's capture, when this test cannot run here.
///
/// # Panics
/// When it must run.
#[track_caller]
pub(crate) fn skipped(why: &str) {
    let must = std::env::var_os("SOCKEYE_REQUIRE_ROOT_TESTS").is_some_and(|value| value != "0" && !value.is_empty());
    assert!(!must, "{why}, and SOCKEYE_REQUIRE_ROOT_TESTS is set");
    let test = thread::current().name().unwrap_or("a test").to_owned();
    let _ = writeln!(std::io::stderr(), "SKIPPED: {why}: {test}");
}

impl Namespace {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("sockeye-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        ip(&format!("netns add {name}"));
        let namespace = Self(name);
        // No neighbour discovery, no router solicitations: a test counts packets exactly.
        namespace.run(|| fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1").expect("no IPv6"));
        namespace.ip("link set lo up");
        namespace
    }

    /// Runs `ip` in this namespace.
    pub(crate) fn ip(&self, words: &str) -> String {
        ip(&format!("-n {} {words}", self.0))
    }

    /// Runs a closure in a thread of its own that lives in this namespace. What it opens stays there.
    #[expect(unsafe_code, reason = "setns(2) has no safe binding")]
    pub(crate) fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let door = File::open(format!("/var/run/netns/{}", self.0)).expect("the namespace exists");
        let result = thread::scope(|scope| {
            let worker = scope.spawn(move || {
                // SAFETY: takes an open descriptor and moves only this thread, which ends with the closure.
                let moved = unsafe { libc::setns(door.as_raw_fd(), libc::CLONE_NEWNET) };
                assert_eq!(moved, 0, "setns: {}", std::io::Error::last_os_error());
                work()
            });
            worker.join()
        });
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.0]).status();
    }
}

/// Two namespaces that nothing joins; `None`, loudly, where that is not possible.
pub(crate) fn apart() -> Option<[Namespace; 2]> {
    if !is_root() {
        skipped("needs root");
        return None;
    }
    if Command::new("ip").arg("-V").output().is_err() {
        skipped("needs iproute2");
        return None;
    }
    Some([Namespace::new(), Namespace::new()])
}

impl Pair {
    /// Builds the pair; `None`, loudly, where that is not possible.
    pub(crate) fn new() -> Option<Self> {
        let [near, far] = apart()?;
        let pair = Self { near, far };
        ip(&format!("link add {VETH} netns {} type veth peer name {VETH} netns {}", pair.near.0, pair.far.0));
        for (here, mac, own, other_mac, other) in
            [(&pair.near, NEAR_MAC, NEAR_IP, FAR_MAC, FAR_IP), (&pair.far, FAR_MAC, FAR_IP, NEAR_MAC, NEAR_IP)]
        {
            here.ip(&format!("link set {VETH} address {}", text(mac)));
            here.ip(&format!("addr add {own}/24 dev {VETH}"));
            here.ip(&format!("link set {VETH} up"));
            here.ip(&format!("neigh add {other} lladdr {} dev {VETH} nud permanent", text(other_mac)));
        }
        Some(pair)
    }
}

fn text(mac: [u8; 6]) -> String {
    mac.map(|byte| format!("{byte:02x}")).join(":")
}

fn is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().any(|line| line.starts_with("Uid:") && line.split_whitespace().nth(2) == Some("0"))
}

/// A TUN device of that name in the namespace of this thread; gone when the file is closed. Packets written to the
/// file arrive on the device, packets sent there can be read.
#[expect(unsafe_code, reason = "the device is made by an ioctl")]
pub(crate) fn tun(name: &str) -> File {
    let file = File::options().read(true).write(true).open("/dev/net/tun").expect("TUN is there");
    // SAFETY: integers and unions of integers and pointers, of which none is followed.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes().take(15)) {
        *to = from as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_TUN | libc::IFF_NO_PI) as i16;
    // SAFETY: TUNSETIFF reads and writes one `ifreq`, which lives.
    let made = unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETIFF as libc::Ioctl, &raw mut request) };
    assert_eq!(made, 0, "TUNSETIFF: {}", std::io::Error::last_os_error());
    file
}

/// Runs a closure in a thread that has given up root and every capability; the other threads keep theirs.
#[expect(unsafe_code, reason = "the C library's wrappers change every thread; only the system calls change one")]
pub(crate) fn as_nobody<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let worker = scope.spawn(|| {
            const NOBODY: libc::c_long = 65_534;
            // SAFETY: these calls take numbers and a null pointer with length 0, and change this thread only.
            let results = unsafe {
                [
                    libc::syscall(libc::SYS_setgroups, 0_usize, std::ptr::null::<libc::gid_t>()),
                    libc::syscall(libc::SYS_setresgid, NOBODY, NOBODY, NOBODY),
                    libc::syscall(libc::SYS_setresuid, NOBODY, NOBODY, NOBODY),
                ]
            };
            assert_eq!(results, [0; 3], "{}", std::io::Error::last_os_error());
            work()
        });
        worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
