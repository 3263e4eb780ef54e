//! Saved captures: plain files, pipes and standard input, and compressed ones, all through one reader.
//!
//! ```no_run
//! use sockeye::capture::{Next, PacketSource, file};
//!
//! let mut source = file::open("mix.pcap".as_ref(), &file::OpenOptions::default())?;
//! loop {
//!     match source.next()? {
//!         Next::Frame(frame) => println!("{} {} bytes", frame.number, frame.wire_len),
//!         Next::End => break,
//!         _ => {} // an interface came to light; a pipe has nothing just now
//!     }
//! }
//! # Ok::<(), sockeye::capture::SourceError>(())
//! ```

mod compressed;
mod feed;
mod memory;
mod packed;
mod raw;
mod wait;

use super::{Next, PacketSource, SourceError};
use crate::model::{Frame, LinkType, SourceInfo, SourceStats, Timestamp};
use crate::pcapfile::{self, Fault, Format, Packet, Part, Reader, Step};
use compressed::Compression;
use feed::{Feed, Filled};
pub(super) use memory::Memory;
use raw::{Meter, Opened, Raw};
use std::io::{self, ErrorKind, Read};
use std::path::Path;
use std::sync::Arc;

/// How a file is to be read.
#[derive(Clone, Copy, Debug)]
pub struct OpenOptions {
    /// Take every frame for one of this link type, whatever the file says.
    pub force_link: Option<LinkType>,
    /// Accept files of which no frame can be decoded: a copy needs no decoding. Otherwise a classic file of such a link type
    /// is refused when it is opened, and a pcapng file, whose interfaces may come late, fails at its end.
    pub allow_unknown_link: bool,
    /// Bytes read at a time, and the size of the buffer until a longer record comes.
    pub buffer: usize,
    /// Decompress in a thread of its own, started when the file is open. Otherwise in the thread that reads.
    pub thread: bool,
    /// Most memory for all files of a run, bytes: buffers (which grow with records that do not fit), what inflating needs, and
    /// what files say of themselves.
    pub memory: usize,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self { force_link: None, allow_unknown_link: false, buffer: 1 << 18, thread: true, memory: 1 << 30 }
    }
}

/// A capture file being read.
pub struct FileSource {
    feed: Feed,
    reader: Reader,
    meter: Arc<Meter>,
    size: Option<u64>,
    /// A pipe: it may have to be waited for.
    pipe: bool,
    compression: Option<Compression>,
    /// The `source` of its frames.
    index: u16,
    /// The packet in view, and the bytes it will have taken once the next one is asked for.
    packet: Packet,
    held: usize,
    /// A packet is in view that was not handed out, for something had to be announced first.
    waiting: bool,
    /// Revision of the info that the caller knows of.
    announced: u64,
    /// Link type of the first frame, as long as no frame could be decoded and that is a failure.
    undecoded: Undecoded,
    ended: bool,
    scouted: Scouted,
}

/// What is known of frames that cannot be decoded.
#[derive(Clone, Copy, Debug)]
enum Undecoded {
    /// It does not matter, or a frame could be decoded.
    Fine,
    /// No frame came yet.
    NoFrame,
    /// No frame could be decoded; the first was of this type.
    All(LinkType),
}

/// How far ahead packets were looked at.
#[derive(Clone, Copy, Debug, Default)]
struct Scouted {
    /// The last one.
    number: u64,
    /// Where the one after it is, in the (decompressed) file.
    next: u64,
}

/// What [`FileSource::advance`] came upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Advance {
    /// A packet is in view.
    Packet,
    /// A pipe has nothing just now: ask again.
    Nothing,
    /// There are no more.
    End,
}

/// Opens a capture file; `-` is standard input. Reads as far as the first packet, or as what is there without waiting.
pub fn open(path: &Path, options: &OpenOptions) -> Result<FileSource, SourceError> {
    Unread::open(path)?.start(options)
}

/// A file that is open, and of which not a byte was read: what needs rights is done, and what the file holds has had no
/// say yet.
pub struct Unread(Opened);

impl Unread {
    /// Opens a file; `-` is standard input. A FIFO is waited for until somebody writes to it.
    pub fn open(path: &Path) -> Result<Self, SourceError> {
        raw::open(path).map(Self)
    }

