//! The head of the summary: what the capture is, when, how much, what was not understood, where it was taken and what it lost.

use super::loss::Losses;
use super::vantage::{Legs, Place};
use super::{SummaryConfig, details};
use crate::event::{Reason, RunSummary, SourceSummary};
use crate::model::{FileFormat, LiveBackend, SourceInfo, SourceKind};
use crate::output::notices::reason_words;
use crate::output::style::{Style, Tone};
use crate::output::table::fold;
use crate::output::units;
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, Write};

/// So many reasons, warnings or interface names are listed; of the rest only the number is told.
const LISTED: usize = 5;

/// Writes the first line of the head of one source: what is known before it is read. Gives what it says, for [`write`].
pub(super) fn begin(out: &mut impl Write, style: &Style, info: &SourceInfo) -> io::Result<String> {
    let about = describe(info).join(", ");
    name(out, style, info, &about)?;
    Ok(about)
}

/// Writes the head, but for what [`begin`] has said.
pub(super) fn write(
    out: &mut impl Write,
    config: &SummaryConfig,
    summary: &RunSummary,
    begun: Option<&str>,
    (place, losses): (Place, &Losses),
) -> io::Result<()> {
    let (style, filter) = (&config.style, config.filter.as_deref());
    let listed = if config.verbose { usize::MAX } else { LISTED };
    let several = summary.sources.len() > 1;
    for source in &summary.sources {
        let mut about = describe(&source.info);
        if several {
            about.extend([cut(source), units::counted(source.stats.frames, "packet")]);
        }
        let about = about.join(", ");
        match begun {
            None => name(out, style, &source.info, &about)?,
            // A pcapng file may name more of what is in it at any place.
            Some(begun) if begun != about => say(out, style, &format!("In all: {about}"))?,
            Some(_) => {}
        }
        if several && let Some(line) = drops(source, summary) {
            say(out, style, &line)?;
        }
        remarks(out, style, source, listed)?;
        if config.verbose {
            details::write(out, style, &source.info)?;
        }
    }
    if several {
        writeln!(out, "{}", style.paint(Tone::Heading, &format!("{} sources together", summary.sources.len())))?;
    }
    if summary.matched > 0
        && let Some((from, to)) = summary.time
    {
        let mut text = format!("{} UTC ({})", units::time_range(from, to), units::capture_length(to - from));
        if let [source] = &summary.sources[..] {
            let _ = write!(text, " · {}", cut(source));
        }
        say(out, style, &text)?;
    }
    if summary.matched != summary.read || filter.is_some() {
        let words = filter.map_or_else(|| "match".to_owned(), |f| format!("match \"{}\"", style.foreign(f)));
        say(out, style, &format!("{} read, {} {words}", units::counted(summary.read, "packet"), units::count(summary.matched)))?;
    }
    say(out, style, &amount(summary))?;
    for line in not_understood(summary, listed) {
        say(out, style, &style.foreign(&line))?;
    }
    if let Some(line) = place_line(place) {
        say(out, style, &line)?;
    }
    for line in losses.lines() {
        say(out, style, &line)?;
    }
    if !several
        && let Some(source) = summary.sources.first()
        && let Some(line) = drops(source, summary)
    {
        say(out, style, &line)?;
    }
    for line in joined(style, summary) {
        say(out, style, &line)?;
    }
    given_up(out, style, summary)
}

/// A line of the head, indented, folded where it is too long for the terminal.
pub(super) fn say(out: &mut impl Write, style: &Style, text: &str) -> io::Result<()> {
    let limit = style.width.map(|w| w.saturating_sub(2));
    for line in fold(text, " · ", limit, 2).iter().flat_map(|line| fold(line, " ", limit, 4)) {
        writeln!(out, "  {}", style.glyphs(&line))?;
    }
    Ok(())
}

/// The line that names a source.
fn name(out: &mut impl Write, style: &Style, info: &SourceInfo, about: &str) -> io::Result<()> {
    let name = style.foreign(&info.name);
    let about = fold(about, ", ", style.width.map(|w| w.saturating_sub(6)), 4);
    writeln!(out, "{}   {}", style.paint(Tone::Heading, &name), style.glyphs(&about.join("\n")))
}

/// `pcap, nanoseconds, Raw IP`.
fn describe(info: &SourceInfo) -> Vec<String> {
    let mut parts = Vec::new();
    match info.kind {
        SourceKind::File(FileFormat::Pcap { nanoseconds }) => {
            parts.push("pcap".to_owned());
            parts.push(if nanoseconds { "nanoseconds" } else { "microseconds" }.to_owned());
        }
        SourceKind::File(FileFormat::PcapNg) => {
            parts.push("pcapng".to_owned());
            parts.extend(distinct(info.interfaces.iter().filter_map(|i| i.ticks_per_second).map(resolution), " and "));
        }
        SourceKind::Live(backend) => {
            let backend = match backend {
                LiveBackend::Ring => "ring",
                LiveBackend::Libpcap => "libpcap",
                LiveBackend::Pnet => "raw socket",
            };
            parts.push(format!("live, {backend}"));
        }
    }
    parts.extend(distinct(info.interfaces.iter().filter_map(|i| i.link).map(|l| l.to_string()), " and "));
    if info.interfaces.len() > 1 {
        parts.push(interfaces(info));
    }
    parts
}

