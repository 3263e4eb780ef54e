//! Packets to capture files, pcap or pcapng: one, or one after the other ([`Rotation`]), compressed with zstd where the name ends
//! in `.zst`. A thread of its own writes them; this side makes records of packets, gathers them into chunks and decides where a file
//! ends, so that a packet is never split. Live, a packet that finds no room is left out and counted; from files the run waits.
//!
//! Every write and the close are checked; when the disk is full, the file is cut back to its last whole packet, and the error
//! says how much that is. A rotated file is called NAME.part until it is complete.
//!
//! A pcapng file keeps what its sources tell: interfaces, directions, comments and other options, names, secrets,
//! counters. Whatever a source names late is written before the first packet that needs it. What a source does not keep
//! ([`FileNotes`](crate::model::FileNotes) says what), it warns of.

mod back;
mod form;
mod interfaces;
mod keep;
mod pack;
mod rotate;

pub use super::write_error::{Safe, WriteError};
pub use rotate::Rotation;

use crate::event::{Event, Keep, Sink};
use crate::model::{FileFormat, Frame, FrameMarks, SourceInfo, SourceStats, Timestamp};
use crate::output::files::{Files, Here};
use crate::output::queue::{Moved, Queue, WhenFull};
use crate::output::target::{Compressed, PATIENCE, Target, compressed, is_stdout};
use crate::pcapfile::write::SectionInfo;
use back::{Back, Begin, Job};
use form::{Form, SecondLink};
use interfaces::Period;
use pack::Pack;
use rotate::{Names, Periods};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes gathered before they are handed over.
const BUFFER: usize = 256 << 10;
/// Bytes that may wait for the disk while capturing: half a second at a gigabit per second.
const QUEUE_LIVE: usize = 64 << 20;
/// The same where the source can wait: enough for both sides to work.
const QUEUE_FILES: usize = 2 << 20;
/// What a message in the queue counts that is no chunk.
const MESSAGE: usize = 64;

/// How capture files are to be written.
#[derive(Clone, Debug)]
pub struct PcapConfig {
    /// The format; [`format_of_name`] chooses one by the file's name.
    pub format: FileFormat,
    /// Overwrite a regular file that exists.
    pub force: bool,
    /// Device and inode of the files being read (`SourceInfo::file_id`): never overwritten.
    pub reading: Vec<(u64, u64)>,
    /// Who creates the files.
    pub files: Arc<dyn Files>,
    /// What a pcapng file is to say of itself. Where this says nothing, what the sources say is taken over.
    pub section: SectionInfo,
    /// When files end, and which are kept.
    pub rotation: Rotation,
    /// What becomes of packets when the disk is slower than they come.
    pub when_full: WhenFull,
    /// When the run starts. Live the first period begins here, and the first file; from files both begin with the first packet.
    pub start: Timestamp,
}

impl PcapConfig {
    /// One file from a source that can wait, written by this process; nothing is overwritten.
    #[must_use]
    pub fn new(format: FileFormat) -> Self {
        Self {
            format,
            force: false,
            reading: Vec::new(),
            files: Arc::new(Here),
            section: SectionInfo::default(),
            rotation: Rotation::default(),
            when_full: WhenFull::Wait,
            start: Timestamp::default(),
        }
    }
}

/// pcapng for names that end in `.pcapng` or `.ntar`, otherwise pcap. `.zst` behind that does not matter.
#[must_use]
pub fn format_of_name(path: &Path, nanoseconds: bool) -> FileFormat {
    let bare = if compressed(path) == Some(Compressed::Zstd) { path.with_extension("") } else { path.to_owned() };
    match bare.extension() {
        Some(e) if e.eq_ignore_ascii_case("pcapng") || e.eq_ignore_ascii_case("ntar") => FileFormat::PcapNg,
        _ => FileFormat::Pcap { nanoseconds },
    }
}

