//! A capture on loopback that is put to the test: datagrams to oneself with contents that nobody can know, each to be seen once,
//! and an account that comes out even.

use rustix::io::write;
use sockeye::capture::live::{self, Live, LiveSpec};
use sockeye::capture::{Next, PacketSource, SourceError};
use sockeye::model::{LiveBackend, SourceStats};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};
use std::time::{Duration, Instant};

/// The interface.
pub(super) const LOOPBACK: &str = "lo";
/// Datagrams that are sent each time.
pub(super) const DATAGRAMS: usize = 8;
/// Longest that they may take to be seen.
const PATIENCE: Duration = Duration::from_secs(3);

/// An open capture, and two sockets.
pub(super) struct Trial {
    live: Live,
    from: UdpSocket,
    /// Takes the datagrams, so that no ICMP error answers them.
    _to: UdpSocket,
    rounds: u64,
}

/// What was seen of the datagrams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// So many of them.
    pub(super) datagrams: usize,
    /// One came twice.
    pub(super) twice: bool,
    /// A time was finer than a microsecond.
    pub(super) nanoseconds: bool,
}

impl Trial {
    pub(super) fn open(backend: LiveBackend) -> Result<Self, SourceError> {
        let live = live::open(&[LiveSpec::new(LOOPBACK)], Some(backend))?;
        let sockets = || -> io::Result<_> {
            let to = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
            let from = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
            from.connect(to.local_addr()?)?;
            Ok((from, to))
        };
        let (from, to) = sockets().map_err(|error| failed("cannot have a socket on", error))?;
        Ok(Self { live, from, _to: to, rounds: 0 })
    }

    /// The socket that it sends on.
    pub(super) fn sender(&self) -> RawFd {
        self.from.as_raw_fd()
    }

    /// What was not as asked when it was opened.
    pub(super) fn warnings(&self) -> &[String] {
        &self.live.info().warnings
    }

    /// Sends datagrams and looks for them.
    pub(super) fn run(&mut self) -> Result<Seen, SourceError> {
        self.rounds += 1;
        let secret = RandomState::new();
        let payloads: [[u8; 16]; DATAGRAMS] = std::array::from_fn(|i| {
            let half = |part: u64| secret.hash_one((self.rounds, i, part)).to_ne_bytes();
            let mut payload = [0; 16];
            payload[..8].copy_from_slice(&half(0));
            payload[8..].copy_from_slice(&half(1));
            payload
        });
        for payload in &payloads {
            // By write(2): sending is not to be had in the sandbox, where this is done, too.
            write(&self.from, payload).map_err(|error| failed("cannot send on", error.into()))?;
        }
        let mut times_seen = [0_u32; DATAGRAMS];
        let mut nanoseconds = false;
        let begin = Instant::now();
        while times_seen.contains(&0) && begin.elapsed() < PATIENCE {
            match self.live.next()? {
                Next::Frame(frame) => {
                    if let Some(at) = payloads.iter().position(|payload| frame.bytes.ends_with(payload)) {
                        times_seen[at] += 1;
                        nanoseconds |= !frame.ts.subsec_nanos().is_multiple_of(1000);
                    }
                }
                Next::End => break,
                _ => {}
            }
        }
        Ok(Seen {
            datagrams: times_seen.iter().filter(|count| **count > 0).count(),
            twice: times_seen.iter().any(|count| *count > 1),
            nanoseconds,
        })
    }

    /// Ends the capture, takes what had come, and gives the account.
    pub(super) fn account(mut self) -> Result<SourceStats, SourceError> {
        self.live.close_gate();
        while !matches!(self.live.next()?, Next::End) {}
        Ok(self.live.stats())
    }
}

/// Is everything that came by the filter accounted for?
pub(super) fn comes_out_even(stats: &SourceStats) -> bool {
    let parts = [Some(stats.frames), stats.duplicates, stats.dropped_kernel, stats.unread];
    let sum: Option<u64> = parts.into_iter().sum();
    sum.is_some() && sum == stats.received
}

fn failed(operation: &'static str, error: io::Error) -> SourceError {
    SourceError::Io { operation, name: LOOPBACK.to_owned(), error }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_with_a_hole_does_not_come_out_even() {
        let stats = SourceStats {
            frames: 8,
            duplicates: Some(8),
            dropped_kernel: Some(1),
            unread: Some(2),
            received: Some(19),
            ..SourceStats::default()
        };
        assert!(comes_out_even(&stats));
        assert!(!comes_out_even(&SourceStats { received: Some(20), ..stats }));
        assert!(!comes_out_even(&SourceStats { unread: None, ..stats }));
    }
}
