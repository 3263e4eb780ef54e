//! Holds the tree to its own rules: who may import whom (ARCHITECTURE.md), headers that orient, no machine's paths, captures named.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Room → rooms it may import. `cli` may import all; `lib.rs` and `main.rs` only declare.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("heap", &[]),
    ("privilege", &[]),
    ("pcapfile", &["model"]),
    ("filter", &["model"]),
    ("decode", &["model"]),
    ("peek", &["model"]),
    ("host", &["model"]),
    ("capture", &["model", "pcapfile", "filter"]),
    ("flow", &["heap", "model", "decode", "peek"]),
    ("detect", &["model", "decode", "peek", "flow"]),
    ("story", &["model", "decode", "peek", "flow"]),
    ("event", &["model", "decode", "flow", "detect", "story"]),
    ("query", &["model", "flow", "detect"]),
    ("engine", &["heap", "model", "capture", "filter", "decode", "flow", "detect", "story", "query", "host", "event"]),
    ("output", &["heap", "model", "pcapfile", "decode", "peek", "flow", "detect", "story", "event"]),
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.map(|e| e.expect("a readable folder").path()) {
        if entry.is_dir() {
            files_below(&entry, found);
        } else {
            found.push(entry);
        }
    }
}

fn sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    files_below(&root().join("src"), &mut found);
    found.retain(|path| path.extension().is_some_and(|e| e == "rs"));
    assert!(found.len() > 20, "the sources were not found");
    found.into_iter().map(|path| (path.clone(), fs::read_to_string(path).expect("readable source"))).collect()
}

/// The rooms that a file names by `crate::room`, in code: comments may speak of any, tests may use any.
fn rooms_named(text: &str) -> BTreeSet<String> {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let mut named = BTreeSet::new();
    for line in lines {
        for (at, _) in line.match_indices("crate::") {
            let rest = &line[at + "crate::".len()..];
            let groups = rest.strip_prefix('{').map_or_else(|| vec![rest], |group| group.split(',').collect());
            for part in groups {
                let room: String = part.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                named.insert(room);
            }
        }
    }
    named
}

#[test]
fn imports_go_one_way() {
    let table: BTreeMap<&str, &[&str]> = MAY_IMPORT.iter().copied().collect();
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let inside = path.strip_prefix(root().join("src")).expect("below src").to_path_buf();
        let room = inside.components().next().expect("a first part").as_os_str().to_string_lossy().into_owned();
        let Some(allowed) = table.get(room.as_str()) else {
            assert!(["cli", "tui", "lib.rs", "main.rs"].contains(&room.as_str()), "{room} stands in no row of the table");
            continue;
        };
        // A file of tests stands behind `#[cfg(test)]` in the file that declares it.
        if inside.ends_with("tests.rs") {
            continue;
        }
        for named in rooms_named(&text) {
            if table.contains_key(named.as_str()) && named != room && !allowed.contains(&named.as_str()) {
                wrong.push(format!("{}: {room} imports {named}", inside.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "imports against the table:\n{}", wrong.join("\n"));
}

#[test]
fn every_file_opens_with_a_header() {
    let bare: Vec<_> = sources().into_iter().filter(|(_, text)| !text.starts_with("//!")).map(|(path, _)| path).collect();
    assert!(bare.is_empty(), "no //! header: {bare:?}");
}

#[test]
fn only_decode_uses_etherparse_and_only_cli_uses_clap() {
    for (path, text) in sources() {
        let inside = path.strip_prefix(root().join("src")).expect("below src").to_path_buf();
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let uses = |krate: &str| code.contains(&format!("use {krate}")) || code.contains(&format!("{krate}::"));
        assert!(!uses("etherparse") || inside.starts_with("decode"), "{} uses etherparse", inside.display());
        assert!(!uses("clap") || inside.starts_with("cli"), "{} uses clap", inside.display());
    }
}

#[test]
fn time_is_read_in_one_place() {
    for (path, text) in sources() {
        let inside = path.strip_prefix(root().join("src")).expect("below src").to_path_buf();
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let library = !inside.starts_with("cli") && !inside.starts_with("tui");
        let reads = code.contains("SystemTime::now")
            || code.contains("Instant::now")
            || code.contains("Utc::now")
            || code.contains("Local::now");
        assert!(!library || !reads || inside.ends_with("engine/clock.rs"), "{} reads the clock", inside.display());
    }
}

#[test]
fn every_capture_is_named_in_its_readme() {
    let readme = fs::read_to_string(root().join("captures/README.md")).expect("captures/README.md");
    let mut found = Vec::new();
    files_below(&root().join("captures"), &mut found);
    let mut captures = 0;
    for path in found {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if name.contains(".pcap") {
            captures += 1;
            assert!(readme.contains(&name), "captures/README.md does not name {name}");
        }
    }
    assert!(captures >= 12, "only {captures} captures");
}

#[test]
fn no_path_of_a_machine_is_committed() {
    // Not what builds and fuzzing leave behind.
    let left = ["target", "corpus", "artifacts", "coverage", "__pycache__"];
    let mut found = Vec::new();
    for entry in fs::read_dir(root()).expect("the root").map(|e| e.expect("an entry").path()) {
        if entry.is_file() {
            found.push(entry);
        }
    }
    for folder in ["src", "docs", ".ci", "captures", "benches", "tests", "examples", "fuzz"] {
        assert!(root().join(folder).is_dir(), "no folder {folder}");
        files_below(&root().join(folder), &mut found);
    }
    let mut read = 0;
    for path in found {
        let inside = path.strip_prefix(root()).expect("below the root");
        // A worktree's .git is a file with the path of its repository.
        if inside == Path::new(".git") || inside.components().any(|part| left.iter().any(|l| part.as_os_str() == *l)) {
            continue;
        }
        let Ok(text) = fs::read_to_string(&path) else { continue };
        read += 1;
        for place in ["home", "root", "work"].map(|place| format!("/{place}/")) {
            assert!(!text.contains(&place), "{} names {place}", path.display());
        }
    }
    assert!(read > 300, "only {read} files were read");
}
