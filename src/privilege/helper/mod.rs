//! A second process that keeps the rights of whoever called, and no more, while this one gives up all of its own and reads
//! what strangers wrote. It never looks at captured bytes. It opens, renames and removes the output files that were named
//! when it was made, runs a command on finished ones, and asks for names of addresses.
//!
//! [`start`] forks it; whoever asks is taken for an attacker (`protocol.rs`, `allowed.rs`). It ends when the process that
//! asks has ended, however that ended, and after the commands that still run.

mod allowed;
mod channel;
mod client;
mod names;
mod protocol;
mod server;
mod shed;
mod sys;

pub use allowed::{Folder, Names as FileNames, Rule};
pub use client::{Helper, Open, OpenError, folder_of};
pub use names::{Lookup, Names};
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
    /// How names of addresses are found.
    pub lookup: Option<Lookup>,
}

impl std::fmt::Debug for Task {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Task")
            .field("identity", &self.identity)
            .field("folders", &self.folders)
            .field("commands", &self.commands.is_some())
            .field("lookup", &self.lookup.is_some())
            .finish()
    }
}

/// Makes the helper. It is to be called while this process has its rights still and one thread only, and comes back when
/// the helper has given up its own and is ready. Names are there if the task has a lookup.
///
/// # Errors
/// When this process has threads already, none can be forked, or the helper could not become who it should.
pub fn start(task: Task) -> io::Result<(Helper, Option<Names>)> {
    let (ours, theirs) = Channel::pair()?;
    let (asking, answering) = match task.lookup {
        Some(_) => Channel::pair().map(|(a, b)| (Some(a), Some(b)))?,
        None => (None, None),
    };
    let folders = task.folders.iter().map(|folder| folder.path.clone()).collect();
    let mut given = Some((task, theirs, answering));
    let pid = sys::fork(|| given.take().map_or(1, |(task, files, names)| server::live(task, files, names)))?;
    // Its end belongs to it alone: when it is gone, reading here ends.
    drop(given);
    let mut room: Room = [0; LONGEST];
    match client::message(ours.receive(&mut room)?)? {
        Reply::Done => Ok((Helper::new(ours, folders, pid), asking.map(Names::new).transpose()?)),
        other => Err(client::error_of(&other)),
    }
}
