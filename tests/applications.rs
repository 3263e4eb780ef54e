//! What applications say beside what tshark says of them: DNS transactions and their times, requests and responses of HTTP and theirs,
//! hellos of TLS. Over the bundled captures; `SOCKEYE_CAPTURES` names more: folders and files, with a colon between.
//!
//! Not compared: HTTP where packets are cut (tshark then takes each segment for itself, and half a line for one), multicast DNS (tshark
//! pairs what is no pair), DNS where tshark does not see it (it goes by ports over TCP), and TLS within protocols that are not read here
//! (LDAP and XMPP, by their ports).

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What tshark is asked of each packet of an application.
const FIELDS: [&str; 16] = [
    "frame.number",
    "tcp.port",
    "frame.protocols",
    "dns.response_to",
    "dns.time",
    "http.request.method",
    "http.request.uri",
    "http.response.code",
    "http.request_in",
    "http.time",
    "tls.handshake.type",
    "tls.handshake.extensions_server_name",
    "tls.handshake.ja3",
    "tls.handshake.extensions_alpn_str",
    "tls.handshake.version",
    "tls.handshake.extensions.supported_version",
];

/// What it says: of each field its values.
struct Row(Vec<Vec<String>>);

impl Row {
    fn all(&self, field: &str) -> &[String] {
        &self.0[FIELDS.iter().position(|known| *known == field).expect("a field that was asked for")]
    }

    /// The first value; empty where there is none.
    fn first(&self, field: &str) -> &str {
        self.all(field).first().map_or("", String::as_str)
    }

    fn has(&self, field: &str) -> bool {
        !self.first(field).is_empty()
    }

    fn number(&self, field: &str) -> u64 {
        self.first(field).parse().expect("a number")
    }

    fn nanos(&self, field: &str) -> i64 {
        nanos(self.first(field).parse().expect("seconds"))
    }

    fn is_of(&self, protocols: &[&str]) -> bool {
        self.first("frame.protocols").split(':').any(|name| protocols.contains(&name))
    }
}

fn tshark(path: &Path) -> Vec<Row> {
    let mut command = Command::new("tshark");
    command.args(["-n", "-T", "fields", "-E", "occurrence=a", "-E", "aggregator=|"]);
    command.args(["-Y", "dns || http || tls.handshake", "-r"]).arg(path);
    for field in FIELDS {
        command.args(["-e", field]);
    }
    let output = command.output().expect("tshark runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let cells = |line: &str| Row(line.split('\t').map(|cell| cell.split('|').map(str::to_owned).collect()).collect());
    text.lines().filter(|line| !line.is_empty()).map(cells).collect()
}

fn version() -> Option<String> {
    let output = Command::new("tshark").arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split_whitespace().find(|word| word.starts_with("4.0.")).map(str::to_owned)
}

fn captures() -> Vec<PathBuf> {
    let mut places = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("captures")];
    let more = std::env::var("SOCKEYE_CAPTURES").unwrap_or_default();
    places.extend(more.split(':').filter(|more| !more.is_empty()).map(PathBuf::from));
    let mut found = Vec::new();
    while let Some(place) = places.pop() {
        match std::fs::read_dir(&place) {
            Ok(entries) => places.extend(entries.map(|entry| entry.expect("an entry").path())),
            Err(_) if place.to_string_lossy().contains(".pcap") => found.push(place),
            Err(_) => {}
        }
    }
    found.sort();
    found
}

/// Our records of a capture: of each flow `app`, and how many packets are cut.
fn ours(path: &Path) -> (Vec<Value>, u64) {
    let output = Command::new(env!("CARGO_BIN_EXE_sockeye"))
        .args(["flows", "--format", "jsonl", "--fields", "id,app", "-r"])
        .arg(path)
        .output()
        .expect("sockeye runs");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let records: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let cut = records.iter().find_map(|record| record["packets_cut"].as_u64()).unwrap_or(0);
    (records.into_iter().map(|mut record| record["app"].take()).filter(|app| !app.is_null()).collect(), cut)
}

fn list<'a>(apps: &'a [Value], group: &'a str, list: &'a str) -> impl Iterator<Item = &'a Value> {
    apps.iter().filter_map(move |app| app[group][list].as_array()).flatten()
}

/// Seconds, to the nanosecond.
fn nanos(seconds: f64) -> i64 {
    (seconds * 1e9).round() as i64
}

#[derive(Default)]
struct Compared {
    counts: BTreeMap<&'static str, u64>,
    different: Vec<String>,
}

impl Compared {
    fn check(&mut self, what: &'static str, same: bool, told: impl FnOnce() -> String) {
        *self.counts.entry(what).or_default() += 1;
        if !same {
            self.different.push(format!("{what}: {}", told()));
        }
    }

