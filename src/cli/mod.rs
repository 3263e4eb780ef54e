//! The command line: parse, one command, an exit code. The only place that knows clap and the terminal.

mod args;
mod command;
mod condition;
mod deferred;
mod drive;
mod errors;
mod exit;
mod files;
mod helper;
mod host_names;
mod live;
mod manual;
mod manual_page;
mod memory;
mod open;
mod progress;
mod rights;
mod settings;
mod signals;
mod time;
mod words;

use args::{Command, Line};
use clap::Parser;
use clap::error::ErrorKind;
use errors::Problem;
use exit::Exit;
use std::io;
use std::process::ExitCode;

/// How a command ends, if nothing went wrong on the way.
type Done = Result<Exit, Problem>;

/// Runs the program.
pub(crate) fn main() -> ExitCode {
    let args: Vec<_> = std::env::args_os().collect();
    if args.len() <= 1 {
        let _ = manual::print(manual::START);
        return Exit::Usage.into();
    }
    let done = rights::begin(&args).and_then(|()| words::with_command(args)).and_then(|args| match Line::try_parse_from(args) {
        Ok(line) => run(line.command),
        Err(error) => usage(&error),
    });
    match done {
        Ok(Exit::Stopped) => signals::die_as_asked(),
        Ok(exit) => exit.into(),
        Err(problem) if problem.is_closed_output() => signals::die_of_closed_pipe(),
        Err(problem) => {
            problem.print();
            problem.exit.into()
        }
    }
}

fn run(command: Command) -> Done {
    match command {
        Command::Summary(args) => command::summary::run(&args.0),
        Command::Packets(args) => command::packets::run(*args.0),
        Command::Flows(args) => command::flows::run(&args.0),
        Command::Handshakes(args) => command::handshakes::run(&args.0),
        Command::Findings(args) => command::findings::run(&args.0),
        Command::Show(args) => command::show::run(&args.0),
        Command::Explain(args) => command::explain::run(&args.0),
        Command::Follow(args) => command::follow::run(&args.0),
        Command::Split(args) => command::split::run(&args.0),
        Command::Capture(args) => command::capture::run(&args.0),
        Command::Interfaces(args) => command::interfaces::run(&args.0),
        Command::Doctor(args) => command::doctor::run(&args.0),
        Command::Completions { shell } => manual::completions(shell).map(|()| Exit::Done),
        Command::Man => manual::man().map(|()| Exit::Done),
        Command::Help { topic } => manual::help(topic.as_deref()).map(|()| Exit::Done),
    }
}

/// Help and version go to standard output; what clap finds wrong gets the shape of our messages.
fn usage(error: &clap::Error) -> Done {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let text = error.render();
            let colour = settings::colour(args::When::Auto);
            let shown = if colour { text.ansi().to_string() } else { text.to_string() };
            manual::print(&shown).map(|()| Exit::Done)
        }
        _ => {
            let text = error.render().to_string();
            let lines = text.trim_start_matches("error: ").lines().map(str::trim);
            // What it proposes for unknown flags, to take them for a word, helps nobody here.
            let mut lines = lines.filter(|line| !line.is_empty() && !line.starts_with("tip: to pass "));
            let mut problem = Problem::usage(lines.next().unwrap_or("bad arguments"));
            for line in lines.take(3) {
                problem = problem.help(line);
            }
            Err(problem)
        }
    }
}

/// An error of standard output as a problem; a closed pipe is told apart by [`Problem::is_closed_output`].
fn broken_output(error: io::Error) -> Problem {
    Problem::output(error)
}
