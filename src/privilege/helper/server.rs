//! The helper's own side: gives up rights, then answers. One thread works on files, some ask for names (they may take
//! seconds), and the first waits for the end of the process that asks.

use super::Task;
use super::allowed::Allowed;
use super::channel::{Came, Channel, Room};
use super::protocol::{LONGEST, Reply, Request};
use super::shed::shed;
use super::sys;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// What is done with finished files.
pub trait Commands: Send {
    /// Begins it with a file, or lets it wait for its turn. Does not wait itself.
    fn finished(&mut self, path: &Path);

    /// Does a file wait for its turn, or is something being done with it?
    fn busy(&self, path: &Path) -> bool;

    /// Waits for all of it and says what went wrong, a sentence each.
    fn settle(&mut self) -> Vec<String>;
}

/// Most sentences that are handed on at once.
const MOST_SENTENCES: usize = 100;

/// The commands, shared by the thread of the files and the one that waits for the end.
type Shared = Arc<Mutex<Option<Box<dyn Commands>>>>;

/// The whole life of the helper. Gives its exit code.
pub(super) fn live(task: Task, files: Channel) -> u8 {
    let folders = match prepare(&task, &files) {
        Ok(()) => Allowed::open(task.folders),
        Err(error) => {
            let _ = files.send(&Reply::Unfit(&error.to_string()).encode());
            return 1;
        }
    };
    let commands: Shared = Arc::new(Mutex::new(task.commands));
    let files = Arc::new(files);
    let serving = {
        let (files, commands) = (Arc::clone(&files), Arc::clone(&commands));
        thread::Builder::new().name("helper-files".to_owned()).spawn(move || serve(&files, folders, &commands))
    };
    let ready = match &serving {
        Ok(_) => files.send(&Reply::Done.encode()),
        Err(error) => files.send(&Reply::Unfit(&error.to_string()).encode()),
    };
    if ready.is_err() || serving.is_err() {
        return 1;
    }
    wait_for_the_end(&files);
    // Nobody is left to hear what goes wrong now but whoever reads standard error.
    for sentence in with(&commands, |commands| commands.settle()).unwrap_or_default() {
        let _ = rustix::io::write(rustix::stdio::stderr(), format!("sockeye: {sentence}\n").as_bytes());
    }
    0
}

/// Signals, descriptors, rights.
fn prepare(task: &Task, files: &Channel) -> io::Result<()> {
    sys::outlive_signals();
    sys::no_terminal(false)?;
    sys::close_all_but(&[files.as_fd()])?;
    let _ = rustix::thread::set_name(c"sockeye-helper");
    shed(task.identity.as_ref())
}

/// Comes back when the other end of the channel is gone: its process ended, however it did.
pub(super) fn wait_for_the_end(files: &Channel) {
    loop {
        let mut fds = [PollFd::new(files, PollFlags::empty())];
        match poll(&mut fds, None) {
            Ok(_) if fds[0].revents().intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) => return,
            Ok(_) | Err(Errno::INTR) => {}
            Err(_) => return,
        }
    }
}

fn with<T>(commands: &Shared, then: impl FnOnce(&mut dyn Commands) -> T) -> Option<T> {
    let mut commands = commands.lock().unwrap_or_else(PoisonError::into_inner);
    Some(then(commands.as_mut()?.as_mut()))
}

/// Ends the channel for both sides when the thread that answers ends, by a panic too: who asks must not wait for ever.
struct Ends<'a>(&'a Channel);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Answers requests, in their order, until the other end is gone.
fn serve(channel: &Channel, mut folders: Allowed, commands: &Shared) {
    let _ends = Ends(channel);
    let mut room: Room = [0; LONGEST];
    loop {
        let request = match channel.receive(&mut room) {
            Ok(Came::Message(bytes)) => Request::decode(bytes),
            Ok(Came::TooLong) => None,
            Ok(Came::End) | Err(_) => return,
        };
        if answer(channel, &mut folders, commands, request.as_ref()).is_err() {
            return;
        }
    }
}

fn answer(channel: &Channel, folders: &mut Allowed, commands: &Shared, request: Option<&Request<'_>>) -> io::Result<()> {
    let done = match request {
        None => Ok(Reply::Refused),
        Some(&Request::Open { folder, force, name }) => match folders.create(folder, name, force) {
            Ok((reply, Some(file))) => match channel.send_with(&reply.encode(), file.as_fd()) {
                Ok(()) => return Ok(()),
                // Too many descriptors are under way, or no memory for one more: this file fails, not all that follow.
                Err(error) => Err(Errno::from_io_error(&error).ok_or(error)?),
            },
            Ok((reply, None)) => Ok(reply),
            Err(error) => Err(error),
        },
        Some(&Request::Rename { folder, from, to }) => folders.rename(folder, from, to),
        Some(&Request::Remove { folder, name }) => {
            let busy = |path: PathBuf| with(commands, |commands| commands.busy(&path)) == Some(true);
            if folders.path(folder, name).is_some_and(busy) { Err(Errno::BUSY) } else { folders.remove(folder, name) }
        }
        Some(&Request::Finished { folder, name }) => {
            let path = if with(commands, |_| ()).is_some() { folders.finish(folder, name) } else { None };
            let begun = path.and_then(|path| with(commands, |commands| commands.finished(&path)));
            Ok(if begun.is_some() { Reply::Done } else { Reply::Refused })
        }
        Some(Request::Settle) => {
            let wrong = with(commands, |commands| commands.settle()).unwrap_or_default();
            for sentence in wrong.iter().take(MOST_SENTENCES) {
                channel.send(&Reply::Said(sentence).encode())?;
            }
            if let Some(more) = wrong.len().checked_sub(MOST_SENTENCES).filter(|more| *more > 0) {
                channel.send(&Reply::Said(&format!("and {more} more of this kind")).encode())?;
            }
            Ok(Reply::Done)
        }
    };
    let reply = done.unwrap_or_else(|error| Reply::Failed { errno: error.raw_os_error() });
    channel.send(&reply.encode())
}

#[cfg(test)]
mod tests;
