//! A reader that is slow now and then: takes a pipe for 20 seconds, nothing for 5, and counts the lines.

use std::fs::File;
use std::io::Read;
use std::thread;
use std::time::{Duration, Instant};

const READS: Duration = Duration::from_secs(20);
const STOPS: Duration = Duration::from_secs(5);

/// Prints `lines=…` at the end of the file.
pub(crate) fn read(path: &str) -> Result<(), String> {
    let said = |error: std::io::Error| format!("{path}: {error}");
    let mut file = File::open(path).map_err(said)?;
    let mut buffer = vec![0; 1 << 16];
    let (mut lines, mut since) = (0_u64, Instant::now());
    loop {
        let count = file.read(&mut buffer).map_err(said)?;
        if count == 0 {
            break;
        }
        lines += buffer[..count].split(|byte| *byte == b'\n').count() as u64 - 1;
        if since.elapsed() >= READS {
            thread::sleep(STOPS);
            since = Instant::now();
        }
    }
    println!("lines={lines}");
    Ok(())
}
