//! Lists the packets of capture files in time order: file, number, seconds since 1970, length on the wire, bytes captured.
//!
//! ```text
//! cargo run --example list_packets -- a.pcap b.pcapng.zst
//! ```

use sockeye::capture::file::OpenOptions;
use sockeye::capture::{Input, Next};
use std::error::Error;
use std::io::{self, Write};

fn main() -> Result<(), Box<dyn Error>> {
    let files: Vec<_> = std::env::args_os().skip(1).collect();
    let mut input = Input::open(&files, &OpenOptions { allow_unknown_link: true, ..OpenOptions::default() })?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut damaged = false;
    loop {
        match input.next() {
            Ok(Next::Frame(frame)) => {
                let (seconds, nanos) = (frame.ts.seconds(), frame.ts.subsec_nanos());
                let (wire, captured) = (frame.wire_len, frame.bytes.len());
                writeln!(out, "{}\t{}\t{seconds}.{nanos:09}\t{wire}\t{captured}", frame.source, frame.number)?;
            }
            Ok(Next::Changed(_) | Next::Idle | Next::Notice(_)) => {}
            Ok(Next::End) => break,
            // The other files go on.
            Err(failed) => {
                damaged = true;
                eprintln!("{failed}");
            }
        }
    }
    out.flush()?;
    for info in input.infos() {
        for warning in &info.warnings {
            eprintln!("{}: {warning}", info.name);
        }
    }
    std::process::exit(i32::from(damaged));
}
