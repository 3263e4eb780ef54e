//! The command line: parse, one command, an exit code. The only place that knows clap and the terminal.

mod args;
mod command;
mod drive;
mod errors;
mod exit;
mod live;
mod manual;
mod open;
mod progress;
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
    let line = match Line::try_parse_from(words::with_command(args)) {
        Ok(line) => line,
        Err(error) => return usage(&error),
    };
    match run(line.command) {
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
        Command::Summary(args) => command::summary::run(&args),
        Command::Packets(args) => command::packets::run(*args),
        Command::Flows(args) => command::flows::run(&args),
        Command::Handshakes(args) => command::handshakes::run(&args),
        Command::Capture(args) => command::capture::run(&args),
        Command::Interfaces(args) => command::interfaces::run(&args),
        Command::Completions { shell } => manual::completions(shell).map(|()| Exit::Done),
        Command::Man => manual::man().map(|()| Exit::Done),
        Command::Help { topic } => manual::help(topic.as_deref()).map(|()| Exit::Done),
    }
}

/// Help and version go to standard output; what clap finds wrong gets the shape of our messages.
fn usage(error: &clap::Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let text = error.render();
            let shown = if std::io::IsTerminal::is_terminal(&io::stdout()) { text.ansi().to_string() } else { text.to_string() };
            match manual::print(&shown) {
                Ok(()) => Exit::Done.into(),
                Err(_) => signals::die_of_closed_pipe(),
            }
        }
        _ => {
            let text = error.render().to_string();
            let mut lines = text.trim_start_matches("error: ").lines().filter(|line| !line.trim().is_empty());
            let mut problem = Problem::usage(lines.next().unwrap_or("bad arguments").trim());
            for line in lines.take(3) {
                problem = problem.help(line.trim());
            }
            problem.print();
            problem.exit.into()
        }
    }
}

/// An error of standard output as a problem; a closed pipe is told apart by [`Problem::is_closed_output`].
fn broken_output(error: io::Error) -> Problem {
    Problem::output(error)
}
