//! The same packets in a file, to read without a wire; and which packets a capture of them holds. Classic pcap of this machine's
//! byte order only; `tcpdump -r FILE -w -` makes that of anything.

use super::made::capture::Capture;
use super::traffic::{NUMBERED, Traffic};
use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};

const MAGIC_MICROS: u32 = 0xa1b2_c3d4;
const MAGIC_NANOS: u32 = 0xa1b2_3c4d;

/// Writes all packets, `rate` a second from a time long ago.
pub(crate) fn write(path: &str, mut traffic: Traffic, rate: u64) -> Result<(), String> {
    let said = |error: std::io::Error| format!("{path}: {error}");
    let mut capture = Capture::create(path, 262_144, u64::MAX).map_err(said)?;
    let mut frame = Vec::new();
    for number in 0_u64.. {
        let nanos = (u128::from(number) * 1_000_000_000 / u128::from(rate)) as u64;
        if !traffic.next(&mut frame, (nanos / 1_000_000) as u32) {
            break;
        }
        capture.packet(nanos, &frame);
    }
    capture.finish().map_err(said)?;
    Ok(())
}

/// Prints `packets=… numbered=… distinct=… twice=… missing=… gaps=… backwards=…`; without `--sent` only what is missing
/// before the highest number is known to be.
pub(crate) fn check(path: &str, sent: Option<u64>) -> Result<(), String> {
    let said = |error: std::io::Error| format!("{path}: {error}");
    let mut file: Box<dyn Read> =
        if path == "-" { Box::new(std::io::stdin()) } else { Box::new(File::open(path).map_err(said)?) };
    let mut header = [0; 24];
    file.read_exact(&mut header).map_err(said)?;
    let magic = word(&header, 0);
    if magic != MAGIC_MICROS && magic != MAGIC_NANOS {
        return Err(format!("{path}: not a classic pcap file of this machine's byte order"));
    }
    let mut file = BufReader::with_capacity(1 << 20, file);
    let (mut seen, mut packets, mut numbered, mut twice, mut backwards) = (Vec::<u64>::new(), 0_u64, 0_u64, 0_u64, 0_u64);
    let mut last = None;
    let mut frame = Vec::new();
    loop {
        let mut record = [0; 16];
        match file.read_exact(&mut record) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => break,
            read => read.map_err(said)?,
        }
        frame.resize(word(&record, 8) as usize, 0);
        file.read_exact(&mut frame).map_err(said)?;
        packets += 1;
        if frame.get(6..8) != Some(&NUMBERED[..]) {
            continue;
        }
        numbered += 1;
        let number = u32::from_be_bytes([frame[8], frame[9], frame[10], frame[11]]);
        backwards += u64::from(last.is_some_and(|last| number < last));
        last = Some(number);
        let (at, bit) = (number as usize / 64, 1_u64 << (number % 64));
        if at >= seen.len() {
            seen.resize(at + 1, 0);
        }
        twice += u64::from(seen[at] & bit != 0);
        seen[at] |= bit;
    }
    let highest = seen
        .iter()
        .enumerate()
        .rev()
        .find(|(_, bits)| **bits != 0)
        .map_or(0, |(at, bits)| at as u64 * 64 + 64 - u64::from(bits.leading_zeros()));
    let all = sent.unwrap_or(highest);
    let is_there = |number: u64| seen.get(number as usize / 64).is_some_and(|bits| bits >> (number % 64) & 1 == 1);
    let gaps = (0..all).filter(|number| !is_there(*number) && (*number == 0 || is_there(number - 1))).count();
    let missing = all.saturating_sub(numbered - twice);
    println!(
        "packets={packets} numbered={numbered} distinct={} twice={twice} missing={missing} gaps={gaps} backwards={backwards}",
        numbered - twice
    );
    Ok(())
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
