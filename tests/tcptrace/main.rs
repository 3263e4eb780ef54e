//! Counters and round trips of flow records beside tcptrace 6.6.7's, where that is installed: on the captures of this
//! repository and on connections made to be hard. `cargo test --test tcptrace -- --nocapture` shows the table.

mod made;
#[path = "../support/program.rs"]
mod program;
#[path = "../support/rng.rs"]
mod rng;

use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// tcptrace's column without `_a2b` and `_b2a`, and the key of our record.
const FIELDS: [(&str, &str); 23] = [
    ("ack_pkts_sent", "/ack_packets"),
    ("pure_acks_sent", "/pure_acks"),
    ("unique_bytes_sent", "/unique_bytes"),
    ("actual_data_pkts", "/data_packets"),
    ("actual_data_bytes", "/data_bytes"),
    ("rexmt_data_pkts", "/retransmitted_packets"),
    ("rexmt_data_bytes", "/retransmitted_bytes"),
    ("outoforder_pkts", "/out_of_order_packets"),
    ("sack_pkts_sent", "/sack_packets"),
    ("max_segm_size", "/max_segment"),
    ("min_segm_size", "/min_segment"),
    ("max_win_adv", "/max_window"),
    ("min_win_adv", "/min_window"),
    ("zero_win_adv", "/zero_windows"),
    ("zwnd_probe_pkts", "/zero_window_probes"),
    ("mss_requested", "/mss"),
    ("ambiguous_acks", "/rtt_ambiguous"),
    ("post-loss_acks", "/rtt_discarded"),
    ("RTT_samples", "/rtt/samples"),
    ("RTT_min", "/rtt/min"),
    ("RTT_max", "/rtt/max"),
    ("RTT_avg", "/rtt/avg"),
    ("RTT_stdev", "/rtt/stdev"),
];

type Row = HashMap<String, String>;

/// The first packet's sender and its peer.
type Ends = [(IpAddr, u64); 2];

/// How far the two agree.
#[derive(Default)]
struct Agreement {
    /// Of each field: equal, compared.
    fields: BTreeMap<&'static str, (u32, u32)>,
    connections: u32,
    compared: u32,
    differences: Vec<String>,
}

/// tcptrace's table of a file. It leaves the fields of a row padded with blanks.
fn theirs(file: &Path) -> Vec<Row> {
    let run = Command::new("tcptrace").args(["-l", "-r", "-n", "--csv"]).arg(file).output().expect("tcptrace runs");
    let text = String::from_utf8_lossy(&run.stdout).into_owned();
    let mut lines = text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    let Some(names) = lines.find(|line| line.starts_with("conn_#")) else { return Vec::new() };
    let row =
        |line: &str| names.split(',').zip(line.split(',')).map(|(name, cell)| (name.trim().into(), cell.trim().into())).collect();
    lines.map(row).collect()
}

/// tcptrace writes an IPv6 address without the first of two colons.
fn address(text: &str) -> IpAddr {
    let text = if text.starts_with(':') && !text.starts_with("::") { format!(":{text}") } else { text.to_owned() };
    text.parse().expect("an address")
}

fn number(row: &Row, column: &str) -> Option<f64> {
    row.get(column)?.parse().ok()
}

fn ours(file: &Path) -> Vec<Value> {
    let run = program::run(program::sockeye().args(["flows", "--format", "jsonl", "-r"]).arg(file));
    let records = run.stdout.lines().map(|line| serde_json::from_str::<Value>(line).expect("a record"));
    records.filter(|record| record["type"] == "flow" && record["proto"] == "tcp").collect()
}

/// Who a record's side is.
fn end(side: &Value) -> (IpAddr, u64) {
    (address(side["ip"].as_str().expect("an address")), side["port"].as_u64().expect("a port"))
}

/// The sides of the first record with these ends and as many packets each way, in tcptrace's order. It is taken away.
fn take(pool: &mut Vec<Value>, ends: Ends, packets: [Option<f64>; 2]) -> Option<[Value; 2]> {
    let in_order = |record: &Value, [first, second]: [&str; 2]| {
        let sides = [&record[first], &record[second]];
        let fits = sides.map(end) == ends && sides.map(|side| side["packets"].as_f64()) == packets;
        fits.then(|| sides.map(Value::clone))
    };
    let sides = |record: &Value| in_order(record, ["orig", "resp"]).or_else(|| in_order(record, ["resp", "orig"]));
    let at = pool.iter().position(|record| sides(record).is_some())?;
    sides(&pool.swap_remove(at))
}

