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
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// What is done with finished files. Several threads ask.
pub trait Commands: Send + Sync {
    /// Begins it with a file, or lets it wait for its turn. Does not wait itself.
    fn finished(&self, path: &Path);

    /// Does a file wait for its turn, or is something being done with it?
    fn busy(&self, path: &Path) -> bool;

    /// Waits for all of it, at most so long, and says what went wrong, a sentence each. The error: it is not done yet with so many
    /// files.
    fn settle(&self, patience: Option<Duration>) -> Result<Vec<String>, u64>;

    /// Nothing is begun any more, neither with files that wait nor with others.
    fn stop(&self);
}

/// Most sentences that are handed on at once.
const MOST_SENTENCES: usize = 100;

/// The commands, shared by the thread of the files and the one that waits for the end.
type Shared = Arc<Option<Box<dyn Commands>>>;

/// After this long whoever waits for the commands is told so.
const TOLD_AFTER: Duration = Duration::from_secs(1);

/// The whole life of the helper. Gives its exit code.
pub(super) fn live(task: Task, files: Channel) -> u8 {
    let folders = match prepare(&task, &files) {
        Ok(()) => Allowed::open(task.folders),
        Err(error) => {
            let _ = files.send(&Reply::Unfit(&error.to_string()).encode());
            return 1;
        }
    };
    let commands: Shared = Arc::new(task.commands);
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
    // Where the end came in order, all was settled before. Else whoever ended the run does not expect it to go on.
    if let Some(commands) = commands.as_ref() {
        commands.stop();
        say(&commands.settle(None).unwrap_or_default());
    }
    // It may have been asked to wait for the commands, too, and have heard first what went wrong.
    if let Ok(serving) = serving {
        let _ = serving.join();
    }
    0
}

/// What goes wrong when nobody is left to hear it but whoever reads standard error.
fn say(sentences: &[String]) {
    for sentence in sentences {
        let _ = rustix::io::write(rustix::stdio::stderr(), format!("sockeye: {sentence}\n").as_bytes());
    }
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
            Ok((reply, Some(file))) => return hand_over(channel, &reply, &file),
            Ok((reply, None)) => Ok(reply),
            Err(error) => Err(error),
        },
        Some(&Request::Again { folder, name }) => match folders.again(folder, name) {
            Ok(Some(file)) => return hand_over(channel, &Reply::Opened { new: false }, &file),
            Ok(None) => Ok(Reply::Refused),
            Err(error) => Err(error),
        },
        Some(&Request::Forget { folder, name }) => folders.forget(folder, name),
        Some(&Request::Rename { folder, from, to }) => folders.rename(folder, from, to),
        Some(&Request::Remove { folder, name }) => {
            let busy = |path: PathBuf| commands.as_ref().as_ref().is_some_and(|commands| commands.busy(&path));
            if folders.path(folder, name).is_some_and(busy) { Ok(Reply::InUse) } else { folders.remove(folder, name) }
        }
        Some(&Request::Finished { folder, name }) => {
            let begun = commands.as_ref().as_ref().and_then(|commands| {
                commands.finished(&folders.finish(folder, name)?);
                Some(Reply::Done)
            });
            Ok(begun.unwrap_or(Reply::Refused))
        }
        Some(Request::Settle) => {
            let wrong = match commands.as_ref().as_ref().map(|commands| (commands, commands.settle(Some(TOLD_AFTER)))) {
                Some((commands, Err(files))) => {
                    channel.send(&Reply::Waiting { files }.encode())?;
                    let wrong = commands.settle(None).unwrap_or_default();
                    if channel.is_at_its_end() {
                        say(&wrong);
                        return Ok(());
                    }
                    wrong
                }
                Some((_, Ok(wrong))) => wrong,
                None => Vec::new(),
            };
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

/// Sends a file that was opened.
fn hand_over(channel: &Channel, reply: &Reply<'_>, file: &OwnedFd) -> io::Result<()> {
    channel.send_with(&reply.encode(), file.as_fd()).or_else(|error| {
        // Too many descriptors are under way, or no memory for one more: this file fails, not all that follow.
        let errno = Errno::from_io_error(&error).ok_or(error)?;
        channel.send(&Reply::Failed { errno: errno.raw_os_error() }.encode())
    })
}

#[cfg(test)]
mod tests;
