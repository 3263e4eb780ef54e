//! A story on a page: headline, what each mark means, scenes with their packets and claims, the sums. As text, wrapped to the reader's
//! width, or as Markdown.

use super::foot::Foot;
use super::quiz;
use super::words::{self, Telling};
use super::{Level, StoryConfig};
use crate::decode::TcpFlags;
use crate::flow::{FlowKind, FlowRecord, State, Vantage};
use crate::model::{Span, Timestamp};
use crate::output::bits::tcp_options;
use crate::output::choice::Candidate;
use crate::output::ends::Ends;
use crate::output::runs::{Part, Runs};
use crate::output::style::Tone;
use crate::output::summary::{Place, place_of};
use crate::output::units::{self, bytes, duration};
use crate::output::wrap::wrap;
use crate::story::{Claim, Host, Line, Say, Scene, SceneKind, Segment, Step, Story, Told, What};
use std::cmp::Ordering;
use std::fmt::Write as _;
use std::io::{self, Write};

/// Columns where nothing says how many there are.
const WIDTH: usize = 80;

/// A page to be written.
pub(super) struct Page<'a> {
    config: &'a StoryConfig,
    story: &'a Story,
    steps: Vec<&'a Step>,
    record: &'a FlowRecord,
    telling: Telling<'a>,
    start: Timestamp,
    /// Times are told in seconds, not milliseconds.
    seconds: bool,
    /// Another conversation to compare with.
    contrast: Option<&'a Candidate>,
}

impl<'a> Page<'a> {
    pub(super) fn new(
        config: &'a StoryConfig,
        story: &'a Story,
        list: &'a [&'a Step],
        record: &'a FlowRecord,
        several: bool,
        contrast: Option<&'a Candidate>,
    ) -> Self {
        let telling = Telling { level: config.level, quiz: config.quiz, steps: list, several };
        let start = list.first().map_or(record.start, |step| step.ts);
        let length = list.last().map_or(Span::ZERO, |last| last.ts - start);
        Self { config, story, steps: list.to_vec(), record, telling, start, seconds: length >= Span::from_secs(10), contrast }
    }

    /// What the words are made with.
    pub(super) const fn telling(&self) -> &Telling<'a> {
        &self.telling
    }

    pub(super) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let mut page = Lines { out, page: self, answers: Vec::new(), asked: 0, begun: false, sent: [None; 2] };
        page.headline()?;
        page.legend()?;
        if self.story.before.iter().any(|claim| self.is_told(claim)) {
            page.title("Before the first packet")?;
            page.claims(&self.story.before)?;
        }
        for scene in &self.story.scenes {
            page.scene(scene)?;
        }
        if self.story.after.iter().any(|claim| self.is_told(claim)) {
            page.title("After the last packet")?;
            page.claims(&self.story.after)?;
        }
        page.answers()?;
        page.sums()?;
        page.foot()
    }

    /// All claims that are told, in order.
    fn told(&self) -> Vec<&'a Claim> {
        let steps = self.story.scenes.iter().flat_map(|scene| &scene.steps).flat_map(|told| &told.claims);
        let all = self.story.before.iter().chain(steps).chain(&self.story.after);
        all.filter(|claim| self.is_told(claim)).collect()
    }

    /// Is this claim for the reader?
    fn is_told(&self, claim: &Claim) -> bool {
        let host = self.config.only.is_none_or(|only| claim.host.is_none_or(|host| host == only));
        host && words::sentence(claim, &self.telling).is_some()
    }

    fn time(&self, ts: Timestamp) -> String {
        let span = ts - self.start;
        if self.seconds { format!("{:.3}", span.as_secs_f64()) } else { format!("{:.3}", span.nanos() as f64 / 1e6) }
    }

    fn unit(&self) -> &'static str {
        if self.seconds { "s" } else { "ms" }
    }
}

