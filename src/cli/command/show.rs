//! `sockeye show`: one connection in full.

use super::one::{self, Asked, Chosen, Made, One};
use crate::cli::args::ShowArgs;
use crate::cli::errors::{Problem, shown};
use crate::cli::{Done, settings};
use sockeye::flow::Wants;
use sockeye::output::{Closed, LadderConfig, LadderSink, TextOutput};

pub(crate) fn run(args: &ShowArgs) -> Done {
    if let Some(format) = args.format.as_deref().filter(|format| *format != "text") {
        return Err(Problem::usage(format!("--format {}: show draws a ladder, which is text only", shown(format)))
            .help("the story as Markdown or records:  sockeye explain ID --format md | jsonl")
            .help("its figures:                       sockeye flows --format jsonl"));
    }
    let wants = Wants::VERDICTS.and(Wants::MEASURES);
    let asked = Asked { wants, path: args.one.output.as_deref(), other: None };
    one::run("show", true, &args.one, asked, |Made { out, most, source, .. }, Chosen { of, why }| {
        let style = settings::style(&args.one.look.style);
        LadderSink::new(out, of, most, LadderConfig { style, verbose: args.one.look.verbose > 0, source, why })
    })
}

impl One for LadderSink<TextOutput> {
    fn found(&self) -> bool {
        Self::found(self)
    }

    fn close(self) -> Closed {
        self.into_inner().close()
    }
}
