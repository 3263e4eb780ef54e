//! Who called a program that runs as root by way of sudo, pkexec or doas, and his rights over files: what the command line names
//! is opened with them, not with root's.
//!
//! The user and group for files (`setfsuid(2)`) and the supplementary groups are his meanwhile, and the capabilities that reach
//! over owners and modes are not in force. Those for networks stay. It changes the calling thread only.
#![expect(unsafe_code, reason = "setfsuid(2) and setfsgid(2) have no safe binding; each with its SAFETY note")]

use super::helper::Identity;
use super::{PrivilegeError, Standing, User};
use rustix::fs::Gid;
use rustix::process::getgroups;
use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities, set_thread_groups};
use std::env;
use std::io;

/// A user who had himself made root, and what says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// He.
    pub user: User,
    /// The variable that names him: `SUDO_UID`, `PKEXEC_UID` or `DOAS_USER`.
    pub variable: &'static str,
}

/// Root's rights over files, to be had back.
#[derive(Debug)]
#[must_use = "without it the rights over files stay low"]
pub struct Lowered {
    groups: Vec<Gid>,
    sets: CapabilitySets,
}

impl Caller {
    /// Whom the environment names, where this process is root. Root himself, who called sudo, is nobody else.
    ///
    /// # Errors
    /// A variable names nobody that can be.
    pub fn look(standing: Standing) -> Result<Option<Self>, PrivilegeError> {
        if standing.effective_uid != 0 || standing.real_uid != 0 {
            return Ok(None);
        }
        Self::named(|name| env::var(name).ok())
    }

    fn named(value: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, PrivilegeError> {
        for variable in ["SUDO_UID", "PKEXEC_UID", "DOAS_USER"] {
            let Some(word) = value(variable).filter(|word| !word.is_empty()) else { continue };
            let unknown = || PrivilegeError::NoSuchCaller { variable, value: word.clone() };
            let mut user = User::find(&word).map_err(|_| unknown())?;
            if variable == "SUDO_UID"
                && let Some(gid) = value("SUDO_GID")
            {
                user.gid = gid.parse().ok().filter(|gid| *gid != u32::MAX).ok_or_else(unknown)?;
            }
            if user.uid != 0 {
                return Ok(Some(Self { user, variable }));
            }
        }
        Ok(None)
    }
}

/// From now on files are opened with the rights of `who`.
///
/// # Errors
/// He cannot be become here: in user namespaces that do not know him, or without `CAP_SETUID`. Everything is as before then.
pub fn lower(who: &Identity) -> io::Result<Lowered> {
    let lowered = Lowered { groups: getgroups()?, sets: capabilities(None)? };
    let groups: Vec<Gid> = who.groups.iter().map(|&group| Gid::from_raw(group)).collect();
    set_thread_groups(&groups)?;
    let over_files = CapabilitySet::CHOWN
        | CapabilitySet::DAC_OVERRIDE
        | CapabilitySet::DAC_READ_SEARCH
        | CapabilitySet::FOWNER
        | CapabilitySet::FSETID
        | CapabilitySet::LINUX_IMMUTABLE
        | CapabilitySet::MKNOD
        | CapabilitySet::MAC_OVERRIDE;
    let done = files_belong_to(who.uid, who.gid).and_then(|()| {
        let sets = CapabilitySets { effective: lowered.sets.effective.difference(over_files), ..lowered.sets };
        Ok(set_capabilities(None, sets)?)
    });
    match done {
        Ok(()) => Ok(lowered),
        Err(error) => {
            lowered.raise()?;
            Err(error)
        }
    }
}

impl Lowered {
    /// Root's rights are back.
    ///
    /// # Errors
    /// They are not: the run must not go on.
    pub fn raise(self) -> io::Result<()> {
        set_capabilities(None, self.sets)?;
        files_belong_to(0, 0)?;
        Ok(set_thread_groups(&self.groups)?)
    }
}

/// Sets user and group for files, and looks whether they are: the calls themselves tell no error.
fn files_belong_to(uid: u32, gid: u32) -> io::Result<()> {
    // SAFETY: neither call takes a pointer. -1 is nobody: nothing is changed, and the answer is who it is now.
    let now = unsafe {
        libc::setfsgid(gid);
        libc::setfsuid(uid);
        (libc::setfsuid(u32::MAX), libc::setfsgid(u32::MAX))
    };
    let same = |is: libc::c_int, wanted: u32| u32::from_ne_bytes(is.to_ne_bytes()) == wanted;
    if same(now.0, uid) && same(now.1, gid) { Ok(()) } else { Err(io::ErrorKind::PermissionDenied.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(variables: &[(&str, &str)]) -> Result<Option<(u32, u32, &'static str)>, PrivilegeError> {
        let value = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        Ok(Caller::named(value)?.map(|caller| (caller.user.uid, caller.user.gid, caller.variable)))
    }

    #[test]
    fn sudo_pkexec_and_doas_name_their_caller() {
        assert_eq!(found(&[]).unwrap(), None);
        assert_eq!(found(&[("SUDO_UID", "4000000001"), ("SUDO_GID", "77")]).unwrap(), Some((4_000_000_001, 77, "SUDO_UID")));
        assert_eq!(found(&[("PKEXEC_UID", "4000000001")]).unwrap(), Some((4_000_000_001, 4_000_000_001, "PKEXEC_UID")));
        assert_eq!(found(&[("DOAS_USER", "daemon")]).unwrap().map(|it| (it.0, it.2)), Some((1, "DOAS_USER")));
        assert_eq!(found(&[("SUDO_UID", "0"), ("SUDO_GID", "0")]).unwrap(), None, "root who called sudo");
        for bad in [("SUDO_UID", "4294967295"), ("SUDO_UID", "-1"), ("DOAS_USER", "no such user"), ("PKEXEC_UID", "4294967295")] {
            assert!(matches!(found(&[bad]), Err(PrivilegeError::NoSuchCaller { .. })), "{bad:?}");
        }
        assert!(found(&[("SUDO_UID", "1000"), ("SUDO_GID", "4294967295")]).is_err());
    }
}
