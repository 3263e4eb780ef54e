//! What may be touched: folders held by descriptor, and in each the names that were allowed at the fork. New files are made
//! by `openat` with `O_EXCL` and `O_NOFOLLOW`, so a link planted in the folder leads nowhere; what exists is opened only under
//! a name that was given as such, never under one of a series. Only files that were made here are renamed or removed, and only
//! while the name still means that file.

use super::protocol::{Existing, Reply, is_name};
use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, RenameFlags, Stat, fstat, linkat, mkdir, open, openat, renameat_with, stat, statat, unlinkat,
};
use rustix::io::Errno;
use rustix::process::geteuid;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Most files that are remembered as made by a helper; of older ones none can be renamed or removed any more.
pub const REMEMBERED: usize = 1 << 20;

/// Names that may be written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Which.
    pub names: Names,
    /// What exists may be emptied.
    pub force: bool,
}

/// Names of files in a folder, without the folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Names {
    /// This one, and while it is not complete, it with `.part` behind.
    One(OsString),
    /// Those of files that follow each other: they begin and end so, not with nothing at both ends, and while they are not
    /// complete have `.part` behind. In between stand letters and digits of ASCII, `_`, `.`, `:`, `+` and `-`. Such files are made
    /// new; what has the name already is left alone, whatever it is, but for a regular file where the rule says so.
    Series {
        /// How they begin.
        start: OsString,
        /// How they end.
        end: OsString,
        /// Which other bytes may stand in between.
        others: OsString,
    },
}

impl Names {
    fn hold(&self, name: &OsStr) -> bool {
        let name = name.as_bytes();
        let whole = name.strip_suffix(b".part").unwrap_or(name);
        match self {
            Self::One(one) => one == OsStr::from_bytes(name) || one == OsStr::from_bytes(whole),
            Self::Series { start, end, others } => {
                let (start, end) = (start.as_bytes(), end.as_bytes());
                let plain =
                    |byte: &u8| byte.is_ascii_alphanumeric() || b"_.:+-".contains(byte) || others.as_bytes().contains(byte);
                let holds = |name: &[u8]| {
                    let between = name.strip_prefix(start).and_then(|rest| rest.strip_suffix(end));
                    between.is_some_and(|between| between.iter().all(plain))
                };
                !(start.is_empty() && end.is_empty()) && (holds(name) || holds(whole))
            }
        }
    }

    /// Is a file of this name always a new one? Names that follow from a pattern are nobody's choice: what has such a name
    /// already was planted, or is somebody's.
    fn are_new(&self, name: &OsStr) -> bool {
        match self {
            Self::One(one) => one != name,
            Self::Series { .. } => true,
        }
    }
}

/// A folder that is written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// The folder as the caller names it.
    pub path: PathBuf,
    /// What may be written in it.
    pub rules: Vec<Rule>,
    /// It is made where it is not there yet.
    pub make: bool,
}

impl Folder {
    fn rule(&self, name: &OsStr) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.names.hold(name)).filter(|_| is_name(name))
    }
}

/// A file that was made here.
#[derive(Debug)]
struct Made {
    folder: u16,
    name: OsString,
    id: Id,
    /// The command had it.
    finished: bool,
}

/// Device and inode.
type Id = (u64, u64);

/// The files that were made here, by what they are and in their order.
#[derive(Debug, Default)]
struct MadeHere {
    files: BTreeMap<u64, Made>,
    by_id: BTreeMap<Id, u64>,
    next: u64,
}

impl MadeHere {
    fn remember(&mut self, made: Made) {
        if self.files.len() >= REMEMBERED
            && let Some((at, oldest)) = self.files.pop_first()
            && self.by_id.get(&oldest.id) == Some(&at)
        {
            self.by_id.remove(&oldest.id);
        }
        // The system may give a file the number of one that somebody removed.
        if let Some(former) = self.by_id.insert(made.id, self.next) {
            self.files.remove(&former);
        }
        self.files.insert(self.next, made);
        self.next += 1;
    }

    /// None: the name means another file, or one that was there before.
    fn find(&self, folder: u16, name: &OsStr, id: Id) -> Option<u64> {
        let at = *self.by_id.get(&id)?;
        self.files.get(&at).is_some_and(|made| made.folder == folder && made.name == name).then_some(at)
    }

    fn forget(&mut self, id: Id) {
        if let Some(at) = self.by_id.remove(&id) {
            self.files.remove(&at);
        }
    }
}

