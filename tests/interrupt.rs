//! A saved file that takes long, and someone who does not want to wait: what was read until then is told, the outputs are whole, and the
//! program ends as one that was interrupted.

#![cfg(target_os = "linux")]

#[path = "support/program.rs"]
mod program;

use program::{Ran, capture, run, run_in, wait};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Longest that anything awaited may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// Longer than the program takes to be where a test wants it.
const PAUSE: Duration = Duration::from_millis(400);

/// A folder with `long.pcap`: a download, and then as many empty packets as have room in a TiB. The disk holds none of them.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let mut file = File::create(folder.path().join("long.pcap")).expect("created");
    file.write_all(&fs::read(capture("http-get.pcap")).expect("there")).expect("written");
    file.set_len(1 << 40).expect("sparse");
    folder
}

/// Starts the program, whatever signals this test was told to ignore.
fn start(folder: &Path, line: &str) -> Child {
    let mut command = program::with_bare_settings(Command::new("env"));
    command.args(["--default-signal", env!("CARGO_BIN_EXE_sockeye")]).args(line.split_whitespace()).current_dir(folder);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("runs");
    wait_until("it watches for signals", || is_caught(child.id(), libc::SIGTERM));
    child
}

#[track_caller]
fn wait_until(what: &str, mut is: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is() {
        assert!(start.elapsed() < PATIENCE, "{what}: did not come");
        thread::sleep(Duration::from_millis(2));
    }
}

fn is_caught(pid: u32, signal: i32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).expect("named").trim().to_owned();
    u64::from_str_radix(&mask, 16).expect("hexadecimal") >> (signal - 1) & 1 == 1
}

fn send(child: &Child, signal: i32) {
    assert_eq!(run(Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()])).code(), Some(0));
}

fn end(mut child: Child) -> Ran {
    let (mut out, mut err) = (child.stdout.take().expect("piped"), child.stderr.take().expect("piped"));
    let text = |pipe: &mut dyn Read| {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).expect("read");
        String::from_utf8(bytes).expect("text")
    };
    let read = thread::spawn(move || text(&mut out));
    let stderr = text(&mut err);
    Ran { stdout: read.join().expect("read"), stderr, status: wait(&mut child, PATIENCE) }
}

/// The packets of `stopped at 0% of WHAT, after N packets`.
#[track_caller]
fn packets_told(text: &str, what: &str) -> String {
    let start = format!("sockeye: stopped at 0% of {what}, after ");
    let told = text.lines().find_map(|line| line.strip_prefix(&start));
    let told = told.and_then(|rest| rest.strip_suffix(" packets: what is behind them was not read"));
    told.unwrap_or_else(|| panic!("{text}")).to_owned()
}

#[test]
fn what_was_read_is_told_and_the_program_ends_by_the_signal() {
    let folder = folder();
    fs::copy(capture("tour.pcapng"), folder.path().join("short.pcapng")).expect("copied");
    let cases = [
        ("summary -r long.pcap", libc::SIGINT, "long.pcap"),
        ("summary -r long.pcap --threads 3", libc::SIGTERM, "long.pcap"),
        ("summary -r short.pcapng -r long.pcap", libc::SIGHUP, "2 files"),
    ];
    for (line, signal, what) in cases {
        let child = start(folder.path(), line);
        thread::sleep(PAUSE);
        send(&child, signal);
        let ran = end(child);
        assert_eq!(ran.signal(), Some(signal), "{line}: {ran:?}");
        let packets = packets_told(&ran.stderr, what);
        assert!(ran.stdout.contains(&format!("  {packets} packets, ")), "{line}: {ran:?}");
        assert!(ran.stdout.contains("\n  Ended early: stopped by a signal at 0% of the file\n"), "{line}: {ran:?}");
        assert!(ran.stdout.contains("\nc1 "), "the connections that were open: {ran:?}");
    }
}

