//! `sockeye handshakes`: every attempt to connect.

use super::records::{self, Of, Output};
use crate::cli::Done;
use crate::cli::args::HandshakesArgs;
use crate::cli::open::Plan;
use sockeye::flow::Checksums;
use sockeye::output::line::Zone;
use sockeye::output::{HandshakesConfig, HandshakesSink, Records};

pub(crate) fn run(args: &HandshakesArgs) -> Done {
    let plan = Plan::new(&args.of.input, &Zone::Utc)?;
    let (verbose, quiet) = (args.of.look.verbose > 0, args.of.look.quiet > 0);
    let of = Of { records: Records::Handshakes, checksums: Checksums::Auto, condition: args.of.which.condition.as_deref() };
    records::run(plan, &args.of.live, &args.of.look, &args.of.records, of, |out, style, names| {
        Output::HandshakeTable(HandshakesSink::new(out, HandshakesConfig { style, verbose, quiet }).with_names(names))
    })
}
