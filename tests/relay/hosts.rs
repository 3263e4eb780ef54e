//! Two kernels in namespaces, each with a TUN device whose other end is ours, the programs that talk, and what the kernels
//! counted.

use crate::netns::{self, Namespace};
use crate::relay::{Control, now};
use crate::sys;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

/// How a run's kernels are set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) ipv6: bool,
    pub(crate) timestamps: bool,
    pub(crate) sack: bool,
    pub(crate) ecn: bool,
    pub(crate) congestion_control: &'static str,
}

/// The kernels.
pub(crate) struct Hosts {
    pub(crate) spaces: [Namespace; 2],
    addresses: [IpAddr; 2],
    congestion_control: &'static str,
}

/// What a kernel counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    /// `TcpRetransSegs`.
    pub(crate) resent: u64,
    /// `TcpExtTCPWinProbe`.
    pub(crate) probes: u64,
    /// `TcpExtTCPKeepAlive`.
    pub(crate) keep_alives: u64,
}

impl Hosts {
    /// The kernels and our ends of their devices; `None`, loudly, where that is not possible.
    pub(crate) fn new(settings: Settings) -> Option<(Self, [File; 2])> {
        let spaces = netns::apart()?;
        if !Path::new("/dev/net/tun").exists() {
            netns::skipped("needs /dev/net/tun");
            return None;
        }
        let texts = if settings.ipv6 { ["fd09::1", "fd09::2"] } else { ["10.9.0.1", "10.9.0.2"] };
        let doors = [0, 1].map(|host| {
            let space = &spaces[host];
            let door = space.run(|| {
                let door = netns::tun("tun0");
                if settings.ipv6 {
                    set("net/ipv6/conf/tun0/disable_ipv6", "0");
                }
                set("net/ipv4/tcp_timestamps", number(settings.timestamps));
                set("net/ipv4/tcp_sack", number(settings.sack));
                set("net/ipv4/tcp_ecn", number(settings.ecn));
                door
            });
            space.ip("link set tun0 up txqueuelen 10000");
            space.ip(&if settings.ipv6 {
                format!("addr add {}/64 dev tun0 nodad", texts[host])
            } else {
                format!("addr add {}/24 dev tun0", texts[host])
            });
            door
        });
        let addresses = texts.map(|text| text.parse().expect("an address"));
        Some((Self { spaces, addresses, congestion_control: settings.congestion_control }, doors))
    }

    /// What a host's kernel counted by now.
    pub(crate) fn counters(&self, host: usize) -> Counters {
        let text = self.proc_net(host, &["snmp", "netstat"]);
        let value = |kind: &str, name: &str| {
            let mut lines = text.lines().filter(|line| line.starts_with(kind));
            let (names, values) = (lines.next().expect("names"), lines.next().expect("values"));
            let at = names.split(' ').position(|one| one == name).expect("a counter");
            values.split(' ').nth(at).and_then(|value| value.parse().ok()).expect("a number")
        };
        Counters {
            resent: value("Tcp:", "RetransSegs"),
            probes: value("TcpExt:", "TCPWinProbe"),
            keep_alives: value("TcpExt:", "TCPKeepAlive"),
        }
    }

    fn proc_net(&self, host: usize, files: &[&str]) -> String {
        let read =
            || files.iter().map(|file| fs::read_to_string(format!("/proc/thread-self/net/{file}")).unwrap_or_default()).collect();
        self.spaces[host].run(read)
    }