/// Lines on their way out.
struct Lines<'p, 'a, W> {
    out: &'p mut W,
    page: &'p Page<'a>,
    /// What is told at the end of a quiz, with the number of its question.
    answers: Vec<(Option<usize>, String)>,
    /// Questions so far.
    asked: usize,
    /// A scene was begun.
    begun: bool,
    /// The number after the last that each host sent, as far as it is known.
    sent: [Option<Line>; 2],
}

impl<W: Write> Lines<'_, '_, W> {
    fn width(&self) -> usize {
        self.page.config.style.width.unwrap_or(WIDTH).max(40)
    }

    fn line(&mut self, text: &str) -> io::Result<()> {
        let style = &self.page.config.style;
        writeln!(self.out, "{}", style.glyphs(text).trim_end())
    }

    /// A paragraph, wrapped; its lines after the first are indented by `hang`.
    fn wrapped(&mut self, first: &str, hang: usize, text: &str) -> io::Result<()> {
        if self.page.config.markdown {
            return self.line(&format!("{first}{text}"));
        }
        let style = self.page.config.style;
        for line in wrap(&style.glyphs(first), hang, self.width(), &style.glyphs(text)) {
            writeln!(self.out, "{line}")?;
        }
        Ok(())
    }

    fn headline(&mut self) -> io::Result<()> {
        let page = self.page;
        let record = page.record;
        let packets = units::counted(packets(&page.steps) + page.story.left_out, "packet");
        let length = duration(record.end - record.start);
        let what = headline(record, &page.steps);
        if page.config.quiz {
            return self.quiz_headline(&what, &packets, &length);
        }
        if let Some(why) = &page.config.why {
            let (first, tick) = if page.config.markdown { ("> ", "`") } else { ("", "") };
            self.wrapped(first, 0, &why.because)?;
            if let Some(another) = &why.another {
                self.line(&format!("{first}Another: {tick}{another}{tick}"))?;
            }
            self.line("")?;
        }
        if page.config.markdown {
            self.line(&format!("# {}: {what}", record.id))?;
            self.line("")?;
            self.line(&format!("{packets}, {length}."))?;
            return self.line("");
        }
        self.wrapped("", 0, &format!("{}: {what} {packets}, {length}.", record.id))
    }

    /// Whose story it is, and no word on how it goes.
    fn quiz_headline(&mut self, what: &str, packets: &str, length: &str) -> io::Result<()> {
        let record = self.page.record;
        let mark = if self.page.config.markdown { "# " } else { "" };
        self.wrapped(mark, 0, &format!("{}: {}. {packets}, {length}.", record.id, Ends::of(record).full("and")))?;
        self.ask("What happens here, in one sentence? Answer it last.", what)?;
        if let Some(why) = &self.page.config.why {
            self.answers.push((None, why.because.clone()));
        }
        self.line("")
    }

    /// A question, with its answer kept for the end.
    fn ask(&mut self, question: &str, answer: &str) -> io::Result<()> {
        self.asked += 1;
        let number = self.asked;
        self.answers.push((Some(number), answer.to_owned()));
        let first = if self.page.config.markdown { format!("- **{number}** ") } else { format!("   {number:>2}) ") };
        self.wrapped(&first, 7, question)
    }

    fn legend(&mut self) -> io::Result<()> {
        let page = self.page;
        let (c, s) = (page.record.originator.ip, page.record.responder.ip);
        let seen = match place_of(page.record) {
            Place::Itself => "Seen on the host itself. ",
            Place::Both(_) => "Seen close to both sides. ",
            Place::Host(..) | Place::Clients(_) | Place::Servers(_) if page.record.vantage == Some(Vantage::NearOriginator) => {
                "Seen near C. "
            }
            Place::Host(..) | Place::Clients(_) | Place::Servers(_) => "Seen near S. ",
            Place::Between(_) => "Seen between the two. ",
            Place::Unknown => "",
        };
        let numbers = match page.record.id.kind {
            FlowKind::Tcp => " Numbers start at 0 for each side.",
            FlowKind::Udp => {
                " UDP knows no connection, so there are no states; nobody confirms anything, and nobody says goodbye: what is lost is lost, unless a program asks again."
            }
            _ => "",
        };
        self.wrapped("", 0, &format!("{seen}“C” is {c}, “S” is {s}.{numbers} Times in {} since the first packet.", page.unit()))?;
        if page.config.markdown {
            self.line("")?;
            self.line("| mark | means |")?;
            self.line("| --- | --- |")?;
            self.line("| `=` | seen in a packet |")?;
            self.line("| `~` | follows from the rules |")?;
            return self.line("| `?` | one of several |");
        }
        let marks = ["= seen in a packet", "~ follows from the rules", "? one of several"];
        let line = marks.join("   ");
        if line.len() <= self.width() {
            return self.line(&line);
        }
        marks.into_iter().try_for_each(|mark| self.line(mark))
    }

