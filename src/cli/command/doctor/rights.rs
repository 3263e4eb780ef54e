//! Who runs this, with which rights, what stands in the way of the right to capture, and what sockeye becomes with it.

use super::sheet::{Mark, Sheet};
use crate::cli::errors::{Problem, shown, shown_path};
use crate::cli::live::{mend_right, why_setcap_fails};
use rustix::thread::{CapabilitySet, capabilities};
use sockeye::capture::live;
use sockeye::capture::permission::{Container, Permission};
use sockeye::privilege::{Choice, Standing, User};

/// Sets with more capabilities are told by their number.
const FEW: usize = 4;

/// Looks at the rights of this process.
pub(super) fn check(sheet: &mut Sheet, standing: Standing, choice: &Choice) -> Result<(), Problem> {
    sheet.heading("Rights")?;
    let facts = Permission::look();
    let permitted = live::is_permitted();
    sheet.line(Mark::Note, "started by", &started_by(standing, choice))?;
    let (mark, text) = right(&facts, permitted);
    sheet.line(mark, "CAP_NET_RAW", &text)?;
    if mark == Mark::Failed {
        sheet.mend("the right to capture", mend_right(&facts));
    }
    if let Ok(held) = capabilities(None) {
        let text = format!("effective: {}; permitted: {}", listed(held.effective), listed(held.permitted));
        sheet.line(Mark::Note, "capabilities", &text)?;
    }
    if let Some(program) = &facts.program {
        let path = shown_path(program);
        let has_effect = facts.effective || facts.setcap_helps();
        let text = match (facts.on_file, has_effect) {
            (true, true) => format!("cap_net_raw+ep on {path}"),
            (true, false) => format!("cap_net_raw+ep on {path}, but {}", why_setcap_fails(&facts)),
            (false, true) => format!("none on {path}"),
            (false, false) => format!("none on {path}; {}", why_setcap_fails(&facts)),
        };
        let mark = if facts.on_file && !has_effect { Mark::Limited } else { Mark::Note };
        sheet.line(mark, "setcap", &text)?;
    }
    if facts.no_new_privs {
        sheet.line(Mark::Note, "no_new_privs", "set: neither sudo nor setcap gives rights from here")?;
    }
    if let Some(container) = facts.container {
        sheet.line(Mark::Note, "container", &format!("{}: its own interfaces are seen, not the host's", name_of(container)))?;
    }
    if facts.user_namespace {
        sheet.line(Mark::Note, "user namespace", "not the host's: rights hold for its own network namespaces only")?;
    }
    let text = match &choice.becomes {
        Some(user) => {
            format!("user {} ({}), without capabilities, before the first packet is parsed", shown(&user.name), user.uid)
        }
        None if standing.has_rights() => "the same user, without capabilities, before the first packet is parsed".to_owned(),
        None => "nothing to give up".to_owned(),
    };
    sheet.line(Mark::Note, "becomes", &text)
}

fn started_by(standing: Standing, choice: &Choice) -> String {
    let named = |uid: u32| User::of_number(uid).map_or_else(|| uid.to_string(), |user| format!("{} ({uid})", shown(&user.name)));
    let real = named(standing.real_uid);
    if standing.effective_uid != standing.real_uid {
        return format!("{real}, with the rights of {}", named(standing.effective_uid));
    }
    match &choice.writes {
        Some(caller) if standing.real_uid == 0 => format!("{real}, by sudo of {} ({})", shown(&caller.name), caller.uid),
        _ => real,
    }
}

fn right(facts: &Permission, permitted: bool) -> (Mark, String) {
    match (permitted, facts.effective) {
        (true, _) => (Mark::Ok, "in force: a packet socket can be had".to_owned()),
        (false, true) => (
            Mark::Failed,
            "in force, but a packet socket is refused: this network belongs to another user namespace, or something filters \
             system calls"
                .to_owned(),
        ),
        (false, false) if facts.obtainable => (Mark::Failed, "not in force: nothing can be captured".to_owned()),
        (false, false) => (Mark::Failed, "not in force, and not in the bounding set: it cannot be had from here".to_owned()),
    }
}

fn listed(set: CapabilitySet) -> String {
    let names: Vec<_> = set.iter_names().map(|(name, _)| name).collect();
    match names.len() {
        0 => "none".to_owned(),
        1..=FEW => names.iter().map(|name| format!("CAP_{name}")).collect::<Vec<_>>().join(", "),
        many => many.to_string(),
    }
}

const fn name_of(container: Container) -> &'static str {
    match container {
        Container::Docker => "Docker",
        Container::Podman => "Podman",
        Container::Kubernetes => "Kubernetes",
        Container::Lxc => "LXC",
        Container::Other => "some container",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_right_is_what_the_kernel_gives_not_what_the_sets_say() {
        let facts = Permission { effective: true, obtainable: true, ..Permission::default() };
        assert_eq!(right(&facts, true).0, Mark::Ok);
        let (mark, text) = right(&facts, false);
        assert!(mark == Mark::Failed && text.contains("another user namespace"), "{text}");
        let none = Permission::default();
        assert!(right(&none, false).1.contains("bounding set"));
    }

    #[test]
    fn few_capabilities_are_named_and_many_counted() {
        assert_eq!(listed(CapabilitySet::NET_RAW | CapabilitySet::NET_ADMIN), "CAP_NET_ADMIN, CAP_NET_RAW");
        assert_eq!(listed(CapabilitySet::empty()), "none");
        assert!(listed(CapabilitySet::all()).parse::<usize>().is_ok_and(|number| number > FEW));
    }
}
