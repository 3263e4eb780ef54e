//! Capture by our own `AF_PACKET` socket, without libpcap: `--backend pnet`.
//!
//! pnet gives the list of interfaces (`capture::interfaces`). Its own receiver is not used, for it reads with a plain
//! `recvfrom`: the VLAN tag the kernel took out, the kernel's time, the way of a frame and the drop counters would all
//! be lost. Here they are asked for (`PACKET_AUXDATA`, `SO_TIMESTAMPNS`, `PACKET_STATISTICS`), and frames come in bursts.
//!
//! Where the link headers are not of one known shape (`any`, PPP, other odd devices) they are replaced by SLL2 headers
//! here. The kernel's own way, a `SOCK_DGRAM` socket, is not taken: it skips tags in the bytes when it names the
//! protocol, but leaves them in the bytes of received frames, so that a frame with two tags cannot be read any more.

use super::batch::{Batch, Slot};
use super::program::{self, Gate};
use super::sys::{self, BURST, Device, Received, Receiver};
use super::{Counters, DEFAULT_BUFFER, LiveSpec, Opened, Place, cannot, unsupported};
use crate::capture::SourceError;
use crate::filter::insn::Insn;
use crate::filter::{Filter, Program};
use crate::model::{FrameDirection, LinkType};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

/// Bytes of an SLL2 header (`LINKTYPE_LINUX_SLL2`).
const SLL2: usize = 20;
/// Bytes of a VLAN tag.
const TAG: usize = 4;
/// Free bytes in front of each received frame: for an SLL2 header and a tag.
const ROOM: usize = SLL2 + TAG;
/// Bytes of an Ethernet header.
const ETHERNET: usize = 14;
/// Protocols that announce a VLAN tag: 802.1Q, 802.1ad.
const TAGS: [[u8; 2]; 2] = [[0x81, 0x00], [0x88, 0xa8]];
/// Bytes kept beyond the snap length, for link headers that an SLL2 header replaces.
const SPARE: usize = 128;
/// Where an Ethernet header's tag belongs: after the two addresses.
const ADDRESSES: usize = 12;

/// A packet socket on one interface, or on all of them.
pub(super) struct Raw {
    socket: OwnedFd,
    receiver: Receiver,
    link: LinkType,
    snaplen: usize,
    received: u64,
    dropped: u64,
    interface_drops: Option<InterfaceDrops>,
}

/// The link type that a raw socket gives for an `ARPHRD_*` type; `None` = take it cooked.
const fn native_link(hardware: u16) -> Option<LinkType> {
    match hardware {
        libc::ARPHRD_ETHER | libc::ARPHRD_LOOPBACK => Some(LinkType::ETHERNET),
        libc::ARPHRD_NONE | ARPHRD_RAWIP => Some(LinkType::RAW),
        libc::ARPHRD_IEEE80211 => Some(LinkType::IEEE802_11),
        libc::ARPHRD_IEEE80211_RADIOTAP => Some(LinkType::IEEE802_11_RADIOTAP),
        _ => None,
    }
}

/// `ARPHRD_RAWIP` of `linux/if_arp.h`.
const ARPHRD_RAWIP: u16 = 519;

/// The link types an interface can give here, the default first.
pub(super) fn link_types(place: Place) -> Vec<LinkType> {
    match place.device().and_then(|device| native_link(device.hardware)) {
        Some(native) => vec![native, LinkType::LINUX_SLL2],
        None => vec![LinkType::LINUX_SLL2],
    }
}

