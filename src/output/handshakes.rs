//! `sockeye handshakes` for people: a row for every attempt to connect, with the packets that are its evidence. With
//! more detail a second line tells the times of each step and what was offered and agreed.
//!
//! Live, rows come when the outcome is known, and again, marked as an update, should it change. Of a file each attempt has
//! one row, with the outcome that it had in the end.

use super::ends::Ends;
use super::host_names::HostNames;
use super::style::{Style, Tone};
use super::summary::{is_piece, round_trip};
use super::table::{Align, Cell, Column, Row, Table};
use super::units::{self, duration, duration_tight, packet_number};
use crate::event::{Event, Keep, Sink};
use crate::flow::{FlowId, FlowRecord, Handshake, Outcome, State};
use crate::model::{Span, Timestamp};
use std::collections::HashMap;
use std::io::{self, Write};

/// Rows that are held back to find the widths of the columns.
const BATCH: usize = 200;

/// How to show attempts.
#[derive(Clone, Copy, Debug, Default)]
pub struct HandshakesConfig {
    /// What the reader's terminal can do.
    pub style: Style,
    /// Times and options on a second line (`-v`).
    pub verbose: bool,
    /// No headings (`-q`).
    pub quiet: bool,
}

/// Writes the table of attempts.
#[derive(Debug)]
pub struct HandshakesSink<W> {
    out: W,
    config: HandshakesConfig,
    table: Table,
    told: Told,
    /// Numbers of packets are told with their file.
    several: bool,
    attempts: u64,
}

/// Outcomes told of flows that go on: as many as there are such flows.
#[derive(Debug, Default)]
pub(super) struct Told(HashMap<FlowId, Outcome>);

impl Told {
    /// Is this event one by which to tell of an attempt? Its outcome is told when it is known, and again where it changes
    /// (a host that was unreachable answers the next SYN after all).
    ///
    /// With it comes the outcome that was told before, if any.
    pub(super) fn due<'a>(&mut self, event: &Event<'a>) -> Option<(&'a FlowRecord, &'a Handshake, Option<Outcome>)> {
        let (Event::Handshake(record) | Event::Flow(record)) = event else { return None };
        // Set up before the capture: nothing was attempted here.
        let handshake = record.handshake.as_ref().filter(|h| h.outcome != Outcome::Midway)?;
        let before = match event {
            Event::Handshake(_) => self.0.insert(record.id, handshake.outcome),
            _ => self.0.remove(&record.id),
        };
        if before == Some(handshake.outcome) { None } else { Some((record, handshake, before)) }
    }
}

const COLUMNS: &[Column] = &[
    Column::new("ID", Align::Left),
    Column::new("OUTCOME", Align::Left),
    Column::new("CLIENT → SERVER", Align::Left),
    Column::new("SYNS", Align::Right).dropped(2),
    Column::new("RTT", Align::Right),
    Column::new("SRV LEG", Align::Right).dropped(0),
    Column::new("CLI LEG", Align::Right).dropped(0),
    Column::new("PACKETS", Align::Left).dropped(3),
];

impl<W: Write> HandshakesSink<W> {
    /// A table that is written to `out`.
    #[must_use]
    pub fn new(out: W, config: HandshakesConfig) -> Self {
        let table = Table::new(COLUMNS, "EVIDENCE", config.style, BATCH).titled(!config.quiet);
        Self { out, config, table, told: Told::default(), several: false, attempts: 0 }
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

    /// Takes an event without writing: there is no room. Says whether a row was left out.
    pub fn skip(&mut self, event: &Event<'_>) -> bool {
        self.told.due(event).is_some()
    }

    /// Attempts told of so far, so that the caller can say that there were none.
    #[must_use]
    pub const fn attempts(&self) -> u64 {
        self.attempts
    }
}

impl<W: Write> Sink for HandshakesSink<W> {
    fn on_event(&mut self, event: &Event<'_>) -> io::Result<Keep> {
        if let Some((record, handshake, before)) = self.told.due(event) {
            self.attempts += u64::from(before.is_none());
            self.table.push(row(record, handshake, before, self.config.verbose, self.several), &mut self.out)?;
        }
        if let Event::Source { index, .. } = event {
            self.several |= *index > 0;
        }
        if let Event::Summary(_) = event {
            self.table.flush(&mut self.out)?;
            self.table.tell_hidden(&mut self.out)?;
            self.out.flush()?;
        }
        Ok(Keep::Going)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.table.flush(&mut self.out)?;
        self.out.flush()
    }
}

const fn came_about(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Established | Outcome::Simultaneous | Outcome::Split | Outcome::Midway)
}

