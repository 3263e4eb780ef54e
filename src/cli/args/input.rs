//! Which packets a command reads, from where, and what becomes of its rights.

use clap::{Args, ValueEnum, ValueHint};
use std::ffi::OsString;
use std::path::PathBuf;

/// Where packets come from, and which of them.
#[derive(Debug, Args, Clone, Default)]
pub(crate) struct InputArgs {
    /// Read a saved capture; `-` is standard input. May be given several times: packets are merged in time order
    #[arg(short = 'r', long = "read", value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Input")]
    pub(crate) read: Vec<PathBuf>,
    /// Capture on an interface; `any` is all of them. May be given several times
    #[arg(short = 'i', long = "interface", value_name = "IF", help_heading = "Input", conflicts_with = "read")]
    pub(crate) interface: Vec<String>,
    /// Capture filter (pcap-filter syntax), the same as the words at the end of the line
    #[arg(short = 'f', long = "filter", value_name = "FILTER", help_heading = "Input")]
    pub(crate) filter: Option<String>,
    /// Read the capture filter from a file
    #[arg(short = 'F', value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Input", conflicts_with = "filter")]
    pub(crate) filter_file: Option<PathBuf>,
    /// Use a compiled filter, the output of `tcpdump -ddd`
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Input", conflicts_with_all = ["filter", "filter_file"])]
    pub(crate) filter_bytecode: Option<PathBuf>,
    /// Let the filter see VLAN tags as tcpdump's does: `port 80` then misses tagged frames
    #[arg(long, help_heading = "Input")]
    pub(crate) strict_bpf: bool,
    /// Decode frames as this link type, whatever the file says: a name or a number
    #[arg(long, value_name = "TYPE", help_heading = "Input")]
    pub(crate) link_type: Option<String>,
    /// Stop after N packets (those the filter lets through)
    #[arg(short = 'c', value_name = "N", help_heading = "Input", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count_limit: Option<u64>,
    /// Only packets from this time on: RFC 3339, `YYYY-MM-DD HH:MM:SS[.frac]`, `HH:MM:SS`, or seconds since 1970
    #[arg(long, value_name = "TIME", help_heading = "Input")]
    pub(crate) from: Option<String>,
    /// Only packets before this time
    #[arg(long, value_name = "TIME", help_heading = "Input")]
    pub(crate) to: Option<String>,
    /// Only packets with these numbers in their file: A-B, A-, -B or N, several with commas
    #[arg(long, value_name = "A-B", help_heading = "Input", allow_hyphen_values = true)]
    pub(crate) packets: Option<String>,
    #[command(flatten)]
    pub(crate) rights: RightsArgs,
    /// Files to read, and a capture filter
    #[arg(value_name = "FILE or FILTER", value_hint = ValueHint::FilePath)]
    pub(crate) words: Vec<OsString>,
    /// A capture filter after `--`
    #[arg(last = true, value_name = "FILTER")]
    pub(crate) after_dashes: Vec<String>,
}

/// What becomes of the rights that the program was started with.
#[derive(Debug, Args, Clone, Default)]
pub(crate) struct RightsArgs {
    /// Give up root's rights to this user (name or number) once everything is open, instead of to whoever called sudo, or
    /// nobody. Root's output files are written as this user, those of a caller of sudo as him; `root`: stay root, without capabilities
    #[arg(short = 'Z', long = "relinquish-privileges", value_name = "USER", help_heading = "Rights")]
    pub(crate) user: Option<String>,
    /// Give up user and capabilities only: no Landlock, no filter of system calls (sockeye help privileges)
    #[arg(long, help_heading = "Rights")]
    pub(crate) no_sandbox: bool,
}

/// How to capture live.
#[derive(Debug, Args, Clone, Default)]
pub(crate) struct LiveArgs {
    /// Keep at most LEN bytes of each packet (0: 262,144)
    #[arg(short = 's', long = "snapshot-length", value_name = "LEN", help_heading = "Live capture")]
    pub(crate) snaplen: Option<u32>,
    /// Do not capture in promiscuous mode (the default; here for tcpdump's sake)
    #[arg(short = 'p', long = "no-promiscuous-mode", help_heading = "Live capture", conflicts_with = "promisc")]
    pub(crate) no_promisc: bool,
    /// Capture in promiscuous mode: frames for other hosts, too
    #[arg(long, help_heading = "Live capture")]
    pub(crate) promisc: bool,
    /// Size of the kernel's capture buffer in KiB (65536 unless given, 16384 where packets are only copied, and less where --max-memory has no room for it); a ring holds two of the largest frames at least
    #[arg(short = 'B', long = "buffer-size", value_name = "KIB", help_heading = "Live capture", value_parser = clap::value_parser!(u32).range(1..=2_097_151))]
    pub(crate) buffer_kib: Option<u32>,
    /// Only packets in this direction
    #[arg(short = 'Q', long = "direction", value_name = "DIRECTION", help_heading = "Live capture")]
    pub(crate) direction: Option<WhichWay>,
    /// Link type to ask of the interface
    #[arg(short = 'y', long = "linktype", value_name = "TYPE", help_heading = "Live capture")]
    pub(crate) capture_link_type: Option<String>,
    /// Whose clock stamps packets, by the names that -J lists of an interface
    #[arg(short = 'j', long = "time-stamp-type", value_name = "TYPE", help_heading = "Live capture")]
    pub(crate) time_stamps: Option<String>,
    /// What captures: our own ring, libpcap, or a plain packet socket
    #[arg(long, value_name = "BACKEND", help_heading = "Live capture")]
    pub(crate) backend: Option<Backend>,
    /// Stop after this time: 30s, 5m, 1h, 500ms
    #[arg(long, value_name = "TIME", help_heading = "Live capture")]
    pub(crate) duration: Option<String>,
    /// Follow conversations in N threads (1 to 64; 1 unless given), for flows, handshakes and summary: worth it live, seldom of
    /// files. Each has its part of --max-memory; while that suffices, records are those of one thread. Of files one thread more
    /// reads and one writes. Live each captures, too: -B is each thread's buffer; all have a quarter of --max-memory at most
    /// where it is not given (sockeye help threads)
    #[arg(long, value_name = "N", help_heading = "Input", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) threads: Option<u32>,
}

impl LiveArgs {
    /// More than one thread, where so many were asked for.
    pub(crate) fn several_threads(&self) -> Option<u32> {
        self.threads.filter(|threads| *threads > 1)
    }
}

/// `-Q`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum WhichWay {
    In,
    Out,
    Inout,
}

/// `--backend`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Backend {
    Ring,
    Libpcap,
    Pnet,
}
