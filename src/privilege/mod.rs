//! Giving up rights before the first byte that somebody else wrote is parsed.
//!
//! The order of a run: what needs rights is opened (sockets with their filters, saved files as bare descriptors); the process
//! that creates output files is forked ([`helper`]); then [`enter`], while there is one thread; then headers are read, threads are made and
//! the run begins. [`enter`] changes the user ([`User`]), empties every set of capabilities, and closes the sandbox: Landlock
//! for files and networks, seccomp for system calls (`calls` has the list).
//!
//! It knows nothing of captures: no other room is imported, and whoever calls it says what the rest of the run needs.

mod caller;
mod calls;
mod drop;
pub mod helper;
mod inherited;
mod sandbox;

pub use caller::{Caller, Lowered, lower};
pub use drop::{Choice, Standing, User, allow_open_files, choose, drop_harmless};
pub use inherited::{LowNumbers, Use, close_unnamed, descriptor_named, duplicate};

use std::fmt;
use std::fs;
use std::io;
use std::os::fd::RawFd;
use std::path::PathBuf;
use thiserror::Error;

/// What the run still needs when rights are gone.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Who to become. `None`: the user stays who he is, without capabilities.
    pub user: Option<User>,
    /// It is an error if this user cannot be become: someone asked for him by name.
    pub must_become: bool,
    /// Landlock and seccomp, too.
    pub sandbox: bool,
    /// Files, and folders with all below them, that may still be opened for reading. Those that are not there are left out.
    pub readable: Vec<PathBuf>,
    /// A file that may still be opened for reading, if it is a regular one: whoever called named it, and a folder would open all below it.
    pub readable_file: Option<PathBuf>,
    /// The sockets on which messages may still be sent: the way to the process that creates files and asks for names.
    pub helpers: Vec<RawFd>,
    /// The run attaches filters to sockets still, as it does at the end of a capture by libpcap.
    pub attaches_filters: bool,
}

/// What is in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The user that was become.
    pub user: Option<String>,
    /// Version of Landlock's interface in force (`landlock(7)`).
    pub landlock: Option<i32>,
    /// System calls are filtered.
    pub seccomp: bool,
    /// What could not be had, and why, a sentence each.
    pub missing: Vec<String>,
}

/// In a line, for people.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("gave up all rights: ")?;
        if let Some(user) = &self.user {
            write!(f, "user {user}, ")?;
        }
        f.write_str("no capabilities")?;
        if let Some(abi) = self.landlock {
            write!(f, ", Landlock ABI {abi}")?;
        }
        f.write_str(if self.seccomp { ", seccomp" } else { "" })
    }
}

/// Why rights could not be given up. The run must not go on.
#[derive(Debug, Error)]
pub enum PrivilegeError {
    /// Capabilities and Landlock are given up by each thread for itself.
    #[error("rights are given up while there is one thread, and there are {0}")]
    Threads(usize),
    /// The user was asked for and cannot be become.
    #[error("cannot become user \"{user}\": {error}")]
    Become {
        /// The user.
        user: String,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// There is no such user.
    #[error("there is no user \"{0}\"")]
    NoSuchUser(String),
    /// A variable names a caller that there is not.
    #[error("{variable}: there is no user or group \"{value}\"")]
    NoSuchCaller {
        /// The variable.
        variable: &'static str,
        /// What it says.
        value: String,
    },
    /// Only root can become another user.
    #[error("only root can become another user: {0}")]
    NotRoot(String),
    /// Rights are left where none should be.
    #[error("cannot give up {what}: {error}")]
    Kept {
        /// Which.
        what: &'static str,
        /// What the system said.
        #[source]
        error: io::Error,
    },
}

/// Gives up all rights, of this process and for good. To be called while there is one thread.
///
/// # Errors
/// There are several threads; the user that was asked for cannot be become; capabilities are left. What the kernel lacks is no
/// error: the [`Report`] says so.
pub fn enter(config: &Config) -> Result<Report, PrivilegeError> {
    match threads() {
        Some(1) | None => {}
        Some(several) => return Err(PrivilegeError::Threads(several)),
    }
    let mut report = Report::default();
    let capturing = calls::capturing(&config.helpers);
    drop::user_and_capabilities(config, &mut report)?;
    drop::for_good()?;
    if config.sandbox {
        sandbox::close(config, &capturing, &mut report);
    }
    Ok(report)
}

/// How many threads there are; `None` where `/proc` does not tell.
fn threads() -> Option<usize> {
    fs::read_dir("/proc/self/task").ok().map(Iterator::count)
}
