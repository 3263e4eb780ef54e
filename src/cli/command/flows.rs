//! `sockeye flows`: every conversation, one record each.

use super::records::{self, Of, Output};
use crate::cli::args::FlowsArgs;
use crate::cli::open::Plan;
use crate::cli::{Done, settings};
use sockeye::output::line::Zone;
use sockeye::output::{FlowTableConfig, FlowTableSink, Records};

pub(crate) fn run(args: &FlowsArgs) -> Done {
    let (verbose, quiet) = (args.of.look.verbose > 0, args.of.look.quiet > 0);
    let plan = Plan::new(&args.of.input, &Zone::Utc)?;
    let of = Of {
        records: Records::Flows,
        checksums: settings::checksums(args.checksums),
        condition: args.of.which.condition.as_deref(),
    };
    records::run(plan, &args.of.live, &args.of.look, &args.of.records, of, |out, style, names| {
        Output::FlowTable(FlowTableSink::new(out, FlowTableConfig { style, verbose, quiet }).with_names(names))
    })
}
