//! `sockeye flows`: every conversation, one record each.

use super::records::{self, Of, Output};
use crate::cli::args::FlowsArgs;
use crate::cli::open::Plan;
use crate::cli::{Done, settings};
use sockeye::output::line::Zone;
use sockeye::output::{FlowTableConfig, FlowTableSink, Records};

pub(crate) fn run(args: &FlowsArgs) -> Done {
    let (verbose, quiet) = (args.look.verbose > 0, args.look.quiet > 0);
    let plan = Plan::new(&args.input, &Zone::Utc)?;
    let of = Of {
        records: Records::Flows,
        checksums: settings::checksums(args.checksums),
        condition: args.which.condition.as_deref(),
    };
    records::run(plan, &args.live, &args.look, &args.records, of, |out, style, names| {
        Output::FlowTable(FlowTableSink::new(out, FlowTableConfig { style, verbose, quiet }).with_names(names))
    })
}
