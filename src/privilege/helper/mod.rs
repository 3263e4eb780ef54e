//! A second process that keeps the rights of whoever called, and no more, while this one gives up all of its own and reads
//! what strangers wrote. It never looks at captured bytes. It opens, renames and removes the output files that were named
//! when it was made, and runs a command on finished ones. [`start`] forks it.
//!
//! A third one, of [`start_names`], asks for names of addresses. What name servers say is written by strangers, too, so it has no
//! more rights than the process that reads packets, but for the network.
//!
//! Whoever asks is taken for an attacker (`protocol.rs`, `allowed.rs`). Both end when the process that asks has ended, however that
//! ended; the one of files after the commands that still run; it begins none then.

mod allowed;
mod channel;
mod client;
mod names;
mod protocol;
mod server;
mod shed;
mod sys;

pub use allowed::{Folder, Names as FileNames, REMEMBERED, Rule};
pub use client::{Helper, Open, OpenError, folder_of};
pub use names::{Answer, Asking, Lookup, Names};
pub use protocol::Existing;
pub use server::Commands;
pub use shed::Identity;
pub(super) use sys::close_between;

use channel::{Channel, Room};
use protocol::{LONGEST, Reply};
use std::io;

/// What a helper may do, all of it; nothing is added later.
#[derive(Default)]
pub struct Task {
    /// Whose rights it keeps; none: those of this process, without its capabilities.
    pub identity: Option<Identity>,
    /// What it may write to.
    pub folders: Vec<Folder>,
    /// What is done with finished files.
    pub commands: Option<Box<dyn Commands>>,
}

impl std::fmt::Debug for Task {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Task")
            .field("identity", &self.identity)
            .field("folders", &self.folders)
            .field("commands", &self.commands.is_some())
            .finish()
    }
}

/// Makes the helper. It is to be called while this process has its rights still and one thread only, and comes back when
/// the helper has given up its own and is ready.
///
/// # Errors
/// When this process has threads already, none can be forked, or the helper could not become who it should.
pub fn start(task: Task) -> io::Result<Helper> {
    let folders = task.folders.iter().map(|folder| folder.path.clone()).collect();
    let (ours, pid) = forked(|theirs| server::live(task, theirs))?;
    Ok(Helper::new(ours, folders, pid))
}

/// Makes the process that asks for names, under the same conditions as [`start`].
///
/// # Errors
/// As [`start`].
pub fn start_names(asking: &Asking) -> io::Result<Names> {
    let (ours, _) = forked(|theirs| names::live(asking, theirs))?;
    Names::new(ours)
}

/// Runs `body` with its end of a channel in a new process, waits for its first message, and gives the other end and its number.
fn forked(body: impl FnOnce(Channel) -> u8) -> io::Result<(Channel, i32)> {
    let (ours, theirs) = Channel::pair()?;
    let mut given = Some((body, theirs));
    let pid = sys::fork(|| given.take().map_or(1, |(body, theirs)| body(theirs)))?;
    // Its end belongs to it alone: when it is gone, reading here ends.
    drop(given);
    let mut room: Room = [0; LONGEST];
    match client::message(ours.receive(&mut room)?)? {
        Reply::Done => Ok((ours, pid)),
        other => Err(client::error_of(&other)),
    }
}
