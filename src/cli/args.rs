//! The command line as typed. What it means is worked out in `settings.rs`; which command a line without one means, in `words.rs`.

use super::deferred::Deferred;
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum, ValueHint};
use std::ffi::OsString;
use std::path::PathBuf;

/// An eye on sockets: packets, connections, and what happened to them.
#[derive(Debug, Parser)]
#[command(
    name = "sockeye",
    version,
    disable_help_subcommand = true,
    subcommand_required = true,
    arg_required_else_help = false,
    after_help = EXAMPLES,
    max_term_width = 110
)]
pub(crate) struct Line {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Without a command, a file gets the summary and an interface the packet lines:
  sockeye capture.pcapng                 what is in this file?
  sudo sockeye -i eth0 'tcp port 443'    watch packets, as tcpdump prints them
  sockeye handshakes capture.pcap        every attempt to connect";

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Summary and connections of saved captures (the main job)
    Summary(Deferred<SummaryArgs>),
    /// One line per packet, as tcpdump prints it; -w writes the packets instead
    Packets(Deferred<PacketsArgs>),
    /// Every conversation, one record each
    Flows(Deferred<FlowsArgs>),
    /// Every attempt to connect: SYN, SYN-ACK, ACK, round trips, options, outcome
    Handshakes(Deferred<HandshakesArgs>),
    /// What deserves a look, with evidence: what failed, was lost, scans; --fail-on for scripts
    Findings(Deferred<FindingsArgs>),
    /// One connection in full: ladder, states, calls, where the time went
    Show(Deferred<ShowArgs>),
    /// One connection as a story: socket calls, states, sums
    Explain(Deferred<ExplainArgs>),
    /// The bytes of one connection, put together, with gaps marked
    Follow(Deferred<FollowArgs>),
    /// Save packets to a capture file, and nothing else
    Capture(Deferred<CaptureArgs>),
    /// What can be captured here, and why not
    Interfaces(Deferred<InterfacesArgs>),
    /// Can I capture here? Tests it for real, and names the command that mends what fails
    Doctor(Deferred<DoctorArgs>),
    /// Print a completion script for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page (roff)
    Man,
    #[command(about = super::manual::topics())]
    Help {
        /// A topic, or the name of a command
        topic: Option<String>,
    },
}

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

/// How text looks.
#[derive(Debug, Args, Clone, Default)]
pub(crate) struct StyleArgs {
    /// Colours
    #[arg(long, value_name = "WHEN", default_value = "auto", help_heading = "Output")]
    pub(crate) color: When,
    /// Only ASCII: no arrows, no typographic dots
    #[arg(long, help_heading = "Output")]
    pub(crate) ascii: bool,
    /// Columns to fit, instead of the terminal's
    #[arg(long, value_name = "N", help_heading = "Output", value_parser = clap::value_parser!(u16).range(20..))]
    pub(crate) width: Option<u16>,
}

/// What every command that reads packets has.
#[derive(Debug, Args, Clone, Default)]
pub(crate) struct RunArgs {
    /// A line with the progress on long files, on a terminal only
    #[arg(long, value_name = "WHEN", default_value = "auto", help_heading = "Output")]
    pub(crate) progress: Progress,
    /// Most memory to take: bytes, or with k, m, g KiB, MiB, GiB; 64m at least. A quarter of the machine's, and 1g at most, unless
    /// given. When it is used up, conversations are given out early and counted: what is over first, then attempts without an answer,
    /// the longest silent at last; each kind may keep a sixteenth of the table (sockeye help memory)
    #[arg(long, value_name = "SIZE", help_heading = "Output")]
    pub(crate) max_memory: Option<String>,
    /// Don't convert addresses to names (the default; here for tcpdump's sake)
    #[arg(short = 'n', action = ArgAction::Count, help_heading = "Output")]
    pub(crate) no_names: u8,
}

