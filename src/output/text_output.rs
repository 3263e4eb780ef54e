//! Where text goes: standard output or a file, gathered into large writes by a thread of their own, each of them checked, the close as
//! well. The rules for files that exist are those of [`super::target`], the same as for capture files.
//!
//! Of saved files the run waits until there is room. Live it does not: who makes text asks [`TextOutput::has_room`] before, leaves
//! it out where there is none, and counts it. When the sources have ended nothing is hurried any more, and a reader is waited for as
//! long as it reads.

use super::files::{Files, Here};
use super::queue::{Consumer, Moved, Queue, WhenFull};
use super::target::{PATIENCE, PIECE, Target};
use super::write_error::WriteError;
use std::io::{self, Write};
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Bytes gathered before they are handed to the thread.
const GATHER: usize = 64 << 10;
/// The same when the run can wait: to wake the thread costs, and nobody waits for a line.
const GATHER_OF_FILES: usize = 256 << 10;
/// Bytes that may wait when the run can: enough that neither side waits for the other's pace, and all of it stays in a cache.
const MOST_OF_FILES: usize = 256 << 10;
/// Bytes that may wait live before records are left out. Packets are left out at half of that, for a flow is told once: a reader may
/// pause for a second at half a million lines a second.
pub const MOST_OF_RECORDS: usize = 128 << 20;

/// An opened output for text. Its errors hold a [`WriteError`] that names the file.
#[derive(Debug)]
pub struct TextOutput {
    path: PathBuf,
    /// Until the thread has it.
    target: Option<Target>,
    /// Once something was written: the thread begins with the run, not before.
    queue: Option<Queue<Writer>>,
    gathered: Vec<u8>,
    /// Bytes handed to the thread, ever.
    handed: u64,
    /// Live: where the packets or records among the gathered bytes end.
    ends: Vec<u32>,
    pace: Pace,
    /// Live: bytes that may wait.
    most: usize,
    /// Live: how many packets or records were put in, ever.
    told: u64,
    written: Arc<Written>,
    /// A write failed: nothing more is tried.
    failed: bool,
}

/// Who waits for whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    /// The run for the reader.
    Saved,
    /// Nobody.
    Live,
    /// The run has read all it will, and waits while the reader reads.
    Ending,
    /// The reader has not read for long: it is not waited for again.
    Stuck,
}

/// What there is room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// A packet.
    Packet,
    /// A record of a flow.
    Record,
}

/// How an output was closed.
#[derive(Debug)]
pub struct Closed {
    /// Packets or records that were put in live and did not get out.
    pub unwritten: u64,
    /// The error that was not told yet; a disk may be found to be full only now.
    pub result: Result<(), WriteError>,
}

/// How far the thread is.
#[derive(Debug, Default)]
struct Written {
    moved: Moved,
    /// Packets or records that are out whole.
    told: AtomicU64,
}

/// Text on its way.
#[derive(Debug)]
struct Chunk {
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

/// What the thread does.
#[derive(Debug)]
struct Writer {
    target: Target,
    piece: usize,
    written: Arc<Written>,
}

impl Consumer for Writer {
    type Item = Chunk;

    fn take(&mut self, chunk: Chunk) -> io::Result<Option<Vec<u8>>> {
        // A packet may end where the chunk begins.
        let (mut out, mut ended) = (0, chunk.ends.partition_point(|end| *end == 0));
        self.written.told.fetch_add(ended as u64, Ordering::Relaxed);
        for piece in chunk.bytes.chunks(self.piece) {
            self.target.write(piece).map_err(|broken| self.target.cannot("writing", broken.error))?;
            out += piece.len();
            self.written.moved.fetch_add(1, Ordering::Relaxed);
            let now = ended + chunk.ends[ended..].partition_point(|end| *end as usize <= out);
            self.written.told.fetch_add((now - ended) as u64, Ordering::Relaxed);
            ended = now;
        }
        Ok(Some(chunk.bytes))
    }

