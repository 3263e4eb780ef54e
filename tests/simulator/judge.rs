//! Lets the tracker judge a capture and counts how often it was right.

use crate::capture::{Taken, Truth, capture};
use crate::conditions::{Class, Conditions, Distortion};
use crate::endpoint::MS;
use crate::world::{self, History, TAPS};
use sockeye::decode::decode;
use sockeye::flow::{
    Confidence, FlowEvent, FlowRecord, PacketMeta, Tracker, TrackerConfig, Vantage, Verdict, VerdictKind, Wants,
};
use sockeye::model::Timestamp;
use std::ops::AddAssign;

/// What the tracker said of a capture: of each frame its last word, and the record.
pub(crate) struct Said {
    pub(crate) verdicts: Vec<Option<Verdict>>,
    pub(crate) record: FlowRecord,
}

/// Runs the tracker over a capture; `None` of an empty one.
pub(crate) fn ask(frames: &[Taken], wants: Wants) -> Option<Said> {
    let mut tracker = Tracker::new(TrackerConfig { wants, ..TrackerConfig::default() });
    let mut verdicts: Vec<Option<Verdict>> = vec![None; frames.len()];
    let (mut settled, mut records) = (Vec::new(), Vec::new());
    let mut sink = |event: FlowEvent<'_>| match event {
        FlowEvent::Settled(one) => settled.push((one.number, one.verdict)),
        FlowEvent::Ended(record) => records.push(record.clone()),
        FlowEvent::Handshake(_) => {}
    };
    for (i, taken) in frames.iter().enumerate() {
        let frame = taken.frame(i as u64 + 1);
        let meta = PacketMeta {
            source: 0,
            number: frame.number,
            ts: frame.ts,
            wire_bytes: u64::from(frame.wire_len),
            frames: 1,
            pieces: None,
        };
        tracker.on_time(Timestamp::from_nanos(taken.at), &mut sink);
        verdicts[i] = tracker.on_packet(&meta, &decode(&frame), &mut sink).verdict;
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
    assert!(records.len() <= 1, "one connection, {} records", records.len());
    records.pop().map(|record| Said { verdicts, record })
}

/// Where the capture was made, as the sender of a segment sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tap {
    Sender,
    Middle,
    Receiver,
}

impl Tap {
    pub(crate) const ALL: [Self; TAPS] = [Self::Sender, Self::Middle, Self::Receiver];