    /// Waits until no connection is left that could still send, and the relay has nothing to do.
    pub(crate) fn settle(&self, control: &Control) {
        let limit = Instant::now() + Duration::from_secs(20);
        loop {
            let open = (0..2).any(|host| {
                let sockets = self.proc_net(host, &["tcp", "tcp6"]);
                // The fourth word is the state: 06 is TIME-WAIT, 0A LISTEN.
                let states = sockets.lines().filter_map(|line| line.split_whitespace().nth(3));
                states.into_iter().any(|state| state.len() == 2 && !["st", "06", "0A"].contains(&state))
            });
            let quiet = now() - control.busy_at.load(Ordering::Relaxed) as i64 > 300_000_000;
            if !open && quiet || Instant::now() > limit {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn listen(&self) -> TcpListener {
        let address = SocketAddr::new(self.addresses[1], 0);
        self.spaces[1].run(|| TcpListener::bind(address).expect("binds"))
    }

    fn connect(&self, to: &TcpListener) -> TcpStream {
        let address = to.local_addr().expect("bound");
        let stream = self.spaces[0].run(|| TcpStream::connect(address).expect("connects"));
        self.prepared(stream)
    }

    /// Nothing waits for ever.
    fn prepared(&self, stream: TcpStream) -> TcpStream {
        sys::congestion_control(&stream, self.congestion_control);
        stream.set_nodelay(true).expect("set");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("set");
        stream.set_write_timeout(Some(Duration::from_secs(30))).expect("set");
        stream
    }

    /// A connection: what the client does, and what the server does.
    fn talk(&self, client: impl FnOnce(TcpStream) + Send, server: impl FnOnce(TcpStream) + Send) {
        let listener = self.listen();
        // Where that fails there is nobody to wait for.
        let stream = self.connect(&listener);
        thread::scope(|scope| {
            scope.spawn(|| server(self.prepared(listener.accept().expect("accepts").0)));
            client(stream);
        });
    }

    /// One file from the server, of so many bytes, or as much as goes in this time.
    pub(crate) fn bulk(&self, bytes: usize, time: Duration) {
        let send = |mut stream: TcpStream| {
            let end = Instant::now() + time;
            for piece in noise(bytes).chunks(16 << 10) {
                if Instant::now() > end {
                    break;
                }
                stream.write_all(piece).expect("sends");
            }
            finish(stream);
        };
        self.talk(finish, send);
    }

    /// Pieces with pauses, from the client.
    pub(crate) fn bursts(&self, pieces: usize, pause: Duration) {
        let send = |mut stream: TcpStream| {
            for i in 0..pieces {
                stream.write_all(&noise(2_000 + 7_919 * i % 24_000)).expect("sends");
                thread::sleep(pause);
            }
            finish(stream);
        };
        self.talk(send, finish);
    }

    /// Requests and responses.
    pub(crate) fn exchange(&self, rounds: usize) {
        let answer = |i: usize| [300, 9_000, 20_000][i % 3];
        let ask = |mut stream: TcpStream| {
            let mut buffer = vec![0; 20_000];
            for i in 0..rounds {
                stream.write_all(&noise(200 + i)).expect("asks");
                stream.read_exact(&mut buffer[..answer(i)]).expect("an answer");
            }
            finish(stream);
        };
        let serve = |mut stream: TcpStream| {
            let mut buffer = vec![0; 200 + rounds];
            for i in 0..rounds {
                stream.read_exact(&mut buffer[..200 + i]).expect("a question");
                stream.write_all(&noise(answer(i))).expect("answers");
            }
            finish(stream);
        };
        self.talk(ask, serve);
    }

    /// A file to a client that does not read for a while: the server must probe its window.
    pub(crate) fn stops(&self, pause: Duration) {
        // Least, first and largest size of receive buffers, bytes.
        self.spaces[0].run(|| set("net/ipv4/tcp_rmem", "4096 16384 32768"));
        let read = |stream: TcpStream| {
            thread::sleep(pause);
            finish(stream);
        };
        let send = |mut stream: TcpStream| {
            stream.write_all(&noise(300_000)).expect("sends");
            finish(stream);
        };
        self.talk(read, send);
    }

    /// A connection without anything to say, kept alive by the client's kernel.
    pub(crate) fn idle(&self, time: Duration) {
        let wait = |mut stream: TcpStream| {
            sys::keep_alive(&stream);
            stream.write_all(b"hello").expect("sends");
            thread::sleep(time);
            finish(stream);
        };
        self.talk(wait, finish);
    }
}

/// Says that nothing more comes, and reads to the peer's end.
fn finish(mut stream: TcpStream) {
    stream.shutdown(Shutdown::Write).expect("closes");
    std::io::copy(&mut stream, &mut std::io::sink()).expect("reads to the end");
}

/// Bytes that do not repeat.
fn noise(length: usize) -> Vec<u8> {
    let mut rng = crate::rng::Rng::new(length as u64, 4);
    (0..length.div_ceil(8)).flat_map(|_| rng.next().to_ne_bytes()).take(length).collect()
}

fn number(yes: bool) -> &'static str {
    if yes { "1" } else { "0" }
}

fn set(name: &str, value: &str) {
    fs::write(Path::new("/proc/sys").join(name), value).unwrap_or_else(|error| panic!("{name}: {error}"));
}
