//! Columns that line up. Rows are collected until the widths can be told (all of them, or the first batch of a
//! stream), then written; later rows of a stream keep those widths.
//!
//! On a terminal a table that is too wide gives way in a fixed order: narrower gaps, IPv6 addresses without their
//! middle, then whole columns by [`Column::drop`]. Where nobody reads columns (`Style::width` is `None`) nothing is cut.

use super::ends::Ends;
use super::host_names::HostNames;
use super::style::{Style, Tone};
use super::units::width;
use std::io::{self, Write};

/// To which side a column's cells keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// A column.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its heading.
    pub title: &'static str,
    /// Where its cells stand.
    pub align: Align,
    /// When it goes, if the table is too wide: the smallest number first, equal ones together, `None` never.
    pub drop: Option<u8>,
    /// It is there only where a row has something in it.
    pub optional: bool,
}

impl Column {
    /// A column that stays.
    #[must_use]
    pub const fn new(title: &'static str, align: Align) -> Self {
        Self { title, align, drop: None, optional: false }
    }

    /// The same column, given up when the table is too wide.
    #[must_use]
    pub const fn dropped(self, order: u8) -> Self {
        Self { drop: Some(order), ..self }
    }

    /// The same column, left out where no row has anything in it.
    #[must_use]
    pub const fn optional(self) -> Self {
        Self { optional: true, ..self }
    }
}

/// What is left of text that can be cut, columns.
const CUT: usize = 20;

/// What stands in a row's column.
#[derive(Clone, Debug)]
pub enum Cell {
    /// Text, with what it means.
    Text(String, Tone),
    /// Who called whom; can be cut.
    Ends(Ends),
    /// Text that can be cut.
    Cut(String),
}

impl Cell {
    /// Has it nothing in it?
    const fn is_empty(&self) -> bool {
        matches!(self, Self::Text(text, _) | Self::Cut(text) if text.is_empty())
    }
}

impl Cell {
    /// Text without a colour.
    #[must_use]
    pub fn plain(text: impl Into<String>) -> Self {
        Self::Text(text.into(), Tone::Plain)
    }

    /// `-`: not known, or there is none.
    #[must_use]
    pub fn none() -> Self {
        Self::Text("-".to_owned(), Tone::Faint)
    }
}

/// A row: a cell for each column, and what is said of it besides.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// One for each column.
    pub cells: Vec<Cell>,
    /// Free text at the end of the row; where it does not fit, all rows have theirs on a line below.
    pub tail: String,
    /// Lines below the row.
    pub below: Vec<String>,
}

/// Widths that were settled on.
#[derive(Clone, Debug)]
struct Layout {
    widths: Vec<usize>,
    shown: Vec<bool>,
    /// Columns without anything in them that are left out for that.
    unused: Vec<bool>,
    gap: usize,
    tail_in_row: bool,
}

/// A table on its way out.
#[derive(Debug)]
pub struct Table {
    columns: &'static [Column],
    tail_title: &'static str,
    style: Style,
    rows: Vec<Row>,
    batch: usize,
    layout: Option<Layout>,
    titled: bool,
    /// Words are ours and may hold arrows: their stand-ins.
    arrow: &'static str,
    dots: &'static str,
    names: Option<Box<dyn HostNames>>,
}

impl Table {
    /// Rows that are not written yet.
    pub(super) const fn held(&self) -> usize {
        self.rows.len()
    }

    /// An empty table whose widths are settled when it is [`Self::flush`]ed, or by the first `batch` rows.
    #[must_use]
    pub fn new(columns: &'static [Column], tail_title: &'static str, style: Style, batch: usize) -> Self {
        let (arrow, dots) = if style.ascii { ("->", "...") } else { ("→", "…") };
        Self { columns, tail_title, style, rows: Vec::new(), batch, layout: None, titled: true, arrow, dots, names: None }
    }

    /// The same table with its headings, or without.
    #[must_use]
    pub fn titled(self, titled: bool) -> Self {
        Self { titled, ..self }
    }

    /// The same table with names of hosts in place of their addresses, where they are known.
    #[must_use]
    pub fn named(self, names: Option<Box<dyn HostNames>>) -> Self {
        Self { names, ..self }
    }

