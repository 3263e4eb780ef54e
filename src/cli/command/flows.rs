//! `sockeye flows`: every conversation, one record each.

use super::records::{self, Output};
use crate::cli::Done;
use crate::cli::args::FlowsArgs;
use crate::cli::open::Plan;
use sockeye::output::line::Zone;
use sockeye::output::{FlowTableConfig, FlowTableSink, Records};

pub(crate) fn run(args: &FlowsArgs) -> Done {
    let (verbose, quiet) = (args.look.verbose > 0, args.look.quiet > 0);
    let plan = Plan::new(&args.input, Zone::Utc)?;
    records::run(plan, &args.live, &args.look, &args.records, Records::Flows, |out, style| {
        Output::FlowTable(FlowTableSink::new(out, FlowTableConfig { style, verbose, quiet }))
    })
}