/// What every command that prints packets or conversations has: these flags do not decide which command is meant.
#[derive(Debug, Args, Clone, Default)]
pub(crate) struct LookArgs {
    #[command(flatten)]
    pub(crate) style: StyleArgs,
    #[command(flatten)]
    pub(crate) run: RunArgs,
    /// Less: a summary's table alone, tables of records without headings, shorter packet lines
    #[arg(short = 'q', action = ArgAction::Count, help_heading = "Output")]
    pub(crate) quiet: u8,
    /// More: interfaces and notes of the file, evidence of each conversation, fields of each packet (-vv, -vvv yet more)
    #[arg(short = 'v', action = ArgAction::Count, help_heading = "Output")]
    pub(crate) verbose: u8,
    /// Names of hosts in place of their addresses, in packet lines and tables, where they are found (asks the system's resolver,
    /// which asks name servers). Live, a line never waits for a name; of files, 5 seconds in all
    #[arg(short = 'N', long = "names", help_heading = "Output", conflicts_with = "no_names")]
    pub(crate) names: bool,
    /// Flush each line (done anyway when live)
    #[arg(short = 'l', help_heading = "Output")]
    pub(crate) line_buffered: bool,
    /// Times in UTC (summaries and records always are)
    #[arg(long, help_heading = "Output")]
    pub(crate) utc: bool,
}

/// `--color`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Default)]
pub(crate) enum When {
    #[default]
    Auto,
    Always,
    Never,
}

/// `--progress`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Default)]
pub(crate) enum Progress {
    #[default]
    Auto,
    Never,
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

/// `--write-format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum WriteFormat {
    Pcap,
    Pcapng,
}

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
    /// Write each packet to the file as it comes
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
    pub(crate) file_command: Option<std::ffi::OsString>,
}

/// Which conversations.
#[derive(Debug, Args, Clone, Default)]
pub(crate) struct WhereArgs {
    /// Only conversations for which this holds, as in 'state refused and port 443' or 'rtt>100ms' (sockeye help where)
    #[arg(short = 'Y', long = "where", value_name = "CONDITION", help_heading = "Output")]
    pub(crate) condition: Option<String>,
}

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
    /// Every connection, not only the 20 that matter
    #[arg(long, help_heading = "Output")]
    pub(crate) all: bool,
}

/// `sockeye packets`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  sudo sockeye packets -i eth0 'tcp port 443'\n  sockeye packets -r capture.pcap -v -X -c 5\n  sockeye packets -r big.pcap 'host 192.0.2.1' -w small.pcapng"
)]
pub(crate) struct PacketsArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,
    #[command(flatten)]
    pub(crate) live: LiveArgs,
    #[command(flatten)]
    pub(crate) write: WriteArgs,
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

/// `sockeye flows`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  sockeye flows -r capture.pcap\n  sockeye flows -r capture.pcap --format jsonl 'tcp port 80'\n  sockeye flows -r capture.pcap --format csv --fields id,orig.ip,resp.ip,state"
)]
pub(crate) struct FlowsArgs {
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

/// `sockeye findings`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  sockeye findings capture.pcap\n  sockeye findings -r capture.pcap --format jsonl\n  sockeye findings -q --fail-on high capture.pcap"
)]
pub(crate) struct FindingsArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,
    #[command(flatten)]
    pub(crate) live: LiveArgs,
    #[command(flatten)]
    pub(crate) look: LookArgs,
    /// Form of the output
    #[arg(long, value_name = "FORMAT", default_value = "text", help_heading = "Output")]
    pub(crate) format: FindingsFormat,
    /// End with exit code 10 when there is a finding as grave as this or graver
    #[arg(long, value_name = "SEVERITY", help_heading = "Output")]
    pub(crate) fail_on: Option<SeverityWord>,
    /// Write to this file instead of standard output
    #[arg(short = 'o', long = "output", value_name = "PATH", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub(crate) output: Option<PathBuf>,
    /// Overwrite an output file that exists
    #[arg(long, help_heading = "Output", requires = "output")]
    pub(crate) force: bool,
}

/// Forms of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FindingsFormat {
    Text,
    Jsonl,
}

/// Severities of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SeverityWord {
    Low,
    Medium,
    High,
}

/// `sockeye show`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  sockeye show c1 -r capture.pcap\n  sockeye show c3 -r capture.pcap -v --width 140\n  sockeye show u1 capture.pcap"
)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    pub(crate) one: OneArgs,
}

/// What commands of one conversation share.
#[derive(Debug, Args, Clone)]
pub(crate) struct OneArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,
    #[command(flatten)]
    pub(crate) live: LiveArgs,
    #[command(flatten)]
    pub(crate) look: LookArgs,
    /// Write to this file instead of standard output
    #[arg(short = 'o', long = "output", value_name = "PATH", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub(crate) output: Option<PathBuf>,
    /// Overwrite an output file that exists
    #[arg(long, help_heading = "Output", requires = "output")]
    pub(crate) force: bool,
}