    /// Takes a row. Cells that are missing are empty, those too many are left out.
    pub fn push(&mut self, row: Row, out: &mut impl Write) -> io::Result<()> {
        self.rows.push(row);
        if self.layout.is_some() || self.rows.len() >= self.batch { self.flush(out) } else { Ok(()) }
    }

    fn name_hosts(&mut self) {
        let Some(names) = &mut self.names else { return };
        let ends = |cell: &Cell| if let Cell::Ends(ends) = cell { Some(ends.addresses()) } else { None };
        names.foresee(&mut self.rows.iter().flat_map(|row| row.cells.iter().filter_map(ends).flatten()));
        for cell in self.rows.iter_mut().flat_map(|row| &mut row.cells) {
            if let Cell::Ends(ends) = cell {
                ends.name(&mut **names);
            }
        }
    }

    /// Writes what is held back; the first time with the headings, for which there must be a row.
    pub fn flush(&mut self, out: &mut impl Write) -> io::Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        self.name_hosts();
        if self.layout.is_none() {
            let layout = self.settle();
            if self.titled {
                self.write_titles(&layout, out)?;
            }
            self.layout = Some(layout);
        }
        let rows = std::mem::take(&mut self.rows);
        if let Some(layout) = &self.layout {
            for row in &rows {
                self.write_row(layout, row, out)?;
            }
        }
        Ok(())
    }

    /// Says which columns had to go, if any had, once the table is written; a table without headings says nothing.
    pub fn tell_hidden(&self, out: &mut impl Write) -> io::Result<()> {
        let Some(layout) = &self.layout else { return Ok(()) };
        let columns = self.columns.iter().zip(layout.shown.iter().zip(&layout.unused));
        let hidden: Vec<_> =
            columns.filter(|(_, (shown, unused))| !**shown && !**unused).map(|(column, _)| column.title).collect();
        let (true, Some(width)) = (self.titled && !hidden.is_empty(), self.style.width) else { return Ok(()) };
        let text = format!("({} left out at {width} columns; --width shows more)", listed(&hidden));
        for line in fold(&text, " ", Some(width), 1) {
            writeln!(out, "{}", self.style.paint(Tone::Faint, &line))?;
        }
        Ok(())
    }

    fn text(&self, cell: &Cell, columns: usize) -> String {
        match cell {
            Cell::Text(text, _) => self.style.glyphs(text).into_owned(),
            Cell::Ends(ends) => ends.cut(columns, self.arrow, self.dots),
            Cell::Cut(text) => cut(&self.style.glyphs(text), columns, self.dots),
        }
    }

    /// Natural and least width of each column.
    fn needs(&self) -> Vec<(usize, usize)> {
        let mut needs: Vec<_> = self
            .columns
            .iter()
            .map(|c| {
                let title = width(&self.style.glyphs(c.title));
                (title, title)
            })
            .collect();
        for row in &self.rows {
            for (need, cell) in needs.iter_mut().zip(&row.cells) {
                let full = width(&self.text(cell, usize::MAX));
                let least = match cell {
                    Cell::Ends(ends) => ends.least(self.arrow, self.dots),
                    Cell::Cut(_) => full.min(CUT),
                    Cell::Text(..) => full,
                };
                *need = (need.0.max(full), need.1.max(least));
            }
        }
        needs
    }

    /// Finds the widest form that fits.
    fn settle(&self) -> Layout {
        let needs = self.needs();
        let is_unused = |(at, column): (usize, &Column)| {
            column.optional && self.rows.iter().all(|row| row.cells.get(at).is_none_or(Cell::is_empty))
        };
        let unused: Vec<bool> = self.columns.iter().enumerate().map(is_unused).collect();
        let mut shown: Vec<bool> = unused.iter().map(|unused| !unused).collect();
        let natural = |shown: &[bool], gap: usize| Layout {
            widths: needs.iter().map(|n| n.0).collect(),
            shown: shown.to_vec(),
            unused: unused.clone(),
            gap,
            tail_in_row: false,
        };
        let Some(limit) = self.style.width else {
            return Layout { tail_in_row: true, ..natural(&shown, 2) };
        };
        let mut drops: Vec<_> = self.columns.iter().filter_map(|c| c.drop).collect();
        drops.sort_unstable();
        drops.dedup();
        let mut drops = drops.into_iter();
        loop {
            for gap in [2, 1] {
                let mut layout = natural(&shown, gap);
                if layout.total() <= limit {
                    layout.tail_in_row = layout.total() + gap + self.widest_tail() <= limit;
                    return layout;
                }
            }
            let mut tight = natural(&shown, 1);
            if tight.shrink(&needs, limit) {
                return tight;
            }
            match drops.next() {
                Some(order) => {
                    for (shown, column) in shown.iter_mut().zip(self.columns) {
                        *shown &= column.drop != Some(order);
                    }
                }
                // Nothing more to give: the terminal folds the lines.
                None => return tight,
            }
        }
    }

    fn widest_tail(&self) -> usize {
        let tails = self.rows.iter().map(|r| width(&self.style.glyphs(&r.tail)));
        tails.max().unwrap_or(0).max(width(self.tail_title))
    }

    fn write_titles(&self, layout: &Layout, out: &mut impl Write) -> io::Result<()> {
        let cells: Vec<_> = self.columns.iter().map(|c| Cell::Text(c.title.to_owned(), Tone::Heading)).collect();
        let mut line = self.line(layout, &cells);
        if layout.tail_in_row && self.rows.iter().any(|r| !r.tail.is_empty()) {
            line.pad(layout.gap);
            line.push(&self.style.paint(Tone::Heading, self.tail_title));
        }
        writeln!(out, "{}", line.text)
    }

    fn write_row(&self, layout: &Layout, row: &Row, out: &mut impl Write) -> io::Result<()> {
        let mut line = self.line(layout, &row.cells);
        let tail = self.style.glyphs(&row.tail);
        if layout.tail_in_row && !tail.is_empty() {
            line.pad(layout.gap);
            line.push(&tail);
        }
        writeln!(out, "{}", line.text)?;
        let indent = layout.widths.first().map_or(0, |w| w + layout.gap);
        if !layout.tail_in_row && !tail.is_empty() {
            writeln!(out, "{:indent$}{tail}", "")?;
        }
        let limit = self.style.width.map(|w| w.saturating_sub(indent));
        for text in row.below.iter().flat_map(|text| fold(text, " · ", limit, 2)) {
            writeln!(out, "{:indent$}{}", "", self.style.glyphs(&text))?;
        }
        Ok(())
    }

    /// The cells side by side. Blanks are added only before the next text, so that no line ends in them.
    fn line(&self, layout: &Layout, cells: &[Cell]) -> Line {
        let mut line = Line::default();
        let mut first = true;
        for (i, column) in self.columns.iter().enumerate() {
            if !layout.shown[i] {
                continue;
            }
            if !std::mem::take(&mut first) {
                line.pad(layout.gap);
            }
            let Some(cell) = cells.get(i) else {
                line.pad(layout.widths[i]);
                continue;
            };
            let text = self.text(cell, layout.widths[i]);
            let fill = layout.widths[i].saturating_sub(width(&text));
            let tone = if let Cell::Text(_, tone) = cell { *tone } else { Tone::Plain };
            let (before, after) = if column.align == Align::Right { (fill, 0) } else { (0, fill) };
            line.pad(before);
            line.push(&self.style.paint(tone, &text));
            line.pad(after);
        }
        line
    }
}

