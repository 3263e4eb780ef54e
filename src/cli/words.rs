//! Which command a line without one means, and which of its words are files and which the capture filter.
//!
//! The rules are few, so that people can guess them: a flag that only `packets` has means `packets`, so does `-i`; `-D` means
//! `interfaces`; everything else is the main job. Leading words that exist as files, are `-`, contain `/` or end in a capture
//! suffix are files; the filter begins at the first other word, or after `--`.

use super::args::Line;
use super::errors::{Problem, shown};
use clap::{Arg, ArgAction, Command, CommandFactory};
use std::cell::OnceCell;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// Ends of names that are taken for captures.
const SUFFIXES: [&str; 5] = [".pcap", ".pcapng", ".cap", ".ntar", ".dmp"];
/// Compressed ones.
const COMPRESSED: [&str; 4] = [".gz", ".zst", ".lz4", ".xz"];

/// The commands, by name. What flags each has is made when it is asked for.
struct Commands(Vec<(Command, OnceCell<Command>)>);

impl Commands {
    fn all() -> Self {
        Self(Line::command().get_subcommands().map(|command| (command.clone(), OnceCell::new())).collect())
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(command, _)| command.get_name())
    }

    fn has(&self, word: &OsStr) -> bool {
        self.names().any(|name| word == name)
    }

    /// Each with its flags, those of the main job first.
    fn with_flags(&self) -> impl Iterator<Item = &Command> {
        self.0.iter().map(|(command, built)| {
            built.get_or_init(|| {
                let mut command = command.clone();
                command.build();
                command
            })
        })
    }

    fn with_flags_of(&self, name: &str) -> Option<&Command> {
        self.with_flags().find(|command| command.get_name() == name)
    }
}

/// Puts the command that is meant into a line that names none, and to the front where flags come before it. `args[0]` is the
/// program. An error is a command that was probably mistyped.
pub(crate) fn with_command(mut args: Vec<OsString>) -> Result<Vec<OsString>, Problem> {
    let commands = Commands::all();
    let Some(first) = args.get(1) else { return Ok(args) };
    if commands.has(first) || first == "-h" || first == "--help" || first == "--version" || is_version(&args) {
        return Ok(args);
    }
    let read = scan(&commands, &args[1..]);
    if let Some(at) = read.first_word.map(|at| at + 1) {
        if commands.has(&args[at]) && !Path::new(&args[at]).exists() {
            let command = args.remove(at);
            args.insert(1, command);
            return Ok(args);
        }
        let has_source = read.flags.iter().any(|flag| match flag {
            Flag::Short(letter) => matches!(letter, 'r' | 'i' | 'V'),
            Flag::Long(name) => matches!(name.as_str(), "read" | "interface"),
        });
        if has_source && let Some(command) = mistyped(&commands, &args[at]) {
            let word = shown(&args[at].to_string_lossy());
            return Err(Problem::usage(format!("no such command: {word}; did you mean {command}?")));
        }
    }
    args.insert(1, meant(&commands, &read.flags).into());
    Ok(args)
}

/// The command that a word nearly is. Where sources are named, a word is a filter otherwise, and no word of filters is near.
fn mistyped(commands: &Commands, word: &OsStr) -> Option<String> {
    let word = word.to_str().filter(|word| !is_file(OsStr::new(word)))?;
    nearest(word, commands.names().map(str::to_owned))
        .filter(|command| strsim::damerau_levenshtein(word, command) * 2 < word.len())
}

/// The nearest of some words, if it is near: one slip in short words, two in longer ones, a fifth of long ones.
pub(crate) fn nearest(word: &str, known: impl Iterator<Item = String>) -> Option<String> {
    let length = word.chars().count();
    let allowed = if length < 4 { 1 } else { 2.max(length / 5) };
    let best = known.map(|known| (strsim::damerau_levenshtein(&word.to_lowercase(), &known.to_lowercase()), known)).min()?;
    (best.0 <= allowed && best.0 < length).then_some(best.1)
}

