//! Exit codes: few, and the same for every command.

use std::process::ExitCode;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Done; Ctrl-C on a live capture or a pipe is a normal end.
    Done = 0,
    /// Failed while running: disk full, interface gone, write error.
    Failed = 1,
    /// Usage, or a bad filter.
    Usage = 2,
    /// Input not usable: missing, no capture, unknown link type.
    Input = 3,
    /// Not permitted.
    Permission = 4,
    /// Input damaged or cut; everything before the damage was reported.
    Damaged = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
