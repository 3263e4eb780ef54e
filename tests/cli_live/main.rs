//! Live capture through the program: started as people start it, in a namespace of our own, with real packets passing by, ended by
//! signals. Needs root; without it every test says SKIPPED and passes.

#![cfg(target_os = "linux")]

/// Each test for each backend that is built in.
macro_rules! for_backends {
    ($($test:ident)*) => {
        #[cfg(feature = "libpcap")]
        mod by_libpcap { $( #[test] fn $test() { super::$test("libpcap"); } )* }
        mod by_ring { $( #[test] fn $test() { super::$test("ring"); } )* }
        mod by_pnet { $( #[test] fn $test() { super::$test("pnet"); } )* }
    };
}

mod drops;
mod ending;
mod faults;
#[cfg(feature = "libpcap")]
mod filters;
#[path = "../support/netns.rs"]
mod netns;
#[path = "../support/program.rs"]
mod program;
mod screens;
mod slow;
mod writing;

use netns::{FAR_IP, NEAR_IP, Pair};
use program::{Ran, sockeye, wait};
use std::io::Read;
use std::net::UdpSocket;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Longest that anything awaited may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The program, capturing in the near namespace.
struct Capturing {
    child: Child,
    stdout: Arc<Mutex<String>>,
    stderr: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
}

/// Starts `sockeye LINE --backend BACKEND` in the near namespace and waits until it listens.
fn start(pair: &Pair, backend: &str, line: &str) -> Capturing {
    let mut command = sockeye();
    command.args(line.split_whitespace()).args(["--backend", backend]);
    start_command(pair, command)
}

fn start_command(pair: &Pair, command: Command) -> Capturing {
    let capturing = spawn(pair, command);
    capturing.wait_until("it listens", |_, stderr| stderr.contains("listening on"));
    capturing
}

/// Starts a program in the near namespace.
fn spawn(pair: &Pair, mut command: Command) -> Capturing {
    let mut child = pair.near.run(|| command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("runs"));
    let (stdout, read_out) = collect(child.stdout.take().expect("piped"));
    let (stderr, read_err) = collect(child.stderr.take().expect("piped"));
    Capturing { child, stdout, stderr, readers: vec![read_out, read_err] }
}

/// Reads a pipe to its end in a thread.
fn collect(mut pipe: impl Read + Send + 'static) -> (Arc<Mutex<String>>, JoinHandle<()>) {
    let text = Arc::new(Mutex::new(String::new()));
    let into = Arc::clone(&text);
    let reader = thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(read @ 1..) = pipe.read(&mut buffer) {
            into.lock().expect("no panic").push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
    });
    (text, reader)
}

impl Capturing {
    fn stdout(&self) -> String {
        self.stdout.lock().expect("no panic").clone()
    }

    fn stderr(&self) -> String {
        self.stderr.lock().expect("no panic").clone()
    }

    /// Waits until what was printed so far is as wanted.
    #[track_caller]
    fn wait_until(&self, what: &str, is: impl Fn(&str, &str) -> bool) {
        let start = Instant::now();
        while !is(&self.stdout(), &self.stderr()) {
            assert!(start.elapsed() < PATIENCE, "waited for: {what}\n{}\n{}", self.stdout(), self.stderr());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until so many lines were printed.
    #[track_caller]
    fn wait_for_lines(&self, count: usize) {
        self.wait_until(&format!("{count} lines"), |stdout, _| stdout.lines().count() >= count);
    }

    fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("waited").is_none()
    }

    fn signal(&self, name: &str) {
        let done = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(done.expect("kill runs").success());
    }

    /// Waits for its end.
    #[track_caller]
    fn end(mut self) -> Ran {
        let status = wait(&mut self.child, PATIENCE);
        self.readers.drain(..).for_each(|reader| reader.join().expect("read"));
        assert_ne!(status.signal(), Some(libc::SIGKILL), "did not end: {}", self.stderr());
        Ran { stdout: self.stdout(), stderr: self.stderr(), status }
    }

    /// Ctrl-C, and what it leads to.
    #[track_caller]
    fn interrupt(self) -> Ran {
        self.signal("INT");
        self.end()
    }
}

impl Drop for Capturing {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What is said at the start of a capture on the pair's interface.
const LISTENING: &str = "sockeye: listening on veth0 (Ethernet), at most 262144 bytes of each packet\n";

/// tcpdump's three lines.
fn closing_lines(captured: u64, received: u64, dropped: u64) -> String {
    let packets = |n: u64| format!("{n} packet{}", if n == 1 { "" } else { "s" });
    format!("{} captured\n{} received by filter\n{} dropped by kernel\n", packets(captured), packets(received), packets(dropped))
}

/// A socket that takes datagrams in silence, so that no ICMP answers.
fn silent_sink(pair: &Pair) -> UdpSocket {
    pair.near.run(|| UdpSocket::bind((NEAR_IP, 4000)).expect("binds"))
}

/// Sends datagrams of these payload lengths from the far side's port 5000 to the near side's port 4000.
fn send(pair: &Pair, lengths: impl IntoIterator<Item = usize> + Send) {
    pair.far.run(|| {
        let socket = UdpSocket::bind((FAR_IP, 5000)).expect("binds");
        for (i, length) in lengths.into_iter().enumerate() {
            socket.send_to(&vec![i as u8; length], (NEAR_IP, 4000)).expect("sends");
        }
    });
}
