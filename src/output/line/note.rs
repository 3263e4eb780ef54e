//! Our part of a line: ` ; #2 c1 rtt 22.499ms`. Number of the packet in its file, the interface (`#2 eth0 c1`) where there are several, flow, what the packet changed, and what it
//! is if it is not the next one expected: ` ; #394 c3 resent (hole #219, 70.7ms old, IP id newer): sure`. Then what the
//! capture dropped before it, and with `-v` what it left to a network card.

use super::options::LineOptions;
use crate::flow::{Change, Confidence, Evidence, Note, Verdict, VerdictKind};
use crate::model::{Frame, FrameMarks, Span};
use crate::output::interface_names::InterfaceNames;
use crate::output::text::Text;

/// Writes our part up to where the words of a verdict belong.
pub(super) fn write_start(
    line: &mut Vec<u8>,
    frame: &Frame<'_>,
    note: &Note,
    interfaces: &InterfaceNames,
    options: &LineOptions,
) {
    line.text(" ; ");
    write_number(line, frame.source, frame.number, options.many_sources);
    if interfaces.several(frame.source) {
        line.text(" ");
        if let Some(name) = interfaces.get(frame.source, frame.interface) {
            line.text(name);
        } else {
            line.text("interface ");
            line.dec(u64::from(frame.interface));
        }
    }
    if let Some(flow) = note.flow {
        line.push(b' ');
        line.flow_id(flow);
    }
    if let Some(change) = told_change(note) {
        line.text(" ");
        write_change(line, change, options.ascii);
    }
}

/// What the packet changed, as far as it is told.
fn told_change(note: &Note) -> Option<Change> {
    // Of a SYN that came before the verdict tells more, and another if it is a copy.
    note.change.filter(|change| note.verdict.is_none() || !matches!(change, Change::SynRetry(_)))
}

/// Writes the words of the verdict, if there is one, in the place that [`write_start`] has come to.
pub(super) fn write_opinion(line: &mut Vec<u8>, note: &Note, options: &LineOptions) {
    if let Some(verdict) = &note.verdict {
        line.text(if told_change(note).is_some() { ", " } else { " " });
        let retry = match note.change {
            Some(Change::SynRetry(count)) if verdict.kind.is_resent() => Some(count),
            _ => None,
        };
        write_verdict(line, verdict, retry, options.many_sources);
    }
}

/// What the capturing system says of the frame.
pub(super) fn write_marks(line: &mut Vec<u8>, marks: FrameMarks, options: &LineOptions) {
    if marks.dropped_before > 0 {
        line.text(", the capture dropped ");
        line.dec(marks.dropped_before);
        line.text(if marks.dropped_before == 1 { " packet before it" } else { " packets before it" });
    }
    if options.verbosity == 0 {
        return;
    }
    // The checksum before this looks wrong and is not.
    if marks.checksum_pending && !options.no_checksums {
        line.text(", checksum left to the card");
    }
    if marks.gso {
        line.text(", segments not yet cut or already joined");
    }
}

