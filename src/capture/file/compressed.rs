//! Decompression on the way in. The first bytes are inflated where the file is opened; from then on a thread of its own does
//! it, for inflating costs several times what reading packets does.
//!
//! Files made of several compressed ones (`cat a.gz b.gz`) are read to their end.

use super::raw::Raw;
use flate2::bufread::MultiGzDecoder;
use liblzma::bufread::XzDecoder;
use liblzma::stream::{CONCATENATED, Stream};
use lz4_flex::frame::FrameDecoder;
use std::io::{self, BufRead, BufReader, Chain, Cursor, ErrorKind, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::thread;
use std::time::Duration;

/// Bytes handed from the thread to the reader at a time.
const CHUNK: usize = 256 << 10;
/// Chunks on their way at most.
const CHUNKS: usize = 8;
/// Memory that an xz stream may ask for; `xz -9` asks for 65 MiB.
const XZ_MEMORY: u64 = 512 << 20;

/// A compressed format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    Gzip,
    Zstd,
    Lz4,
    Xz,
}

impl Compression {
    /// Bytes that tell it.
    pub(super) const SNIFFED: usize = 6;

    /// Told by the first bytes, never by the file's name.
    pub(super) fn sniff(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            // A zstd frame, or the skippable frame that parallel compressors write first.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Self::Zstd),
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
        }
    }
}

/// Compressed bytes: those read already, and the rest.
type Packed = BufReader<Chain<Cursor<Vec<u8>>, Raw>>;

/// Inflates, here or in a thread.
pub(super) enum Inflater {
    Here(Box<dyn Read + Send>),
    Elsewhere(Worker),
    /// Only while changing from one to the other.
    Nowhere,
}

impl Inflater {
    /// `start` are the bytes read from `raw` already.
    pub(super) fn new(compression: Compression, start: Vec<u8>, raw: Raw) -> io::Result<Self> {
        let packed = BufReader::with_capacity(CHUNK, Cursor::new(start).chain(raw));
        Ok(Self::Here(match compression {
            Compression::Gzip => Box::new(MultiGzDecoder::new(packed)),
            Compression::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(packed)?),
            Compression::Lz4 => Box::new(Lz4 { frames: FrameDecoder::new(Ending { packed, ended: false }), finished: false }),
            Compression::Xz => {
                let stream = Stream::new_stream_decoder(XZ_MEMORY, CONCATENATED)?;
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
    full: Receiver<io::Result<Vec<u8>>>,
    empty: SyncSender<Vec<u8>>,
    chunk: Cursor<Vec<u8>>,
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
            Ok(()) => Inflater::Elsewhere(Self { full, empty, chunk: Cursor::default(), next: None }),
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
            let Some(next) = self.next.take().or_else(|| self.full.recv().ok()) else { return Ok(0) };
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
            Ok(0) => return,
            Ok(n) => {
                chunk.truncate(n);
                Ok(chunk)
            }
            Err(e) if e.kind() == ErrorKind::Interrupted => continue,
            Err(e) => Err(e),
        };
        let failed = result.is_err();
        if full.send(result).is_err() || failed {
            return;
        }
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
            if !self.frames.get_mut().packed.fill_buf()?.is_empty() {
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