    fn join(waiting: &mut Chunk, chunk: Chunk) -> Result<Vec<u8>, Chunk> {
        if waiting.bytes.len() + chunk.bytes.len() > GATHER {
            return Err(chunk);
        }
        let before = waiting.bytes.len() as u32;
        waiting.bytes.extend_from_slice(&chunk.bytes);
        waiting.ends.extend(chunk.ends.iter().map(|end| before + end));
        Ok(chunk.bytes)
    }
}

impl TextOutput {
    /// Creates the file; `-` is standard output. A file that exists is overwritten only with `force`, one of those being read
    /// (`reading`: device and inode) never. This destroys what was in the file: to be called when all arguments are known to be good.
    pub fn open(path: &Path, force: bool, reading: &[(u64, u64)], files: &dyn Files) -> Result<Self, WriteError> {
        let target = Target::open(path, force, reading, files)?;
        Ok(Self {
            path: path.to_owned(),
            target: Some(target),
            queue: None,
            gathered: Vec::with_capacity(GATHER + 4096),
            handed: 0,
            ends: Vec::new(),
            pace: Pace::Saved,
            most: MOST_OF_RECORDS,
            told: 0,
            written: Arc::default(),
            failed: false,
        })
    }

    /// Standard output.
    pub fn stdout() -> Result<Self, WriteError> {
        Self::open(Path::new("-"), false, &[], &Here)
    }

    /// The same for a run that waits for nobody: at most so many bytes wait, those of packets in half of that, and no more than
    /// [`MOST_OF_RECORDS`]. To be called before anything is written.
    #[must_use]
    pub fn live(mut self, most: usize) -> Self {
        self.pace = Pace::Live;
        self.most = most.min(MOST_OF_RECORDS);
        self
    }

    /// Does somebody read it as it is written: is it a pipe, a terminal?
    #[must_use]
    pub fn has_reader(&self) -> bool {
        self.target.as_ref().is_some_and(Target::has_reader)
    }

    /// Is there room? Live, what finds none is to be left out, and counted. Cheap enough to be asked for every packet.
    #[must_use]
    pub fn has_room(&mut self, what: Room) -> bool {
        let most = match what {
            Room::Packet => self.most / 2,
            Room::Record => self.most,
        };
        let Some(queue) = &self.queue else { return true };
        if self.pace == Pace::Saved || queue.waiting() <= most {
            return true;
        }
        if self.pace == Pace::Ending && !queue.wait_for_room(most, PATIENCE, &self.written.moved) {
            self.pace = Pace::Stuck;
        }
        self.pace == Pace::Ending
    }

    /// Where text is gathered, for those who write a line in many small pieces. What is there already stays.
    pub fn gathered(&mut self) -> io::Result<&mut Vec<u8>> {
        if self.failed {
            return Err(io::Error::other("an earlier write failed"));
        }
        if self.gathered.len() >= if self.pace == Pace::Saved { GATHER_OF_FILES } else { GATHER } {
            self.hand_on()?;
        }
        Ok(&mut self.gathered)
    }

    /// What was written since the last call is a packet or a record: should it not get out, it is told how many did not.
    pub fn end_of_one(&mut self) {
        if self.pace != Pace::Saved {
            self.told += 1;
            self.ends.push(self.gathered.len() as u32);
        }
    }

    /// Bytes that were put in, ever.
    #[must_use]
    pub const fn bytes_taken(&self) -> u64 {
        self.handed + self.gathered.len() as u64
    }

    /// The sources have ended: from now on there is time to wait for who reads, as long as it does.
    pub fn sources_ended(&mut self) {
        if self.pace == Pace::Live {
            self.pace = Pace::Ending;
        }
    }