/// The folders, opened with the rights of who serves.
#[derive(Debug)]
pub(super) struct Allowed {
    folders: Vec<(Folder, Result<OwnedFd, Errno>)>,
    made: MadeHere,
}

/// How an operation ended.
pub(super) type Answer = Result<Reply<'static>, Errno>;

impl Allowed {
    /// Opens the folders. One that cannot be opened says so whenever a file in it is asked for.
    pub(super) fn open(folders: Vec<Folder>) -> Self {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let held = |folder: Folder| {
            if folder.make {
                // That it cannot be made is told when it cannot be opened.
                let _ = mkdir(&folder.path, Mode::from_raw_mode(0o777));
            }
            (open(&folder.path, flags, Mode::empty()), folder)
        };
        Self { folders: folders.into_iter().map(held).map(|(fd, folder)| (folder, fd)).collect(), made: MadeHere::default() }
    }

    /// The rule for a name and the folder's descriptor, if the name is allowed. A folder that was moved away is not written to
    /// where it is now: nobody would look for the files there.
    fn place(&self, folder: u16, name: &OsStr) -> Option<Result<(&Rule, &OwnedFd), Errno>> {
        let (folder, held) = self.folders.get(usize::from(folder))?;
        let rule = folder.rule(name)?;
        let still_there = |held: &OwnedFd| {
            let (named, held) = (identity(&stat(&folder.path)?), identity(&fstat(held)?));
            if named == held { Ok(()) } else { Err(Errno::NOENT) }
        };
        let held = held.as_ref().map_err(|errno| *errno);
        Some(held.and_then(|held| still_there(held).map(|()| (rule, held))))
    }

    /// Opens a file for writing; one that exists is not emptied yet.
    pub(super) fn create(&mut self, folder: u16, name: &OsStr, force: bool) -> Result<(Reply<'static>, Option<OwnedFd>), Errno> {
        let Some(place) = self.place(folder, name) else { return Ok((Reply::Refused, None)) };
        let (rule, held) = place?;
        let write = OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOCTTY;
        let is_new = rule.names.are_new(name);
        let look = if is_new { AtFlags::SYMLINK_NOFOLLOW } else { AtFlags::empty() };
        let regular = match statat(held, name, look) {
            // Of a series with `force`: a file of its own, that nothing else leads to.
            Ok(old) if is_new && may_be_emptied(&old, rule, force) => {
                let file = openat(held, name, write | OFlags::NOFOLLOW, Mode::empty())?;
                let id = identity(&fstat(&file)?);
                if id != identity(&old) {
                    return Err(Errno::STALE);
                }
                self.made.remember(Made { folder, name: name.to_owned(), id, finished: false });
                return Ok((Reply::Opened { new: false }, Some(file)));
            }
            Ok(old) if is_new => return Ok((Reply::Exists(existing(&old)), None)),
            Ok(old) if FileType::from_raw_mode(old.st_mode).is_file() => {
                if !(force && rule.force) {
                    return Ok((Reply::Exists(existing(&old)), None));
                }
                true
            }
            Ok(old) if is_planted(&old, held)? => return Err(Errno::ACCESS),
            Ok(_) => false,
            Err(Errno::NOENT) => {
                let fresh = write | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
                let file = openat(held, name, fresh, Mode::from_raw_mode(0o666))?;
                let id = identity(&fstat(&file)?);
                self.made.remember(Made { folder, name: name.to_owned(), id, finished: false });
                return Ok((Reply::Opened { new: true }, Some(file)));
            }
            Err(error) => return Err(error),
        };
        let file = openat(held, name, write, Mode::empty())?;
        let now = fstat(&file)?;
        if is_planted(&now, held)? {
            return Err(Errno::ACCESS);
        }
        // It may have become another file between the look and the opening.
        if FileType::from_raw_mode(now.st_mode).is_file() && !regular {
            return Ok((Reply::Exists(existing(&now)), None));
        }
        Ok((Reply::Opened { new: false }, Some(file)))
    }

    /// Opens a file that was made here, to append to it; nothing where the name means none.
    pub(super) fn again(&mut self, folder: u16, name: &OsStr) -> Result<Option<OwnedFd>, Errno> {
        let Some(place) = self.place(folder, name) else { return Ok(None) };
        let (_, held) = place?;
        let append = OFlags::WRONLY | OFlags::APPEND | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = openat(held, name, append, Mode::empty())?;
        let id = identity(&fstat(&file)?);
        Ok(self.made.find(folder, name, id).map(|_| file))
    }

