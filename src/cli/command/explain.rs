//! `sockeye explain`: one connection as a story.

use super::one::{self, Asked, Chosen, Made, One};
use crate::cli::args::{ExplainArgs, LevelWord, SideWord, StoryFormat};
use crate::cli::open::read_text;
use crate::cli::{Done, settings};
use sockeye::flow::Wants;
use sockeye::output::{BitsSink, Closed, Level, StoryConfig, StorySink, TextOutput};
use sockeye::story::Host;

pub(crate) fn run(args: &ExplainArgs) -> Done {
    let trace = args.trace.as_deref().map(|path| read_text("--trace", path)).transpose()?;
    let asked = Asked { wants: Wants::VERDICTS, path: args.one.output.as_deref(), other: None };
    if let Some(number) = args.packet {
        let style = settings::style(&args.one.look.style);
        return one::run_packet(number, &args.one, asked, |Made { out, .. }| BitsSink::new(out, number, style));
    }
    one::run("explain", true, &args.one, asked, |Made { out, most, source, .. }, Chosen { of, why }| {
        let config = StoryConfig {
            style: settings::style(&args.one.look.style),
            level: match args.level {
                LevelWord::First => Level::First,
                LevelWord::Course => Level::Course,
                LevelWord::Deep => Level::Deep,
            },
            only: args.only.map(|side| match side {
                SideWord::C => Host::Client,
                SideWord::S => Host::Server,
            }),
            verbose: args.one.look.verbose > 0,
            quiz: args.quiz,
            records: args.format == StoryFormat::Jsonl,
            markdown: args.format == StoryFormat::Md,
            trace,
            source,
            why,
        };
        StorySink::new(out, of, most, config)
    })
}

impl One for StorySink<TextOutput> {
    fn found(&self) -> bool {
        Self::found(self)
    }

    fn refused(&self) -> Option<String> {
        self.refused_trace().map(|error| format!("--trace: {error}"))
    }

    fn close(self) -> Closed {
        self.into_inner().close()
    }
}

impl One for BitsSink<TextOutput> {
    fn found(&self) -> bool {
        Self::found(self)
    }

    fn close(self) -> Closed {
        self.into_inner().close()
    }
}