    fn title(&mut self, text: &str) -> io::Result<()> {
        self.line("")?;
        if self.page.config.markdown {
            self.line(&format!("## {text}"))?;
            return self.line("");
        }
        let style = self.page.config.style;
        let text = style.glyphs(text).into_owned();
        writeln!(self.out, "{}", style.paint(Tone::Heading, &text))
    }

    fn scene(&mut self, scene: &Scene) -> io::Result<()> {
        let page = self.page;
        let first = scene.steps.first().map(|told| page.steps[told.step].ts);
        let last = scene.steps.last().map(|told| page.steps[told.step].ts);
        let took = first.zip(last).map_or(Span::ZERO, |(first, last)| last - first);
        let name = match scene.kind {
            _ if page.config.quiz && std::mem::replace(&mut self.begun, true) => String::new(),
            _ if page.config.quiz => "THE PACKETS".to_owned(),
            SceneKind::SettingUp if page.record.handshake.as_ref().is_some_and(|h| h.ack.is_some()) => {
                let once = page.record.handshake.as_ref().is_some_and(|h| h.rtt == Some(took) && !h.rtt_ambiguous);
                format!("SETTING UP ({}{})", duration(took), if once { ": one round trip" } else { "" })
            }
            SceneKind::SettingUp => "KNOCKING".to_owned(),
            SceneKind::Talking => "TALKING".to_owned(),
            SceneKind::HangingUp => match scene.steps.first().and_then(|told| told.host) {
                Some(host) => format!("HANGING UP ({} first)", host.letter()),
                None => "HANGING UP".to_owned(),
            },
            SceneKind::BreakingOff => "BREAKING OFF".to_owned(),
        };
        if !name.is_empty() {
            self.title(&name)?;
        }
        for part in Runs::of(page.story, &scene.steps, page.config.verbose) {
            match part {
                Part::One(told) => self.packet(told)?,
                Part::Alike(told) => self.folded(told)?,
                Part::LeftOut(packets) => self.left_out(packets)?,
            }
        }
        Ok(())
    }

    /// Packets that are missing in the middle.
    fn left_out(&mut self, packets: u64) -> io::Result<()> {
        // Numbers begin anew behind it.
        self.sent = [None; 2];
        let packets = units::counted(packets, "packet");
        self.wrapped(" …  ", 4, &format!("{packets} not kept for want of memory: a larger --max-memory keeps them."))?;
        if self.page.config.markdown { self.line("") } else { Ok(()) }
    }

