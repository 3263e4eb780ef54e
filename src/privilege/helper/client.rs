//! The asking side for files: a request, its answer, one at a time, from any thread.

use super::channel::{Came, Channel, Room};
use super::protocol::{Existing, LONGEST, LONGEST_NAME, Reply, Request};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use thiserror::Error;

/// Why a file was not opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// A regular file of that name exists and may not be emptied.
    #[error("the file exists")]
    Exists(Existing),
    /// The system said no, or the helper is gone.
    #[error(transparent)]
    Failed(#[from] io::Error),
}

/// A file that was opened.
#[derive(Debug)]
pub struct Open {
    /// For writing.
    pub file: File,
    /// It did not exist before. One that did has not been emptied yet.
    pub new: bool,
}

/// Files by way of the helper.
#[derive(Debug)]
pub struct Helper {
    channel: Mutex<Channel>,
    folders: Vec<PathBuf>,
    pid: i32,
}

/// The folder of a path, as it is named in [`super::Folder`]: `.` where the path has none. Nothing for a path without a name.
#[must_use]
pub fn folder_of(path: &Path) -> Option<&Path> {
    path.file_name()?;
    path.parent().map(|folder| if folder.as_os_str().is_empty() { Path::new(".") } else { folder })
}

fn gone() -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, "the helper process of sockeye has ended: no file can be made any more")
}

fn refused() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "refused by the helper process: it was not named when sockeye started")
}

impl Helper {
    pub(super) fn new(channel: Channel, folders: Vec<PathBuf>, pid: i32) -> Self {
        Self { channel: Mutex::new(channel), folders, pid }
    }

    /// The helper's process id.
    #[must_use]
    pub const fn pid(&self) -> i32 {
        self.pid
    }

    /// The socket on which it is asked. Of system calls, `sendto`, `recvmsg` and `recvfrom` are used on it.
    #[must_use]
    pub fn descriptor(&self) -> RawFd {
        use std::os::fd::AsFd;
        self.channel.lock().unwrap_or_else(PoisonError::into_inner).as_fd().as_raw_fd()
    }

