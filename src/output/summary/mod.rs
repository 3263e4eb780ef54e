//! The main job's output: what the capture is, where it was taken, its conversations, and what to run next.
//!
//! What a source is, is written at once; all else when the run ends. What is kept meanwhile is bounded unless `all` is asked for: see
//! `ranking` and `vantage`.

mod details;
mod header;
mod loss;
pub mod next;
mod ranking;
mod vantage;

use self::loss::Losses;
use self::ranking::Ranking;
use self::vantage::Vantage;
pub(super) use self::vantage::{Place, place_of};
use super::app_note::note;
use super::ends::Ends;
use super::findings;
use super::host_names::HostNames;
use super::style::{Style, Tone};
use super::table::{Align, Cell, Column, Row, Table, fold};
use super::units;
use crate::detect::Finding;
use crate::event::{Event, Keep, RunSummary, Sink};
use crate::flow::{EndReason, FlowRecord, State};
use crate::model::Span;
use std::io::{self, Write};

/// How to show a summary.
#[derive(Clone, Debug, Default)]
pub struct SummaryConfig {
    /// What the reader's terminal can do.
    pub style: Style,
    /// Every conversation, as far as so many bytes have room for their records, which are all kept until the end; of more those that
    /// matter most.
    pub all: Option<usize>,
    /// Only the table (`-q`).
    pub quiet: bool,
    /// Every interface, note and reason (`-v`).
    pub verbose: bool,
    /// There is one source, and what it is can be written before it is read.
    pub at_once: bool,
    /// The source as it is to be repeated in the commands proposed: `-r`, `mix.pcap`. Unquoted words; none where it cannot be
    /// read again, and nothing is proposed.
    pub source_words: Vec<String>,
    /// The capture filter, to be repeated, too.
    pub filter: Option<String>,
}

/// Does a conversation belong to what was asked for?
pub type Chooses = Box<dyn Fn(&FlowRecord) -> bool + Send>;

/// Which conversations are listed, where not all are.
struct Choosing {
    /// The condition in words.
    text: String,
    chooses: Chooses,
    /// Conversations for which it holds, and all.
    held: u64,
    of: u64,
}

impl std::fmt::Debug for Choosing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Choosing").field("text", &self.text).finish_non_exhaustive()
    }
}

/// Writes the summary when the run is over.
#[derive(Debug)]
pub struct SummarySink<W> {
    out: W,
    config: SummaryConfig,
    ranking: Ranking,
    vantage: Vantage,
    losses: Losses,
    /// What was written at once.
    begun: Option<String>,
    names: Option<Box<dyn HostNames>>,
    choosing: Option<Choosing>,
    found: Vec<Finding>,
}

impl<W: Write> SummarySink<W> {
    /// A summary that will be written to `out`.
    #[must_use]
    pub fn new(out: W, config: SummaryConfig) -> Self {
        let ranking = config.all.map_or_else(Ranking::default, Ranking::of_all);
        Self {
            out,
            config,
            ranking,
            vantage: Vantage::default(),
            losses: Losses::default(),
            begun: None,
            names: None,
            choosing: None,
            found: Vec::new(),
        }
    }

    /// The same summary with names of hosts in place of their addresses, where they are known.
    #[must_use]
    pub fn with_names(self, names: Option<Box<dyn HostNames>>) -> Self {
        Self { names, ..self }
    }

    /// The same summary with a list of those conversations alone for which something holds; what is said of the capture is said of all.
    #[must_use]
    pub fn chosen(self, text: String, chooses: Chooses) -> Self {
        Self { choosing: Some(Choosing { text, chooses, held: 0, of: 0 }), ..self }
    }

    /// The writer, to be closed with its own error checked.
    pub fn into_inner(self) -> W {
        self.out
    }

