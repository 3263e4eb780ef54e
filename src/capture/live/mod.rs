//! Live capture on Linux: one or several interfaces, by our own ring, by libpcap or by a plain packet socket.
//!
//! [`open`] gives a [`Live`], which is a [`PacketSource`](super::PacketSource). `source` holds what all ways share (the poll, the merge,
//! interfaces that go down), `tap` is one interface with its exact account, `order` says which of several comes first. The backends are `capture::ring`, `libpcap` and `raw`;
//! `socket` and `finish` are what the ring and the plain socket have in common, `program` makes the filter for the kernel, `sys` has
//! the system calls.
//!
//! All ways give the same bytes of an interface: a VLAN tag that the kernel took out stands in its place again, and
//! of the two copies of a frame that a loopback interface shows one is left out and counted. What differs: libpcap hides which
//! way an Ethernet frame went and whether its checksum was still to come, and has no place for tags in SLL2; the plain
//! socket costs ten times as much per frame.

pub(super) mod batch;
pub(super) mod finish;
mod interface_drops;
#[cfg(feature = "libpcap")]
mod libpcap;
mod order;
pub(in crate::capture) mod program;
mod raw;
pub(super) mod socket;
mod source;
pub(super) mod stamps;
pub(super) mod sys;
pub(super) mod tap;

pub use source::Live;
pub use stamps::TimeStamps;

use super::{SourceError, Spread};
use crate::filter::Filter;
use crate::model::{LinkType, LiveBackend};
use std::io;

/// The word that means all interfaces.
pub const ANY: &str = "any";
/// Most bytes kept of a frame when nothing is asked, as in tcpdump.
pub const DEFAULT_SNAPLEN: u32 = 262_144;
/// Bytes of the kernel's buffer when nothing is asked.
pub const DEFAULT_BUFFER: usize = 64 << 20;
/// The same where packets are only copied: that keeps up, and may wait for the disk elsewhere. The kernel clears all of a ring when it
/// is made (`docs/performance.md`).
pub const COPYING_BUFFER: usize = 16 << 20;
/// Least buffer in which frames may gather for a few milliseconds.
const ROOM_TO_GATHER: usize = 4 << 20;

/// Which way frames must go to be captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Received by this host.
    In,
    /// Sent by this host.
    Out,
}

/// What to capture on one interface.
#[derive(Clone, Debug)]
pub struct LiveSpec {
    /// The interface's name, or [`ANY`].
    pub interface: String,
    /// Most bytes kept of a frame; 0 = [`DEFAULT_SNAPLEN`], which is also the most.
    pub snaplen: u32,
    /// Also frames addressed to others.
    pub promiscuous: bool,
    /// Bytes of the kernel's buffer. A ring takes them at once and has whole blocks, with room for two of the largest frames
    /// at least; a plain socket takes them as frames wait.
    pub buffer_bytes: usize,
    /// Only one way; `None` = both.
    pub direction: Option<Direction>,
    /// Link type, where the interface offers several; `None` = its default.
    pub link: Option<LinkType>,
    /// Somebody watches: frames come about 20 ms late at most by the ring and by libpcap, at once by the plain socket. Else it is
    /// about 80 ms and 2 ms; and as each block of a ring is used for longer, a reader may be away for longer.
    pub immediate: bool,
    /// Whose clock gives the times; `None` = the kernel's. The card's can be had by the ring and by libpcap.
    pub time_stamps: Option<TimeStamps>,
    /// The filter in words, for [`InterfaceInfo::filter`](crate::model::InterfaceInfo::filter).
    pub filter_text: Option<String>,
}

impl LiveSpec {
    /// Everything that passes this host on an interface, whole.
    #[must_use]
    pub fn new(interface: impl Into<String>) -> Self {
        Self {
            interface: interface.into(),
            snaplen: 0,
            promiscuous: false,
            buffer_bytes: DEFAULT_BUFFER,
            direction: None,
            link: None,
            immediate: false,
            time_stamps: None,
            filter_text: None,
        }
    }

    /// The snap length in force.
    pub(super) fn snaplen(&self) -> u32 {
        if self.snaplen == 0 { DEFAULT_SNAPLEN } else { self.snaplen.min(DEFAULT_SNAPLEN) }
    }

    /// May frames wait a little in the kernel, and is there room for them?
    fn may_gather(&self) -> bool {
        !self.immediate && self.buffer_bytes >= ROOM_TO_GATHER
    }

    /// The snap length where it is worth telling the kernel.
    fn cut(&self) -> Option<u32> {
        Some(self.snaplen()).filter(|len| *len < DEFAULT_SNAPLEN)
    }
}

/// The backend when none is asked for.
#[must_use]
pub const fn default_backend() -> LiveBackend {
    LiveBackend::Ring
}

/// Opens interfaces for capture, by the backend that is asked for or by [`default_backend`]; link types
/// that only libpcap makes are captured by it.
///
/// # Errors
/// In this order for each interface: there is none of that name, no right to capture, it is down, the backend
/// cannot do what is asked, the system refuses.
pub fn open(specs: &[LiveSpec], backend: Option<LiveBackend>) -> Result<Live, SourceError> {
    Live::open(specs, backend, &mut Filter::everything())
}

/// Opens interfaces as [`open`] does, for what `filter` lets through: the kernel gets its
/// [program](Filter::kernel_program) for the link type that each interface has. The kernel may let more through, so the filter has to
/// be asked of every frame.
///
/// # Errors
/// Those of [`open`]; the filter can match nothing of an interface's link type; it asks which way frames went and libpcap
/// was asked for.
pub fn open_filtered(specs: &[LiveSpec], backend: Option<LiveBackend>, filter: &mut Filter) -> Result<Live, SourceError> {
    Live::open(specs, backend, filter)
}