    /// A file that is open already. `name` is for people.
    ///
    /// # Errors
    /// It cannot be read: a directory.
    pub fn of(file: std::fs::File, name: &str) -> Result<Self, SourceError> {
        raw::of(file, name.to_owned()).map(Self)
    }

    /// Begins to read: as far as the first packet, or as what is there without waiting.
    pub fn start(self, options: &OpenOptions) -> Result<FileSource, SourceError> {
        self.start_with(options, Memory::divided(options.memory, 1))
    }

    /// As one of several files.
    pub(super) fn start_with(self, options: &OpenOptions, memory: Memory) -> Result<FileSource, SourceError> {
        FileSource::start(self.0, options, memory)
    }
}

impl FileSource {
    /// Reads a capture from anything that gives bytes. `name` is for people.
    pub fn from_reader(reader: impl Read + Send + 'static, name: &str, options: &OpenOptions) -> Result<Self, SourceError> {
        let opened = Opened { raw: Raw::new(reader), name: name.to_owned(), size: None, id: None };
        Self::start(opened, options, Memory::divided(options.memory, 1))
    }

    fn start(opened: Opened, options: &OpenOptions, memory: Memory) -> Result<Self, SourceError> {
        let Opened { raw, name, size, id } = opened;
        let (meter, pipe) = (raw.meter(), raw.is_pipe());
        let failed = |error, compression| read_error(error, &name, &meter, compression, 0, 0);
        let notes = memory.notes;
        let mut feed = Feed::new(raw, options.buffer, memory).map_err(|e| failed(e, None))?;
        feed.fill(Compression::SNIFFED).map_err(|e| failed(e, None))?;
        let compression = Compression::sniff(feed.view());
        if let Some(compression) = compression {
            feed.inflate(compression).map_err(|e| failed(e, Some(compression)))?;
        }
        feed.fill(16).map_err(|e| failed(e, compression))?;
        if feed.view().is_empty() {
            return Err(SourceError::Empty { name });
        }
        let Some(format) = Format::sniff(feed.view()) else {
            let starts_with = feed.view().iter().copied().take(16).collect();
            return Err(SourceError::NotACapture { name, starts_with });
        };
        let mut reader = Reader::new(format, &name).force_link(options.force_link).keep_at_most(notes);
        reader.info_mut().file_id = id;
        let mut source = Self {
            feed,
            reader,
            meter,
            size,
            pipe,
            compression,
            index: 0,
            packet: Packet::none(),
            held: 0,
            waiting: false,
            announced: 0,
            undecoded: Undecoded::Fine,
            ended: false,
            scouted: Scouted::default(),
        };
        source.read_ahead()?;
        if !options.allow_unknown_link && options.force_link.is_none() {
            source.check_link(format)?;
            source.undecoded = Undecoded::NoFrame;
        }
        source.feed.opened(size, options.thread, pipe);
        source.announced = source.reader.revision();
        Ok(source)
    }

    /// Reads up to the first packet, but waits for bytes only until an interface is known: the rest of a pipe may take
    /// its time. A pipe that pauses before its first interface is waited for.
    fn read_ahead(&mut self) -> Result<(), SourceError> {
        while !self.reader.packet_is_next(self.feed.view()) {
            let started = self.reader.has_started();
            match self.reader.step(self.feed.view()) {
                Ok(Step::Other { used }) => self.feed.consume(used),
                Ok(Step::Need { len, part, of }) => {
                    if !self.reader.info().interfaces.is_empty() {
                        break;
                    }
                    if self.fill(len)? != Filled::Enough {
                        if started {
                            break; // told when the first packet is asked for
                        }
                        return Err(self.cut(len, part, of));
                    }
                }
                Err(fault) if !started => return Err(self.damaged(&fault)),
                Ok(Step::Packet(_)) | Err(_) => break, // told when the first packet is asked for
            }
        }
        Ok(())
    }

    /// Refuses a classic file whose only link type cannot be decoded. Of pcapng the end must be awaited.
    fn check_link(&self, format: Format) -> Result<(), SourceError> {
        let link = self.reader.info().interfaces.first().and_then(|i| i.link);
        match (format, link) {
            (Format::Pcap { .. }, Some(link)) if !link.is_decoded() => Err(self.unknown_link(link)),
            _ => Ok(()),
        }
    }

