//! What a source of frames says about itself: shared by the captures that fill it in and the outputs that show it.

use super::LinkType;

/// What a source is.
#[derive(Clone, Debug)]
pub struct SourceInfo {
    /// For people: the file name as given, `standard input`, or the interface's name.
    pub name: String,
    /// Saved or live, and in which form.
    pub kind: SourceKind,
    /// The interfaces that `Frame::interface` counts. A classic pcap has exactly one, without a name.
    pub interfaces: Vec<InterfaceInfo>,
    /// Things about the source worth telling once: an undeclared interface id, an odd time resolution, a comment.
    pub warnings: Vec<String>,
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
    /// Bytes of the file read so far (compressed bytes, where compressed).
    pub bytes_read: u64,
    /// Size of the file in bytes, where it is one.
    pub bytes_total: Option<u64>,
}
