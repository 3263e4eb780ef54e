//! What is said when a live capture cannot start, with what to do about it; and the lines at its begin and end.

use super::errors::{Problem, shown};
use super::exit::Exit;
use sockeye::capture::interfaces::{Interface, Interfaces};
use sockeye::capture::permission::Permission;
use sockeye::event::RunSummary;
use sockeye::model::{SourceInfo, SourceStats};
use sockeye::output::summary::next::quote;
use std::env;
use std::fmt::Write as _;

/// The right to capture is missing: why, and the one command that helps.
pub(crate) fn not_permitted(interface: &str) -> Problem {
    advise(interface, &Permission::look(), &typed_words())
}

/// The words after the program's name as they were typed, to be repeated behind sudo.
fn typed_words() -> String {
    let words: Vec<_> = env::args_os().skip(1).map(|word| quote(&word.to_string_lossy()).into_owned()).collect();
    words.join(" ")
}

fn advise(interface: &str, facts: &Permission, words: &str) -> Problem {
    let problem = Problem::new(Exit::Permission, format!("not allowed to capture on {} (needs CAP_NET_RAW)", shown(interface)));
    let once = if facts.no_new_privs {
        "once:        not from here: no_new_privs is set, so sudo gives nothing; start it from another shell".to_owned()
    } else {
        format!("once:        sudo \"$(command -v sockeye)\" {words}")
    };
    let for_good = if facts.container.is_some() && !facts.obtainable {
        "for good:    run the container with --cap-add NET_RAW".to_owned()
    } else if facts.setcap_helps() {
        format!("for good:    {}      (again after each upgrade)", setcap(facts))
    } else {
        format!("for good:    {}", why_setcap_fails(facts))
    };
    problem
        .help(once)
        .help(for_good)
        .help(format!("without it:  sockeye FILE still works; so does  sudo tcpdump -i {} -w - | sockeye -r -", shown(interface)))
}

/// The command that gives the right to the program's file.
fn setcap(facts: &Permission) -> String {
    let program = facts.program.as_ref().map_or_else(|| "sockeye".to_owned(), |p| shown(&p.display().to_string()));
    format!("sudo setcap cap_net_raw+ep {}", quote(&program))
}

/// The one command, or the one step, by which the right to capture is had.
pub(crate) fn mend_right(facts: &Permission) -> String {
    if facts.container.is_some() && !facts.obtainable {
        "run the container with --cap-add NET_RAW".to_owned()
    } else if facts.effective && facts.user_namespace {
        "start it outside this user namespace, by sudo".to_owned()
    } else if facts.no_new_privs {
        "start it from a shell without no_new_privs, by sudo".to_owned()
    } else if facts.setcap_helps() && !facts.on_file {
        setcap(facts)
    } else {
        "sudo \"$(command -v sockeye)\" doctor".to_owned()
    }
}

/// Why capabilities of the program's file have no effect.
pub(crate) fn why_setcap_fails(facts: &Permission) -> String {
    match &facts.mount {
        Some(mount) if mount.nosuid => format!("setcap has no effect here: {} is mounted nosuid", mount.point.display()),
        Some(mount) if mount.read_only => format!("setcap cannot be used here: {} is mounted read-only", mount.point.display()),
        _ if facts.no_new_privs => "setcap has no effect here: no_new_privs is set".to_owned(),
        _ => "setcap has no effect here: CAP_NET_RAW is not in the bounding set".to_owned(),
    }
}

/// No interface has that name: which there are, and which was probably meant.
pub(crate) fn no_such_interface(name: &str) -> Problem {
    let there = Interfaces::list();
    let near = there.suggest(name).map_or_else(String::new, |near| format!("; did you mean {near}?"));
    let mut line = String::new();
    let (up, down): (Vec<_>, Vec<_>) = there.interfaces.iter().partition(|i| i.up);
    let _ = write!(line, "up: {}", listed(&up));
    if !down.is_empty() {
        let _ = write!(line, " · down: {}", listed(&down));
    }
    Problem::usage(format!("no interface \"{}\"{near}", shown(name))).help(line)
}

/// `eth0 (192.0.2.2), lo (127.0.0.1)`, a handful of them.
fn listed(interfaces: &[&Interface]) -> String {
    const MOST: usize = 8;
    if interfaces.is_empty() {
        return "none".to_owned();
    }
    let mut names: Vec<String> = interfaces
        .iter()
        .take(MOST)
        .map(|i| i.addresses.first().map_or_else(|| i.name.clone(), |a| format!("{} ({})", i.name, a.address)))
        .collect();
    if interfaces.len() > MOST {
        names.push(format!("{} more", interfaces.len() - MOST));
    }
    names.join(", ")
}