    fn unknown_link(&self, link: LinkType) -> SourceError {
        SourceError::UnknownLinkType { name: self.name().to_owned(), link }
    }

    /// The number that its frames bear as their source.
    #[must_use]
    pub(super) fn with_index(mut self, index: u16) -> Self {
        self.index = index;
        self
    }

    fn name(&self) -> &str {
        &self.reader.info().name
    }

    /// May it have to be waited for?
    pub(super) const fn may_wait(&self) -> bool {
        self.pipe
    }

    /// Bytes read, and of how many.
    pub(super) fn progress(&self) -> (u64, Option<u64>) {
        (self.meter.bytes(), self.size)
    }

    /// The same of a file whose end was not come to.
    pub(super) fn part_read(&self) -> Option<(u64, u64)> {
        let (read, size) = self.progress();
        size.filter(|_| !self.ended).map(|size| (read, size))
    }

    /// Brings the next packet into view.
    pub(super) fn advance(&mut self) -> Result<Advance, SourceError> {
        if self.ended {
            return Ok(Advance::End);
        }
        let mut result = self.search();
        match result {
            Ok(Advance::Packet) => {
                if !matches!(self.undecoded, Undecoded::Fine) {
                    self.note_link();
                }
                return result;
            }
            Ok(Advance::Nothing) => return result,
            Ok(Advance::End) | Err(_) => {}
        }
        self.ended = true;
        self.reader.end();
        if let (Ok(_), Undecoded::All(link)) = (&result, self.undecoded) {
            result = Err(self.unknown_link(link));
        }
        result
    }

    /// Brings the next packet into view if nothing else is to be told and it is a usual one, as nearly all are. `false`: ask
    /// [`PacketSource::next`].
    #[inline]
    pub(super) fn advance_usual(&mut self) -> bool {
        if self.waiting || self.ended || !matches!(self.undecoded, Undecoded::Fine) || self.announced != self.reader.revision() {
            return false;
        }
        self.feed.consume(std::mem::take(&mut self.held));
        let read = self.reader.usual(self.feed.view(), &mut self.packet);
        if read {
            self.held = self.packet.used as usize;
        }
        read
    }

    /// The frame of a packet that will come soon, with its number; the next one each time, so many packets ahead at most. `None`:
    /// none yet that is in view and a usual one.
    #[inline]
    pub(super) fn scout(&mut self, most: u64) -> Option<(u64, LinkType, &[u8])> {
        let (packets, offset) = (self.reader.packets(), self.feed.offset());
        if self.scouted.number <= packets {
            self.scouted = Scouted { number: packets, next: offset + self.held as u64 };
        }
        if self.scouted.number >= packets + most {
            return None;
        }
        let view = self.feed.view().get(self.scouted.next.checked_sub(offset)? as usize..)?;
        let (used, link, frame) = self.reader.likely(view)?;
        self.scouted.number += 1;
        self.scouted.next += u64::from(used);
        Some((self.scouted.number, link, frame))
    }

    /// Looks whether the packet in view can be decoded; done until one can.
    #[cold]
    fn note_link(&mut self) {
        self.undecoded = match self.undecoded {
            _ if self.packet.link.is_decoded() => Undecoded::Fine,
            Undecoded::NoFrame => Undecoded::All(self.packet.link),
            known => known,
        };
    }

    #[inline]
    fn search(&mut self) -> Result<Advance, SourceError> {
        self.feed.consume(std::mem::take(&mut self.held));
        loop {
            match self.reader.step(self.feed.view()) {
                Ok(Step::Packet(packet)) => {
                    self.held = packet.used as usize;
                    self.packet = packet;
                    return Ok(Advance::Packet);
                }
                Ok(Step::Other { used }) => self.feed.consume(used),
                Ok(Step::Need { len, part, of }) => match self.fill(len)? {
                    Filled::Enough => {}
                    Filled::NotYet => return Ok(Advance::Nothing),
                    Filled::Ended if self.feed.view().is_empty() => return Ok(Advance::End),
                    Filled::Ended => return Err(self.cut(len, part, of)),
                },
                Err(fault) => return Err(self.damaged(&fault)),
            }
        }
    }

