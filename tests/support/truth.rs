//! What a frame really was, and how often sockeye said so: shared by the simulator, which knows, and the relay, which logs.
#![allow(dead_code, reason = "each test program uses its part")]

use sockeye::decode::decode;
use sockeye::flow::{Confidence, FlowEvent, FlowRecord, PacketMeta, Tracker, TrackerConfig, Verdict, VerdictKind, Wants};
use sockeye::model::Frame;
use std::collections::HashSet;
use std::ops::AddAssign;

/// Why a segment was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Its bytes for the first time; or none.
    Original,
    /// Its bytes once more.
    Resent,
    /// Asks whether the window is still shut.
    Probe,
    /// Asks whether the peer is still there.
    KeepAlive,
}

/// One sending of a segment, as far as labels need it. Places count from the SYN, which is 0.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sending {
    /// In the order of sending.
    pub(crate) id: u64,
    pub(crate) role: Role,
    pub(crate) start: u64,
    pub(crate) end: u64,
    /// Resent, and all of it arrived by earlier sendings as well.
    pub(crate) needless: bool,
}

/// What a frame is at its tap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Truth {
    /// Nothing to be said: in order, over a hole, or without a place in the stream.
    Plain,
    Resent,
    /// Resent, although an earlier sending arrived as well.
    Spurious,
    /// Sent before something that passed this tap before it.
    Reordered,
    /// The same sending once more.
    Duplicate,
    KeepAlive,
    Probe,
    /// Resent, and all the same the highest bytes ever at this tap: nothing tells.
    Hidden,
    /// Merged of a part for the first time and a part once more, both new here.
    Mixed,
}

/// What passed a tap of one direction of a connection so far.
#[derive(Debug, Default)]
pub(crate) struct Labels {
    ids: HashSet<u64>,
    /// Pieces of the stream, apart from each other.
    seen: Vec<(u64, u64)>,
    highest: Option<u64>,
}

impl Labels {
    /// The truth of the next frame. Several sendings are merged in one frame where offloading did that; a merged frame is
    /// what the part of it is that fills a hole, or else the part that passed before.
    pub(crate) fn label(&mut self, parts: &[Sending]) -> Truth {
        let (start, end) = (parts[0].start, parts[parts.len() - 1].end);
        let below = self.highest.is_some_and(|highest| start < highest);
        // Of what lies beyond the highest number there is nothing to be said.
        let beyond = |part: &&Sending| self.highest.is_none_or(|highest| part.start >= highest);
        let seen = |part: &&Sending| self.has(part.start, part.end);
        let pick = |keep: &dyn Fn(&&Sending) -> bool| parts.iter().filter(keep).collect::<Vec<_>>();
        let sets = [pick(&|part| !seen(part) && !beyond(part)), pick(&|part| seen(part)), pick(&|_| true)];
        let judged = sets.into_iter().find(|set| !set.is_empty()).expect("a part");
        let again = judged.iter().all(|part| self.ids.contains(&part.id));
        let resent = judged.iter().filter(|part| part.role == Role::Resent).count();
        let truth = match parts[0].role {
            Role::Probe => Truth::Probe,
            Role::KeepAlive => Truth::KeepAlive,
            _ if start == end => Truth::Plain,
            _ if again => Truth::Duplicate,
            _ if resent > 0 && resent < judged.len() => Truth::Mixed,
            _ if resent > 0 && !below => Truth::Hidden,
            _ if resent > 0 && judged.iter().all(|part| part.needless) => Truth::Spurious,
            _ if resent > 0 => Truth::Resent,
            _ if below => Truth::Reordered,
            _ => Truth::Plain,
        };
        self.ids.extend(parts.iter().map(|part| part.id));
        if start < end {
            self.highest = self.highest.max(Some(end));
            self.take(start, end);
        }
        truth
    }

    /// Did all of it pass?
    pub(crate) fn has(&self, start: u64, end: u64) -> bool {
        self.seen.iter().any(|one| one.0 <= start && end <= one.1)
    }

    /// Did any of it pass?
    pub(crate) fn touches(&self, start: u64, end: u64) -> bool {
        self.seen.iter().any(|one| one.0 < end && start < one.1)
    }

