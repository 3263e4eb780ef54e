//! Descriptors that whoever started the program left open. With rights, those that no argument names are closed at once, and one
//! that is named (`/dev/fd/7`) is duplicated: opening it by its path would open the file behind it anew, with our rights in
//! place of those with which it was opened.
#![expect(unsafe_code, reason = "descriptors known by their numbers only; each with its SAFETY note")]

use super::helper::close_between;
use rustix::event::{EventfdFlags, eventfd};
use rustix::fs::{OFlags, fcntl_getfl};
use rustix::io::fcntl_dupfd_cloexec;
use rustix::process::{Resource, getrlimit};
use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd, RawFd};
use std::path::Path;
use std::sync::OnceLock;

/// What stands before the number.
const PLACES: [&str; 2] = ["/dev/fd/", "/proc/self/fd/"];

/// Those from 3 on that were kept, once the others are closed.
static KEPT: OnceLock<BTreeSet<RawFd>> = OnceLock::new();

/// What is to be done with a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// It is read.
    Reading,
    /// It is written to.
    Writing,
}

/// Closes what is open but the first three and what an argument names. To be called before anything is opened.
///
/// # Errors
/// Some cannot be closed.
pub fn close_unnamed<'a>(arguments: impl Iterator<Item = &'a [u8]>) -> io::Result<()> {
    let named: BTreeSet<RawFd> = arguments.flat_map(numbers_in).filter(|fd| *fd > 2).collect();
    let kept = KEPT.get_or_init(|| named);
    let mut first = 3;
    for fd in kept {
        close_between(first, fd - 1)?;
        first = fd.saturating_add(1);
    }
    close_between(first, RawFd::MAX)
}

/// The numbers of all descriptors that an argument names, in whatever flag.
fn numbers_in(argument: &[u8]) -> Vec<RawFd> {
    let mut found = Vec::new();
    for place in PLACES {
        let starts = argument.windows(place.len()).enumerate().filter(|(_, part)| *part == place.as_bytes());
        found.extend(starts.filter_map(|(at, _)| {
            let rest = &argument[at + place.len()..];
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            std::str::from_utf8(&rest[..digits]).ok()?.parse::<RawFd>().ok()
        }));
    }
    found
}

/// The descriptor that a path names, if it is nothing but such a name.
#[must_use]
pub fn descriptor_named(path: &Path) -> Option<RawFd> {
    let text = path.to_str()?;
    match text {
        "/dev/stdin" => return Some(0),
        "/dev/stdout" => return Some(1),
        "/dev/stderr" => return Some(2),
        _ => {}
    }
    let digits = PLACES.iter().find_map(|place| text.strip_prefix(place))?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

/// Descriptors that are opened while this lives get numbers above the lowest that are free, and those become free with it. The
/// sandbox knows a socket that captures by its number and lets nobody write to it; when such a socket is closed, the system gives
/// the lowest free number to the next file, which must not be that one (`open(2)`).
#[derive(Debug)]
pub struct LowNumbers {
    _taken: Vec<OwnedFd>,
}

impl LowNumbers {
    /// More than what a run opens after its rights are gone: outputs, and the zone's file for a moment.
    const MOST: u64 = 32;

    /// Takes them, as many as leave most of what the system allows.
    #[must_use]
    pub fn take() -> Self {
        let allowed = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let taken = (0..Self::MOST.min(allowed / 8)).map_while(|_| eventfd(0, EventfdFlags::CLOEXEC).ok());
        Self { _taken: taken.collect() }
    }
}

/// A copy of a descriptor that was inherited, where it was opened for this use.
///
/// # Errors
/// It is not open, or not for this use.
pub fn duplicate(fd: RawFd, wanted: Use) -> io::Result<File> {
    let bad = || io::Error::from_raw_os_error(libc::EBADF);
    if fd < 0 || (fd > 2 && KEPT.get().is_some_and(|kept| !kept.contains(&fd))) {
        return Err(bad());
    }
    // SAFETY: the borrow ends with this function. That nobody closes the descriptor meanwhile: the first three and those in `KEPT`
    // belong to no object of this process; any other number that is not open makes the calls fail, and no thread runs beside.
    let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
    let mode = fcntl_getfl(borrowed)?;
    let (other, name) = match wanted {
        Use::Reading => (OFlags::WRONLY, "writing"),
        Use::Writing => (OFlags::RDONLY, "reading"),
    };
    if mode.contains(OFlags::PATH) || mode & OFlags::RWMODE == other {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, format!("this descriptor is open for {name} only")));
    }
    Ok(File::from(fcntl_dupfd_cloexec(borrowed, 3)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_descriptor_is_named_by_its_number_and_nothing_else() {
        for (path, fd) in [("/dev/fd/7", 7), ("/proc/self/fd/63", 63), ("/dev/stdin", 0), ("/dev/stderr", 2)] {
            assert_eq!(descriptor_named(Path::new(path)), Some(fd), "{path}");
        }
        for path in ["/dev/fd/../../etc/passwd", "/dev/fd/7/x", "/dev/fd/", "/dev/fd", "/dev/fd/-1", "/dev/fd/+1", "/dev/stdin/x"]
        {
            assert_eq!(descriptor_named(Path::new(path)), None, "{path}");
        }
        assert_eq!(descriptor_named(Path::new("/dev/fd/99999999999")), None);
    }

    #[test]
    fn arguments_name_descriptors_in_any_flag() {
        assert_eq!(numbers_in(b"-r/dev/fd/63"), [63]);
        assert_eq!(numbers_in(b"--write=/proc/self/fd/12"), [12]);
        assert_eq!(numbers_in(b"/dev/fd/"), [] as [RawFd; 0]);
    }
}
