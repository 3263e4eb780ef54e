//! `summary`, `flows`, `handshakes`: which conversations, and in which form they come out.

use super::input::{InputArgs, LiveArgs};
use super::look::LookArgs;
use clap::{Args, ValueEnum, ValueHint};
use sockeye::model::Network;
use std::path::PathBuf;

/// `sockeye summary`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  sockeye capture.pcapng\n  sockeye a.pcap b.pcap 'host 192.0.2.1'\n  zcat big.pcap.gz | sockeye summary -r - --all"
)]
pub(crate) struct SummaryArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,
    #[command(flatten)]
    pub(crate) live: LiveArgs,
    #[command(flatten)]
    pub(crate) look: LookArgs,
    #[command(flatten)]
    pub(crate) which: WhereArgs,
    /// Addresses of this network are local, as private ones are (for what answers foreign addresses); may be repeated
    #[arg(long, value_name = "NET", help_heading = "Output")]
    pub(crate) local: Vec<Network>,
    /// Every connection, not only the 20 that matter
    #[arg(long, help_heading = "Output")]
    pub(crate) all: bool,
}

/// What commands of many conversations share.
#[derive(Debug, Args)]
pub(crate) struct ConversationsArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,
    #[command(flatten)]
    pub(crate) live: LiveArgs,
    #[command(flatten)]
    pub(crate) look: LookArgs,
    #[command(flatten)]
    pub(crate) which: WhereArgs,
    #[command(flatten)]
    pub(crate) records: RecordArgs,
}

/// `sockeye flows`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  sockeye flows -r capture.pcap\n  sockeye flows -r capture.pcap --format jsonl 'tcp port 80'\n  sockeye flows -r capture.pcap --format csv --fields id,orig.ip,resp.ip,state"
)]
pub(crate) struct FlowsArgs {
    #[command(flatten)]
    pub(crate) of: ConversationsArgs,
    /// What becomes of packets with a wrong TCP, UDP, ICMP or IPv4 header checksum, in Zeek's words (state, history,
    /// weird, and all of --format zeek); nothing else depends on it
    #[arg(long, value_name = "HOW", default_value = "auto", help_heading = "Input")]
    pub(crate) checksums: ChecksumsWord,
}

/// `sockeye handshakes`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  sockeye handshakes -r capture.pcap\n  sudo sockeye handshakes -i eth0\n  sockeye handshakes -r capture.pcap --format jsonl"
)]
pub(crate) struct HandshakesArgs {
    #[command(flatten)]
    pub(crate) of: ConversationsArgs,
}

/// Which conversations.
#[derive(Debug, Args, Clone, Default)]
pub(crate) struct WhereArgs {
    /// Only conversations for which this holds, as in 'state refused and port 443' or 'rtt>100ms' (sockeye help where)
    #[arg(short = 'Y', long = "where", value_name = "CONDITION", help_heading = "Output")]
    pub(crate) condition: Option<String>,
}

/// How records come out.
#[derive(Debug, Args, Clone, Default)]
pub(crate) struct RecordArgs {
    /// Form of the output
    #[arg(long, value_name = "FORMAT", help_heading = "Output")]
    pub(crate) format: Option<RecordFormat>,
    /// Only these fields, separated by commas (not for tables)
    #[arg(long, value_name = "NAMES", value_delimiter = ',', help_heading = "Output")]
    pub(crate) fields: Vec<String>,
    /// Write to this file instead of standard output; its name chooses the format where --format does not: .jsonl .ndjson
    /// .json, .csv, .tsv, .md; of flows, …conn.log is Zeek's; any other name gets the table
    #[arg(short = 'o', long = "output", value_name = "PATH", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub(crate) output: Option<PathBuf>,
    /// Overwrite an output file that exists
    #[arg(long, help_heading = "Output", requires = "output")]
    pub(crate) force: bool,
    /// Most flows kept at once; beyond, flows are given out early and counted, in the order of --max-memory (sockeye help memory)
    #[arg(long, value_name = "N", default_value_t = 1_000_000, help_heading = "Output", value_parser = clap::value_parser!(u32).range(16..))]
    pub(crate) max_flows: u32,
}

/// `--format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RecordFormat {
    Table,
    Jsonl,
    Csv,
    Tsv,
    Md,
    /// Zeek's conn.log (flows only)
    Zeek,
    /// The same as JSON
    ZeekJson,
}

/// `--checksums`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Default)]
pub(crate) enum ChecksumsWord {
    /// As verify, but a checksum that the capturing host left to its network card is taken for right, and so are all of a
    /// protocol of which a quarter is wrong in the file, or fewer than 16 were seen
    #[default]
    Auto,
    /// A wrong checksum means damage, and no host took the packet: history has a c for it
    Verify,
    /// Checksums are not looked at
    Ignore,
}