/// Different words, in order of their first appearance.
fn distinct(words: impl Iterator<Item = String>, joint: &str) -> Option<String> {
    let mut seen = BTreeSet::new();
    let words: Vec<_> = words.filter(|w| seen.insert(w.clone())).collect();
    if words.is_empty() { None } else { Some(words.join(joint)) }
}

fn resolution(ticks_per_second: u64) -> String {
    match ticks_per_second {
        1 => "seconds".to_owned(),
        1_000 => "milliseconds".to_owned(),
        1_000_000 => "microseconds".to_owned(),
        1_000_000_000 => "nanoseconds".to_owned(),
        n => format!("{} ticks a second", units::count(n)),
    }
}

fn interfaces(info: &SourceInfo) -> String {
    let all = &info.interfaces;
    let names: Vec<_> = all.iter().filter_map(|i| i.name.as_deref()).collect();
    let text = units::counted(all.len() as u64, "interface");
    if names.is_empty() {
        return text;
    }
    let more = if names.len() > LISTED { " …" } else { "" };
    let listed: Vec<_> = names.iter().take(LISTED).map(|n| crate::output::style::clean(n)).collect();
    format!("{text} ({}{more})", listed.join(" "))
}

/// `whole packets`, or how many were cut to what.
fn cut(source: &SourceSummary) -> String {
    if source.cut_frames == 0 {
        return "whole packets".to_owned();
    }
    let lengths: BTreeSet<_> = source.info.interfaces.iter().filter_map(|i| i.snaplen).collect();
    let many = units::counted(source.cut_frames, "packet");
    match lengths.iter().collect::<Vec<_>>()[..] {
        [length] => format!("cut to {} bytes ({many})", units::count(u64::from(*length))),
        _ => format!("{many} cut short"),
    }
}

/// What the file or the interface said about itself, and how it ended.
fn remarks(out: &mut impl Write, style: &Style, source: &SourceSummary, listed: usize) -> io::Result<()> {
    let warnings = &source.info.warnings;
    for warning in warnings.iter().take(listed) {
        say(out, style, &format!("Note: {}", style.foreign(warning)))?;
    }
    if warnings.len() > listed {
        say(out, style, &format!("… {} more notes like these", warnings.len() - listed))?;
    }
    if let Some(problem) = &source.problem {
        let text = format!("Ended early: {}", style.foreign(problem));
        writeln!(out, "  {}", style.paint(Tone::Bad, &style.glyphs(&text)))?;
    }
    Ok(())
}

/// `1,951 packets, 1.74 MB: TCP 1,945, UDP 5, ICMP 1 · 3 hosts · 0 not understood`.
fn amount(summary: &RunSummary) -> String {
    // A String takes everything that is written to it here.
    let mut text = units::counted(summary.matched, "packet");
    if summary.matched == 0 {
        return text;
    }
    let _ = write!(text, ", {}", units::bytes(summary.wire_bytes));
    let mut protocols: Vec<_> = summary.protocols.iter().filter(|(_, n)| **n > 0).collect();
    protocols.sort_by_key(|(word, n)| (Reverse(**n), **word));
    for (i, (word, n)) in protocols.into_iter().enumerate() {
        text.push_str(if i == 0 { ": " } else { ", " });
        let _ = write!(text, "{word} {}", units::count(*n));
    }
    let (hosts, capped) = summary.hosts;
    let plus = if capped { "+" } else { "" };
    let plural = if hosts == 1 { "" } else { "s" };
    let strange: u64 = summary.not_understood.iter().map(|(_, n)| n).sum::<u64>() + summary.not_understood_otherwise;
    let _ = write!(text, " · {}{plus} host{plural} · {} not understood", units::count(hosts), units::count(strange));
    text
}

/// Why, most first.
fn not_understood(summary: &RunSummary, listed: usize) -> Vec<String> {
    let reasons = &summary.not_understood;
    let line = |(reason, n): &(Reason, u64)| format!("  {} {}", units::count(*n), reason_words(reason));
    let mut lines: Vec<_> = reasons.iter().take(listed).map(line).collect();
    let rest = reasons.iter().skip(listed).map(|(_, n)| n).sum::<u64>() + summary.not_understood_otherwise;
    if rest > 0 {
        lines.push(format!("  {} for other reasons", units::count(rest)));
    }
    lines
}

