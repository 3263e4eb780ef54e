//! `sockeye handshakes`: every attempt to connect.

use super::records::{self, Output};
use crate::cli::Done;
use crate::cli::args::HandshakesArgs;
use crate::cli::open::Plan;
use sockeye::output::line::Zone;
use sockeye::output::{HandshakesConfig, HandshakesSink, Records};

pub(crate) fn run(args: &HandshakesArgs) -> Done {
    let plan = Plan::new(&args.input, Zone::Utc)?;
    let verbose = args.verbose > 0;
    records::run(plan, &args.live, &args.look, &args.records, Records::Handshakes, |out, style| {
        Output::HandshakeTable(HandshakesSink::new(out, HandshakesConfig { style, verbose }))
    })
}
