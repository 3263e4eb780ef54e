//! `packets`: a line or a record each.

use super::input::{InputArgs, LiveArgs};
use super::look::LookArgs;
use super::records::{RecordFormat, WhereArgs};
use super::write::WriteArgs;
use clap::{ArgAction, Args, ValueEnum, ValueHint};
use std::path::PathBuf;

/// `sockeye packets`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  sudo sockeye packets -i eth0 'tcp port 443'\n  sockeye packets -r capture.pcap -v -X -c 5\n  sockeye packets -r big.pcap 'host 192.0.2.1' -w small.pcapng\n  sockeye packets -r big.pcap --where 'state refused' -w refused.pcapng"
)]
pub(crate) struct PacketsArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,
    #[command(flatten)]
    pub(crate) live: LiveArgs,
    #[command(flatten)]
    pub(crate) write: WriteArgs,
    #[command(flatten)]
    pub(crate) which: WhereArgs,
    #[command(flatten)]
    pub(crate) look: LookArgs,
    #[command(flatten)]
    pub(crate) lines: LineArgs,
    /// Form of the output
    #[arg(long, value_name = "FORMAT", help_heading = "Output")]
    pub(crate) format: Option<RecordFormat>,
    /// Only these fields, separated by commas (with --format)
    #[arg(long, value_name = "NAMES", value_delimiter = ',', help_heading = "Output", requires = "format")]
    pub(crate) fields: Vec<String>,
    /// Print only how many packets there are
    #[arg(long, help_heading = "Output", conflicts_with = "format")]
    pub(crate) count: bool,
    /// List the link types of the interface and stop
    #[arg(short = 'L', long = "list-data-link-types", help_heading = "Live capture")]
    pub(crate) list_link_types: bool,
    /// List the time stamp types of the interface and stop
    #[arg(short = 'J', long = "list-time-stamp-types", help_heading = "Live capture")]
    pub(crate) list_time_stamps: bool,
    /// Print the compiled filter and stop; -dd as C, -ddd as numbers
    #[arg(short = 'd', action = ArgAction::Count, help_heading = "Input")]
    pub(crate) dump_filter: u8,
    /// Read the names of the capture files from FILE, one a line
    #[arg(short = 'V', value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Input", conflicts_with_all = ["read", "interface"])]
    pub(crate) file_list: Option<PathBuf>,
}

/// How packet lines look.
#[derive(Debug, Args, Clone, Default)]
pub(crate) struct LineArgs {
    /// Exactly tcpdump's line, without our note
    #[arg(long, help_heading = "Packet lines")]
    pub(crate) plain: bool,
    /// Time: -t none, -tt seconds since 1970, -ttt since the last line, -tttt with the date, -ttttt since the first line
    #[arg(short = 't', action = ArgAction::Count, help_heading = "Packet lines")]
    pub(crate) time_letters: u8,
    /// Time, in words
    #[arg(long = "time", value_name = "FORM", help_heading = "Packet lines", conflicts_with = "time_letters")]
    pub(crate) time: Option<TimeWord>,
    /// Times of this time zone, such as Europe/Berlin
    #[arg(long, value_name = "ZONE", help_heading = "Packet lines", conflicts_with = "utc")]
    pub(crate) tz: Option<String>,
    /// Nanoseconds in times
    #[arg(long, alias = "nanosecond-precision", help_heading = "Packet lines")]
    pub(crate) nano: bool,
    /// Print the link-level header
    #[arg(short = 'e', help_heading = "Packet lines")]
    pub(crate) link_header: bool,
    /// Absolute sequence numbers
    #[arg(short = 'S', long = "absolute-tcp-sequence-numbers", help_heading = "Packet lines")]
    pub(crate) absolute: bool,
    /// Number the lines
    #[arg(short = '#', long = "number", help_heading = "Packet lines")]
    pub(crate) number: bool,
    /// Bytes in hex; -xx with the link-level header
    #[arg(short = 'x', action = ArgAction::Count, help_heading = "Packet lines")]
    pub(crate) hex: u8,
    /// Bytes in hex and ASCII; -XX with the link-level header
    #[arg(short = 'X', action = ArgAction::Count, help_heading = "Packet lines")]
    pub(crate) hex_ascii: u8,
    /// Bytes in ASCII; -AA with the link-level header
    #[arg(short = 'A', action = ArgAction::Count, help_heading = "Packet lines")]
    pub(crate) ascii_dump: u8,
    /// With -v: don't verify checksums
    #[arg(short = 'K', long = "dont-verify-checksums", help_heading = "Packet lines")]
    pub(crate) no_checksums: bool,
}

/// `--time`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TimeWord {
    /// Hours, minutes, seconds
    Clock,
    /// Seconds since 1970
    Epoch,
    /// Since the last line
    Delta,
    /// With the date
    Date,
    /// Since the first line
    Rel,
    /// None
    None,
}