/// Opens a socket; nothing is received before the filter stands.
pub(super) fn open(spec: &LiveSpec, place: Place, filter: &mut Filter) -> Result<Opened<Raw>, SourceError> {
    let offered = link_types(place);
    let link = match spec.link {
        None => offered[0],
        Some(link) if offered.contains(&link) => link,
        Some(link) => return Err(unsupported(spec, format!("no {link} from this interface without libpcap"))),
    };
    filter.prepare(link).map_err(|error| SourceError::Filter(Box::new(error)))?;
    let cooked = link == LinkType::LINUX_SLL2;
    let fail = |error| cannot("cannot capture on", spec, error);
    let socket = sys::packet_socket().map_err(fail)?;
    let fd = socket.as_fd();
    let mut warnings = Vec::new();
    sys::want_auxiliary_data(fd).map_err(fail)?;
    sys::want_timestamps(fd).map_err(fail)?;
    let given = sys::set_receive_buffer(fd, spec.buffer_bytes).map_err(fail)?;
    // The default may be had or not; a size that was asked for is missed aloud.
    if spec.buffer_bytes != DEFAULT_BUFFER && given + 1 < spec.buffer_bytes {
        warnings.push(format!(
            "{}: buffer of {given} bytes instead of {}: without CAP_NET_ADMIN net.core.rmem_max is the limit",
            spec.interface, spec.buffer_bytes
        ));
    }
    let gate = Gate {
        direction: spec.direction,
        loopback: place.loopback(),
        many: place.device().is_none(),
        keep: spec.cut().map(|len| if cooked { len + SPARE as u32 } else { len }),
    };
    warnings.extend(attach(fd, gate, filter.kernel_program(link).as_ref(), spec).map_err(fail)?);
    match place.device() {
        Some(device) if spec.promiscuous => sys::join_promiscuous(fd, device.index).map_err(fail)?,
        None if spec.promiscuous => warnings.push("any: promiscuous mode is not to be had on all interfaces".to_owned()),
        _ => {}
    }
    sys::bind(fd, place.device().map_or(0, |device| device.index)).map_err(|error| match error.raw_os_error() {
        Some(libc::ENETDOWN) => SourceError::InterfaceDown { interface: spec.interface.clone() },
        Some(libc::ENODEV) => SourceError::NoSuchInterface { interface: spec.interface.clone() },
        _ => fail(error),
    })?;
    let tap = Raw {
        receiver: Receiver::new(),
        link,
        snaplen: spec.snaplen() as usize,
        received: 0,
        dropped: 0,
        interface_drops: place.device().and_then(|device| InterfaceDrops::new(&spec.interface, device)),
        socket,
    };
    Ok(Opened { tap, link, warnings })
}

/// Puts the program on the socket. A filter that the kernel refuses is left out, with a warning: it is a
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

impl Raw {
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Takes a burst. Returns whether there may be more at once.
    pub(super) fn fill(&mut self, batch: &mut Batch) -> io::Result<bool> {
        batch.clear();
        let slot = ROOM + SPARE + self.snaplen;
        if batch.bytes.is_empty() {
            batch.bytes = vec![0; slot * BURST];
        }
        let frames = self.receiver.receive(self.socket.as_fd(), &mut batch.bytes, slot, ROOM)?;
        for (i, received) in frames.iter().enumerate() {
            if let Some(bytes) = batch.bytes.get_mut(i * slot..(i + 1) * slot) {
                let mut made = finish(self.link, received, bytes);
                made.len = made.len.min(self.snaplen);
                made.start += i * slot;
                batch.slots.push(made);
            }
        }
        Ok(batch.slots.len() == BURST)
    }

    /// Adds the kernel's counters, which start again at 0 whenever they are read.
    pub(super) fn counters(&mut self) -> Counters {
        if let Ok((packets, drops)) = sys::take_statistics(self.socket.as_fd()) {
            self.received += u64::from(packets);
            self.dropped += u64::from(drops);
        }
        Counters {
            received: self.received,
            dropped_kernel: self.dropped,
            dropped_interface: self.interface_drops.as_ref().and_then(InterfaceDrops::since_start),
        }
    }
}

/// Puts back in front of a frame what the kernel keeps beside it. `bytes` holds [`ROOM`] free bytes and the frame.
fn finish(link: LinkType, received: &Received, bytes: &mut [u8]) -> Slot {
    let outgoing = received.address.sll_pkttype == libc::PACKET_OUTGOING;
    let mut slot = Slot {
        ts: received.ts,
        wire_len: received.length,
        start: ROOM,
        len: received.stored,
        direction: Some(if outgoing { FrameDirection::Outbound } else { FrameDirection::Inbound }),
    };
    match link {
        LinkType::LINUX_SLL2 => cook(received, bytes, &mut slot),
        LinkType::ETHERNET => {
            if let Some(tag) = received.tag.filter(|_| received.stored >= ADDRESSES) {
                bytes.copy_within(ROOM..ROOM + ADDRESSES, ROOM - TAG);
                write_tag(&mut bytes[ROOM - TAG + ADDRESSES..], tag);
                slot.grow(TAG);
            }
        }
        _ => {}
    }
    slot
}