fn place_line(place: Place) -> Option<String> {
    let (clients, servers) = ("clients answer", "servers");
    let (text, legs, near, far) = match place {
        Place::Unknown => return None,
        Place::Itself => return Some("Seen on the host itself: all its connections are with itself".to_owned()),
        Place::Both(legs) => ("Seen close to both sides".to_owned(), Some(legs), clients, servers),
        Place::Host(ip, legs) => (format!("Seen near {ip}"), legs, "it answers", "the other side"),
        Place::Clients(legs) => ("Seen near the clients".to_owned(), legs, "they answer", "the servers"),
        Place::Servers(legs) => ("Seen near the servers".to_owned(), legs, "they answer", "the clients"),
        Place::Between(legs) => ("Seen between both sides".to_owned(), legs, clients, servers),
    };
    Some(match legs {
        Some(Legs(a, b)) => format!("{text} ({near} in {}, {far} in {})", units::duration(a), units::duration(b)),
        None => text,
    })
}

/// Frames that were lost before they came here. "Not recorded" is not 0.
fn drops(source: &SourceSummary, summary: &RunSummary) -> Option<String> {
    let stats = &source.stats;
    let known = |n: Option<u64>| n.map_or_else(|| "unknown".to_owned(), units::count);
    match source.info.kind {
        SourceKind::Live(_) => {
            let of = stats.received.map_or_else(String::new, |n| format!(" of {} received", units::count(n)));
            let mut line = format!(
                "Drops: kernel {}, interface {}, sockeye {}{of}",
                known(stats.dropped_kernel),
                known(stats.dropped_interface),
                units::count(summary.dropped_here)
            );
            let others = [
                (stats.duplicates, "duplicates (loopback shows each packet twice)"),
                (stats.unread, "left unread at the end"),
                (stats.freezes, "times the buffer was full"),
            ];
            for (n, what) in others.into_iter().filter_map(|(n, what)| Some((n.filter(|n| *n > 0)?, what))) {
                line = format!("{line}; {} {what}", units::count(n));
            }
            if source.info.interfaces.iter().any(|interface| interface.filter.is_some()) {
                // Linux does not count them.
                line.push_str("; rejected by the kernel's filter: unknown");
            }
            Some(line)
        }
        SourceKind::File(_) if stats.frames == 0 => None,
        SourceKind::File(FileFormat::Pcap { .. }) => {
            Some("Drops while capturing: unknown, this file format does not record them".to_owned())
        }
        SourceKind::File(FileFormat::PcapNg) => {
            if stats.dropped_kernel.is_none() && stats.dropped_interface.is_none() {
                return Some("Drops while capturing: unknown, this file does not record them".to_owned());
            }
            // Whether the dropped ones are among them depends on who wrote the file.
            let beside = stats.received.map_or_else(String::new, |n| format!(" ({} received)", units::count(n)));
            let (kernel, interface) = (known(stats.dropped_kernel), known(stats.dropped_interface));
            Some(format!("Drops while capturing: kernel {kernel}, interface {interface}{beside}"))
        }
    }
}

/// Frames that are no packets of the wire, once for each interface, and how its host shows those.
fn joined(style: &Style, summary: &RunSummary) -> impl Iterator<Item = String> {
    summary.joined.iter().map(|&(source, interface, frames)| {
        let info = summary.sources.get(usize::from(source)).map(|source| &source.info);
        let own = info.and_then(|info| info.interfaces.get(interface as usize)?.name.as_deref());
        let name = own.or(info.map(|info| info.name.as_str())).unwrap_or_default();
        // What is to be typed is not what a capture likes to call it.
        let plain =
            |name: &&str| !name.starts_with('-') && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.@:".contains(&b));
        format!(
            "{} of {} {} several on the wire, cut or joined by the card or the kernel (TSO, GSO, GRO) · \
             as they are there: ethtool -K {} tso off gso off gro off",
            units::counted(frames, "packet"),
            style.foreign(name),
            if frames == 1 { "was" } else { "were" },
            own.filter(plain).unwrap_or("INTERFACE"),
        )
    })
}

/// What was given up on the way, where anything was.
fn given_up(out: &mut impl Write, style: &Style, summary: &RunSummary) -> io::Result<()> {
    if summary.evicted > 0 {
        let text = format!("{} evicted for want of room, and counted up to then", units::counted(summary.evicted, "flow"));
        say(out, style, &text)?;
    }
    if summary.without_room > 0 {
        let flows = units::counted(summary.without_room, "flow");
        say(out, style, &format!("{flows} with segments forgotten for want of memory: RESENT and the like are a minimum"))?;
    }
    let (incomplete, pushed_out) = summary.fragments_lost;
    if incomplete > 0 || pushed_out > 0 {
        let text = format!(
            "Fragments: {} never completed, {} given up for want of room",
            units::counted(incomplete, "datagram"),
            units::count(pushed_out)
        );
        say(out, style, &text)?;
    }
    let (cut, malformed) = summary.fragments_unfit;
    if cut > 0 || malformed > 0 {
        let text = format!("Fragments: {} cut short, {} malformed or overlapping", units::count(cut), units::count(malformed));
        say(out, style, &text)?;
    }
    Ok(())
}
