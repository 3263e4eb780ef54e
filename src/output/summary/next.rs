//! What to run next: commands that exist, with the source and the filter repeated and quoted for a shell.

use super::{SummaryConfig, ranking::has_failed};
use crate::detect::Finding;
use crate::flow::{FlowRecord, Outcome};
use crate::output::units;
use std::borrow::Cow;
use std::fmt::Write as _;

/// The lines after the table: `Next: …`, several commands on one line where they fit.
pub(super) fn lines(config: &SummaryConfig, shown: &[FlowRecord], found: &[Finding], live: bool) -> Vec<String> {
    // What was live is gone: there is nothing to read again.
    if live || (shown.is_empty() && found.is_empty()) || config.source_words.is_empty() {
        return Vec::new();
    }
    let source: Vec<_> = config.source_words.iter().map(|w| quote(w)).collect();
    let source = source.join(" ");
    let whole = config.filter.as_deref().map_or_else(String::new, |f| format!(" {}", quote(f)));
    let mut commands = Vec::new();
    // The conversation that most deserves a look: that of the gravest finding, else the first that failed, else the biggest.
    let biggest = || shown.iter().max_by_key(|r| r.orig.wire_bytes.saturating_add(r.resp.wire_bytes));
    let grave = found.first().and_then(|finding| finding.flows.first.first().copied());
    let failed = || shown.iter().find(|r| has_failed(r)).or_else(biggest).map(|record| record.id);
    // Of no conversation are findings on addresses: of one file their packets can be looked at.
    let single = config.source_words.iter().filter(|word| *word == "-r").count() == 1;
    let cited = found.first().filter(|finding| single && finding.flows.total == 0).and_then(|finding| finding.packets.last);
    if let Some((_, number)) = cited {
        commands.push(format!("sockeye explain --packet {number} {source}{whole}"));
    } else if let Some(id) = grave.or_else(failed) {
        commands.push(format!("sockeye explain {id} {source}{whole}"));
    }
    // Connections that began before the capture have no set-up in it.
    let set_up = |record: &FlowRecord| record.handshake.as_ref().is_some_and(|set_up| set_up.outcome != Outcome::Midway);
    if !found.is_empty() {
        commands.push(format!("sockeye findings {source}{whole}"));
    } else if shown.iter().any(set_up) {
        commands.push(format!("sockeye handshakes {source}{whole}"));
    }
    let mut lines: Vec<String> = vec![String::new()];
    for command in commands {
        let last = lines.len() - 1;
        if lines[last].is_empty() {
            lines.push(format!("Next: {command}"));
        } else if config.style.width.is_some_and(|w| units::width(&lines[last]) + 3 + units::width(&command) <= w) {
            let _ = write!(lines[last], " · {command}");
        } else {
            lines.push(format!("      {command}"));
        }
    }
    lines
}

/// A word as a POSIX shell reads it back. Words with control characters, which could act on the terminal, are written
/// in the `$'…'` form of bash, zsh and POSIX 2024.
#[must_use]
pub fn quote(word: &str) -> Cow<'_, str> {
    let safe = |c: char| c.is_ascii_alphanumeric() || "_-./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(safe) {
        return Cow::Borrowed(word);
    }
    if !word.contains(crate::output::style::is_dangerous) {
        return Cow::Owned(format!("'{}'", word.replace('\'', "'\\''")));
    }
    let mut text = "$'".to_owned();
    for c in word.chars() {
        match c {
            '\'' => text.push_str("\\'"),
            '\\' => text.push_str("\\\\"),
            c if crate::output::style::is_dangerous(c) => {
                for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                    // Three octal digits end by themselves, whatever follows.
                    let _ = write!(text, "\\{byte:03o}");
                }
            }
            c => text.push(c),
        }
    }
    text.push('\'');
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_a_shell() {
        let words = ["mix.pcap", "", "it's here.pcap", "$(reboot)", "a b", "\x1b[2J.pcap", "back\\slash\n'x'", "ünï\u{202e}x1"];
        for word in words {
            // The shell itself says what it reads.
            let script = format!("printf %s {}", quote(word));
            let output = std::process::Command::new("bash").args(["-c", &script]).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), word, "{script}");
        }
        assert_eq!(quote("mix.pcap"), "mix.pcap");
        assert_eq!(quote("tcp port 80"), "'tcp port 80'");
        assert!(!quote("\x1b[2J").contains('\x1b'));
    }
}