#[test]
fn files_that_are_written_are_whole() {
    let folder = folder();
    for (line, signal) in [
        ("flows -r long.pcap --format jsonl -o flows.jsonl", libc::SIGINT),
        ("flows -r long.pcap --format jsonl -o flows-2.jsonl --threads 2", libc::SIGTERM),
    ] {
        let child = start(folder.path(), line);
        thread::sleep(PAUSE);
        send(&child, signal);
        let ran = end(child);
        assert_eq!((ran.signal(), ran.stdout.as_str()), (Some(signal), ""), "{ran:?}");
        let packets = packets_told(&ran.stderr, "long.pcap").replace(',', "");
        let name = line.split_whitespace().nth(6).expect("there");
        let text = fs::read_to_string(folder.path().join(name)).expect("written");
        let last = text.lines().last().expect("records");
        assert!(last.starts_with(&format!(r#"{{"type":"end","packets_read":{packets},"#)), "{last}");
        assert!(last.contains(r#""problem":"stopped by a signal at 0% of the file""#), "{last}");
        assert!(text.contains(r#"{"type":"flow","id":"c1","#), "{text}");
    }

    let copy = folder.path().join("copy.pcap");
    let child = start(folder.path(), "packets -r long.pcap -w copy.pcap");
    wait_until("packets in the copy", || fs::metadata(&copy).is_ok_and(|file| file.len() > 100_000));
    send(&child, libc::SIGINT);
    let ran = end(child);
    assert_eq!(ran.signal(), Some(libc::SIGINT), "{ran:?}");
    let packets = packets_told(&ran.stderr, "long.pcap");
    let counted = run_in(folder.path(), "packets --count -r copy.pcap");
    assert_eq!((counted.code(), counted.stdout), (Some(0), format!("{} packets\n", packets.replace(',', ""))));
}

#[test]
fn a_compressed_file_is_stopped_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).expect("in memory");
        encoder.finish().expect("in memory")
    };
    // One member after the other: 16 GiB of empty packets in 16 MiB.
    let (first, empty) = (gzip(&fs::read(capture("http-get.pcap")).expect("there")), gzip(&vec![0; 1 << 20]));
    fs::write(folder.path().join("long.pcap.gz"), [first, empty.repeat(1 << 14)].concat()).expect("written");
    let child = start(folder.path(), "flows -r long.pcap.gz");
    thread::sleep(PAUSE);
    send(&child, libc::SIGTERM);
    let ran = end(child);
    assert_eq!(ran.signal(), Some(libc::SIGTERM), "{ran:?}");
    assert!(ran.stderr.starts_with("sockeye: stopped at ") && ran.stderr.contains("% of long.pcap.gz, after "), "{ran:?}");
    assert!(ran.stdout.contains("\nc1 "), "{ran:?}");
}

/// Whoever reads the output does not: the first Ctrl-C has to wait for that, the second does not.
#[test]
fn a_second_ctrl_c_ends_it_at_once() {
    let folder = folder();
    let child = start(folder.path(), "packets -r long.pcap");
    thread::sleep(PAUSE);
    send(&child, libc::SIGINT);
    // Now it is read: what was printed ends with a whole line.
    let ran = end(child);
    assert_eq!(ran.signal(), Some(libc::SIGINT), "{}", ran.stderr);
    packets_told(&ran.stderr, "long.pcap");
    assert!(ran.stdout.ends_with('\n'));

    let mut child = start(folder.path(), "packets -r long.pcap");
    thread::sleep(PAUSE);
    send(&child, libc::SIGINT);
    thread::sleep(PAUSE);
    assert!(child.try_wait().expect("waited").is_none(), "it waits for its reader");
    send(&child, libc::SIGINT);
    wait(&mut child, PATIENCE);
    let ran = end(child);
    assert_eq!((ran.signal(), ran.stderr.as_str()), (Some(libc::SIGINT), ""));
}

/// All is read, and what is left is to print it: nobody who presses Ctrl-C then wants the rest.
#[test]
fn what_is_printed_in_the_end_is_not_waited_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("many.pcap");
    let mut file = BufWriter::new(File::create(&path).expect("created"));
    let head: [u32; 6] = [0xa1b2_c3d4, 0x0004_0002, 0, 0, 65_535, 101];
    file.write_all(&head.map(u32::to_le_bytes).concat()).expect("written");
    for n in 0..20_000_u16 {
        let [high, low] = n.to_be_bytes();
        let ip = [0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, high, low, 10, 1, 0, 1];
        let udp = [0x10, 0, 0x20, 0, 0, 8, 0, 0];
        let header = [1_u32, 0, 28, 28].map(u32::to_le_bytes).concat();
        file.write_all(&header).and_then(|()| file.write_all(&ip)).and_then(|()| file.write_all(&udp)).expect("written");
    }
    file.into_inner().expect("written");
    let mut child = start(folder.path(), "summary --all -r many.pcap");
    // The head of its output is there, and fills the pipe.
    child.stdout.as_mut().expect("piped").read_exact(&mut [0; 1000]).expect("printed");
    send(&child, libc::SIGINT);
    wait(&mut child, PATIENCE);
    let ran = end(child);
    assert_eq!((ran.signal(), ran.stderr.as_str()), (Some(libc::SIGINT), ""));
}

/// `nohup`, and `&` in a script.
#[test]
fn signals_that_are_ignored_stay_ignored() {
    let folder = folder();
    let mut command = program::with_bare_settings(Command::new("env"));
    command.args(["--ignore-signal=INT", "--ignore-signal=HUP", env!("CARGO_BIN_EXE_sockeye"), "summary", "-r", "long.pcap"]);
    let child = command.current_dir(folder.path()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("runs");
    wait_until("it watches for signals", || is_caught(child.id(), libc::SIGTERM));
    let caught = [libc::SIGINT, libc::SIGHUP].map(|signal| is_caught(child.id(), signal));
    assert_eq!(caught, [false, false]);
    send(&child, libc::SIGTERM);
    assert_eq!(end(child).signal(), Some(libc::SIGTERM));
}

/// Ctrl-C as a terminal sends it, and what is seen there.
#[test]
fn on_a_terminal_the_line_is_erased_and_the_summary_follows() {
    if !program::has("setsid") {
        eprintln!("SKIPPED: no setsid (util-linux)");
        return;
    }
    let folder = folder();
    let mut master = File::from(openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a terminal"));
    grantpt(&master).and_then(|()| unlockpt(&master)).expect("ours");
    tcsetwinsize(&master, Winsize { ws_row: 24, ws_col: 60, ws_xpixel: 0, ws_ypixel: 0 }).expect("sized");
    let name = ptsname(&master, Vec::new()).expect("named");
    let slave = OpenOptions::new().read(true).write(true).open(OsStr::from_bytes(name.as_bytes())).expect("opened");
    let side = || Stdio::from(slave.try_clone().expect("one more"));
    let mut command = program::with_bare_settings(Command::new("setsid"));
    command.args(["--ctty", "env", "--default-signal", env!("CARGO_BIN_EXE_sockeye"), "long.pcap"]).env("TERM", "xterm");
    let mut child = command.current_dir(folder.path()).stdin(side()).stdout(side()).stderr(side()).spawn().expect("runs");
    drop((command, slave));

    let mut seen = String::new();
    let mut typed = false;
    let mut buffer = [0; 4096];
    // The last read fails (EIO): nobody has the other side any more.
    while let Ok(read @ 1..) = master.read(&mut buffer) {
        seen.push_str(&String::from_utf8_lossy(&buffer[..read]));
        if !typed && seen.matches("long.pcap  0% of 1.10 TB · ").count() >= 3 {
            master.write_all(b"\x03").expect("typed");
            typed = true;
        }
    }
    let status = wait(&mut child, PATIENCE);
    assert_eq!(Ran { stdout: String::new(), stderr: String::new(), status }.signal(), Some(libc::SIGINT), "{seen}");
    let (before, after) = seen.split_once("^C").expect("shown by the terminal");
    let before = before.strip_prefix("long.pcap   pcap, nanoseconds, Ethernet\r\n").expect("said at once");
    // Each look of the line is written once, in its own columns.
    for line in before.split('\r').map(|line| line.trim_start_matches("\u{1b}[2K").trim_end()).filter(|line| !line.is_empty()) {
        assert!(line.chars().count() <= 58, "{line:?}");
        assert!(line.ends_with(" packets") || line.ends_with(" connections") || line.ends_with(" left"), "{line:?}");
    }
    let after = after.trim_start_matches("\r\u{1b}[2K");
    assert!(after.starts_with("  Ended early: stopped by a signal at 0% of the file"), "{after:?}");
    packets_told(&after.replace('\r', ""), "long.pcap");
}
