//! What our own packet sockets have in common, the ring's and the plain one: link types, the filter, promiscuous mode, the bind.

use super::program::{self, Composed, Gate};
use super::sys;
use super::{LiveSpec, Place, cannot, unsupported};
use crate::capture::SourceError;
use crate::filter::Program;
use crate::filter::insn::Insn;
use crate::model::LinkType;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Bytes kept beyond the snap length, for link headers that an SLL2 header replaces.
pub(in crate::capture) const SPARE: usize = 128;

/// `ARPHRD_RAWIP` of `linux/if_arp.h`.
const ARPHRD_RAWIP: u16 = 519;

/// The link type that a packet socket gives for an `ARPHRD_*` type; `None` = take it cooked.
const fn native_link(hardware: u16) -> Option<LinkType> {
    match hardware {
        libc::ARPHRD_ETHER | libc::ARPHRD_LOOPBACK => Some(LinkType::ETHERNET),
        libc::ARPHRD_NONE | ARPHRD_RAWIP => Some(LinkType::RAW),
        libc::ARPHRD_IEEE80211 => Some(LinkType::IEEE802_11),
        libc::ARPHRD_IEEE80211_RADIOTAP => Some(LinkType::IEEE802_11_RADIOTAP),
        _ => None,
    }
}

/// The link types an interface can give here, the default first.
pub(super) fn link_types(place: Place) -> Vec<LinkType> {
    match place.device().and_then(|device| native_link(device.hardware)) {
        Some(native) => vec![native, LinkType::LINUX_SLL2],
        None => vec![LinkType::LINUX_SLL2],
    }
}

/// The link type asked for, or the default.
pub(in crate::capture) fn choose_link(spec: &LiveSpec, place: Place) -> Result<LinkType, SourceError> {
    let offered = link_types(place);
    match spec.link {
        None => Ok(offered[0]),
        Some(link) if offered.contains(&link) => Ok(link),
        Some(link) => Err(unsupported(spec, format!("no {link} from this interface without libpcap"))),
    }
}

/// What stands in the way of frames besides the filter.
pub(in crate::capture) fn gate(spec: &LiveSpec, place: Place, link: LinkType) -> Gate {
    let spare = if link == LinkType::LINUX_SLL2 { SPARE as u32 } else { 0 };
    Gate {
        direction: spec.direction,
        loopback: place.loopback(),
        many: place.device().is_none(),
        no_sent_loopback: false,
        keep: spec.cut().map(|len| len + spare),
    }
}

/// How a filter was put in place.
#[derive(Debug, Default)]
pub(in crate::capture) struct Attached {
    /// The kernel refused it.
    pub(in crate::capture) warning: Option<String>,
    /// It refuses the twins of loopback frames, so that nobody counts them.
    pub(in crate::capture) refuses_twins: bool,
}

/// Puts the program on a socket. A filter that the kernel refuses is left out, with a warning: it is a
/// superset of what user space decides anyway.
pub(super) fn attach(fd: BorrowedFd<'_>, gate: Gate, filter: Option<&Program>, spec: &LiveSpec) -> io::Result<Attached> {
    let Composed { program, refuses_twins } = program::compose(gate, filter);
    let Some(error) = attach_some(fd, &program).err() else { return Ok(Attached { warning: None, refuses_twins }) };
    if filter.is_none() {
        return Err(error);
    }
    let Composed { program, refuses_twins } = program::compose(gate, None);
    attach_some(fd, &program)?;
    let warning = Some(format!("{}: the kernel did not take the filter ({error}); sockeye filters alone", spec.interface));
    Ok(Attached { warning, refuses_twins })
}

fn attach_some(fd: BorrowedFd<'_>, program: &[Insn]) -> io::Result<()> {
    if program.is_empty() { Ok(()) } else { sys::attach_filter(fd, program) }
}

/// A packet socket of our own. It receives nothing until [`Socket::start`].
pub(in crate::capture) struct Socket(OwnedFd);

impl Socket {
    pub(in crate::capture) fn new() -> io::Result<Self> {
        sys::packet_socket().map(Self)
    }

    pub(in crate::capture) fn fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// Puts the filter in place.
    pub(in crate::capture) fn attach(&mut self, gate: Gate, filter: Option<&Program>, spec: &LiveSpec) -> io::Result<Attached> {
        attach(self.fd(), gate, filter, spec)
    }

    /// Lets nothing in until [`Socket::open_gate`].
    pub(in crate::capture) fn close_gate(&self) -> io::Result<()> {
        sys::refuse_all(self.fd())
    }

    /// Puts the filter in place of the one that let nothing in.
    pub(in crate::capture) fn open_gate(&self, gate: Gate, filter: Option<&Program>, spec: &LiveSpec) -> io::Result<Attached> {
        if program::compose(gate, filter).program.is_empty() {
            sys::attach_filter(self.fd(), program::ACCEPT)?;
            return Ok(Attached::default());
        }
        attach(self.fd(), gate, filter, spec)
    }

    /// From now on nobody can put another filter in place of this one, nor another program that shares out frames, not even whoever
    /// took over the process.
    ///
    /// The price: the capture cannot be ended by a filter that lets nothing in. Our own sockets need none, for they see every twin
    /// that comes in and so know from the counters when all that had come by a moment was taken (`Tap::close`); in the sandbox,
    /// where no filter can be attached, they end so anyway. libpcap hides twins, so its sockets are not locked.
    pub(in crate::capture) fn lock(&self) {
        // Linux 3.9. A system that has no such lock has the sandbox at most.
        let _ = sys::lock_filter(self.fd());
    }

    /// Promiscuous mode, if it is asked for; then frames come in. Returns a warning where it is not to be had.
    pub(in crate::capture) fn start(&self, spec: &LiveSpec, place: Place) -> Result<Option<String>, SourceError> {
        let fail = |error| cannot("cannot capture on", spec, error);
        let mut warning = None;
        match place.device() {
            Some(device) if spec.promiscuous => sys::join_promiscuous(self.fd(), device.index).map_err(fail)?,
            None if spec.promiscuous => warning = Some("any: promiscuous mode is not to be had on all interfaces".to_owned()),
            _ => {}
        }
        sys::bind(self.fd(), place.device().map_or(0, |device| device.index)).map_err(|error| match error.raw_os_error() {
            Some(libc::ENETDOWN) => SourceError::InterfaceDown { interface: spec.interface.clone() },
            Some(libc::ENODEV) => SourceError::NoSuchInterface { interface: spec.interface.clone() },
            _ => fail(error),
        })?;
        Ok(warning)
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