    pub(crate) fn take(&mut self, mut start: u64, mut end: u64) {
        self.seen.retain(|one| {
            let touches = one.0 <= end && start <= one.1;
            if touches {
                (start, end) = (start.min(one.0), end.max(one.1));
            }
            !touches
        });
        self.seen.push((start, end));
    }
}

/// What the tracker said of a capture: of each frame its last word, and the records.
pub(crate) struct Said {
    pub(crate) verdicts: Vec<Option<Verdict>>,
    pub(crate) records: Vec<FlowRecord>,
}

/// Runs the tracker over a capture whose frames are numbered from 1.
///
/// # Panics
/// Where a provisional verdict is not settled, or settled twice.
pub(crate) fn ask<'a>(frames: impl Iterator<Item = Frame<'a>>, wants: Wants) -> Said {
    let mut tracker = Tracker::new(TrackerConfig { wants, ..TrackerConfig::default() });
    let mut verdicts: Vec<Option<Verdict>> = Vec::new();
    let (mut settled, mut records) = (Vec::new(), Vec::new());
    let mut sink = |event: FlowEvent<'_>| match event {
        FlowEvent::Settled(one) => settled.push((one.number, one.verdict)),
        FlowEvent::Ended(record) => records.push(record.clone()),
        FlowEvent::Handshake(_) | FlowEvent::Stream(_) | FlowEvent::Learnt(_) | FlowEvent::Neighbour(_) => {}
    };
    for frame in frames {
        let meta = PacketMeta {
            source: 0,
            number: frame.number,
            ts: frame.ts,
            wire_bytes: u64::from(frame.wire_len),
            frames: 1,
            marks: sockeye::model::FrameMarks::NONE,
            interface: 0,
            pieces: None,
        };
        tracker.on_time(frame.ts, &mut sink);
        verdicts.push(tracker.on_packet(&meta, &decode(&frame), &mut sink).verdict);
    }
    tracker.finish(&mut sink);
    for (number, verdict) in settled {
        let before = &mut verdicts[number as usize - 1];
        assert!(before.is_some_and(|before| !before.settled), "packet {number} is settled once: {before:?}");
        assert!(verdict.settled, "a last word is settled");
        *before = Some(verdict);
    }
    for (i, verdict) in verdicts.iter().enumerate() {
        assert!(verdict.is_none_or(|verdict| verdict.settled), "packet {} is never settled", i + 1);
    }
    Said { verdicts, records }
}

/// Where the capture was made, as the sender of a segment sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tap {
    Sender,
    Middle,
    Receiver,
}

/// Places of taps: at host 0, in the middle, at host 1.
pub(crate) const TAPS: usize = 3;

impl Tap {
    pub(crate) const ALL: [Self; TAPS] = [Self::Sender, Self::Middle, Self::Receiver];

    /// What a place is to a host.
    pub(crate) fn of(place: usize, host: usize) -> Self {
        match (place, host) {
            (1, _) => Self::Middle,
            (0, 0) | (2, 1) => Self::Sender,
            _ => Self::Receiver,
        }
    }

    pub(crate) fn word(self) -> &'static str {
        ["sender", "middle", "receiver"][self as usize]
    }
}

/// Some of so many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Share {
    pub(crate) of: u64,
    pub(crate) some: u64,
}

impl Share {
    pub(crate) fn count(&mut self, yes: bool) {
        self.of += 1;
        self.some += u64::from(yes);
    }

    pub(crate) fn percent(self) -> f64 {
        if self.of == 0 { f64::NAN } else { 100.0 * self.some as f64 / self.of as f64 }
    }

    /// Of nothing no bar holds.
    pub(crate) fn at_least(self, percent: f64) -> bool {
        self.of > 0 && self.percent() >= percent
    }

    pub(crate) fn at_most(self, percent: f64) -> bool {
        self.of > 0 && self.percent() <= percent
    }

    /// For tables.
    pub(crate) fn cell(self) -> String {
        if self.of == 0 { "–".to_owned() } else { format!("{:.2}", self.percent()) }
    }
}

impl AddAssign for Share {
    fn add_assign(&mut self, other: Self) {
        self.of += other.of;
        self.some += other.some;
    }
}

