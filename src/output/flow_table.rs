//! `sockeye flows` for people: a row for every conversation, when it ends.

use super::app_note::note;
use super::ends::Ends;
use super::host_names::HostNames;
use super::style::Style;
use super::summary::{is_piece, resent, round_trip, spoiled, state, tell_pieces, tell_spoiled};
use super::table::{Align, Cell, Column, Row, Table};
use super::units::{self, packet_number};
use crate::event::{Event, Keep, Sink};
use crate::flow::{FlowRecord, RttRecord, SideRecord};
use std::fmt::Write as _;
use std::io::{self, Write};

/// Rows that are held back to find the widths of the columns.
const BATCH: usize = 200;

const COLUMNS: &[Column] = &[
    Column::new("ID", Align::Left),
    Column::new("STATE", Align::Left),
    Column::new("CLIENT → SERVER", Align::Left),
    Column::new("START (UTC)", Align::Left).dropped(0),
    Column::new("LASTED", Align::Right).dropped(1),
    Column::new("RTT", Align::Right),
    Column::new("PACKETS", Align::Right).dropped(2),
    Column::new("OUT", Align::Right).dropped(4),
    Column::new("IN", Align::Right).dropped(4),
    Column::new("RESENT", Align::Right),
    Column::new("NOTE", Align::Left).dropped(3).optional(),
];

/// How to show flows.
#[derive(Clone, Copy, Debug, Default)]
pub struct FlowTableConfig {
    /// What the reader's terminal can do.
    pub style: Style,
    /// Where it lies in the capture, why it ended and what went wrong, on a second line (`-v`).
    pub verbose: bool,
    /// No headings (`-q`).
    pub quiet: bool,
}

/// Writes the table of flows.
#[derive(Debug)]
pub struct FlowTableSink<W> {
    out: W,
    config: FlowTableConfig,
    /// Numbers of packets are told with their file.
    several: bool,
    /// A row has a `?`.
    spoiled: bool,
    /// A row has a `*`.
    pieces: bool,
    table: Table,
}

impl<W: Write> FlowTableSink<W> {
    /// A table that is written to `out`.
    #[must_use]
    pub fn new(out: W, config: FlowTableConfig) -> Self {
        Self {
            out,
            config,
            several: false,
            spoiled: false,
            pieces: false,
            table: Table::new(COLUMNS, "", config.style, BATCH).titled(!config.quiet),
        }
    }

    /// The same table with names of hosts in place of their addresses, where they are known.
    #[must_use]
    pub fn with_names(self, names: Option<Box<dyn HostNames>>) -> Self {
        Self { table: self.table.named(names), ..self }
    }

    /// The writer, to be closed with its own error checked.
    pub fn into_inner(self) -> W {
        self.out
    }

    /// The writer.
    pub const fn get_mut(&mut self) -> &mut W {
        &mut self.out
    }

    /// Rows that are held back to find the widths of the columns, and not written yet.
    pub const fn held(&self) -> usize {
        self.table.held()
    }
}

impl<W: Write> Sink for FlowTableSink<W> {
    fn on_event(&mut self, event: &Event<'_>) -> io::Result<Keep> {
        match event {
            Event::Source { index, .. } => self.several |= *index > 0,
            Event::Flow(record) => {
                self.spoiled |= spoiled(record);
                self.pieces |= is_piece(record);
                self.table.push(row(record, self.config.verbose, self.several), &mut self.out)?;
            }
            Event::Summary(_) => {
                self.table.flush(&mut self.out)?;
                self.table.tell_hidden(&mut self.out)?;
                if self.spoiled && !self.config.quiet {
                    tell_spoiled(&mut self.out, &self.config.style)?;
                }
                if self.pieces && !self.config.quiet {
                    tell_pieces(&mut self.out, &self.config.style)?;
                }
                self.out.flush()?;
            }
            _ => {}
        }
        Ok(Keep::Going)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.table.flush(&mut self.out)?;
        self.out.flush()
    }
}

