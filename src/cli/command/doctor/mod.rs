//! `sockeye doctor`: can I capture here, and if not, the one command that mends it. Everything is tried, nothing is guessed.
//!
//! A group of checks is a file; `sheet` is what they write on, `trial` a capture of packets to oneself. The sandbox comes last,
//! for the process gives up its rights there.

mod capture;
mod interfaces;
mod limits;
mod offloads;
mod rights;
mod sandbox;
mod sheet;
mod trial;

use crate::cli::args::DoctorArgs;
use crate::cli::errors::shown;
use crate::cli::exit::Exit;
use crate::cli::live::no_such_interface;
use crate::cli::{Done, settings};
use capture::{BACKENDS, Works};
use sheet::Sheet;
use sockeye::capture::interfaces::Interfaces;
use sockeye::capture::live::ANY;
use sockeye::privilege::{self, Standing};
use std::env;
use std::fs;
use trial::Trial;

pub(crate) fn run(args: &DoctorArgs) -> Done {
    let there = Interfaces::list();
    let asked = args.interface.as_deref();
    if let Some(name) = asked
        && name != ANY
        && there.find(name).is_none()
    {
        return Err(no_such_interface(name));
    }
    let mut sheet = Sheet::new(settings::style(&args.style));
    sheet.heading(&headline())?;
    let standing = Standing::look();
    let choice = privilege::choose(None, standing, crate::cli::rights::caller())?;
    // What is tested is what a capture does before it gives up rights.
    crate::cli::rights::raise()?;

    rights::check(&mut sheet, standing, &choice)?;
    let works = capture::check(&mut sheet)?;
    let shut = if let Some(name) = asked {
        (!interfaces::check_one(&mut sheet, &there, name)?).then_some(name)
    } else {
        interfaces::check_all(&mut sheet, &there)?;
        None
    };
    offloads::check(&mut sheet, &there, asked)?;
    limits::check(&mut sheet, !works.backends.is_empty())?;
    let trial = first_that_works(&works);
    sandbox::check(&mut sheet, choice, trial)?;

    let (exit, verdict) = verdict(&works, shut);
    sheet.end(&verdict)?;
    Ok(exit)
}

/// What is looked at: this program, this kernel.
fn headline() -> String {
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("sockeye {}, Linux {}, {}", env!("CARGO_PKG_VERSION"), shown(kernel.trim()), env::consts::ARCH)
}

/// A capture for the sandbox, by the best backend that works.
fn first_that_works(works: &Works) -> Option<Trial> {
    let (backend, _) = BACKENDS.into_iter().find(|(_, name)| works.backends.first() == Some(name))?;
    Trial::open(backend).ok()
}

/// `shut` is the interface that was asked for and cannot be opened.
fn verdict(works: &Works, shut: Option<&str>) -> (Exit, String) {
    if works.backends.is_empty() {
        return if works.forbidden {
            (Exit::Permission, "You cannot capture here: the right is missing. Saved files can be read all the same.".to_owned())
        } else {
            (Exit::Failed, "You cannot capture on loopback here. Saved files can be read all the same.".to_owned())
        };
    }
    let by = works.backends.join(", ");
    match shut {
        Some(name) => (Exit::Failed, format!("You can capture here (by {by}), but not on {}.", shown(name))),
        None => (Exit::Done, format!("You can capture here, by {by}.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_says_whether_capturing_works() {
        let works = |backends: &[&'static str], forbidden| Works { backends: backends.to_vec(), forbidden };
        assert_eq!(verdict(&works(&["ring"], false), None).0, Exit::Done);
        assert_eq!(verdict(&works(&["ring"], false), Some("eth0")).0, Exit::Failed);
        assert_eq!(verdict(&works(&[], true), None).0, Exit::Permission);
        assert_eq!(verdict(&works(&[], false), None).0, Exit::Failed);
    }
}
