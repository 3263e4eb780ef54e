//! What our own packet sockets have in common, the ring's and the plain one: link types, the filter, promiscuous mode, the bind.

use super::program::{self, Gate};
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
        keep: spec.cut().map(|len| len + spare),
    }
}

/// Puts the program on a socket. A filter that the kernel refuses is left out, with a warning: it is a
/// superset of what user space decides anyway.
pub(super) fn attach(fd: BorrowedFd<'_>, gate: Gate, filter: Option<&Program>, spec: &LiveSpec) -> io::Result<Option<String>> {
    let program = program::compose(gate, filter);
    let Some(error) = attach_some(fd, &program).err() else { return Ok(None) };
    if filter.is_none() {
        return Err(error);
    }
    attach_some(fd, &program::compose(gate, None))?;
    Ok(Some(format!("{}: the kernel did not take the filter ({error}); sockeye filters alone", spec.interface)))
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

    /// Puts the filter in place. Returns a warning where the kernel refuses it.
    pub(in crate::capture) fn attach(
        &mut self,
        gate: Gate,
        filter: Option<&Program>,
        spec: &LiveSpec,
    ) -> io::Result<Option<String>> {
        attach(self.fd(), gate, filter, spec)
    }

    /// Lets nothing in until [`Socket::open_gate`].
    pub(in crate::capture) fn close_gate(&self) -> io::Result<()> {
        sys::refuse_all(self.fd())
    }

    /// Puts the filter in place of the one that let nothing in. Returns a warning where the kernel refuses it.
    pub(in crate::capture) fn open_gate(
        &self,
        gate: Gate,
        filter: Option<&Program>,
        spec: &LiveSpec,
    ) -> io::Result<Option<String>> {
        if program::compose(gate, filter).is_empty() {
            sys::attach_filter(self.fd(), program::ACCEPT)?;
            return Ok(None);
        }
        attach(self.fd(), gate, filter, spec)
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