/// `-V` alone is `--version`; with a value it is tcpdump's list of files.
fn is_version(args: &[OsString]) -> bool {
    args.len() == 2 && args[1] == "-V"
}

/// The command that these flags belong to.
fn meant(commands: &Commands, flags: &[Flag]) -> &'static str {
    let has = |name, flag| commands.with_flags_of(name).is_some_and(|command| argument(command, flag).is_some());
    for flag in flags {
        match flag {
            Flag::Short('D') => return "interfaces",
            Flag::Long(name) if name == "list-interfaces" => return "interfaces",
            Flag::Short('i') => return "packets",
            Flag::Long(name) if name == "interface" => return "packets",
            flag if !has("summary", flag) && has("packets", flag) => return "packets",
            _ => {}
        }
    }
    "summary"
}

enum Flag {
    Short(char),
    Long(String),
}

fn argument<'a>(command: &'a Command, flag: &Flag) -> Option<&'a Arg> {
    command.get_arguments().find(|arg| match flag {
        Flag::Short(letter) => arg.get_short() == Some(*letter),
        Flag::Long(name) => arg.get_long() == Some(name) || arg.get_all_aliases().is_some_and(|all| all.contains(&name.as_str())),
    })
}

/// Does a value follow this flag? The first command that has it tells: it is so in all of them.
fn takes_value(commands: &Commands, flag: &Flag) -> bool {
    commands.with_flags().find_map(|command| argument(command, flag)).is_some_and(is_valued)
}

fn is_valued(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Set | ArgAction::Append)
}

/// A line without a command, read as far as it can be.
#[derive(Default)]
struct Scan {
    /// Clusters taken apart, values left out.
    flags: Vec<Flag>,
    /// Where the first word stands that is no flag and no flag's value.
    first_word: Option<usize>,
}

fn scan(commands: &Commands, args: &[OsString]) -> Scan {
    let mut found = Scan::default();
    let mut rest = args.iter().enumerate();
    while let Some((at, arg)) = rest.next() {
        let text = arg.to_string_lossy();
        if text == "--" {
            break;
        }
        if let Some(long) = text.strip_prefix("--") {
            let (name, has_value) = long.split_once('=').map_or((long, false), |(name, _)| (name, true));
            let flag = Flag::Long(name.to_owned());
            if !has_value && takes_value(commands, &flag) {
                rest.next();
            }
            found.flags.push(flag);
        } else if let Some(cluster) = text.strip_prefix('-').filter(|c| !c.is_empty()) {
            let mut letters = cluster.chars();
            while let Some(letter) = letters.next() {
                let flag = Flag::Short(letter);
                let valued = takes_value(commands, &flag);
                found.flags.push(flag);
                if valued {
                    if letters.as_str().is_empty() {
                        rest.next();
                    }
                    break;
                }
            }
        } else {
            found.first_word = found.first_word.or(Some(at));
        }
    }
    found
}

/// Words, sorted into files and filter.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Sorted {
    pub(crate) files: Vec<PathBuf>,
    pub(crate) filter: Vec<String>,
}

/// Sorts the words of a line that names no `-r` and no `-i`.
pub(crate) fn sort(words: Vec<OsString>) -> Sorted {
    let mut sorted = Sorted::default();
    for word in words {
        if sorted.filter.is_empty() && is_file(&word) {
            sorted.files.push(word.into());
        } else {
            sorted.filter.push(word.to_string_lossy().into_owned());
        }
    }
    sorted
}

/// A word behind `-r` or `-i` that can only be a file: it is there, or its name says so.
pub(crate) fn is_surely_file(word: &OsStr) -> bool {
    let text = word.to_string_lossy();
    !text.contains(' ') && (has_capture_suffix(&text) || (text.contains(['.', '/']) && Path::new(word).is_file()))
}

