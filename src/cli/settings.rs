//! Arguments as meant: what the terminal can do, how lines look, which format.

use super::args::{ChecksumsWord, LineArgs, LookArgs, RecordFormat, StyleArgs, TimeWord, When};
use super::errors::{Problem, shown};
use super::time;
use sockeye::capture::interfaces::Interfaces;
use sockeye::flow::Checksums;
use sockeye::output::columns::UnknownField;
use sockeye::output::line::{HexMode, InterfaceName, LineOptions, TimeFormat};
use sockeye::output::{Records, Style};
use std::borrow::Cow;
use std::env;
use std::io::{self, IsTerminal};

/// What standard output can show. Order for colour: `--color`, `NO_COLOR`, `CLICOLOR_FORCE`, is it a terminal that is not dumb.
pub(crate) fn style(look: &StyleArgs) -> Style {
    Style { width: width(look, io::stdout().is_terminal()), colour: colour(look.color), ascii: look.ascii || !is_utf8() }
}

/// Is colour wanted on standard output?
pub(crate) fn colour(when: When) -> bool {
    let set = |name: &str| env::var_os(name).is_some_and(|v| !v.is_empty());
    let forced = set("CLICOLOR_FORCE") && env::var_os("CLICOLOR_FORCE").is_some_and(|v| v != "0");
    match when {
        When::Always => true,
        When::Never => false,
        When::Auto if set("NO_COLOR") => false,
        When::Auto => forced || (io::stdout().is_terminal() && env::var_os("TERM").is_some_and(|t| t != "dumb")),
    }
}

/// A message in the characters of the locale.
pub(crate) fn message(text: &str) -> Cow<'_, str> {
    Style { ascii: !is_utf8(), ..Style::default() }.glyphs(text)
}

/// Columns: as asked, the terminal's, those of `COLUMNS`, else unlimited: piped output is never cut.
fn width(look: &StyleArgs, terminal: bool) -> Option<usize> {
    if let Some(width) = look.width {
        return Some(usize::from(width));
    }
    if terminal && let Some((terminal_size::Width(width), _)) = terminal_size::terminal_size() {
        return Some(usize::from(width));
    }
    let columns = env::var("COLUMNS").ok()?.parse().ok()?;
    (columns >= 20).then_some(columns)
}

/// Does the locale speak UTF-8? `LC_ALL`, `LC_CTYPE`, `LANG`: the first that is set decides (POSIX, section 8.2). None set is taken
/// for a bare environment (cron, a service), where files are UTF-8 all the same.
fn is_utf8() -> bool {
    let first = ["LC_ALL", "LC_CTYPE", "LANG"].iter().filter_map(env::var_os).find(|v| !v.is_empty());
    first.is_none_or(|locale| {
        let locale = locale.to_string_lossy().to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

/// How packet lines look.
pub(crate) fn line_options(
    args: &LineArgs,
    look: &LookArgs,
    style: Style,
    live: bool,
    many_sources: bool,
) -> Result<LineOptions, Problem> {
    Ok(LineOptions {
        time: time_format(args)?,
        nano: args.nano,
        zone: time::zone(look.utc, args.tz.as_deref())?,
        number: args.number,
        link_header: args.link_header,
        quiet: look.quiet > 0,
        verbosity: look.verbose,
        absolute_seq: args.absolute,
        no_checksums: args.no_checksums,
        hex: hex_mode(args),
        plain: args.plain,
        many_sources,
        ascii: style.ascii,
        interfaces: if live || args.plain { interface_names() } else { Vec::new() },
    })
}

fn time_format(args: &LineArgs) -> Result<TimeFormat, Problem> {
    Ok(match (args.time, args.time_letters) {
        (Some(TimeWord::Clock), _) | (None, 0) => TimeFormat::Clock,
        (Some(TimeWord::None), _) | (None, 1) => TimeFormat::None,
        (Some(TimeWord::Epoch), _) | (None, 2) => TimeFormat::Epoch,
        (Some(TimeWord::Delta), _) | (None, 3) => TimeFormat::DeltaPrevious,
        (Some(TimeWord::Date), _) | (None, 4) => TimeFormat::Date,
        (Some(TimeWord::Rel), _) | (None, 5) => TimeFormat::DeltaFirst,
        (None, _) => return Err(Problem::usage("-t at most five times: see  sockeye help time")),
    })
}

/// Hex with text wins over hex, that over text, as in tcpdump.
const fn hex_mode(args: &LineArgs) -> HexMode {
    match (args.hex_ascii, args.hex, args.ascii_dump) {
        (1, ..) => HexMode::HexAscii,
        (2.., ..) => HexMode::HexAsciiLink,
        (0, 1, _) => HexMode::Hex,
        (0, 2.., _) => HexMode::HexLink,
        (0, 0, 1) => HexMode::Ascii,
        (0, 0, 2..) => HexMode::AsciiLink,
        (0, 0, 0) => HexMode::None,
    }
}

/// The interfaces of this host, by number: Linux cooked v2 frames carry only the number.
fn interface_names() -> Vec<InterfaceName> {
    Interfaces::list().interfaces.into_iter().map(|i| InterfaceName { index: i.index, name: i.name }).collect()
}

/// The format asked for, or the one that a name of an output file promises, or a table.
pub(crate) fn record_format(asked: Option<RecordFormat>, output: Option<&std::path::Path>, records: Records) -> RecordFormat {
    // Many programs write files NAME.log: only Zeek's own name is Zeek's, and only for what Zeek writes there.
    let zeek = |path: &std::path::Path| path.file_name().is_some_and(|name| name.as_encoded_bytes().ends_with(b"conn.log"));
    let by_name = || match output?.extension()?.to_str()? {
        "jsonl" | "ndjson" | "json" => Some(RecordFormat::Jsonl),
        "csv" => Some(RecordFormat::Csv),
        "tsv" => Some(RecordFormat::Tsv),
        "md" => Some(RecordFormat::Md),
        "log" if records == Records::Flows && output.is_some_and(zeek) => Some(RecordFormat::Zeek),
        _ => None,
    };
    asked.or_else(by_name).unwrap_or(RecordFormat::Table)
}

/// What becomes of packets with wrong checksums.
pub(crate) const fn checksums(word: ChecksumsWord) -> Checksums {
    match word {
        ChecksumsWord::Auto => Checksums::Auto,
        ChecksumsWord::Verify => Checksums::Verify,
        ChecksumsWord::Ignore => Checksums::Ignore,
    }
}

impl From<UnknownField> for Problem {
    fn from(error: UnknownField) -> Self {
        Self::usage(format!("--fields: {}", shown(&error.to_string())))
    }
}
