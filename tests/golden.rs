//! Golden tests: what the program prints, line by line, for the captures of this repository.
//!
//! `golden/LIST` names the runs, one a line: a name and the arguments. What is expected stands in `golden/NAME.out`: standard
//! output, then standard error if there is any, then the exit code. After a change that is meant,
//! `SOCKEYE_REWRITE=1 cargo test --test golden` writes them anew; read the difference before it is committed.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// A line of the list.
struct Run {
    name: String,
    arguments: Vec<String>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// Words as a shell splits them: blanks separate, single quotes keep together.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (i, piece) in line.split('\'').enumerate() {
        if i % 2 == 1 {
            words.push(piece.to_owned());
        } else {
            words.extend(piece.split_whitespace().map(str::to_owned));
        }
    }
    words
}

fn list() -> Vec<Run> {
    let text = fs::read_to_string(folder().join("LIST")).expect("the list");
    let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    let runs: Vec<Run> = lines
        .map(|line| {
            let mut words = words(line).into_iter();
            Run { name: words.next().expect("a name"), arguments: words.collect() }
        })
        .collect();
    let names: BTreeSet<&str> = runs.iter().map(|run| run.name.as_str()).collect();
    assert_eq!(names.len(), runs.len(), "each name once");
    runs
}

/// Runs the program where and as everyone has it: in the repository, with nothing of this machine's settings.
fn printed(run: &Run) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_sockeye"))
        .args(&run.arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_clear()
        .envs([("TZ", "UTC"), ("LANG", "C.UTF-8"), ("NO_COLOR", "1")])
        .output()
        .expect("the program runs");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap_or_else(|_| panic!("{}: not UTF-8", run.name));
    let mut all = text(&output.stdout);
    if !output.stderr.is_empty() {
        let _ = write!(all, "--- stderr\n{}", text(&output.stderr));
    }
    let exit = output.status.code().unwrap_or_else(|| panic!("{}: {}", run.name, output.status));
    let _ = writeln!(all, "--- exit {exit}");
    all.replace(concat!("\"sockeye\":\"", env!("CARGO_PKG_VERSION"), "\""), "\"sockeye\":\"VERSION\"")
}

/// The first lines that differ, for a person.
fn difference(expected: &str, got: &str) -> String {
    let (mut old, mut new) = (expected.lines(), got.lines());
    let mut number = 0;
    loop {
        number += 1;
        match (old.next(), new.next()) {
            (Some(a), Some(b)) if a == b => {}
            (None, None) => return "only the ends of lines differ".to_owned(),
            (a, b) => {
                let show = |line: Option<&str>| line.unwrap_or("(nothing)").to_owned();
                return format!("line {number}\n    expected: {}\n    got:      {}", show(a), show(b));
            }
        }
    }
}

fn check(run: &Run, rewrite: bool) -> Option<String> {
    let path = folder().join(format!("{}.out", run.name));
    let got = printed(run);
    if rewrite {
        fs::write(&path, got).expect("written");
        return None;
    }
    let Ok(expected) = fs::read_to_string(&path) else {
        return Some(format!("{}: no {}", run.name, path.display()));
    };
    (expected != got).then(|| format!("{}: sockeye {}\n  {}", run.name, run.arguments.join(" "), difference(&expected, &got)))
}

#[test]
fn what_is_printed_is_what_was_agreed() {
    let rewrite = std::env::var_os("SOCKEYE_REWRITE").is_some();
    // Filters in words need libpcap.
    let runs: Vec<Run> = list().into_iter().filter(|run| cfg!(feature = "libpcap") || !run.name.starts_with("filter")).collect();
    let next = AtomicUsize::new(0);
    let wrong = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(run) = runs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    wrong.lock().expect("no panic").extend(check(run, rewrite));
                }
            });
        }
    });
    let wrong = wrong.into_inner().expect("no panic");
    assert!(wrong.is_empty(), "{} of {} differ\n{}", wrong.len(), runs.len(), wrong.join("\n"));
}

#[test]
fn no_expectation_is_left_over() {
    let known: BTreeSet<String> = list().into_iter().map(|run| format!("{}.out", run.name)).collect();
    let entries = fs::read_dir(folder()).expect("the folder").map(|entry| entry.expect("readable").file_name());
    let files = entries.map(|name| name.to_string_lossy().into_owned()).filter(|name| name != "LIST");
    let orphans: Vec<String> = files.filter(|name| !known.contains(name)).collect();
    assert!(orphans.is_empty(), "no line in LIST: {orphans:?}");
}
