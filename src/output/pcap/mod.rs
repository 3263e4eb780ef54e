//! Packets to a capture file, pcap or pcapng. Every write and the close are checked; when the disk is full, the file is cut
//! back to its last whole packet, and the error says how much that is.
//!
//! A pcapng file keeps what its sources tell: interfaces, directions, comments and other options, names, secrets,
//! counters. Whatever a source names late is written before the first packet that needs it. What a source does not keep
//! ([`FileNotes`](crate::model::FileNotes) says what), it warns of.

mod interfaces;

pub use super::write_error::{Safe, WriteError};

use crate::event::{Event, Keep, Sink};
use crate::model::{FileFormat, Frame, InterfaceCounters, LinkType, Secrets, SourceInfo, SourceStats, Timestamp};
use crate::output::files::Files;
use crate::output::target::{Broken, Target};
use crate::pcapfile::write::{self, SectionInfo};
use interfaces::Interfaces;
use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

/// Bytes gathered before they are written.
const BUFFER: usize = 256 << 10;
/// Snap length named by a classic file whose sources name none: what tcpdump and Wireshark mean by "everything".
const SNAPLEN: u32 = 262_144;

/// Names in one block at most.
const NAMES: usize = 1024;

/// How a capture file is to be written.
#[derive(Clone, Debug)]
pub struct PcapConfig {
    /// The format; [`format_of_name`] chooses one by the file's name.
    pub format: FileFormat,
    /// Overwrite a regular file that exists.
    pub force: bool,
    /// Device and inode of the files being read (`SourceInfo::file_id`): never overwritten.
    pub reading: Vec<(u64, u64)>,
    /// Who creates the file.
    pub files: Arc<dyn Files>,
    /// What a pcapng file is to say of itself. Where this says nothing, what the sources say is taken over.
    pub section: SectionInfo,
}

