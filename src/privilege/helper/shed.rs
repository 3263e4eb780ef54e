//! What the helper gives up: everything but the user id of whoever called. No capability is left in any set, and
//! `no_new_privs` keeps it so for every program that is started. Source: capabilities(7), `user_namespaces(7)`.

use crate::privilege::drop::{become_ids, empty_bounding_set, empty_capabilities, for_good, restore_open_files};
use std::io;

/// Whose rights are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// Supplementary groups.
    pub groups: Vec<u32>,
}

impl Identity {
    /// A user with the groups that the system's lists give him.
    #[must_use]
    pub fn of(name: &str, uid: u32, gid: u32) -> Self {
        Self { uid, gid, groups: super::sys::groups_of(name, gid) }
    }
}

/// Becomes `identity`, if there is one, and gives up every capability. The process must have one thread: ids are set for it
/// alone.
pub(super) fn shed(identity: Option<&Identity>) -> io::Result<()> {
    restore_open_files();
    empty_bounding_set();
    if let Some(who) = identity {
        become_ids(who.uid, who.gid, &who.groups)?;
    }
    empty_capabilities()?;
    // Others of the same user may not look into it, either: the process that parses might be theirs.
    for_good().map_err(io::Error::other)
}
