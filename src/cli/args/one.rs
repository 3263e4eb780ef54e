//! `show`, `explain`, `follow`: one conversation.

use super::input::{InputArgs, LiveArgs};
use super::look::LookArgs;
use clap::{Args, ValueEnum, ValueHint};
use std::path::PathBuf;

/// What commands of one conversation share.
#[derive(Debug, Args, Clone)]
pub(crate) struct OneArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,
    #[command(flatten)]
    pub(crate) live: LiveArgs,
    #[command(flatten)]
    pub(crate) look: LookArgs,
    /// In place of an ID, of a saved file: the most instructive conversation for which this holds (sockeye help where)
    #[arg(short = 'Y', long = "where", value_name = "CONDITION", help_heading = "Output")]
    pub(crate) condition: Option<String>,
    /// Write to this file instead of standard output
    #[arg(short = 'o', long = "output", value_name = "PATH", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub(crate) output: Option<PathBuf>,
    /// Overwrite an output file that exists
    #[arg(long, help_heading = "Output", requires = "output")]
    pub(crate) force: bool,
}

/// `sockeye show`.
#[derive(Debug, Args)]
#[command(
    override_usage = "sockeye show [ID] [OPTIONS] [FILE or FILTER]... [-- <FILTER>...]",
    after_help = "Examples:\n  sockeye show c1 -r capture.pcap\n  sockeye show c3 -r capture.pcap -v --width 140\n  sockeye show u1 capture.pcap"
)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    pub(crate) one: OneArgs,
    // Told what to do instead where it is given.
    #[arg(long, value_name = "FORMAT", hide = true)]
    pub(crate) format: Option<String>,
}

/// `sockeye explain`.
#[derive(Debug, Args)]
#[command(
    override_usage = "sockeye explain [ID] [OPTIONS] [FILE or FILTER]... [-- <FILTER>...]",
    after_help = "ID is that of the first column of  sockeye FILE;  without one the most instructive conversation of a saved file is taken.\n\nExamples:\n  sockeye explain -r capture.pcap\n  sockeye explain c1 -r capture.pcap\n  sockeye explain c1 -r capture.pcap --level first\n  sockeye explain u1 -r capture.pcap --format md -o u1.md"
)]
pub(crate) struct ExplainArgs {
    #[command(flatten)]
    pub(crate) one: OneArgs,
    /// For whom: first (no states, sums and words of RFCs), course, deep (options byte by byte, numbers checked)
    #[arg(long, value_name = "LEVEL", default_value = "course", help_heading = "Story")]
    pub(crate) level: LevelWord,
    /// Only what one side does and sees: C, the client, or S, the server
    #[arg(long, value_name = "SIDE", ignore_case = true, help_heading = "Story")]
    pub(crate) only: Option<SideWord>,
    /// Questions in place of claims; the answers stand at the end
    #[arg(long, help_heading = "Story")]
    pub(crate) quiz: bool,
    /// The headers of the packet with this number, field by field, instead of a story
    #[arg(long, value_name = "N", help_heading = "Story", value_parser = clap::value_parser!(u64).range(1..), conflicts_with_all = ["trace", "only", "quiz", "level", "format", "condition"])]
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
    override_usage = "sockeye follow ID [OPTIONS] [FILE or FILTER]... [-- <FILTER>...]",
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
    #[value(name = "C")]
    C,
    #[value(name = "S")]
    S,
}

/// `--format` of stories.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum StoryFormat {
    Text,
    Md,
    Jsonl,
}
