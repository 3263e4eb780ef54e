//! `sockeye show`: one connection in full. A ladder with both hosts' states and, where there is room, the calls of both programs; what
//! was offered and agreed, where the time went, round trips, what was sent again, windows.

mod facts;

use super::choice::Why;
use super::ends::Ends;
use super::gathered::Gathered;
use super::runs::{Part, Runs};
use super::story::{packets, segment_name};
use super::style::{Style, Tone};
use super::summary::{Place, place_of};
use super::units::{self, bytes, duration};
use super::wrap::wrap;
use crate::decode::TcpFlags;
use crate::event::{Event, Keep, Sink};
use crate::flow::{FlowId, FlowKind, FlowRecord, Outcome, Vantage};
use crate::model::{Span, Timestamp};
use crate::story::{Call, Claim, Host, Mark, Say, Step, Story, Told, What, tell};
use std::fmt::Write as _;
use std::io::{self, Write};

/// Columns where nothing says how many there are: with the calls.
const WIDTH: usize = 116;
/// From here on there is room for the calls.
const WITH_CALLS: usize = 108;
/// Columns of a state.
const STATE: usize = 12;
/// Columns of the calls of client and server: the longest are `connect() ECONNREFUSED`, `socket() bind() listen()`.
const CALLS: [usize; 2] = [22, 24];
/// Two calls stand in a row if they are no longer than this.
const TWO_CALLS: usize = 22;
/// Rungs that are told before the middle is folded, and after it.
const ENDS: usize = 14;

/// How to show a connection.
#[derive(Clone, Debug, Default)]
pub struct LadderConfig {
    /// What the reader's terminal can do.
    pub style: Style,
    /// Each packet, none folded (`-v`).
    pub verbose: bool,
    /// The source and filter as they are repeated in proposed commands.
    pub source: String,
    /// Why this conversation, where nobody named it.
    pub why: Option<Why>,
}

/// Gathers one conversation and shows it at the end.
#[derive(Debug)]
pub struct LadderSink<W> {
    out: W,
    config: LadderConfig,
    gathered: Gathered,
}

impl<W: Write> LadderSink<W> {
    /// The ladder of `of`, written to `out`. `most`: packets that are kept of it.
    pub fn new(out: W, of: FlowId, most: usize, config: LadderConfig) -> Self {
        Self { out, config, gathered: Gathered::new(of, most) }
    }

    /// The writer, to be closed with its own error checked.
    pub fn into_inner(self) -> W {
        self.out
    }

    /// Was there such a conversation?
    #[must_use]
    pub const fn found(&self) -> bool {
        self.gathered.record.is_some()
    }
}

impl<W: Write> Sink for LadderSink<W> {
    fn on_event(&mut self, event: &Event<'_>) -> io::Result<Keep> {
        if let Event::Summary(_) = event {
            if let Some(record) = &self.gathered.record {
                let story = tell(&self.gathered.steps, record);
                let steps: Vec<&Step> = self.gathered.steps.iter().collect();
                let page = Page::new(&self.config, &story, &steps, record);
                self.out.write_all(page.text().as_bytes())?;
            }
            self.out.flush()?;
        }
        Ok(self.gathered.on_event(event))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// One line of a ladder.
struct Rung {
    time: String,
    calls: [String; 2],
    states: [String; 2],
    /// Which way, and what; `None`: both stand there before the first packet.
    arrow: Option<(Host, String)>,
    /// Drawn thick: many packets.
    many: bool,
    /// Packets that are missing here.
    left_out: u64,
}

struct Page<'a> {
    config: &'a LadderConfig,
    story: &'a Story,
    steps: &'a [&'a Step],
    record: &'a FlowRecord,
    start: Timestamp,
    seconds: bool,
    /// The steps with which the hosts closed, as it is shown.
    closed: [Option<usize>; 2],
}

