//! Real connections, watched live: handshakes, flows, the summary.

use super::{LISTENING, closing_lines, start};
use crate::netns::{FAR_IP, Pair, VETH};
use crate::program::{has, with_bare_settings};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

for_backends! {
    attempts_are_told_as_they_are_decided
    the_summary_comes_at_the_end
    records_of_flows_are_complete
    a_web_page_fetched_by_curl
    lines_name_the_interface_where_there_are_several
}

fn lines_name_the_interface_where_there_are_several(backend: &str) {
    if !cfg!(feature = "libpcap") {
        return; // nothing here can compile the filter
    }
    let Some(pair) = Pair::new() else { return };
    let capturing = start(&pair, backend, "packets -i veth0 -i lo udp port 7");
    let send = |to: &str| pair.near.run(|| UdpSocket::bind("0.0.0.0:0").expect("binds").send_to(b"x", to).expect("sends"));
    send(&format!("{FAR_IP}:7"));
    capturing.wait_for_lines(1);
    send("127.0.0.1:7");
    capturing.wait_for_lines(2);
    let ran = capturing.interrupt();
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert!(lines.len() == 2 && lines[0].contains("10.77.0.2.7: ") && lines[0].ends_with(" ; #1 veth0 u1"), "{}", ran.stdout);
    assert!(lines[1].contains("127.0.0.1.7: ") && lines[1].ends_with(" ; #2 lo u2"), "{}", ran.stdout);
}

/// One connection that is answered and closed, one that is refused. From the near side.
fn connect(pair: &Pair) {
    let listener = pair.far.run(|| TcpListener::bind((FAR_IP, 8000)).expect("binds"));
    thread::scope(|scope| {
        scope.spawn(|| {
            let (mut stream, _) = listener.accept().expect("a client");
            let mut asked = [0; 5];
            stream.read_exact(&mut asked).expect("asked");
            stream.write_all(b"an answer").expect("answered");
        });
        pair.near.run(|| {
            let mut stream = TcpStream::connect((FAR_IP, 8000)).expect("connects");
            stream.write_all(b"hello").expect("asks");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).expect("answered");
            assert_eq!(answer, "an answer");
        });
    });
    pair.near.run(|| assert!(TcpStream::connect((FAR_IP, 8001)).is_err(), "refused"));
}

fn attempts_are_told_as_they_are_decided(backend: &str) {
    let Some(pair) = Pair::new() else { return };
    let capturing = start(&pair, backend, "handshakes -i veth0");
    connect(&pair);
    // A person sees them while the capture goes on.
    capturing.wait_for_lines(3);
    let ran = capturing.interrupt();
    assert_eq!(ran.code(), Some(0));
    let lines: Vec<&str> = ran.stdout.lines().collect();
    let [heading, one, other] = lines[..] else { panic!("{}", ran.stdout) };
    assert!(heading.starts_with("ID"), "{heading}");
    assert!(one.starts_with("c1  established  10.77.0.1:") && one.contains("→ 10.77.0.2:8000 "), "{one}");
    assert!(one.contains("#1 #2 #3"), "{one}");
    assert!(other.starts_with("c2  refused ") && other.contains("→ 10.77.0.2:8001 "), "{other}");
    assert!(ran.stderr.starts_with(LISTENING), "{}", ran.stderr);
}

fn the_summary_comes_at_the_end(backend: &str) {
    let Some(pair) = Pair::new() else { return };
    let capturing = start(&pair, backend, "summary -i veth0");
    connect(&pair);
    thread::sleep(Duration::from_millis(400));
    assert_eq!(capturing.stdout(), "");
    let ran = capturing.interrupt();
    assert_eq!(ran.code(), Some(0));
    for words in ["c1  closed   10.77.0.1:", "c2  refused  10.77.0.1:", "5 B  9 B"] {
        assert!(ran.stdout.contains(words), "{words}: {}", ran.stdout);
    }
    // The files of this namespace's interfaces are not to be seen here.
    assert!(ran.stdout.contains("  Drops: kernel 0, interface unknown, sockeye 0 of "), "{}", ran.stdout);
    assert!(!ran.stdout.contains("Next:"), "what was live cannot be read again: {}", ran.stdout);
}

fn records_of_flows_are_complete(backend: &str) {
    let Some(pair) = Pair::new() else { return };
    let capturing = start(&pair, backend, "flows -i veth0 --format jsonl");
    connect(&pair);
    thread::sleep(Duration::from_millis(400));
    let ran = capturing.interrupt();
    assert_eq!(ran.code(), Some(0));
    let records: Vec<serde_json::Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let kinds: Vec<&str> = records.iter().filter_map(|r| r["type"].as_str()).collect();
    assert_eq!(kinds, ["capture", "flow", "flow", "end"]);
    assert_eq!((&records[1]["state"], &records[1]["resp"]["payload_bytes"]), (&"closed".into(), &9.into()));
    assert_eq!((&records[2]["state"], &records[2]["resp"]["port"]), (&"refused".into(), &8001.into()));
    let packets = records[3]["packets"].as_u64().expect("a number");
    assert!(ran.stderr.contains(&closing_lines(packets, packets, 0)), "{}", ran.stderr);
}

fn a_web_page_fetched_by_curl(backend: &str) {
    let Some(pair) = Pair::new() else { return };
    if !has("curl") || !has("python3") {
        let _ = writeln!(std::io::stderr(), "SKIPPED: needs curl and python3: a_web_page_fetched_by_curl");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("page"), "x".repeat(100_000)).expect("a page");
    let mut server = with_bare_settings(Command::new("python3"));
    server.args(["-um", "http.server", "8080", "--bind", FAR_IP, "-d"]).arg(folder.path());
    server.stdout(Stdio::null()).stderr(Stdio::null());
    let mut server = pair.far.run(|| server.spawn().expect("python3 runs"));
    let capturing = start(
        &pair,
        backend,
        &format!("flows -i {VETH} --format csv --fields id,state,resp.port,resp.unique_bytes,handshake.outcome"),
    );
    let mut curl = with_bare_settings(Command::new("curl"));
    curl.args([
        "-sS",
        "--retry",
        "20",
        "--retry-connrefused",
        "--retry-delay",
        "1",
        "-o",
        "/dev/null",
        "http://10.77.0.2:8080/page",
    ]);
    let fetched = pair.near.run(|| curl.status().expect("curl runs"));
    let _ = server.kill();
    let _ = server.wait();
    assert!(fetched.success());
    thread::sleep(Duration::from_millis(400));
    let ran = capturing.interrupt();
    let page = ran.stdout.lines().last().expect("a record");
    let cells: Vec<&str> = page.split(',').collect();
    let [_, "closed", "8080", bytes, "established"] = cells[..] else { panic!("{}", ran.stdout) };
    let bytes: u64 = bytes.parse().expect("a number");
    assert!((100_000..101_000).contains(&bytes), "the page and its header: {bytes}");
}
