//! What stands in a capture file beside its packets, and in which form: a classic header, or pcapng's blocks. Each file of a rotated
//! capture stands for itself: all that was learnt is written again.

use super::interfaces::{Interfaces, Period};
use crate::model::{FileFormat, Frame, InterfaceCounters, LinkType, Secrets, SourceInfo, SourceKind, SourceStats};
use crate::pcapfile::write::{self, SectionInfo};
use std::collections::HashMap;
use std::net::IpAddr;

/// Snap length named by a classic file whose sources name none: what tcpdump and Wireshark mean by "everything".
const SNAPLEN: u32 = 262_144;

/// Names in one block at most.
const NAMES: usize = 1024;

/// A file format, with what is known so far.
#[derive(Debug)]
pub(super) enum Form {
    Pcap(Classic),
    PcapNg(Box<Notes>),
}

/// What a classic file needs to know before its header.
#[derive(Debug, Default)]
pub(super) struct Classic {
    nanoseconds: bool,
    /// Type in the header, once that is known.
    link: Option<LinkType>,
    /// The header of this file is written.
    started: bool,
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
pub(super) struct Notes {
    section: SectionInfo,
    /// Of each source, how much was taken: comments, names, secrets.
    taken: Vec<(usize, usize, usize)>,
    comments: Vec<String>,
    names: Vec<(IpAddr, String)>,
    secrets: Vec<Secrets>,
    /// Of these three, how much stands in this file.
    written: (usize, usize, usize),
    interfaces: Interfaces,
    /// There is something to write before the next packet.
    news: bool,
    /// The header of this file is written.
    started: bool,
    /// Interface of the packet that was appended last.
    last: u32,
}

/// A record that was appended.
pub(super) struct Record {
    /// Where it begins.
    pub(super) start: usize,
    /// Its time can be expressed.
    pub(super) fits: bool,
}

/// A packet of another link type than a classic file has: that one, and this.
pub(super) struct SecondLink(pub(super) LinkType, pub(super) LinkType);

impl Form {
    pub(super) fn new(format: FileFormat, section: &SectionInfo) -> Self {
        match format {
            FileFormat::Pcap { nanoseconds } => Self::Pcap(Classic::new(nanoseconds)),
            FileFormat::PcapNg => Self::PcapNg(Box::new(Notes { section: section.clone(), news: true, ..Notes::default() })),
        }
    }

    /// Takes in what is known of a source.
    pub(super) fn learn(&mut self, index: u16, info: &SourceInfo) {
        match self {
            Self::Pcap(classic) => classic.learn(index, info),
            Self::PcapNg(notes) => {
                notes.learn(index, info);
                if matches!(info.kind, SourceKind::Live(_)) && info.interfaces.len() == 1 {
                    notes.interfaces.count_from_now((index, 0));
                }
            }
        }
    }

    /// Appends a packet, and before it what it needs.
    #[inline]
    pub(super) fn packet(&mut self, out: &mut Vec<u8>, frame: &Frame<'_>) -> Result<Record, SecondLink> {
        match self {
            Self::Pcap(classic) => {
                if classic.link != Some(frame.link) || !classic.started {
                    classic.header(out, frame.link)?;
                }
                let start = out.len();
                Ok(Record { start, fits: write::pcap_record(out, classic.nanoseconds, frame) })
            }
            Self::PcapNg(notes) => {
                if notes.news {
                    notes.write(out);
                }
                let (id, before_1970) = notes.interfaces.id(out, frame);
                let start = out.len();
                write::packet(out, id, before_1970, frame);
                notes.last = id;
                Ok(Record { start, fits: true })
            }
        }
    }

    /// The packet that was appended last stays in this file.
    #[inline]
    pub(super) fn keep_packet(&mut self) {
        if let Self::PcapNg(notes) = self {
            notes.interfaces.count_packet(notes.last);
        }
    }

    /// Appends what comes before the first packet, if it is known: readers of a pipe wait for it.
    pub(super) fn begin(&mut self, out: &mut Vec<u8>, at_the_end: bool) {
        match self {
            Self::Pcap(classic) if !classic.started => {
                let link = classic.link.or(classic.first).unwrap_or(LinkType::ETHERNET);
                // Otherwise the first packet decides.
                if classic.link.is_some() || classic.named.len() == 1 || at_the_end {
                    let _ = classic.header(out, link);
                }
            }
            Self::PcapNg(notes) if notes.news => notes.write(out),
            Self::Pcap(_) | Self::PcapNg(_) => {}
        }
    }

