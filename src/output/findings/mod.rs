//! Findings for people: a list, the gravest first, and below it what each may mean, what it is not and what to check; and as records.

mod advice;
mod record;
mod words;

pub use record::FindingsJsonSink;

use super::style::{Style, Tone};
use super::table::{Align, Cell, Column, Row, Table, fold};
use super::units::{self, packet_number, width};
use crate::detect::{Cause, Few, Finding, Place, Severity};
use crate::event::{Event, Keep, RunSummary, Sink};
use crate::flow::FlowId;
use std::io::{self, Write};

/// Findings that are explained without being asked; of more, the list alone.
const EXPLAINED: usize = 12;

/// Columns of what is folded where no width is known.
const WIDTH: usize = 80;

/// Of a line of the list: `✗ medium`, and the least that is left for words. Where that is not there, its packets are not told.
const SEVERITY: usize = 8;
const NARROW: usize = 36;

const COLUMNS: &[Column] = &[
    Column::new("SEVERITY", Align::Left),
    Column::new("ID", Align::Left),
    Column::new("FINDING", Align::Left),
    Column::new("EVIDENCE", Align::Left).dropped(0),
];

/// How to show findings.
#[derive(Clone, Copy, Debug, Default)]
pub struct FindingsConfig {
    /// What the reader's terminal can do.
    pub style: Style,
    /// All of them explained, with what a scan found (`-v`).
    pub verbose: bool,
    /// The list alone (`-q`).
    pub quiet: bool,
}

/// Writes the list of findings, and what is to be said of each.
#[derive(Debug)]
pub struct FindingsSink<W> {
    out: W,
    config: FindingsConfig,
    several: bool,
    found: Vec<Finding>,
}

impl<W: Write> FindingsSink<W> {
    /// A list that is written to `out`.
    pub const fn new(out: W, config: FindingsConfig) -> Self {
        Self { out, config, several: false, found: Vec::new() }
    }

    /// The writer, to be closed with its own error checked.
    pub fn into_inner(self) -> W {
        self.out
    }

    fn write(&mut self, summary: &RunSummary) -> io::Result<()> {
        let style = self.config.style;
        if !self.found.is_empty() {
            write_list(&mut self.out, &style, &self.found, usize::MAX, self.several)?;
        }
        not_told(&mut self.out, &style, summary)?;
        if self.config.quiet || (!self.config.verbose && self.found.len() > EXPLAINED) {
            return Ok(());
        }
        for finding in &self.found {
            writeln!(self.out)?;
            self::explain(&mut self.out, &style, finding, self.config.verbose)?;
        }
        Ok(())
    }
}