    /// Many packets that are alike, in one paragraph.
    fn folded(&mut self, told: &[Told]) -> io::Result<()> {
        let page = self.page;
        for told in told {
            self.send(told, page.steps[told.step]);
        }
        let (Some(first), Some(last)) = (told.first(), told.last()) else { return Ok(()) };
        let (from, to) = (page.steps[first.step], page.steps[last.step]);
        let range = format!("{} … {}", page.telling.packet(first.step), page.telling.packet(last.step));
        let mut parts = Vec::new();
        for host in [Host::Client, Host::Server] {
            let mine = told.iter().filter(|told| told.host == Some(host));
            let (mut data, mut acks, mut size) = (0, 0, 0);
            for told in mine {
                let step = page.steps[told.step];
                if step.len > 0 {
                    (data, size) = (data + 1, size + u64::from(step.len));
                } else {
                    acks += 1;
                }
            }
            let way = format!("{}→{}", host.letter(), host.other().letter());
            if data > 0 {
                parts.push(format!("{way} {}, {}", units::counted(data, "segment"), bytes(size)));
            }
            if acks > 0 {
                parts.push(format!("{way} {}", units::counted(acks, "ACK")));
            }
        }
        let of = |is: fn(&Say) -> bool| told.iter().filter(|told| told.claims.iter().any(|claim| is(&claim.say))).count() as u64;
        let (duplicates, holes) = (of(|say| matches!(say, Say::DuplicateAck { .. })), of(|say| matches!(say, Say::Hole { .. })));
        let mut odd = Vec::new();
        if holes > 0 {
            odd.push(units::counted(holes, "hole"));
        }
        if duplicates > 0 {
            odd.push(units::counted(duplicates, "duplicate ACK"));
        }
        let among = if odd.is_empty() { String::new() } else { format!(", among them {}", odd.join(" and ")) };
        let text = format!("{} in {}: data and acknowledgments{among}.", parts.join(" · "), duration(to.ts - from.ts));
        if page.config.markdown {
            self.line(&format!("**{range}** {text}"))?;
            return self.line("");
        }
        self.wrapped(&format!(" {range}  "), 3, &text)?;
        let calls = "How many calls of send() made them cannot be seen: TCP keeps no borders between calls.";
        if page.config.quiz {
            return self.ask("How many calls of send() made them?", calls);
        }
        self.wrapped("   ? ", 5, &format!("{calls} (-v tells each packet)"))
    }

    fn packet(&mut self, told: &Told) -> io::Result<()> {
        let page = self.page;
        let step = page.steps[told.step];
        let way = match told.host {
            Some(host) => format!("{}→{}", host.letter(), host.other().letter()),
            None => "···".to_owned(),
        };
        let label = label(told, step, page.config);
        let number = page.telling.packet(told.step);
        if page.config.markdown {
            self.line(&format!("**{number}** {} {} {way} `{}`", page.time(step.ts), page.unit(), label.trim_end()))?;
            self.line("")?;
        } else {
            let lead = format!(" {number:<6} {:>8} {way}  ", page.time(step.ts));
            let hang = lead.chars().count();
            self.wrapped(&lead, hang, label.trim_end())?;
            if let Some(segment) = step.segment().filter(|_| page.config.verbose) {
                self.wrapped(&" ".repeat(hang), hang, &real(segment))?;
            }
        }
        self.claims(&told.claims)?;
        if page.config.level == Level::Deep {
            self.deep(told, step)?;
        }
        self.send(told, step);
        Ok(())
    }

    /// What the header has beside, for those who want all of it: options byte by byte, and whether the numbers are as they must be.
    fn deep(&mut self, told: &Told, step: &Step) -> io::Result<()> {
        let Some(segment) = step.segment() else { return Ok(()) };
        let first = if self.page.config.markdown { "- `=` " } else { "   = " };
        let bytes = &segment.options.bytes;
        let options: Vec<String> = tcp_options(bytes)
            .into_iter()
            .map(|(place, name, meaning)| {
                let hex: Vec<String> = bytes.get(place).unwrap_or_default().iter().map(|byte| format!("{byte:02x}")).collect();
                let meaning = if meaning.is_empty() { String::new() } else { format!(", {meaning}") };
                format!("{}: {name}{meaning}", hex.join(" "))
            })
            .collect();
        if !options.is_empty() {
            self.wrapped(first, 5, &format!("Option bytes: {}.", options.join(" · ")))?;
        }
        let checks = self.checks(told, step, segment);
        if checks.is_empty() || self.page.config.quiz {
            Ok(())
        } else {
            self.wrapped(first, 5, &format!("Checks: {}.", checks.join(" · ")))
        }
    }

