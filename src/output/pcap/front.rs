//! The near side: makes records of packets and decides in which file they go, and where a file ends, so that a packet is never
//! split. Of packets that found no room it knows how many.

use super::back::{Back, Begin, Job};
use super::chunks::{Chunks, Closed};
use super::config::PcapConfig;
use super::form::{Form, SecondLink};
use super::interfaces::Period;
use super::pack::Pack;
use super::rotate::{Names, Periods, Rotation};
use crate::event::{Event, Keep, Sink};
use crate::model::{FileFormat, Frame, FrameMarks, SourceInfo, SourceStats, Timestamp};
use crate::output::queue::WhenFull;
use crate::output::target::{Compressed, Target, compressed, is_stdout};
use crate::output::write_error::WriteError;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Files in use are asked for again after so many nanoseconds.
const ASK_AGAIN: i64 = 1_000_000_000;

/// What was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Packets, in all files.
    pub packets: u64,
    /// Bytes, in all files.
    pub bytes: u64,
    /// Packets whose time the format cannot express (pcap: before 1970 or after 2106); they bear the nearest that it can.
    pub times_clamped: u64,
    /// Files that were completed.
    pub files: u64,
    /// Of those, how many were removed again ([`Rotation::keep_files`], [`Rotation::keep_bytes`]).
    pub removed: u64,
    /// Files that should have been removed and could not be, a sentence each.
    pub troubles: Vec<String>,
}

/// Capture files being written.
pub struct PcapWriter {
    path: PathBuf,
    rotation: Rotation,
    form: Form,
    names: Names,
    periods: Periods,
    /// Records of the file at hand on their way.
    chunks: Chunks,
    file: Current,
    /// Packets taken, whether they are written or not, and times that do not fit.
    total: Written,
    /// Packets left out.
    dropped: u64,
    /// It failed, or is finished: nothing can be written any more.
    over: bool,
    /// Time of the last packet.
    last: Timestamp,
    /// The time when that was last told (live).
    now: Timestamp,
    /// When files in use were last asked for.
    asked: Timestamp,
    /// Files that should be removed and are in use.
    late: Arc<AtomicU64>,
    /// Through zstd.
    packed: bool,
    /// Files can end and begin: it is no pipe, device or standard output.
    regular: bool,
    /// The far side, when all is written.
    left: Option<Box<Back>>,
}

/// The file at hand.
#[derive(Clone, Copy, Debug, Default)]
struct Current {
    open: bool,
    /// Handed over, before compression.
    bytes: u64,
    /// Taken.
    packets: u64,
    /// Something was handed over since the last flush.
    unflushed: bool,
    start: Timestamp,
}

impl fmt::Debug for PcapWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PcapWriter").field("path", &self.path).field("file", &self.file).finish_non_exhaustive()
    }
}

impl PcapWriter {
    /// Creates the file; `-` is standard output. Pipes, FIFOs and devices are opened as they are. Of rotated files read from files
    /// the first is created with the first packet.
    pub fn create(path: &Path, config: &PcapConfig) -> Result<Self, WriteError> {
        let pack = match compressed(path) {
            Some(Compressed::Zstd) => Some(Pack::new().map_err(|error| WriteError::Create { path: path.to_owned(), error })?),
            Some(Compressed::Other) => return Err(WriteError::Compressed { path: path.to_owned(), capture: true }),
            None => None,
        };
        let live = config.when_full == WhenFull::Refuse;
        let packed = pack.is_some();
        let mut names = Names::new(path, &config.rotation)?;
        let pcapng = config.format == FileFormat::PcapNg;
        let mut back = Back::new(Arc::clone(&config.files), pcapng, pack, &config.rotation);
        let late = back.late();
        let (mut regular, mut reader) = (true, None);
        let mut file = Current { start: config.start, ..Current::default() };
        if !config.rotation.is_on() {
            let target = if is_stdout(path) {
                Target::open(path, false, &[], config.files.as_ref())?
            } else {
                Target::create(path, config.force, &config.reading, config.files.as_ref())?
            };
            regular = target.is_regular();
            reader = (live && target.has_reader()).then(|| back.watch());
            back.hold(target, None);
            names.count_first();
            file.open = true;
        } else if live {
            back.begin(&Begin { again: None, name: names.next(config.start) })?;
            file.open = true;
        }
        Ok(Self {
            path: path.to_owned(),
            chunks: Chunks::new(back, config.when_full, config.most_waiting, reader),
            rotation: config.rotation,
            form: Form::new(config.format, &config.section),
            names,
            periods: Periods::new(config.rotation.span, live.then_some(config.start), live),
            file,
            total: Written::default(),
            dropped: 0,
            over: false,
            last: Timestamp::default(),
            now: Timestamp::default(),
            asked: config.start,
            late,
            packed,
            regular,
            left: None,
        })
    }