/// `sockeye explain`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  sockeye explain c1 -r capture.pcap\n  sockeye explain c1 -r capture.pcap --level first\n  sockeye explain u1 -r capture.pcap --format md -o u1.md"
)]
pub(crate) struct ExplainArgs {
    #[command(flatten)]
    pub(crate) one: OneArgs,
    /// For whom: first (no words of RFCs), course, deep (options byte by byte)
    #[arg(long, value_name = "LEVEL", default_value = "course", help_heading = "Story")]
    pub(crate) level: LevelWord,
    /// Only what one side does and sees: C, the client, or S, the server
    #[arg(long, value_name = "SIDE", ignore_case = true, help_heading = "Story")]
    pub(crate) only: Option<SideWord>,
    /// Questions in place of most claims; the answers stand at the end
    #[arg(long, help_heading = "Story")]
    pub(crate) quiz: bool,
    /// The headers of the packet with this number, field by field, instead of a story
    #[arg(long, value_name = "N", help_heading = "Story", value_parser = clap::value_parser!(u64).range(1..), conflicts_with_all = ["trace", "only"])]
    pub(crate) packet: Option<u64>,
    /// What strace wrote of one side's program: settles which calls were made
    /// (strace -f -ttt -e trace=network,read,write,close -o FILE PROGRAM)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Story")]
    pub(crate) trace: Option<PathBuf>,
    /// Form of the output
    #[arg(long, value_name = "FORMAT", default_value = "text", help_heading = "Output")]
    pub(crate) format: StoryFormat,
}

/// `sockeye follow`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  sockeye follow c1 -r capture.pcap\n  sockeye follow c1 -r capture.pcap --format hex --only S\n  sockeye follow c3 -r capture.pcap --format raw -o c3    (c3-client and c3-server)"
)]
pub(crate) struct FollowArgs {
    #[command(flatten)]
    pub(crate) one: OneArgs,
    /// Only what one side sent: C, the client, or S, the server
    #[arg(long, value_name = "SIDE", ignore_case = true, help_heading = "Stream")]
    pub(crate) only: Option<SideWord>,
    /// Form of the output: ascii and hex neutralise what a terminal would obey; raw is the bytes themselves, with -o of both sides in
    /// files of their own
    #[arg(long, value_name = "FORMAT", default_value = "ascii", help_heading = "Output")]
    pub(crate) format: FollowFormat,
}

/// `--format` of streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FollowFormat {
    Ascii,
    Hex,
    Raw,
}

/// `--level`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LevelWord {
    First,
    Course,
    Deep,
}

/// `--only`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SideWord {
    C,
    S,
}

/// `--format` of stories.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum StoryFormat {
    Text,
    Md,
    Jsonl,
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

/// `sockeye capture`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  sudo sockeye capture -i eth0 -w today.pcapng\n  sudo sockeye capture -i any -w - 'udp port 53' | sockeye -r -\n  sockeye capture -r a.pcap -r b.pcap -w merged.pcapng"
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
    pub(crate) run: RunArgs,
    /// List the link types of the interface and stop
    #[arg(short = 'L', long = "list-data-link-types", help_heading = "Live capture")]
    pub(crate) list_link_types: bool,
    /// List the time stamp types of the interface and stop
    #[arg(short = 'J', long = "list-time-stamp-types", help_heading = "Live capture")]
    pub(crate) list_time_stamps: bool,
}

/// `sockeye interfaces`.
#[derive(Debug, Args)]
pub(crate) struct InterfacesArgs {
    #[command(flatten)]
    pub(crate) style: StyleArgs,
    /// The same as the command: tcpdump's letter
    #[arg(short = 'D', long = "list-interfaces", hide = true)]
    pub(crate) letter: bool,
}

/// `sockeye doctor`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  sockeye doctor\n  sudo sockeye doctor -i eth0\n\nIt captures datagrams that it sends to itself on loopback, opens each interface, gives up its rights and tries what must fail then. Exit code 0: capturing on loopback works (with -i: and on that interface), 4: rights are missing, 1: it fails for another reason."
)]
pub(crate) struct DoctorArgs {
    /// Look at this interface, in detail; `any` is all of them
    #[arg(short = 'i', long = "interface", value_name = "IF", help_heading = "Input")]
    pub(crate) interface: Option<String>,
    #[command(flatten)]
    pub(crate) style: StyleArgs,
}
