//! Rows for spreadsheets and scripts: csv (RFC 4180), tsv, and a Markdown table. Cells are written one after the other into
//! a line; here they are only kept apart.

use super::style::is_plain;
use super::text::{Days, Text};
use std::io::{self, Write};

/// How cells are kept apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Separated {
    /// Commas; cells with commas, quotes or line breaks are quoted (RFC 4180). Lines end in `\n`.
    Csv,
    /// Tabs; a tab, line break or backslash in a cell is `\t`, `\n`, `\r`, `\\`.
    Tsv,
    /// A Markdown table.
    Markdown,
}

/// Writes rows: cells, then the [end](Self::end) of each row.
#[derive(Debug)]
pub struct Rows<W: Write> {
    out: W,
    form: Separated,
    /// The row that is made: before each cell, the first as well, what keeps it apart from the one before.
    line: Vec<u8>,
    days: Days,
}

impl<W: Write> Rows<W> {
    /// Rows in this form.
    #[must_use]
    pub fn new(out: W, form: Separated) -> Self {
        Self { out, form, line: Vec::with_capacity(1024), days: Days::default() }
    }

    /// Writes the names of the columns.
    pub fn header<'a>(&mut self, names: impl Iterator<Item = &'a str> + Clone) -> io::Result<()> {
        names.clone().for_each(|name| self.text(name));
        self.end()?;
        if self.form == Separated::Markdown {
            names.for_each(|_| self.plain().text("---"));
            self.end()?;
        }
        Ok(())
    }

    /// Begins a cell of numbers, addresses and words that have no character with a meaning in any of the forms: nothing of it is
    /// looked at. They are to be appended to what comes back.
    #[inline]
    pub(super) fn plain(&mut self) -> &mut Vec<u8> {
        match self.form {
            Separated::Csv => self.line.push(b','),
            Separated::Tsv => self.line.push(b'\t'),
            Separated::Markdown => self.line.text(" | "),
        }
        &mut self.line
    }

    /// The same of cells with moments in them.
    pub(super) fn dated(&mut self) -> (&mut Vec<u8>, &mut Days) {
        self.plain();
        (&mut self.line, &mut self.days)
    }

    pub(super) const fn form(&self) -> Separated {
        self.form
    }

    /// The line and the calendar for who writes cells without a call for each: before each, the first as well, the byte that comes
    /// with them. None of Markdown, where it is no single byte.
    pub(super) const fn parts(&mut self) -> Option<(&mut Vec<u8>, &mut Days, Separated, u8)> {
        let between = match self.form {
            Separated::Csv => b',',
            Separated::Tsv => b'\t',
            Separated::Markdown => return None,
        };
        Some((&mut self.line, &mut self.days, self.form, between))
    }

    /// Writes any text as the next cell.
    pub fn text(&mut self, cell: &str) {
        let form = self.form;
        push_text(self.plain(), form, cell);
    }

    /// Ends a row and writes it in one piece.
    pub fn end(&mut self) -> io::Result<()> {
        match self.form {
            // One empty cell: an empty line would be no row at all.
            Separated::Csv if self.line == b"," => self.line.text("\"\"\n"),
            Separated::Markdown => self.line.text(" |\n"),
            Separated::Csv | Separated::Tsv => self.line.text("\n"),
        }
        // Nothing is before the first cell, and Markdown's bar without the blank.
        let written = self.out.write_all(self.line.get(1..).unwrap_or_default());
        self.line.clear();
        written
    }

    /// The writer. Rows in it are whole.
    pub const fn get_mut(&mut self) -> &mut W {
        &mut self.out
    }

    /// Hands on what is buffered.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// The writer, flushed; an error of that flush comes back.
    pub fn into_inner(mut self) -> io::Result<W> {
        self.out.flush().map(|()| self.out)
    }
}

