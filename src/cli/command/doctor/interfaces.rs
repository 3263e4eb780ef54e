//! Which interfaces can be captured: each is opened; the one that is asked for, by every backend and in detail.

use super::capture::{backends, reason, up};
use super::sheet::{Mark, Sheet};
use crate::cli::errors::{Problem, shown};
use sockeye::capture::SourceError;
use sockeye::capture::interfaces::{Interface, Interfaces};
use sockeye::capture::live::{self, ANY, LiveSpec};
use sockeye::model::LiveBackend;
use std::fs;

/// Most interfaces that get a line: a host of containers has hundreds.
const MOST: usize = 24;
/// Most names in a list.
const NAMES: usize = 8;

/// Looks at those that are up.
pub(super) fn check_all(sheet: &mut Sheet, there: &Interfaces) -> Result<(), Problem> {
    sheet.heading("Interfaces")?;
    let (up_ones, down): (Vec<_>, Vec<_>) = there.interfaces.iter().partition(|interface| interface.up);
    for interface in up_ones.iter().take(MOST) {
        // Nothing is captured: the smallest buffer will do.
        let spec = LiveSpec { snaplen: 64, buffer_bytes: 64 << 10, ..LiveSpec::new(&interface.name) };
        match live::open(&[spec], Some(LiveBackend::Ring)) {
            Ok(_) => sheet.line(Mark::Ok, &shown(&interface.name), &described(interface))?,
            Err(error) => {
                sheet.line(Mark::Failed, &shown(&interface.name), &format!("{}: {}", described(interface), reason(&error)))?;
            }
        }
    }
    if up_ones.len() > MOST {
        let rest = up_ones.len() - MOST;
        sheet.line(Mark::Note, "more", &format!("{rest} that are up were not looked at; -i NAME looks at one"))?;
    }
    let (loopback, others): (Vec<_>, Vec<_>) = down.into_iter().partition(|interface| interface.loopback);
    if there.interfaces.is_empty() {
        sheet.line(Mark::Failed, "none", "this network namespace has no interface")?;
    }
    for interface in loopback {
        sheet.line(Mark::Failed, &shown(&interface.name), "down")?;
        sheet.mend(&shown(&interface.name), up(&interface.name));
    }
    if !others.is_empty() {
        sheet.line(Mark::Note, "down", &named(&others))?;
    }
    Ok(())
}

/// Looks at one. Can it be captured?
pub(super) fn check_one(sheet: &mut Sheet, there: &Interfaces, name: &str) -> Result<bool, Problem> {
    sheet.heading(&format!("Interface {}", shown(name)))?;
    if let Some(interface) = there.find(name) {
        let mark = match (interface.up, interface.running) {
            (false, _) => Mark::Failed,
            (true, false) => Mark::Limited,
            (true, true) => Mark::Ok,
        };
        let state = match mark {
            Mark::Failed => "down",
            Mark::Limited => "up, but without a link: nothing will come",
            _ => "up",
        };
        sheet.line(mark, "state", state)?;
        let addresses: Vec<_> = interface.addresses.iter().map(|a| format!("{}/{}", a.address, a.prefix)).collect();
        let mac = interface.mac.map(|mac| mac.to_string());
        let both: Vec<_> = mac.into_iter().chain(addresses).collect();
        sheet.line(Mark::Note, "addresses", if both.is_empty() { "none".to_owned() } else { both.join(", ") }.as_str())?;
        if let Ok(mtu) = fs::read_to_string(format!("/sys/class/net/{name}/mtu")) {
            sheet.line(Mark::Note, "largest packet", &format!("{} bytes (MTU)", shown(mtu.trim())))?;
        }
    }
    let mut works = false;
    for (backend, word) in backends() {
        match live::open(&[LiveSpec::new(name)], Some(backend)) {
            Ok(opened) => {
                works = true;
                drop(opened);
                sheet.line(Mark::Ok, word, "opens")?;
            }
            Err(error) => {
                sheet.line(Mark::Failed, word, &reason(&error))?;
                if let SourceError::InterfaceDown { interface } = &error {
                    sheet.mend(&shown(interface), up(interface));
                }
            }
        }
    }
    if let Ok(links) = live::link_types(name, None) {
        let links: Vec<_> = links.iter().map(|link| link.name().map_or_else(|| link.0.to_string(), str::to_owned)).collect();
        sheet.line(Mark::Note, "link types", &format!("{} (-y chooses)", links.join(", ")))?;
    }
    if let Ok(stamps) = live::time_stamps(name) {
        let names: Vec<_> = stamps.iter().map(|stamp| stamp.name()).collect();
        sheet.line(Mark::Note, "time stamps", &format!("{} (-j chooses)", names.join(", ")))?;
    }
    if name == ANY {
        sheet.line(Mark::Note, "any", "frames get a cooked header in place of their own; promiscuous mode is not possible")?;
    }
    Ok(works)
}

fn described(interface: &Interface) -> String {
    let mut text = if interface.running { "up".to_owned() } else { "up, no link".to_owned() };
    if interface.loopback {
        text.push_str(", loopback");
    }
    if let Some(link) = interface.link {
        text = format!("{text}, {link}");
    }
    if let Some(first) = interface.addresses.first() {
        text = format!("{text}, {}", first.address);
    }
    text
}

fn named(interfaces: &[&Interface]) -> String {
    let mut names: Vec<String> = interfaces.iter().take(NAMES).map(|interface| shown(&interface.name)).collect();
    if interfaces.len() > NAMES {
        names.push(format!("{} more", interfaces.len() - NAMES));
    }
    names.join(", ")
}
