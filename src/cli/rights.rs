//! Which rights a run gives up and to whom, by its arguments; what is said of it. The giving up itself is `sockeye::privilege`.

use super::args::RightsArgs;
use super::drive::say;
use super::errors::{Problem, shown};
use super::exit::Exit;
use super::host_names::look_up;
use sockeye::privilege::helper::{Asking, Identity};
use sockeye::privilege::{self, Caller, Choice, Config, Lowered, PrivilegeError, Report, Standing, Use};
use std::env;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::RawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

/// What the zone of packet lines is read from, again whenever it may have changed.
const ZONE: [&str; 5] =
    ["/etc/localtime", "/etc/timezone", "/usr/share/zoneinfo", "/usr/lib/zoneinfo", "/usr/share/lib/zoneinfo"];

/// The user who writes files in place of root, once that is so.
static WRITES_AS: OnceLock<String> = OnceLock::new();

/// The user who writes files in place of root.
pub(crate) fn writes_as() -> Option<&'static str> {
    WRITES_AS.get().map(String::as_str)
}

/// The caller, if he had himself made root, and his rights, if they could be taken on.
static CALLER: OnceLock<(Caller, Identity)> = OnceLock::new();
/// Root's rights over files, while those of the caller are in force.
static LOWERED: Mutex<Option<Lowered>> = Mutex::new(None);

/// The very first step: refuses rights that are borrowed from a file's mode, closes what was left open, and takes on the rights
/// of the caller over files, so that whatever the arguments name is looked at with them.
pub(crate) fn begin(arguments: &[OsString]) -> Result<(), Problem> {
    let standing = Standing::look();
    if standing.is_borrowed() {
        return Err(Problem::new(Exit::Permission, "sockeye does not run set-user-ID or set-group-ID: use setcap")
            .help("chmod ug-s PROGRAM; setcap cap_net_raw+ep PROGRAM"));
    }
    if !standing.has_rights() {
        return Ok(());
    }
    privilege::close_unnamed(arguments.iter().map(|argument| argument.as_bytes()))
        .map_err(|error| Problem::new(Exit::Permission, format!("cannot close what was left open: {error}")))?;
    if let Some(caller) = Caller::look(standing)? {
        let identity = Identity::of(&caller.user.name, caller.user.uid, caller.user.gid);
        CALLER.get_or_init(|| (caller, identity));
        lower();
    }
    Ok(())
}

/// The caller, if he had himself made root.
pub(crate) fn caller() -> Option<&'static Caller> {
    CALLER.get().map(|(caller, _)| caller)
}

/// Where it cannot be done (a user namespace that does not know him), giving up rights says so later.
fn lower() {
    let Some((_, identity)) = CALLER.get() else { return };
    *LOWERED.lock().unwrap_or_else(PoisonError::into_inner) = privilege::lower(identity).ok();
}

/// Root's rights over files are back.
pub(crate) fn raise() -> Result<bool, Problem> {
    let Some(lowered) = LOWERED.lock().unwrap_or_else(PoisonError::into_inner).take() else { return Ok(false) };
    let failed = |error| Problem::new(Exit::Permission, format!("cannot get root's rights back: {error}"));
    lowered.raise().map_err(failed).map(|()| true)
}

/// Does what no argument names a file for: devices of interfaces.
pub(crate) fn as_root<T>(work: impl FnOnce() -> T) -> Result<T, Problem> {
    let raised = raise()?;
    let done = work();
    if raised {
        lower();
    }
    Ok(done)
}

/// Opens a file that an argument names. A descriptor that cannot be opened anew (a pipe of root's shell) is duplicated.
pub(crate) fn open_named(path: &Path) -> io::Result<File> {
    File::open(path).or_else(|error| match privilege::descriptor_named(path) {
        Some(fd) if error.kind() == io::ErrorKind::PermissionDenied => privilege::duplicate(fd, Use::Reading),
        _ => Err(error),
    })
}

/// What to do where the caller may not read, or write, and root could.
pub(crate) fn as_root_himself() -> Option<[String; 2]> {
    let (caller, _) = CALLER.get()?;
    let name = shown(&caller.user.name);
    Some([
        format!("files are opened with the rights of \"{name}\", who called ({})", caller.variable),
        format!("as root himself:  sudo env -u {} sockeye …", caller.variable),
    ])
}

/// Rights that are there and will be given up, or none.
#[derive(Clone, Debug)]
pub(crate) struct Rights {
    /// Nothing, where there is nothing to give up.
    choice: Option<Choice>,
    /// Whose rights files are written with.
    writer: Option<Identity>,
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
        let choice = privilege::choose(args.user.as_deref(), standing, caller())?;
        let choice = standing.has_rights().then_some(choice);
        let is_low = LOWERED.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        let writer = match (&choice, CALLER.get()) {
            (Some(_), Some((_, identity))) => is_low.then(|| identity.clone()),
            (Some(Choice { writes: Some(user), .. }), None) => Some(Identity::of(&user.name, user.uid, user.gid)),
            _ => None,
        };
        Ok(Self { choice, writer, sandbox: !args.no_sandbox, quiet, told })
    }

    /// Is there anything to give up?
    pub(crate) const fn are_there(&self) -> bool {
        self.choice.is_some()
    }

    /// Whose rights output files are written with; none: those of this process, without its capabilities.
    pub(crate) fn writer(&self) -> Option<Identity> {
        self.writer.clone()
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
        let Some(choice) = self.choice else {
            privilege::drop_harmless();
            return Ok(());
        };
        if let Some(user) = choice.writes.filter(|_| self.writer.is_some()) {
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
        readable: ZONE.into_iter().map(PathBuf::from).chain(interfaces.iter().map(|name| counters(name))).collect(),
        readable_file: named_zone(),
        helpers,
        attaches_filters: false,
    }
}

/// The file that TZ names, if it names one.
fn named_zone() -> Option<PathBuf> {
    let zone = env::var_os("TZ")?;
    let zone = zone.to_str()?.trim_start_matches(':');
    zone.starts_with('/').then(|| PathBuf::from(zone))
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
            error @ PrivilegeError::NoSuchCaller { .. } => Self::new(Exit::Permission, shown(&error.to_string())),
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
