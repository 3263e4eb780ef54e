//! Verdicts held to the truth: the bars, row by row, and the table.

use crate::conditions::Distortion;
use crate::judge::Total;
use crate::seeds;
use crate::truth::{Class, Tap};

/// Runs of each class; a run is seen at three taps.
pub(crate) const RUNS: u64 = 400;

/// Runs the class and holds it to its bars.
fn hold(class: Class) {
    let seeds = seeds(RUNS);
    let total = Total::of(class, Distortion::default(), seeds.clone());
    let mut below = Vec::new();
    for tap in Tap::ALL {
        let s = &total.scores[tap as usize];
        for (what, holds, share) in class.bars(tap, s) {
            if !holds {
                below.push(format!(
                    "{} {}: {what}: {} of {} ({:.3} %)",
                    class.words(),
                    tap.word(),
                    share.some,
                    share.of,
                    share.percent()
                ));
            }
        }
        assert!(s.resent.of > seeds.end - seeds.start, "{}: too few resends at the {}", class.words(), tap.word());
    }
    for (what, share) in
        [("resends", total.kernel), ("window probes", total.kernel_probes), ("keep-alives", total.kernel_keep_alives)]
    {
        if share.some != share.of {
            below.push(format!(
                "{} at the sender, counts of {what} that are the kernel's: {} of {}",
                class.words(),
                share.some,
                share.of
            ));
        }
    }
    if !total.vantage.at_least(99.0) {
        below.push(format!("place of the capture found: {:.2} %", total.vantage.percent()));
    }
    assert!(below.is_empty(), "below the bar, seeds {seeds:?}:\n{}", below.join("\n"));
}

#[test]
fn with_ip_ids_and_timestamps() {
    hold(Class::IdAndTimestamps);
}

#[test]
fn with_ip_ids_only() {
    hold(Class::IdOnly);
}

#[test]
fn with_timestamps_only() {
    hold(Class::TimestampsOnly);
}

#[test]
fn with_ecn_only() {
    hold(Class::EcnOnly);
}

#[test]
fn with_nothing() {
    hold(Class::Nothing);
}

/// Captures that are not what passed.
pub(crate) fn distortions() -> Vec<(&'static str, Distortion)> {
    let none = Distortion::default();
    vec![
        ("capture lost 0.1 %", Distortion { missed: 0.001, ..none }),
        ("capture lost 1 %", Distortion { missed: 0.01, ..none }),
        ("capture lost 10 %", Distortion { missed: 0.1, ..none }),
        ("capture lost bursts of 5-60", Distortion { bursts: 0.003, ..none }),
        ("packets merged (GRO, TSO)", Distortion { merged: true, ..none }),
        ("IP-IDs of a busy host (37 a packet)", Distortion { global_ids: Some(37), ..none }),
        ("random IP-IDs", Distortion { random_ids: true, ..none }),
        ("timestamps in ticks of 4 to 100 ms", Distortion { slow_clock: true, ..none }),
        ("capture begins after 60 packets", Distortion { midway: 60, ..none }),
    ]
}

/// Whatever is done to a capture: what is said for sure is right, and what is reordered is not called resent for sure.
#[test]
fn distorted_captures_are_not_judged_rashly() {
    let mut below = Vec::new();
    for (name, distortion) in distortions() {
        for class in Class::ALL {
            let total = Total::of(class, distortion, seeds(RUNS / 10));
            let all = total.all();
            if !all.sure.at_least(99.5) {
                below.push(format!("{name}, {}: {} of {} sure verdicts right", class.words(), all.sure.some, all.sure.of));
            }
            if !all.reordered_as_resent_surely.at_most(1.0) {
                let share = all.reordered_as_resent_surely;
                below.push(format!("{name}, {}: {} of {} reordered called resent for sure", class.words(), share.some, share.of));
            }
        }
    }
    assert!(below.is_empty(), "{}", below.join("\n"));
}
