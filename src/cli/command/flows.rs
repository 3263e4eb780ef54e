//! `sockeye flows`: every conversation, one record each.

use super::records::{self, Output};
use crate::cli::Done;
use crate::cli::args::FlowsArgs;
use crate::cli::open::Plan;
use sockeye::output::line::Zone;
use sockeye::output::{FlowTableSink, Records};

pub(crate) fn run(args: &FlowsArgs) -> Done {
    let plan = Plan::new(&args.input, Zone::Utc)?;
    records::run(plan, &args.live, &args.look, &args.records, Records::Flows, |out, style| {
        Output::FlowTable(FlowTableSink::new(out, style))
    })
}