macro_rules! score {
    ($($(#[doc = $doc:literal])* $name:ident,)*) => {
        /// How right the verdicts were.
        #[derive(Clone, Copy, Debug, Default)]
        pub(crate) struct Score { $($(#[doc = $doc])* pub(crate) $name: Share,)* }

        impl AddAssign for Score {
            fn add_assign(&mut self, other: Self) { $(self.$name += other.$name;)* }
        }
    };
}

score! {
    resent,
    reordered,
    /// The same where a round trip takes 20 ms and more.
    reordered_far,
    reordered_as_resent,
    reordered_as_resent_surely,
    duplicates,
    /// Of the sure verdicts, right ones.
    sure,
    unsure,
    not_sure,
    /// Of the resends, those that nothing tells: the highest bytes ever at this tap.
    hidden,
    /// Of the needless resends that a receiver reports, those called so.
    spurious,
    needed_as_spurious,
    probes,
    keep_alives,
    /// Frames of which there is nothing to say, and something was said.
    plain_judged,
}

impl Score {
    /// `far`: a round trip takes 20 ms and more. `reports`: the receiver reports what comes twice (DSACK).
    pub(crate) fn count(&mut self, truth: Truth, verdict: Option<Verdict>, far: bool, reports: bool) {
        let kind = verdict.map(|verdict| verdict.kind);
        let sure = verdict.is_some_and(|verdict| verdict.confidence == Some(Confidence::Sure));
        let called_resent = kind.is_some_and(VerdictKind::is_resent);
        let called_spurious = kind == Some(VerdictKind::Spurious);
        let right = right(truth, kind);
        match truth {
            Truth::Resent | Truth::Spurious => {
                self.resent.count(right);
                self.hidden.count(false);
                match truth {
                    _ if !reports => {}
                    Truth::Spurious => self.spurious.count(called_spurious),
                    _ => self.needed_as_spurious.count(called_spurious),
                }
            }
            Truth::Reordered => {
                self.reordered.count(right);
                if far {
                    self.reordered_far.count(right);
                }
                self.reordered_as_resent.count(called_resent);
                self.reordered_as_resent_surely.count(called_resent && sure);
            }
            Truth::Duplicate => self.duplicates.count(right),
            Truth::Hidden => self.hidden.count(true),
            Truth::Plain => self.plain_judged.count(verdict.is_some()),
            Truth::Probe => self.probes.count(right),
            Truth::KeepAlive => self.keep_alives.count(right),
            Truth::Mixed => {}
        }
        if matches!(truth, Truth::Resent | Truth::Spurious | Truth::Reordered | Truth::Duplicate) {
            self.unsure.count(kind.is_none_or(|kind| kind == VerdictKind::Unsure));
            self.not_sure.count(!sure);
            if sure {
                self.sure.count(right);
            }
        }
    }
}

/// Is that what it was?
pub(crate) fn right(truth: Truth, kind: Option<VerdictKind>) -> bool {
    let Some(kind) = kind else { return truth == Truth::Plain };
    match truth {
        Truth::Resent | Truth::Spurious => kind.is_resent(),
        Truth::Reordered => kind == VerdictKind::Reordered,
        Truth::Duplicate => kind == VerdictKind::Duplicate,
        Truth::Probe => kind == VerdictKind::WindowProbe,
        Truth::KeepAlive => kind == VerdictKind::KeepAlive,
        Truth::Plain | Truth::Hidden | Truth::Mixed => false,
    }
}

/// A verdict in words, for people who mend rules.
pub(crate) fn words(verdict: Option<Verdict>) -> String {
    verdict.map_or("nothing".to_owned(), |v| {
        let evidence: Vec<_> = v.evidence.keys().collect();
        let age = v.age.map(|age| age.nanos() as f64 / 1e6);
        format!("{} {:?} {evidence:?} against {:?} age {age:?} ms", v.kind.key(), v.confidence.map(Confidence::key), v.against)
    })
}

/// What packets offer for telling in which order they were sent: the rows of the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    IdAndTimestamps,
    IdOnly,
    TimestampsOnly,
    EcnOnly,
    Nothing,
}

impl Class {
    pub(crate) const ALL: [Self; 5] = [Self::IdAndTimestamps, Self::IdOnly, Self::TimestampsOnly, Self::EcnOnly, Self::Nothing];

    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::IdAndTimestamps => "IP-ID + timestamps",
            Self::IdOnly => "IP-ID only",
            Self::TimestampsOnly => "timestamps only",
            Self::EcnOnly => "ECN only",
            Self::Nothing => "nothing",
        }
    }

    /// What is asked of it at a tap. At the sender nothing was overtaken yet, and nothing copied: bars on those do not apply.
    pub(crate) fn bars(self, tap: Tap, s: &Score) -> Vec<(&'static str, bool, Share)> {
        let surely = s.reordered_as_resent_surely;
        let on_the_way = tap != Tap::Sender;
        let bars = match self {
            Self::IdAndTimestamps | Self::IdOnly => vec![
                ("resent called resent, 99.9 %", s.resent.at_least(99.9), s.resent),
                ("reordered called resent, at most 0.1 %", s.reordered_as_resent.at_most(0.1), s.reordered_as_resent),
                ("reordered called so, 99 %", s.reordered.at_least(99.0), s.reordered),
                ("duplicates called so, 99.5 %", s.duplicates.at_least(99.5), s.duplicates),
                ("sure and right, 99.95 %", s.sure.at_least(99.95), s.sure),
                ("unsure, at most 0.5 %", s.unsure.at_most(0.5), s.unsure),
            ],
            // At the receiver, below two ticks, a few cannot be told (docs/verdicts.md).
            Self::TimestampsOnly => vec![
                (
                    "resent called resent, 99.5 % (receiver 99.3 %)",
                    s.resent.at_least(if tap == Tap::Receiver { 99.3 } else { 99.5 }),
                    s.resent,
                ),
                ("reordered called resent, at most 0.1 %", s.reordered_as_resent.at_most(0.1), s.reordered_as_resent),
                ("sure and right, 99.9 %", s.sure.at_least(99.9), s.sure),
                ("reordered called so where a round trip takes 20 ms, 90 %", s.reordered_far.at_least(90.0), s.reordered_far),
            ],
            Self::EcnOnly => vec![
                ("resent called resent, 99 %", s.resent.at_least(99.0), s.resent),
                ("reordered called resent for sure, at most 0.1 %", surely.at_most(0.1), surely),
                ("sure and right, 99.9 %", s.sure.at_least(99.9), s.sure),
            ],
            Self::Nothing if tap == Tap::Sender => vec![
                ("resent called resent, 99.9 %", s.resent.at_least(99.9), s.resent),
                ("sure and right, 99.9 %", s.sure.at_least(99.9), s.sure),
            ],
            Self::Nothing => vec![
                ("sure and right, 99.8 %", s.sure.at_least(99.8), s.sure),
                ("reordered called resent for sure, at most 0.5 %", surely.at_most(0.5), surely),
            ],
        };
        let applies = |what: &str| on_the_way || !(what.starts_with("reordered") || what.starts_with("duplicates"));
        bars.into_iter().filter(|(what, ..)| applies(what)).collect()
    }
}

/// The head of [`rows`].
pub(crate) const HEAD: &str = "| evidence | tap | resent | called so % | reordered | called so % | at RTT from 20 ms % | \
    called resent % | and sure % | duplicates | called so % | sure | right % | unsure % | not sure % | hidden % |\n\
    |---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|";

/// A line for each tap.
pub(crate) fn rows(name: &str, scores: &[Score; TAPS]) -> String {
    let line = |tap: Tap| {
        let s = &scores[tap as usize];
        let cells = [
            name.to_owned(),
            tap.word().to_owned(),
            s.resent.of.to_string(),
            s.resent.cell(),
            s.reordered.of.to_string(),
            s.reordered.cell(),
            s.reordered_far.cell(),
            s.reordered_as_resent.cell(),
            s.reordered_as_resent_surely.cell(),
            s.duplicates.of.to_string(),
            s.duplicates.cell(),
            s.sure.of.to_string(),
            s.sure.cell(),
            s.unsure.cell(),
            s.not_sure.cell(),
            s.hidden.cell(),
        ];
        format!("| {} |", cells.join(" | "))
    };
    Tap::ALL.map(line).join("\n")
}
