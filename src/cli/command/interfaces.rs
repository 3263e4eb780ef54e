//! `sockeye interfaces`: what can be captured here, and why not.

use crate::cli::args::InterfacesArgs;
use crate::cli::exit::Exit;
use crate::cli::{Done, manual, settings};
use sockeye::capture::interfaces::{Interface, Interfaces, Obstacle};
use std::fmt::Write as _;

pub(crate) fn run(args: &InterfacesArgs) -> Done {
    let there = Interfaces::list();
    let style = settings::style(&args.style);
    let mut text = String::new();
    let rows: Vec<[String; 4]> = there.interfaces.iter().map(row).chain([any_row(&there)]).collect();
    let widths: [usize; 3] = std::array::from_fn(|i| rows.iter().map(|r| r[i].chars().count()).max().unwrap_or(0));
    for [name, state, link, addresses] in &rows {
        let line = format!("{name:<a$}  {state:<b$}  {link:<c$}  {addresses}", a = widths[0], b = widths[1], c = widths[2]);
        let _ = writeln!(text, "{}", line.trim_end());
    }
    let others: Vec<&str> = there.pseudo.iter().map(|p| p.name.as_str()).collect();
    if !others.is_empty() {
        let _ = writeln!(text, "\nnot network interfaces, not captured here: {}", others.join(", "));
    }
    if there.any.is_some() {
        let _ = writeln!(text, "\nno right to capture (needs CAP_NET_RAW); what to do:  sockeye doctor");
    }
    manual::print(&style.glyphs(&text)).map(|()| Exit::Done)
}

fn row(interface: &Interface) -> [String; 4] {
    let state = match interface.obstacle {
        Some(Obstacle::Down) => "down",
        Some(Obstacle::NotPermitted) if !interface.up => "down, not permitted",
        Some(Obstacle::NotPermitted) => "not permitted",
        None if interface.running => "ready",
        None => "ready, no link",
    };
    let mut link = interface.link.map_or_else(|| "?".to_owned(), |l| l.to_string());
    if interface.loopback {
        link = format!("loopback, {link}");
    }
    let mut addresses: Vec<String> = interface.addresses.iter().map(|a| format!("{}/{}", a.address, a.prefix)).collect();
    addresses.extend(interface.mac.map(|mac| mac.to_string()));
    [interface.name.clone(), state.to_owned(), link, addresses.join(" ")]
}

fn any_row(there: &Interfaces) -> [String; 4] {
    let state = if there.any.is_some() { "not permitted" } else { "ready" };
    ["any".to_owned(), state.to_owned(), "Linux cooked".to_owned(), "all interfaces at once".to_owned()]
}
