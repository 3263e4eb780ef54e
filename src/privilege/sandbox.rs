//! The sandbox: Landlock takes away files and networks, seccomp the system calls that the rest of the run has no use for.
//!
//! Both are had as far as the kernel has them, and what it lacks is reported. Landlock: `landlock(7)`; which rights there are
//! depends on the version of its interface (ABI). seccomp: `seccomp(2)`; what is not in the list of [`calls`](super::calls)
//! fails with EPERM, so that a C library that tries something new gets an answer.

use super::{Config, Report, calls};
use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, LandlockStatus, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetError, RulesetStatus, Scope, path_beneath_rules,
};
use std::os::fd::RawFd;

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

/// From here on only `config.readable` can be opened, and only to be read; no TCP port is bound, nothing is connected, no
/// process outside is sent a signal. Gives the ABI in force, or why there is none.
fn no_files(config: &Config) -> Result<Result<i32, &'static str>, RulesetError> {
    let rules = path_beneath_rules(&config.readable, AccessFs::ReadFile | AccessFs::ReadDir);
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(AccessNet::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?
        .create()?
        .add_rules(rules)?
        .restrict_self()?;
    Ok(match status.landlock {
        LandlockStatus::NotImplemented => Err("this kernel does not have it"),
        LandlockStatus::NotEnabled => Err("it is switched off at boot (lsm=)"),
        LandlockStatus::Available { .. } if status.ruleset == RulesetStatus::NotEnforced => Err("this kernel did not take it"),
        LandlockStatus::Available { effective_abi, kernel_abi } => Ok(kernel_abi.unwrap_or(effective_abi as i32)),
    })
}