    /// Can a file be ended and another begun? Not of pipes, devices and standard output.
    #[must_use]
    pub const fn can_rotate(&self) -> bool {
        self.regular
    }

    /// Does somebody read it as it is written (live): is it a pipe?
    #[must_use]
    pub const fn has_reader(&self) -> bool {
        self.chunks.has_reader()
    }

    /// Takes in what is known of a source; to be called before its first packet, and again when more is known.
    pub fn source(&mut self, index: u16, info: &SourceInfo) {
        self.form.learn(index, info);
    }

    /// Writes a packet. After a failure packets are only counted.
    pub fn write(&mut self, frame: &Frame<'_>) -> Result<(), WriteError> {
        if self.over {
            self.total.packets += 1;
            return Ok(());
        }
        // Room is asked for once a chunk.
        if self.chunks.is_empty() && !self.chunks.has_room() {
            self.dropped += 1;
            self.form.leave_out(frame);
            return Ok(());
        }
        self.total.packets += 1;
        if self.rotation.is_on() && self.periods.has_ended(frame.ts) && self.file.packets > 0 {
            self.end(frame.ts)?;
        }
        if !self.file.open {
            self.begin(frame.ts)?;
        }
        let before = if self.dropped > 0 { self.form.left_out_before(frame) } else { 0 };
        if before > 0 {
            let marks = FrameMarks { dropped_before: frame.marks.dropped_before + before, ..frame.marks };
            self.append(&Frame { marks, ..*frame })?;
        } else {
            self.append(frame)?;
        }
        self.form.keep_packet();
        self.chunks.packets += 1;
        self.file.packets += 1;
        self.last = frame.ts;
        if self.chunks.is_full() {
            self.hand_over()?;
        }
        Ok(())
    }

    /// Appends a record, if need be to the next file.
    #[inline]
    fn append(&mut self, frame: &Frame<'_>) -> Result<(), WriteError> {
        let record = self.form.packet(&mut self.chunks.buffer, frame).map_err(|second| self.second_link(&second))?;
        self.total.times_clamped += u64::from(!record.fits);
        if self.rotation.bytes.is_some_and(|most| self.bytes() > most) && self.file.packets > 0 {
            self.chunks.buffer.truncate(record.start);
            self.end(frame.ts)?;
            self.begin(frame.ts)?;
            self.form.packet(&mut self.chunks.buffer, frame).map_err(|second| self.second_link(&second))?;
        }
        Ok(())
    }

    #[cold]
    fn second_link(&self, second: &SecondLink) -> WriteError {
        WriteError::SecondLinkType { path: self.path.clone(), first: second.0, second: second.1 }
    }