    /// Writes what is gathered and closes the file. After a failed write there is nothing more to tell. Of a live run, who reads
    /// is waited for while it reads, and no longer than 2 seconds when it does not.
    #[must_use]
    pub fn close(mut self) -> Closed {
        let was_told = self.failed;
        let handed = if was_told { Ok(()) } else { self.hand_on() };
        let ended = match self.queue.take() {
            Some(queue) => self.end(queue),
            None => self.target.take().map_or(Ok(()), close),
        };
        let result = if was_told { Ok(()) } else { handed.and(ended) };
        Closed { unwritten: self.told - self.written.told.load(Ordering::Relaxed), result }
    }

    fn end(&self, queue: Queue<Writer>) -> Result<(), WriteError> {
        let waiting = queue.waiting();
        let ended = match self.pace {
            Pace::Saved => queue.close(),
            Pace::Stuck if waiting > 0 => queue.close_while_it_moves(Duration::ZERO, &self.written.moved),
            _ => queue.close_while_it_moves(PATIENCE, &self.written.moved),
        };
        match ended {
            Some((writer, Ok(()))) => close(writer.target),
            Some((_, Err(error))) => Err(self.own(error)),
            None => Err(WriteError::Unread { path: self.path.clone() }),
        }
    }

    /// The thread's errors are ours in a wrapping.
    fn own(&self, error: io::Error) -> WriteError {
        match error.downcast::<WriteError>() {
            Ok(error) => error,
            Err(error) => WriteError::Output { path: self.path.clone(), operation: "writing", error },
        }
    }

    fn hand_on(&mut self) -> Result<(), WriteError> {
        let done = self.give();
        done.map_err(|error| {
            self.failed = true;
            self.own(error)
        })
    }

    fn give(&mut self) -> io::Result<()> {
        if self.gathered.is_empty() && self.ends.is_empty() {
            return self.queue.as_ref().map_or(Ok(()), Queue::check);
        }
        if let Some(target) = self.target.take() {
            let live = self.pace != Pace::Saved;
            let (full, most) = if live { (WhenFull::Refuse, self.most / 2) } else { (WhenFull::Wait, MOST_OF_FILES) };
            let piece = if live && target.has_reader() { PIECE } else { usize::MAX };
            let writer = Writer { target, piece, written: Arc::clone(&self.written) };
            self.queue = Some(Queue::start(writer, most, full)?);
        }
        let Some(queue) = &self.queue else { return Err(io::Error::other("the output is closed")) };
        if self.pace == Pace::Saved {
            // Should it have failed, that comes with the next line.
            let _ = queue.has_room();
        }
        let bytes = mem::replace(&mut self.gathered, queue.buffer());
        let len = bytes.len();
        self.handed += len as u64;
        queue.push(Chunk { bytes, ends: mem::take(&mut self.ends) }, len)
    }
}

fn close(mut target: Target) -> Result<(), WriteError> {
    target.close().map_err(|error| target.cannot("closing", error))
}

/// Of a run that was broken off: what a reader does not take is left.
impl Drop for TextOutput {
    fn drop(&mut self) {
        if let (Some(queue), Pace::Live | Pace::Ending | Pace::Stuck) = (self.queue.take(), self.pace) {
            drop(queue.close_while_it_moves(Duration::ZERO, &self.written.moved));
        }
    }
}

impl Write for TextOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.gathered()?.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    /// Hands on what is gathered, and tells what went wrong with what was handed on before. Waits for nobody but where the run may.
    fn flush(&mut self) -> io::Result<()> {
        if self.failed {
            return Ok(());
        }
        Ok(self.hand_on()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, File};
    use std::io::Read;
    use std::os::fd::OwnedFd;
    use std::thread;

    /// An output into a pipe, and the end to read from.
    fn piped() -> (TextOutput, io::PipeReader) {
        let (reader, writer) = io::pipe().unwrap();
        let mut out = TextOutput::open(Path::new("/dev/null"), false, &[], &Here).unwrap().live(MOST_OF_RECORDS);
        out.target = Some(Target::of(File::from(OwnedFd::from(writer)), Path::new("-")).unwrap());
        (out, reader)
    }

    fn line(out: &mut TextOutput, number: u64) -> io::Result<()> {
        writeln!(out.gathered()?, "{number:99}")?;
        out.end_of_one();
        Ok(())
    }

    #[test]
    fn text_arrives_whole_and_errors_name_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.csv");
        let text = "id,state\n".repeat(200_000);
        let mut out = TextOutput::open(&path, false, &[], &Here).unwrap();
        for part in text.as_bytes().chunks(10_000) {
            out.write_all(part).unwrap();
        }
        out.close().result.unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
        assert!(matches!(TextOutput::open(&path, false, &[], &Here), Err(WriteError::Exists { .. })));
        let mut full = TextOutput::open(Path::new("/dev/full"), false, &[], &Here).unwrap();
        full.write_all(b"x").unwrap();
        let error = loop {
            if let Err(error) = full.flush() {
                break error;
            }
            thread::yield_now();
        };
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert_eq!(error.to_string(), "cannot write /dev/full: No space left on device (os error 28)");
        assert!(full.write(b"y").is_err());
        full.close().result.unwrap();
    }

