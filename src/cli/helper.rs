//! What a run may ask of the helper process (`privilege/helper/`): which files it will write, whether it runs a command on
//! them, whether it asks for names. All of it is said before the process is forked.

use super::errors::{Problem, look_at, shown_path};
use super::exit::Exit;
use sockeye::output::WriteError;
use sockeye::output::files::Files;
use sockeye::output::target::is_stdout;
use sockeye::privilege::helper::{
    self, Asking, Commands, FileNames, Folder, Helper, Identity, Names, OpenError, Rule, folder_of,
};
use sockeye::privilege::{self, Use};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::RawFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What will be asked.
#[derive(Default)]
pub(crate) struct Wanted {
    folders: Vec<Folder>,
    /// Targets that are descriptors of this process: copies of them.
    own: Own,
    /// Why a helper could not make the files.
    unfit: Option<Problem>,
    command: Option<Box<dyn Commands>>,
    names: bool,
}

/// Targets that are descriptors of this process, duplicated before it opened any, and `--force`.
type Own = BTreeMap<PathBuf, (io::Result<File>, bool)>;

/// The helper, and what it gives.
pub(crate) struct Helped {
    /// Who creates files.
    pub(crate) files: Arc<dyn Files>,
    /// Who knows names of addresses, if that was wanted.
    pub(crate) names: Option<Names>,
    /// The sockets on which files and names are asked for.
    pub(crate) descriptors: Vec<RawFd>,
}

impl Wanted {
    /// A file will be written. Standard output needs nobody; another descriptor of this process is
    /// duplicated, now that none is open but those that were inherited.
    pub(crate) fn file(&mut self, path: &Path, force: bool) {
        if is_stdout(path) {
            return;
        }
        if let Some(fd) = privilege::descriptor_named(path) {
            self.own.insert(path.to_owned(), (privilege::duplicate(fd, Use::Writing), force));
        } else if let Some(name) = path.file_name() {
            look_at(path);
            self.rule(path, FileNames::One(name.to_owned()), force);
        }
    }

    /// Files that follow each other will be written: of the name, what stands before the first dot stays, and its last ending;
    /// where the name holds the time (`dated`), what stands before its first `%`.
    pub(crate) fn series(&mut self, pattern: &Path, dated: bool) {
        if is_stdout(pattern) || privilege::descriptor_named(pattern).is_some() {
            return;
        }
        let Some(name) = pattern.file_name().map(OsStr::as_bytes) else { return };
        let folder = folder_of(pattern).unwrap_or(Path::new(""));
        if dated && folder.as_os_str().as_bytes().contains(&b'%') {
            let what = format!("{}: % may stand in the name of the file, not of its folder", shown_path(pattern));
            self.unfit = Some(Problem::usage(what));
            return;
        }
        if !(dated && name.contains(&b'%')) {
            // The number and the time are written between these, behind an underscore.
            let (mut start, end) = endings(Path::new(OsStr::from_bytes(name)));
            start.push("_");
            self.rule(pattern, FileNames::Series { start, end, others: OsString::new() }, false);
            return;
        }
        let fixed = name.iter().enumerate().position(|(at, byte)| *byte == b'%' || (*byte == b'.' && at > 0));
        let start = OsStr::from_bytes(&name[..fixed.unwrap_or(name.len())]).to_owned();
        let ending = pattern.extension().filter(|ending| !ending.as_bytes().contains(&b'%'));
        let end = ending.map_or_else(OsString::new, |ending| [OsStr::new("."), ending].into_iter().collect());
        // What the pattern says itself, and what the forms of the time hold beside letters and digits: %c has spaces.
        let others = [name, b" "].concat();
        let others = OsString::from_vec(others);
        if start.is_empty() && end.is_empty() {
            let what = format!("{}: a part of the name must stay the same", shown_path(pattern));
            self.unfit = Some(Problem::usage(what).help("letters before the first %, or an ending:  %H.pcap"));
            return;
        }
        self.rule(pattern, FileNames::Series { start, end, others }, false);
    }

    /// Files of these endings will be written into a folder, which is made where it is not there, and one of this name.
    pub(crate) fn folder(&mut self, path: &Path, endings: &[&str], one: &str, force: bool) {
        let series =
            endings.iter().map(|end| FileNames::Series { start: OsString::new(), end: end.into(), others: OsString::new() });
        let names = [FileNames::One(one.into())].into_iter().chain(series);
        let rules = names.map(|names| Rule { names, force }).collect();
        self.folders.push(Folder { path: path.to_owned(), rules, make: true });
    }

    /// A command will run on finished files: by this, in the helper.
    pub(crate) fn command(&mut self, command: Box<dyn Commands>) {
        self.command = Some(command);
    }

    /// Names will be asked for.
    pub(crate) fn names(&mut self) {
        self.names = true;
    }

    /// Is there anything to ask? A process that keeps its rights writes its files by itself.
    pub(crate) fn needs_helper(&self, rights_go: bool) -> bool {
        self.command.is_some() || self.names || (rights_go && !(self.folders.is_empty() && self.own.is_empty()))
    }

    fn rule(&mut self, path: &Path, names: FileNames, force: bool) {
        let Some(folder) = folder_of(path) else { return };
        let at = self.folders.iter().position(|known| known.path == folder).unwrap_or_else(|| {
            self.folders.push(Folder { path: folder.to_owned(), rules: Vec::new(), make: false });
            self.folders.len() - 1
        });
        self.folders[at].rules.push(Rule { names, force });
    }

