//! Which rights a run gives up and to whom, by its arguments; what is said of it. The giving up itself is `sockeye::privilege`.

use super::args::RightsArgs;
use super::drive::say;
use super::errors::{Problem, shown};
use super::exit::Exit;
use super::host_names::look_up;
use sockeye::privilege::helper::{Asking, Identity};
use sockeye::privilege::{self, Choice, Config, PrivilegeError, Report, Standing};
use std::env;
use std::os::fd::RawFd;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// What the zone of packet lines is read from, again whenever it may have changed.
const ZONE: [&str; 5] =
    ["/etc/localtime", "/etc/timezone", "/usr/share/zoneinfo", "/usr/lib/zoneinfo", "/usr/share/lib/zoneinfo"];

/// The user who writes files in place of root, once that is so.
static WRITES_AS: OnceLock<String> = OnceLock::new();

/// The user who writes files in place of root.
pub(crate) fn writes_as() -> Option<&'static str> {
    WRITES_AS.get().map(String::as_str)
}

/// Rights that are there and will be given up, or none.
#[derive(Clone, Debug)]
pub(crate) struct Rights {
    /// Nothing, where there is nothing to give up.
    choice: Option<Choice>,
    sandbox: bool,
    /// What the kernel lacks is not told.
    quiet: bool,
    /// What is in force is told.
    told: bool,
}

impl Rights {
    /// Looks at what this process may do, and at what was asked for.
    pub(crate) fn look(args: &RightsArgs, quiet: bool, told: bool) -> Result<Self, Problem> {
        let standing = Standing::look();
        let choice = privilege::choose(args.user.as_deref(), standing)?;
        let choice = standing.has_rights().then_some(choice);
        Ok(Self { choice, sandbox: !args.no_sandbox, quiet, told })
    }

    /// Is there anything to give up?
    pub(crate) const fn are_there(&self) -> bool {
        self.choice.is_some()
    }

    /// Whose rights output files are written with; none: those of this process, without its capabilities.
    pub(crate) fn writer(&self) -> Option<Identity> {
        let user = self.choice.as_ref()?.writes.as_ref()?;
        Some(Identity::of(&user.name, user.uid, user.gid))
    }

    /// Who asks for names: whoever packets are read as.
    pub(crate) fn names(&self) -> Asking {
        let user = self.choice.as_ref().and_then(|choice| choice.becomes.as_ref());
        let identity = user.map(|user| Identity { uid: user.uid, gid: user.gid, groups: Vec::new() });
        Asking { identity, lookup: look_up, sandbox: self.sandbox }
    }

    /// Gives them up. `interfaces` are those whose counters are read to the end, `helpers` the sockets to the other processes;
    /// `attaches`: filters are attached to sockets still.
    pub(crate) fn give_up(self, interfaces: &[String], helpers: Vec<RawFd>, attaches: bool) -> Result<(), Problem> {
        let Some(choice) = self.choice else { return Ok(()) };
        if let Some(user) = choice.writes {
            let _ = WRITES_AS.set(user.name);
        } else if Standing::look().effective_uid == 0 {
            let _ = WRITES_AS.set("root".to_owned());
        }
        let becomes = Choice { writes: None, ..choice };
        let config = Config { attaches_filters: attaches, ..config(becomes, self.sandbox, interfaces, helpers) };
        let report = privilege::enter(&config)?;
        if !report.missing.is_empty() && !self.quiet {
            say(&lacking(&report));
        }
        if self.told {
            say(&report.to_string());
        }
        Ok(())
    }
}

/// What a run still needs when its rights are gone.
pub(crate) fn config(choice: Choice, sandbox: bool, interfaces: &[String], helpers: Vec<RawFd>) -> Config {
    Config {
        user: choice.becomes,
        must_become: choice.asked,
        sandbox,
        readable: zone_files().chain(interfaces.iter().map(|name| counters(name))).collect(),
        helpers,
        attaches_filters: false,
    }
}

/// Files of time zones, those that TZ names included.
fn zone_files() -> impl Iterator<Item = PathBuf> {
    let named = env::var_os("TZ").and_then(|zone| {
        let zone = zone.to_str()?.trim_start_matches(':').to_owned();
        zone.starts_with('/').then(|| PathBuf::from(zone))
    });
    ZONE.into_iter().map(PathBuf::from).chain(named)
}

/// Where the system counts what an interface dropped.
fn counters(interface: &str) -> PathBuf {
    Path::new("/sys/class/net").join(interface).join("statistics")
}

/// One line for all that could not be had.
fn lacking(report: &Report) -> String {
    format!("rights are given up as far as this system lets it: {}", report.missing.join("; "))
}

impl From<PrivilegeError> for Problem {
    fn from(error: PrivilegeError) -> Self {
        match error {
            PrivilegeError::NoSuchUser(user) => Self::usage(format!("-Z: there is no user \"{}\"", shown(&user))),
            PrivilegeError::NotRoot(user) => {
                Self::new(Exit::Permission, format!("-Z {}: only root can become another user", shown(&user)))
            }
            other => {
                Self::new(Exit::Permission, other.to_string()).help("-Z USER gives rights up to another user; nothing was read")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lacking_is_one_line() {
        let missing = vec!["no Landlock: this kernel does not have it".to_owned(), "groups stay".to_owned()];
        let text = lacking(&Report { missing, ..Report::default() });
        assert!(text.contains("no Landlock: this kernel does not have it; groups stay") && !text.contains('\n'), "{text}");
    }
}
