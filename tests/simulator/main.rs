//! A simulated world that knows what really happened: two TCP hosts, a way between them that loses, delays, overtakes and
//! copies, and three taps. Verdicts, counts and round trips are held to it over many runs with fixed seeds. docs/verdicts.md
//! has the table; `cargo test --test simulator -- --ignored --nocapture table` makes it.
//!
//! `SOCKEYE_RUNS` sets the runs per row, `SOCKEYE_SEED` the first seed; with `SOCKEYE_MISSES` set, what was judged wrongly is
//! printed. `SOCKEYE_KEEP=FOLDER` with the ignored test `keep` writes a run's captures.

mod capture;
mod conditions;
mod endpoint;
mod honest;
mod judge;
#[path = "../support/link.rs"]
mod link;
#[path = "../support/rng.rs"]
mod rng;
mod table;
#[path = "../support/truth.rs"]
mod truth;
mod verdicts;
mod wire;
mod world;

/// The first seed of the tests. Rules were tuned on small ones.
const HELD_OUT: u64 = 1 << 32;

/// Seeds of the tests: as many as the environment says, or this many.
fn seeds(default: u64) -> std::ops::Range<u64> {
    let number =
        |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap_or_else(|_| panic!("{name} is no number")));
    let first = number("SOCKEYE_SEED").unwrap_or(HELD_OUT);
    first..first + number("SOCKEYE_RUNS").unwrap_or(default)
}
