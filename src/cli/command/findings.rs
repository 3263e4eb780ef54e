//! `sockeye findings`: what deserves a look.

use super::choosing;
use super::records::being_read;
use crate::cli::Done;
use crate::cli::args::{FindingsArgs, FindingsFormat, SeverityWord};
use crate::cli::condition::Condition;
use crate::cli::drive::{drive, finish, say};
use crate::cli::exit::Exit;
use crate::cli::helper::Wanted;
use crate::cli::memory::Memory;
use crate::cli::open::{Manner, Plan};
use crate::cli::settings;
use sockeye::detect::{Detectors, Severity};
use sockeye::engine::Detecting;
use sockeye::engine::choosing::Recount;
use sockeye::event::{Event, Keep, Sink};
use sockeye::flow::TrackerConfig;
use sockeye::output::line::Zone;
use sockeye::output::{FindingsConfig, FindingsJsonSink, FindingsSink, TextOutput, units};
use std::io;
use std::path::Path;

/// Findings in the form that was asked for, and the gravest so far.
struct Output {
    form: Form,
    gravest: Option<Severity>,
}

enum Form {
    Text(FindingsSink<TextOutput>),
    Json(FindingsJsonSink<TextOutput>),
}

impl Sink for Output {
    fn on_event(&mut self, event: &Event<'_>) -> io::Result<Keep> {
        if let Event::Finding { finding, .. } = event {
            self.gravest = self.gravest.max(Some(finding.severity));
        }
        match &mut self.form {
            Form::Text(sink) => sink.on_event(event),
            Form::Json(sink) => sink.on_event(event),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.form {
            Form::Text(sink) => sink.flush(),
            Form::Json(sink) => sink.flush(),
        }
    }
}

pub(crate) fn run(args: &FindingsArgs) -> Done {
    let condition = Condition::of(args.which.condition.as_deref())?;
    let path = args.output.as_deref().unwrap_or(Path::new("-"));
    let mut wanted = Wanted::default();
    wanted.file(path, args.force);
    let memory = Memory::of(&args.look.run)?;
    let (verbose, quiet) = (args.look.verbose > 0, args.look.quiet > 0);
    let manner = Manner { wanted, quiet, verbose, watched: false, memory };
    let plan = choosing::twice(Plan::new(&args.input, &Zone::Utc)?, &condition)?;
    let opened = plan.with(manner).open(&args.live, false)?;
    let out = TextOutput::open(path, args.force, &being_read(&opened.input), &*opened.files)?;
    let filter = opened.filter_text.clone();
    let form = match args.format {
        FindingsFormat::Jsonl => Form::Json(FindingsJsonSink::new(out, filter.clone())),
        FindingsFormat::Text => {
            Form::Text(FindingsSink::new(out, FindingsConfig { style: settings::style(&args.look.style), verbose, quiet }))
        }
    };
    let wants = Detectors::WANTS.and(condition.needs());
    let others = opened.memory.findings() + choosing::room(&condition, opened.memory);
    let tracker = TrackerConfig { handshake_events: false, wants, ..opened.memory.without_lines().tracker(others) };
    let reading = choosing::learn(opened, condition, tracker, (args.look.run.progress, &args.local))?;
    let (opened, condition, expected) = reading.begin();
    let sink = Detecting::new(Output { form, gravest: None }, opened.memory.findings())
        .of(choosing::which(&condition))
        .with_local(args.local.clone());
    let mut sink = Recount::new(sink);
    let (second, words) = drive(opened, Some(tracker), args.look.run.progress, &mut sink)?;
    let (sink, counted) = sink.into_inner();
    let (ended, same) = expected.met(second, counted);
    let Output { form, gravest } = sink.into_inner();
    let closed = match form {
        Form::Text(sink) => sink.into_inner().close().result,
        Form::Json(sink) => sink.into_inner().close().result,
    };
    let none = (gravest.is_none() && args.format == FindingsFormat::Text && ended.summary.matched > 0)
        .then(|| format!("no findings in {}", units::counted(ended.summary.flows, "conversation")));
    let exit = finish(ended, words, filter.as_deref(), closed.map_err(Into::into).and(same))?;
    if let Some(text) = none {
        say(&text);
    }
    let limit = args.fail_on.map(|word| match word {
        SeverityWord::Low => Severity::Low,
        SeverityWord::Medium => Severity::Medium,
        SeverityWord::High => Severity::High,
    });
    Ok(if limit.is_some_and(|limit| gravest >= Some(limit)) { exit.graver(Exit::Found) } else { exit })
}