/// Does a source have times finer than microseconds, so that a pcap file of its packets should have nanoseconds?
#[must_use]
pub fn needs_nanoseconds(info: &SourceInfo) -> bool {
    // `None` is a clock of powers of two, or one too fine for a number.
    info.interfaces.iter().any(|i| i.ticks_per_second.is_none_or(|t| t > 1_000_000))
}

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
    stage: Stage,
    rotation: Rotation,
    when_full: WhenFull,
    form: Form,
    names: Names,
    periods: Periods,
    /// Records of the file at hand that are not handed over yet.
    buffer: Vec<u8>,
    /// Packets in them.
    gathered: u64,
    file: Current,
    /// Packets taken, whether they are written or not, and times that do not fit.
    total: Written,
    /// Packets left out.
    dropped: u64,
    /// Packets that are safe in files.
    saved: Arc<AtomicU64>,
    /// Live, into a pipe or the like: how far its reader is, which is waited for only while it reads.
    reader: Option<Arc<Moved>>,
    /// It failed, or is finished: nothing can be written any more.
    over: bool,
    /// Time of the last packet.
    last: Timestamp,
    /// The time when that was last told (live).
    now: Timestamp,
    /// Through zstd.
    packed: bool,
    /// Files can end and begin: it is no pipe, device or standard output.
    regular: bool,
    /// The far side, when all is written.
    left: Option<Box<Back>>,
}

/// The writing side.
enum Stage {
    /// No thread yet: it starts with the first thing to write, when the program has given up its rights.
    Waiting(Box<Back>),
    Running(Queue<Back>),
    Over,
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
            saved: back.saved(),
            reader,
            stage: Stage::Waiting(Box::new(back)),
            rotation: config.rotation,
            when_full: config.when_full,
            form: Form::new(config.format, &config.section),
            names,
            periods: Periods::new(config.rotation.span, live.then_some(config.start), live),
            buffer: Vec::with_capacity(BUFFER + 4096),
            gathered: 0,
            file,
            total: Written::default(),
            dropped: 0,
            over: false,
            last: Timestamp::default(),
            now: Timestamp::default(),
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
        if self.buffer.is_empty() && !self.has_room() {
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
        self.gathered += 1;
        self.file.packets += 1;
        self.last = frame.ts;
        if self.buffer.len() >= BUFFER {
            self.hand_over()?;
        }
        Ok(())
    }

    /// Appends a record, if need be to the next file.
    #[inline]
    fn append(&mut self, frame: &Frame<'_>) -> Result<(), WriteError> {
        let record = self.form.packet(&mut self.buffer, frame).map_err(|second| self.second_link(&second))?;
        self.total.times_clamped += u64::from(!record.fits);
        if self.rotation.bytes.is_some_and(|most| self.bytes() > most) && self.file.packets > 0 {
            self.buffer.truncate(record.start);
            self.end(frame.ts)?;
            self.begin(frame.ts)?;
            self.form.packet(&mut self.buffer, frame).map_err(|second| self.second_link(&second))?;
        }
        Ok(())
    }

    #[cold]
    fn second_link(&self, second: &SecondLink) -> WriteError {
        WriteError::SecondLinkType { path: self.path.clone(), first: second.0, second: second.1 }
    }

    /// Packets taken so far, whether they are written out or not, or were lost in a failure.
    #[must_use]
    pub fn packets(&self) -> u64 {
        self.total.packets
    }

