//! The files of a split capture as rows: each in the index, and on standard output as a table or as records. A row is written when its
//! file is complete, so nothing is kept of it, but for the rows of the table.

use super::group::SplitBy;
use super::store::Held;
use crate::flow::{EndReason, FlowId, FlowRecord};
use crate::model::{Endpoint, Timestamp};
use crate::output::csv::{Rows, Separated};
use crate::output::ends::Ends;
use crate::output::json::JsonLine;
use crate::output::style::Style;
use crate::output::summary::state;
use crate::output::table::{Align, Cell, Column, Row, Table};
use crate::output::units;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, Write};

/// Rows of the table where not all are asked for.
const ROWS: usize = 20;
/// What a row of the table takes until the end, bytes.
const ROW: usize = 512;

/// A complete file.
#[derive(Debug)]
pub(super) struct Complete<'a> {
    pub(super) file: &'a str,
    pub(super) held: Held,
    /// Where it is of one conversation.
    pub(super) record: Option<&'a FlowRecord>,
    /// Where it is of a group: its name, and conversations in it.
    pub(super) group: Option<(&'a str, u64)>,
}

/// Columns of csv and its relatives; keys of JSON are the same, with `orig` and `resp` objects.
const NAMES: [&str; 16] = [
    "name",
    "id",
    "group",
    "flows",
    "proto",
    "orig.ip",
    "orig.port",
    "resp.ip",
    "resp.port",
    "state",
    "end_reason",
    "packets",
    "wire_bytes",
    "bytes",
    "start",
    "end",
];

/// Writes a file's record.
pub(super) fn write_json(json: &mut JsonLine, out: &mut impl Write, complete: &Complete<'_>) -> io::Result<()> {
    let Complete { file, held, record, group } = complete;
    json.start("file");
    json.key("name");
    json.text(file);
    json.key("id");
    json.maybe_text(record.map(|record| record.id.to_string()).as_deref());
    json.key("group");
    json.maybe_text(group.map(|(name, _)| name));
    json.key("flows");
    json.number(flows(complete));
    json.key("proto");
    json.maybe_text(record.map(protocol).as_deref());
    for (key, end) in [("orig", record.map(|record| record.originator)), ("resp", record.map(|record| record.responder))] {
        json.key(key);
        json.or_null(end, write_end);
    }
    json.key("state");
    json.maybe_text(record.map(|record| record.state.key()));
    json.key("end_reason");
    json.maybe_text(record.and_then(|record| record.end_reason).map(EndReason::key));
    for (key, number) in [("packets", held.packets), ("wire_bytes", held.wire_bytes), ("bytes", held.bytes)] {
        json.key(key);
        json.number(number);
    }
    for (key, ts) in [("start", held.time.map(|t| t.0)), ("end", held.time.map(|t| t.1))] {
        json.key(key);
        json.or_null(ts, JsonLine::time);
    }
    json.finish(out)
}

fn write_end(json: &mut JsonLine, end: Endpoint) {
    json.open();
    json.key("ip");
    json.ip(end.ip);
    json.key("port");
    json.number(end.port.into());
    json.close();
}

fn protocol(record: &FlowRecord) -> String {
    record.protocol.to_string()
}

fn flows(complete: &Complete<'_>) -> u64 {
    complete.group.map_or(u64::from(complete.record.is_some()), |(_, flows)| flows)
}

fn write_row<W: Write>(rows: &mut Rows<W>, complete: &Complete<'_>) -> io::Result<()> {
    let Complete { file, held, record, group } = complete;
    rows.text(file);
    rows.text(&record.map_or_else(String::new, |record| record.id.to_string()));
    rows.text(group.map_or("", |(name, _)| name));
    rows.text(&flows(complete).to_string());
    rows.text(&record.map_or_else(String::new, protocol));
    for end in [record.map(|record| record.originator), record.map(|record| record.responder)] {
        rows.text(&end.map_or_else(String::new, |end| end.ip.to_string()));
        rows.text(&end.map_or_else(String::new, |end| end.port.to_string()));
    }
    rows.text(record.map_or("", |record| record.state.key()));
    rows.text(record.and_then(|record| record.end_reason).map_or("", EndReason::key));
    for number in [held.packets, held.wire_bytes, held.bytes] {
        rows.text(&number.to_string());
    }
    for ts in [held.time.map(|t| t.0), held.time.map(|t| t.1)] {
        let (cells, days) = rows.dated();
        if let Some(ts) = ts {
            days.rfc3339(cells, ts);
        }
    }
    rows.end()
}

const OF_FLOWS: &[Column] = &[
    Column::new("FILE", Align::Left),
    Column::new("STATE", Align::Left).dropped(2),
    Column::new("CLIENT → SERVER", Align::Left).dropped(0),
    Column::new("START (UTC)", Align::Left).dropped(1),
    Column::new("PACKETS", Align::Right),
    Column::new("SIZE", Align::Right),
];

const OF_GROUPS: &[Column] = &[
    Column::new("FILE", Align::Left),
    Column::new("CONVERSATIONS", Align::Right),
    Column::new("START (UTC)", Align::Left).dropped(0),
    Column::new("PACKETS", Align::Right),
    Column::new("SIZE", Align::Right),
];