    /// Forks it, and the process for names: while there is one thread, and before rights are given up. `identity`: whose rights
    /// the one that makes files keeps; none: those of this process.
    pub(crate) fn start(self, identity: Option<Identity>, asking: &Asking) -> Result<Helped, Problem> {
        if let Some(problem) = self.unfit {
            return Err(problem);
        }
        let runs = self.command.is_some();
        let other = identity.is_some();
        // What the processes themselves say is that they cannot become who they should.
        let failed = |what, error: io::Error| {
            let exit = if other && error.raw_os_error().is_none() { Exit::Permission } else { Exit::Failed };
            Problem::new(exit, format!("cannot start the process that {what}: {error}"))
        };
        let names =
            self.names.then(|| helper::start_names(asking)).transpose().map_err(|error| failed("asks for names", error))?;
        let task = helper::Task { identity, folders: self.folders, commands: self.command };
        let helper = helper::start(task).map_err(|error| failed("writes files", error))?;
        let descriptors = [helper.descriptor()].into_iter().chain(names.as_ref().map(Names::descriptor)).collect();
        let files = Arc::new(ByHelper { helper, own: Mutex::new(self.own), runs, troubles: Mutex::default() });
        Ok(Helped { files, names, descriptors })
    }
}

/// A name without its endings, and those: `.pcapng`, `.pcapng.zst`. A number goes between the two.
fn endings(name: &Path) -> (OsString, OsString) {
    let (mut stem, mut end) = (name.to_owned(), OsString::new());
    let packed = name.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("zst"));
    for _ in 0..if packed { 2 } else { 1 } {
        if let Some(last) = stem.extension().map(OsStr::to_owned) {
            end = [OsStr::new("."), &last, &end].into_iter().collect();
            stem.set_extension("");
        }
    }
    (stem.into(), end)
}

/// Files by way of the helper.
#[derive(Debug)]
struct ByHelper {
    helper: Helper,
    own: Mutex<Own>,
    /// A command runs on finished files.
    runs: bool,
    /// Files that could not be handed to the command.
    troubles: Mutex<Vec<String>>,
}

/// Files that could not be handed to the command, told at most.
const TROUBLES: usize = 10;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Files for ByHelper {
    fn open(&self, path: &Path, force: bool, reading: &[(u64, u64)]) -> Result<File, WriteError> {
        let create = |error| WriteError::Create { path: path.to_owned(), error };
        let being_read = || WriteError::BeingRead { path: path.to_owned() };
        let own = lock(&self.own).remove(path);
        if let Some((copy, force)) = own {
            let file = copy.map_err(create)?;
            let data = file.metadata().map_err(create)?;
            if reading.contains(&(data.dev(), data.ino())) {
                return Err(being_read());
            }
            // It is not emptied: whoever opened it chose where writing begins.
            if data.is_file() && !force {
                return Err(WriteError::Exists { path: path.to_owned(), size: data.len(), modified: data.modified().ok() });
            }
            return Ok(file);
        }
        let opened = match self.helper.open(path, force) {
            Ok(opened) => opened,
            Err(OpenError::Exists(existing)) if reading.contains(&existing.id) => return Err(being_read()),
            Err(OpenError::Exists(existing)) => {
                let modified = time(existing.modified);
                return Err(WriteError::Exists { path: path.to_owned(), size: existing.size, modified });
            }
            Err(OpenError::Failed(error)) => return Err(create(error)),
        };
        if !opened.new {
            let data = opened.file.metadata().map_err(create)?;
            if reading.contains(&(data.dev(), data.ino())) {
                return Err(being_read());
            }
            if data.is_file() {
                opened.file.set_len(0).map_err(create)?;
            }
        }
        Ok(opened.file)
    }

    fn make_over(&self, path: &Path, reading: &[(u64, u64)]) -> Result<File, WriteError> {
        self.open(path, true, reading)
    }

    fn again(&self, path: &Path) -> io::Result<File> {
        self.helper.again(path)
    }

    fn forget(&self, path: &Path) {
        // What is remembered too long takes room only.
        let _ = self.helper.forget(path);
    }

    /// The helper made it when it began, as whom it writes.
    fn make_folder(&self, _path: &Path) -> Result<(), WriteError> {
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.helper.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<bool> {
        self.helper.remove(path)
    }

    fn finished(&self, path: &Path) {
        if !self.runs {
            return;
        }
        if let Err(error) = self.helper.finished(path) {
            let mut troubles = lock(&self.troubles);
            if troubles.len() < TROUBLES {
                troubles.push(format!("-z: {}: {error}", shown_path(path)));
            }
        }
    }

    fn settle(&self, waiting: &mut dyn FnMut(u64)) -> Vec<String> {
        let mut told = std::mem::take(&mut *lock(&self.troubles));
        if self.runs {
            match self.helper.settle(waiting) {
                Ok(more) => told.extend(more),
                Err(error) => told.push(format!("-z: {error}")),
            }
        }
        told
    }
}

/// Seconds since 1970 and nanoseconds of that second.
fn time((seconds, nanos): (i64, u32)) -> Option<SystemTime> {
    let whole = Duration::from_secs(seconds.unsigned_abs());
    let at = if seconds < 0 { UNIX_EPOCH.checked_sub(whole)? } else { UNIX_EPOCH.checked_add(whole)? };
    at.checked_add(Duration::from_nanos(nanos.into()))
}
