//! What network cards do to packets so that a capture shows others than those on the wire. None of it is a failure.

use super::sheet::{Mark, Sheet};
use crate::cli::errors::{Problem, shown};
use sockeye::capture::interfaces::{Interface, Interfaces};
use sockeye::capture::offload::{self, Active, Effect, Offload};
use sockeye::output::summary::next::quote;

/// Most interfaces that get a line.
const MOST: usize = 24;

/// Looks at the interface that was asked for; else at all that are up, loopback aside: there nothing goes over a wire.
pub(super) fn check(sheet: &mut Sheet, there: &Interfaces, asked: Option<&str>) -> Result<(), Problem> {
    let wanted = |interface: &&Interface| match asked {
        Some(name) => interface.name == name,
        None => interface.up && !interface.loopback,
    };
    let mut interfaces = there.interfaces.iter().filter(wanted).take(MOST).peekable();
    if interfaces.peek().is_none() {
        return Ok(());
    }
    sheet.heading("Offloads: what cards do to packets")?;
    for interface in interfaces {
        let name = shown(&interface.name);
        match offload::active(&interface.name) {
            Ok(active) => {
                let (mark, text) = judge(&active, asked.is_some());
                sheet.line(mark, &name, &text)?;
                if let Some(command) = command(&interface.name, &active) {
                    sheet.mend(&format!("to see the packets of {name} as they are on the wire"), command);
                }
            }
            Err(error) => sheet.line(Mark::Note, &name, &format!("not told ({error})"))?,
        }
    }
    Ok(())
}

fn words(active: &[Active], effect: Effect) -> Vec<&'static str> {
    active.iter().filter(|on| on.offload.effect() == effect).map(|on| on.offload.word()).collect()
}

fn judge(active: &[Active], in_detail: bool) -> (Mark, String) {
    let mut parts = Vec::new();
    let joined = words(active, Effect::Joined);
    if !joined.is_empty() {
        parts.push(format!("{}: packets larger than the wire's, and fewer", joined.join(" ")));
    }
    let unfinished = words(active, Effect::NoChecksum);
    if !unfinished.is_empty() {
        parts.push(format!("{}: checksums of sent packets look wrong elsewhere; sockeye knows", unfinished.join(" ")));
    }
    let mark = if parts.is_empty() { Mark::Ok } else { Mark::Note };
    if in_detail {
        let harmless = active.iter().filter_map(|on| match on.offload {
            Offload::RxChecksum => Some("rx: checksums are checked by the card, which changes nothing"),
            Offload::RxVlan => Some("rxvlan: tags are taken out, and put back by sockeye"),
            _ => None,
        });
        parts.extend(harmless.map(str::to_owned));
    }
    if parts.is_empty() {
        parts.push("none that changes what is seen".to_owned());
    }
    (mark, parts.join("; "))
}

/// The command that switches off what joins packets, as far as it can be switched.
fn command(interface: &str, active: &[Active]) -> Option<String> {
    let joining = active.iter().filter(|on| on.changeable && on.offload.effect() == Effect::Joined);
    let off: Vec<_> = joining.map(|on| format!("{} off", on.offload.word())).collect();
    (!off.is_empty()).then(|| format!("sudo ethtool -K {} {}", quote(interface), off.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(offload: Offload) -> Active {
        Active { offload, changeable: true }
    }

    #[test]
    fn each_offload_is_told_with_what_it_does() {
        let active = [on(Offload::Gro), on(Offload::Tso), on(Offload::TxChecksum), on(Offload::RxVlan)];
        let (mark, text) = judge(&active, false);
        assert_eq!(mark, Mark::Note);
        assert_eq!(
            text,
            "gro tso: packets larger than the wire's, and fewer; tx: checksums of sent packets look wrong elsewhere; sockeye knows"
        );
        assert!(judge(&active, true).1.ends_with("; rxvlan: tags are taken out, and put back by sockeye"));
        assert_eq!(judge(&[on(Offload::RxVlan)], false), (Mark::Ok, "none that changes what is seen".to_owned()));
    }

    #[test]
    fn the_command_has_what_can_be_switched() {
        let fixed = Active { offload: Offload::Lro, changeable: false };
        let active = [on(Offload::Gro), fixed, on(Offload::Gso), on(Offload::TxChecksum)];
        assert_eq!(command("eth0", &active).as_deref(), Some("sudo ethtool -K eth0 gro off gso off"));
        assert_eq!(command("eth0", &[fixed, on(Offload::RxVlan)]), None);
    }
}