    /// A segment's numbers against those that passed before (RFC 9293 sections 3.4 and 3.10.7.4).
    fn checks(&self, told: &Told, step: &Step, segment: &Segment) -> Vec<String> {
        let mut checks = Vec::new();
        let Some(host) = told.host else { return checks };
        let (me, you) = (host.letter(), host.other().letter());
        if let (Some(seq), Some(next)) = (told.seq, self.sent[host.index()]) {
            checks.push(match seq.cmp(&next) {
                Ordering::Equal => format!("seq {seq} is {me}'s next number ✓"),
                Ordering::Less if step.len == 0 && segment.has(TcpFlags::RST) => format!("seq {seq} was used before"),
                Ordering::Less => format!("seq {seq} was used before: {me}'s next number is {next}"),
                Ordering::Greater => format!("seq {seq} leaves out {next} to {}", seq - 1),
            });
        }
        if let (Some(ack), Some(sent)) = (told.ack, self.sent[host.other().index()]) {
            checks.push(if ack <= sent {
                format!("ack {ack} is not beyond what {you} has sent, {sent} ✓")
            } else {
                format!("ack {ack} is beyond what was seen of {you}, {sent}")
            });
        }
        if segment.ends.is_some() && !segment.has(TcpFlags::SYN) {
            let taken = if segment.accepted { "✓" } else { "✗" };
            checks.push(format!("{you} may take it (RFC 9293 section 3.10.7.4) {taken}"));
        }
        checks
    }

    /// A packet has passed.
    fn send(&mut self, told: &Told, step: &Step) {
        let (Some(segment), Some(host), Some(seq)) = (step.segment(), told.host, told.seq) else { return };
        let flags = i64::from(segment.has(TcpFlags::SYN)) + i64::from(segment.has(TcpFlags::FIN));
        let sent = &mut self.sent[host.index()];
        if segment.accepted && !segment.has(TcpFlags::RST) {
            *sent = (*sent).max(Some(seq + i64::from(step.len) + flags));
        }
    }

    fn claims(&mut self, claims: &[Claim]) -> io::Result<()> {
        let page = self.page;
        let told: Vec<&Claim> = claims.iter().filter(|claim| page.is_told(claim)).collect();
        // What stands beside a question may not answer it: it is told with the answers.
        let mut questions: Vec<String> = Vec::new();
        let asks = page.config.quiz && told.iter().any(|claim| quiz::question(claim, &page.telling).is_some());
        for claim in told {
            let Some(text) = words::sentence(claim, &page.telling) else { continue };
            let mark = claim.mark.sign();
            if asks && !quiz::is_given(&claim.say) {
                let answer = format!("{mark} {text}");
                match quiz::question(claim, &page.telling).filter(|question| !questions.contains(question)) {
                    Some(question) => {
                        self.ask(&question, &answer)?;
                        questions.push(question);
                    }
                    None => self.answers.push((None, answer)),
                }
            } else if page.config.markdown {
                self.line(&format!("- `{mark}` {text}"))?;
            } else {
                self.wrapped(&format!("   {mark} "), 5, &text)?;
            }
        }
        if page.config.markdown { self.line("") } else { Ok(()) }
    }

    /// The answers of a quiz.
    fn answers(&mut self) -> io::Result<()> {
        if self.answers.is_empty() {
            return Ok(());
        }
        self.title("ANSWERS")?;
        for (number, answer) in std::mem::take(&mut self.answers) {
            let first = match (number, self.page.config.markdown) {
                (Some(number), true) => format!("{number}. "),
                (None, true) => "   ".to_owned(),
                (Some(number), false) => format!("   {number:>2}) "),
                (None, false) => " ".repeat(7),
            };
            self.wrapped(&first, 7, &answer)?;
        }
        Ok(())
    }

    /// Where to go from here.
    fn foot(&mut self) -> io::Result<()> {
        let page = self.page;
        let config = page.config;
        let foot = Foot {
            record: page.record,
            claims: page.told(),
            level: config.level,
            source: &config.source,
            contrast: page.contrast,
            quiz: config.quiz,
            traced: page.story.traced.is_some(),
        };
        self.line("")?;
        for footing in foot.lines() {
            if config.markdown {
                let command = footing.command.map_or_else(String::new, |command| format!(" `{command}`"));
                self.line(&format!("- **{}** {}{command}", footing.name, footing.text))?;
                continue;
            }
            self.wrapped(&format!("{:<9}", footing.name), 9, &footing.text)?;
            if let Some(command) = footing.command {
                self.line(&format!("{:9}{command}", ""))?;
            }
        }
        Ok(())
    }