fn is_file(word: &OsStr) -> bool {
    if Path::new(word).exists() {
        return true;
    }
    let Some(word) = word.to_str() else { return true };
    // a/b could be the filter `net 10.0.0.0/8`, but only after another word: a filter does not begin with an address and a slash.
    word == "-" || (word.contains('/') && !word.contains(' ')) || has_capture_suffix(word)
}

fn has_capture_suffix(word: &str) -> bool {
    let lower = word.to_ascii_lowercase();
    let bare = COMPRESSED.iter().find_map(|end| lower.strip_suffix(end)).unwrap_or(&lower);
    SUFFIXES.iter().any(|end| bare.ends_with(end))
}

/// A file or command whose name is near to `word`, for "did you mean".
pub(crate) fn near(word: &str) -> Option<String> {
    let path = Path::new(word);
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
    let name = path.file_name()?.to_str()?;
    let files = std::fs::read_dir(folder.unwrap_or(Path::new(".")))
        .into_iter()
        .flatten()
        .take(10_000)
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let commands = Commands::all();
    let best = nearest(name, files.chain(commands.names().map(str::to_owned)))?;
    Some(folder.map_or_else(|| best.clone(), |f| f.join(&best).display().to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn command_of(line: &str) -> String {
        let args = std::iter::once("sockeye").chain(line.split_whitespace()).map(OsString::from).collect();
        with_command(args).unwrap().get(1).map(|a| a.to_string_lossy().into_owned()).unwrap_or_default()
    }

    #[test]
    fn a_line_without_a_command_means_one() {
        for (line, command) in [
            ("mix.pcap", "summary"),
            ("-r mix.pcap", "summary"),
            ("-q mix.pcap", "summary"),
            ("-r mix.pcap -X", "packets"),
            ("-nnvvi lo tcp", "packets"),
            ("-nr mix.pcap", "summary"),
            ("-v mix.pcap", "summary"),
            ("-nlqr mix.pcap --utc", "summary"),
            ("--color always flows -r mix.pcap", "flows"),
            ("-v -r mix.pcap handshakes", "handshakes"),
            ("-r man host flows", "summary"),
            ("-ttttnr mix.pcap", "packets"),
            ("--interface=lo", "packets"),
            ("-r -i.pcap", "summary"),
            ("mix.pcap -w out.pcap", "packets"),
            ("-ddd tcp", "packets"),
            ("-D", "interfaces"),
            ("flows -r x", "flows"),
            ("--help", "--help"),
            ("-V", "-V"),
            ("--from 1 -r mix.pcap", "summary"),
        ] {
            assert_eq!(command_of(line), command, "{line}");
        }
    }

    #[test]
    fn a_flag_takes_a_value_in_every_command_that_has_it_or_in_none() {
        let commands = Commands::all();
        let mut valued: HashMap<String, bool> = HashMap::new();
        for arg in commands.with_flags().flat_map(Command::get_arguments) {
            let short = arg.get_short().map(|letter| format!("-{letter}"));
            let long = arg.get_long().map(|long| format!("--{long}"));
            for flag in short.into_iter().chain(long) {
                assert_eq!(*valued.entry(flag.clone()).or_insert(is_valued(arg)), is_valued(arg), "{flag}");
            }
        }
        assert!(valued["-r"] && !valued["-v"]);
    }

    #[test]
    fn leading_files_end_where_the_filter_begins() {
        let sorted = sort(["a.pcap", "b.pcapng.zst", "-", "./c", "host", "x.pcap"].map(OsString::from).to_vec());
        assert_eq!(sorted.files, ["a.pcap", "b.pcapng.zst", "-", "./c"].map(PathBuf::from));
        assert_eq!(sorted.filter, ["host", "x.pcap"]);
    }

    #[test]
    fn a_filter_is_no_file() {
        assert_eq!(sort(vec!["tcp port 80".into()]).files, [] as [PathBuf; 0]);
        assert_eq!(sort(vec!["net 10.0.0.0/8".into()]).files, [] as [PathBuf; 0]);
    }
}
