//! The user, his groups and the capabilities: who is to be become, and the change itself.
//!
//! The system calls behind all of it change the calling thread only, which is why [`enter`](super::enter) wants to be the only
//! one. Rules: `credentials(7)`, `capabilities(7)`.
#![expect(unsafe_code, reason = "the list of users is to be had from the C library only")]

use super::{Config, PrivilegeError, Report};
use rustix::fs::{Gid, Uid};
use rustix::process::{DumpableBehavior, Resource, geteuid, getrlimit, getuid, set_dumpable_behavior, setrlimit};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set, remove_capability_from_bounding_set,
    set_capabilities, set_no_new_privs, set_thread_groups, set_thread_res_gid, set_thread_res_uid,
};
use std::env;
use std::ffi::{CStr, CString};
use std::io;
use std::mem::MaybeUninit;
use std::ptr;

/// The user and group that own nothing, where the system names none.
const NOBODY: u32 = 65_534;
/// Most bytes of an entry in the list of users.
const ENTRY: usize = 64 << 10;
/// Numbers of capabilities that are tried.
const CAPABILITIES: u32 = 64;

/// A user of this system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Name, or the number where there is none.
    pub name: String,
    /// Number.
    pub uid: u32,
    /// Number of the first group.
    pub gid: u32,
}

/// Which rights this process has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whoever started the program.
    pub real_uid: u32,
    /// Whose rights it has.
    pub effective_uid: u32,
    /// There is a capability in one of its sets.
    pub capable: bool,
}

/// Who is to be become, and who is to write files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// The user of this process from then on; `None`: as before.
    pub becomes: Option<User>,
    /// Someone asked for this user.
    pub asked: bool,
    /// Whose rights output files are created with; `None`: those of who runs the program now.
    pub writes: Option<User>,
}

impl Standing {
    /// Looks at this process.
    #[must_use]
    pub fn look() -> Self {
        let held = capabilities(None);
        let capable = held.is_ok_and(|held| !(held.effective | held.permitted | held.inheritable).is_empty());
        let (real_uid, effective_uid) = (getuid().as_raw(), geteuid().as_raw());
        Self { real_uid, effective_uid, capable }
    }

    /// Is there anything to give up?
    #[must_use]
    pub const fn has_rights(self) -> bool {
        self.effective_uid == 0 || self.real_uid == 0 || self.real_uid != self.effective_uid || self.capable
    }
}

impl User {
    /// Looks for a user by name, or by number.
    ///
    /// # Errors
    /// There is none of that name. A number without a name is a user all the same, of the group of that number.
    pub fn find(word: &str) -> Result<Self, PrivilegeError> {
        let unknown = || PrivilegeError::NoSuchUser(word.to_owned());
        if let Ok(uid) = word.parse::<u32>() {
            return Ok(Self::of_number(uid).unwrap_or_else(|| Self { name: uid.to_string(), uid, gid: uid }));
        }
        let name = CString::new(word).map_err(|_| unknown())?;
        look_up(|entry, buffer, found| {
            // SAFETY: the name ends with a zero; entry, buffer (with its length) and found live, and are written only.
            unsafe { libc::getpwnam_r(name.as_ptr(), entry, buffer.as_mut_ptr().cast(), buffer.len(), found) }
        })
        .ok_or_else(unknown)
    }

    /// The user of a number, if the system knows him.
    #[must_use]
    pub fn of_number(uid: u32) -> Option<Self> {
        look_up(|entry, buffer, found| {
            // SAFETY: entry, buffer (with its length) and found live, and are written only.
            unsafe { libc::getpwuid_r(uid, entry, buffer.as_mut_ptr().cast(), buffer.len(), found) }
        })
    }

    /// Who owns nothing.
    #[must_use]
    pub fn nobody() -> Self {
        Self::find("nobody").unwrap_or_else(|_| Self { name: "nobody".to_owned(), uid: NOBODY, gid: NOBODY })
    }
}