/// The front of a text, where all of it is too wide.
fn cut(text: &str, columns: usize, dots: &str) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut front = String::new();
    for c in text.chars() {
        front.push(c);
        if width(&front) + width(dots) > columns {
            front.pop();
            break;
        }
    }
    front + dots
}

/// `A`, `A and B`, `A, B and C`.
fn listed(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

impl Layout {
    /// Columns of a row without its tail.
    fn total(&self) -> usize {
        let widths = self.widths.iter().zip(&self.shown).filter(|(_, shown)| **shown).map(|(w, _)| *w + self.gap);
        widths.sum::<usize>().saturating_sub(self.gap)
    }

    /// Takes from the columns that can give until the row fits; does it?
    fn shrink(&mut self, needs: &[(usize, usize)], limit: usize) -> bool {
        for (i, &(full, least)) in needs.iter().enumerate() {
            let excess = self.total().saturating_sub(limit);
            if self.shown[i] {
                self.widths[i] = full - excess.min(full - least);
            }
        }
        self.total() <= limit
    }
}

/// A line under construction.
#[derive(Default)]
struct Line {
    text: String,
    blanks: usize,
}

impl Line {
    fn pad(&mut self, blanks: usize) {
        self.blanks += blanks;
    }

    fn push(&mut self, text: &str) {
        if !text.is_empty() {
            self.text.extend(std::iter::repeat_n(' ', std::mem::take(&mut self.blanks)));
            self.text.push_str(text);
        }
    }
}

/// Breaks a line after separators so that each part fits; the parts after the first are indented.
pub(super) fn fold(text: &str, separator: &str, limit: Option<usize>, indent: usize) -> Vec<String> {
    let Some(limit) = limit.filter(|limit| width(text) > *limit) else {
        return vec![text.to_owned()];
    };
    let mut lines = Vec::new();
    let mut line = String::new();
    for part in text.split(separator) {
        if line.trim_start().is_empty() {
            // What the text starts with stays, its indentation included.
            if part.is_empty() {
                line.push_str(separator);
            }
            line.push_str(part);
        } else if width(&line) + width(separator) + width(part) <= limit {
            line.push_str(separator);
            line.push_str(part);
        } else {
            line.push_str(separator.trim_end());
            lines.push(std::mem::replace(&mut line, format!("{:indent$}{part}", "")));
        }
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    const THREE: &[Column] =
        &[Column::new("NAME", Align::Left), Column::new("SIZE", Align::Right), Column::new("NOTE", Align::Left).dropped(1)];

    fn text(style: Style, batch: usize, rows: &[[&str; 3]]) -> String {
        let mut out = Vec::new();
        let mut table = Table::new(THREE, "", style, batch);
        for row in rows {
            let cells = row.iter().map(|t| Cell::plain(*t)).collect();
            table.push(Row { cells, ..Row::default() }, &mut out).unwrap();
        }
        table.flush(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn columns_line_up_and_no_line_ends_in_blanks() {
        let rows = [["a", "12", ""], ["long name", "3", "x → y"]];
        assert_eq!(text(Style::default(), usize::MAX, &rows), "NAME       SIZE  NOTE\na            12\nlong name     3  x → y\n");
        let ascii = Style { ascii: true, ..Style::default() };
        assert!(text(ascii, usize::MAX, &rows).ends_with("  x -> y\n"));
    }

    #[test]
    fn a_table_without_rows_is_nothing() {
        assert_eq!(text(Style::default(), usize::MAX, &[]), "");
    }

    #[test]
    fn a_stream_keeps_the_widths_of_its_first_rows() {
        let rows = [["a", "1", ""], ["b", "2", ""], ["much longer", "333333", ""]];
        assert_eq!(text(Style::default(), 2, &rows), "NAME  SIZE  NOTE\na        1\nb        2\nmuch longer  333333\n");
    }

    #[test]
    fn a_row_with_too_few_cells_is_a_short_row() {
        let mut out = Vec::new();
        let mut table = Table::new(THREE, "", Style::default(), 1);
        table.push(Row { cells: vec![Cell::plain("a")], ..Row::default() }, &mut out).unwrap();
        assert_eq!(out, b"NAME  SIZE  NOTE\na\n");
    }

    #[test]
    fn lines_are_folded_at_separators() {
        assert_eq!(fold("aa · bb · cc", " · ", None, 2), ["aa · bb · cc"]);
        assert_eq!(fold("aa · bb · cc", " · ", Some(8), 2), ["aa · bb ·", "  cc"]);
        // What has no separator stays whole.
        assert_eq!(fold("aaaaaaaaaaaa", " · ", Some(4), 2), ["aaaaaaaaaaaa"]);
        assert_eq!(fold("", " · ", Some(4), 2), [""]);
        assert_eq!(fold("  aa bb cc dd", " ", Some(7), 4), ["  aa bb", "    cc", "    dd"]);
    }
}
