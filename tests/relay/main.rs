//! Real kernels over a relay that loses, delays, overtakes and copies packets and logs what it did. Verdicts are held to its
//! log, counts to the kernels' own. Needs root and /dev/net/tun; else a loud line is printed. docs/verdicts.md has figures;
//! `SOCKEYE_RUNS=n SOCKEYE_MISSES=1 cargo test --test relay -- --nocapture` makes them, and says what was judged wrongly.

#![cfg(target_os = "linux")]

mod hosts;
#[path = "../support/link.rs"]
mod link;
#[path = "../support/netns.rs"]
mod netns;
mod relay;
#[path = "../support/rng.rs"]
mod rng;
mod run;
mod sys;
mod tap;
#[path = "../support/truth.rs"]
mod truth;

use run::{Conditions, History, Traffic, run};
use sockeye::flow::{FlowRecord, LossRecord, Wants};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use truth::{Class, HEAD, Score, Share, TAPS, Tap, Truth, ask, right, rows, words};

/// Runs, each of a class in turn.
const RUNS: u64 = 10;
/// At one time: they wait more than they work.
const TOGETHER: usize = 5;
/// First seed of the tests.
const HELD_OUT: u64 = 1 << 32;

/// A number from the environment.
fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is no number")))
}

/// What many runs come to.
#[derive(Default)]
struct Total {
    scores: BTreeMap<Class, [Score; TAPS]>,
    /// Hosts with SACK whose kernel counted what its own packets show; of these, those of which we count the same.
    kernel: Share,
    /// Hosts whose kernel counted something else than packets sent again.
    kernel_differs: Share,
}

