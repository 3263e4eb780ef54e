//! What a source of frames says about itself: shared by the captures that fill it in and the outputs that show it.

use super::{ByteOrder, LinkType, Timestamp};
use std::net::IpAddr;

/// What a source is.
#[derive(Clone, Debug)]
pub struct SourceInfo {
    /// For people: the file name as given, `standard input`, or the interface's name.
    pub name: String,
    /// Saved or live, and in which form.
    pub kind: SourceKind,
    /// The interfaces that `Frame::interface` counts. A classic pcap has exactly one, without a name.
    pub interfaces: Vec<InterfaceInfo>,
    /// Things about the source worth telling once: an undeclared interface id, an odd time resolution.
    pub warnings: Vec<String>,
    /// What a pcapng file tells beside its packets. Empty for everything else.
    pub notes: FileNotes,
    /// Device and inode of a regular file, so that nobody overwrites what is being read.
    pub file_id: Option<(u64, u64)>,
}

impl SourceInfo {
    /// A source of which only name and kind are known.
    #[must_use]
    pub fn new(name: impl Into<String>, kind: SourceKind) -> Self {
        Self { name: name.into(), kind, interfaces: Vec::new(), warnings: Vec::new(), notes: FileNotes::default(), file_id: None }
    }
}

/// What a pcapng file tells beside its packets and interfaces, kept for copies. All of it is bounded: a reader stops
/// keeping, and warns, when it grows beyond reason. Custom and unknown blocks, custom options outside packets and
/// interfaces, and the name servers of name blocks are not kept: the reader warns that a copy lacks them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileNotes {
    /// Comments of the sections and of Name Resolution Blocks, in order.
    pub comments: Vec<String>,
    /// Hardware that captured (first section that says so).
    pub hardware: Option<String>,
    /// Operating system that captured (first section that says so).
    pub os: Option<String>,
    /// Program that wrote the file (first section that says so).
    pub application: Option<String>,
    /// Names of addresses (Name Resolution Blocks), in order.
    pub names: Vec<(IpAddr, String)>,
    /// Decryption secrets, such as TLS key logs, in order.
    pub secrets: Vec<Secrets>,
}

/// A Decryption Secrets Block as it stands in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secrets {
    /// What the data are: `0x544c534b` is a TLS key log.
    pub kind: u32,
    /// The data, untouched.
    pub data: Vec<u8>,
}

/// Options of a pcapng block that are carried from file to file without being understood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RawOptions {
    /// The raw options (code, length, value, padding), without `opt_endofopt`.
    pub bytes: Vec<u8>,
    /// Byte order of the section they came from.
    pub order: ByteOrder,
}

/// Saved or live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// A capture file or a pipe in a capture file's format.
    File(FileFormat),
    /// A network interface.
    Live(LiveBackend),
}

/// The two file formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFormat {
    /// Classic pcap; does it hold nanoseconds?
    Pcap {
        /// Magic `a1b23c4d` and its relatives.
        nanoseconds: bool,
    },
    /// pcapng.
    PcapNg,
}

/// What captures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LiveBackend {
    /// Our own memory-mapped ring (`TPACKET_V3`).
    Ring,
    /// libpcap.
    Libpcap,
    /// A raw `AF_PACKET` socket, interfaces by way of pnet.
    Pnet,
}

/// An interface as a capture describes it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InterfaceInfo {
    /// Name, such as `eth0`.
    pub name: Option<String>,
    /// Description in words.
    pub description: Option<String>,
    /// Link type of its frames.
    pub link: Option<LinkType>,
    /// Most bytes kept of a frame; `None` = unlimited or unknown.
    pub snaplen: Option<u32>,
    /// Units per second of its clock: 1,000,000 for microseconds. `None` where it is no power of ten.
    pub ticks_per_second: Option<u64>,
    /// Capture filter in words.
    pub filter: Option<String>,
    /// Operating system of the capturing host.
    pub os: Option<String>,
    /// Hardware description.
    pub hardware: Option<String>,
    /// Speed in bits per second.
    pub speed: Option<u64>,
    /// Comments in the interface block.
    pub comments: Vec<String>,
    /// Bytes of frame check sequence at the end of each frame, where the capture says so.
    pub fcs_len: Option<u8>,
    /// Options of the interface block that have no field here (addresses, time zone, custom ones).
    pub other: RawOptions,
    /// Counters as the file gives them for this interface (pcapng Interface Statistics Block, the last one).
    pub counters: Option<InterfaceCounters>,
    /// Comments that stand beside those counters.
    pub counter_comments: Vec<String>,
}

/// Counters of one interface as recorded in a file; `None` is "not recorded", which is not 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InterfaceCounters {
    /// Start of the capture.
    pub start: Option<Timestamp>,
    /// End of the capture.
    pub end: Option<Timestamp>,
    /// Frames received by the interface (`isb_ifrecv`).
    pub received: Option<u64>,
    /// Frames dropped by the interface (`isb_ifdrop`).
    pub dropped_interface: Option<u64>,
    /// Frames accepted by the capture filter (`isb_filteraccept`).
    pub accepted: Option<u64>,
    /// Frames dropped by the operating system (`isb_osdrop`).
    pub dropped_kernel: Option<u64>,
    /// Frames given to the capturing program (`isb_usrdeliv`).
    pub delivered: Option<u64>,
}

/// Counters of a source; `None` is "not recorded", which is not 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SourceStats {
    /// Frames handed out by this source.
    pub frames: u64,
    /// Frames that came by the capture filter, as the kernel or the file says.
    pub received: Option<u64>,
    /// Frames dropped because the kernel's buffer was full.
    pub dropped_kernel: Option<u64>,
    /// Frames dropped by the interface or its driver.
    pub dropped_interface: Option<u64>,
    /// Second copies of frames that a loopback interface shows twice, left out here. `received` counts them.
    pub duplicates: Option<u64>,
    /// Times the kernel's ring was full and stood still.
    pub freezes: Option<u64>,
    /// Frames that came by the filter and were not asked for any more when the run ended (`-c`, `--duration`).
    pub unread: Option<u64>,
    /// Bytes of the file read so far (compressed bytes, where compressed).
    pub bytes_read: u64,
    /// Size of the file in bytes, where it is one.
    pub bytes_total: Option<u64>,
}
