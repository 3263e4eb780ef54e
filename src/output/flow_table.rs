//! `sockeye flows` for people: a row for every conversation, when it ends.

use super::ends::Ends;
use super::style::Style;
use super::summary::{round_trip, state};
use super::table::{Align, Cell, Column, Row, Table};
use super::units;
use crate::event::{Event, Keep, Sink};
use crate::flow::FlowRecord;
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
    Column::new("OUT", Align::Right).dropped(3),
    Column::new("IN", Align::Right).dropped(4),
];

/// Writes the table of flows.
#[derive(Debug)]
pub struct FlowTableSink<W> {
    out: W,
    table: Table,
}

impl<W: Write> FlowTableSink<W> {
    /// A table that is written to `out`.
    #[must_use]
    pub fn new(out: W, style: Style) -> Self {
        Self { out, table: Table::new(COLUMNS, "", style, BATCH) }
    }

    /// The writer, to be closed with its own error checked.
    pub fn into_inner(self) -> W {
        self.out
    }
}

impl<W: Write> Sink for FlowTableSink<W> {
    fn on_event(&mut self, event: &Event<'_>) -> io::Result<Keep> {
        match event {
            Event::Flow(record) => self.table.push(row(record), &mut self.out)?,
            Event::Summary(_) => {
                self.table.flush(&mut self.out)?;
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

fn row(record: &FlowRecord) -> Row {
    let packets = record.orig.packets.saturating_add(record.resp.packets);
    let cells = vec![
        Cell::plain(record.id.to_string()),
        state(record.state),
        Cell::Ends(Ends::of(record)),
        Cell::plain(units::date_time(record.start)),
        Cell::plain(units::duration_tight(record.duration())),
        round_trip(record).map_or_else(Cell::none, |rtt| Cell::plain(units::duration_tight(rtt))),
        Cell::plain(units::count(packets)),
        Cell::plain(units::bytes(record.orig.unique_bytes)),
        Cell::plain(units::bytes(record.resp.unique_bytes)),
    ];
    Row { cells, ..Row::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::RunSummary;
    use crate::output::fixture::nine;

    fn sink(width: Option<usize>) -> FlowTableSink<Vec<u8>> {
        FlowTableSink::new(Vec::new(), Style { width, ..Style::default() })
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
            "ID  STATE      CLIENT → SERVER                   START (UTC)              LASTED     RTT  PACKETS     OUT       IN"
        );
        assert_eq!(
            lines[1],
            "c1  closed     10.98.0.1:49370 → 10.98.0.2:80    2026-11-20 21:11:20.520  70.0ms  22.5ms        4    73 B     92 B"
        );
    }

    #[test]
    fn a_terminal_keeps_state_and_round_trip() {
        let mut sink = sink(Some(80));
        sink.on_event(&Event::Flow(&nine()[0])).unwrap();
        sink.flush().unwrap();
        let text = String::from_utf8(sink.into_inner()).unwrap();
        assert!(text.starts_with("ID  STATE   CLIENT → SERVER                 LASTED     RTT  PACKETS   OUT    IN\n"), "{text}");
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
