//! Exit codes: few, and the same for every command.

use std::process::ExitCode;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// `findings --fail-on`: there are findings as grave as that.
    Found = 10,
    /// A signal ended the reading of saved files before their end; what was read until then was reported. The program ends by that
    /// signal: shells see 130 of Ctrl-C, and end a loop or a list of commands, too.
    Stopped = 130,
}

impl Exit {
    /// The graver of two ends: output that is not what was asked for outweighs input that could not be read to its end.
    pub(crate) fn graver(self, other: Self) -> Self {
        let weight = |exit| match exit {
            Self::Done => 0,
            Self::Found => 1,
            Self::Damaged => 2,
            Self::Stopped => 3,
            Self::Input => 4,
            Self::Permission => 5,
            Self::Usage => 6,
            Self::Failed => 7,
        };
        if weight(other) > weight(self) { other } else { self }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