    /// Would a packet be taken now? Where the source can wait, this waits until it would.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.over || !self.chunks.is_empty() || self.chunks.has_room()
    }

    /// Waits until a packet would be taken, also where the source does not wait; for a reader only while it reads.
    pub fn wait_for_room(&self) {
        if !self.has_room() {
            self.chunks.wait_for_room();
        }
    }

    /// Packets taken so far, whether they are written out or not, or were lost in a failure.
    #[must_use]
    pub fn packets(&self) -> u64 {
        self.total.packets
    }

    /// Length of the file at hand, before compression, with what is still to be written out.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.file.bytes + self.chunks.gathered() as u64
    }

    /// Writes out everything taken so far; a file of zstd can then be read up to here. Where the source can wait, this does until
    /// it is done.
    pub fn flush(&mut self) -> Result<(), WriteError> {
        if self.over {
            return Ok(());
        }
        if self.file.open {
            self.form.begin(&mut self.chunks.buffer, false);
            self.hand_over()?;
            if self.packed && std::mem::take(&mut self.file.unflushed) {
                self.push(Job::Flush)?;
            }
        }
        self.chunks.settle().map_err(|error| self.told(error))
    }

    /// Takes the counters of a source as they are now, for pcapng files: their share stands at the end of each file. A live source
    /// of one interface may give them as its own.
    pub fn count(&mut self, index: u16, info: &SourceInfo, stats: &SourceStats) {
        if !self.over {
            self.form.count(index, info, stats);
        }
    }

    /// Ends the file at hand and begins the next. Of several ([`Rotation`]) one without packets goes on, and the next begins with
    /// its first packet: no empty file takes the place of one that is kept.
    pub fn rotate(&mut self, now: Timestamp) -> Result<(), WriteError> {
        if self.over || !self.regular {
            return Ok(());
        }
        if self.rotation.is_on() {
            return if self.file.packets > 0 { self.end(now) } else { Ok(()) };
        }
        if self.file.open {
            self.end(now)?;
        }
        self.begin(now)
    }

    /// Time went on without packets: a period may be over.
    pub fn on_time(&mut self, now: Timestamp) -> Result<(), WriteError> {
        self.now = now;
        if !self.over && self.periods.has_ended(now) && self.file.packets > 0 {
            self.end(now)?;
        }
        // What is done with them may have ended; a clock that was set back is no reason to wait.
        let due = now < self.asked || now.nanos().saturating_sub(self.asked.nanos()) >= ASK_AGAIN;
        if !self.over && self.late() > 0 && due {
            self.asked = now;
            self.push(Job::RemoveLate)?;
        }
        Ok(())
    }

    /// Files that are too many ([`Rotation::keep_files`], [`Rotation::keep_bytes`]) and in use still, so that they cannot be removed.
    #[must_use]
    pub fn late(&self) -> u64 {
        self.late.load(Ordering::Relaxed)
    }

    /// Writes the end of the file, closes it, and waits for all that; a file whose writer is dropped without it lacks its counters.
    /// After a failure it tells what is safe.
    pub fn finish(&mut self) -> Result<Written, WriteError> {
        if !self.over {
            // A run without packets has a file, too.
            if !self.file.open && self.total.packets == 0 {
                self.begin(self.file.start)?;
            }
            if self.file.open {
                self.end(self.now)?;
            }
        }
        self.over = true;
        let (back, done) = match self.chunks.close() {
            Closed::Done(back, done) => (back, done),
            Closed::Unread => return Err(WriteError::Unread { path: self.path.clone() }),
            Closed::Before => return Ok(self.total.clone()),
        };
        let taken = self.total.packets;
        self.total = Written {
            packets: back.done.packets,
            bytes: back.done.bytes,
            files: back.done.files,
            removed: back.kept.removed,
            troubles: back.kept.troubles.clone(),
            ..self.total
        };
        self.left = Some(back);
        done.map_err(|error| self.told_of(error, taken))?;
        Ok(self.total.clone())
    }

    /// Packets that were taken and are not known to be written.
    #[must_use]
    pub fn unsaved(&self) -> u64 {
        self.total.packets.saturating_sub(self.chunks.saved())
    }

    /// Writes what is there and closes the file without its counters, for the case that something else ended the run. Waits for it,
    /// if it is no live one into a pipe.
    pub fn abandon(&mut self) {
        if !self.over && self.file.open {
            let _ = self.hand_over().and_then(|()| self.push(Job::End));
        }
        self.over = true;
        if let Closed::Done(back, _) = self.chunks.close() {
            self.left = Some(back);
        }
    }

    /// What is done with complete files has ended ([`Files::settle`](crate::output::files::Files::settle)): removes those that are not
    /// kept and could not be removed before. What was written in all.
    pub fn after_commands(&mut self) -> Written {
        if let Some(mut back) = self.left.take() {
            back.after_commands();
            (self.total.removed, self.total.troubles) = (back.kept.removed, back.kept.troubles);
        }
        self.total.clone()
    }

    /// The file at hand is complete.
    #[cold]
    fn end(&mut self, at: Timestamp) -> Result<(), WriteError> {
        let end = at.max(self.last).max(self.file.start);
        self.form.end(&mut self.chunks.buffer, Period { start: self.file.start, last: self.last, end });
        self.hand_over()?;
        self.push(Job::End)?;
        self.form.renew();
        self.file = Current { start: end, ..Current::default() };
        Ok(())
    }

    /// Another file begins.
    #[cold]
    fn begin(&mut self, at: Timestamp) -> Result<(), WriteError> {
        // Its share of the counters begins where the one before ended.
        // A clock that was set back since then is right now.
        let start = if self.file.start == Timestamp::default() { at } else { self.file.start.min(at) };
        let again = (!self.rotation.is_on()).then(|| self.path.clone());
        let begin = Box::new(Begin { again, name: self.names.next(at) });
        self.file = Current { open: true, start, ..Current::default() };
        self.push(Job::Begin(begin))
    }

    /// Hands over what is gathered.
    fn hand_over(&mut self) -> Result<(), WriteError> {
        let bytes = self.chunks.gathered() as u64;
        if bytes > 0 {
            self.file.bytes += bytes;
            self.file.unflushed = true;
            self.chunks.hand_over().map_err(|error| self.told(error))?;
        }
        Ok(())
    }

    fn push(&mut self, job: Job) -> Result<(), WriteError> {
        self.chunks.push(job).map_err(|error| self.told(error))
    }

    /// The far side failed: nothing more is written.
    #[cold]
    fn told(&mut self, error: io::Error) -> WriteError {
        let taken = self.total.packets;
        self.told_of(error, taken)
    }

    #[cold]
    fn told_of(&mut self, error: io::Error, taken: u64) -> WriteError {
        self.over = true;
        self.chunks.buffer.clear();
        let lost = taken.saturating_sub(self.chunks.saved());
        let mut error = match error.downcast::<WriteError>() {
            Ok(error) => error,
            Err(error) => WriteError::Output { path: self.path.clone(), operation: "writing", error },
        };
        if let WriteError::Write { unsaved, .. } | WriteError::Rotate { unsaved, .. } = &mut error {
            *unsaved = lost;
        }
        error
    }
}

impl Drop for PcapWriter {
    fn drop(&mut self) {
        self.abandon();
    }
}

impl Sink for PcapWriter {
    fn on_event(&mut self, event: &Event<'_>) -> io::Result<Keep> {
        match event {
            Event::Source { index, info } => self.source(*index, info),
            Event::Packet { frame, .. } => self.write(frame)?,
            Event::Counters { index, info, stats } => self.count(*index, info, stats),
            Event::Tick(now) => self.on_time(*now)?,
            Event::Rotate(now) => self.rotate(*now)?,
            Event::Summary(run) => {
                for (index, source) in (0..=u16::MAX).zip(&run.sources) {
                    self.count(index, &source.info, &source.stats);
                }
                self.finish()?;
            }
            _ => {}
        }
        Ok(Keep::Going)
    }

    fn dropped(&self) -> u64 {
        self.dropped
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(Self::flush(self)?)
    }
}
