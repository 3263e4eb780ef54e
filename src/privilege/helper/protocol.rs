//! What is said between the two processes, as bytes: one message a datagram, of bounded size, every length checked. The
//! asking side may be in the hands of an attacker: what is not exactly a message is none.
//!
//! Numbers are little-endian. A name is one component of a path: 1 to 255 bytes, no `/`, no NUL, not `.` or `..`.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// Longest message in bytes, either way.
pub(super) const LONGEST: usize = 1024;
/// Longest name in bytes (`NAME_MAX`).
pub(super) const LONGEST_NAME: usize = 255;
/// Longest text in a reply in bytes.
const LONGEST_TEXT: usize = LONGEST - 1;

/// What is asked for. `folder` counts the folders that were allowed at the fork.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Request<'a> {
    /// Open for writing; `force`: also what exists.
    Open { folder: u16, force: bool, name: &'a OsStr },
    /// Rename, replacing nothing.
    Rename { folder: u16, from: &'a OsStr, to: &'a OsStr },
    /// Remove.
    Remove { folder: u16, name: &'a OsStr },
    /// The file is complete: the command may run on it.
    Finished { folder: u16, name: &'a OsStr },
    /// Open a file that was made here, to append to it.
    Again { folder: u16, name: &'a OsStr },
    /// The file is complete: nothing is asked of it any more.
    Forget { folder: u16, name: &'a OsStr },
    /// Wait for the commands; when that takes a while, [`Reply::Waiting`] comes once. What went wrong comes as [`Reply::Said`], then
    /// [`Reply::Done`].
    Settle,
}

/// What comes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply<'a> {
    /// Done.
    Done,
    /// Opened; the descriptor comes with the message. `new`: it did not exist.
    Opened { new: bool },
    /// The system said no: its error number.
    Failed { errno: i32 },
    /// A regular file of that name exists and `force` was not given or not allowed.
    Exists(Existing),
    /// That was not allowed at the fork, or is no request at all.
    Refused,
    /// A sentence; more follow.
    Said(&'a str),
    /// The helper cannot work: why.
    Unfit(&'a str),
    /// The file cannot be removed now: its command waits or runs.
    InUse,
    /// So many files wait for their command, or it runs.
    Waiting { files: u64 },
}

/// A file that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Existing {
    /// Its size in bytes.
    pub size: u64,
    /// Device and inode.
    pub id: (u64, u64),
    /// When it was last written: seconds since 1970, and nanoseconds of that second.
    pub modified: (i64, u32),
}

/// May this be the name of a file in a folder?
pub(super) fn is_name(name: &OsStr) -> bool {
    let bytes = name.as_bytes();
    (1..=LONGEST_NAME).contains(&bytes.len()) && !bytes.iter().any(|b| matches!(b, b'/' | 0)) && !matches!(bytes, b"." | b"..")
}

fn name(bytes: &[u8]) -> Option<&OsStr> {
    Some(OsStr::from_bytes(bytes)).filter(|name| is_name(name))
}

impl<'a> Request<'a> {
    /// The message.
    pub(super) fn encode(&self) -> Vec<u8> {
        let with = |tag: u8, folder: u16, rest: &[&[u8]]| {
            let mut bytes = vec![tag];
            bytes.extend_from_slice(&folder.to_le_bytes());
            for part in rest {
                bytes.extend_from_slice(part);
            }
            bytes
        };
        match *self {
            Self::Open { folder, force, name } => with(1, folder, &[&[u8::from(force)], name.as_bytes()]),
            Self::Rename { folder, from, to } => with(2, folder, &[&[from.len() as u8], from.as_bytes(), to.as_bytes()]),
            Self::Remove { folder, name } => with(3, folder, &[name.as_bytes()]),
            Self::Finished { folder, name } => with(4, folder, &[name.as_bytes()]),
            Self::Settle => vec![5],
            Self::Again { folder, name } => with(6, folder, &[name.as_bytes()]),
            Self::Forget { folder, name } => with(7, folder, &[name.as_bytes()]),
        }
    }

    /// The message's meaning, if it has one.
    pub(super) fn decode(bytes: &'a [u8]) -> Option<Self> {
        let (&tag, rest) = bytes.split_first()?;
        if tag == 5 {
            return rest.is_empty().then_some(Self::Settle);
        }
        let (folder, rest) = rest.split_first_chunk()?;
        let folder = u16::from_le_bytes(*folder);
        match tag {
            1 => {
                let (&force, rest) = rest.split_first()?;
                Some(Self::Open { folder, force: truth(force)?, name: name(rest)? })
            }
            2 => {
                let (&len, rest) = rest.split_first()?;
                let (from, to) = rest.split_at_checked(usize::from(len))?;
                Some(Self::Rename { folder, from: name(from)?, to: name(to)? })
            }
            3 => Some(Self::Remove { folder, name: name(rest)? }),
            4 => Some(Self::Finished { folder, name: name(rest)? }),
            6 => Some(Self::Again { folder, name: name(rest)? }),
            7 => Some(Self::Forget { folder, name: name(rest)? }),
            _ => None,
        }
    }
}

const fn truth(byte: u8) -> Option<bool> {
    match byte {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}

/// As much of a text as a message holds.
fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(LONGEST_TEXT)]
}

impl<'a> Reply<'a> {
    /// The message. Texts are cut to what a message holds.
    pub(super) fn encode(&self) -> Vec<u8> {
        match *self {
            Self::Done => vec![1],
            Self::Opened { new } => vec![2, u8::from(new)],
            Self::Failed { errno } => [&[3][..], &errno.to_le_bytes()].concat(),
            Self::Exists(Existing { size, id, modified }) => [
                &[4][..],
                &size.to_le_bytes(),
                &id.0.to_le_bytes(),
                &id.1.to_le_bytes(),
                &modified.0.to_le_bytes(),
                &modified.1.to_le_bytes(),
            ]
            .concat(),
            Self::Refused => vec![5],
            Self::Said(text) => [&[6], cut(text).as_bytes()].concat(),
            Self::Unfit(text) => [&[7], cut(text).as_bytes()].concat(),
            Self::InUse => vec![8],
            Self::Waiting { files } => [&[9][..], &files.to_le_bytes()].concat(),
        }
    }

    /// The message's meaning, if it has one.
    pub(super) fn decode(bytes: &'a [u8]) -> Option<Self> {
        let (&tag, mut rest) = bytes.split_first()?;
        match (tag, rest) {
            (1, []) => Some(Self::Done),
            (2, &[new]) => Some(Self::Opened { new: truth(new)? }),
            (3, rest) => Some(Self::Failed { errno: i32::from_le_bytes(rest.try_into().ok()?) }),
            (4, _) => {
                let size = u64::from_le_bytes(taken(&mut rest)?);
                let id = (u64::from_le_bytes(taken(&mut rest)?), u64::from_le_bytes(taken(&mut rest)?));
                let modified = (i64::from_le_bytes(taken(&mut rest)?), u32::from_le_bytes(taken(&mut rest)?));
                rest.is_empty().then_some(Self::Exists(Existing { size, id, modified }))
            }
            (5, []) => Some(Self::Refused),
            (6, text) => Some(Self::Said(std::str::from_utf8(text).ok()?)),
            (7, text) => Some(Self::Unfit(std::str::from_utf8(text).ok()?)),
            (8, []) => Some(Self::InUse),
            (9, rest) => Some(Self::Waiting { files: u64::from_le_bytes(rest.try_into().ok()?) }),
            _ => None,
        }
    }
}

fn taken<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(*first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_name() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(any::<u8>(), 1..=LONGEST_NAME).prop_filter("a name", |bytes| is_name(OsStr::from_bytes(bytes)))
    }

    proptest! {
        #[test]
        fn requests_come_back(folder: u16, force: bool, a in any_name(), b in any_name()) {
            let (a, b) = (OsStr::from_bytes(&a), OsStr::from_bytes(&b));
            for request in [
                Request::Open { folder, force, name: a },
                Request::Rename { folder, from: a, to: b },
                Request::Remove { folder, name: a },
                Request::Finished { folder, name: b },
                Request::Again { folder, name: a },
                Request::Forget { folder, name: b },
                Request::Settle,
            ] {
                let bytes = request.encode();
                prop_assert!(bytes.len() <= LONGEST);
                prop_assert_eq!(Request::decode(&bytes), Some(request));
            }
        }

        #[test]
        fn replies_come_back(errno: i32, size: u64, id: (u64, u64), modified: (i64, u32), new: bool, text in ".{0,400}") {
            for reply in [
                Reply::Done,
                Reply::Opened { new },
                Reply::Failed { errno },
                Reply::Exists(Existing { size, id, modified }),
                Reply::Refused,
                Reply::InUse,
                Reply::Waiting { files: size },
            ] {
                let bytes = reply.encode();
                prop_assert_eq!(Reply::decode(&bytes), Some(reply));
            }
            let bytes = Reply::Said(&text).encode();
            prop_assert!(bytes.len() <= LONGEST);
            prop_assert_eq!(Reply::decode(&bytes), Some(Reply::Said(cut(&text))));
        }

        #[test]
        fn what_is_taken_for_a_message_is_that_message_alone(bytes in prop::collection::vec(any::<u8>(), 0..600), tag in 0_u8..10) {
            let mut bytes = bytes;
            if let Some(first) = bytes.first_mut() {
                *first = tag;
            }
            if let Some(request) = Request::decode(&bytes) {
                prop_assert_eq!(request.encode(), bytes.clone());
            }
            if let Some(reply) = Reply::decode(&bytes) {
                prop_assert_eq!(reply.encode(), bytes.clone());
            }
        }
    }

    #[test]
    fn names_are_one_component() {
        for bad in ["", ".", "..", "a/b", "/a", "../a", "a\0b", &"x".repeat(256)] {
            assert!(!is_name(OsStr::new(bad)), "{bad:?}");
        }
        for good in ["a", "...", ".a", "a b", &"x".repeat(255)] {
            assert!(is_name(OsStr::new(good)), "{good:?}");
        }
    }
}