/// Asks the list of users by `ask`, which gets room for the entry, for its text, and for the answer whether there is one.
fn look_up(ask: impl Fn(*mut libc::passwd, &mut [u8], *mut *mut libc::passwd) -> libc::c_int) -> Option<User> {
    let mut entry = MaybeUninit::<libc::passwd>::zeroed();
    let mut buffer = vec![0_u8; ENTRY];
    let mut found = ptr::null_mut();
    if ask(entry.as_mut_ptr(), &mut buffer, &raw mut found) != 0 || found.is_null() {
        return None;
    }
    // SAFETY: the call succeeded and found somebody, so the entry is filled in (it was zeroed before, and zeros are a valid
    // `passwd`, too), and its name is text in `buffer` that ends with a zero.
    let (entry, name) = unsafe {
        let entry = entry.assume_init();
        (entry, CStr::from_ptr(entry.pw_name))
    };
    Some(User { name: name.to_string_lossy().into_owned(), uid: entry.pw_uid, gid: entry.pw_gid })
}

/// Who is to be become: `asked` (a name or a number; root: nobody else), else whoever called sudo or a set-user-ID program, else
/// nobody. Of a user who is not root the rights are capabilities only, and he stays who he is.
///
/// # Errors
/// There is no such user, or only root could become him.
pub fn choose(asked: Option<&str>, standing: Standing) -> Result<Choice, PrivilegeError> {
    let number = |name: &str| env::var(name).ok()?.parse::<u32>().ok();
    let sudo = number("SUDO_UID").map(|uid| (uid, number("SUDO_GID")));
    chosen(asked, standing, sudo)
}

fn chosen(asked: Option<&str>, standing: Standing, sudo: Option<(u32, Option<u32>)>) -> Result<Choice, PrivilegeError> {
    let both = |user: User, asked| Choice { becomes: Some(user.clone()), asked, writes: Some(user) };
    let of_number = |uid: u32, gid: Option<u32>| {
        let known = User::of_number(uid);
        let gid = gid.or(known.as_ref().map(|user| user.gid)).unwrap_or(uid);
        User { name: known.map_or_else(|| uid.to_string(), |user| user.name), uid, gid }
    };
    if let Some(word) = asked {
        let user = User::find(word)?;
        if user.uid == standing.real_uid && user.uid == standing.effective_uid {
            return Ok(Choice::default());
        }
        // Whoever starts a set-user-ID program may not become anyone he likes.
        if standing.effective_uid != 0 || standing.real_uid != 0 {
            return Err(PrivilegeError::NotRoot(user.name));
        }
        return Ok(both(user, true));
    }
    Ok(match (standing.effective_uid, standing.real_uid, sudo) {
        (0, 0, Some((uid @ 1.., gid))) => both(of_number(uid, gid), false),
        (0, 0, _) => Choice { becomes: Some(User::nobody()), asked: false, writes: None },
        (effective, real, _) if effective != real => both(of_number(real, None), false),
        _ => Choice::default(),
    })
}

/// Becomes the user and empties all sets of capabilities.
pub(super) fn user_and_capabilities(config: &Config, report: &mut Report) -> Result<(), PrivilegeError> {
    let kept = |error| PrivilegeError::Kept { what: "capabilities", error };
    // Kernels before 4.3 have no ambient set, and who lacks CAP_SETPCAP cannot empty the bounding set; with no_new_privs it is
    // of no use to anyone.
    let _ = clear_ambient_capability_set();
    for number in 0..CAPABILITIES {
        let _ = remove_capability_from_bounding_set(CapabilitySet::from_bits_retain(1 << number));
    }
    if let Some(user) = &config.user {
        match become_user(user, report) {
            Ok(()) => report.user = Some(user.name.clone()),
            Err(error) if config.must_become => {
                return Err(PrivilegeError::Become { user: user.name.clone(), error: error.into() });
            }
            Err(error) => report.missing.push(format!("cannot become user \"{}\" here ({error})", user.name)),
        }
    }
    let none = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })
        .map_err(|error| kept(error.into()))?;
    if Standing::look().capable { Err(kept(io::Error::other("some are left"))) } else { Ok(()) }
}