    fn sums(&mut self) -> io::Result<()> {
        let page = self.page;
        if page.story.sums.is_empty() || page.config.level == Level::First {
            return Ok(());
        }
        self.title("Check the sums")?;
        for sum in &page.story.sums {
            let (me, you) = (sum.host.letter(), sum.host.other().letter());
            let mut text = format!("{me} sent 1 (SYN) + {}", units::count(sum.bytes));
            if sum.fin {
                text.push_str(" + 1 (FIN)");
            }
            let _ = write!(text, " = {} numbers; ", units::count(sum.numbers()));
            match sum.acknowledged {
                Some(ack) if sum.is_even() => {
                    let _ = write!(text, "{you} acknowledged {} ✓", units::count(ack.unsigned_abs()));
                }
                Some(ack) => {
                    let _ = write!(text, "{you} acknowledged {}: the rest is open", units::count(ack.unsigned_abs()));
                }
                None => {
                    let _ = write!(text, "{you} acknowledged none");
                }
            }
            let first = if page.config.markdown { "- " } else { "   " };
            self.wrapped(first, 5, &text)?;
        }
        Ok(())
    }
}

/// Packets that brought these steps: a datagram in fragments came in several.
pub(in crate::output) fn packets(steps: &[&Step]) -> u64 {
    steps.iter().map(|step| step.pieces.len().max(1) as u64).sum()
}

/// What happened, in a sentence.
pub(in crate::output) fn headline(record: &FlowRecord, steps: &[&Step]) -> String {
    let (c, s) = (record.originator, record.responder);
    let (host, port) = (s.ip, s.port);
    let said = |from| steps.iter().filter(|step| step.from == from).find_map(|step| step.phrase.as_ref());
    let came_to_talk = matches!(
        record.state,
        State::Closed
            | State::Open
            | State::HalfClosed
            | State::Closing
            | State::Answered
            | State::ResetByOriginator
            | State::ResetByResponder
    );
    if let (true, Some(asked), Some(answer)) = (came_to_talk, said(c), said(s)) {
        let (asked, answer) = (crate::output::style::clean(&asked.0), crate::output::style::clean(&answer.0));
        let end = match record.state {
            State::ResetByOriginator => "; then it breaks off",
            State::ResetByResponder => ", which then breaks off",
            _ => "",
        };
        return format!("{c} says “{asked}” to {s} and hears “{answer}”{end}.");
    }
    // Their numbers are types and codes, not ports.
    if matches!(record.id.kind, FlowKind::Icmp | FlowKind::Other) {
        let how = match record.state {
            State::Answered => "asked and answered",
            State::NoReply => "asked, and not answered",
            State::OneWay => "one way only",
            other => other.word(),
        };
        return format!("{}, {how}.", Ends::of(record).full("→"));
    }
    match record.state {
        State::Refused if record.id.kind == FlowKind::Tcp => format!("{} knocks at {host} port {port}; nobody is home.", c.ip),
        State::Refused => format!("{} sends to {host} port {port}; nobody is home.", c.ip),
        State::Unreachable => format!("{} asks for {host} port {port} and is told that there is no way.", c.ip),
        State::NoAnswer => format!("{} calls {host} port {port} and hears nothing.", c.ip),
        State::HalfOpen => format!("{} knocks at {host} port {port}, is answered, and never says yes.", c.ip),
        State::Opening => format!("{c} is about to connect to {s}."),
        State::Open => format!("{c} talks with {s}; the capture ends before they hang up."),
        State::Stalled => format!("{c} talks with {s}; in the end one of them does not read."),
        State::Closing => format!("{c} talks with {s}; they are hanging up when the capture ends."),
        State::HalfClosed => format!("{c} talks with {s}; one of them has closed its half."),
        State::Closed => format!("{c} talks with {s}, and both hang up."),
        State::ResetByOriginator => format!("{c} talks with {s} and breaks off."),
        State::ResetByResponder => format!("{c} talks with {s}, which breaks off."),
        State::Midway => format!("{c} talks with {s}, before the capture began and after."),
        State::Answered => format!("{c} asks {s} and is answered."),
        State::NoReply => format!("{c} asks {s} and is not answered."),
        State::OneWay => format!("{c} sends to {s}; nothing comes back."),
    }
}