    fn dns(&mut self, path: &Path, rows: &[Row], apps: &[Value]) {
        let paired = |one: &Value| Some((one["response"].as_u64()?, one["query"].as_u64()?, nanos(one["time"].as_f64()?)));
        let we: BTreeSet<_> = list(apps, "dns", "transactions").filter_map(paired).collect();
        let seen: BTreeSet<u64> = rows.iter().filter(|row| row.is_of(&["dns"])).map(|row| row.number("frame.number")).collect();
        let rows = rows.iter().filter(|row| row.has("dns.time") && !row.is_of(&["mdns"]));
        let they: BTreeSet<_> =
            rows.map(|row| (row.number("frame.number"), row.number("dns.response_to"), row.nanos("dns.time"))).collect();
        for pair in they.union(&we).filter(|(response, ..)| seen.contains(response)) {
            let same = they.contains(pair) && we.contains(pair);
            self.check("dns.time", same, || format!("{} {pair:?}, tshark: {}", path.display(), they.contains(pair)));
        }
    }

    fn http(&mut self, path: &Path, row: &Row, apps: &[Value]) {
        let is_some = |is: &dyn Fn(&Value) -> bool| list(apps, "http", "exchanges").any(is);
        let frame = row.number("frame.number");
        let (methods, targets) = (row.all("http.request.method"), row.all("http.request.uri"));
        for (method, target) in methods.iter().zip(targets).filter(|(method, _)| !method.is_empty()) {
            let same = is_some(&|one| one["request_end"] == frame && one["method"] == **method && one["target"] == **target);
            self.check("requests", same, || format!("{} {:?}", path.display(), row.0));
        }
        for code in row.all("http.response.code").iter().filter_map(|code| code.parse::<u64>().ok()) {
            if (100..200).contains(&code) && code != 101 {
                continue;
            }
            let same = is_some(&|one| one["response_end"] == frame && one["status"] == code);
            self.check("responses", same, || format!("{} {:?}", path.display(), row.0));
        }
        if row.has("http.time") {
            let (asked, time) = (row.number("http.request_in"), row.nanos("http.time"));
            let same_time = |one: &Value| one["time"].as_f64().is_some_and(|ours| nanos(ours) == time);
            let same = is_some(&|one| one["response_end"] == frame && one["request_end"] == asked && same_time(one));
            self.check("http.time", same, || format!("{} {:?}", path.display(), row.0));
        }
    }

    fn tls(&mut self, path: &Path, row: &Row, apps: &[Value]) {
        let frame = row.number("frame.number");
        let of = |hello: &str| apps.iter().map(|app| &app["tls"]).find(|tls| tls[hello] == frame).cloned().unwrap_or_default();
        let has = |kind: &str| row.all("tls.handshake.type").iter().any(|found| found == kind);
        if has("1") {
            let tls = of("client_hello");
            let offered: Vec<&str> = tls["alpn_offered"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let same = tls["server_name"].as_str().unwrap_or_default() == row.first("tls.handshake.extensions_server_name")
                && tls["ja3"] == row.first("tls.handshake.ja3")
                && offered.join("|") == row.all("tls.handshake.extensions_alpn_str").join("|");
            self.check("ClientHellos", same, || format!("{} {:?}, we {tls}", path.display(), row.0));
        } else if has("2") {
            const VERSIONS: [&str; 5] = ["SSL 3.0", "TLS 1.0", "TLS 1.1", "TLS 1.2", "TLS 1.3"];
            let chosen = "tls.handshake.extensions.supported_version";
            let number = if row.has(chosen) { row.first(chosen) } else { row.first("tls.handshake.version") };
            let minor: usize = number.trim_start_matches("0x03").parse().expect("a version");
            let tls = of("server_hello");
            self.check("ServerHellos", tls["version"] == VERSIONS[minor], || format!("{} {:?}, we {tls}", path.display(), row.0));
        }
    }
}

#[test]
fn transactions_messages_and_hellos_are_tsharks() {
    let Some(version) = version() else {
        assert!(std::env::var_os("SOCKEYE_REQUIRE_REFERENCES").is_none(), "tshark 4.0 is required and not installed");
        eprintln!("SKIPPED: tshark 4.0 is not installed: transactions_messages_and_hellos_are_tsharks");
        return;
    };
    let mut compared = Compared::default();
    for path in captures() {
        let (apps, cut) = ours(&path);
        let rows = tshark(&path);
        if cut > 0 && rows.iter().any(|row| row.has("http.time")) {
            eprintln!("SKIPPED: HTTP in {}, whose packets are cut", path.display());
        }
        compared.dns(&path, &rows, &apps);
        for row in rows.iter().filter(|row| !row.is_of(&["ssdp", "ldap", "xmpp"])) {
            if cut == 0 {
                compared.http(&path, row, &apps);
            }
            if row.is_of(&["tcp"]) && !row.all("tcp.port").iter().any(|port| ["389", "5222"].contains(&port.as_str())) {
                compared.tls(&path, row, &apps);
            }
        }
    }
    println!("tshark {version}: {:?}", compared.counts);
    let Compared { counts, different } = compared;
    assert!(different.is_empty(), "{} differ: {}", different.len(), different[..different.len().min(10)].join("\n"));
    for what in ["dns.time", "requests", "responses", "http.time", "ClientHellos", "ServerHellos"] {
        assert!(counts.contains_key(what), "nothing of {what} was compared");
    }
}
