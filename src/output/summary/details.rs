//! What `-v` adds to the head of a summary: what the file says of itself, and each of its interfaces with its own counters.

use super::header::say;
use crate::model::{InterfaceInfo, SourceInfo};
use crate::output::style::Style;
use crate::output::units;
use std::io::{self, Write};

/// Writes the notes of a file and its interfaces.
pub(super) fn write(out: &mut impl Write, style: &Style, info: &SourceInfo) -> io::Result<()> {
    let notes = &info.notes;
    for (what, text) in [("Written by", &notes.application), ("Captured on", &notes.os), ("Hardware", &notes.hardware)] {
        if let Some(text) = text {
            say(out, style, &format!("{what}: {}", style.foreign(text)))?;
        }
    }
    for comment in &notes.comments {
        say(out, style, &format!("Comment: {}", style.foreign(comment)))?;
    }
    for (what, count) in [("Names of addresses", notes.names.len()), ("Blocks of decryption secrets", notes.secrets.len())] {
        if count > 0 {
            say(out, style, &format!("{what}: {}", units::count(count as u64)))?;
        }
    }
    for (number, interface) in info.interfaces.iter().enumerate() {
        say(out, style, &style.foreign(&describe(number, interface)))?;
    }
    Ok(())
}

/// `Interface 0: eth0, Ethernet, at most 96 bytes of each packet, filter "tcp", 303 received, 0 dropped by it`.
fn describe(number: usize, interface: &InterfaceInfo) -> String {
    let mut parts = Vec::new();
    parts.extend(interface.name.clone());
    parts.extend(interface.description.clone());
    parts.push(interface.link.map_or_else(|| "link type unknown".to_owned(), |link| link.to_string()));
    parts.extend(interface.snaplen.map(|n| format!("at most {} bytes of each packet", units::count(u64::from(n)))));
    parts.extend(interface.ticks_per_second.map(|n| format!("{} ticks a second", units::count(n))));
    parts.extend(interface.fcs_len.map(|n| format!("{n} bytes of check sequence")));
    parts.extend(interface.speed.map(|n| format!("{} bit/s", units::count(n))));
    parts.extend(interface.os.clone());
    parts.extend(interface.hardware.clone());
    parts.extend(interface.filter.as_ref().map(|filter| format!("filter \"{filter}\"")));
    if let Some(counters) = interface.counters {
        parts.extend(counters.received.map(|n| format!("{} received", units::count(n))));
        parts.extend(counters.dropped_interface.map(|n| format!("{} dropped by it", units::count(n))));
        parts.extend(counters.dropped_kernel.map(|n| format!("{} dropped by the system", units::count(n))));
    }
    parts.extend(interface.comments.iter().map(|comment| format!("\"{comment}\"")));
    format!("Interface {number}: {}", parts.join(", "))
}
