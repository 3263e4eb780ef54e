//! The manual page, as one: every command with its flags (those that several share once), then what `help TOPIC` tells. Made from
//! the command line's own definition, so that it cannot fall behind.

use clap::{Arg, Command};
use std::fmt::Write as _;

/// The commands that read packets: what all of them take is told once.
const READERS: [&str; 9] = ["summary", "packets", "flows", "handshakes", "findings", "show", "explain", "follow", "capture"];
/// A command that reads saved captures alone: of those it takes what is not of live capture.
const OF_FILES: &str = "split";

/// The page as roff. `topics`: titles with their texts.
pub(super) fn page(mut line: Command, topics: &[(&str, String)]) -> String {
    line.build();
    let mut page = format!(".TH sockeye 1 \"\" \"sockeye {}\"\n", env!("CARGO_PKG_VERSION"));
    page.push_str(".SH NAME\nsockeye \\- an eye on sockets: packets, connections, and what happened to them\n.SH SYNOPSIS\n");
    for form in ["FILE...", "-i IF [FILTER]", "COMMAND [OPTIONS] [FILE...] [FILTER]"] {
        let _ = writeln!(page, "\\fBsockeye\\fR {}\n.br", escaped(form));
    }
    page.push_str(".SH COMMANDS\n");
    for command in visible(&line) {
        entry(&mut page, command.get_name(), &text(command.get_about()));
    }
    let shared = shared(&line);
    page.push_str(".SH OPTIONS OF ALL COMMANDS THAT READ PACKETS\nOf \\fBsplit\\fR those that are not of live capture.\n");
    options(&mut page, shared.iter().copied());
    for command in visible(&line) {
        let reads = READERS.contains(&command.get_name()) || command.get_name() == OF_FILES;
        let is_shared = |arg: &Arg| shared.iter().any(|s| s.get_id() == arg.get_id()) && reads;
        let own: Vec<&Arg> = command.get_arguments().filter(|arg| !is_shared(arg)).collect();
        let _ = writeln!(
            page,
            ".SH {}\n{}.",
            escaped(&format!("sockeye {}", command.get_name()).to_uppercase()),
            escaped(&text(command.get_about()))
        );
        options(&mut page, own.into_iter());
        let examples = text(command.get_after_help());
        if !examples.is_empty() {
            preformatted(&mut page, &examples);
        }
    }
    for (title, text) in topics {
        let _ = writeln!(page, ".SH {}", escaped(title));
        preformatted(&mut page, text);
    }
    page.push_str(".SH FILES\nReads pcap and pcapng, also compressed (.gz .zst .lz4 .xz) and from pipes; writes both, plain or as .zst. Has no files of its own.\n");
    page.push_str(".SH ENVIRONMENT\nTZ, NO_COLOR, CLICOLOR_FORCE, COLUMNS, TERM, and the locale (LC_ALL, LC_CTYPE, LANG).\n");
    page.push_str(".SH SEE ALSO\npcap\\-filter(7), tcpdump(8)\n");
    page
}

fn visible(line: &Command) -> impl Iterator<Item = &Command> {
    line.get_subcommands().filter(|command| !command.is_hide_set())
}

/// What all commands that read packets take, in the same words.
fn shared(line: &Command) -> Vec<&Arg> {
    let Some(first) = line.find_subcommand(READERS[0]) else { return Vec::new() };
    let in_all = |arg: &&Arg| {
        READERS.iter().all(|name| {
            let command = line.find_subcommand(name);
            command.is_some_and(|c| {
                c.get_arguments().any(|a| a.get_id() == arg.get_id() && text(a.get_help()) == text(arg.get_help()))
            })
        })
    };
    first.get_arguments().filter(in_all).collect()
}

/// Flags and words, in the groups of `--help`.
fn options<'a>(page: &mut String, args: impl Iterator<Item = &'a Arg>) {
    let mut groups: Vec<(&str, Vec<&Arg>)> = Vec::new();
    for arg in args.filter(|arg| !arg.is_hide_set()) {
        let heading = arg.get_help_heading().unwrap_or(if arg.is_positional() { "Arguments" } else { "Options" });
        match groups.iter_mut().find(|(known, _)| *known == heading) {
            Some((_, group)) => group.push(arg),
            None => groups.push((heading, vec![arg])),
        }
    }
    for (heading, group) in groups {
        let _ = writeln!(page, ".SS {}", escaped(heading));
        for arg in group {
            entry(page, &name(arg), &help(arg));
        }
    }
}

/// `-r, --read FILE`
fn name(arg: &Arg) -> String {
    let short = arg.get_short().map(|letter| format!("-{letter}"));
    let long = arg.get_long().map(|long| format!("--{long}"));
    let mut name = short.into_iter().chain(long).collect::<Vec<_>>().join(", ");
    if arg.is_positional() || arg.get_action().takes_values() {
        let values = arg.get_value_names().unwrap_or_default().iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let _ = write!(name, "{}{values}", if name.is_empty() { "" } else { " " });
    }
    name
}

fn help(arg: &Arg) -> String {
    let mut help = text(arg.get_help());
    let possible: Vec<String> = arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
    if arg.get_action().takes_values() && !possible.is_empty() {
        let _ = write!(help, ": {}", possible.join(", "));
    }
    let default: Vec<_> = arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    if arg.get_action().takes_values() && !default.is_empty() {
        let _ = write!(help, " (default: {})", default.join(", "));
    }
    help
}

fn text(styled: Option<&clap::builder::StyledStr>) -> String {
    styled.map(ToString::to_string).unwrap_or_default()
}

fn entry(page: &mut String, name: &str, help: &str) {
    let _ = writeln!(page, ".TP\n\\fB{}\\fR\n{}", escaped(name), escaped(help));
}

fn preformatted(page: &mut String, text: &str) {
    let _ = writeln!(page, ".nf\n{}\n.fi", escaped(text.trim_end()));
}

/// Text as roff takes it for text: no escapes, no requests at the start of a line, hyphens that can be copied.
fn escaped(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let guard = if line.starts_with(['.', '\'']) { "\\&" } else { "" };
        format!("{guard}{}", line.replace('\\', "\\e").replace('-', "\\-"))
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn every_flag_of_every_command_is_told() {
        let page = page(crate::cli::args::Line::command(), &[("EXIT CODES", ".5 done\n".to_owned())]);
        let mut line = crate::cli::args::Line::command();
        line.build();
        for command in line.get_subcommands() {
            for arg in command.get_arguments().filter(|arg| !arg.is_hide_set()) {
                let heading = format!("\\fB{}\\fR\n", escaped(&name(arg)));
                assert!(page.contains(&heading), "{} {heading}", command.get_name());
            }
        }
        assert!(page.contains(".SH EXIT CODES\n.nf\n\\&.5 done\n.fi\n"));
        assert_eq!(page.matches("\\fB\\-r, \\-\\-read FILE\\fR").count(), 1, "shared flags once");
    }
}
