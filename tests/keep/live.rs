//! On an interface, with real programs.

use super::{owners, packets_of, records};
use crate::netns::{FAR_IP, Pair, VETH, skipped};
use crate::program::{Ran, has, run, sockeye, wait, with_bare_settings};
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

#[track_caller]
fn wait_until(what: &str, mut is: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is() {
        assert!(start.elapsed() < Duration::from_secs(20), "waited for: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

fn started(pair: &Pair, folder: &Path, words: &[&str]) -> Child {
    let err = folder.join("err");
    let mut command = sockeye();
    command.args(["capture", "-i", VETH]).args(words).current_dir(folder).stderr(File::create(&err).expect("created"));
    let child = pair.near.run(|| command.spawn().expect("runs"));
    wait_until("it listens", || fs::read_to_string(&err).expect("there").contains("listening on"));
    child
}

fn ended(mut child: Child, folder: &Path) -> Ran {
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().expect("kill runs").success());
    let status = wait(&mut child, Duration::from_secs(20));
    Ran { stdout: String::new(), stderr: fs::read_to_string(folder.join("err")).expect("there"), status }
}

/// A server of files in the far namespace.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn served(pair: &Pair, folder: &Path) -> Server {
    let mut command = with_bare_settings(Command::new("python3"));
    command.args(["-m", "http.server", "8000", "--bind", FAR_IP]).current_dir(folder).stdout(Stdio::null()).stderr(Stdio::null());
    let server = Server(pair.far.run(|| command.spawn().expect("runs")));
    wait_until("the server listens", || pair.far.run(|| std::net::TcpStream::connect((FAR_IP, 8000)).is_ok()));
    server
}

fn fetch(pair: &Pair, url: &str) -> bool {
    let mut command = with_bare_settings(Command::new("curl"));
    command.args(["-sS", "-o", "/dev/null", "--max-time", "20", url]).stderr(Stdio::null());
    pair.near.run(|| command.status().expect("runs").success())
}

#[test]
fn whole_connections_that_turned_out_large_or_refused_are_saved_and_no_others() {
    if !has("curl") || !has("python3") {
        skipped("needs curl and python3");
        return;
    }
    let Some(pair) = Pair::new() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let www = folder.path().join("www");
    fs::create_dir(&www).expect("made");
    fs::write(www.join("small"), [7; 100]).expect("written");
    fs::write(www.join("large"), vec![7; 3_000_000]).expect("written");
    let _server = served(&pair, &www);
    let all = folder.path().join("all");
    let some = folder.path().join("some");
    for folder in [&all, &some] {
        fs::create_dir(folder).expect("made");
        fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o777)).expect("ours");
    }
    let whole = started(&pair, &all, &["-w", "all.pcapng"]);
    let condition = "bytes>1MB or state refused";
    let chosen = started(&pair, &some, &["-w", "some.pcapng", "--where", condition]);
    for _ in 0..3 {
        assert!(fetch(&pair, &format!("http://{FAR_IP}:8000/small")));
    }
    assert!(fetch(&pair, &format!("http://{FAR_IP}:8000/large")));
    assert!(!fetch(&pair, &format!("http://{FAR_IP}:81/")));
    let mut nc = with_bare_settings(Command::new("nc"));
    if has("nc") {
        pair.near.run(|| nc.args(["-z", "-w", "1", FAR_IP, "82"]).status().expect("runs"));
    }
    thread::sleep(Duration::from_millis(300));
    let (ran, rest) = (ended(chosen, &some), ended(whole, &all));
    assert_eq!((ran.code(), rest.code()), (Some(0), Some(0)), "{} {}", ran.stderr, rest.stderr);
    assert!(!ran.stderr.contains("not whole"), "{}", ran.stderr);
    let (all, some) = (all.join("all.pcapng"), some.join("some.pcapng"));
    let wanted = super::flows(&all, condition);
    assert!(wanted.len() >= 2, "{wanted:?}");
    let owners = owners(&all);
    let bytes = |packet: super::Packet| packet.2;
    let wanted: Vec<_> = packets_of(&all)
        .into_iter()
        .zip(owners)
        .filter(|(_, owner)| owner.as_ref().is_some_and(|owner| wanted.contains(owner)))
        .map(|(packet, _)| bytes(packet))
        .collect();
    let saved: Vec<_> = packets_of(&some).into_iter().map(bytes).collect();
    assert!(saved == wanted, "{} packets saved, {} wanted: {}", saved.len(), wanted.len(), ran.stderr);
    let told = run(sockeye().args(["flows", "--format", "jsonl", "-r"]).arg(&some));
    let states: Vec<_> = records(&told.stdout, "flow").iter().map(|flow| flow["state"].to_string()).collect();
    assert!(states.contains(&"\"closed\"".to_owned()) && states.contains(&"\"refused\"".to_owned()), "{states:?}");
}

#[test]
fn live_a_bound_is_kept_and_what_is_missing_is_told() {
    if !has("curl") || !has("python3") {
        skipped("needs curl and python3");
        return;
    }
    let Some(pair) = Pair::new() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).expect("ours");
    let www = folder.path().join("www");
    fs::create_dir(&www).expect("made");
    fs::write(www.join("large"), vec![7; 3_000_000]).expect("written");
    let _server = served(&pair, &www);
    let run_of = started(&pair, folder.path(), &["-w", "some.pcapng", "--where", "bytes>1MB", "--keep-bytes-per-flow", "100k"]);
    assert!(fetch(&pair, &format!("http://{FAR_IP}:8000/large")));
    thread::sleep(Duration::from_millis(300));
    let ran = ended(run_of, folder.path());
    assert_eq!(ran.code(), Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("1 conversation is not whole in the file: "), "{}", ran.stderr);
    let file = folder.path().join("some.pcapng");
    let size: usize = packets_of(&file).iter().map(|packet| packet.2.len()).sum();
    assert!(size > 1000 && size < 102_400, "{size}");
    let text = fs::read(&file).expect("there");
    assert!(String::from_utf8_lossy(&text).contains("of this conversation missing before this one"));
}
