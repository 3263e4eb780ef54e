//! Rows for spreadsheets and scripts: csv (RFC 4180), tsv, and a Markdown table. Cells are text already; here they are
//! only kept apart.

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

/// Writes rows.
#[derive(Debug)]
pub struct Rows<W: Write> {
    out: W,
    form: Separated,
}

impl<W: Write> Rows<W> {
    /// Rows in this form.
    #[must_use]
    pub fn new(out: W, form: Separated) -> Self {
        Self { out, form }
    }

    /// Writes the names of the columns.
    pub fn header<'a>(&mut self, names: impl Iterator<Item = &'a str> + Clone) -> io::Result<()> {
        self.row(names.clone())?;
        if self.form == Separated::Markdown {
            self.out.write_all(b"|")?;
            for _ in names {
                self.out.write_all(b" --- |")?;
            }
            self.out.write_all(b"\n")?;
        }
        Ok(())
    }

    /// Writes a row.
    pub fn row<'a>(&mut self, cells: impl Iterator<Item = &'a str>) -> io::Result<()> {
        let out = &mut self.out;
        match self.form {
            Separated::Csv => {
                let (mut columns, mut empty) = (0, true);
                for cell in cells {
                    if columns > 0 {
                        out.write_all(b",")?;
                    }
                    quoted(out, cell)?;
                    columns += 1;
                    empty = cell.is_empty();
                }
                // An empty line would be no row at all.
                if columns == 1 && empty {
                    out.write_all(b"\"\"")?;
                }
            }
            Separated::Markdown => {
                out.write_all(b"|")?;
                for cell in cells {
                    out.write_all(b" ")?;
                    escaped(out, cell, |b| if b == b'|' { Some("\\|") } else { line_break(b, " ", " ") })?;
                    out.write_all(b" |")?;
                }
            }
            Separated::Tsv => {
                for (i, cell) in cells.enumerate() {
                    if i > 0 {
                        out.write_all(b"\t")?;
                    }
                    escaped(out, cell, |b| match b {
                        b'\t' => Some("\\t"),
                        b'\\' => Some("\\\\"),
                        b => line_break(b, "\\n", "\\r"),
                    })?;
                }
            }
        }
        out.write_all(b"\n")
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

/// Writes a cell of a csv row: in quotes only where it must be (RFC 4180, section 2, rules 6 and 7).
fn quoted(out: &mut impl Write, cell: &str) -> io::Result<()> {
    if !cell.bytes().any(|b| matches!(b, b',' | b'"' | b'\n' | b'\r')) {
        return out.write_all(cell.as_bytes());
    }
    out.write_all(b"\"")?;
    escaped(out, cell, |b| (b == b'"').then_some("\"\""))?;
    out.write_all(b"\"")
}

const fn line_break(byte: u8, new_line: &'static str, carriage_return: &'static str) -> Option<&'static str> {
    match byte {
        b'\n' => Some(new_line),
        b'\r' => Some(carriage_return),
        _ => None,
    }
}

/// Writes a cell with some of its (ASCII) bytes replaced.
fn escaped(out: &mut impl Write, cell: &str, replaced: impl Fn(u8) -> Option<&'static str>) -> io::Result<()> {
    let mut rest = cell.as_bytes();
    while let Some(at) = rest.iter().position(|b| replaced(*b).is_some()) {
        out.write_all(&rest[..at])?;
        out.write_all(replaced(rest[at]).unwrap_or_default().as_bytes())?;
        rest = &rest[at + 1..];
    }
    out.write_all(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(form: Separated, rows: &[Vec<String>]) -> String {
        let mut writer = Rows::new(Vec::new(), form);
        writer.header(["a", "b"].into_iter()).unwrap();
        for row in rows {
            writer.row(row.iter().map(String::as_str)).unwrap();
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
        rows.row([""].into_iter()).unwrap();
        rows.row(["", ""].into_iter()).unwrap();
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
            let error = rows.row(["x"].into_iter()).and_then(|()| rows.flush()).unwrap_err();
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
