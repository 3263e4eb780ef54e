//! Lists the packets of capture files in time order: file, number, seconds since 1970, length on the wire, bytes captured.
//!
//! ```text
//! cargo run --example list_packets -- a.pcap b.pcapng.zst
//! ```

use sockeye::capture::file::OpenOptions;
use sockeye::capture::{Input, Next};
use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    match list() {
        Ok(whole) => ExitCode::from(u8::from(!whole)),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// False: a file was damaged, and what came before the damage was listed.
fn list() -> Result<bool, Box<dyn Error>> {
    let files: Vec<_> = std::env::args_os().skip(1).collect();
    let mut input = Input::open(&files, &OpenOptions { allow_unknown_link: true, ..OpenOptions::default() })?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut whole = true;
    loop {
        match input.next() {
            Ok(Next::Frame(frame)) => {
                let (seconds, nanos) = (frame.ts.seconds(), frame.ts.subsec_nanos());
                let (wire, captured) = (frame.wire_len, frame.bytes.len());
                writeln!(out, "{}\t{}\t{seconds}.{nanos:09}\t{wire}\t{captured}", frame.source, frame.number)?;
            }
            Ok(Next::End) => break,
            Ok(_) => {}
            // The other files go on.
            Err(failed) => {
                whole = false;
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
    Ok(whole)
}
