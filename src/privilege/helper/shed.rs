//! What the helper gives up: everything but the user id of whoever called. No capability is left in any set, and
//! `no_new_privs` keeps it so for every program that is started. Source: capabilities(7), `user_namespaces(7)`.

use rustix::fs::{Gid, Uid};
use rustix::process::{DumpableBehavior, getegid, geteuid, set_dumpable_behavior};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set, remove_capability_from_bounding_set,
    set_capabilities, set_no_new_privs, set_thread_groups, set_thread_res_gid, set_thread_res_uid,
};
use std::io;

/// Highest number of a capability that is looked for.
const CAPABILITIES: u32 = 63;

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
    for number in 0..=CAPABILITIES {
        // Without CAP_SETPCAP nobody may; then no_new_privs must be enough.
        let _ = remove_capability_from_bounding_set(CapabilitySet::from_bits_retain(1 << number));
    }
    if let Some(who) = identity {
        let (uid, gid) = (Uid::from_raw(who.uid), Gid::from_raw(who.gid));
        // Groups are set by whoever may; who is somebody already has them already.
        if uid != geteuid() || gid != getegid() {
            let groups: Vec<Gid> = who.groups.iter().map(|&group| Gid::from_raw(group)).collect();
            set_thread_groups(&groups)?;
        }
        set_thread_res_gid(gid, gid, gid)?;
        set_thread_res_uid(uid, uid, uid)?;
    }
    set_no_new_privs(true)?;
    let _ = clear_ambient_capability_set();
    let none = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })?;
    // Others of the same user may not look into it: the process that parses might be theirs.
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    let left = capabilities(None)?;
    if left.effective.is_empty() && left.permitted.is_empty() && left.inheritable.is_empty() {
        Ok(())
    } else {
        Err(io::Error::other("capabilities are left"))
    }
}
