//! `findings`: what deserves a look.

use super::input::{InputArgs, LiveArgs};
use super::look::LookArgs;
use super::records::WhereArgs;
use clap::{Args, ValueEnum, ValueHint};
use sockeye::model::Network;
use std::path::PathBuf;

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
    #[command(flatten)]
    pub(crate) which: WhereArgs,
    /// Addresses of this network are local, as private ones are (for what answers foreign addresses); may be repeated
    #[arg(long, value_name = "NET", help_heading = "Output")]
    pub(crate) local: Vec<Network>,
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
