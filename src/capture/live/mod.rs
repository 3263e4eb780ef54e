//! Live capture on Linux: one or several interfaces, by libpcap or by our own packet socket.
//!
//! [`open`] gives a [`Live`], which is a [`PacketSource`](super::PacketSource). `source` holds what both ways share (the poll, the merge,
//! interfaces that go down), `libpcap` and `raw` fill batches, `program` makes the filter for the kernel, `sys` has
//! the system calls.
//!
//! Both ways give the same bytes of an interface: a VLAN tag that the kernel took out stands in its place again, and
//! of the two copies of a frame that a loopback interface shows one is left out. What differs: libpcap is cheaper per
//! frame and hides which way an Ethernet frame went; our socket knows the way, and keeps tags in SLL2 too.

mod batch;
#[cfg(feature = "libpcap")]
mod libpcap;
mod program;
mod raw;
mod source;
mod sys;

pub use source::Live;

use super::SourceError;
use crate::filter::Filter;
use crate::model::{LinkType, LiveBackend};
use std::io;

/// The word that means all interfaces.
pub const ANY: &str = "any";
/// Most bytes kept of a frame when nothing is asked, as in tcpdump.
pub const DEFAULT_SNAPLEN: u32 = 262_144;
/// Bytes of the kernel's buffer when nothing is asked.
pub const DEFAULT_BUFFER: usize = 32 << 20;
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
    /// Bytes of the kernel's buffer. libpcap's ring takes them at once, a packet socket as frames wait.
    pub buffer_bytes: usize,
    /// Only one way; `None` = both.
    pub direction: Option<Direction>,
    /// Link type, where the interface offers several; `None` = its default.
    pub link: Option<LinkType>,
    /// Each frame at once, at a higher price. Else frames come up to 10 ms late by libpcap, 2 ms by our socket.
    pub immediate: bool,
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
            filter_text: None,
        }
    }

    /// The snap length in force.
    fn snaplen(&self) -> u32 {
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

/// The backend for an interface when none is asked for: libpcap where it is built in, but our own socket for [`ANY`].
/// For the SLL2 headers of libpcap (1.10.3) have no place for the VLAN tag that the kernel took out, and name the wrong protocol
/// for frames with two tags.
#[must_use]
pub fn default_backend(interface: &str) -> LiveBackend {
    if cfg!(feature = "libpcap") && interface != ANY { LiveBackend::Libpcap } else { LiveBackend::Pnet }
}

/// Opens interfaces for capture, by the backend that is asked for or by each one's [`default_backend`].
///
/// # Errors
/// In this order for each interface: there is none of that name, no right to capture, it is down, the backend
/// cannot do what is asked, the system refuses.
pub fn open(specs: &[LiveSpec], backend: Option<LiveBackend>) -> Result<Live, SourceError> {
    Live::open(specs, backend, &mut Filter::everything())
}

/// Opens interfaces as [`open`] does, for what `filter` lets through: the kernel gets its
/// [program](Filter::kernel_program) for the link type that each interface has. The kernel may let more through, so the filter has to
/// be asked of every frame. Where it [asks which way](Filter::asks_direction) frames went and no backend is asked for, it
/// is our own socket, for libpcap does not say.
///
/// # Errors
/// Those of [`open`]; the filter can match nothing of an interface's link type; it asks which way frames went and libpcap
/// was asked for.
pub fn open_filtered(specs: &[LiveSpec], backend: Option<LiveBackend>, filter: &mut Filter) -> Result<Live, SourceError> {
    Live::open(specs, backend, filter)
}

/// The backend for one interface.
fn backend_for(spec: &LiveSpec, asked: Option<LiveBackend>, filter: &Filter) -> LiveBackend {
    let link = || spec.link.or_else(|| default_link(&spec.interface));
    match asked {
        Some(backend) => backend,
        None if spec.direction.is_none() && link().is_some_and(|link| filter.asks_direction(link)) => LiveBackend::Pnet,
        // The older cooked header is libpcap's only.
        None if cfg!(feature = "libpcap") && spec.link == Some(LinkType::LINUX_SLL) => LiveBackend::Libpcap,
        None => default_backend(&spec.interface),
    }
}

/// The link types that can be asked of an interface, the default first.
///
/// # Errors
/// As [`open`].
pub fn link_types(interface: &str, backend: Option<LiveBackend>) -> Result<Vec<LinkType>, SourceError> {
    // Nothing is captured: the smallest buffer will do.
    let spec = LiveSpec { snaplen: 64, buffer_bytes: 64 << 10, ..LiveSpec::new(interface) };
    let place = Place::find(&spec)?;
    // libpcap's where it is built in, and each of them can be had without asking for a backend.
    let usual = if cfg!(feature = "libpcap") { LiveBackend::Libpcap } else { LiveBackend::Pnet };
    match backend.unwrap_or(usual) {
        LiveBackend::Ring | LiveBackend::Pnet => Ok(raw::link_types(place)),
        #[cfg(feature = "libpcap")]
        LiveBackend::Libpcap => libpcap::link_types(&spec, place),
        #[cfg(not(feature = "libpcap"))]
        LiveBackend::Libpcap => Err(not_built_in(&spec)),
    }
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
    raw::link_types(Place::One(device)).first().copied()
}

/// One interface or all of them.
#[derive(Clone, Copy, Debug)]
enum Place {
    One(sys::Device),
    /// All of them; with the index of the loopback interface.
    Any(Option<u32>),
}

impl Place {
    /// Looks for the interface, and for the right to capture on it.
    fn find(spec: &LiveSpec) -> Result<Self, SourceError> {
        let name = &spec.interface;
        let look = |name: &str| sys::device(name).map_err(|error| cannot("cannot look up", spec, error));
        let place = if name == ANY {
            Self::Any(look("lo")?.filter(|lo| lo.is_loopback()).map(|lo| lo.index))
        } else {
            Self::One(look(name)?.ok_or_else(|| SourceError::NoSuchInterface { interface: name.clone() })?)
        };
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

    const fn device(self) -> Option<sys::Device> {
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

/// Counters of one interface since it was opened.
#[derive(Clone, Copy, Debug, Default)]
struct Counters {
    /// Frames that came by the kernel's filter, dropped ones included.
    received: u64,
    dropped_kernel: u64,
    dropped_interface: Option<u64>,
}

/// What a backend's `open` gives.
struct Opened<T> {
    tap: T,
    link: LinkType,
    warnings: Vec<String>,
}

fn cannot(operation: &'static str, spec: &LiveSpec, error: io::Error) -> SourceError {
    SourceError::Io { operation, name: spec.interface.clone(), error }
}

fn unsupported(spec: &LiveSpec, what: String) -> SourceError {
    SourceError::Unsupported { interface: spec.interface.clone(), what }
}

#[cfg(not(feature = "libpcap"))]
fn not_built_in(spec: &LiveSpec) -> SourceError {
    unsupported(spec, "libpcap is not built in (cargo feature \"libpcap\")".to_owned())
}