/// What is said when a capture starts.
pub(crate) fn listening(info: &SourceInfo) -> String {
    let each = info.interfaces.iter().map(|i| {
        let name = i.name.as_deref().unwrap_or("?");
        i.link.map_or_else(|| name.to_owned(), |link| format!("{name} ({link})"))
    });
    let snaplen = info.interfaces.iter().filter_map(|i| i.snaplen).max().unwrap_or(0);
    let cut = if snaplen == 0 { String::new() } else { format!(", at most {snaplen} bytes of each packet") };
    format!("listening on {}{cut}", each.collect::<Vec<_>>().join(", "))
}

/// tcpdump's closing lines, and one for each other way in which packets went, where any did. "Received by filter" counts what passed
/// the kernel's filter, dropped packets and duplicates included, as it does for tcpdump on Linux.
pub(crate) fn closing_lines(summary: &RunSummary) -> String {
    let total = |of: fn(&SourceStats) -> Option<u64>| summary.total(of).unwrap_or(0);
    let packets = |n: u64| format!("{n} packet{}", if n == 1 { "" } else { "s" });
    let mut lines = format!(
        "{} captured\n{} received by filter\n{} dropped by kernel\n",
        packets(summary.shown()),
        packets(total(|s| s.received)),
        packets(total(|s| s.dropped_kernel))
    );
    let rest = [
        (total(|s| s.dropped_interface), "dropped by interface"),
        (summary.dropped_here, "dropped by sockeye"),
        (summary.read.saturating_sub(summary.matched), "rejected by sockeye's filter"),
    ];
    for (n, how) in rest.into_iter().filter(|(n, _)| *n > 0) {
        let _ = writeln!(lines, "{} {how}", packets(n));
    }
    let (duplicates, unread) = (total(|s| s.duplicates), total(|s| s.unread));
    if duplicates > 0 {
        let _ = writeln!(lines, "{duplicates} duplicate{}", if duplicates == 1 { "" } else { "s" });
    }
    if unread > 0 {
        let _ = writeln!(lines, "{} left unread", packets(unread));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use sockeye::capture::permission::{Container, Mount};
    use std::path::PathBuf;

    fn facts() -> Permission {
        Permission { obtainable: true, program: Some(PathBuf::from("/usr/local/bin/sockeye")), ..Permission::default() }
    }

    #[test]
    fn every_way_in_which_packets_went_has_its_line() {
        let info = SourceInfo::new("eth0", sockeye::model::SourceKind::Live(sockeye::model::LiveBackend::Ring));
        let stats = SourceStats { received: Some(20), dropped_kernel: Some(1), ..SourceStats::default() };
        let source = sockeye::event::SourceSummary { info, stats, cut_frames: 0, problem: None };
        let mut summary = RunSummary { sources: vec![source], read: 19, matched: 19, live: true, ..RunSummary::default() };
        let three = "19 packets captured\n20 packets received by filter\n1 packet dropped by kernel\n";
        assert_eq!(closing_lines(&summary), three);
        summary.dropped_here = 4;
        summary.matched = 14;
        summary.sources[0].stats =
            SourceStats { received: Some(26), dropped_interface: Some(2), duplicates: Some(5), unread: Some(1), ..stats };
        assert_eq!(
            closing_lines(&summary),
            "10 packets captured\n26 packets received by filter\n1 packet dropped by kernel\n2 packets dropped by interface\n\
             4 packets dropped by sockeye\n5 packets rejected by sockeye's filter\n5 duplicates\n1 packet left unread\n"
        );
    }

    #[test]
    fn a_plain_user_gets_two_commands() {
        let text = advise("eth0", &facts(), "-i eth0").to_string();
        assert_eq!(
            text,
            "not allowed to capture on eth0 (needs CAP_NET_RAW)\n\
             \x20 once:        sudo \"$(command -v sockeye)\" -i eth0\n\
             \x20 for good:    sudo setcap cap_net_raw+ep /usr/local/bin/sockeye      (again after each upgrade)\n\
             \x20 without it:  sockeye FILE still works; so does  sudo tcpdump -i eth0 -w - | sockeye -r -\n"
        );
    }

    #[test]
    fn what_cannot_help_is_not_advised() {
        let mount = Mount { point: "/mnt".into(), kind: "ext4".into(), nosuid: true, read_only: false };
        let text = advise("eth0", &Permission { mount: Some(mount), ..facts() }, "-i eth0").to_string();
        assert!(text.contains("setcap has no effect here: /mnt is mounted nosuid"), "{text}");
        let boxed = Permission { container: Some(Container::Docker), obtainable: false, ..facts() };
        assert!(advise("eth0", &boxed, "").to_string().contains("--cap-add NET_RAW"));
        let bound = Permission { no_new_privs: true, ..facts() };
        assert!(advise("eth0", &bound, "").to_string().contains("no_new_privs is set"));
    }
}
