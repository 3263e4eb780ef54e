//! What every command that prints has: how text looks, how much is said, what a run may take.

use clap::{ArgAction, Args, ValueEnum};

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
