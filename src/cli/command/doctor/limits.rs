//! Limits of this system that a capture runs into later: buffers, memory, clock, disk, time zone, terminal.

use super::sheet::{Mark, Sheet};
use crate::cli::errors::{Problem, shown};
use chrono::Local;
use rustix::fs::{StatVfsMountFlags, statvfs};
use rustix::thread::{CapabilitySet, capabilities};
use sockeye::capture::live::DEFAULT_BUFFER;
use sockeye::output::units;
use std::env;
use std::fs;
use std::io::{self, IsTerminal};
use std::path::Path;

/// Where the kernel tells of its clock.
const CLOCK: &str = "/sys/devices/system/clocksource/clocksource0";
/// Clocks that are read out of a device, or count ticks: each time of a packet then costs much more, or is coarse.
const SLOW_CLOCKS: [&str; 4] = ["hpet", "acpi_pm", "pit", "jiffies"];
/// Where zones are.
const ZONES: &str = "/usr/share/zoneinfo";

/// Looks at each. What only makes capturing better is told to those who can capture.
pub(super) fn check(sheet: &mut Sheet, captures: bool) -> Result<(), Problem> {
    sheet.heading("Limits")?;
    receive_buffer(sheet, captures)?;
    memory(sheet)?;
    clock(sheet)?;
    disk(sheet)?;
    zone(sheet)?;
    terminal(sheet)
}

fn first_line(path: &str) -> Option<String> {
    Some(fs::read_to_string(path).ok()?.lines().next()?.trim().to_owned())
}

/// The ring is not bound by it.
fn receive_buffer(sheet: &mut Sheet, captures: bool) -> Result<(), Problem> {
    // Older kernels tell it in the first network namespace only.
    let Some(most) = first_line("/proc/sys/net/core/rmem_max").and_then(|line| line.parse::<u64>().ok()) else { return Ok(()) };
    let unbound = capabilities(None).is_ok_and(|held| held.effective.contains(CapabilitySet::NET_ADMIN));
    let most_text = units::bytes(most);
    if unbound || most >= DEFAULT_BUFFER as u64 / 2 {
        return sheet.line(Mark::Ok, "rmem_max", &format!("{most_text}: binds no backend here"));
    }
    if captures {
        sheet.mend("a larger buffer for --backend pnet", format!("sudo sysctl -w net.core.rmem_max={}", DEFAULT_BUFFER / 2));
    }
    sheet.line(Mark::Note, "rmem_max", &format!("{most_text}: all that --backend pnet gets; the ring is not bound by it"))
}

/// What the control group leaves (version 2).
fn memory(sheet: &Sheet) -> Result<(), Problem> {
    let group = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let path = group.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or("/").to_owned();
    let limit = |folder: &Path| fs::read_to_string(folder.join("memory.max")).ok()?.trim().parse::<u64>().ok();
    let own = Path::new("/sys/fs/cgroup").join(path.trim_start_matches('/'));
    let least = own.ancestors().take_while(|folder| folder.starts_with("/sys/fs/cgroup")).filter_map(limit).min();
    match least {
        Some(bytes) => sheet.line(Mark::Note, "memory", &format!("at most {} in this control group", units::bytes(bytes))),
        None => sheet.line(Mark::Ok, "memory", "not bound by a control group"),
    }
}

fn clock(sheet: &mut Sheet) -> Result<(), Problem> {
    let Some(clock) = first_line(&format!("{CLOCK}/current_clocksource")) else { return Ok(()) };
    if !SLOW_CLOCKS.contains(&clock.as_str()) {
        return sheet.line(Mark::Ok, "clock", &shown(&clock));
    }
    let others = first_line(&format!("{CLOCK}/available_clocksource")).unwrap_or_default();
    if let Some(better) = others.split_whitespace().find(|other| !SLOW_CLOCKS.contains(other)) {
        sheet.mend("the clock", format!("echo {} | sudo tee {CLOCK}/current_clocksource", shown(better)));
    }
    sheet.line(Mark::Limited, "clock", &format!("{}: slow or coarse, and every packet is stamped by it", shown(&clock)))
}

fn disk(sheet: &Sheet) -> Result<(), Problem> {
    let Ok(disk) = statvfs(".") else {
        return sheet.line(Mark::Limited, "disk", "the current folder cannot be looked at");
    };
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let text = format!("{} free in the current folder, for -w", units::bytes(free));
    if disk.f_flag.contains(StatVfsMountFlags::RDONLY) {
        sheet.line(Mark::Limited, "disk", "the current folder is read-only: -w needs another one")
    } else if free < DEFAULT_BUFFER as u64 {
        sheet.line(Mark::Limited, "disk", &format!("{text}: less than the capture buffer holds"))
    } else {
        sheet.line(Mark::Ok, "disk", &text)
    }
}

fn zone(sheet: &Sheet) -> Result<(), Problem> {
    let offset = Local::now().format("UTC%:z").to_string();
    match env::var("TZ") {
        Ok(zone) if !zone.is_empty() && !is_zone(&zone) => {
            sheet.line(Mark::Limited, "time zone", &format!("TZ={} is no zone known here: times are in UTC", shown(&zone)))
        }
        Ok(zone) if !zone.is_empty() => sheet.line(Mark::Ok, "time zone", &format!("TZ={}, now {offset}", shown(&zone))),
        _ => sheet.line(Mark::Ok, "time zone", &format!("the system's, now {offset}")),
    }
}

/// Is there a file of that name among the zones, or is it a rule (POSIX, section 8.3): a name and hours, and if there is a name for
/// summer, when that begins and ends? (Without these, packet lines have UTC.)
fn is_zone(word: &str) -> bool {
    let name = word.trim_start_matches(':');
    let after = match name.strip_prefix('<') {
        Some(quoted) => quoted.split_once('>').map_or("", |(_, rest)| rest),
        None => name.trim_start_matches(|c: char| c.is_ascii_alphabetic()),
    };
    let summer = after.trim_start_matches(|c: char| c.is_ascii_digit() || "+-:".contains(c));
    let is_rule = after.len() < name.len() && summer.len() < after.len() && (summer.is_empty() || summer.contains(','));
    ["UTC", "GMT", "localtime"].contains(&name) || is_rule || Path::new(ZONES).join(name).is_file()
}

fn terminal(sheet: &Sheet) -> Result<(), Problem> {
    let style = sheet.style();
    let characters = if style.ascii { "ASCII only (the locale, or --ascii)" } else { "UTF-8" };
    let place = if io::stdout().is_terminal() { "a terminal" } else { "no terminal" };
    let width = style.width.map_or_else(String::new, |columns| format!(", {columns} columns"));
    let colour = if style.colour { ", colours" } else { "" };
    sheet.line(Mark::Ok, "output", &format!("{place}, {characters}{width}{colour}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_files_or_rules() {
        for zone in ["UTC", "CET-1CEST,M3.5.0,M10.5.0/3", ":UTC", "<+0330>-3:30"] {
            assert!(is_zone(zone), "{zone}");
        }
        for word in ["Nowhere/Land", "Nowhere/Land+1", "XYZ-1XYST", "nonsense", "2", "."] {
            assert!(!is_zone(word), "{word}");
        }
    }
}
