//! Many runs of a kind: what the tracker says of their captures, counted against the truth and the senders' own counters.

use crate::capture::{Taken, capture};
use crate::conditions::{Conditions, Distortion};
use crate::endpoint::MS;
use crate::truth::{Class, Said, Score, Share, TAPS, Tap, Truth, ask, right, words};
use crate::world::{self, History};
use sockeye::flow::{Vantage, Verdict, Wants};

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
    /// What was judged wrongly, in words, if that was asked for.
    pub(crate) misses: Vec<String>,
}

impl Total {
    /// Each of these seeds.
    pub(crate) fn of(class: Class, distortion: Distortion, seeds: std::ops::Range<u64>) -> Self {
        let mut total = Self::default();
        let tell = std::env::var_os("SOCKEYE_MISSES").is_some();
        for seed in seeds {
            let history = world::run(Conditions::new(seed, class, distortion));
            for tap in 0..TAPS {
                let frames = capture(&history, tap);
                let wants = Wants { verdicts: true, ..Wants::default() };
                let said = ask(frames.iter().enumerate().map(|(i, taken)| taken.frame(i as u64 + 1)), wants);
                total.add_frames(&history, tap, &frames, &said, tell);
                if distortion == (Distortion { merged: distortion.merged, ..Distortion::default() }) {
                    total.add_counts(&history, tap, &said, tell);
                }
            }
        }
        total.misses.iter().for_each(|miss| println!("{miss}"));
        total
    }

    /// The taps together.
    pub(crate) fn all(&self) -> Score {
        let mut all = Score::default();
        self.scores.into_iter().for_each(|score| all += score);
        all
    }

    fn add_frames(&mut self, history: &History, tap: usize, frames: &[Taken], said: &Said, tell: bool) {
        let c = &history.conditions;
        for (i, (taken, verdict)) in frames.iter().zip(&said.verdicts).enumerate() {
            let place = Tap::of(tap, taken.from);
            self.scores[place as usize].count(taken.truth, *verdict, c.rtt >= 20 * MS, c.sack && c.dsack);
            let is_right = right(taken.truth, verdict.map(|verdict| verdict.kind));
            if tell && !is_right && !matches!(taken.truth, Truth::Hidden | Truth::Mixed) {
                self.misses.push(miss(c, tap, i, taken, *verdict));
            }
        }
    }

    /// Counts of whole connections.
    fn add_counts(&mut self, history: &History, tap: usize, said: &Said, tell: bool) {
        let c = &history.conditions;
        let [record] = &said.records[..] else { panic!("seed {}: one connection, {} records", c.seed, said.records.len()) };
        if c.rtt >= MS {
            let truth = [Vantage::NearOriginator, Vantage::Between, Vantage::NearResponder][tap];
            self.vantage.count(record.vantage == Some(truth));
            if tell && record.vantage != Some(truth) {
                self.misses.push(format!("PLACE seed {} {:?}: {truth:?} called {:?}", c.seed, c.class, record.vantage));
            }
        }
        let (host, side) = match tap {
            0 => (0, &record.orig),
            2 => (1, &record.resp),
            _ => return,
        };
        let (loss, kernel) = (side.loss.unwrap_or_default(), history.counters[host]);
        let same = loss.resent_packets == kernel.resent;
        if c.sack { &mut self.kernel } else { &mut self.kernel_no_sack }.count(same);
        self.kernel_probes.count(loss.window_probes == kernel.probes);
        self.kernel_keep_alives.count(loss.keep_alives == kernel.keep_alives);
        if tell && (!same || loss.window_probes != kernel.probes || loss.keep_alives != kernel.keep_alives) {
            self.misses.push(format!(
                "COUNTS seed {} {:?} tap {tap} sack {}: said {loss:?}, sender {kernel:?}",
                c.seed, c.class, c.sack
            ));
        }
    }
}

fn miss(c: &Conditions, tap: usize, i: usize, taken: &Taken, verdict: Option<Verdict>) -> String {
    format!(
        "MISS seed {} {:?} tap {tap} ({}) rtt {:.2} ms sack {} {:?} #{}: {:?} called {} | {}",
        c.seed,
        c.class,
        Tap::of(tap, taken.from).word(),
        c.rtt as f64 / 1e6,
        c.sack,
        c.traffic,
        i + 1,
        taken.truth,
        words(verdict),
        taken.line(),
    )
}
