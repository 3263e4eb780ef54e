//! Wireshark's labels beside tshark's own, packet by packet, on traffic made here: random segments on few ports, so that every
//! rule is met, and every neighbourhood of rules.
//!
//! The reference is version 4.0; other versions have other rules. Without it the comparison is skipped, and says so.
//! `SOCKEYE_SEEDS=100..300` compares these seeds instead of the few that always run.

mod oracle;
#[path = "../support/rng.rs"]
mod rng;
mod traffic;

use oracle::{Said, compare};
use sockeye::flow::wireshark::Labels;
use std::collections::BTreeMap;
use std::ops::Range;

/// Packets per seed.
const PACKETS: usize = 3000;

fn seeds() -> Range<u64> {
    let Ok(words) = std::env::var("SOCKEYE_SEEDS") else { return 1..11 };
    let (from, to) = words.split_once("..").expect("SOCKEYE_SEEDS is FROM..TO");
    from.parse().expect("a number")..to.parse().expect("a number")
}

#[test]
fn every_label_of_random_traffic_is_tsharks() {
    let Some(version) = oracle::version() else {
        assert!(std::env::var_os("SOCKEYE_REQUIRE_REFERENCES").is_none(), "tshark 4.0 is required and not installed");
        eprintln!("SKIPPED: tshark 4.0 is not installed: every_label_of_random_traffic_is_tsharks");
        return;
    };
    let mut times: BTreeMap<&str, u64> = BTreeMap::new();
    let (mut packets, mut labels) = (0, 0);
    for seed in seeds() {
        let file = traffic::random(seed, PACKETS);
        for Said { names, .. } in compare(&file, &format!("seed {seed}")) {
            packets += 1;
            labels += names.len();
            for name in names {
                let name = Labels::ALL.iter().map(|(_, known)| *known).find(|known| *known == name).expect("a label");
                *times.entry(name).or_default() += 1;
            }
        }
    }
    println!("{version}: {packets} packets, {labels} labels, all equal: {times:?}");
    for (_, name) in Labels::ALL {
        let n = times.get(name).copied().unwrap_or_default();
        assert!(n >= 20, "only {n} of {name} were compared");
    }
}
