//! Decompression on the way in. The first bytes are inflated where the file is opened; from then on a thread of its own does
//! it, for inflating costs several times what reading packets does.
//!
//! Files made of several compressed ones (`cat a.gz b.gz`) are read to their end. Zeros after a gzip member (tapes and block
//! devices pad with them) and skippable frames around those of zstd and lz4 are passed over.

use super::packed::Packed;
use super::raw::Raw;
use flate2::bufread::GzDecoder;
use liblzma::bufread::XzDecoder;
use liblzma::stream::{CONCATENATED, Stream};
use lz4_flex::frame::FrameDecoder;
use std::io::{self, BufRead, Cursor, ErrorKind, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::thread;
use std::time::Duration;

/// Bytes handed from the thread to the reader at a time.
const CHUNK: usize = 256 << 10;
/// Chunks on their way at most.
const CHUNKS: usize = 8;
/// What zstd and xz need beside their window or dictionary: tables of codes and buffers, bytes.
const BESIDE: usize = 1 << 20;
/// The largest window that zstd's own programs take without being asked: 128 MiB, as a power of two.
const ZSTD_WINDOW: u32 = 27;

/// A compressed format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    Gzip,
    Zstd,
    Lz4,
    Xz,
    /// A skippable frame, which tells not of which format the next frame is: zstd or lz4.
    Skippable,
}

/// What an lz4 frame starts with.
const LZ4_MAGIC: [u8; 4] = [0x04, 0x22, 0x4d, 0x18];

impl Compression {
    /// Bytes that tell it.
    pub(super) const SNIFFED: usize = 6;

    /// Told by the first bytes, never by the file's name.
    pub(super) fn sniff(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Self::Skippable),
            [0x04, 0x22, 0x4d, 0x18, ..] => Some(Self::Lz4),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Self::Xz),
            _ => None,
        }
    }

    /// For people.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Lz4 => "lz4",
            Self::Xz => "xz",
            Self::Skippable => "zstd or lz4",
        }
    }
}

/// Inflates, here or in a thread.
pub(super) enum Inflater {
    Here(Box<dyn Read + Send>),
    Elsewhere(Worker),
    /// Only while changing from one to the other.
    Nowhere,
}

impl Inflater {
    /// `start` are the bytes read from `raw` already.
    pub(super) fn new(compression: Compression, start: &[u8], raw: Raw, memory: usize) -> io::Result<Self> {
        let mut packed = Packed::new(start, raw, CHUNK);
        let mut compression = compression;
        if compression == Compression::Skippable {
            pass_skippable(&mut packed)?;
            compression = if packed.peek(4)? == LZ4_MAGIC { Compression::Lz4 } else { Compression::Zstd };
        }
        Ok(Self::Here(match compression {
            Compression::Gzip => Box::new(Gzip { member: Some(GzDecoder::new(packed)) }),
            // The decoder passes over skippable frames itself.
            Compression::Zstd | Compression::Skippable => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(packed)?;
                let room = memory.saturating_sub(BESIDE).max(1 << 10);
                decoder.window_log_max(room.ilog2().min(ZSTD_WINDOW))?;
                Box::new(decoder)
            }
            Compression::Lz4 => Box::new(Lz4 { frames: FrameDecoder::new(Ending { packed, ended: false }), finished: false }),
            Compression::Xz => {
                let stream = Stream::new_stream_decoder(memory as u64, CONCATENATED)?;
                Box::new(XzDecoder::new_stream(packed, stream))
            }
        }))
    }

    /// From now on, inflates in a thread; without one to be had, here as before.
    pub(super) fn move_to_thread(&mut self) {
        *self = match std::mem::replace(self, Self::Nowhere) {
            Self::Here(decoder) => Worker::start(decoder),
            other => other,
        };
    }
}

impl Inflater {
    /// Waits until a read would not wait, at most for `limit`. False: the thread has nothing yet.
    pub(super) fn is_ready(&mut self, limit: Duration) -> bool {
        match self {
            Self::Elsewhere(worker) => worker.is_ready(limit),
            Self::Here(_) | Self::Nowhere => true,
        }
    }
}

impl Read for Inflater {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Here(decoder) => decoder.read(into),
            Self::Elsewhere(worker) => worker.read(into),
            Self::Nowhere => Ok(0),
        }
    }
}

/// The reading end of a decompressing thread. Dropping it ends the thread at its next chunk.
pub(super) struct Worker {
    /// An empty chunk marks the end; a thread that is gone without it has crashed.
    full: Receiver<io::Result<Vec<u8>>>,
    empty: SyncSender<Vec<u8>>,
    chunk: Cursor<Vec<u8>>,
    /// The end or an error came.
    over: bool,
    /// Came while it was waited for.
    next: Option<io::Result<Vec<u8>>>,
}

impl Worker {
    fn start(decoder: Box<dyn Read + Send>) -> Inflater {
        let (full_in, full) = sync_channel(CHUNKS);
        let (empty, empty_out) = sync_channel(CHUNKS);
        // The decoder goes to the thread only once there is one: a refused thread must not cost the data.
        let (hand_over, take_over) = sync_channel::<Box<dyn Read + Send>>(1);
        let spawned = thread::Builder::new().name("inflate".to_owned()).spawn(move || {
            if let Ok(decoder) = take_over.recv() {
                work(decoder, &full_in, &empty_out);
            }
        });
        if spawned.is_err() {
            return Inflater::Here(decoder);
        }
        match hand_over.send(decoder) {
            Ok(()) => Inflater::Elsewhere(Self { full, empty, chunk: Cursor::default(), over: false, next: None }),
            Err(back) => Inflater::Here(back.0),
        }
    }

