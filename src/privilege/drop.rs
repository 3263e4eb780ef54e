//! The user, his groups and the capabilities: who is to be become, and the change itself.
//!
//! The system calls behind all of it change the calling thread only, which is why [`enter`](super::enter) wants to be the only
//! one. Rules: `credentials(7)`, `capabilities(7)`.
#![expect(unsafe_code, reason = "the list of users is to be had from the C library only")]

use super::{Caller, Config, PrivilegeError, Report};
use rustix::fs::{Gid, Uid};
use rustix::process::{
    DumpableBehavior, Resource, Rlimit, getegid, geteuid, getgid, getgroups, getrlimit, getuid, set_dumpable_behavior, setrlimit,
};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set, remove_capability_from_bounding_set,
    set_capabilities, set_no_new_privs, set_thread_groups, set_thread_res_gid, set_thread_res_uid,
};
use std::ffi::{CStr, CString};
use std::io;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::OnceLock;

/// The user and group that own nothing, where the system names none.
const NOBODY: u32 = 65_534;
/// Most bytes of an entry in the list of users.
const ENTRY: usize = 64 << 10;
/// Numbers of capabilities that are tried.
const CAPABILITIES: u32 = 64;
/// Those that desktops hand to every user's session: nobody gets at anything of others by them.
const HARMLESS: CapabilitySet = CapabilitySet::WAKE_ALARM.union(CapabilitySet::BLOCK_SUSPEND);
/// The limits of open files as they were found.
static FILES: OnceLock<Rlimit> = OnceLock::new();

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
    /// The group of whoever started the program is not the one whose rights it has.
    pub other_group: bool,
    /// There is a capability that can be used, and that gives more than a timer.
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
        let capable = held.is_ok_and(|held| !(held.effective | held.permitted).difference(HARMLESS).is_empty());
        let (real_uid, effective_uid) = (getuid().as_raw(), geteuid().as_raw());
        Self { real_uid, effective_uid, other_group: getgid() != getegid(), capable }
    }

    /// Was a set-user-ID or set-group-ID program started? Its caller would name the files that its owner's rights open.
    #[must_use]
    pub const fn is_borrowed(self) -> bool {
        self.real_uid != self.effective_uid || self.other_group
    }

    /// Is there anything to give up?
    #[must_use]
    pub const fn has_rights(self) -> bool {
        self.effective_uid == 0 || self.real_uid == 0 || self.is_borrowed() || self.capable
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
            // The last number means "leave it as it is" to the system.
            if uid == u32::MAX {
                return Err(unknown());
            }
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

/// Who is to be become: `asked` (a name or a number; root: nobody else), else the caller, else nobody. Files are written by the
/// caller, whoever else is asked for: who may start this as root may not choose whose files it makes. Of a user who is not root
/// the rights are capabilities only, and he stays who he is.
///
/// # Errors
/// There is no such user, or only root could become him.
pub fn choose(asked: Option<&str>, standing: Standing, caller: Option<&Caller>) -> Result<Choice, PrivilegeError> {
    let caller = caller.map(|caller| caller.user.clone());
    let is_root = standing.effective_uid == 0 && standing.real_uid == 0;
    if let Some(word) = asked {
        let user = User::find(word)?;
        let himself = user.uid == standing.real_uid && user.uid == standing.effective_uid;
        if !himself && !is_root {
            return Err(PrivilegeError::NotRoot(user.name));
        }
        if !himself && !has_capabilities(CapabilitySet::SETUID | CapabilitySet::SETGID) {
            return Err(PrivilegeError::Become { user: user.name, error: io::Error::from_raw_os_error(libc::EPERM) });
        }
        let becomes = (!himself).then_some(user);
        return Ok(Choice { asked: becomes.is_some(), writes: caller.or_else(|| becomes.clone()), becomes });
    }
    Ok(match caller {
        _ if !is_root => Choice::default(),
        Some(user) => Choice { becomes: Some(user.clone()), asked: false, writes: Some(user) },
        None => Choice { becomes: Some(User::nobody()), asked: false, writes: None },
    })
}

fn has_capabilities(wanted: CapabilitySet) -> bool {
    capabilities(None).is_ok_and(|held| held.effective.contains(wanted))
}

/// Becomes the user and empties all sets of capabilities.
pub(super) fn user_and_capabilities(config: &Config, report: &mut Report) -> Result<(), PrivilegeError> {
    let kept = |error| PrivilegeError::Kept { what: "capabilities", error };
    empty_bounding_set();
    if let Some(user) = &config.user {
        match become_ids(user.uid, user.gid, &[]) {
            Ok(groups) => {
                report.user = Some(user.name.clone());
                report.missing.extend(groups.map(|error| format!("supplementary groups stay ({error})")));
            }
            Err(error) if config.must_become => return Err(PrivilegeError::Become { user: user.name.clone(), error }),
            Err(error) => report.missing.push(format!("cannot become user \"{}\" here ({error})", user.name)),
        }
    }
    empty_capabilities().map_err(kept)
}

/// No program that is started gets more than this process has. Who lacks `CAP_SETPCAP` cannot do it; with `no_new_privs` the set
/// is of no use to anyone.
pub(super) fn empty_bounding_set() {
    for number in 0..CAPABILITIES {
        let _ = remove_capability_from_bounding_set(CapabilitySet::from_bits_retain(1 << number));
    }
}

/// Takes on all four ids of a user and of a group, and these supplementary groups, and looks whether it is so. The ids of the
/// only thread are those of the process. Groups that must stay (in a user namespace, `user_namespaces(7)`) are given as an error
/// that was borne, if those that were to come are none.
pub(super) fn become_ids(uid: u32, gid: u32, groups: &[u32]) -> io::Result<Option<io::Error>> {
    if uid == u32::MAX || gid == u32::MAX {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut wanted: Vec<Gid> = groups.iter().map(|&group| Gid::from_raw(group)).collect();
    let borne = match set_thread_groups(&wanted) {
        Ok(()) => None,
        Err(error) if groups.is_empty() => Some(io::Error::from(error)),
        Err(error) => return Err(error.into()),
    };
    let (user, group) = (Uid::from_raw(uid), Gid::from_raw(gid));
    set_thread_res_gid(group, group, group)?;
    set_thread_res_uid(user, user, user)?;
    let mut now = getgroups()?;
    let by_number = |group: &Gid| group.as_raw();
    now.sort_by_key(by_number);
    wanted.sort_by_key(by_number);
    if three_ids() == ([uid; 3], [gid; 3]) && (borne.is_some() || now == wanted) {
        Ok(borne)
    } else {
        Err(io::Error::other("the ids are not those that were asked for"))
    }
}

/// Real, effective and saved ids of user and group.
fn three_ids() -> ([u32; 3], [u32; 3]) {
    let (mut users, mut groups) = ([u32::MAX; 3], [u32::MAX; 3]);
    let ([real, effective, saved], [real_group, effective_group, saved_group]) = (&mut users, &mut groups);
    // SAFETY: all six pointers are to numbers that live, and are written only; a failure leaves what no id is.
    unsafe {
        libc::getresuid(real, effective, saved);
        libc::getresgid(real_group, effective_group, saved_group);
    }
    (users, groups)
}

/// Empties the ambient, effective, permitted and inheritable sets, and looks whether they are empty.
pub(super) fn empty_capabilities() -> io::Result<()> {
    // Kernels before 4.3 have no ambient set; later ones empty it with the inheritable.
    let _ = clear_ambient_capability_set();
    let none = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })?;
    let left = capabilities(None)?;
    let empty = (left.effective | left.permitted | left.inheritable).is_empty();
    if empty { Ok(()) } else { Err(io::Error::other("some are left")) }
}