/// The outcome in the words of the screens.
const fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Established => "established",
        Outcome::Refused => "refused",
        Outcome::Unreachable => "unreachable",
        Outcome::NoAnswer => "no answer",
        Outcome::HalfOpen => "half-open",
        Outcome::Simultaneous => "simultaneous",
        Outcome::Split => "split",
        Outcome::Midway => "midway",
    }
}

fn row(record: &FlowRecord, handshake: &Handshake, before: Option<Outcome>, verbose: bool, several: bool) -> Row {
    // The packets of an attempt bear no file: it is known where all of the conversation lies in one.
    let file = (several && record.first_packet.0 == record.last_packet.0).then_some(record.first_packet.0);
    let time = |span: Option<Span>| span.map_or_else(Cell::none, |s| Cell::plain(duration_tight(s)));
    // What came of it later is not known.
    let open =
        matches!(handshake.outcome, Outcome::NoAnswer | Outcome::HalfOpen) && is_piece(record) && handshake.refusal.is_none();
    let tone = match (came_about(handshake.outcome), open) {
        (true, _) => Tone::Plain,
        (false, true) => Tone::Faint,
        (false, false) => Tone::Bad,
    };
    let outcome = if open { format!("{}*", word(handshake.outcome)) } else { word(handshake.outcome).to_owned() };
    let cells = vec![
        Cell::plain(record.id.to_string()),
        Cell::Text(outcome, tone),
        Cell::Ends(Ends::of(record)),
        if handshake.syn.is_some() { Cell::plain((handshake.syn_retries + 1).to_string()) } else { Cell::none() },
        round_trip(record),
        time(handshake.rtt_responder),
        time(handshake.rtt_originator),
        Cell::plain(packets(handshake, file)),
    ];
    let below = if verbose { details(record, handshake, file) } else { Vec::new() };
    let mut tail = evidence(record, handshake, file);
    if let Some(before) = before {
        // Live, this attempt has a row already.
        let update = format!("was {}", word(before));
        tail = if tail.is_empty() { update } else { format!("{update}, {tail}") };
    }
    Row { cells, tail, below }
}

/// The packets that are the attempt: `#1 #2 #3`, `#10 #12`.
fn packets(h: &Handshake, file: Option<u16>) -> String {
    let steps = [h.syn, h.syn_ack, h.ack, h.refusal];
    let numbers: Vec<_> = steps.iter().flatten().map(|(number, _)| packet_number(file, *number)).collect();
    numbers.join(" ")
}

/// Why an attempt came out otherwise than usual, and by which packet: `#12 RST to the SYN`, `nothing came back in 11.3 s`.
fn evidence(record: &FlowRecord, h: &Handshake, file: Option<u16>) -> String {
    let mut words = Vec::new();
    match (h.refusal, h.icmp) {
        (Some((number, _)), Some((kind, code))) => {
            words.push(format!("{} {}", packet_number(file, number), icmp_words(record.originator.ip.is_ipv6(), kind, code)));
        }
        (Some((number, _)), None) => words.push(format!(
            "{} RST {}",
            packet_number(file, number),
            match (h.outcome, record.state) {
                (Outcome::HalfOpen, State::ResetByOriginator) => "by the client instead of the ACK",
                (Outcome::HalfOpen, _) => "by the server before the ACK",
                _ => "to the SYN",
            }
        )),
        (None, _) => {}
    }
    match h.outcome {
        // What came of it is not known, nor how long it was waited for.
        Outcome::NoAnswer | Outcome::HalfOpen if is_piece(record) && h.refusal.is_none() => {
            words.push("given out early for want of room".to_owned());
        }
        Outcome::NoAnswer if record.end == record.start => words.push("the capture ends with the SYN".to_owned()),
        Outcome::NoAnswer => words.push(format!("nothing came back in {}", waited(record, h))),
        Outcome::HalfOpen if h.refusal.is_some() => {}
        Outcome::HalfOpen => words.push(format!("no ACK of the SYN,ACK in {}", waited(record, h))),
        Outcome::Simultaneous => words.push("both sides sent a SYN".to_owned()),
        Outcome::Split => words.push("ACK and SYN came in separate packets".to_owned()),
        _ => {}
    }
    if h.fast_open {
        words.push("fast open".to_owned());
    }
    words.join(", ")
}