    fn is_ready(&mut self, limit: Duration) -> bool {
        let in_hand = self.next.is_some() || self.chunk.position() < self.chunk.get_ref().len() as u64;
        if in_hand {
            return true;
        }
        match self.full.recv_timeout(limit) {
            Ok(next) => self.next = Some(next),
            Err(RecvTimeoutError::Timeout) => return false,
            Err(RecvTimeoutError::Disconnected) => {}
        }
        true
    }

    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let n = self.chunk.read(into)?;
            if n > 0 {
                return Ok(n);
            }
            if self.over {
                return Ok(0);
            }
            let next = match self.next.take() {
                Some(next) => next,
                None => self.full.recv().unwrap_or_else(|_| Err(io::Error::other("the decompressing thread crashed"))),
            };
            self.over = next.as_ref().map_or(true, Vec::is_empty);
            let used = std::mem::replace(&mut self.chunk, Cursor::new(next?));
            let _ = self.empty.try_send(used.into_inner());
        }
    }
}

/// Inflates until the end, an error, or until nobody wants more.
fn work(mut decoder: Box<dyn Read + Send>, full: &SyncSender<io::Result<Vec<u8>>>, empty: &Receiver<Vec<u8>>) {
    loop {
        let mut chunk = match empty.try_recv() {
            Ok(used) => used,
            Err(TryRecvError::Empty) => Vec::new(),
            Err(TryRecvError::Disconnected) => return,
        };
        chunk.resize(CHUNK, 0);
        let result = match decoder.read(&mut chunk) {
            Ok(n) => {
                chunk.truncate(n);
                Ok(chunk)
            }
            Err(e) if e.kind() == ErrorKind::Interrupted => continue,
            Err(e) => Err(e),
        };
        let last = result.as_ref().map_or(true, Vec::is_empty);
        if full.send(result).is_err() || last {
            return;
        }
    }
}

/// Passes over the skippable frames that come next: magic, length, and so many bytes of somebody else's.
fn pass_skippable(packed: &mut Packed) -> io::Result<()> {
    while let [0x50..=0x5f, 0x2a, 0x4d, 0x18, len @ ..] = packed.peek(8)? {
        let len = <[u8; 4]>::try_from(len).map_err(|_| ErrorKind::UnexpectedEof)?;
        packed.consume(8);
        let mut left = u32::from_le_bytes(len) as usize;
        while left > 0 {
            let n = packed.fill_buf()?.len().min(left);
            if n == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            packed.consume(n);
            left -= n;
        }
    }
    Ok(())
}

/// All gzip members, one after another, and zeros after any of them.
struct Gzip {
    /// Nothing after the end, or after an error.
    member: Option<GzDecoder<Packed>>,
}

impl Read for Gzip {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let n = member.read(into)?;
            if n > 0 || into.is_empty() {
                return Ok(n);
            }
            let Some(mut packed) = self.member.take().map(GzDecoder::into_inner) else { break };
            while let Some(0) = packed.peek(1)?.first() {
                let zeros = packed.fill_buf()?.iter().take_while(|&&b| b == 0).count();
                packed.consume(zeros);
            }
            if !packed.peek(1)?.is_empty() {
                self.member = Some(GzDecoder::new(packed));
            }
        }
        Ok(0)
    }
}

/// All lz4 frames, one after another. `FrameDecoder` says "end" after each frame, and says the same when the data stop
/// between two blocks of an unfinished one.
struct Lz4 {
    frames: FrameDecoder<Ending>,
    finished: bool,
}

impl Read for Lz4 {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.finished {
                return Ok(0);
            }
            let n = self.frames.read(into)?;
            if n > 0 || into.is_empty() {
                return Ok(n);
            }
            let packed = &mut self.frames.get_mut().packed;
            pass_skippable(packed)?;
            if !packed.peek(1)?.is_empty() {
                continue; // another frame follows
            }
            self.finished = true;
            // Show the decoder one more byte. Between frames it must ask for the rest of a frame header and fail for
            // want of it; inside a frame it takes the byte for the start of a block and says "end" once more.
            self.frames.get_mut().ended = true;
            return match self.frames.read(into) {
                Err(_) => Ok(0),
                Ok(_) => Err(ErrorKind::UnexpectedEof.into()),
            };
        }
    }
}

/// Compressed bytes, and one byte more once their end was seen.
struct Ending {
    packed: Packed,
    ended: bool,
}

impl Read for Ending {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match (self.ended, into) {
            (true, [first, ..]) => {
                self.ended = false;
                *first = 0;
                Ok(1)
            }
            (_, into) => self.packed.read(into),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives some bytes, and then panics.
    struct Crash(usize);

    impl Read for Crash {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            self.0 = self.0.checked_sub(1).expect("meant to crash");
            into[..7].fill(1);
            Ok(7)
        }
    }

    #[test]
    fn a_thread_that_crashes_is_an_error_and_no_end() {
        let mut inflater = Worker::start(Box::new(Crash(3)));
        assert!(matches!(inflater, Inflater::Elsewhere(_)));
        let mut bytes = Vec::new();
        let error = inflater.read_to_end(&mut bytes).expect_err("it crashed");
        assert_eq!((bytes.len(), error.to_string().as_str()), (21, "the decompressing thread crashed"));
        let mut good = Worker::start(Box::new(Cursor::new(vec![1; CHUNK + 1])));
        assert_eq!(good.read_to_end(&mut Vec::new()).expect("a good end"), CHUNK + 1);
        assert_eq!(good.read(&mut [0]).expect("and the end again"), 0);
    }
}