/// pcapng for names that end in `.pcapng` or `.ntar`, otherwise pcap.
#[must_use]
pub fn format_of_name(path: &Path, nanoseconds: bool) -> FileFormat {
    match path.extension() {
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

/// What a finished file holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Packets.
    pub packets: u64,
    /// Bytes.
    pub bytes: u64,
    /// Packets whose time the format cannot express (pcap: before 1970 or after 2106); they bear the nearest that it can.
    pub times_clamped: u64,
}

/// A capture file being written.
#[derive(Debug)]
pub struct PcapWriter {
    target: Target,
    buffer: Vec<u8>,
    /// In the file, without what is in the buffer.
    safe: Safe,
    total: Written,
    /// Nothing was written to the buffer yet.
    unstarted: bool,
    /// It failed, or is finished: nothing can be written any more.
    over: bool,
    last: Timestamp,
    form: Form,
}

#[derive(Debug)]
enum Form {
    Pcap(Classic),
    PcapNg(Box<Notes>),
}

/// What a classic file needs to know before its header.
#[derive(Debug, Default)]
struct Classic {
    nanoseconds: bool,
    /// Type in the header, once it is written.
    link: Option<LinkType>,
    /// Of each source, how many interfaces were taken.
    taken: Vec<usize>,
    /// Of the interfaces that the sources named: link type, and length of frame check sequence as the first has it.
    named: HashMap<LinkType, Option<u8>>,
    /// The link type named first.
    first: Option<LinkType>,
    /// The largest of theirs; [`SNAPLEN`] at least where one of them names none. Readers cut longer packets.
    snaplen: u32,
}

/// What a pcapng file holds beside packets.
#[derive(Debug, Default)]
struct Notes {
    section: SectionInfo,
    /// Of each source, how much was taken: comments, names, secrets.
    taken: Vec<(usize, usize, usize)>,
    comments: Vec<String>,
    names: Vec<(IpAddr, String)>,
    secrets: Vec<Secrets>,
    interfaces: Interfaces,
    /// There is something to write before the next packet.
    news: bool,
}

impl PcapWriter {
    /// Creates the file; `-` is standard output. Pipes, FIFOs and devices are opened as they are.
    pub fn create(path: &Path, config: &PcapConfig) -> Result<Self, WriteError> {
        let target = Target::open(path, config.force, &config.reading, config.files.as_ref())?;
        let form = match config.format {
            FileFormat::Pcap { nanoseconds } => Form::Pcap(Classic { nanoseconds, ..Classic::default() }),
            FileFormat::PcapNg => {
                Form::PcapNg(Box::new(Notes { section: config.section.clone(), news: true, ..Notes::default() }))
            }
        };
        Ok(Self {
            target,
            buffer: Vec::with_capacity(BUFFER + 4096),
            safe: Safe { complete: true, ..Safe::default() },
            total: Written::default(),
            unstarted: true,
            over: false,
            last: Timestamp::default(),
            form,
        })
    }

    /// Takes in what is known of a source; to be called before its first packet, and again when more is known.
    pub fn source(&mut self, index: u16, info: &SourceInfo) {
        match &mut self.form {
            Form::Pcap(classic) => classic.learn(index, info),
            Form::PcapNg(notes) => notes.learn(index, info),
        }
    }

    /// Writes a packet. After a failure packets are only counted.
    pub fn write(&mut self, frame: &Frame<'_>) -> Result<(), WriteError> {
        if self.over {
            self.total.packets += 1;
            return Ok(());
        }
        match &mut self.form {
            Form::Pcap(classic) => {
                if classic.link != Some(frame.link) {
                    self.header(frame.link)?;
                }
                let Form::Pcap(classic) = &self.form else { return Ok(()) };
                let fits = write::pcap_record(&mut self.buffer, classic.nanoseconds, frame);
                self.total.times_clamped += u64::from(!fits);
            }
            Form::PcapNg(notes) => {
                if notes.news {
                    notes.write(&mut self.buffer, self.unstarted);
                    self.unstarted = false;
                }
                let (id, before_1970) = notes.interfaces.id(&mut self.buffer, frame);
                write::packet(&mut self.buffer, id, before_1970, frame);
            }
        }
        self.total.packets += 1;
        self.last = frame.ts;
        if self.buffer.len() >= BUFFER {
            self.write_out()?;
        }
        Ok(())
    }

    /// Packets taken so far, whether they are written out or not, or were lost in a failure.
    #[must_use]
    pub fn packets(&self) -> u64 {
        self.total.packets
    }

    /// Length of the file so far, with what is still to be written out.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.safe.bytes + self.buffer.len() as u64
    }

    /// Writes the header of a classic file, or refuses a second link type.
    #[cold]
    fn header(&mut self, link: LinkType) -> Result<(), WriteError> {
        let Form::Pcap(classic) = &mut self.form else { return Ok(()) };
        if let Some(first) = classic.link {
            return Err(WriteError::SecondLinkType { path: self.target.path().to_owned(), first, second: link });
        }
        classic.link = Some(link);
        let fcs_len = classic.named.get(&link).copied().flatten();
        let snaplen = if classic.snaplen == 0 { SNAPLEN } else { classic.snaplen };
        write::pcap_header(&mut self.buffer, classic.nanoseconds, snaplen, link, fcs_len);
        self.unstarted = false;
        Ok(())
    }

    /// Writes what comes before the first packet, if it is known: readers of a pipe wait for it.
    fn begin(&mut self, at_the_end: bool) -> Result<(), WriteError> {
        match &mut self.form {
            Form::Pcap(Classic { link: None, named, first, .. }) => {
                let link = first.unwrap_or(LinkType::ETHERNET);
                // Otherwise the first packet decides.
                if named.len() == 1 || at_the_end { self.header(link) } else { Ok(()) }
            }
            Form::Pcap(_) => Ok(()),
            Form::PcapNg(notes) => {
                if notes.news {
                    notes.write(&mut self.buffer, self.unstarted);
                    self.unstarted = false;
                }
                Ok(())
            }
        }
    }

    /// Writes out everything taken so far.
    pub fn flush(&mut self) -> Result<(), WriteError> {
        if self.over {
            return Ok(());
        }
        self.begin(false)?;
        self.write_out()
    }

    /// Takes the counters of a source at its end, for a pcapng file. A live source of one interface may give them as
    /// its own.
    pub fn count(&mut self, index: u16, info: &SourceInfo, stats: &SourceStats) {
        if self.over {
            return;
        }
        self.source(index, info);
        let Form::PcapNg(notes) = &mut self.form else { return };
        notes.write(&mut self.buffer, self.unstarted);
        self.unstarted = false;
        let own = InterfaceCounters {
            received: stats.received,
            dropped_interface: stats.dropped_interface,
            dropped_kernel: stats.dropped_kernel,
            ..InterfaceCounters::default()
        };
        let only = info.interfaces.len() == 1 && own != InterfaceCounters::default();
        for (i, interface) in (0..).zip(&info.interfaces) {
            if let Some(counters) = interface.counters.or(only.then_some(own)) {
                notes.interfaces.count(index, i, &counters, &interface.counter_comments);
            }
        }
    }

    /// Writes the end of the file, and closes it; a file that is dropped without it lacks its counters. After a failure
    /// it tells what of the file is safe.
    pub fn finish(&mut self) -> Result<Written, WriteError> {
        if self.over {
            return Ok(Written { packets: self.safe.packets, bytes: self.safe.bytes, ..self.total });
        }
        self.begin(true)?;
        if let Form::PcapNg(notes) = &mut self.form {
            for (id, counters, comments) in notes.interfaces.take_counters() {
                write::statistics(&mut self.buffer, id, &counters, &comments, self.last);
            }
        }
        self.write_out()?;
        self.target.close().map_err(|error| {
            self.over = true;
            let safe = Safe { complete: false, ..self.safe };
            WriteError::Write { path: self.target.path().to_owned(), operation: "closing", error, safe, unsaved: 0 }
        })?;
        self.over = true;
        Ok(Written { bytes: self.safe.bytes, ..self.total })
    }

    fn write_out(&mut self) -> Result<(), WriteError> {
        match self.target.write(&self.buffer) {
            Ok(()) => {
                self.safe.bytes += self.buffer.len() as u64;
                self.safe.packets = self.total.packets;
                self.buffer.clear();
                Ok(())
            }
            Err(broken) => Err(self.broken(broken)),
        }
    }

    /// Cuts the file back to its last whole packet.
    #[cold]
    fn broken(&mut self, broken: Broken) -> WriteError {
        self.over = true;
        let pcapng = matches!(self.form, Form::PcapNg(_));
        let whole = write::whole(&self.buffer, broken.written, pcapng, self.safe.bytes == 0);
        self.safe.bytes += whole.bytes as u64;
        self.safe.packets += whole.packets;
        self.safe.complete = self.target.cut(self.safe.bytes);
        self.buffer.clear();
        let path = self.target.path().to_owned();
        let unsaved = self.total.packets.saturating_sub(self.safe.packets);
        WriteError::Write { path, operation: "writing", error: broken.error, safe: self.safe, unsaved }
    }
}