    fn write(&mut self, summary: &RunSummary) -> io::Result<()> {
        let quiet = self.config.quiet;
        if !quiet {
            let found = (self.vantage.place(), &self.losses);
            header::write(&mut self.out, &self.config, summary, self.begun.as_deref(), found)?;
        }
        if let Some(Choosing { text, held, of, .. }) = self.choosing.as_ref().filter(|_| !quiet) {
            let text = crate::model::short(text, 200);
            let text = format!("{} of {} where {text}", units::count(*held), units::counted(*of, "conversation"));
            writeln!(self.out)?;
            for line in fold(&text, " ", self.config.style.width, 2) {
                writeln!(self.out, "{}", self.config.style.glyphs(&line))?;
            }
        }
        let ranked = std::mem::take(&mut self.ranking).finish(summary.sources.len() > 1 || summary.threads > 1);
        let style = self.config.style;
        if ranked.rows.is_empty() {
            self.write_findings(&style, summary)?;
            return self.write_next(&style, &[], summary);
        }
        if !quiet {
            writeln!(self.out)?;
            if ranked.more > 0 {
                let mut text = format!("{} conversations", units::count(ranked.rows.len() as u64 + ranked.more));
                if summary.evicted > 0 {
                    text = format!("at most {text}, {} of them pieces given out early (*)", units::count(summary.evicted));
                }
                let text = format!("{text}; the {} that matter most (failed first, then by bytes):", ranked.rows.len());
                for line in fold(&text, " ", style.width, 2) {
                    writeln!(self.out, "{}", style.glyphs(&line))?;
                }
            }
        }
        let mut table = Table::new(COLUMNS, "", style, usize::MAX).named(self.names.take());
        for record in &ranked.rows {
            table.push(row(record), &mut self.out)?;
        }
        table.flush(&mut self.out)?;
        if ranked.more > 0 {
            let how =
                if self.config.all.is_some() { "sockeye flows shows them, or a larger --max-memory" } else { "--all shows them" };
            let text = format!("… {} more ({}): {how}", units::count(ranked.more), ranked.more_states());
            // A list, and no row of a table: in a pipe it need not be one long line either.
            for line in fold(&text, ", ", Some(style.width.unwrap_or(LIST_WIDTH)), 2) {
                writeln!(self.out, "{}", style.glyphs(&line))?;
            }
        }
        table.tell_hidden(&mut self.out)?;
        if !quiet && ranked.rows.iter().any(spoiled) {
            tell_spoiled(&mut self.out, &style)?;
        }
        if !quiet && ranked.rows.iter().any(is_piece) {
            tell_pieces(&mut self.out, &style)?;
        }
        self.write_findings(&style, summary)?;
        self.write_next(&style, &ranked.rows, summary)
    }

    fn write_next(&mut self, style: &Style, shown: &[FlowRecord], summary: &RunSummary) -> io::Result<()> {
        if self.config.quiet {
            return Ok(());
        }
        for line in next::lines(&self.config, shown, &self.found, summary.live) {
            writeln!(self.out, "{}", style.glyphs(&line))?;
        }
        Ok(())
    }
}

impl<W: Write> SummarySink<W> {
    /// What deserves a look: the gravest, and how many more there are.
    fn write_findings(&mut self, style: &Style, summary: &RunSummary) -> io::Result<()> {
        if self.config.quiet || (self.found.is_empty() && summary.unexamined + summary.found_aside == 0) {
            return Ok(());
        }
        writeln!(self.out)?;
        findings::not_told(&mut self.out, style, summary)?;
        if self.found.is_empty() {
            return Ok(());
        }
        let several = summary.sources.len() > 1;
        let more = self.found.len().saturating_sub(FINDINGS);
        findings::write_list(&mut self.out, style, &self.found, FINDINGS, several)?;
        if more > 0 {
            let text = format!("… {} more: sockeye findings shows them", units::count(more as u64));
            writeln!(self.out, "{}", style.glyphs(&text))?;
        }
        Ok(())
    }
}

/// Findings that a summary lists.
const FINDINGS: usize = 20;