/// From the first SYN to the last thing seen of the attempt.
fn waited(record: &FlowRecord, h: &Handshake) -> String {
    let from = h.syn.or(h.syn_ack).map_or(record.start, |(_, ts)| ts);
    duration(record.end.max(h.last_syn.unwrap_or(from)) - from)
}

/// What an ICMP error says (RFC 792, RFC 1812 section 5.2.7.1, RFC 4443).
pub(super) fn icmp_words(v6: bool, kind: u8, code: u8) -> String {
    let words = match (v6, kind, code) {
        (false, 3, 0) => "net unreachable",
        (false, 3, 1) => "host unreachable",
        (false, 3, 2) => "protocol unreachable",
        (false, 3, 3) | (true, 1, 4) => "port unreachable",
        (false, 3, 4) | (true, 2, _) => "packet too big",
        (false, 3, 6) => "net unknown",
        (false, 3, 7) => "host unknown",
        (false, 3, 9 | 10 | 13) | (true, 1, 1) => "administratively prohibited",
        (true, 1, 0) => "no route",
        (true, 1, 3) => "address unreachable",
        (true, 1, 5 | 6) => "rejected by policy or route",
        (false, 11, _) | (true, 3, _) => "time exceeded",
        _ => return format!("ICMP type {kind} code {code}"),
    };
    format!("ICMP {words}")
}

/// The lines below a row: each step with its packet and time, then the options.
fn details(record: &FlowRecord, h: &Handshake, file: Option<u16>) -> Vec<String> {
    let mut steps = Vec::new();
    if let Some((number, ts)) = h.syn {
        steps.push(format!("{} SYN at {} UTC", packet_number(file, number), units::clock_micros(ts)));
    }
    if h.syn_retries > 0
        && let (Some((_, from)), Some(to)) = (h.syn, h.last_syn)
    {
        steps.push(format!("{} more within {}", h.syn_retries, exact(to - from)));
    }
    let mut step = |what: &str, from: Option<Timestamp>, to: Option<(u64, Timestamp)>| {
        if let Some((number, to)) = to {
            let after =
                from.map_or_else(|| format!("at {} UTC", units::clock_micros(to)), |from| format!("after {}", exact(to - from)));
            steps.push(format!("{} {what} {after}", packet_number(file, number)));
        }
    };
    // Of a SYN that was repeated it may be known which copy was answered.
    let answered = |answer: Option<(u64, Timestamp)>| {
        let from = answer.zip(h.rtt_responder).filter(|_| h.syn_retries > 0).map(|((_, ts), leg)| ts - leg);
        from.filter(|from| h.syn.is_some_and(|(_, first)| first <= *from)).or(h.last_syn)
    };
    step("SYN,ACK", answered(h.syn_ack), h.syn_ack);
    step("ACK", h.syn_ack.map(|s| s.1), h.ack);
    let to_refusal = if h.syn_ack.is_none() { answered(h.refusal) } else { h.last_syn };
    step(if h.icmp.is_some() { "ICMP" } else { "RST" }, to_refusal, h.refusal);
    if h.syn_ack_retries > 0 {
        steps.push(format!("SYN,ACK repeated {}×", h.syn_ack_retries));
    }
    [steps.join(" · "), options(record, h)].into_iter().filter(|line| !line.is_empty()).collect()
}

