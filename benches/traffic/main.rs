//! Capture files for benchmarks, made by a seed: the same words give the same file. Everyday traffic, so many connections at a
//! time, and attacks. Packets are made one by one, so files of any size need little memory.
//!
//! `cargo bench --bench traffic -- mix --packets 3100000 FILE`; without words it says what there is.

mod attacks;
mod capture;
mod many;
mod mix;
mod random;
mod tcp;
mod wire;

use capture::Capture;
use many::Many;
use mix::Mix;
use std::process::ExitCode;

const USAGE: &str = "\
usage: traffic mix FILE [--packets N (3100000)] [--flows N at a time (20000)] [--ipv6 PERCENT (25)] [--vlan PERCENT (10)]
                        [--loss MILLIONTHS (5000)] [--reordering MILLIONTHS (2000)]
       traffic flows FILE [--packets N (3000000)] [--flows N at a time (100000)] [--life PACKETS of each (7)] [--size BYTES (100)]
       traffic attack KIND FILE [--packets N (500000)]
All:   [--seed N (1)] [--snaplen BYTES (262144)]
KIND:";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    if words.is_empty() {
        println!("{USAGE}"); // cargo bench, without words of ours
        for (name, what) in attacks::KINDS {
            println!("       {name:12} {what}");
        }
        return ExitCode::SUCCESS;
    }
    match run(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("traffic: {message}");
            ExitCode::from(2)
        }
    }
}

fn run(words: &[String]) -> Result<(), String> {
    let mut places = Vec::new();
    let mut packets = None;
    let (mut flows, mut snaplen, mut seed) = (None, 262_144, 1);
    let (mut ipv6, mut vlan, mut loss, mut reordering) = (25, 10, 5000, 2000);
    let (mut life, mut size) = (7, 100);
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut number = || {
            let text = words.next().ok_or_else(|| format!("{word} needs a number"))?;
            text.parse::<u64>().map_err(|error| format!("{word} {text}: {error}"))
        };
        match word.as_str() {
            "--packets" => packets = Some(number()?),
            "--flows" => flows = Some(number()?.clamp(1, 1 << 27)),
            "--snaplen" => snaplen = number()?.clamp(1, 262_144) as usize,
            "--seed" => seed = number()?,
            "--ipv6" => ipv6 = number()?.min(100),
            "--vlan" => vlan = number()?.min(100),
            "--loss" => loss = number()?.min(100_000),
            "--reordering" => reordering = number()?.min(100_000),
            "--life" => life = number()?.max(7),
            "--size" => size = number()?.clamp(67, 1514) as usize,
            _ if word.starts_with("--") => return Err(format!("{word} is not known; without words it says what is")),
            _ => places.push(word.as_str()),
        }
    }
    let said = |file: &str, error: std::io::Error| format!("{file}: {error}");
    let create =
        |file: &str, most: u64| Capture::create(file, snaplen, packets.unwrap_or(most)).map_err(|error| said(file, error));
    let (file, capture) = match places[..] {
        ["mix", file] => {
            let mut capture = create(file, 3_100_000)?;
            let open = flows.unwrap_or(20_000) as usize;
            mix::write(&Mix { open, ipv6, vlan, loss, reordering, seed }, &mut capture);
            (file, capture)
        }
        ["flows", file] => {
            let mut capture = create(file, 3_000_000)?;
            many::write(&Many { open: flows.unwrap_or(100_000), life, size, seed }, &mut capture);
            (file, capture)
        }
        ["attack", kind, file] => {
            if !attacks::KINDS.iter().any(|(name, _)| *name == kind) {
                return Err(format!("{kind} is no kind of attack; without words it says what there is"));
            }
            let mut capture = create(file, 500_000)?;
            attacks::write(kind, seed, &mut capture);
            (file, capture)
        }
        _ => return Err("what to make, and where? Without words it says what there is".to_owned()),
    };
    let (_, counted) = capture.finish().map_err(|error| said(file, error))?;
    println!("{file} {counted}");
    Ok(())
}
