//! Bytes of a packet after its line: hex, hex and ASCII, or text.

use super::options::{HexMode, LineOptions};
use crate::output::text::Text;

const PER_LINE: usize = 16;

/// Writes the dump that the options ask for. `header` bytes of the frame belong to the link layer.
pub(super) fn dump(line: &mut Vec<u8>, options: &LineOptions, frame: &[u8], header: usize) {
    let inner = frame.get(header..).unwrap_or_default();
    match options.hex {
        HexMode::Hex if !inner.is_empty() => hex(line, "\n\t", inner),
        HexMode::HexLink => hex(line, "\n\t", frame),
        HexMode::HexAscii if !inner.is_empty() => hex_ascii(line, "\n\t", inner),
        HexMode::HexAsciiLink => hex_ascii(line, "\n\t", frame),
        HexMode::Ascii if !inner.is_empty() => text(line, inner),
        HexMode::AsciiLink => text(line, frame),
        HexMode::None | HexMode::Hex | HexMode::HexAscii | HexMode::Ascii => {}
    }
}

/// Rows of sixteen bytes in hex, each after `indent` and its offset.
pub(super) fn hex(line: &mut Vec<u8>, indent: &str, bytes: &[u8]) {
    for (i, row) in bytes.chunks(PER_LINE).enumerate() {
        row_start(line, indent, i);
        pairs(line, row);
    }
}

/// Rows of sixteen bytes in hex, and beside them those that are printable ASCII.
pub(super) fn hex_ascii(line: &mut Vec<u8>, indent: &str, bytes: &[u8]) {
    for (i, row) in bytes.chunks(PER_LINE).enumerate() {
        row_start(line, indent, i);
        let start = line.len();
        pairs(line, row);
        line.resize(start + PER_LINE / 2 * 5 + 2, b' ');
        line.extend(row.iter().map(|b| if b.is_ascii_graphic() { *b } else { b'.' }));
    }
}

fn row_start(line: &mut Vec<u8>, indent: &str, row: usize) {
    line.text(indent);
    line.text("0x");
    line.hex_wide((row * PER_LINE) as u64, 4);
    line.text(": ");
}

fn pairs(line: &mut Vec<u8>, row: &[u8]) {
    for pair in row.chunks(2) {
        line.push(b' ');
        line.hex_bytes(pair);
    }
}

/// Bytes as text from a new line on: carriage returns are left out before line feeds and, as tcpdump does it, where fewer
/// than two bytes follow; everything else that is neither printable ASCII nor space, tab or line feed is a dot.
fn text(line: &mut Vec<u8>, bytes: &[u8]) {
    line.push(b'\n');
    for (i, &b) in bytes.iter().enumerate() {
        match b {
            b'\r' if i + 2 >= bytes.len() || bytes[i + 1] == b'\n' => {}
            b' ' | b'\t' | b'\n' => line.push(b),
            _ => line.push(if b.is_ascii_graphic() { b } else { b'.' }),
        }
    }
}