/// `#2`, or `1#2` where there are several sources.
fn write_number(line: &mut Vec<u8>, source: u16, number: u64, many_sources: bool) {
    if many_sources {
        line.dec(u64::from(source) + 1);
    }
    line.text("#");
    line.dec(number);
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

/// The verdict's word (of a SYN sent again, which attempt it is), what it rests on, how sure it is, and whether it may change.
fn write_verdict(line: &mut Vec<u8>, verdict: &Verdict, retry: Option<u32>, many_sources: bool) {
    line.text(match verdict.kind {
        _ if retry.is_some() => "SYN again",
        VerdictKind::Resent => "resent",
        VerdictKind::Spurious => "resent needlessly",
        VerdictKind::Reordered => "reordered",
        VerdictKind::Duplicate => "duplicate",
        VerdictKind::KeepAlive => "keep-alive",
        VerdictKind::WindowProbe => "zero-window probe",
        VerdictKind::Unsure => "unsure",
    });
    let probe = matches!(verdict.kind, VerdictKind::KeepAlive | VerdictKind::WindowProbe);
    if !probe {
        write_reasons(line, verdict, retry, many_sources);
    }
    let words = match verdict.confidence {
        Some(Confidence::Sure) if probe => None,
        Some(Confidence::Sure) => Some("sure"),
        Some(Confidence::Likely) => Some("likely"),
        None => None,
    };
    let provisional = (!verdict.settled).then_some("provisional");
    for (words, before) in words.into_iter().chain(provisional).zip([": ", ", "]) {
        line.text(before);
        line.text(words);
    }
}

/// ` (hole #219, 70.7ms old, IP id newer)`: what it was compared with, and the evidence.
fn write_reasons(line: &mut Vec<u8>, verdict: &Verdict, retry: Option<u32>, many_sources: bool) {
    let mut before = " (";
    let mut comma = |line: &mut Vec<u8>| line.text(std::mem::replace(&mut before, ", "));
    let (lead, after) = leading(verdict);
    if let Some(count) = retry {
        comma(line);
        line.text("retry ");
        line.dec(count);
    }
    if let Some((source, number)) = verdict.against {
        comma(line);
        line.text(lead);
        write_number(line, source, number, many_sources);
    }
    if let Some(age) = verdict.age {
        comma(line);
        short(line, age);
        line.text(after);
    }
    if verdict.segments > 1 {
        comma(line);
        line.dec(u64::from(verdict.segments));
        line.text(" segments");
    }
    // What the lead says is not said twice.
    let told = if verdict.against.is_some() { TOLD } else { Evidence::NONE };
    for words in Evidence(verdict.evidence.0 & !told.0).words() {
        comma(line);
        line.text(words);
    }
    if before == ", " {
        line.text(")");
    }
}

/// Evidence that [`leading`] puts in words.
const TOLD: Evidence = Evidence::FILLS_HOLE.and(Evidence::SEEN_BEFORE).and(Evidence::SYN_AGAIN);

/// How the packet compared with is called, and what follows the time since then.
const fn leading(verdict: &Verdict) -> (&'static str, &'static str) {
    match verdict.kind {
        VerdictKind::Duplicate => ("of ", " later"),
        VerdictKind::Reordered => ("overtaken by ", " late"),
        _ if verdict.evidence.has(Evidence::FILLS_HOLE) => ("hole ", " old"),
        _ if verdict.evidence.has(Evidence::SYN_AGAIN) => ("same SYN as ", " ago"),
        _ => ("seen before as ", " ago"),
    }
}

/// `0.118ms`, `70.7ms`, `4.13s`: as short as a reader needs it.
fn short(line: &mut Vec<u8>, span: Span) {
    let micros = (span.nanos().unsigned_abs() + 500) / 1000;
    if span.nanos() < 0 {
        line.text("-");
    }
    let (whole, part, digits, unit) = match micros {
        0..10_000 => (micros / 1000, micros % 1000, 3, "ms"),
        10_000..999_950 => ((micros + 50) / 1000, (micros + 50) % 1000 / 100, 1, "ms"),
        _ => ((micros + 5000) / 1_000_000, (micros + 5000) % 1_000_000 / 10_000, 2, "s"),
    };
    line.dec(whole);
    line.text(".");
    line.dec_wide(part, digits);
    line.text(unit);
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
    use crate::model::{LinkType, Timestamp};

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

    fn said(verdict: Verdict) -> String {
        let mut line = Vec::new();
        write_verdict(&mut line, &verdict, None, false);
        String::from_utf8(line).unwrap()
    }

    fn verdict(kind: VerdictKind, confidence: Option<Confidence>, evidence: Evidence) -> Verdict {
        let age = Some(Span::from_nanos(70_736_160));
        Verdict { kind, confidence, evidence, against: Some((0, 219)), age, segments: 1, settled: true }
    }

    #[test]
    fn verdicts_in_words() {
        use Confidence::{Likely, Sure};
        use VerdictKind::{Duplicate, KeepAlive, Reordered, Resent, Spurious, Unsure, WindowProbe};
        let hole = Evidence::FILLS_HOLE.and(Evidence::ID_NEWER);
        assert_eq!(said(verdict(Resent, Some(Sure), hole)), "resent (hole #219, 70.7ms old, IP id newer): sure");
        let merged = Verdict { segments: 3, ..verdict(Resent, Some(Sure), Evidence::SEEN_BEFORE.and(Evidence::TS_NEWER)) };
        assert_eq!(said(merged), "resent (seen before as #219, 70.7ms ago, 3 segments, timestamp newer): sure");
        let open = Verdict { settled: false, ..verdict(Resent, Some(Likely), Evidence::FILLS_HOLE.and(Evidence::AGE)) };
        assert_eq!(said(open), "resent (hole #219, 70.7ms old, by its age): likely, provisional");
        let needless = verdict(Spurious, Some(Sure), Evidence::SEEN_BEFORE.and(Evidence::ACKED));
        assert_eq!(said(needless), "resent needlessly (seen before as #219, 70.7ms ago, already acknowledged): sure");
        let late = verdict(Reordered, Some(Sure), Evidence::FILLS_HOLE.and(Evidence::ID_OLDER));
        assert_eq!(said(late), "reordered (overtaken by #219, 70.7ms late, IP id older): sure");
        let copy = verdict(Duplicate, Some(Sure), Evidence::SEEN_BEFORE.and(Evidence::ID_EQUAL));
        assert_eq!(said(copy), "duplicate (of #219, 70.7ms later, IP id equal): sure");
        let bare = Verdict { against: None, age: None, ..verdict(Unsure, None, Evidence::FORGOTTEN) };
        assert_eq!(said(bare), "unsure (too long ago)");
        assert_eq!(said(Verdict { settled: false, evidence: Evidence::NONE, ..bare }), "unsure: provisional");
        assert_eq!(said(verdict(WindowProbe, Some(Sure), Evidence::WINDOW_SHUT)), "zero-window probe");
        let mut line = Vec::new();
        write_verdict(
            &mut line,
            &Verdict { against: Some((1, 4)), ..verdict(Duplicate, Some(Sure), Evidence::ID_EQUAL) },
            None,
            true,
        );
        assert_eq!(String::from_utf8(line).unwrap(), "duplicate (of 2#4, 70.7ms later, IP id equal): sure");
        assert_eq!(said(verdict(KeepAlive, Some(Likely), Evidence::BELOW_WINDOW)), "keep-alive: likely");
    }

    #[test]
    fn a_syn_sent_again_is_told_once() {
        let frame = Frame {
            number: 8,
            source: 0,
            interface: 0,
            ts: Timestamp::default(),
            link: LinkType::RAW,
            wire_len: 0,
            bytes: &[],
            direction: None,
            options: None,
            marks: crate::model::FrameMarks::NONE,
        };
        let told = |kind, evidence| {
            let verdict = Some(verdict(kind, Some(Confidence::Sure), evidence));
            let note = Note { change: Some(Change::SynRetry(2)), verdict, ..Note::default() };
            let mut line = Vec::new();
            let options = LineOptions::default();
            write_start(&mut line, &frame, &note, &InterfaceNames::default(), &options);
            write_opinion(&mut line, &note, &options);
            write_marks(&mut line, frame.marks, &options);
            String::from_utf8(line).unwrap()
        };
        let again = told(VerdictKind::Resent, Evidence::SYN_AGAIN);
        assert_eq!(again, " ; #8 SYN again (retry 2, same SYN as #219, 70.7ms ago): sure");
        let copy = told(VerdictKind::Duplicate, Evidence::SYN_AGAIN.and(Evidence::ID_EQUAL));
        assert_eq!(copy, " ; #8 duplicate (of #219, 70.7ms later, IP id equal): sure");
    }

    #[test]
    fn marks_of_the_capture_come_last() {
        let said = |marks, verbosity, no_checksums| {
            let mut line = Vec::new();
            write_marks(&mut line, marks, &LineOptions { verbosity, no_checksums, ..LineOptions::default() });
            String::from_utf8(line).unwrap()
        };
        let drops = |dropped_before| FrameMarks { dropped_before, ..FrameMarks::NONE };
        assert_eq!(said(FrameMarks::NONE, 3, false), "");
        assert_eq!(said(drops(1), 0, false), ", the capture dropped 1 packet before it");
        assert_eq!(said(drops(18_220), 0, false), ", the capture dropped 18220 packets before it");
        let card = FrameMarks { checksum_pending: true, gso: true, ..FrameMarks::NONE };
        assert_eq!(said(card, 0, false), "");
        assert_eq!(said(card, 1, false), ", checksum left to the card, segments not yet cut or already joined");
        assert_eq!(said(card, 1, true), ", segments not yet cut or already joined");
    }

    #[test]
    fn times_are_as_short_as_they_can_be_read() {
        for (nanos, text) in [
            (0, "0.000ms"),
            (118_400, "0.118ms"),
            (9_999_400, "9.999ms"),
            (9_999_600, "10.0ms"),
            (70_750_000, "70.8ms"),
            (999_949_000, "999.9ms"),
            (999_951_000, "1.00s"),
            (4_131_983_006, "4.13s"),
            (-2_000_000, "-2.000ms"),
            (i64::MIN, "-9223372036.85s"),
        ] {
            let mut line = Vec::new();
            short(&mut line, Span::from_nanos(nanos));
            assert_eq!(String::from_utf8(line).unwrap(), text);
        }
    }
}
