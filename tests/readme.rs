//! Holds the README to what the program does: in every text block that begins with `$ sockeye …`, what stands below a command is
//! exactly what it prints. After a change that is meant, `SOCKEYE_REWRITE=1 cargo test --test readme` writes it anew.

#[path = "support/program.rs"]
mod program;

use program::{run, sockeye};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

const PROMPT: &str = "$ sockeye ";

/// What a command prints, started in the repository: its words may be quoted as for a shell, with single quotes.
fn printed(command: &str) -> String {
    let mut words = Vec::new();
    for (i, piece) in command.split('\'').enumerate() {
        match i % 2 {
            1 => words.push(piece.to_owned()),
            _ => words.extend(piece.split_whitespace().map(str::to_owned)),
        }
    }
    let ran = run(sockeye().current_dir(env!("CARGO_MANIFEST_DIR")).args(words));
    assert_eq!(ran.code(), Some(0), "{command}: {}", ran.stderr);
    format!("{}{}", ran.stdout, ran.stderr)
}

/// The text with the output below each command as it is now, and how many commands there are.
fn with_real_output(text: &str) -> (String, usize) {
    let (mut new, mut commands) = (String::new(), 0);
    let (mut in_block, mut in_output) = (false, false);
    for line in text.lines() {
        if line.starts_with("```") {
            in_block = line == "```text";
            in_output = false;
        } else if in_block && let Some(command) = line.strip_prefix(PROMPT) {
            let _ = write!(new, "{line}\n{}", printed(command));
            commands += 1;
            in_output = true;
            continue;
        }
        if !in_output {
            let _ = writeln!(new, "{line}");
        }
    }
    (new, commands)
}

#[test]
fn the_readme_shows_what_is_printed() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let text = fs::read_to_string(&path).expect("the README");
    let (real, commands) = with_real_output(&text);
    assert!(commands >= 3, "it shows {commands} commands");
    if std::env::var_os("SOCKEYE_REWRITE").is_some() {
        fs::write(&path, real).expect("written");
        return;
    }
    let differs = text.lines().zip(real.lines()).position(|(old, new)| old != new);
    assert_eq!(
        text,
        real,
        "line {}: SOCKEYE_REWRITE=1 cargo test --test readme writes what is printed now",
        differs.unwrap_or(0) + 1
    );
}

#[test]
fn what_does_not_match_is_replaced() {
    let text =
        "# a\n\n```text\n$ sockeye packets -r captures/refused.pcap -c 1 --plain\n@@OLD@@\n```\n\n```sh\n$ sockeye x\n```\n";
    let (real, commands) = with_real_output(text);
    assert_eq!(commands, 1);
    assert!(
        !real.contains("@@") && real.contains("Request who-has") && real.ends_with("```\n\n```sh\n$ sockeye x\n```\n"),
        "{real}"
    );
}
