//! Which command a line without one means, and which of its words are files and which the capture filter.
//!
//! The rules are few, so that people can guess them: a flag that only `packets` has means `packets`, so does `-i`; `-D` means
//! `interfaces`; everything else is the main job. Leading words that exist as files, are `-`, contain `/` or end in a capture
//! suffix are files; the filter begins at the first other word, or after `--`.

use super::args::Line;
use clap::{Arg, ArgAction, Command, CommandFactory};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Ends of names that are taken for captures.
const SUFFIXES: [&str; 5] = [".pcap", ".pcapng", ".cap", ".ntar", ".dmp"];
/// Compressed ones.
const COMPRESSED: [&str; 4] = [".gz", ".zst", ".lz4", ".xz"];

/// Puts the command that is meant into a line that names none. `args[0]` is the program.
pub(crate) fn with_command(args: Vec<OsString>) -> Vec<OsString> {
    let line = Line::command();
    let Some(first) = args.get(1).and_then(|a| a.to_str()) else {
        return args;
    };
    let names_command = line.get_subcommands().any(|c| c.get_name() == first);
    if names_command || matches!(first, "-h" | "--help" | "--version") || is_version(&args) {
        return args;
    }
    let mut with = args;
    with.insert(1, meant(&line, &with[1..]).into());
    with
}

/// `-V` alone is `--version`; with a value it is tcpdump's list of files.
fn is_version(args: &[OsString]) -> bool {
    args.len() == 2 && args[1] == "-V"
}

/// The command that these flags belong to.
fn meant(line: &Command, args: &[OsString]) -> &'static str {
    let find = |name| line.find_subcommand(name);
    let (Some(packets), Some(summary)) = (find("packets"), find("summary")) else {
        return "summary";
    };
    for flag in flags(packets, args) {
        match flag {
            Flag::Short('D') => return "interfaces",
            Flag::Long(ref name) if name == "list-interfaces" => return "interfaces",
            Flag::Short('i') => return "packets",
            Flag::Long(ref name) if name == "interface" => return "packets",
            ref flag if argument(summary, flag).is_none() && argument(packets, flag).is_some() => return "packets",
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

fn takes_value(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Set | ArgAction::Append)
}

/// The flags of a line as `command` would read them: clusters taken apart, values left out.
fn flags(command: &Command, args: &[OsString]) -> Vec<Flag> {
    let mut found = Vec::new();
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        let Some(text) = arg.to_str() else { continue };
        if text == "--" {
            break;
        }
        if let Some(long) = text.strip_prefix("--") {
            let (name, has_value) = long.split_once('=').map_or((long, false), |(name, _)| (name, true));
            let flag = Flag::Long(name.to_owned());
            if !has_value && argument(command, &flag).is_some_and(takes_value) {
                rest.next();
            }
            found.push(flag);
        } else if let Some(cluster) = text.strip_prefix('-').filter(|c| !c.is_empty()) {
            let mut letters = cluster.chars();
            while let Some(letter) = letters.next() {
                let flag = Flag::Short(letter);
                let valued = argument(command, &flag).is_some_and(takes_value);
                found.push(flag);
                if valued {
                    if letters.as_str().is_empty() {
                        rest.next();
                    }
                    break;
                }
            }
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
pub(crate) fn sort(words: Vec<String>) -> Sorted {
    let mut sorted = Sorted::default();
    for word in words {
        if sorted.filter.is_empty() && is_file(&word) {
            sorted.files.push(word.into());
        } else {
            sorted.filter.push(word);
        }
    }
    sorted
}

fn is_file(word: &str) -> bool {
    // a/b could be the filter `net 10.0.0.0/8`, but only after another word: a filter does not begin with an address and a slash.
    word == "-" || Path::new(word).exists() || (word.contains('/') && !word.contains(' ')) || has_capture_suffix(word)
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
    let line = Line::command();
    let commands = line.get_subcommands().map(|c| c.get_name().to_owned());
    let best = files.chain(commands).map(|known| (strsim::damerau_levenshtein(name, &known), known)).min()?;
    let close = best.0 <= 2.max(name.len() / 5) && best.0 < name.len();
    close.then(|| folder.map_or(best.1.clone(), |f| f.join(&best.1).display().to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command_of(line: &str) -> String {
        let args = std::iter::once("sockeye").chain(line.split_whitespace()).map(OsString::from).collect();
        with_command(args).get(1).map(|a| a.to_string_lossy().into_owned()).unwrap_or_default()
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
    fn leading_files_end_where_the_filter_begins() {
        let sorted = sort(["a.pcap", "b.pcapng.zst", "-", "./c", "host", "x.pcap"].map(String::from).to_vec());
        assert_eq!(sorted.files, ["a.pcap", "b.pcapng.zst", "-", "./c"].map(PathBuf::from));
        assert_eq!(sorted.filter, ["host", "x.pcap"]);
    }

    #[test]
    fn a_filter_is_no_file() {
        assert_eq!(sort(vec!["tcp port 80".into()]).files, [] as [PathBuf; 0]);
        assert_eq!(sort(vec!["net 10.0.0.0/8".into()]).files, [] as [PathBuf; 0]);
    }
}
