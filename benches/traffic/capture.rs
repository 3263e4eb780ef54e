//! A capture file as it is written: classic pcap with nanoseconds, Ethernet, one packet after the other.

use std::fs::File;
use std::io::{BufWriter, Error, Write};

/// Seconds since 1970 at which captures begin: 14 November 2023.
pub(crate) const EPOCH: u64 = 1_700_000_000;

/// The file, how many packets it still takes, and what went into it.
pub(crate) struct Capture<W: Write> {
    to: W,
    snaplen: usize,
    left: u64,
    packets: u64,
    bytes: u64,
    last: u64,
    failed: Option<Error>,
}

impl Capture<BufWriter<File>> {
    /// A new file.
    pub(crate) fn create(path: &str, snaplen: usize, most: u64) -> Result<Self, Error> {
        Self::new(BufWriter::with_capacity(1 << 20, File::create(path)?), snaplen, most)
    }
}

impl<W: Write> Capture<W> {
    /// A capture of at most so many packets, of each so many bytes.
    pub(crate) fn new(mut to: W, snaplen: usize, most: u64) -> Result<Self, Error> {
        for word in [0xa1b2_3c4d, 0x0004_0002, 0, 0, snaplen as u32, 1] {
            to.write_all(&u32::to_ne_bytes(word))?;
        }
        Ok(Self { to, snaplen, left: most, packets: 0, bytes: 0, last: 0, failed: None })
    }

    /// Whether it takes more packets.
    pub(crate) fn is_open(&self) -> bool {
        self.left > 0 && self.failed.is_none()
    }

    /// One packet, so many nanoseconds after the capture began. A packet too many is left out.
    pub(crate) fn packet(&mut self, nanos: u64, frame: &[u8]) {
        if !self.is_open() {
            return;
        }
        let kept = &frame[..frame.len().min(self.snaplen)];
        let mut record = [0; 16];
        let second = nanos / 1_000_000_000;
        let words = [(EPOCH + second) as u32, (nanos % 1_000_000_000) as u32, kept.len() as u32, frame.len() as u32];
        for (to, word) in record.chunks_exact_mut(4).zip(words) {
            to.copy_from_slice(&word.to_ne_bytes());
        }
        let written = self.to.write_all(&record).and_then(|()| self.to.write_all(kept));
        self.failed = written.err();
        self.left -= 1;
        self.packets += 1;
        self.bytes += frame.len() as u64;
        self.last = nanos;
    }

    /// The end: what was written to, and `packets=… bytes=… mean=… seconds=…`.
    pub(crate) fn finish(mut self) -> Result<(W, String), Error> {
        let flushed = self.to.flush();
        if let Some(error) = self.failed.or(flushed.err()) {
            return Err(error);
        }
        let (packets, bytes, seconds) = (self.packets, self.bytes, self.last as f64 / 1e9);
        let said = format!("packets={packets} bytes={bytes} mean={} seconds={seconds:.1}", bytes / packets.max(1));
        Ok((self.to, said))
    }
}
