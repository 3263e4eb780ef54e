//! The program while it records, the numbered packets that it is sent, and the files that it leaves.

use crate::netns::{FAR_IP, NEAR_IP, Pair, VETH};
use crate::program::{Ran, has, run, sockeye, wait, with_bare_settings};
use sockeye::capture::file::{self, OpenOptions};
use sockeye::capture::{Next, PacketSource};
use std::fs::{self, File};
use std::net::UdpSocket;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Longest that anything awaited may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until something is so.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut is: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is() {
        assert!(start.elapsed() < PATIENCE, "waited for: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// A stage for one recording: two namespaces, a sink that answers nothing, a folder.
pub(crate) struct Stage {
    pub(crate) pair: Pair,
    pub(crate) folder: tempfile::TempDir,
    _sink: UdpSocket,
}

impl Stage {
    pub(crate) fn new() -> Option<Self> {
        let pair = Pair::new()?;
        let sink = pair.near.run(|| UdpSocket::bind((NEAR_IP, 4000)).expect("binds"));
        Some(Self { pair, folder: tempfile::tempdir().expect("a folder"), _sink: sink })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Starts `sockeye capture -i veth0 LINE` in the folder and waits until it listens.
    pub(crate) fn record(&self, line: &str) -> Recording {
        self.start("capture", line)
    }

    pub(crate) fn start(&self, command: &str, line: &str) -> Recording {
        let mut program = sockeye();
        program.args([command, "-i", VETH]).args(line.split_whitespace()).current_dir(self.path());
        self.spawn(program)
    }

    /// Starts a program in the near namespace and waits until it listens. Its messages go to files.
    pub(crate) fn spawn(&self, mut program: Command) -> Recording {
        let logs = tempfile::tempdir().expect("a folder");
        let log = |name| File::create(logs.path().join(name)).expect("created");
        program.stdout(log("out")).stderr(log("err"));
        let child = self.pair.near.run(|| program.spawn().expect("runs"));
        let recording = Recording { child, logs };
        wait_until("it listens", || recording.stderr().contains("listening on"));
        recording
    }

    /// Sends datagrams that bear these numbers, of 200 bytes each.
    pub(crate) fn send(&self, numbers: Range<u64>) {
        self.send_slowly(numbers, Duration::ZERO);
    }

    /// The same, with a pause after each.
    pub(crate) fn send_slowly(&self, numbers: Range<u64>, pause: Duration) {
        self.pair.far.run(|| {
            let socket = UdpSocket::bind((FAR_IP, 0)).expect("binds");
            for number in numbers {
                let mut payload = [0; 200];
                payload[192..].copy_from_slice(&number.to_be_bytes());
                socket.send_to(&payload, (NEAR_IP, 4000)).expect("sends");
                thread::sleep(pause);
            }
        });
    }

    pub(crate) fn files(&self) -> Vec<PathBuf> {
        files_in(self.path())
    }
}

/// The program while it runs.
pub(crate) struct Recording {
    child: Child,
    logs: tempfile::TempDir,
}

impl Recording {
    pub(crate) fn stderr(&self) -> String {
        fs::read_to_string(self.logs.path().join("err")).expect("read")
    }

    pub(crate) fn stdout(&self) -> String {
        fs::read_to_string(self.logs.path().join("out")).expect("read")
    }

    pub(crate) fn signal(&self, name: &str) {
        let done = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(done.expect("kill runs").success());
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn end(mut self) -> Ran {
        self.ended()
    }

    /// The same; what others still write to its standard error can be read.
    #[track_caller]
    pub(crate) fn ended(&mut self) -> Ran {
        let status = wait(&mut self.child, PATIENCE);
        Ran { stdout: self.stdout(), stderr: self.stderr(), status }
    }

    /// Ctrl-C, and what it leads to: a good end.
    #[track_caller]
    pub(crate) fn interrupt(self) -> Ran {
        // What was sent just now is on its way.
        thread::sleep(Duration::from_millis(400));
        self.signal("INT");
        let ran = self.end();
        assert_eq!(ran.code(), Some(0), "{}", ran.stderr);
        ran
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Files in a folder, by name.
pub(crate) fn files_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).filter(|path| path.is_file()).collect();
    files.sort();
    files
}

/// The last eight bytes of each packet of a file, as a number, and whether the file was whole.
pub(crate) fn numbers(path: &Path) -> (Vec<u64>, bool) {
    let mut numbers = Vec::new();
    let Ok(mut source) = file::open(path, &OpenOptions::default()) else { return (numbers, false) };
    loop {
        match source.next() {
            Ok(Next::Frame(frame)) => {
                let tail = frame.bytes.last_chunk::<8>().expect("long enough");
                numbers.push(u64::from_be_bytes(*tail));
            }
            Ok(Next::End) => return (numbers, true),
            Ok(_) => {}
            Err(_) => return (numbers, false),
        }
    }
}

/// The numbers in whole files, one after the other.
#[track_caller]
pub(crate) fn all_numbers(files: &[PathBuf]) -> Vec<u64> {
    let each = files.iter().map(|path| {
        let (numbers, whole) = numbers(path);
        assert!(whole, "{} is damaged", path.display());
        numbers
    });
    each.flatten().collect()
}

/// tcpdump and tshark read so many packets in it, and complain of nothing.
#[track_caller]
pub(crate) fn others_read(path: &Path, packets: usize) {
    read_by_others(path, packets, true);
}

/// The same of many files: tshark, which takes half a second to start, reads the first and the last, and its sister capinfos reads
/// all of them at once.
#[track_caller]
pub(crate) fn others_read_all(files: &[PathBuf], packets: impl Fn(&Path) -> usize) {
    let counts: Vec<usize> = files.iter().map(|path| packets(path)).collect();
    for (at, (path, count)) in files.iter().zip(&counts).enumerate() {
        read_by_others(path, *count, at == 0 || at + 1 == files.len());
    }
    if !has("capinfos") {
        eprintln!("SKIPPED: needs capinfos: reading back");
        return;
    }
    let ran = run(with_bare_settings(Command::new("capinfos")).arg("-TMrQc").args(files));
    let read: Vec<usize> =
        ran.stdout.lines().filter_map(|line| line.rsplit('\t').next()?.trim_matches('"').parse().ok()).collect();
    assert_eq!((ran.code(), read), (Some(0), counts), "{}", ran.stderr);
}

#[track_caller]
fn read_by_others(path: &Path, packets: usize, by_tshark: bool) {
    let plain = if path.extension().is_some_and(|e| e == "zst") {
        let bytes = run_for_bytes(Command::new("zstd").args(["-dcq"]).arg(path));
        let Some(bytes) = bytes else { return };
        let mut plain = tempfile::NamedTempFile::new().expect("a file");
        std::io::Write::write_all(&mut plain, &bytes).expect("written");
        Some(plain)
    } else {
        None
    };
    let readable = plain.as_ref().map_or(path, |file| file.path());
    let mut tools = vec![("tcpdump", &["-q"][..], readable)];
    if by_tshark {
        tools.push(("tshark", &["-T", "fields", "-e", "frame.number"][..], path));
    }
    for (tool, words, path) in tools {
        if !has(tool) {
            eprintln!("SKIPPED: needs {tool}: reading back");
            continue;
        }
        let ran = run(with_bare_settings(Command::new(tool)).args(words).arg("-nr").arg(path));
        assert_eq!((ran.code(), ran.stdout.lines().count()), (Some(0), packets), "{tool} {}: {}", path.display(), ran.stderr);
    }
}

fn run_for_bytes(command: &mut Command) -> Option<Vec<u8>> {
    let Ok(output) = command.stderr(Stdio::inherit()).output() else {
        eprintln!("SKIPPED: needs zstd: reading back");
        return None;
    };
    assert!(output.status.success(), "{command:?}");
    Some(output.stdout)
}

/// Names without their folder.
pub(crate) fn names(files: &[PathBuf]) -> Vec<String> {
    files.iter().map(|path| path.file_name().expect("a name").to_string_lossy().into_owned()).collect()
}