/// Appends any text as a cell.
pub(super) fn push_text(line: &mut Vec<u8>, form: Separated, cell: &str) {
    if is_plain(cell, |b| matches!(b, b',' | b'"' | b'|' | b'\\')) {
        return line.text(cell);
    }
    match form {
        Separated::Csv => quoted(line, cell),
        Separated::Markdown => escaped(line, cell, |b| if b == b'|' { Some("\\|") } else { line_break(b, " ", " ") }),
        Separated::Tsv => escaped(line, cell, |b| match b {
            b'\t' => Some("\\t"),
            b'\\' => Some("\\\\"),
            b => line_break(b, "\\n", "\\r"),
        }),
    }
}

/// Appends a cell of a csv row: in quotes only where it must be (RFC 4180, section 2, rules 6 and 7).
fn quoted(line: &mut Vec<u8>, cell: &str) {
    if !cell.bytes().any(|b| matches!(b, b',' | b'"' | b'\n' | b'\r')) {
        return line.text(cell);
    }
    line.push(b'"');
    escaped(line, cell, |b| (b == b'"').then_some("\"\""));
    line.push(b'"');
}

const fn line_break(byte: u8, new_line: &'static str, carriage_return: &'static str) -> Option<&'static str> {
    match byte {
        b'\n' => Some(new_line),
        b'\r' => Some(carriage_return),
        _ => None,
    }
}

/// Appends a cell with some of its (ASCII) bytes replaced.
fn escaped(line: &mut Vec<u8>, cell: &str, replaced: impl Fn(u8) -> Option<&'static str>) {
    for &byte in cell.as_bytes() {
        match replaced(byte) {
            Some(other) => line.text(other),
            None => line.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(form: Separated, rows: &[Vec<String>]) -> String {
        let mut writer = Rows::new(Vec::new(), form);
        writer.header(["a", "b"].into_iter()).unwrap();
        for row in rows {
            for cell in row {
                writer.text(cell);
            }
            writer.end().unwrap();
        }
        String::from_utf8(writer.into_inner().unwrap()).unwrap()
    }

    #[test]
    fn odd_cells_stay_cells() {
        let rows = [vec!["x,\"y\"|\\".to_owned(), "tab\there\nand\r".to_owned()], vec![String::new(), "1".to_owned()]];
        assert_eq!(written(Separated::Csv, &rows), "a,b\n\"x,\"\"y\"\"|\\\",\"tab\there\nand\r\"\n,1\n");
        assert_eq!(written(Separated::Tsv, &rows), "a\tb\nx,\"y\"|\\\\\ttab\\there\\nand\\r\n\t1\n");
        assert_eq!(
            written(Separated::Markdown, &rows),
            "| a | b |\n| --- | --- |\n| x,\"y\"\\|\\ | tab\there and  |\n|  | 1 |\n"
        );
    }

    #[test]
    fn a_row_of_one_empty_cell_is_a_row() {
        let mut rows = Rows::new(Vec::new(), Separated::Csv);
        rows.text("");
        rows.end().unwrap();
        rows.text("");
        rows.text("");
        rows.end().unwrap();
        assert_eq!(rows.into_inner().unwrap(), b"\"\"\n,\n");
    }

    #[test]
    fn a_closed_pipe_is_known_as_one() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        for form in [Separated::Csv, Separated::Tsv] {
            let mut rows = Rows::new(Closed, form);
            rows.text("x");
            let error = rows.end().and_then(|()| rows.flush()).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        }
    }

    proptest! {
        #[test]
        fn csv_comes_back_from_a_reader(rows in prop::collection::vec(prop::collection::vec("[a\\-,\"\r\n]{0,4}|\\PC*", 2), 0..5)) {
            let text = written(Separated::Csv, &rows);
            let mut reader = csv::Reader::from_reader(text.as_bytes());
            let back: Vec<Vec<String>> = reader.records().map(|r| r.unwrap().iter().map(str::to_owned).collect()).collect();
            prop_assert_eq!(back, rows);
        }

        #[test]
        fn tsv_has_a_line_a_row_and_a_tab_a_gap(rows in prop::collection::vec(prop::collection::vec(any::<String>(), 2), 0..5)) {
            let text = written(Separated::Tsv, &rows);
            prop_assert_eq!(text.split('\n').count(), rows.len() + 2);
            prop_assert!(text.split_terminator('\n').all(|line| line.matches('\t').count() == 1));
        }
    }
}