/// Opens interfaces as [`open_filtered`] does, by the ring, for several threads: the frames of each interface are shared out among the
/// sources that are given, by `spread`, nearly all to the thread that their conversation belongs to. All else is left to
/// [`crate::engine::parallel`]. Each source has a buffer of the size that is asked for.
///
/// # Errors
/// Those of [`open_filtered`]; the kernel cannot share out frames.
pub fn open_shared(specs: &[LiveSpec], spread: Spread, filter: &mut Filter) -> Result<Vec<Live>, SourceError> {
    Live::open_shared(specs, spread, filter)
}

/// The backend for one interface.
fn backend_for(spec: &LiveSpec, place: Place, asked: Option<LiveBackend>) -> LiveBackend {
    match asked {
        Some(backend) => backend,
        None if cfg!(feature = "libpcap") && spec.link.is_some_and(|link| !socket::link_types(place).contains(&link)) => {
            LiveBackend::Libpcap
        }
        None => default_backend(),
    }
}

/// The link types that can be asked of an interface, the default first. Without a backend, all that any has: each of
/// them can be had without asking for a backend.
///
/// # Errors
/// As [`open`].
pub fn link_types(interface: &str, backend: Option<LiveBackend>) -> Result<Vec<LinkType>, SourceError> {
    // Nothing is captured: the smallest buffer will do.
    let spec = LiveSpec { snaplen: 64, buffer_bytes: 64 << 10, ..LiveSpec::new(interface) };
    let place = Place::find(&spec)?;
    let ours = socket::link_types(place);
    #[cfg(feature = "libpcap")]
    let theirs = || libpcap::link_types(&spec, place);
    #[cfg(not(feature = "libpcap"))]
    let theirs = || Err(not_built_in(&spec));
    match backend {
        Some(LiveBackend::Libpcap) => theirs(),
        None if cfg!(feature = "libpcap") => {
            let others = theirs()?.into_iter().filter(|link| !ours.contains(link)).collect::<Vec<_>>();
            Ok(ours.into_iter().chain(others).collect())
        }
        Some(LiveBackend::Ring | LiveBackend::Pnet) | None => Ok(ours),
    }
}

/// Version of the libpcap that is built in, in its own words: `libpcap version 1.10.3 (…)`.
#[must_use]
pub fn libpcap_version() -> Option<String> {
    #[cfg(feature = "libpcap")]
    let version = Some(sys::libpcap_version());
    #[cfg(not(feature = "libpcap"))]
    let version = None;
    version
}

/// The time stamps that can be asked of an interface, the default first.
///
/// # Errors
/// As [`open`]; the driver does not answer.
pub fn time_stamps(interface: &str) -> Result<Vec<TimeStamps>, SourceError> {
    let spec = LiveSpec::new(interface);
    stamps::list(&spec, Place::look(&spec)?)
}

/// May this thread capture? Asked by trying.
#[must_use]
pub fn is_permitted() -> bool {
    sys::packet_socket().is_ok()
}

/// The link type of a capture on an interface when none is asked for; `None` if there is no such interface.
#[must_use]
pub fn default_link(interface: &str) -> Option<LinkType> {
    let device = sys::device(interface).ok()??;
    socket::link_types(Place::One(device)).first().copied()
}

/// One interface or all of them.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    One(sys::Device),
    /// All of them; with the index of the loopback interface.
    Any(Option<u32>),
}

impl Place {
    /// Looks for the interface.
    fn look(spec: &LiveSpec) -> Result<Self, SourceError> {
        let name = &spec.interface;
        let look = |name: &str| sys::device(name).map_err(|error| cannot("cannot look up", spec, error));
        if name == ANY {
            Ok(Self::Any(look("lo")?.filter(|lo| lo.is_loopback()).map(|lo| lo.index)))
        } else {
            Ok(Self::One(look(name)?.ok_or_else(|| SourceError::NoSuchInterface { interface: name.clone() })?))
        }
    }

    /// Looks for the interface, and for the right to capture on it.
    fn find(spec: &LiveSpec) -> Result<Self, SourceError> {
        let name = &spec.interface;
        let place = Self::look(spec)?;
        match sys::packet_socket() {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                return Err(SourceError::NotPermitted { interface: name.clone() });
            }
            Err(error) => return Err(cannot("cannot capture on", spec, error)),
        }
        match place {
            Self::One(device) if !device.is_up() => Err(SourceError::InterfaceDown { interface: name.clone() }),
            _ => Ok(place),
        }
    }

    pub(super) const fn device(self) -> Option<sys::Device> {
        match self {
            Self::One(device) => Some(device),
            Self::Any(_) => None,
        }
    }

    /// Index of the loopback interface that is seen here.
    fn loopback(self) -> Option<u32> {
        match self {
            Self::One(device) => device.is_loopback().then_some(device.index),
            Self::Any(loopback) => loopback,
        }
    }
}

pub(super) fn cannot(operation: &'static str, spec: &LiveSpec, error: io::Error) -> SourceError {
    SourceError::Io { operation, name: spec.interface.clone(), error }
}

pub(super) fn unsupported(spec: &LiveSpec, what: String) -> SourceError {
    SourceError::Unsupported { interface: spec.interface.clone(), what }
}

#[cfg(not(feature = "libpcap"))]
fn not_built_in(spec: &LiveSpec) -> SourceError {
    unsupported(spec, "libpcap is not built in (cargo feature \"libpcap\")".to_owned())
}