    /// Opens a file for writing. A regular file that exists is opened only with `force`, and not emptied; what is no regular
    /// file is opened as it is, if it was named itself: of a series only what is new or, with `force`, a regular file, and under a name
    /// with `.part` behind only what is new.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(&self, path: &Path, force: bool) -> Result<Open, OpenError> {
        let (folder, name) = self.place(path)?;
        let request = Request::Open { folder, force, name }.encode();
        self.ask(&request, |reply, fd| match (reply, fd) {
            (Reply::Opened { new }, Some(file)) => Ok(Open { file, new }),
            (Reply::Exists(existing), _) => Err(OpenError::Exists(existing)),
            (other, _) => Err(error_of(&other).into()),
        })
    }

    /// Renames a file that was made by way of this helper; a file that has this name already stays (`AlreadyExists`).
    ///
    /// # Errors
    /// What the system said; `InvalidInput` for what was not allowed at the fork; `NotConnected` when the helper is gone.
    pub fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let ((folder, from), (other, to)) = (self.place(from)?, self.place(to)?);
        if folder != other {
            return Err(refused());
        }
        self.ask(&Request::Rename { folder, from, to }.encode(), |reply, _| done(&reply))
    }

    /// Removes a file that was made by way of this helper. False: it stays, as its command waits or runs.
    ///
    /// # Errors
    /// As [`Self::rename`].
    pub fn remove(&self, path: &Path) -> io::Result<bool> {
        let (folder, name) = self.place(path)?;
        self.ask(&Request::Remove { folder, name }.encode(), |reply, _| match reply {
            Reply::InUse => Ok(false),
            reply => done(&reply).map(|()| true),
        })
    }

    /// Opens a file that was made by way of this helper, to append to it.
    ///
    /// # Errors
    /// As [`Self::rename`].
    pub fn again(&self, path: &Path) -> io::Result<File> {
        let (folder, name) = self.place(path)?;
        self.ask(&Request::Again { folder, name }.encode(), |reply, fd| match (reply, fd) {
            (Reply::Opened { .. }, Some(file)) => Ok(file),
            (other, _) => Err(error_of(&other)),
        })
    }

    /// Nothing more is asked of a file that was made by way of this helper: it need not be remembered.
    ///
    /// # Errors
    /// As [`Self::rename`].
    pub fn forget(&self, path: &Path) -> io::Result<()> {
        let (folder, name) = self.place(path)?;
        self.ask(&Request::Forget { folder, name }.encode(), |reply, _| done(&reply))
    }

    /// A file that was made by way of this helper is complete: the command begins, or takes its turn. Nothing is waited for.
    ///
    /// # Errors
    /// As [`Self::rename`]; refused, too, when no command was given.
    pub fn finished(&self, path: &Path) -> io::Result<()> {
        let (folder, name) = self.place(path)?;
        self.ask(&Request::Finished { folder, name }.encode(), |reply, _| done(&reply))
    }

    /// Waits for the commands that were begun; what went wrong, a sentence each. When it takes longer than about a second, `waiting`
    /// is told for how many files.
    ///
    /// # Errors
    /// `NotConnected` when the helper is gone.
    pub fn settle(&self, waiting: &mut dyn FnMut(u64)) -> io::Result<Vec<String>> {
        let channel = self.channel.lock().unwrap_or_else(PoisonError::into_inner);
        channel.send(&Request::Settle.encode()).map_err(|_| gone())?;
        let mut sentences = Vec::new();
        let mut room: Room = [0; LONGEST];
        loop {
            match message(channel.receive(&mut room)?)? {
                Reply::Said(text) => sentences.push(text.to_owned()),
                Reply::Waiting { files } => waiting(files),
                Reply::Done => return Ok(sentences),
                other => return Err(error_of(&other)),
            }
        }
    }

    /// Which folder, and the name in it.
    fn place<'p>(&self, path: &'p Path) -> io::Result<(u16, &'p OsStr)> {
        let named = path.file_name().filter(|_| !path.as_os_str().as_bytes().ends_with(b"/"));
        let (folder, name) = folder_of(path).zip(named).ok_or(io::ErrorKind::IsADirectory)?;
        if name.len() > LONGEST_NAME {
            return Err(io::Error::from_raw_os_error(Errno::NAMETOOLONG.raw_os_error()));
        }
        let at = self.folders.iter().position(|known| known == folder).ok_or_else(refused)?;
        Ok((u16::try_from(at).map_err(|_| refused())?, name))
    }

    fn ask<T, E: From<io::Error>>(
        &self,
        request: &[u8],
        then: impl FnOnce(Reply<'_>, Option<File>) -> Result<T, E>,
    ) -> Result<T, E> {
        let channel = self.channel.lock().unwrap_or_else(PoisonError::into_inner);
        channel.send(request).map_err(|_| gone())?;
        let mut room: Room = [0; LONGEST];
        let (came, fd) = channel.receive_with(&mut room)?;
        then(message(came)?, fd.map(File::from))
    }
}

/// The reply in what came.
pub(super) fn message(came: Came<'_>) -> io::Result<Reply<'_>> {
    match came {
        Came::Message(bytes) => Reply::decode(bytes).ok_or_else(|| io::ErrorKind::InvalidData.into()),
        Came::TooLong => Err(io::ErrorKind::InvalidData.into()),
        Came::End => Err(gone()),
    }
}

fn done(reply: &Reply<'_>) -> io::Result<()> {
    if *reply == Reply::Done { Ok(()) } else { Err(error_of(reply)) }
}

/// What a reply that is no success says.
pub(super) fn error_of(reply: &Reply<'_>) -> io::Error {
    match reply {
        Reply::Failed { errno } => io::Error::from_raw_os_error(*errno),
        Reply::Refused => refused(),
        Reply::Unfit(why) => io::Error::other(format!("the helper process cannot work: {why}")),
        _ => io::ErrorKind::InvalidData.into(),
    }
}