impl Agreement {
    fn compare(&mut self, file: &Path) {
        let mut pool = ours(file);
        for row in theirs(file) {
            self.connections += 1;
            let end = |host: &str, port: &str| (address(&row[host]), number(&row, port).unwrap_or_default() as u64);
            let ends = [end("host_a", "port_a"), end("host_b", "port_b")];
            let packets = ["total_packets_a2b", "total_packets_b2a"].map(|column| number(&row, column));
            let Some(sides) = take(&mut pool, ends, packets) else {
                self.differences.push(format!("{}: {ends:?} with {packets:?} packets is no flow here", file.display()));
                continue;
            };
            self.compared += 1;
            for (side, way) in sides.iter().zip(["a2b", "b2a"]) {
                for (column, key) in FIELDS {
                    let Some(theirs) = number(&row, &format!("{column}_{way}")) else { continue };
                    self.field(column, theirs, side.pointer(key).and_then(Value::as_f64), || {
                        format!("{} {ends:?} {way}", file.display())
                    });
                }
            }
        }
    }

    fn field(&mut self, column: &'static str, theirs: f64, ours: Option<f64>, place: impl Fn() -> String) {
        // It extends the sign of an MSS above 32,767 (loopback).
        let theirs = if column == "mss_requested" { theirs % 65_536.0 } else { theirs };
        let is_time = column.starts_with("RTT_") && column != "RTT_samples";
        // tcptrace prints tenths of milliseconds, and 0 where there is nothing to print.
        let ours = if is_time { Some(ours.unwrap_or_default() * 1000.0) } else { ours };
        let margin = if is_time { f64::max(0.1, theirs * 0.01) } else { 0.0 };
        let equal = ours.is_some_and(|ours| (ours - theirs).abs() <= margin);
        if equal && theirs == 0.0 && ours == Some(0.0) {
            return;
        }
        let score = self.fields.entry(column).or_default();
        *score = (score.0 + u32::from(equal), score.1 + 1);
        if !equal {
            self.differences.push(format!("{} {column}: tcptrace {theirs}, here {ours:?}", place()));
        }
    }

    fn show(&self, title: &str) {
        println!("{title}: {} of {} connections compared", self.compared, self.connections);
        for (column, (equal, all)) in &self.fields {
            println!("  {column:20} {equal:6} of {all:6}");
        }
        for difference in &self.differences {
            println!("  {difference}");
        }
    }
}

#[test]
fn the_captures_of_this_repository_are_counted_alike() {
    if !program::has("tcptrace") {
        assert!(std::env::var_os("SOCKEYE_REQUIRE_REFERENCES").is_none(), "tcptrace is required and not installed");
        eprintln!("SKIPPED: tcptrace is not installed");
        return;
    }
    let folder = program::capture("");
    let mut files: Vec<PathBuf> = folder.read_dir().expect("a folder").map(|entry| entry.expect("readable").path()).collect();
    files.retain(|file| file.extension().is_some_and(|end| end == "pcap"));
    files.sort();
    let mut agreement = Agreement::default();
    for file in &files {
        agreement.compare(file);
    }
    agreement.show("captures/*.pcap");
    for (column, (equal, all)) in &agreement.fields {
        assert!(equal == all, "{column}");
    }
    assert!(agreement.compared * 100 >= agreement.connections * 95 && agreement.compared > 100);
}

#[test]
fn connections_made_to_be_hard_are_counted_alike() {
    if !program::has("tcptrace") {
        assert!(std::env::var_os("SOCKEYE_REQUIRE_REFERENCES").is_none(), "tcptrace is required and not installed");
        eprintln!("SKIPPED: tcptrace is not installed");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let mut agreement = Agreement::default();
    for seed in 1..=8_u64 {
        let file = folder.path().join(format!("{seed}.pcap"));
        std::fs::write(&file, made::capture(seed << 40 | seed, 200)).expect("written");
        agreement.compare(&file);
    }
    agreement.show("made");
    assert!(agreement.differences.is_empty() && agreement.compared == 1600 && agreement.fields.len() == FIELDS.len());
}
