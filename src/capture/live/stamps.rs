//! Where the times of frames come from (`-j`): the kernel's clock, or the network card's.
//!
//! Names and meanings are those of pcap-tstamp(7). The card's times are asked for with `PACKET_TIMESTAMP`, after the card was told to stamp
//! every frame; frames that it does not stamp, such as sent ones, bear the kernel's time.

use super::sys::{self, Stamping};
use super::{LiveSpec, Place, cannot, unsupported};
use crate::capture::SourceError;
use std::io;
use std::os::fd::BorrowedFd;

/// What stamps frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeStamps {
    /// The kernel. On Linux: in nanoseconds, by the system's clock.
    Host,
    /// The kernel, cheaply and roughly. Linux has no such times for frames.
    HostLowPrecision,
    /// The kernel, precisely: on Linux the same as [`Self::Host`].
    HostHighPrecision,
    /// The network card, its clock kept with the system's.
    Adapter,
    /// The network card, by a clock of its own.
    AdapterUnsynced,
}

impl TimeStamps {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Host, Self::HostLowPrecision, Self::HostHighPrecision, Self::Adapter, Self::AdapterUnsynced];

    /// tcpdump's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::HostLowPrecision => "host_lowprec",
            Self::HostHighPrecision => "host_hiprec",
            Self::Adapter => "adapter",
            Self::AdapterUnsynced => "adapter_unsynced",
        }
    }

    /// tcpdump's description.
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self {
            Self::Host => "Host",
            Self::HostLowPrecision => "Host, low precision",
            Self::HostHighPrecision => "Host, high precision",
            Self::Adapter => "Adapter",
            Self::AdapterUnsynced => "Adapter, not synced with system time",
        }
    }

    /// The one of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Is it the network card that stamps?
    #[must_use]
    pub const fn is_hardware(self) -> bool {
        matches!(self, Self::Adapter | Self::AdapterUnsynced)
    }

    /// The bit of `SO_TIMESTAMPING` and `PACKET_TIMESTAMP` that means these times of the card.
    const fn source(self) -> u32 {
        match self {
            Self::Adapter => libc::SOF_TIMESTAMPING_SYS_HARDWARE,
            _ => libc::SOF_TIMESTAMPING_RAW_HARDWARE,
        }
    }
}

/// What can be had, by what the driver says. Only cards that stamp every frame count: most that stamp do so for the
/// packets of the precision time protocol alone.
fn offered(stamping: Stamping) -> Vec<TimeStamps> {
    let every = stamping.filters & 1 << libc::HWTSTAMP_FILTER_ALL != 0;
    let of = |kind: TimeStamps| !kind.is_hardware() || (every && stamping.sources & kind.source() != 0);
    TimeStamps::ALL.into_iter().filter(|kind| *kind != TimeStamps::HostLowPrecision && of(*kind)).collect()
}

/// The times that an interface can give, the default first.
pub(super) fn list(spec: &LiveSpec, place: Place) -> Result<Vec<TimeStamps>, SourceError> {
    let stamping = match place.device() {
        None => Stamping::default(),
        Some(_) => sys::stamping(&spec.interface).map_err(|error| cannot("cannot ask for the time stamps of", spec, error))?,
    };
    Ok(offered(stamping))
}

/// Is what is asked for to be had?
pub(super) fn check(spec: &LiveSpec, place: Place) -> Result<(), SourceError> {
    let Some(asked) = spec.time_stamps else { return Ok(()) };
    let offered = list(spec, place)?;
    if offered.contains(&asked) {
        return Ok(());
    }
    let names: Vec<_> = offered.into_iter().map(TimeStamps::name).collect();
    Err(unsupported(spec, format!("no {} time stamps from this interface; it has {}", asked.name(), names.join(", "))))
}

/// Has the card stamp the frames of a socket, where that is asked for.
pub(in crate::capture) fn ask(fd: BorrowedFd<'_>, spec: &LiveSpec) -> Result<(), SourceError> {
    let Some(kind) = spec.time_stamps.filter(|kind| kind.is_hardware()) else { return Ok(()) };
    sys::stamp_in_hardware(&spec.interface).map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => {
            let what = format!("{} time stamps are switched on by CAP_NET_ADMIN only: start it with sudo", kind.name());
            unsupported(spec, what)
        }
        _ => cannot("cannot switch on hardware time stamps of", spec, error),
    })?;
    sys::stamp_by(fd, kind.source()).map_err(|error| cannot("cannot have hardware time stamps of", spec, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_cards_that_stamp_every_frame_are_offered() {
        let names = |sources, filters| {
            offered(Stamping { sources, filters }).into_iter().map(TimeStamps::name).collect::<Vec<_>>().join(" ")
        };
        let raw = libc::SOF_TIMESTAMPING_RAW_HARDWARE;
        let all = 1 << libc::HWTSTAMP_FILTER_ALL;
        assert_eq!(names(0, 0), "host host_hiprec");
        assert_eq!(names(raw, 1 << libc::HWTSTAMP_FILTER_PTP_V2_EVENT), "host host_hiprec");
        assert_eq!(names(raw, all), "host host_hiprec adapter_unsynced");
        assert_eq!(names(raw | libc::SOF_TIMESTAMPING_SYS_HARDWARE, all), "host host_hiprec adapter adapter_unsynced");
        assert_eq!(TimeStamps::named("adapter"), Some(TimeStamps::Adapter));
        assert_eq!(TimeStamps::named("Adapter"), None);
    }
}
