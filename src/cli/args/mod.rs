//! The command line as typed; here the commands, in the other files what each takes, by what it answers. What it means is worked out
//! in `settings.rs`; which command a line without one means, in `words.rs`.

mod findings;
mod host;
mod input;
mod look;
mod one;
mod packets;
mod records;
mod write;

pub(crate) use findings::{FindingsArgs, FindingsFormat, SeverityWord};
pub(crate) use host::{DoctorArgs, InterfacesArgs};
pub(crate) use input::{Backend, InputArgs, LiveArgs, RightsArgs, WhichWay};
pub(crate) use look::{LookArgs, Progress, RunArgs, StyleArgs, When};
pub(crate) use one::{ExplainArgs, FollowArgs, FollowFormat, LevelWord, OneArgs, ShowArgs, SideWord, StoryFormat};
pub(crate) use packets::{LineArgs, PacketsArgs, TimeWord};
pub(crate) use records::{ChecksumsWord, FlowsArgs, HandshakesArgs, RecordArgs, RecordFormat, SummaryArgs};
pub(crate) use write::{ByWord, CaptureArgs, SplitArgs, WriteArgs, WriteFormat};

use super::deferred::Deferred;
use clap::{Parser, Subcommand};

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
    /// A capture file for each connection, or for each group of them
    Split(Deferred<SplitArgs>),
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
    #[command(about = crate::cli::manual::topics())]
    Help {
        /// A topic, or the name of a command
        topic: Option<String>,
    },
}