    /// The packet in view.
    #[inline]
    pub(super) fn frame(&self) -> Frame<'_> {
        let view = self.feed.view();
        let packet = &self.packet;
        Frame {
            number: self.reader.packets(),
            source: self.index,
            interface: packet.interface,
            ts: packet.ts,
            link: packet.link,
            wire_len: packet.wire_len,
            bytes: packet.frame(view),
            direction: packet.direction,
            options: packet.frame_options(view),
            marks: packet.marks,
        }
    }

    /// Time of the packet in view.
    pub(super) fn time(&self) -> Timestamp {
        self.packet.ts
    }

    /// Has [`PacketSource::info`] changed since this was last asked?
    #[inline]
    pub(super) fn news(&mut self) -> bool {
        let revision = self.reader.revision();
        std::mem::replace(&mut self.announced, revision) != revision
    }

    #[cold]
    fn fill(&mut self, len: usize) -> Result<Filled, SourceError> {
        self.feed.fill(len).map_err(|error| {
            let (offset, frames) = (self.feed.offset(), self.reader.packets());
            read_error(error, self.name(), &self.meter, self.compression, offset, frames)
        })
    }

    #[cold]
    fn cut(&self, len: usize, part: Part, of: usize) -> SourceError {
        let missing = len.saturating_sub(self.feed.view().len());
        self.damage(pcapfile::cut(part, missing, of), self.feed.view().len())
    }

    #[cold]
    fn damaged(&self, fault: &Fault) -> SourceError {
        self.damage(fault.what.clone(), fault.at)
    }

    fn damage(&self, what: String, at: usize) -> SourceError {
        let offset = self.feed.offset() + at as u64;
        SourceError::Damaged { name: self.name().to_owned(), what, offset, frames: self.reader.packets() }
    }

    /// Counters so far.
    #[must_use]
    pub fn stats(&self) -> SourceStats {
        let sum = |of: fn(&crate::model::InterfaceCounters) -> Option<u64>| {
            let mut counts = self.info().interfaces.iter().filter_map(|i| of(i.counters.as_ref()?)).peekable();
            counts.peek()?;
            Some(counts.fold(0_u64, u64::saturating_add))
        };
        SourceStats {
            frames: self.reader.packets() - u64::from(self.waiting),
            received: sum(|c| c.accepted.or(c.received)),
            dropped_kernel: sum(|c| c.dropped_kernel).or(self.reader.dropped_between()),
            dropped_interface: sum(|c| c.dropped_interface),
            bytes_read: self.meter.bytes(),
            bytes_total: self.size,
            ..SourceStats::default()
        }
    }
}

impl PacketSource for FileSource {
    #[inline]
    fn next(&mut self) -> Result<Next<'_>, SourceError> {
        if !self.waiting {
            match self.advance()? {
                Advance::Packet => {}
                Advance::Nothing | Advance::End if self.news() => return Ok(Next::Changed(self.index)),
                Advance::Nothing => return Ok(Next::Idle),
                Advance::End => return Ok(Next::End),
            }
        }
        self.waiting = self.news();
        if self.waiting {
            return Ok(Next::Changed(self.index));
        }
        Ok(Next::Frame(self.frame()))
    }

    fn info(&self) -> &SourceInfo {
        self.reader.info()
    }

    fn stats(&mut self) -> SourceStats {
        Self::stats(self)
    }
}

/// What a failed read means: a disk that fails, or compressed data that make no sense.
fn read_error(
    error: io::Error,
    name: &str,
    meter: &Meter,
    compression: Option<Compression>,
    offset: u64,
    frames: u64,
) -> SourceError {
    let name = name.to_owned();
    let Some(compression) = compression.filter(|_| !meter.failed() && error.kind() != ErrorKind::OutOfMemory) else {
        return SourceError::Io { operation: "cannot read", name, error };
    };
    let format = compression.name();
    let what = match error.kind() {
        ErrorKind::UnexpectedEof => format!("ends in the middle of its {format} data"),
        _ => format!("holds {format} data that cannot be decompressed ({error})"),
    };
    SourceError::Damaged { name, what, offset, frames }
}