/// With microseconds: `22.499 ms`.
fn exact(span: Span) -> String {
    let ms = span.nanos() as f64 / 1e6;
    if ms.abs() < 1000.0 { format!("{ms:.3} ms") } else { format!("{:.3} s", ms / 1000.0) }
}

/// What each side offered, client first: `mss 1460/1460 · window ×1024/×1024 · sack · timestamps`. An option is agreed
/// where both offered it; where only one did, it is said who.
fn options(record: &FlowRecord, h: &Handshake) -> String {
    let (c, s) = (&record.orig, &record.resp);
    let answered = h.syn_ack.is_some();
    let mut parts = Vec::new();
    let pair = |c: Option<String>, s: Option<String>| match (c, s) {
        (None, None) => None,
        (c, s) if answered => Some(format!("{}/{}", c.as_deref().unwrap_or("-"), s.as_deref().unwrap_or("-"))),
        (c, _) => c,
    };
    if let Some(mss) = pair(c.mss.map(|m| m.to_string()), s.mss.map(|m| m.to_string())) {
        parts.push(format!("mss {mss}"));
    }
    if let Some(scale) = pair(c.window_scale.map(|w| w.to_string()), s.window_scale.map(|w| w.to_string())) {
        parts.push(format!("window scale {scale}"));
    }
    let mut flag = |name: &str, c: bool, s: bool| match (c, s) {
        (true, false) if answered => parts.push(format!("{name} by the client only")),
        (true, _) => parts.push(name.to_owned()),
        (false, true) => parts.push(format!("{name} by the server only")),
        (false, false) => {}
    };
    flag("sack", c.sack_permitted, s.sack_permitted);
    flag("timestamps", c.timestamps, s.timestamps);
    let what = if answered { "client/server: " } else { "offered: " };
    if parts.is_empty() { String::new() } else { format!("{what}{}", parts.join(" · ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::RunSummary;
    use crate::flow::{FlowKind, State};
    use crate::output::fixture::{failed, flow, nine};

    fn shown(config: HandshakesConfig, records: &[FlowRecord]) -> String {
        let mut sink = HandshakesSink::new(Vec::new(), config);
        for record in records {
            if record.handshake.is_some() {
                sink.on_event(&Event::Handshake(record)).unwrap();
            }
            sink.on_event(&Event::Flow(record)).unwrap();
        }
        assert!(sink.told.0.is_empty(), "nothing is remembered of flows that ended");
        sink.on_event(&Event::Summary(&RunSummary::default())).unwrap();
        String::from_utf8(sink.into_inner()).unwrap()
    }

    fn at_width(width: Option<usize>) -> HandshakesConfig {
        HandshakesConfig { style: Style { width, ..Style::default() }, ..HandshakesConfig::default() }
    }

    fn attempts() -> Vec<FlowRecord> {
        let mut records = nine();
        let mut unreachable = flow(FlowKind::Tcp, 7, State::Unreachable, "10.98.0.1:4000", "10.98.7.7:22", 0, 0);
        unreachable.handshake =
            Some(Handshake { icmp: Some((3, 1)), ..failed(Outcome::Unreachable, 2000, 9.0, Some((2005, 3010.0))) });
        records.push(unreachable);
        records
    }

    #[test]
    fn on_a_terminal_only_what_failed_takes_a_second_line() {
        assert_eq!(
            shown(at_width(Some(80)), &attempts()),
            "\
ID OUTCOME     CLIENT → SERVER                  SYNS    RTT PACKETS
c1 established 10.98.0.1:49370 → 10.98.0.2:80      1 22.5ms #1 #2 #3
c2 refused     10.98.0.1:36086 → 10.98.0.2:81      1 22.5ms #10 #12
   #12 RST to the SYN
c4 established 10.98.0.1:34594 → 10.98.0.2:9001    1 26.6ms #1778 #1779 #1780
c3 established 10.98.0.1:49382 → 10.98.0.2:80      1 22.4ms #17 #18 #19
c5 established 10.98.0.1:44092 → 10.98.0.2:9002    1 22.4ms #1784 #1785 #1786
c6 no answer   10.98.0.1:55510 → 10.98.0.99:80     8      - #1894
   nothing came back in 11.3 s
c7 unreachable 10.98.0.1:4000 → 10.98.7.7:22       1      - #2000 #2005
   #2005 ICMP host unreachable
(SRV LEG and CLI LEG left out at 80 columns; --width shows more)
"
        );
    }

    #[test]
    fn in_a_pipe_every_attempt_is_one_line() {
        let text = shown(at_width(None), &attempts());
        assert_eq!(text.lines().count(), 8);
        assert!(text.starts_with(
            "ID  OUTCOME      CLIENT → SERVER                   SYNS     RTT  SRV LEG  CLI LEG  PACKETS            EVIDENCE\n"
        ));
        assert!(text.contains("c6  no answer    10.98.0.1:55510 → 10.98.0.99:80      8       -        -        -  #1894              nothing came back in 11.3 s\n"), "{text}");
    }

    #[test]
    fn details_tell_each_step_and_what_was_agreed() {
        let config = HandshakesConfig { verbose: true, ..at_width(Some(80)) };
        let mut one_sided = nine().remove(0);
        one_sided.resp.window_scale = None;
        one_sided.resp.sack_permitted = false;
        assert_eq!(
            shown(config, &[attempts().remove(8), one_sided]),
            "\
ID  OUTCOME      CLIENT → SERVER                  SYNS     RTT  PACKETS
c6  no answer    10.98.0.1:55510 → 10.98.0.99:80     8       -  #1894
    nothing came back in 11.3 s
    #1894 SYN at 21:11:24.649936 UTC · 7 more within 11.258 s
    offered: mss 1460 · window scale 10 · sack · timestamps
c1  established  10.98.0.1:49370 → 10.98.0.2:80      1  22.5ms  #1 #2 #3
    #1 SYN at 21:11:20.519936 UTC · #2 SYN,ACK after 22.499 ms ·
      #3 ACK after 0.031 ms
    client/server: mss 1460/1460 · window scale 10/- · sack by the client only ·
      timestamps
(SRV LEG and CLI LEG left out at 80 columns; --width shows more)
"
        );
    }

    #[test]
    fn an_outcome_that_changes_is_marked_as_an_update_and_no_other_attempt() {
        let record = nine().remove(0);
        let mut first = record.clone();
        first.handshake = Some(failed(Outcome::Unreachable, 1, 0.0, Some((2, 10.0))));
        let mut sink = HandshakesSink::new(Vec::new(), at_width(None));
        sink.on_event(&Event::Handshake(&first)).unwrap();
        sink.on_event(&Event::Handshake(&record)).unwrap();
        assert_eq!(sink.attempts(), 1);
        sink.flush().unwrap();
        let text = String::from_utf8(sink.into_inner()).unwrap();
        assert_eq!(text.matches("was unreachable").count(), 1, "{text}");
    }

    #[test]
    fn an_attempt_is_told_once_whether_or_not_it_was_told_early() {
        let record = nine().remove(0);
        let mut told = Told::default();
        assert!(told.due(&Event::Handshake(&record)).is_some());
        assert!(told.due(&Event::Handshake(&record)).is_none());
        assert!(told.due(&Event::Flow(&record)).is_none());
        // The ID is free again, and a flow that was never told early is told at its end.
        assert!(told.due(&Event::Flow(&record)).is_some());
        assert!(told.0.is_empty());
        // An outcome that changes is told again.
        let mut first = record.clone();
        first.handshake = Some(failed(Outcome::Unreachable, 1, 0.0, Some((2, 10.0))));
        assert!(told.due(&Event::Handshake(&first)).is_some_and(|due| due.2.is_none()));
        assert!(told.due(&Event::Handshake(&record)).is_some_and(|due| due.2 == Some(Outcome::Unreachable)));
        assert!(told.due(&Event::Flow(&record)).is_none());
    }
}