    #[test]
    fn an_error_at_the_end_is_told_by_the_close() {
        let mut full = TextOutput::open(Path::new("/dev/full"), false, &[], &Here).unwrap();
        full.write_all(b"x").unwrap();
        assert_eq!(full.close().result.unwrap_err().to_string(), "cannot write /dev/full: No space left on device (os error 28)");
        let (mut out, reader) = piped();
        drop(reader);
        line(&mut out, 1).unwrap();
        let closed = out.close();
        assert_eq!((closed.unwritten, io::Error::from(closed.result.unwrap_err()).kind()), (1, io::ErrorKind::BrokenPipe));
    }

    #[test]
    fn nothing_is_begun_before_something_is_written() {
        let (out, mut reader) = piped();
        assert!(out.queue.is_none());
        out.close().result.unwrap();
        assert_eq!(reader.read(&mut [0]).unwrap(), 0, "closed all the same");
    }

    #[test]
    fn who_reads_slowly_gets_all_that_found_room() {
        let (mut out, mut reader) = piped();
        let slow = thread::spawn(move || {
            let mut text = Vec::new();
            let mut some = vec![0; 30_000];
            while let Ok(n @ 1..) = reader.read(&mut some) {
                text.extend_from_slice(&some[..n]);
                if text.len() < 3_000_000 {
                    thread::sleep(Duration::from_millis(2));
                }
            }
            text
        });
        for number in 0..100_000 {
            line(&mut out, number).unwrap();
            if number % 7 == 0 {
                out.flush().unwrap();
            }
        }
        let closed = out.close();
        closed.result.unwrap();
        assert_eq!(closed.unwritten, 0);
        let mut expected = Vec::new();
        (0..100_000).for_each(|number| writeln!(expected, "{number:99}").unwrap());
        assert!(slow.join().unwrap() == expected);
    }

    /// Of a pipe that nobody reads: what is in it, what was refused and what was left are all that there was.
    #[test]
    fn who_does_not_read_is_left_and_the_account_is_exact() {
        let (mut out, mut reader) = piped();
        let mut refused = 0;
        for number in 0..1_000_000 {
            if out.has_room(Room::Packet) {
                line(&mut out, number).unwrap();
            } else {
                refused += 1;
            }
        }
        assert!((250_000..400_000).contains(&refused), "a line has 100 bytes: {refused}");
        assert!(out.has_room(Room::Record), "records have room beyond packets");
        out.sources_ended();
        assert!(!out.has_room(Room::Packet), "nobody reads");
        let closed = out.close();
        assert!(matches!(closed.result, Err(WriteError::Unread { .. })));
        let mut there = vec![0; 1 << 20];
        let got = reader.read(&mut there).unwrap();
        let whole = there[..got].split(|b| *b == b'\n').count() as u64 - 1;
        assert_eq!(whole + refused + closed.unwritten, 1_000_000);
    }
}
