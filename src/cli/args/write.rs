//! `capture`, `split`, and `-w`: packets into capture files.

use super::input::{InputArgs, LiveArgs};
use super::look::{LookArgs, RunArgs};
use super::records::{RecordFormat, WhereArgs};
use clap::{Args, ValueEnum, ValueHint};
use std::ffi::OsString;
use std::path::PathBuf;

/// Where packets are written, and how.
#[derive(Debug, Args, Clone, Default)]
pub(crate) struct WriteArgs {
    /// Write the packets to a capture file; `-` is standard output
    #[arg(short = 'w', long = "write", value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub(crate) write: Option<PathBuf>,
    /// Format of that file, instead of what its name says
    #[arg(long, value_name = "FORMAT", help_heading = "Output", requires = "write")]
    pub(crate) write_format: Option<WriteFormat>,
    /// Overwrite an output file that exists
    #[arg(long, help_heading = "Output", requires = "write")]
    pub(crate) force: bool,
    /// With -w: print the packets as well
    #[arg(long, help_heading = "Output", requires = "write")]
    pub(crate) print: bool,
    /// With --where, of an interface, a pipe: most bytes of a conversation that wait until it is known whether it is wanted; of more
    /// the oldest go, which is told. A quarter of their share of --max-memory unless given
    #[arg(long, value_name = "SIZE", help_heading = "Output", requires_all = ["write", "condition"])]
    pub(crate) keep_bytes_per_flow: Option<String>,
    /// Write each packet to the file as it comes; with --where, as soon as it is known that it is wanted, older ones or not
    #[arg(short = 'U', long = "packet-buffered", help_heading = "Output")]
    pub(crate) packet_buffered: bool,
    /// Begin another file before one grows beyond SIZE: millions of bytes, or with k, m, g KiB, MiB, GiB
    #[arg(short = 'C', value_name = "SIZE", help_heading = "Files one after the other", requires = "write")]
    pub(crate) file_size: Option<String>,
    /// Begin another file after this time: seconds, or 5m, 1h
    #[arg(short = 'G', value_name = "TIME", help_heading = "Files one after the other", requires = "write")]
    pub(crate) file_time: Option<String>,
    /// Keep the newest COUNT files of this run
    #[arg(short = 'W', value_name = "COUNT", help_heading = "Files one after the other", requires = "write", value_parser = clap::value_parser!(u64).range(1..=sockeye::output::pcap::Rotation::MOST_KEPT))]
    pub(crate) file_count: Option<u64>,
    /// Keep at most SIZE of this run's files: bytes, or with k, m, g KiB, MiB, GiB
    #[arg(long, value_name = "SIZE", help_heading = "Files one after the other", requires = "write")]
    pub(crate) keep_bytes: Option<String>,
    /// Run COMMAND FILE for each complete file
    #[arg(short = 'z', value_name = "COMMAND", help_heading = "Files one after the other", requires = "write")]
    pub(crate) file_command: Option<OsString>,
}

/// `--write-format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum WriteFormat {
    Pcap,
    Pcapng,
}

/// `sockeye capture`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  sudo sockeye capture -i eth0 -w today.pcapng\n  sudo sockeye capture -i any -w - 'udp port 53' | sockeye -r -\n  sockeye capture -r a.pcap -r b.pcap -w merged.pcapng\n  sudo sockeye capture -i eth0 -w slow.pcapng --where 'rtt>100ms or resent>0'"
)]
pub(crate) struct CaptureArgs {
    /// Say less: not what the system lacks to give up rights
    #[arg(short = 'q', long = "quiet", help_heading = "Output", conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Say what is in force of giving up rights (on an interface)
    #[arg(short = 'v', long = "verbose", help_heading = "Output")]
    pub(crate) verbose: bool,
    #[command(flatten)]
    pub(crate) input: InputArgs,
    #[command(flatten)]
    pub(crate) live: LiveArgs,
    #[command(flatten)]
    pub(crate) write: WriteArgs,
    #[command(flatten)]
    pub(crate) which: WhereArgs,
    #[command(flatten)]
    pub(crate) run: RunArgs,
    /// List the link types of the interface and stop
    #[arg(short = 'L', long = "list-data-link-types", help_heading = "Live capture")]
    pub(crate) list_link_types: bool,
    /// List the time stamp types of the interface and stop
    #[arg(short = 'J', long = "list-time-stamp-types", help_heading = "Live capture")]
    pub(crate) list_time_stamps: bool,
}

/// `sockeye split`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  sockeye split -r capture.pcap -o parts\n  sockeye split -r capture.pcap -o parts --by state\n  sockeye split -r capture.pcap -o parts --by finding\n  sockeye split -r capture.pcap -o parts --where 'rtt>100ms or resent>0'\n  sockeye split -r big.pcap.zst -o parts 'host 192.0.2.1' --format csv"
)]
pub(crate) struct SplitArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,
    #[command(flatten)]
    pub(crate) look: LookArgs,
    /// The folder to write into; it is made if it is not there. The index of its files is index.jsonl
    #[arg(short = 'o', long = "output", value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = "Parts")]
    pub(crate) output: Option<PathBuf>,
    /// What has a file of its own. All but flow, and --where, read the capture twice, so it cannot be a pipe
    #[arg(long, value_name = "WHAT", default_value = "flow", help_heading = "Parts")]
    pub(crate) by: ByWord,
    #[command(flatten)]
    pub(crate) which: WhereArgs,
    /// Format of the files: pcapng unless all that is read is pcap of one link type
    #[arg(long, value_name = "FORMAT", help_heading = "Parts")]
    pub(crate) write_format: Option<WriteFormat>,
    /// Overwrite files of an earlier run
    #[arg(long, help_heading = "Parts")]
    pub(crate) force: bool,
    /// Form of the list of files on standard output
    #[arg(long, value_name = "FORMAT", help_heading = "Output")]
    pub(crate) format: Option<RecordFormat>,
    /// Every file in the table, not only the 20 largest
    #[arg(long, help_heading = "Output")]
    pub(crate) all: bool,
}

/// `--by`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ByWord {
    /// A conversation: c3-10.98.0.1.49382-10.98.0.2.80.pcap
    Flow,
    /// A host, with all that it said to others: packets are in the files of both their hosts
    Host,
    /// A server's port: tcp-443.pcap
    Port,
    /// How conversations ended up: refused.pcap, no-answer.pcap
    State,
    /// A protocol after IP: tcp.pcap, udp.pcap
    Protocol,
    /// A finding, with all who take part in it: f1-port-scan.pcap; no-finding.pcap has the others
    Finding,
}