/// Gives up what harmless capabilities there are, where nothing else is to be given up.
pub fn drop_harmless() {
    let _ = empty_capabilities();
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
    let found = getrlimit(Resource::Nofile);
    let wanted = (count as u64).saturating_add(OTHERS);
    if found.current.is_none_or(|current| current >= wanted) {
        return;
    }
    FILES.get_or_init(|| found);
    let most = found.maximum.map(|most| most.max(wanted));
    // Only CAP_SYS_RESOURCE may raise the higher limit. Where both fail, opening says so.
    if setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: most }).is_err() {
        let current = Some(found.maximum.map_or(wanted, |most| wanted.min(most)));
        let _ = setrlimit(Resource::Nofile, Rlimit { current, maximum: found.maximum });
    }
}

/// The limits of open files are those that were found: what is started from here inherits them.
pub(super) fn restore_open_files() {
    if let Some(found) = FILES.get() {
        let _ = setrlimit(Resource::Nofile, *found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: Standing = Standing { real_uid: 0, effective_uid: 0, other_group: false, capable: true };

    fn caller() -> Caller {
        Caller { user: User { name: "4000000001".to_owned(), uid: 4_000_000_001, gid: 77 }, variable: "SUDO_UID" }
    }

    #[test]
    fn who_is_become() {
        let uid = |choice: &Choice| choice.becomes.as_ref().map(|user| (user.uid, user.gid));
        let writes = |choice: &Choice| choice.writes.as_ref().map(|user| user.uid);
        let by_sudo = choose(None, ROOT, Some(&caller())).unwrap();
        assert_eq!((uid(&by_sudo), writes(&by_sudo)), (Some((4_000_000_001, 77)), Some(4_000_000_001)));
        let root = choose(None, ROOT, None).unwrap();
        assert_eq!((uid(&root).map(|u| u.0 != 0), writes(&root)), (Some(true), None));
        let stays = choose(Some("root"), ROOT, Some(&caller())).unwrap();
        assert_eq!((uid(&stays), writes(&stays)), (None, Some(4_000_000_001)), "who writes is not to be chosen");
        assert_eq!(choose(Some("root"), ROOT, None).unwrap(), Choice::default());
        for word in ["no such user", "4294967295"] {
            assert!(matches!(choose(Some(word), ROOT, None), Err(PrivilegeError::NoSuchUser(_))), "{word}");
        }
    }

    #[test]
    fn who_is_not_root_stays_who_he_is() {
        let user = Standing { real_uid: 1000, effective_uid: 1000, ..ROOT };
        assert_eq!(choose(None, user, None).unwrap(), Choice::default());
        assert_eq!(choose(Some("1000"), user, None).unwrap(), Choice::default());
        assert!(matches!(choose(Some("1001"), user, None), Err(PrivilegeError::NotRoot(_))));
        assert!(user.has_rights() && !Standing { capable: false, ..user }.has_rights());
    }

    #[test]
    fn rights_of_the_files_owner_are_borrowed() {
        assert!(Standing { real_uid: 4_000_000_003, ..ROOT }.is_borrowed());
        assert!(Standing { other_group: true, ..ROOT }.is_borrowed() && !ROOT.is_borrowed());
    }
}
