//! The sandbox: Landlock takes away files and networks, seccomp the system calls that the rest of the run has no use for.
//!
//! Both are had as far as the kernel has them, and what it lacks is reported. Landlock: `landlock(7)`; which rights there are
//! depends on the version of its interface (ABI). seccomp: `seccomp(2)`; what is not in the list of [`calls`](super::calls)
//! fails with EPERM, so that a C library that tries something new gets an answer.

use super::{Config, Report, calls};
use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, LandlockStatus, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope, path_beneath_rules,
};
use rustix::fs::FileType;
use std::os::fd::RawFd;
use std::path::Path;

/// The newest version of Landlock whose rights are known here; older kernels get those they have.
const NEWEST: ABI = ABI::V7;

/// Closes it, for this thread and all that will be made. `capturing`: sockets that are only read.
pub(super) fn close(config: &Config, capturing: &[RawFd], report: &mut Report) {
    match no_files(config) {
        Ok(Ok(abi)) => report.landlock = Some(abi),
        Ok(Err(why)) => report.missing.push(format!("no Landlock: {why}")),
        Err(error) => report.missing.push(format!("no Landlock: {error}")),
    }
    let sockets = calls::Sockets { helpers: &config.helpers, capturing, attach: config.attaches_filters };
    match calls::filter(sockets) {
        Ok(()) => report.seccomp = true,
        Err(error) => report.missing.push(format!("no seccomp: {error}")),
    }
}

/// Closes that of the process for names, as far as the kernel has it: no file can be made, changed, renamed or removed, no program
/// started, no TCP port bound, no process outside sent a signal. Reading and asking servers is what it is for.
pub(super) fn close_names() {
    let _ = no_writing();
    let _ = calls::filter_names();
}

fn no_writing() -> Result<(), RulesetError> {
    Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_write(NEWEST) | AccessFs::Execute)?
        .handle_access(AccessNet::BindTcp)?
        .scope(Scope::Signal)?
        .create()?
        .restrict_self()?;
    Ok(())
}

/// A regular file. It is looked at when it is opened: what the name means may change.
fn regular(path: &Path) -> Option<PathFd> {
    let file = PathFd::new(path).ok()?;
    let stat = rustix::fs::fstat(&file).ok()?;
    FileType::from_raw_mode(stat.st_mode).is_file().then_some(file)
}

/// From here on only `config.readable` and `config.readable_file` can be opened, and only to be read; no TCP port is bound, nothing is connected, no
/// process outside is sent a signal. Gives the ABI in force, or why there is none.
fn no_files(config: &Config) -> Result<Result<i32, &'static str>, RulesetError> {
    let rules = path_beneath_rules(&config.readable, AccessFs::ReadFile | AccessFs::ReadDir);
    let file = config.readable_file.as_deref().and_then(regular).map(|file| PathBeneath::new(file, AccessFs::ReadFile));
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(AccessNet::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?
        .create()?
        .add_rules(rules)?
        .add_rules(file.map(Ok::<_, RulesetError>))?
        .restrict_self()?;
    Ok(match status.landlock {
        LandlockStatus::NotImplemented => Err("this kernel does not have it"),
        LandlockStatus::NotEnabled => Err("it is switched off at boot (lsm=)"),
        LandlockStatus::Available { .. } if status.ruleset == RulesetStatus::NotEnforced => Err("this kernel did not take it"),
        LandlockStatus::Available { effective_abi, kernel_abi } => Ok(kernel_abi.unwrap_or(effective_abi as i32)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn only_a_regular_file_may_be_read_by_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let [file, link, other, fifo] = ["file", "link", "other", "fifo"].map(|name| folder.path().join(name));
        fs::write(&file, "zone").unwrap();
        symlink(&file, &link).unwrap();
        symlink(folder.path(), &other).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, FileType::Fifo, 0o666.into(), 0).unwrap();
        assert!(regular(&file).is_some() && regular(&link).is_some());
        assert!(regular(folder.path()).is_none() && regular(&other).is_none() && regular(&fifo).is_none());
        assert!(regular(&folder.path().join("absent")).is_none());
    }
}