fn write_tag(to: &mut [u8], (first, second): (u16, u16)) {
    to[..2].copy_from_slice(&first.to_be_bytes());
    to[2..4].copy_from_slice(&second.to_be_bytes());
}

impl Slot {
    /// `bytes` more in front.
    fn grow(&mut self, bytes: usize) {
        self.start -= bytes;
        self.len += bytes;
        self.wire_len = self.wire_len.saturating_add(bytes as u32);
    }

    /// `bytes` less in front, as far as there are.
    fn shrink(&mut self, bytes: usize) {
        let bytes = bytes.min(self.len);
        self.start += bytes;
        self.len -= bytes;
        self.wire_len = self.wire_len.saturating_sub(bytes as u32);
    }
}

/// Replaces the link header by an SLL2 header: protocol, 0, interface index, hardware type, packet type, address
/// length, address. The tag that the kernel took out becomes the protocol, with its control information and the
/// protocol it hides as the first bytes of the payload.
fn cook(received: &Received, bytes: &mut [u8], slot: &mut Slot) {
    let address = &received.address;
    // The kernel's protocol is that behind all tags; those in the bytes say theirs themselves.
    let mut protocol = u16::from_be(address.sll_protocol);
    let header = match address.sll_hatype {
        libc::ARPHRD_ETHER | libc::ARPHRD_LOOPBACK => {
            let ethertype = [bytes[ROOM + ADDRESSES], bytes[ROOM + ADDRESSES + 1]];
            if received.stored >= ETHERNET && TAGS.contains(&ethertype) {
                protocol = u16::from_be_bytes(ethertype);
            }
            ETHERNET
        }
        _ => usize::from(received.network),
    };
    slot.shrink(header);
    if let Some((tpid, tci)) = received.tag {
        slot.grow(TAG);
        write_tag(&mut bytes[slot.start..], (tci, protocol));
        protocol = tpid;
    }
    slot.grow(SLL2);
    let header = &mut bytes[slot.start..slot.start + SLL2];
    header[0..2].copy_from_slice(&protocol.to_be_bytes());
    header[2..4].fill(0);
    header[4..8].copy_from_slice(&(address.sll_ifindex as u32).to_be_bytes());
    header[8..10].copy_from_slice(&address.sll_hatype.to_be_bytes());
    header[10] = address.sll_pkttype;
    header[11] = address.sll_halen;
    header[12..20].copy_from_slice(&address.sll_addr);
}

/// What the interface and its driver dropped: `rx_missed_errors` and `rx_fifo_errors` of sysfs, as libpcap counts it.
struct InterfaceDrops {
    files: [PathBuf; 2],
    at_start: u64,
}

impl InterfaceDrops {
    /// `None` where sysfs does not show this very interface (another network namespace's `/sys`).
    fn new(name: &str, device: Device) -> Option<Self> {
        let folder = PathBuf::from("/sys/class/net").join(name);
        if number(&folder.join("ifindex"))? != u64::from(device.index) {
            return None;
        }
        let files = ["rx_missed_errors", "rx_fifo_errors"].map(|file| folder.join("statistics").join(file));
        let mut drops = Self { files, at_start: 0 };
        drops.at_start = drops.since_start()?;
        Some(drops)
    }

    fn since_start(&self) -> Option<u64> {
        let mut sum = 0_u64;
        for file in &self.files {
            sum = sum.saturating_add(number(file)?);
        }
        Some(sum.saturating_sub(self.at_start))
    }
}

fn number(file: &std::path::Path) -> Option<u64> {
    std::fs::read_to_string(file).ok()?.trim().parse().ok()
}
