//! Our part of a line: ` ; #2 c1 rtt 22.499ms`. Number of the packet in its file, flow, and what the packet changed.

use super::options::LineOptions;
use super::text::Text;
use crate::flow::{Change, FlowKind, Note};
use crate::model::{Frame, Span};

/// Writes our part.
pub(super) fn write(line: &mut Vec<u8>, frame: &Frame<'_>, note: &Note, options: &LineOptions) {
    line.text(" ; ");
    if options.many_sources {
        line.dec(u64::from(frame.source) + 1);
    }
    line.text("#");
    line.dec(frame.number);
    if let Some(flow) = note.flow {
        line.text(match flow.kind {
            FlowKind::Tcp => " c",
            FlowKind::Udp => " u",
            FlowKind::Icmp => " i",
            FlowKind::Sctp => " s",
            FlowKind::Other => " x",
        });
        line.dec(flow.number);
    }
    if let Some(change) = note.change {
        line.text(" ");
        write_change(line, change, options.ascii);
    }
}

fn write_change(line: &mut Vec<u8>, change: Change, ascii: bool) {
    match change {
        Change::State(state) => {
            let (words, arrow) = match state.word().split_once(['→', '←']) {
                Some((words, _)) if ascii => (words, if state.word().ends_with('→') { "->" } else { "<-" }),
                _ => (state.word(), ""),
            };
            line.text(words);
            line.text(arrow);
        }
        Change::SynRetry(count) => {
            line.text("SYN again (retry ");
            line.dec(count);
            line.text(")");
        }
        Change::SynAck(span) => {
            line.text("rtt ");
            milliseconds(line, span);
        }
        Change::IcmpError => line.text("ICMP error"),
        Change::ZeroWindow => line.text("zero window"),
        Change::WindowOpened => line.text("window open again"),
    }
}

/// `22.499ms`: milliseconds to the microsecond, whatever their size, so that columns can be compared and sorted.
fn milliseconds(line: &mut Vec<u8>, span: Span) {
    let micros = (span.nanos().unsigned_abs() + 500) / 1000;
    if span.nanos() < 0 {
        line.text("-");
    }
    line.dec(micros / 1000);
    line.text(".");
    line.dec_wide(micros % 1000, 3);
    line.text("ms");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::State;

    fn words(change: Change, ascii: bool) -> String {
        let mut line = Vec::new();
        write_change(&mut line, change, ascii);
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn changes_in_words() {
        assert_eq!(words(Change::State(State::Open), false), "open");
        assert_eq!(words(Change::State(State::ResetByResponder), false), "reset ←");
        assert_eq!(words(Change::State(State::ResetByResponder), true), "reset <-");
        assert_eq!(words(Change::State(State::ResetByOriginator), true), "reset ->");
        assert_eq!(words(Change::SynRetry(2), false), "SYN again (retry 2)");
        assert_eq!(words(Change::SynAck(Span::from_nanos(22_499_400)), false), "rtt 22.499ms");
        assert_eq!(words(Change::SynAck(Span::from_nanos(999_999_600)), false), "rtt 1000.000ms");
    }
}
