//! What stands in each of many files beside its packets: a classic header, or the section and the blocks of the interfaces that its
//! packets came from. Of a file only what its next packet needs is kept, so that very many can be under way. Names of addresses,
//! secrets and counters are of the whole capture, and in none of its parts.

use super::super::form::{Classic, SecondLink};
use super::super::interfaces::{Interfaces, Odd};
use crate::model::{FileFormat, Frame, LinkType, SourceInfo};
use crate::pcapfile::write::{self, SectionInfo};

/// Interfaces of one section at most: behind them another begins in the same file, so that none has to be looked for among many.
const INTERFACES: usize = 64;

/// What is known of the sources.
pub(super) enum Heads {
    Pcap(Classic),
    PcapNg(Box<(SectionInfo, Interfaces)>),
}

/// What a file holds beside packets: the interfaces of its section in their order; of a classic file the first tells its link type.
#[derive(Debug, Default)]
pub(super) struct InFile {
    known: Vec<Odd>,
    link: Option<LinkType>,
}

impl InFile {
    /// Bytes that its list takes.
    pub(super) const fn bytes(&self) -> usize {
        self.known.capacity() * size_of::<Odd>()
    }

    /// Forgets what costs memory: the next packet begins a section.
    pub(super) fn shrink(&mut self) {
        self.known = Vec::new();
    }
}

impl Heads {
    pub(super) fn new(format: FileFormat, section: &SectionInfo) -> Self {
        match format {
            FileFormat::Pcap { nanoseconds } => Self::Pcap(Classic::new(nanoseconds)),
            FileFormat::PcapNg => Self::PcapNg(Box::new((section.clone(), Interfaces::default()))),
        }
    }

    /// Takes in what is known of a source.
    pub(super) fn learn(&mut self, index: u16, info: &SourceInfo) {
        match self {
            Self::Pcap(classic) => classic.learn(index, info),
            Self::PcapNg(known) => known.1.learn(index, info),
        }
    }

    /// Appends a packet to a file, and before it what it needs. False: its time cannot be expressed.
    #[inline]
    pub(super) fn packet(&self, out: &mut Vec<u8>, file: &mut InFile, frame: &Frame<'_>) -> Result<bool, SecondLink> {
        match self {
            Self::Pcap(classic) => {
                match file.link {
                    Some(link) if link == frame.link => {}
                    Some(link) => return Err(SecondLink(link, frame.link)),
                    None => {
                        file.link = Some(frame.link);
                        classic.push_header(out, frame.link);
                    }
                }
                Ok(write::pcap_record(out, classic.has_nanoseconds(), frame))
            }
            Self::PcapNg(known) => {
                let (section, interfaces) = &**known;
                let odd = Odd::of(frame);
                let id = file.known.iter().rposition(|known| *known == odd).unwrap_or_else(|| {
                    if file.known.is_empty() || file.known.len() >= INTERFACES {
                        file.known.clear();
                        write::section_header(out, section);
                    }
                    interfaces.push_block(out, odd);
                    if file.known.is_empty() {
                        file.known.reserve_exact(1);
                    }
                    file.known.push(odd);
                    file.known.len() - 1
                });
                write::packet(out, id as u32, odd.before_1970, frame);
                Ok(true)
            }
        }
    }
}
