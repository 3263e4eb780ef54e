//! CPU time per frame of each way to capture live: 200-byte frames at 300,000 a second over a veth pair in namespaces of its own.
//! Needs root:  cargo bench --bench capture
//!
//! Sender and receiver share the machine. What is counted is the time that the receiving thread is on a CPU
//! (`/proc/thread-self/schedstat`), from the first frame until all are accounted for; the frames' first and last bytes are read.

#[cfg(target_os = "linux")]
#[path = "../tests/support/netns.rs"]
mod netns;

#[cfg(target_os = "linux")]
fn main() {
    linux::main();
}

#[cfg(not(target_os = "linux"))]
fn main() {}

#[cfg(target_os = "linux")]
mod linux {
    use super::netns::{FAR_IP, NEAR_IP, Pair, VETH};
    use sockeye::capture::live::{self, LiveSpec};
    use sockeye::capture::{Next, PacketSource};
    use sockeye::model::LiveBackend;
    use std::net::UdpSocket;
    use std::time::{Duration, Instant};

    const RATE: u32 = 300_000;
    const FRAMES: u32 = 3 * RATE;
    /// Of UDP, in a frame of 200 bytes.
    const PAYLOAD: usize = 200 - 42;
    const RUNS: usize = 3;

    fn on_cpu() -> u64 {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("readable");
        text.split(' ').next().and_then(|n| n.parse().ok()).expect("nanoseconds")
    }

    fn flood(pair: &Pair) {
        let socket = pair.far.run(|| UdpSocket::bind((FAR_IP, 0)).expect("binds"));
        let (start, payload) = (Instant::now(), [7; PAYLOAD]);
        for sent in 0..FRAMES {
            let due = Duration::from_secs(1) * sent / RATE;
            if sent % 64 == 0 && start.elapsed() < due {
                std::thread::sleep(Duration::from_micros(50));
            }
            while socket.send_to(&payload, (NEAR_IP, 4000)).is_err() {}
        }
    }

    /// Nanoseconds of CPU per frame, frames dropped, and seconds that the flood took.
    fn measure(pair: &Pair, interface: &str, backend: LiveBackend) -> (u64, u64, f64) {
        let mut live = pair.near.run(|| live::open(&[LiveSpec::new(interface)], Some(backend)).expect("opens"));
        std::thread::scope(|scope| {
            let (start, before) = (Instant::now(), on_cpu());
            let sender = scope.spawn(|| flood(pair));
            let (mut frames, mut sum, mut took) = (0_u64, 0_u64, 0.0);
            loop {
                match live.next().expect("no error") {
                    Next::Frame(frame) => {
                        frames += 1;
                        let bytes = frame.bytes;
                        sum += u64::from(bytes.first().copied().unwrap_or(0)) + u64::from(bytes.last().copied().unwrap_or(0));
                    }
                    Next::End => break,
                    Next::Drained | Next::Idle if took == 0.0 && sender.is_finished() => {
                        took = start.elapsed().as_secs_f64();
                        live.close_gate();
                    }
                    _ => {}
                }
            }
            std::hint::black_box(sum);
            let spent = on_cpu() - before;
            (spent / frames.max(1), live.stats().dropped_kernel.unwrap_or(0), took)
        })
    }

    pub(crate) fn main() {
        let Some(pair) = Pair::new() else { return };
        // Nobody reads it, and it holds hardly anything: no ICMP answers.
        let _sink = pair.near.run(|| UdpSocket::bind((NEAR_IP, 4000)).expect("binds"));
        let mut backends = vec![(LiveBackend::Ring, "ring"), (LiveBackend::Pnet, "pnet")];
        if cfg!(feature = "libpcap") {
            backends.insert(1, (LiveBackend::Libpcap, "libpcap"));
        }
        println!("{FRAMES} frames of 200 bytes; each line a run: ns a frame, dropped, seconds");
        for interface in [VETH, live::ANY] {
            for (backend, name) in &backends {
                for _ in 0..RUNS {
                    let (each, dropped, took) = measure(&pair, interface, *backend);
                    println!("{name:8} {interface:6} {each:5} ns  {dropped:7} dropped  {took:.2} s");
                }
            }
        }
    }
}