/// The ids of the only thread are those of the process.
fn become_user(user: &User, report: &mut Report) -> rustix::io::Result<()> {
    if let Err(error) = set_thread_groups(&[]) {
        // In a user namespace it may be forbidden (`user_namespaces(7)`).
        report.missing.push(format!("supplementary groups stay ({error})"));
    }
    let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
    set_thread_res_gid(gid, gid, gid)?;
    set_thread_res_uid(uid, uid, uid)
}

/// Nothing can be got back, and nobody else of that user can look into this process.
pub(super) fn for_good() -> Result<(), PrivilegeError> {
    let kept = |what| move |error: rustix::io::Errno| PrivilegeError::Kept { what, error: error.into() };
    set_no_new_privs(true).map_err(kept("the right to new rights"))?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(kept("core dumps"))
}

/// Lets this process have so many files open at once, as far as the system allows it: files are all opened before rights are
/// given up.
pub fn allow_open_files(count: usize) {
    /// What a process has open anyway: outputs, sockets, libraries being loaded.
    const OTHERS: u64 = 64;
    let mut limit = getrlimit(Resource::Nofile);
    let wanted = (count as u64).saturating_add(OTHERS);
    if limit.current.is_some_and(|current| current < wanted) {
        limit.current = Some(limit.maximum.map_or(wanted, |most| wanted.min(most)));
        // Where it fails, opening says so.
        let _ = setrlimit(Resource::Nofile, limit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: Standing = Standing { real_uid: 0, effective_uid: 0, capable: true };

    #[test]
    fn who_is_become() {
        let uid = |choice: &Choice| choice.becomes.as_ref().map(|user| (user.uid, user.gid));
        let writes = |choice: &Choice| choice.writes.as_ref().map(|user| user.uid);
        let by_sudo = chosen(None, ROOT, Some((4_000_000_001, Some(77)))).unwrap();
        assert_eq!((uid(&by_sudo), writes(&by_sudo)), (Some((4_000_000_001, 77)), Some(4_000_000_001)));
        let root = chosen(None, ROOT, None).unwrap();
        assert_eq!((uid(&root).map(|u| u.0 != 0), writes(&root)), (Some(true), None));
        assert_eq!(chosen(None, ROOT, Some((0, Some(0)))).unwrap(), root, "root who called sudo");
        let asked = chosen(Some("4000000002"), ROOT, Some((4_000_000_001, None))).unwrap();
        assert_eq!((uid(&asked), writes(&asked), asked.asked), (Some((4_000_000_002, 4_000_000_002)), Some(4_000_000_002), true));
        assert_eq!(chosen(Some("root"), ROOT, Some((1, Some(1)))).unwrap(), Choice::default());
        assert!(matches!(chosen(Some("no such user"), ROOT, None), Err(PrivilegeError::NoSuchUser(_))));
    }

    #[test]
    fn who_is_not_root_stays_who_he_is() {
        let user = Standing { real_uid: 1000, effective_uid: 1000, capable: true };
        assert_eq!(chosen(None, user, Some((1, None))).unwrap(), Choice::default());
        assert_eq!(chosen(Some("1000"), user, None).unwrap(), Choice::default());
        assert!(matches!(chosen(Some("1001"), user, None), Err(PrivilegeError::NotRoot(_))));
        assert!(user.has_rights() && !Standing { capable: false, ..user }.has_rights());
    }

    #[test]
    fn a_set_user_id_program_becomes_its_caller_and_nobody_else() {
        let borrowed = Standing { real_uid: 4_000_000_003, effective_uid: 0, capable: true };
        assert_eq!(chosen(None, borrowed, Some((5, None))).unwrap().becomes.unwrap().uid, 4_000_000_003);
        assert!(matches!(chosen(Some("daemon"), borrowed, None), Err(PrivilegeError::NotRoot(_))));
        assert!(borrowed.has_rights());
    }
}