impl<W: Write> Sink for SummarySink<W> {
    fn on_event(&mut self, event: &Event<'_>) -> io::Result<Keep> {
        match event {
            Event::Flow(record) => {
                self.vantage.note(record);
                self.losses.note(record);
                let listed = self.choosing.as_mut().is_none_or(|choosing| {
                    let holds = (choosing.chooses)(record);
                    choosing.of += 1;
                    choosing.held += u64::from(holds);
                    holds
                });
                if listed {
                    self.ranking.take(record);
                }
            }
            Event::Finding { finding, .. } => self.found.push((*finding).clone()),
            Event::Summary(summary) => {
                self.write(summary)?;
                self.out.flush()?;
            }
            Event::Source { info, .. } if self.config.at_once && !self.config.quiet && self.begun.is_none() => {
                self.begun = Some(header::begin(&mut self.out, &self.config.style, info)?);
                self.out.flush()?;
            }
            Event::Source { .. }
            | Event::Packet { .. }
            | Event::Settled(_)
            | Event::Neighbour(_)
            | Event::Stream(_)
            | Event::Handshake(_)
            | Event::Drained
            | Event::SourcesEnded
            | Event::Counters { .. }
            | Event::Rotate(_)
            | Event::Tick(_) => {}
        }
        Ok(Keep::Going)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Columns of lists that are folded where no width is known.
const LIST_WIDTH: usize = 80;

const COLUMNS: &[Column] = &[
    Column::new("ID", Align::Left),
    Column::new("STATE", Align::Left),
    Column::new("CLIENT → SERVER", Align::Left),
    Column::new("RTT", Align::Right),
    Column::new("OUT", Align::Right).dropped(2),
    Column::new("IN", Align::Right).dropped(2),
    Column::new("RESENT", Align::Right),
    Column::new("NOTE", Align::Left).dropped(1).optional(),
];

fn row(record: &FlowRecord) -> Row {
    let cells = vec![
        Cell::plain(record.id.to_string()),
        state(record),
        Cell::Ends(Ends::of(record)),
        round_trip(record),
        Cell::plain(units::bytes(record.orig.unique_bytes)),
        Cell::plain(units::bytes(record.resp.unique_bytes)),
        resent(record),
        Cell::Cut(note(record)),
    ];
    Row { cells, ..Row::default() }
}

/// The state's word, in the colour of what it means; `*` where that is only how far it had come when it was given out early.
pub(super) fn state(record: &FlowRecord) -> Cell {
    let word = if is_piece(record) { format!("{}*", record.state.word()) } else { record.state.word().to_owned() };
    if is_piece(record) && !ranking::has_failed(record) {
        return Cell::Text(word, Tone::Faint);
    }
    let tone = match record.state {
        State::Refused | State::Unreachable | State::NoAnswer | State::HalfOpen | State::NoReply => Tone::Bad,
        State::ResetByOriginator | State::ResetByResponder | State::Stalled => Tone::Odd,
        State::Midway | State::OneWay => Tone::Faint,
        State::Opening | State::Open | State::Closing | State::HalfClosed | State::Closed | State::Answered => Tone::Plain,
    };
    Cell::Text(word, tone)
}

/// The round trip of a conversation, as tables show it; `~` before one of which it is not known which copy of a repeated packet
/// was answered.
pub(super) fn round_trip(record: &FlowRecord) -> Cell {
    let Some(span) = record.round_trip().filter(|span| *span >= Span::ZERO) else { return Cell::none() };
    let doubtful = record.handshake.as_ref().is_some_and(|h| h.rtt_ambiguous);
    Cell::plain(format!("{}{}", if doubtful { "~" } else { "" }, units::duration_tight(span)))
}

/// Was it given out early for want of room, before it was over?
pub(super) fn is_piece(record: &FlowRecord) -> bool {
    record.end_reason == Some(EndReason::Evicted)
}

/// What the `*` of rows means, below a table that has any.
pub(super) fn tell_pieces(out: &mut impl Write, style: &Style) -> io::Result<()> {
    let text = "* given out early for want of room: what came until then; the rest is in rows of its own";
    for line in fold(text, " ", style.width, 2) {
        writeln!(out, "{}", style.glyphs(&line))?;
    }
    Ok(())
}

/// Did the capture drop packets while this conversation ran?
pub(super) fn spoiled(record: &FlowRecord) -> bool {
    record.capture_drops.is_some_and(|packets| packets > 0)
}

/// What the `?` of rows means, below a table that has any.
pub(super) fn tell_spoiled(out: &mut impl Write, style: &Style) -> io::Result<()> {
    let text = "? the capture dropped packets while this conversation ran: its counts are a minimum";
    for line in fold(text, " ", style.width, 2) {
        writeln!(out, "{}", style.glyphs(&line))?;
    }
    Ok(())
}

/// Segments of both sides that were sent again, SYN and FIN included; `+` where they may be more, `?` where the capture itself
/// dropped packets meanwhile.
pub(super) fn resent(record: &FlowRecord) -> Cell {
    let doubt = if spoiled(record) { "?" } else { "" };
    let mut sides = [&record.orig, &record.resp].into_iter().filter_map(|side| side.loss.as_ref()).peekable();
    if sides.peek().is_none() {
        return if doubt.is_empty() { Cell::none() } else { Cell::plain(format!("-{doubt}")) };
    }
    let (n, more) = sides.fold((0_u64, false), |(n, more), l| (n.saturating_add(l.resent_packets), more || l.at_least));
    let tone = if n > 0 { Tone::Odd } else { Tone::Plain };
    Cell::Text(format!("{}{}{doubt}", units::count(n), if more { "+" } else { "" }), tone)
}

#[cfg(test)]
mod tests;