/// Writes out what is there, for the case that an error elsewhere ended the run.
impl Drop for PcapWriter {
    fn drop(&mut self) {
        if !self.over {
            let _ = self.write_out();
        }
    }
}

impl Classic {
    /// Takes in the interfaces that a source has come to name since the last time.
    fn learn(&mut self, index: u16, info: &SourceInfo) {
        let at = usize::from(index);
        if self.taken.len() <= at {
            self.taken.resize(at + 1, 0);
        }
        for interface in info.interfaces.iter().skip(self.taken[at]) {
            self.snaplen = self.snaplen.max(interface.snaplen.unwrap_or(SNAPLEN));
            if let Some(link) = interface.link {
                self.first.get_or_insert(link);
                self.named.entry(link).or_insert(interface.fcs_len);
            }
        }
        self.taken[at] = info.interfaces.len();
    }
}

impl Notes {
    /// Takes what a source has come to tell since the last time.
    fn learn(&mut self, index: u16, info: &SourceInfo) {
        let at = usize::from(index);
        if self.taken.len() <= at {
            self.taken.resize(at + 1, (0, 0, 0));
        }
        let (comments, names, secrets) = &mut self.taken[at];
        self.comments.extend(info.notes.comments.iter().skip(*comments).cloned());
        self.names.extend(info.notes.names.iter().skip(*names).cloned());
        self.secrets.extend(info.notes.secrets.iter().skip(*secrets).cloned());
        (*comments, *names, *secrets) = (info.notes.comments.len(), info.notes.names.len(), info.notes.secrets.len());
        for (ours, theirs) in [
            (&mut self.section.hardware, &info.notes.hardware),
            (&mut self.section.os, &info.notes.os),
            (&mut self.section.application, &info.notes.application),
        ] {
            if ours.is_none() {
                ours.clone_from(theirs);
            }
        }
        self.interfaces.learn(index, info);
        self.news = true;
    }

    /// Appends what was taken and not written. `first`: nothing was written yet.
    fn write(&mut self, out: &mut Vec<u8>, first: bool) {
        self.news = false;
        if first {
            self.section.comments.append(&mut self.comments);
            write::section_header(out, &self.section);
        }
        self.interfaces.describe(out);
        // Comments of later sections find a place in a block of names, without any.
        if !self.comments.is_empty() {
            write::names(out, &[], &self.comments);
            self.comments.clear();
        }
        for some in self.names.chunks(NAMES) {
            write::names(out, some, &[]);
        }
        self.names.clear();
        for secrets in self.secrets.drain(..) {
            write::secrets(out, &secrets);
        }
    }
}

impl Sink for PcapWriter {
    fn on_event(&mut self, event: &Event<'_>) -> io::Result<Keep> {
        match event {
            Event::Source { index, info } => self.source(*index, info),
            Event::Packet { frame, .. } => self.write(frame)?,
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

    fn flush(&mut self) -> io::Result<()> {
        Ok(Self::flush(self)?)
    }
}