impl<'a> Page<'a> {
    fn new(config: &'a LadderConfig, story: &'a Story, steps: &'a [&'a Step], record: &'a FlowRecord) -> Self {
        let start = steps.first().map_or(record.start, |step| step.ts);
        let length = steps.last().map_or(Span::ZERO, |last| last.ts - start);
        let told = || story.scenes.iter().flat_map(|scene| &scene.steps);
        let closes =
            |claim: &Claim, host: Host| claim.host == Some(host) && matches!(claim.say, Say::Finishes { half: false, .. });
        let closed = [Host::Client, Host::Server]
            .map(|host| told().find(|told| told.claims.iter().any(|claim| closes(claim, host))).map(|told| told.step));
        Self { config, story, steps, record, start, seconds: length >= Span::from_secs(10), closed }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        let record = self.record;
        let packets = units::counted(packets(self.steps) + self.story.left_out, "packet");
        let near = match place_of(record) {
            Place::Itself => " · seen on the host itself",
            Place::Both(_) => " · seen close to both sides",
            Place::Host(..) | Place::Clients(_) | Place::Servers(_) if record.vantage == Some(Vantage::NearOriginator) => {
                " · seen near the client"
            }
            Place::Host(..) | Place::Clients(_) | Place::Servers(_) => " · seen near the server",
            Place::Between(_) => " · seen between the two",
            Place::Unknown => "",
        };
        if let Some(why) = &self.config.why {
            self.paragraph(&mut text, "", &why.because, Tone::Plain);
            if let Some(another) = &why.another {
                let _ = writeln!(text, "Another: {another}");
            }
            text.push('\n');
        }
        let head = format!(
            "{}  {} · {} · {} · {packets}{near}",
            record.id,
            Ends::of(record).full("→"),
            record.state.word(),
            duration(record.end - record.start)
        );
        self.paragraph(&mut text, "", &head, Tone::Heading);
        self.paragraph(&mut text, "", &self.verdict(), Tone::Plain);
        text.push('\n');
        self.ladder(&mut text);
        text.push('\n');
        if self.width() >= WITH_CALLS && self.asks() {
            let calls = "? is one of several calls that look alike from outside; what strace saw settles it (explain --trace)";
            self.paragraph(&mut text, &format!("{:<9}", "Calls"), calls, Tone::Plain);
        }
        for (name, what) in self.facts() {
            self.paragraph(&mut text, &format!("{name:<9}"), &what, Tone::Plain);
        }
        if !self.config.source.is_empty() {
            let _ = writeln!(text, "\nNext: sockeye explain {} {}", record.id, self.config.source);
        }
        text
    }

    /// Is there a call that is one of several?
    fn asks(&self) -> bool {
        let told = self.story.scenes.iter().flat_map(|scene| &scene.steps).flat_map(|told| &told.claims);
        told.filter_map(call_words).any(|(_, words)| words.ends_with('?'))
    }

    /// A paragraph under its name, wrapped.
    fn paragraph(&self, text: &mut String, name: &str, what: &str, tone: Tone) {
        let style = self.config.style;
        let hang = name.chars().count();
        for line in wrap(name, hang, self.width(), &style.glyphs(what)) {
            let _ = writeln!(text, "{}", style.paint(tone, &line));
        }
    }

    fn width(&self) -> usize {
        self.config.style.width.unwrap_or(WIDTH).clamp(60, 140)
    }

    fn time(&self, ts: Timestamp) -> String {
        let span = ts - self.start;
        if self.seconds { format!("{:.2}", span.as_secs_f64()) } else { format!("{:.1}", span.nanos() as f64 / 1e6) }
    }

    fn ladder(&self, text: &mut String) {
        let tcp = self.record.id.kind == FlowKind::Tcp;
        let calls = self.width() >= WITH_CALLS;
        let state = if tcp { STATE } else { 0 };
        let sides = if calls { CALLS } else { [0, 0] };
        // Every column that is there has a blank behind it; two stand behind the arrow.
        let columns = |n: usize| if n > 0 { n + 1 } else { 0 };
        let fixed = 9 + columns(sides[0]) + 2 * columns(state) + sides[1] + 2;
        let last = usize::from(!calls && tcp); // Nothing stands behind the last column.
        let rungs: Vec<Rung> = self.rungs();
        let wide = rungs.iter().map(|rung| self.cut(&rung.time, usize::MAX).chars().count()).max().unwrap_or(0).max(7);
        let fixed = fixed + wide - 7;
        let arrow = (self.width() + last).saturating_sub(fixed).clamp(24, 60);
        let unit = if self.seconds { "s" } else { "ms" };
        let (heads, names) = match (calls, tcp) {
            (true, true) => (["CLIENT calls", "SERVER calls"], ["state", "state"]),
            (true, false) => (["CLIENT calls", "SERVER calls"], ["", ""]),
            (false, true) => (["", ""], ["CLIENT", "SERVER"]),
            (false, false) => (["", ""], ["", ""]),
        };
        let between = if calls || tcp { String::new() } else { format!("CLIENT{:>1$}", "SERVER", arrow - 6) };
        let row = |time: &str, calls: [&str; 2], states: [&str; 2], picture: &str| {
            format!(
                "{:>wide$}  {}{}{picture:<arrow$}  {}{}",
                self.cut(time, wide),
                self.cell(calls[0], sides[0]),
                self.cell(states[0], state),
                self.cell(states[1], state),
                self.cell(calls[1], sides[1]),
            )
        };
        self.line(text, &row(unit, heads, names, &between));
        for rung in rungs {
            let picture = match &rung.arrow {
                Some((host, what)) => self.draw(*host, what, arrow, rung.many),
                None => String::new(),
            };
            let (calls, states) = (&rung.calls, &rung.states);
            self.line(text, &row(&rung.time, [&calls[0], &calls[1]], [&states[0], &states[1]], &picture));
        }
    }

    /// A column's value, as wide as the column is, and a blank; nothing where there is no such column.
    fn cell(&self, value: &str, columns: usize) -> String {
        if columns == 0 { String::new() } else { format!("{:<columns$} ", self.cut(value, columns)) }
    }

    /// Text as the terminal has it, no wider than so many columns.
    fn cut(&self, text: &str, columns: usize) -> String {
        let style = self.config.style;
        let text = style.glyphs(text);
        if text.chars().count() <= columns {
            return text.into_owned();
        }
        let more = style.glyphs("…");
        let mut cut: String = text.chars().take(columns.saturating_sub(more.chars().count())).collect();
        cut.push_str(&more);
        cut
    }

    /// An arrow with its label, so many columns wide.
    fn draw(&self, from: Host, what: &str, columns: usize, many: bool) -> String {
        let line = if many { '═' } else { '─' };
        let room = columns.saturating_sub(5);
        let fits = |text: &str| self.config.style.glyphs(text).chars().count() <= room;
        let close = match what.rsplit_once(" · ") {
            _ if fits(what) => what.to_owned(),
            // Of many packets: how long they took is the least of it.
            Some((most, _)) if many => most.to_owned(),
            _ => what.replace("  ", " "),
        };
        let label = self.cut(&close, room);
        let rest = line.to_string().repeat(columns.saturating_sub(label.chars().count() + 5));
        match from {
            Host::Client => format!("├{line} {label} {rest}▶"),
            Host::Server => format!("◀{line} {label} {rest}┤"),
        }
    }

    fn line(&self, text: &mut String, line: &str) {
        text.push_str(&self.config.style.glyphs(line.trim_end()));
        text.push('\n');
    }

    fn rungs(&self) -> Vec<Rung> {
        let mut rungs = Vec::new();
        if let Some(rung) = self.first_rung() {
            rungs.push(rung);
        }
        let told: Vec<&Told> = self.story.scenes.iter().flat_map(|scene| &scene.steps).collect();
        for part in Runs::of(self.story, &told, self.config.verbose) {
            rungs.push(match part {
                Part::One(told) => self.rung(told),
                Part::Alike(told) => self.folded(told),
                Part::LeftOut(packets) => Self::missing(packets, not_kept(packets)),
            });
        }
        if self.config.verbose || rungs.len() <= 2 * ENDS + 4 {
            return rungs;
        }
        Self::fold_middle(rungs)
    }

    /// The middle of a long ladder as one rung.
    fn fold_middle(mut rungs: Vec<Rung>) -> Vec<Rung> {
        let end = rungs.split_off(rungs.len() - ENDS);
        let middle = rungs.split_off(ENDS);
        let left_out = middle.iter().map(|rung| rung.left_out).sum();
        let what = if left_out > 0 {
            format!("{}, {} more (-v)", not_kept(left_out), units::count(middle.len() as u64 - 1))
        } else {
            format!("{} more (-v shows all)", units::count(middle.len() as u64))
        };
        rungs.push(Rung { states: last_states(&middle), ..Self::missing(left_out, what) });
        rungs.extend(end);
        rungs
    }

    /// What stands for packets that are not told.
    fn missing(left_out: u64, what: String) -> Rung {
        Rung {
            time: "…".to_owned(),
            calls: Default::default(),
            states: Default::default(),
            arrow: Some((Host::Client, what)),
            many: true,
            left_out,
        }
    }

    /// What both were before the first packet.
    fn first_rung(&self) -> Option<Rung> {
        let mut calls = [String::new(), String::new()];
        for called in self.story.before.iter().flat_map(|claim| &claim.calls).filter(|called| !called.tied) {
            let cell = &mut calls[called.host.index()];
            if !cell.is_empty() {
                cell.push(' ');
            }
            let _ = write!(cell, "{}()", called.call.name());
        }
        let handshake = self.record.handshake.as_ref().filter(|handshake| handshake.outcome != Outcome::Midway)?;
        let server = if handshake.syn_ack.is_some() && handshake.outcome != Outcome::Simultaneous { "LISTEN" } else { "" };
        let states = ["CLOSED".to_owned(), server.to_owned()];
        Some(Rung { time: String::new(), calls, states, arrow: None, many: false, left_out: 0 })
    }

    fn rung(&self, told: &Told) -> Rung {
        let step = self.steps[told.step];
        let host = told.host.unwrap_or(Host::Server);
        let mut states = [String::new(), String::new()];
        let mut calls = [String::new(), String::new()];
        for claim in &told.claims {
            if let Say::Moves { host, to, .. } = &claim.say {
                states[host.index()] = to.last().map_or_else(String::new, |state| state.name().to_owned());
            }
            if let Some((host, words)) = call_words(claim).filter(|(host, _)| !self.is_over(told.step, *host, claim)) {
                let cell = &mut calls[host.index()];
                let both = format!("{} {words}", cell.trim_end_matches(" ?"));
                if cell.is_empty() {
                    *cell = words;
                } else if both.len() <= TWO_CALLS && claim.calls.iter().any(|called| called.tied) {
                    // It read the end, and closed.
                    *cell = both;
                }
            }
        }
        let what = Self::label(told, step);
        Rung { time: self.time(step.ts), calls, states, arrow: Some((host, what)), many: false, left_out: 0 }
    }

    /// Does this claim speak of a call of a program that has closed its socket before this step? Who has done that reads no more, and closes
    /// it no second time: a reset is its kernel's then.
    fn is_over(&self, at: usize, host: Host, claim: &Claim) -> bool {
        let before = self.closed[host.index()].is_some_and(|closed| closed < at);
        before && matches!(claim.say, Say::RecvEnd | Say::RecvCan { .. } | Say::Breaks { .. } | Say::CloseUnseen)
    }

    fn folded(&self, told: &[&Told]) -> Rung {
        let mut data = [(0_u64, 0_u64); 2];
        for told in told {
            let step = self.steps[told.step];
            if let Some(host) = told.host.filter(|_| step.len > 0) {
                let (count, size) = &mut data[host.index()];
                (*count, *size) = (*count + 1, *size + u64::from(step.len));
            }
        }
        let host = if data[0].1 >= data[1].1 { Host::Client } else { Host::Server };
        let (count, size) = data[host.index()];
        let first = told.first().map_or(self.start, |told| self.steps[told.step].ts);
        let last = told.last().map_or(self.start, |told| self.steps[told.step].ts);
        let what = if count == 0 {
            units::counted(told.len() as u64, "ACK")
        } else {
            format!("{} · {} · {}", units::counted(count, "segment"), bytes(size), duration(last - first))
        };
        Rung {
            time: self.time(first),
            calls: Default::default(),
            states: Default::default(),
            arrow: Some((host, what)),
            many: true,
            left_out: 0,
        }
    }

    /// What a packet is, on its arrow.
    fn label(told: &Told, step: &Step) -> String {
        let phrase = told.claims.iter().find_map(|claim| phrase(&claim.say));
        let mut word = told.claims.iter().find_map(|claim| note(&claim.say));
        let mut text = match &step.what {
            What::Segment(segment) => {
                let plain = !segment.has(TcpFlags::SYN | TcpFlags::FIN | TcpFlags::RST | TcpFlags::URG);
                let mut text = segment_name(segment, step.len, &bytes(u64::from(step.len)));
                // What is odd about it stands before its numbers: they go first where there is no room.
                if let Some(word) = word.take() {
                    let _ = write!(text, "  {word}");
                }
                let seq = told.seq.filter(|_| !plain || step.len > 0);
                if let Some(seq) = seq {
                    let _ = write!(text, "  seq {seq}");
                }
                if let Some(ack) = told.ack.filter(|_| step.len == 0) {
                    let _ = write!(text, "  ack {ack}");
                }
                text
            }
            What::Piece(_) if step.pieces.is_empty() => format!("last fragment, {}", bytes(u64::from(step.len))),
            What::Piece(_) => format!("{} in {} fragments", bytes(u64::from(step.len)), step.pieces.len()),
            What::Datagram(_) => bytes(u64::from(step.len)),
            What::Message { kind, code, v6, .. } | What::Error { kind, code, v6, .. } => {
                format!("{} {kind}/{code}", if *v6 { "ICMPv6" } else { "ICMP" })
            }
        };
        for word in word.into_iter().chain(phrase) {
            let _ = write!(text, "  {word}");
        }
        text
    }
}