/// Lets many runs happen, several at a time. `None`, loudly, where that is not possible.
fn histories(runs: u64, each: impl Fn(History) + Sync) -> Option<()> {
    let (next, first) = (AtomicU64::new(0), number("SOCKEYE_SEED", HELD_OUT));
    let possible = thread::scope(|scope| {
        let workers: Vec<_> = (0..TOGETHER)
            .map(|_| {
                scope.spawn(|| {
                    loop {
                        let i = next.fetch_add(1, Ordering::Relaxed);
                        if i >= runs {
                            return Some(());
                        }
                        let class = Class::ALL[i as usize % Class::ALL.len()];
                        each(run(Conditions::new(first + i, class), Traffic::Mixed)?);
                    }
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).min()
    });
    possible.flatten()
}

#[test]
fn verdicts_are_what_the_relay_did() {
    let total = Mutex::new(Total::default());
    let Some(()) = histories(number("SOCKEYE_RUNS", RUNS), |history| judge(&history, &total)) else { return };
    let total = total.into_inner().expect("no panic");
    println!("{HEAD}");
    let mut below = Vec::new();
    for (class, scores) in &total.scores {
        println!("{}", rows(class.words(), scores));
        for tap in Tap::ALL {
            for (what, holds, share) in class.bars(tap, &scores[tap as usize]) {
                // A few runs may overtake or copy nothing, but each sends again and says something for sure.
                if share.of == 0 && (what.starts_with("resent") || what.starts_with("sure")) {
                    below.push(format!("{} {}: {what}: none", class.words(), tap.word()));
                }
                // So few that one is more than the bar allows.
                let one = share.of - share.some <= 1 || share.some <= 1 && what.contains("at most");
                if !holds && !one {
                    below.push(format!("{} {}: {what}: {} of {}", class.words(), tap.word(), share.some, share.of));
                }
            }
        }
    }
    let Share { of, some } = total.kernel;
    println!("with SACK, at the sender: {some} of {of} counts of resends are the kernel's");
    let Share { of: kernels, some: others } = total.kernel_differs;
    println!("{others} of {kernels} kernels counted something else than the packets that they sent again");
    if some != of || of == 0 {
        below.push(format!("counts of resends that are the kernel's: {some} of {of}"));
    }
    let resent: u64 = total.scores.values().map(|scores| scores[0].resent.of).sum();
    assert!(resent > 0, "nothing was resent");
    assert!(below.is_empty(), "below the bar:\n{}", below.join("\n"));
}

fn judge(history: &History, total: &Mutex<Total>) {
    let mut scores = [Score::default(); TAPS];
    let c = &history.conditions;
    let tell = std::env::var_os("SOCKEYE_MISSES").is_some();
    let mut counts = Vec::new();
    for (place, taken) in history.taps.iter().enumerate() {
        let frames = taken.iter().enumerate().map(|(i, taken)| taken.kept.frame(i as u64 + 1));
        let said = ask(frames, Wants { verdicts: true, ..Wants::default() });
        for (i, (taken, verdict)) in taken.iter().zip(&said.verdicts).enumerate() {
            let Some((at, truth)) = taken.truth else { continue };
            let tap = Tap::of(place, at.from);
            scores[tap as usize].count(truth, *verdict, c.rtt >= 20_000_000, c.settings.sack);
            let is_right = right(truth, verdict.map(|verdict| verdict.kind));
            if tell && !is_right && !matches!(truth, Truth::Hidden | Truth::Mixed) {
                println!(
                    "MISS seed {} {:?} {} rtt {} ms sack {} #{}: {truth:?} called {} | {at:?}",
                    c.seed,
                    c.class,
                    tap.word(),
                    c.rtt as f64 / 1e6,
                    c.settings.sack,
                    i + 1,
                    words(*verdict),
                );
            }
        }
        match place {
            0 => counts.push((0, sum(&said.records, |record| record.orig.loss))),
            2 => counts.push((1, sum(&said.records, |record| record.resp.loss))),
            _ => {}
        }
    }
    let mut total = total.lock().expect("no panic");
    let all = total.scores.entry(c.class).or_default();
    all.iter_mut().zip(scores).for_each(|(all, score)| *all += score);
    for (host, ours) in counts {
        let (kernel, packets) = (history.counters[host].resent, history.sent_again[host]);
        total.kernel_differs.count(kernel != packets);
        if c.settings.sack && kernel == packets {
            total.kernel.count(ours.resent_packets == kernel);
        }
        if tell && ours.resent_packets != kernel {
            println!("COUNTS seed {} {:?} host {host}: kernel {kernel}, packets {packets}, ours {ours:?}", c.seed, c.class);
        }
    }
}

/// Counts of one side over all connections.
fn sum(records: &[FlowRecord], side: impl Fn(&FlowRecord) -> Option<LossRecord>) -> LossRecord {
    let mut all = LossRecord::default();
    for loss in records.iter().filter_map(side) {
        all.resent_packets += loss.resent_packets;
        all.window_probes += loss.window_probes;
        all.keep_alives += loss.keep_alives;
    }
    all
}

/// Window probes and keep-alives, at their sender: as many as the kernel counted. A run in which the kernels were busy resending
/// instead shows too few of them: then another is made.
#[test]
fn probes_are_counted_as_by_the_kernel() {
    /// Runs at most.
    const TRIES: u64 = 4;
    let mut last = None;
    for seed in (number("SOCKEYE_SEED", HELD_OUT)..).take(TRIES as usize) {
        let mut conditions = Conditions::new(seed, Class::IdAndTimestamps);
        conditions.rtt = 5_000_000;
        conditions.faults = link::Faults { loss: 0.04, reordering: 0.02, duplication: 0.01, marking: 0.0 };
        let Some(history) = run(conditions, Traffic::Probes) else { return };
        for (place, host) in [(0, 0), (2, 1)] {
            let frames = history.taps[place].iter().enumerate().map(|(i, taken)| taken.kept.frame(i as u64 + 1));
            let said = ask(frames, Wants { verdicts: true, ..Wants::default() });
            let ours = sum(&said.records, |record| if host == 0 { record.orig.loss } else { record.resp.loss });
            let kernel = history.counters[host];
            println!("host {host}: {kernel:?}, ours {ours:?}");
            assert_eq!((ours.window_probes, ours.keep_alives), (kernel.probes, kernel.keep_alives), "host {host}");
        }
        if history.counters[0].keep_alives >= 2 && history.counters[1].probes >= 2 {
            return;
        }
        last = Some(history.counters);
    }
    panic!("no run of {TRIES} has two keep-alives and two probes: {last:?}");
}