    /// A file that was made here needs no memory any more.
    pub(super) fn forget(&mut self, folder: u16, name: &OsStr) -> Answer {
        let Some(place) = self.place(folder, name) else { return Ok(Reply::Refused) };
        let id = named(name, place?.1)?;
        if self.made.find(folder, name, id).is_none() {
            return Ok(Reply::Refused);
        }
        self.made.forget(id);
        Ok(Reply::Done)
    }

    /// Renames a file that was made here; replaces nothing.
    pub(super) fn rename(&mut self, folder: u16, from: &OsStr, to: &OsStr) -> Answer {
        let (Some(old), Some(new)) = (self.place(folder, from), self.place(folder, to)) else { return Ok(Reply::Refused) };
        let ((_, held), _) = (old?, new?);
        let id = named(from, held)?;
        let Some(at) = self.made.find(folder, from, id) else { return Ok(Reply::Refused) };
        match renameat_with(held, from, held, to, RenameFlags::NOREPLACE) {
            // File systems without it: a second link fails where the name is taken.
            Err(Errno::INVAL | Errno::NOSYS) => {
                linkat(held, from, held, to, AtFlags::empty())?;
                unlinkat(held, from, AtFlags::empty())?;
            }
            done => done?,
        }
        if let Some(made) = self.made.files.get_mut(&at) {
            to.clone_into(&mut made.name);
        }
        Ok(Reply::Done)
    }

    /// Removes a file that was made here.
    pub(super) fn remove(&mut self, folder: u16, name: &OsStr) -> Answer {
        let Some(place) = self.place(folder, name) else { return Ok(Reply::Refused) };
        let (_, held) = place?;
        let id = named(name, held)?;
        if self.made.find(folder, name, id).is_none() {
            return Ok(Reply::Refused);
        }
        unlinkat(held, name, AtFlags::empty())?;
        self.made.forget(id);
        Ok(Reply::Done)
    }

    /// The path of a file that was made here, as the caller names it; of each file once.
    pub(super) fn finish(&mut self, folder: u16, name: &OsStr) -> Option<PathBuf> {
        let (_, held) = self.place(folder, name)?.ok()?;
        let id = named(name, held).ok()?;
        let at = self.made.find(folder, name, id)?;
        if std::mem::replace(&mut self.made.files.get_mut(&at)?.finished, true) {
            return None;
        }
        self.path(folder, name)
    }

    /// A name in a folder as the caller names it.
    pub(super) fn path(&self, folder: u16, name: &OsStr) -> Option<PathBuf> {
        let path = &self.folders.get(usize::from(folder))?.0.path;
        Some(if path == Path::new(".") { PathBuf::from(name) } else { path.join(name) })
    }
}

/// May a file of a series be emptied? Only with `force`, and only a regular one without other names.
fn may_be_emptied(old: &Stat, rule: &Rule, force: bool) -> bool {
    let series = matches!(rule.names, Names::Series { .. });
    series && force && rule.force && FileType::from_raw_mode(old.st_mode).is_file() && old.st_nlink == 1
}

/// Which file a name in a folder means.
fn named(name: &OsStr, held: &OwnedFd) -> Result<Id, Errno> {
    Ok(identity(&statat(held, name, AtFlags::SYMLINK_NOFOLLOW)?))
}

/// Is this a FIFO that somebody else put into a folder where everyone may make files but only remove his own? The rule of
/// `fs.protected_fifos` (`Documentation/admin-guide/sysctl/fs.rst` of Linux), which holds only where it is switched on and for
/// opening with `O_CREAT`.
fn is_planted(file: &Stat, folder: &OwnedFd) -> Result<bool, Errno> {
    if !FileType::from_raw_mode(file.st_mode).is_fifo() || file.st_uid == geteuid().as_raw() {
        return Ok(false);
    }
    let folder = fstat(folder)?;
    let open_to_all = Mode::from_raw_mode(folder.st_mode).contains(Mode::SVTX | Mode::WOTH);
    Ok(open_to_all && file.st_uid != folder.st_uid)
}

fn identity(stat: &Stat) -> Id {
    #[expect(clippy::useless_conversion, clippy::unnecessary_cast, reason = "their widths differ between machines")]
    (stat.st_dev as u64, stat.st_ino.into())
}

fn existing(stat: &Stat) -> Existing {
    #[expect(clippy::unnecessary_cast, reason = "their widths differ between machines")]
    let modified = (stat.st_mtime as i64, stat.st_mtime_nsec as u32);
    Existing { size: stat.st_size as u64, id: identity(stat), modified }
}