/// A row of the table, which waits for the end.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    /// Groups and packets of none come last.
    order: (u8, Option<FlowId>, Box<str>),
    held: Held,
    flows: u64,
    of: Option<(Cell, Ends)>,
}

/// By its size alone.
impl PartialEq for Kept {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}
impl Eq for Kept {}
impl PartialOrd for Kept {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Kept {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.held.packets, self.held.bytes)
            .cmp(&(other.held.packets, other.held.bytes))
            .then_with(|| other.order.cmp(&self.order))
    }
}

/// In which form the files are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListForm {
    /// For people.
    Table {
        /// What the reader's terminal can do.
        style: Style,
        /// Rows of all files, as far as they have room in so many bytes; `None`: of the largest.
        all: Option<usize>,
        /// No headings and no totals.
        quiet: bool,
    },
    /// JSON lines, those of the index.
    Json,
    /// Rows of cells.
    Rows(Separated),
}

/// The list on standard output.
pub(super) enum List<W: Write> {
    Table {
        out: W,
        style: Style,
        most: usize,
        all: bool,
        quiet: bool,
        of_groups: bool,
        kept: BinaryHeap<Reverse<Kept>>,
        more: u64,
    },
    Json(W, JsonLine),
    Rows(Rows<W>),
}

impl<W: Write> List<W> {
    pub(super) fn new(out: W, form: ListForm, by: SplitBy) -> io::Result<Self> {
        Ok(match form {
            ListForm::Table { style, all, quiet } => Self::Table {
                out,
                style,
                most: all.map_or(ROWS, |bytes| (bytes / ROW).max(ROWS)),
                all: all.is_some(),
                quiet,
                of_groups: by != SplitBy::Flow,
                kept: BinaryHeap::new(),
                more: 0,
            },
            ListForm::Json => Self::Json(out, JsonLine::default()),
            ListForm::Rows(form) => {
                let mut rows = Rows::new(out, form);
                rows.header(NAMES.into_iter())?;
                Self::Rows(rows)
            }
        })
    }

    pub(super) fn push(&mut self, complete: &Complete<'_>) -> io::Result<()> {
        match self {
            Self::Table { most, kept, more, .. } => {
                let id = complete.record.map(|record| record.id);
                let rank = match (id, complete.group) {
                    (Some(_), _) => 0,
                    (None, Some(_)) => 1,
                    (None, None) => 2,
                };
                kept.push(Reverse(Kept {
                    order: (rank, id, complete.file.into()),
                    held: complete.held,
                    flows: flows(complete),
                    of: complete.record.map(|record| (state(record), Ends::of(record))),
                }));
                if kept.len() > *most {
                    kept.pop();
                    *more += 1;
                }
                Ok(())
            }
            Self::Json(out, json) => write_json(json, out, complete),
            Self::Rows(rows) => write_row(rows, complete),
        }
    }

    /// The end of the list. `totals`: what is said below a table; `index`: where all files stand.
    pub(super) fn end(&mut self, totals: &str, index: &str) -> io::Result<()> {
        let Self::Table { out, style, quiet, of_groups, kept, more, all, .. } = self else { return self.flush() };
        let mut rows: Vec<Kept> = std::mem::take(kept).into_iter().map(|kept| kept.0).collect();
        if *more > 0 {
            rows.sort_unstable_by(|a, b| b.cmp(a));
        } else {
            rows.sort_unstable_by(|a, b| a.order.cmp(&b.order));
        }
        let columns = if *of_groups { OF_GROUPS } else { OF_FLOWS };
        let mut table = Table::new(columns, "", *style, usize::MAX).titled(!*quiet);
        for kept in rows {
            table.push(row(kept, *of_groups), out)?;
        }
        table.flush(out)?;
        table.tell_hidden(out)?;
        if *quiet {
            return out.flush();
        }
        if *more > 0 {
            let how = if *all { "" } else { "--all, or " };
            writeln!(out, "{}", style.glyphs(&format!("… {} more: {how}{index}", units::counted(*more, "file"))))?;
        }
        writeln!(out, "{}", style.glyphs(totals))?;
        out.flush()
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Table { out, .. } | Self::Json(out, _) => out.flush(),
            Self::Rows(rows) => rows.flush(),
        }
    }

    /// The writer, to be closed.
    pub(super) fn into_inner(self) -> io::Result<W> {
        match self {
            Self::Table { out, .. } | Self::Json(out, _) => Ok(out),
            Self::Rows(rows) => rows.into_inner(),
        }
    }
}

fn row(kept: Kept, of_groups: bool) -> Row {
    let date = |at: Option<(Timestamp, Timestamp)>| at.map_or_else(Cell::none, |at| Cell::plain(units::date_time(at.0)));
    let mut cells = vec![Cell::plain(&*kept.order.2)];
    if of_groups {
        cells.push(if kept.flows > 0 { Cell::plain(units::count(kept.flows)) } else { Cell::none() });
    } else {
        match kept.of {
            Some((state, ends)) => cells.extend([state, Cell::Ends(ends)]),
            None => cells.extend([Cell::none(), Cell::none()]),
        }
    }
    cells.extend([
        date(kept.held.time),
        Cell::plain(units::count(kept.held.packets)),
        Cell::plain(units::bytes(kept.held.bytes)),
    ]);
    Row { cells, ..Row::default() }
}
