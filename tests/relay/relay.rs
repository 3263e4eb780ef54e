//! The way between two kernels: reads what one sends, loses, delays, overtakes and copies it, and hands it to the other. Its log
//! says what it did.

use crate::link::Pipe;
use crate::rng::Rng;
use crate::sys;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

/// What the relay did. A packet's id is its place in `read`.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// Host and bytes of each packet that it took.
    pub(crate) read: Vec<(usize, Vec<u8>)>,
    /// When which packet passed the middle of the way.
    pub(crate) middle: Vec<(i64, usize)>,
    /// Which packets it handed on, in order.
    pub(crate) written: Vec<usize>,
}

/// Nanoseconds since 1970, the clock of captures.
pub(crate) fn now() -> i64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_nanos() as i64
}

/// What others may know while it runs, and how they end it.
#[derive(Debug, Default)]
pub(crate) struct Control {
    pub(crate) stop: AtomicBool,
    /// When a packet was read or written last.
    pub(crate) busy_at: AtomicU64,
}

/// Relays until it is told to stop and nothing is on its way. `pipes[direction][half]`.
pub(crate) fn relay(doors: &[File; 2], mut pipes: [[Pipe; 2]; 2], mut rng: Rng, control: &Control) -> Log {
    sys::punctual();
    let mut log = Log::default();
    // (when, in this order, half, id)
    let mut on_way: BinaryHeap<Reverse<(i64, u64, usize, usize)>> = BinaryHeap::new();
    let (mut count, mut buffer) = (0, vec![0; 65_536]);
    loop {
        while let Some(&Reverse((due, _, half, id))) = on_way.peek()
            && due <= now()
        {
            on_way.pop();
            let host = log.read[id].0;
            if half == 1 {
                // Refused where the device is down, when all is over.
                let _ = (&doors[1 - host]).write(&log.read[id].1);
                log.written.push(id);
                control.busy_at.store(now() as u64, Ordering::Relaxed);
            } else {
                let at = now();
                log.middle.push((at, id));
                for exit in pipes[host][1].carry(at, log.read[id].1.len(), &mut rng).into_iter().flatten() {
                    count += 1;
                    on_way.push(Reverse((exit.at, count, 1, id)));
                }
            }
        }
        if control.stop.load(Ordering::Relaxed) && on_way.is_empty() {
            return log;
        }
        let due = on_way.peek().map_or(20_000_000, |Reverse(next)| (next.0 - now()).clamp(0, 20_000_000));
        let ready = sys::readable(doors, Duration::from_nanos(due as u64));
        for host in [0, 1].into_iter().filter(|host| ready[*host]) {
            let length = (&doors[host]).read(&mut buffer).expect("a packet");
            let at = now();
            let id = log.read.len();
            log.read.push((host, buffer[..length].to_vec()));
            control.busy_at.store(at as u64, Ordering::Relaxed);
            for exit in pipes[host][0].carry(at, length, &mut rng).into_iter().flatten() {
                count += 1;
                on_way.push(Reverse((exit.at, count, 0, id)));
            }
        }
    }
}