fn row(record: &FlowRecord, verbose: bool, several: bool) -> Row {
    let packets = record.orig.packets.saturating_add(record.resp.packets);
    let cells = vec![
        Cell::plain(record.id.to_string()),
        state(record),
        Cell::Ends(Ends::of(record)),
        Cell::plain(units::date_time(record.start)),
        Cell::plain(units::duration_tight(record.duration())),
        round_trip(record),
        Cell::plain(units::count(packets)),
        Cell::plain(units::bytes(record.orig.unique_bytes)),
        Cell::plain(units::bytes(record.resp.unique_bytes)),
        resent(record),
        Cell::Cut(note(record)),
    ];
    let below = if verbose { vec![evidence(record, several)] } else { Vec::new() };
    Row { cells, below, ..Row::default() }
}

/// `#14–#28 · 8 packets out, 6 in · TTL 64 and 63 · ended: fin`.
fn evidence(record: &FlowRecord, several: bool) -> String {
    let number = |at: (u16, u64)| packet_number(several.then_some(at.0), at.1);
    let (first, last) = (record.first_packet, record.last_packet);
    let mut text = if first == last { number(first) } else { format!("{}–{}", number(first), number(last)) };
    let (orig, resp) = (&record.orig, &record.resp);
    // A String takes everything that is written to it here.
    let _ = write!(text, " · {} out, {} in", units::counted(orig.packets, "packet"), units::count(resp.packets));
    let zero = orig.zero_windows.saturating_add(resp.zero_windows);
    if zero > 0 {
        let _ = write!(text, " · window 0 in {}", units::counted(zero, "packet"));
    }
    for (side, who) in [(orig, "client's"), (resp, "server's")] {
        losses_and_times(&mut text, side, who);
    }
    if record.icmp_errors > 0 {
        let _ = write!(text, " · {}", units::counted(record.icmp_errors, "ICMP error"));
    }
    if spoiled(record) {
        let dropped = units::counted(record.capture_drops.unwrap_or(0), "packet");
        let _ = write!(text, " · {dropped} of all flows dropped by the capture meanwhile");
    }
    if let Some(reason) = record.end_reason {
        let _ = write!(text, " · ended: {}", reason.key().replace('_', " "));
    }
    text
}

