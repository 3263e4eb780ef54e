//! `interfaces`, `doctor`: what this host can capture.

use super::look::StyleArgs;
use clap::Args;

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