    /// Appends what comes at the end of a file.
    pub(super) fn end(&mut self, out: &mut Vec<u8>, period: Period) {
        self.begin(out, true);
        if let Self::PcapNg(notes) = self {
            for (id, counters, comments) in notes.interfaces.take_counters(period) {
                write::statistics(out, id, &counters, &comments, period.last);
            }
        }
    }

    /// Another file begins.
    pub(super) fn renew(&mut self) {
        match self {
            Self::Pcap(classic) => classic.started = false,
            Self::PcapNg(notes) => {
                notes.written = (0, 0, 0);
                (notes.started, notes.news) = (false, true);
                notes.interfaces.renew();
            }
        }
    }

    /// A packet had no room: it is told of in the next one of its interface, and at the end of the file.
    pub(super) fn leave_out(&mut self, frame: &Frame<'_>) {
        if let Self::PcapNg(notes) = self {
            notes.interfaces.leave_out(frame);
        }
    }

    /// Packets left out before this one, on its interface.
    pub(super) fn left_out_before(&mut self, frame: &Frame<'_>) -> u64 {
        match self {
            Self::Pcap(_) => 0,
            Self::PcapNg(notes) => notes.interfaces.left_out_before(frame),
        }
    }

    /// Takes the counters of a source as they are now. A live source of one interface may give them as its own.
    pub(super) fn count(&mut self, index: u16, info: &SourceInfo, stats: &SourceStats) {
        self.learn(index, info);
        let Self::PcapNg(notes) = self else { return };
        let live = matches!(info.kind, SourceKind::Live(_));
        let only = info.interfaces.len() == 1;
        let own = InterfaceCounters {
            received: stats.received,
            dropped_interface: stats.dropped_interface,
            dropped_kernel: stats.dropped_kernel,
            ..InterfaceCounters::default()
        };
        let own = (only && own != InterfaceCounters::default()).then_some(own);
        for (i, interface) in (0..).zip(&info.interfaces) {
            if let Some(mut counters) = interface.counters.or(own) {
                if live {
                    // The kernel counts what passed its filter.
                    counters.accepted = counters.accepted.or(stats.received.filter(|_| only)).or(counters.received);
                }
                notes.interfaces.count((index, i), &counters, &interface.counter_comments, live);
            }
        }
    }
}

impl Classic {
    /// Nothing is known yet.
    pub(super) fn new(nanoseconds: bool) -> Self {
        Self { nanoseconds, ..Self::default() }
    }

    /// Do its times have nanoseconds?
    pub(super) const fn has_nanoseconds(&self) -> bool {
        self.nanoseconds
    }

    /// Writes the header, or refuses a second link type.
    #[cold]
    fn header(&mut self, out: &mut Vec<u8>, link: LinkType) -> Result<(), SecondLink> {
        if let Some(first) = self.link.filter(|first| *first != link) {
            return Err(SecondLink(first, link));
        }
        self.link = Some(link);
        self.started = true;
        self.push_header(out, link);
        Ok(())
    }

    /// Appends the header of a file of this link type.
    pub(super) fn push_header(&self, out: &mut Vec<u8>, link: LinkType) {
        let fcs_len = self.named.get(&link).copied().flatten();
        let snaplen = if self.snaplen == 0 { SNAPLEN } else { self.snaplen };
        write::pcap_header(out, self.nanoseconds, snaplen, link, fcs_len);
    }

    /// Takes in the interfaces that a source has come to name since the last time.
    pub(super) fn learn(&mut self, index: u16, info: &SourceInfo) {
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

    /// Appends what was taken and does not stand in this file yet.
    fn write(&mut self, out: &mut Vec<u8>) {
        self.news = false;
        let (comments, names, secrets) = self.written;
        if self.started {
            self.interfaces.describe(out);
            // Comments of later sections find a place in a block of names, without any.
            if self.comments.len() > comments {
                write::names(out, &[], &self.comments[comments..]);
            }
        } else {
            self.started = true;
            let own = self.section.comments.len();
            self.section.comments.extend_from_slice(&self.comments);
            write::section_header(out, &self.section);
            self.section.comments.truncate(own);
            self.interfaces.describe(out);
        }
        for some in self.names[names..].chunks(NAMES) {
            write::names(out, some, &[]);
        }
        for secrets in &self.secrets[secrets..] {
            write::secrets(out, secrets);
        }
        self.written = (self.comments.len(), self.names.len(), self.secrets.len());
    }
}