    fn of(tap: usize, from: usize) -> Self {
        match (tap, from) {
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
    fn count(&mut self, yes: bool) {
        self.of += 1;
        self.some += u64::from(yes);
    }

    pub(crate) fn percent(self) -> f64 {
        if self.of == 0 { f64::NAN } else { 100.0 * self.some as f64 / self.of as f64 }
    }

    pub(crate) fn at_least(self, percent: f64) -> bool {
        self.of == 0 || self.percent() >= percent
    }

    pub(crate) fn at_most(self, percent: f64) -> bool {
        self.of == 0 || self.percent() <= percent
    }
}

impl AddAssign for Share {
    fn add_assign(&mut self, other: Self) {
        self.of += other.of;
        self.some += other.some;
    }
}

macro_rules! score {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// How right the verdicts were.
        #[derive(Clone, Copy, Debug, Default)]
        pub(crate) struct Score { $($(#[$doc])* pub(crate) $name: Share,)* }

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
    /// Of the needless resends with SACK, those called so; of the needed ones, those called needless.
    spurious,
    needed_as_spurious,
    probes,
    keep_alives,
    /// Frames of which there is nothing to say, and something was said.
    plain_judged,
}

impl Score {
    fn count(&mut self, truth: Truth, verdict: Option<Verdict>, conditions: &Conditions) {
        let kind = verdict.map(|verdict| verdict.kind);
        let sure = verdict.is_some_and(|verdict| verdict.confidence == Some(Confidence::Sure));
        let called_resent = kind.is_some_and(VerdictKind::is_resent);
        let right = right(truth, kind);
        match truth {
            Truth::Resent | Truth::Spurious => {
                self.resent.count(right);
                self.hidden.count(false);
                let called_so = kind == Some(VerdictKind::Spurious);
                match truth {
                    _ if !conditions.sack || !conditions.dsack => {}
                    Truth::Spurious => self.spurious.count(called_so),
                    _ => self.needed_as_spurious.count(called_so),
                }
            }
            Truth::Reordered => {
                self.reordered.count(right);
                if conditions.rtt >= 18 * MS {
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

fn right(truth: Truth, kind: Option<VerdictKind>) -> bool {
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

/// What many runs of one class come to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Total {
    /// By tap.
    pub(crate) scores: [Score; TAPS],
    /// Of hosts at their own tap, with SACK: our count of resends is the kernel's. And the same without SACK.
    pub(crate) kernel: Share,
    pub(crate) kernel_no_sack: Share,
    pub(crate) kernel_probes: Share,
    pub(crate) kernel_keep_alives: Share,
    /// Of whole captures where a round trip takes 2 ms and more, those whose place was found.
    pub(crate) vantage: Share,
    pub(crate) complete: Share,
    /// Verdicts that were wrong, in words, if that was asked for.
    pub(crate) misses: Vec<String>,
}

impl Total {
    /// So many runs from a seed on.
    pub(crate) fn of(class: Class, distortion: Distortion, seeds: std::ops::Range<u64>) -> Self {
        let mut total = Self::default();
        let tell = std::env::var_os("SOCKEYE_MISSES").is_some();
        for seed in seeds {
            let history = world::run(Conditions::new(seed, class, distortion));
            total.complete.count(history.complete);
            for tap in 0..TAPS {
                let frames = capture(&history, tap);
                let Some(said) = ask(&frames, Wants { verdicts: true, measures: true, ..Wants::default() }) else { continue };
                total.add(&history, tap, &frames, &said, tell);
            }
        }
        total
    }

    fn add(&mut self, history: &History, tap: usize, frames: &[Taken], said: &Said, tell: bool) {
        for (i, (taken, verdict)) in frames.iter().zip(&said.verdicts).enumerate() {
            let place = Tap::of(tap, taken.from);
            self.scores[place as usize].count(taken.truth, *verdict, &history.conditions);
            let kind = verdict.map(|verdict| verdict.kind);
            if tell && !right(taken.truth, kind) && !matches!(taken.truth, Truth::Hidden | Truth::Mixed) {
                self.misses.push(miss(history, tap, i, taken, *verdict));
            }
        }
        let whole =
            history.conditions.distortion == Distortion { merged: history.conditions.distortion.merged, ..Distortion::default() };
        if !whole {
            return;
        }
        if history.conditions.rtt >= MS {
            let truth = [Vantage::NearOriginator, Vantage::Between, Vantage::NearResponder][tap];
            self.vantage.count(said.record.vantage == Some(truth));
        }
        let host = match tap {
            0 => 0,
            2 => 1,
            _ => return,
        };
        let side = if host == 0 { &said.record.orig } else { &said.record.resp };
        let (loss, kernel) = (side.loss.unwrap_or_default(), history.counters[host]);
        let same = loss.resent_packets == kernel.resent;
        if history.conditions.sack { &mut self.kernel } else { &mut self.kernel_no_sack }.count(same);
        self.kernel_probes.count(loss.window_probes == kernel.probes);
        self.kernel_keep_alives.count(loss.keep_alives == kernel.keep_alives);
        if tell && (!same || loss.window_probes != kernel.probes || loss.keep_alives != kernel.keep_alives) {
            let c = &history.conditions;
            self.misses.push(format!(
                "COUNTS seed {} {:?} tap {tap} sack {}: said {loss:?}, kernel {kernel:?}",
                c.seed, c.class, c.sack
            ));
        }
    }
}

fn miss(history: &History, tap: usize, i: usize, taken: &Taken, verdict: Option<Verdict>) -> String {
    let c = &history.conditions;
    let said = verdict.map_or("nothing".to_owned(), |v| {
        let evidence: Vec<_> = v.evidence.keys().collect();
        format!("{} {:?} {evidence:?} against {:?} age {:?}", v.kind.key(), v.confidence.map(Confidence::key), v.against, v.age)
    });
    format!(
        "MISS seed {} {:?} tap {} ({}) rtt {:.2} ms sack {} {:?} #{}: {:?} called {said} | {}",
        c.seed,
        c.class,
        tap,
        Tap::of(tap, taken.from).word(),
        c.rtt as f64 / 1e6,
        c.sack,
        c.traffic,
        i + 1,
        taken.truth,
        taken.line(),
    )
}
