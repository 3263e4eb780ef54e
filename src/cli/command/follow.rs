//! `sockeye follow`: the bytes of one conversation.

use super::one::{self, Asked, Chosen, Made, One};
use crate::cli::args::{FollowArgs, FollowFormat, SideWord};
use crate::cli::drive::say;
use crate::cli::errors::Problem;
use crate::cli::{Done, settings};
use sockeye::flow::{Direction, Wants};
use sockeye::output::{Closed, FollowConfig, FollowForm, FollowSink, TextOutput};
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

pub(crate) fn run(args: &FollowArgs) -> Done {
    let form = match args.format {
        FollowFormat::Ascii => FollowForm::Ascii,
        FollowFormat::Hex => FollowForm::Hex,
        FollowFormat::Raw => FollowForm::Raw,
    };
    let only = args.only.map(|side| match side {
        SideWord::C => Direction::Originator,
        SideWord::S => Direction::Responder,
    });
    let path = args.one.output.as_deref().filter(|path| *path != Path::new("-"));
    let raw = form == FollowForm::Raw;
    if raw && only.is_none() && path.is_none() {
        return Err(Problem::usage("raw bytes of both sides cannot be told apart in one stream")
            .help("one side:   --only C   or   --only S")
            .help("both:       -o NAME    (writes NAME-client and NAME-server)"));
    }
    if raw && path.is_none() && io::stdout().is_terminal() {
        return Err(
            Problem::usage("raw bytes may drive a terminal as they like").help("write them to a file with -o, or into a pipe")
        );
    }
    let both = path.filter(|_| raw && only.is_none()).map(|path| (with_end(path, "-client"), with_end(path, "-server")));
    let (path, other) = match &both {
        Some((client, server)) => (Some(client.as_path()), Some(server.as_path())),
        None => (path, None),
    };
    let wants = Wants { streams: true, ..Wants::NONE };
    one::run("follow", false, &args.one, Asked { wants, path, other }, |Made { out, other, .. }, Chosen { of, why }| {
        if let Some(why) = why {
            say(&why.because);
        }
        let style = settings::style(&args.one.look.style);
        FollowSink::new(out, other, of, FollowConfig { style, form, only })
    })
}

fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

impl One for FollowSink<TextOutput> {
    fn found(&self) -> bool {
        Self::found(self)
    }

    fn close(self) -> Closed {
        let (out, other) = self.into_inner();
        let closed = out.close();
        match other.map(TextOutput::close) {
            Some(second) if closed.result.is_ok() => second,
            _ => closed,
        }
    }
}