/// A packet's line behind its time and way.
fn label(told: &Told, step: &Step, config: &StoryConfig) -> String {
    match &step.what {
        What::Segment(segment) => tcp_label(told, step, segment, config),
        What::Datagram(protocol) | What::Piece(protocol) => {
            let name = protocol.name().map_or_else(|| format!("protocol {}", protocol.0), str::to_owned);
            let size = units::counted(u64::from(step.len), "byte");
            match (&step.what, step.pieces.len()) {
                (What::Piece(_), 0) => format!("{name} last fragment, {size}"),
                (What::Piece(_), pieces) => format!("{name} {size} in {pieces} fragments"),
                _ => format!("{name} {size}"),
            }
        }
        What::Message { kind, code, v6, .. } | What::Error { kind, code, v6, .. } => {
            format!("{} {kind}/{code}", if *v6 { "ICMPv6" } else { "ICMP" })
        }
    }
}

/// What a segment is by its flags: `SYN,ACK`, or by its data where it has no other flag than ACK: `73 bytes`.
pub(in crate::output) fn segment_name(segment: &Segment, len: u32, size: &str) -> String {
    const NAMES: [(TcpFlags, &str); 4] =
        [(TcpFlags::SYN, "SYN"), (TcpFlags::FIN, "FIN"), (TcpFlags::RST, "RST"), (TcpFlags::URG, "URG")];
    let mut names: Vec<&str> = NAMES.iter().filter(|(flag, _)| segment.has(*flag)).map(|(_, name)| *name).collect();
    let plain = names.is_empty();
    if segment.has(TcpFlags::ACK) && (!plain || len == 0) {
        names.push("ACK");
    }
    match (len > 0, plain) {
        (true, true) => size.to_owned(),
        (true, false) => format!("{} + {size}", names.join(",")),
        (false, _) if names.is_empty() => "no flags".to_owned(),
        (false, _) => names.join(","),
    }
}

fn tcp_label(told: &Told, step: &Step, segment: &Segment, config: &StoryConfig) -> String {
    let text = segment_name(segment, step.len, &units::counted(u64::from(step.len), "byte"));
    let plain = !segment.has(TcpFlags::SYN | TcpFlags::FIN | TcpFlags::RST | TcpFlags::URG);
    let mut text = format!("{text:<11} ");
    let alone = plain && step.len == 0;
    if !alone || !segment.has(TcpFlags::ACK) {
        match told.seq {
            Some(seq) if step.len > 0 => {
                let _ = write!(text, "seq {seq} … {}", seq + i64::from(step.len) - 1);
            }
            Some(seq) => {
                let _ = write!(text, "seq {seq}");
            }
            None => {
                let _ = write!(text, "seq {} as sent", segment.seq);
            }
        }
        text.push_str("  ");
    }
    if segment.has(TcpFlags::PSH) && config.level > Level::First {
        text.push_str("PSH  ");
    }
    if segment.has(TcpFlags::ACK) {
        match told.ack {
            Some(ack) => {
                let _ = write!(text, "ack {ack}");
            }
            None => {
                let _ = write!(text, "ack {} as sent", segment.ack);
            }
        }
    }
    if config.verbose && config.markdown {
        let _ = write!(text, "  ({})", real(segment));
    }
    text
}

/// Numbers as they were sent; the window in bytes.
fn real(segment: &Segment) -> String {
    format!("real seq {}, ack {}, window {}", segment.seq, segment.ack, segment.window_bytes())
}
