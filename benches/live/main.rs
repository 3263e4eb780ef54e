//! Packets for `benches/live/flood` and `benches/live/soak`: made by a seed, numbered, sent over an interface or written to a
//! file; and the other way round, which of them a capture file holds.
//!
//! `traffic` says what the packets are (their bytes come from benches/traffic), `send` puts them on a wire, `pcap` into a file and takes them from one. A packet's number is in the
//! last four bytes of its Ethernet source address, so no reader's view of the conversations depends on it.

#[expect(dead_code, reason = "what only capture files need")]
#[path = "../traffic"]
mod made {
    pub(crate) mod capture;
    pub(crate) mod random;
    pub(crate) mod wire;
}
mod pcap;
mod send;
mod slow;
mod traffic;

use send::Pace;
use std::process::ExitCode;
use traffic::{Mix, Traffic};

const USAGE: &str = "\
usage: live send INTERFACE [MIX] [PACE]                 send packets, as fast as it goes
       live write FILE [MIX] [--rate N]                 the same packets as a pcap file, 300,000 a second if not said
       live check FILE [--sent N]                       which numbers a pcap file holds, and how often
       live slow FILE                                   read a pipe, slow now and then, and count its lines
MIX:   --frames N (1000000)  --size BYTES of full frames (200)  --open TCP connections at a time (1000)
       --burst most packets of a connection in a row (4)  --udp percent of the picks (10)  --clients N (4096)
       --seed N (1)
PACE:  --rate N a second  --waves: of ten seconds each, with a burst and a pause  --lossy: what is not taken at once is lost
       --qdisc: through the queueing discipline, where taps of the sending side see it";

fn main() -> ExitCode {
    let mut words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    if words.is_empty() {
        println!("{USAGE}"); // cargo bench, without words of ours
        return ExitCode::SUCCESS;
    }
    let verb = words.remove(0);
    match run(&verb, &words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("live {verb}: {message}");
            ExitCode::from(2)
        }
    }
}

fn run(verb: &str, words: &[String]) -> Result<(), String> {
    let Some((place, options)) = words.split_first() else { return Err(format!("says not where\n{USAGE}")) };
    let mut mix = Mix::default();
    let (mut pace, mut sent) = (Pace::default(), None);
    let mut options = options.iter();
    while let Some(option) = options.next() {
        let mut number = || {
            let text = options.next().ok_or_else(|| format!("{option} needs a number"))?;
            text.parse::<u64>().map_err(|error| format!("{option} {text}: {error}"))
        };
        match option.as_str() {
            "--frames" => mix.frames = number()?,
            "--size" => mix.size = number()?.clamp(traffic::SMALLEST, traffic::LARGEST) as usize,
            "--open" => mix.open = number()?.clamp(1, traffic::MOST_OPEN) as usize,
            "--burst" => mix.burst = number()?.max(1),
            "--udp" => mix.udp_percent = number()?.min(100),
            "--clients" => mix.clients = number()?.clamp(1, traffic::MOST_CLIENTS),
            "--seed" => mix.seed = number()?,
            "--rate" => pace.rate = Some(number()?.max(1)),
            "--sent" => sent = Some(number()?),
            "--qdisc" => pace.qdisc = true,
            "--waves" => pace.waves = true,
            "--lossy" => pace.lossy = true,
            _ => return Err(format!("{option} is not known\n{USAGE}")),
        }
    }
    match verb {
        "send" => send::send(place, Traffic::new(&mix), &pace),
        "write" => pcap::write(place, Traffic::new(&mix), pace.rate.unwrap_or(300_000)),
        "check" => pcap::check(place, sent),
        "slow" => slow::read(place),
        _ => Err(format!("is not known\n{USAGE}")),
    }
}
