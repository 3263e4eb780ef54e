//! What tshark says of each packet of a file, and what we say.

use sockeye::capture::file::{OpenOptions, open};
use sockeye::capture::{Next, PacketSource};
use sockeye::decode::decode;
use sockeye::flow::wireshark::{Analysis, Labeler, Labels};
use std::path::Path;
use std::process::Command;

/// What tshark says of a packet.
#[derive(Debug, Default)]
pub(crate) struct Said {
    pub(crate) names: Vec<String>,
    /// It tells this only with packets of which it has something else to tell.
    initial_rtt: Option<String>,
    completeness: Option<u8>,
}

/// The version, if it is the one whose rules are obeyed.
pub(crate) fn version() -> Option<String> {
    let output = Command::new("tshark").arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = text.split_whitespace().find(|word| word.starts_with("4.0."))?;
    Some(format!("tshark {version}"))
}

fn tshark(path: &Path) -> Vec<Said> {
    let mut command = Command::new("tshark");
    command.args(["-n", "-o", "ip.defragment:FALSE", "-T", "fields", "-E", "occurrence=f", "-r"]).arg(path);
    for field in ["tcp.analysis.initial_rtt", "tcp.completeness"] {
        command.args(["-e", field]);
    }
    for (_, name) in Labels::ALL {
        command.args(["-e", &format!("tcp.analysis.{name}")]);
    }
    let output = command.output().expect("tshark runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().map(said).collect()
}

fn said(line: &str) -> Said {
    let mut cells = line.split('\t');
    let initial_rtt = cells.next().filter(|cell| !cell.is_empty()).map(str::to_owned);
    let completeness = cells.next().and_then(|cell| cell.parse().ok());
    let names = Labels::ALL.iter().zip(cells).filter(|(_, cell)| !cell.is_empty()).map(|((_, name), _)| (*name).to_owned());
    Said { names: names.collect(), initial_rtt, completeness }
}

fn sockeye(path: &Path) -> Vec<Option<Analysis>> {
    let mut source = open(path, &OpenOptions::default()).expect("a capture");
    let mut labeler = Labeler::default();
    let mut all = Vec::new();
    loop {
        match source.next().expect("a readable file") {
            Next::Frame(frame) => all.push(labeler.on_packet(&frame, &decode(&frame))),
            Next::End => return all,
            _ => {}
        }
    }
}

/// Compares both on a file, and gives what tshark said.
///
/// # Panics
/// At the first packet of which they say different things.
pub(crate) fn compare(file: &[u8], name: &str) -> Vec<Said> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("made.pcap");
    std::fs::write(&path, file).expect("a file");
    let (theirs, ours) = (tshark(&path), sockeye(&path));
    assert_eq!(theirs.len(), ours.len(), "{name}");
    let mut different = Vec::new();
    for (number, (said, analysis)) in (1..).zip(theirs.iter().zip(&ours)) {
        let analysis = analysis.unwrap_or_default();
        let names: Vec<_> = analysis.labels.names().collect();
        let rtt = analysis.initial_rtt.map(|span| format!("{:.9}", span.as_secs_f64()));
        let same_rtt = said.initial_rtt.is_none() || said.initial_rtt == rtt;
        let same_completeness = said.completeness.is_none_or(|theirs| theirs == analysis.completeness);
        if said.names != names || !same_rtt || !same_completeness {
            different.push(format!("{name} #{number}: tshark {said:?}, we {names:?} {rtt:?} {}", analysis.completeness));
        }
    }
    if let Some(kept) = std::env::var_os("SOCKEYE_KEEP_CAPTURE").filter(|_| !different.is_empty()) {
        std::fs::write(kept, file).expect("a file");
    }
    assert!(different.is_empty(), "{} differ; the first: {}", different.len(), different[..different.len().min(8)].join("\n"));
    theirs
}
