//! How capture files are to be written, and which format that is: by a file's name, and by how fine the times of a source are.

use super::chunks::QUEUE_LIVE;
use super::rotate::Rotation;
use crate::model::{FileFormat, SourceInfo, Timestamp};
use crate::output::files::{Files, Here};
use crate::output::queue::WhenFull;
use crate::output::target::{Compressed, compressed};
use crate::pcapfile::write::SectionInfo;
use std::path::Path;
use std::sync::Arc;

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
    /// How many bytes may wait for the disk where the source does not, 64 MiB at most.
    pub most_waiting: usize,
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
            most_waiting: QUEUE_LIVE,
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