/// That packets had no room.
fn not_kept(packets: u64) -> String {
    format!("{} not kept", units::count(packets))
}

/// A word on a packet that is not like others.
fn note(say: &Say) -> Option<String> {
    Some(match say {
        Say::Judged { verdict, .. } => verdict.kind.key().replace('_', " "),
        Say::WindowShut => "window 0".to_owned(),
        Say::WindowOpens { .. } => "window opens".to_owned(),
        Say::Probe { .. } => "window probe".to_owned(),
        Say::KeepAlive { .. } => "keep-alive".to_owned(),
        Say::DuplicateAck { nth, .. } => format!("duplicate {nth}"),
        _ => return None,
    })
}

/// What its data says.
fn phrase(say: &Say) -> Option<String> {
    let (Say::Sends { phrase, .. } | Say::SendsDatagram { phrase, .. }) = say else { return None };
    phrase.as_ref().map(|phrase| super::style::clean(&phrase.0).into_owned())
}

/// The calls of a claim, for the cell beside the ladder.
fn call_words(claim: &Claim) -> Option<(Host, String)> {
    let host = claim.calls.first()?.host;
    let words = match &claim.say {
        Say::ConnectWaits => "connect() …".to_owned(),
        Say::ConnectReturns => "connect() = 0".to_owned(),
        Say::ConnectFails(error) if claim.mark != Mark::OneOf => format!("connect() {}", error.name()),
        Say::ConnectFails(error) | Say::ErrorReturns { error, connected: false, .. } => format!("{} ?", error.name()),
        // The call that opened the connection had taken them.
        Say::Sends { .. } if claim.calls.iter().any(|called| called.call == Call::SendTo) => return None,
        Say::AcceptCan => "accept() ?".to_owned(),
        Say::Sends { len, .. } => format!("send({len}) ?"),
        Say::RecvCan { bytes } => format!("recv() = {bytes} ?"),
        Say::RecvEnd => "recv() = 0 ?".to_owned(),
        Say::Finishes { half: true, .. } => "shutdown() ?".to_owned(),
        Say::Finishes { .. } | Say::Breaks { .. } | Say::AbandonsOpening => "close() ?".to_owned(),
        Say::BreakHurts { read, write } => read.unwrap_or(*write).name().to_owned(),
        Say::SendsDatagram { len, .. } => format!("sendto({len})"),
        Say::DatagramArrives { len, .. } => format!("recvfrom() = {len}"),
        Say::ErrorReturns { error, .. } => error.name().to_owned(),
        _ => {
            return claim
                .calls
                .first()
                .filter(|called| called.tied && called.call != Call::Connect)
                .map(|called| (called.host, format!("{}() ?", called.call.name())));
        }
    };
    Some((host, words))
}

/// Both states as the last of some rungs leave them.
fn last_states(rungs: &[Rung]) -> [String; 2] {
    [0, 1].map(|side| {
        rungs.iter().rev().map(|rung| &rung.states[side]).find(|state| !state.is_empty()).cloned().unwrap_or_default()
    })
}