/// ` · 2 of the server's segments lost before this point · the server's packets acknowledged in 1.0ms to 3.0ms, 2.0ms on
/// average (9 samples)`: round trips from the capture point to the other side, SYN and FIN included.
fn losses_and_times(text: &mut String, side: &SideRecord, who: &str) {
    let loss = side.loss.unwrap_or_default();
    let more = if loss.at_least { "+" } else { "" };
    for (n, place) in [(loss.lost_before, "before"), (loss.lost_beyond, "beyond")] {
        if n > 0 {
            let _ = write!(text, " · {}{more} of the {who} segments lost {place} this point", units::count(n));
        }
    }
    let Some(RttRecord { samples, min: Some(min), avg: Some(avg), max: Some(max), .. }) = side.measured.as_ref().map(|m| m.rtt)
    else {
        return;
    };
    let [min, avg, max] = [min, avg, max].map(units::duration_tight);
    let several = if samples > 1 { format!(" to {max}, {avg} on average") } else { String::new() };
    let _ = write!(text, " · the {who} packets acknowledged in {min}{several} ({})", units::counted(samples, "sample"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::RunSummary;
    use crate::flow::{LossRecord, MeasuredRecord};
    use crate::model::Span;
    use crate::output::fixture::nine;

    fn sink(width: Option<usize>) -> FlowTableSink<Vec<u8>> {
        let style = Style { width, ..Style::default() };
        FlowTableSink::new(Vec::new(), FlowTableConfig { style, ..FlowTableConfig::default() })
    }

    #[test]
    fn a_row_a_flow_in_the_order_of_their_ends() {
        let mut sink = sink(None);
        for record in &nine() {
            sink.on_event(&Event::Flow(record)).unwrap();
        }
        sink.on_event(&Event::Summary(&RunSummary::default())).unwrap();
        let text = String::from_utf8(sink.into_inner()).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 10);
        assert_eq!(
            lines[0],
            "ID  STATE      CLIENT → SERVER                   START (UTC)              LASTED     RTT  PACKETS     OUT       IN  RESENT"
        );
        assert_eq!(
            lines[1],
            "c1  closed     10.98.0.1:49370 → 10.98.0.2:80    2026-11-20 21:11:20.520  70.0ms  22.5ms        4    73 B     92 B       0"
        );
    }

    #[test]
    fn a_terminal_keeps_state_and_round_trip() {
        let mut sink = sink(Some(80));
        sink.on_event(&Event::Flow(&nine()[0])).unwrap();
        sink.flush().unwrap();
        let text = String::from_utf8(sink.into_inner()).unwrap();
        assert!(text.starts_with("ID STATE  CLIENT → SERVER                LASTED    RTT PACKETS  OUT   IN RESENT\n"), "{text}");
    }

    #[test]
    fn a_second_line_tells_where_the_loss_was_and_how_long_acknowledgments_took() {
        let mut record = nine().remove(0);
        record.resp.loss = Some(LossRecord { resent_packets: 3, lost_before: 2, lost_beyond: 1, ..LossRecord::default() });
        let [min, avg, max] = [1, 2, 4].map(|ms| Some(Span::from_nanos(ms * 1_000_000)));
        let rtt = RttRecord { samples: 9, min, avg, max, stdev: None };
        record.resp.measured = Some(MeasuredRecord { rtt, ..MeasuredRecord::default() });
        let rtt = RttRecord { samples: 1, min, avg: min, max: min, stdev: None };
        record.orig.measured = Some(MeasuredRecord { rtt, ..MeasuredRecord::default() });
        let text = evidence(&record, false);
        let told = "the client's packets acknowledged in 1.00ms (1 sample) · 2 of the server's segments lost before this point · \
                    1 of the server's segments lost beyond this point · \
                    the server's packets acknowledged in 1.00ms to 4.00ms, 2.00ms on average (9 samples)";
        assert!(text.contains(told), "{text}");
    }

    #[test]
    fn rows_that_the_capture_spoiled_are_marked_and_the_mark_is_told_once() {
        let shown = |records: &[FlowRecord], quiet, verbose| {
            let config = FlowTableConfig { verbose, quiet, ..FlowTableConfig::default() };
            let mut sink = FlowTableSink::new(Vec::new(), config);
            for record in records {
                sink.on_event(&Event::Flow(record)).unwrap();
            }
            sink.on_event(&Event::Summary(&RunSummary::default())).unwrap();
            String::from_utf8(sink.into_inner()).unwrap()
        };
        let mut records = nine();
        let legend = "? the capture dropped packets while this conversation ran: its counts are a minimum\n";
        for drops in [None, Some(0)] {
            for record in &mut records {
                record.capture_drops = drops;
            }
            let text = shown(&records, false, true);
            assert!(!text.contains('?') && !text.contains("dropped"), "{text}");
        }
        records[0].capture_drops = Some(1200);
        records[1].capture_drops = Some(1);
        let text = shown(&records, false, true);
        assert!(text.ends_with(legend) && text.matches(legend).count() == 1, "{text}");
        assert_eq!(text.lines().filter(|line| line.ends_with('?')).count(), 2, "{text}");
        assert!(text.contains(" · 1,200 packets of all flows dropped by the capture meanwhile · ended: "), "{text}");
        assert!(!shown(&records, true, false).contains(legend));
    }

    #[test]
    fn out_and_in_go_together() {
        for width in 40..120 {
            let mut sink = sink(Some(width));
            sink.on_event(&Event::Flow(&nine()[0])).unwrap();
            sink.flush().unwrap();
            let text = String::from_utf8(sink.into_inner()).unwrap();
            let titles: Vec<_> = text.lines().next().unwrap_or_default().split_whitespace().collect();
            assert_eq!(titles.contains(&"OUT"), titles.contains(&"IN"), "at {width}: {titles:?}");
        }
    }

    #[test]
    fn a_stream_is_not_held_back_for_ever() {
        let mut sink = sink(None);
        let record = nine().remove(0);
        for _ in 0..BATCH - 1 {
            sink.on_event(&Event::Flow(&record)).unwrap();
        }
        assert!(sink.out.is_empty());
        for _ in 0..2 {
            sink.on_event(&Event::Flow(&record)).unwrap();
        }
        assert_eq!(String::from_utf8(sink.out).unwrap().lines().count(), BATCH + 2);
    }
}