impl<W: Write> Sink for FindingsSink<W> {
    fn on_event(&mut self, event: &Event<'_>) -> io::Result<Keep> {
        match event {
            Event::Source { index, .. } => self.several |= *index > 0,
            Event::Finding { finding, .. } => self.found.push((*finding).clone()),
            Event::Summary(summary) => {
                self.write(summary)?;
                self.out.flush()?;
            }
            _ => {}
        }
        Ok(Keep::Going)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// `7 findings: 1 high, 4 medium, 2 low`.
fn tally(findings: &[Finding]) -> String {
    let all = findings.len() as u64;
    let parts: Vec<String> = Severity::ALL
        .iter()
        .map(|severity| (severity, findings.iter().filter(|finding| finding.severity == *severity).count()))
        .filter(|(_, count)| *count > 0)
        .map(|(severity, count)| format!("{} {}", units::count(count as u64), severity.key()))
        .collect();
    format!("{}: {}", units::counted(all, "finding"), parts.join(", "))
}

/// What was not looked at for want of room, and what is of no conversation where only some are looked at.
pub(super) fn not_told(out: &mut impl Write, style: &Style, summary: &RunSummary) -> io::Result<()> {
    let crowded = (summary.unexamined > 0).then(|| {
        format!(
            "{} times there was no room to keep what findings are made of: there may be more to find, and more of what was found. A capture filter leaves more room.",
            units::count(summary.unexamined)
        )
    });
    let aside = (summary.found_aside > 0).then(|| {
        format!(
            "{} on addresses (ARP, neighbour discovery): of no conversation, so told without --where alone.",
            units::counted(summary.found_aside, "finding")
        )
    });
    for text in [crowded, aside].into_iter().flatten() {
        for line in fold(&text, " ", Some(style.width.unwrap_or(WIDTH)), 2) {
            writeln!(out, "{}", style.glyphs(&line))?;
        }
    }
    Ok(())
}

/// The list: how many, and a row for each of the first ones.
pub(super) fn write_list(
    out: &mut impl Write,
    style: &Style,
    findings: &[Finding],
    most: usize,
    several: bool,
) -> io::Result<()> {
    writeln!(out, "{}", tally(findings))?;
    let mut table = Table::new(COLUMNS, " ", *style, usize::MAX).titled(false);
    let shown = || findings.iter().take(most);
    let widest = |cell: &dyn Fn(&Finding) -> String| shown().map(|finding| width(&cell(finding))).max().unwrap_or(0);
    let beside =
        SEVERITY + widest(&|finding| who(&finding.flows)) + widest(&|finding| cited(finding, several)) + COLUMNS.len() - 1;
    let room = style.width.map(|all| all.saturating_sub(beside).max(NARROW));
    for finding in shown() {
        let mut lines = fold(&words::headline(finding), " ", room, 1).into_iter();
        table.push(row(finding, lines.next().unwrap_or_default(), several), out)?;
        for rest in lines {
            let cells = vec![Cell::plain(""), Cell::plain(""), Cell::plain(rest), Cell::plain("")];
            table.push(Row { cells, ..Row::default() }, out)?;
        }
    }
    table.flush(out)
}

fn row(finding: &Finding, headline: String, several: bool) -> Row {
    let (glyph, tone) = match finding.severity {
        Severity::High => ("✗", Tone::Bad),
        Severity::Medium => ("!", Tone::Odd),
        Severity::Low => ("·", Tone::Faint),
    };
    let cells = vec![
        Cell::Text(format!("{glyph} {}", finding.severity.key()), tone),
        Cell::plain(who(&finding.flows)),
        Cell::plain(headline),
        Cell::plain(cited(finding, several)),
    ];
    Row { cells, ..Row::default() }
}

/// The conversation, or the first of several.
fn who(flows: &Few<FlowId>) -> String {
    match (flows.first.first(), flows.total) {
        (None, _) => String::new(),
        (Some(first), 1) => first.to_string(),
        (Some(first), _) => format!("{first} …"),
    }
}

/// The packets that show it: `#10 → #12`, `#394 #424 …+21`.
fn cited(finding: &Finding, several: bool) -> String {
    let number = |(file, number): Place| packet_number(several.then_some(file), number);
    let Few { first, last, total, .. } = &finding.packets;
    let joined = words::joined(&finding.cause);
    match (first.as_slice(), last) {
        ([], _) | (_, None) => String::new(),
        ([one], _) => number(*one),
        ([a, b], _) if finding.flows.total > 1 => format!("{} {}", number(*a), number(*b)),
        ([a, ..], Some(b)) if *total == 2 || joined == " … " => format!("{}{joined}{}", number(*a), number(*b)),
        ([a, b, ..], _) => format!("{} {} …+{}", number(*a), number(*b), units::count(total - 2)),
    }
}

/// What is to be said of a finding.
fn explain(out: &mut impl Write, style: &Style, finding: &Finding, all: bool) -> io::Result<()> {
    let width = style.width.unwrap_or(WIDTH);
    let say = |out: &mut dyn Write, head: &str, text: &str| -> io::Result<()> {
        for (at, line) in fold(text, " ", Some(width.saturating_sub(9).max(20)), 0).iter().enumerate() {
            let head = if at == 0 { head } else { "" };
            writeln!(out, "  {head:<7}{}", style.glyphs(line))?;
        }
        Ok(())
    };
    let mut head = words::headline(finding);
    let who = who(&finding.flows);
    if !who.is_empty() {
        head = format!("{who}: {head}");
    }
    for line in fold(&head, " ", Some(width), 2) {
        writeln!(out, "{}", style.glyphs(&line))?;
    }
    let said = advice::said(finding);
    say(out, "Seen", &said.seen)?;
    say(out, "Means", said.means)?;
    say(out, "Not", said.not)?;
    say(out, "Check", &said.check)?;
    if all {
        say(out, "Source", said.source)?;
        if let Cause::Scan(scan) = &finding.cause {
            let mut found: Vec<_> = scan.found.iter().collect();
            // What is open first: that is what whoever asked wanted to know.
            found.sort_by_key(|(ip, port, state)| (*state, *ip, *port));
            let found = found.into_iter().map(|(ip, port, state)| format!("{ip}:{port} {}", words::state_word(*state)));
            say(out, "Found", &found.collect::<Vec<_>>().join(", "))?;
        }
    }
    Ok(())
}
