//! What people read: the tables of docs/verdicts.md, and captures of single runs with their truth. Run when asked for.

use crate::capture::capture;
use crate::conditions::{Conditions, Distortion};
use crate::judge::Total;
use crate::truth::{Class, HEAD, Share, TAPS, rows};
use crate::verdicts::{RUNS, distortions};
use crate::{seeds, world};
use sockeye::model::LinkType;
use sockeye::pcapfile::write::{pcap_header, pcap_record};
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

/// Prints the tables of docs/verdicts.md.
#[test]
#[ignore = "prints a table"]
fn table() {
    let seeds = seeds(RUNS);
    let totals = Class::ALL.map(|class| (class, Total::of(class, Distortion::default(), seeds.clone())));
    println!("{} runs a row, seeds from {}\n\n{HEAD}", seeds.end - seeds.start, seeds.start);
    for (class, total) in &totals {
        println!("{}", rows(class.words(), &total.scores));
    }
    let head = [
        "evidence",
        "sender's resends counted exactly, SACK",
        "without SACK",
        "window probes",
        "keep-alives",
        "spurious called so %",
        "needed called spurious %",
        "probes called so %",
        "keep-alives called so %",
        "place found %",
        "plain called something %",
    ];
    println!("\n| {} |\n{}|", head.join(" | "), "|---".repeat(head.len()));
    for (class, total) in &totals {
        println!("| {} | {} |", class.words(), counts(total).join(" | "));
    }
    println!("\n| distortion | evidence | resent called so % | reordered called resent % | sure right % | unsure % |");
    println!("{}|", "|---".repeat(6));
    for (name, distortion) in distortions() {
        for class in Class::ALL {
            let all = Total::of(class, distortion, seeds.start..seeds.start + (seeds.end - seeds.start) / 4).all();
            let cells = [all.resent, all.reordered_as_resent, all.sure, all.unsure].map(Share::cell);
            println!("| {name} | {} | {} |", class.words(), cells.join(" | "));
        }
    }
}

fn counts(total: &Total) -> Vec<String> {
    let exact = [total.kernel, total.kernel_no_sack, total.kernel_probes, total.kernel_keep_alives];
    let all = total.all();
    let shares = [all.spurious, all.needed_as_spurious, all.probes, all.keep_alives, total.vantage, all.plain_judged];
    let exact = exact.into_iter().map(|share| format!("{} of {}", share.some, share.of));
    exact.chain(shares.into_iter().map(Share::cell)).collect()
}

/// Writes the captures of a run, `SOCKEYE_SEED` and each class, into `SOCKEYE_KEEP`.
#[test]
#[ignore = "writes files"]
fn keep() {
    let folder = PathBuf::from(std::env::var_os("SOCKEYE_KEEP").expect("SOCKEYE_KEEP names a folder"));
    for class in Class::ALL {
        for seed in seeds(1) {
            let history = world::run(Conditions::new(seed, class, Distortion::default()));
            for tap in 0..TAPS {
                let (mut out, mut truths) = (Vec::new(), String::new());
                pcap_header(&mut out, true, 128, LinkType::RAW, None);
                for (i, taken) in capture(&history, tap).iter().enumerate() {
                    assert!(pcap_record(&mut out, true, &taken.frame(i as u64 + 1)));
                    let _ = writeln!(truths, "{}\t{:?}\t{}", i + 1, taken.truth, taken.line());
                }
                let name = format!("{class:?}-{seed}-{tap}");
                fs::write(folder.join(format!("{name}.pcap")), out).expect("written");
                fs::write(folder.join(format!("{name}.truth")), truths).expect("written");
            }
        }
    }
}