    /// Length of the file at hand, before compression, with what is still to be written out.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.file.bytes + self.buffer.len() as u64
    }

    /// Writes out everything taken so far; a file of zstd can then be read up to here. Where the source can wait, this does until
    /// it is done.
    pub fn flush(&mut self) -> Result<(), WriteError> {
        if self.over {
            return Ok(());
        }
        if self.file.open {
            self.form.begin(&mut self.buffer, false);
            self.hand_over()?;
            if self.packed && std::mem::take(&mut self.file.unflushed) {
                self.push(Job::Flush, MESSAGE)?;
            }
        }
        let Stage::Running(queue) = &self.stage else { return Ok(()) };
        let done = if self.when_full == WhenFull::Wait { queue.settle() } else { queue.check() };
        done.map_err(|error| self.told(error))
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
        Ok(())
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
        let (back, done) = match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Waiting(back) => (*back, Ok(())),
            Stage::Running(queue) => match self.close(queue) {
                Some(closed) => closed,
                None => return Err(WriteError::Unread { path: self.path.clone() }),
            },
            Stage::Over => return Ok(self.total.clone()),
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
        self.left = Some(Box::new(back));
        done.map_err(|error| self.told_of(error, taken))?;
        Ok(self.total.clone())
    }

    /// Waits until all is written, but for a reader only while it reads.
    fn close(&self, queue: Queue<Back>) -> Option<(Back, io::Result<()>)> {
        match &self.reader {
            Some(moved) => queue.close_while_it_moves(PATIENCE, moved),
            None => queue.close(),
        }
    }

    /// Packets that were taken and are not known to be written.
    #[must_use]
    pub fn unsaved(&self) -> u64 {
        self.total.packets.saturating_sub(self.saved.load(Ordering::Relaxed))
    }

    /// Writes what is there and closes the file without its counters, for the case that something else ended the run. Waits for it,
    /// if it is no live one into a pipe.
    pub fn abandon(&mut self) {
        if !self.over && self.file.open {
            let _ = self.hand_over().and_then(|()| self.push(Job::End, MESSAGE));
        }
        self.over = true;
        if let Stage::Running(queue) = std::mem::replace(&mut self.stage, Stage::Over) {
            self.left = self.close(queue).map(|(back, _)| Box::new(back));
        }
    }

    /// What is done with complete files has ended ([`Files::settle`]): removes those that are not kept and could not be removed
    /// before. What was written in all.
    pub fn after_commands(&mut self) -> Written {
        if let Some(mut back) = self.left.take() {
            back.after_commands();
            (self.total.removed, self.total.troubles) = (back.kept.removed, back.kept.troubles);
        }
        self.total.clone()
    }

    fn has_room(&self) -> bool {
        match &self.stage {
            Stage::Running(queue) => queue.has_room(),
            Stage::Waiting(_) | Stage::Over => true,
        }
    }

    /// The file at hand is complete.
    #[cold]
    fn end(&mut self, at: Timestamp) -> Result<(), WriteError> {
        let end = at.max(self.last).max(self.file.start);
        self.form.end(&mut self.buffer, Period { start: self.file.start, last: self.last, end });
        self.hand_over()?;
        self.push(Job::End, MESSAGE)?;
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
        self.push(Job::Begin(begin), MESSAGE)
    }

    /// Hands over what is gathered.
    fn hand_over(&mut self) -> Result<(), WriteError> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let next = match &self.stage {
            Stage::Running(queue) => queue.buffer(),
            Stage::Waiting(_) | Stage::Over => Vec::new(),
        };
        let full = self.buffer.len() >= BUFFER / 2;
        let bytes = std::mem::replace(&mut self.buffer, next);
        if full {
            // As much comes again.
            self.buffer.reserve(BUFFER + 4096);
        }
        self.file.bytes += bytes.len() as u64;
        self.file.unflushed = true;
        let room = bytes.capacity();
        let packets = std::mem::take(&mut self.gathered);
        self.push(Job::Write { bytes, packets }, room)
    }

    fn push(&mut self, job: Job, bytes: usize) -> Result<(), WriteError> {
        if let Stage::Waiting(_) = &self.stage
            && let Stage::Waiting(back) = std::mem::replace(&mut self.stage, Stage::Over)
        {
            let most = if self.when_full == WhenFull::Wait { QUEUE_FILES } else { QUEUE_LIVE };
            let queue = Queue::start(*back, most, self.when_full).map_err(|error| self.told(error))?;
            self.stage = Stage::Running(queue);
        }
        let Stage::Running(queue) = &self.stage else { return Ok(()) };
        queue.push(job, bytes).map_err(|error| self.told(error))
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
        self.buffer.clear();
        let lost = taken.saturating_sub(self.saved.load(Ordering::Relaxed));
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
