//! Capture by libpcap.
//!
//! Frames are taken with `pcap_dispatch` and copied into our batch, a copy of bytes that are read anyway. The way
//! without a copy, `pcap_next_ex`, is not sound to borrow from: with the block ring of Linux (`TPACKET_V3`) libpcap
//! gives a block back to the kernel before it returns the block's last frame, and under full load the kernel writes
//! over the bytes that we would still be reading.
//!
//! libpcap's read time-out does not run while no frame has come, so the descriptor is polled by the caller of
//! this module, and libpcap never waits.

use super::batch::{Batch, Slot};
use super::program::Gate;
use super::tap::{Backend, Filled, Opened};
use super::{Direction, LiveSpec, Place, TimeStamps, cannot, socket, sys, unsupported};
use crate::capture::{SourceError, ring};
use crate::filter::Filter;
use crate::model::{FrameDirection, FrameMarks, LinkType, Timestamp};
use pcap::{Active, Capture, Linktype, Precision, TimestampType};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

/// Most frames of one dispatch: bounds the batch to 64 frames of the snap length.
const BURST: usize = 64;

/// A libpcap handle.
struct Libpcap {
    capture: Capture<Active>,
    batch: Batch,
    link: LinkType,
    /// Known where only one way is captured, or from a cooked header; libpcap hides the packet type of other frames.
    direction: Option<FrameDirection>,
    /// Its socket sees twins of loopback frames, which libpcap leaves out itself.
    sees_twins: bool,
}

fn failed(spec: &LiveSpec, error: &pcap::Error) -> SourceError {
    cannot("cannot capture on", spec, io::Error::other(error.to_string()))
}

fn activate(spec: &LiveSpec, place: Place) -> Result<Capture<Active>, SourceError> {
    let buffer =
        i32::try_from(spec.buffer_bytes).map_err(|_| unsupported(spec, "libpcap takes a buffer of at most 2 GiB".to_owned()))?;
    Capture::from_device(spec.interface.as_str())
        .and_then(|capture| {
            let capture = match spec.time_stamps {
                Some(TimeStamps::Adapter) => capture.tstamp_type(TimestampType::Adapter),
                Some(TimeStamps::AdapterUnsynced) => capture.tstamp_type(TimestampType::AdapterUnsynced),
                // The kernel's, which are the same whatever they are called.
                _ => capture,
            };
            capture
                .snaplen(spec.snaplen() as i32)
                .promisc(spec.promiscuous && place.device().is_some())
                .buffer_size(buffer)
                // How long the kernel may hold a ring block that is not full: libpcap's are twice as large as ours. Its immediate
                // mode would be a ring with a place of the largest size for each frame.
                .timeout(if spec.immediate { 2 * ring::RETIRE_SOON_MS } else { ring::RETIRE_MS } as i32)
                .precision(Precision::Nano)
                .open()
        })
        .and_then(Capture::setnonblock)
        .map_err(|error| failed(spec, &error))
}

/// The way of a frame by the packet type in a cooked header.
fn of_packet_type(packet_type: u8) -> FrameDirection {
    if packet_type == libc::PACKET_OUTGOING { FrameDirection::Outbound } else { FrameDirection::Inbound }
}

/// The link types an interface can give, the default first.
pub(super) fn link_types(spec: &LiveSpec, place: Place) -> Result<Vec<LinkType>, SourceError> {
    let capture = activate(spec, place)?;
    let default = preferred(&capture, spec)?;
    let mut all = offered(&capture, spec)?;
    all.retain(|link| *link != default);
    all.insert(0, default);
    Ok(all)
}

fn offered(capture: &Capture<Active>, spec: &LiveSpec) -> Result<Vec<LinkType>, SourceError> {
    let list = capture.list_datalinks().map_err(|error| failed(spec, &error))?;
    Ok(list.into_iter().filter_map(|dlt| LinkType::from_dlt(dlt.0)).collect())
}

/// The link type that the handle has.
fn current(capture: &Capture<Active>, spec: &LiveSpec) -> Result<LinkType, SourceError> {
    let dlt = capture.get_datalink().0;
    LinkType::from_dlt(dlt).ok_or_else(|| unsupported(spec, format!("no capture file can hold its link type ({dlt})")))
}

/// SLL2 rather than SLL where libpcap would take the older: only SLL2 names the interface.
fn preferred(capture: &Capture<Active>, spec: &LiveSpec) -> Result<LinkType, SourceError> {
    let default = current(capture, spec)?;
    let newer = default == LinkType::LINUX_SLL && offered(capture, spec)?.contains(&LinkType::LINUX_SLL2);
    Ok(if newer { LinkType::LINUX_SLL2 } else { default })
}

/// Opens and starts a capture.
pub(super) fn open(spec: &LiveSpec, place: Place, filter: &mut Filter) -> Result<Opened, SourceError> {
    if spec.direction == Some(Direction::Out) && place.device().is_some_and(sys::Device::is_loopback) {
        let what = "libpcap shows each loopback frame once, as incoming: no outgoing ones to capture".to_owned();
        return Err(unsupported(spec, what));
    }
    let mut capture = activate(spec, place)?;
    let link = match spec.link {
        None => preferred(&capture, spec)?,
        Some(link) if offered(&capture, spec)?.contains(&link) => link,
        Some(link) => return Err(unsupported(spec, format!("no {link} from this interface"))),
    };
    if current(&capture, spec)? != link {
        capture.set_datalink(Linktype(link.to_dlt())).map_err(|error| failed(spec, &error))?;
    }
    filter.prepare(link).map_err(|error| SourceError::Filter(Box::new(error)))?;
    if spec.direction.is_none() && filter.asks_direction(link) {
        let what = "libpcap does not say which way a packet went, so inbound and outbound would match nothing: use -Q in or \
                    -Q out, or leave out --backend libpcap";
        return Err(unsupported(spec, what.to_owned()));
    }
    // libpcap's socket would go on in every program that is started from here.
    sys::close_on_exec(capture.as_fd()).map_err(|error| cannot("cannot capture on", spec, error))?;
    let direction = match spec.direction {
        None => pcap::Direction::InOut,
        Some(Direction::In) => pcap::Direction::In,
        Some(Direction::Out) => pcap::Direction::Out,
    };
    capture.direction(direction).map_err(|error| failed(spec, &error))?;
    // The cooked headers are made behind the socket, so nothing is to be kept for them.
    let gate = Gate { no_sent_loopback: true, ..socket::gate(spec, place, LinkType::ETHERNET) };
    // libpcap has no filter of its own set, so it filters nothing in user space, and the kernel's program is ours
    // alone. The few frames between its bind and our program come through: user space decides again anyway.
    let attached = socket::attach(capture.as_fd(), gate, filter.kernel_program(link).as_ref(), spec)
        .map_err(|error| cannot("cannot capture on", spec, error))?;
    let mut warnings = Vec::from_iter(attached.warning);
    if spec.direction == Some(Direction::Out) && gate.loopback.is_some() {
        warnings.push("any: libpcap shows loopback packets as incoming only, so none here; --backend ring does".to_owned());
    }
    if place.device().is_none() {
        warnings.push("any: libpcap shows no VLAN tags here; --backend ring does".to_owned());
    }
    if spec.promiscuous && place.device().is_none() {
        warnings.push("any: promiscuous mode is not to be had on all interfaces".to_owned());
    }
    let direction = spec.direction.map(|way| match way {
        Direction::In => FrameDirection::Inbound,
        Direction::Out => FrameDirection::Outbound,
    });
    let backend = Libpcap {
        capture,
        batch: Batch::default(),
        link,
        direction,
        sees_twins: gate.twins().is_some() && !attached.refuses_twins,
    };
    Ok(Opened { backend: Box::new(backend), link, warnings, refuses_twins: attached.refuses_twins })
}

impl Backend for Libpcap {
    fn fd(&self) -> BorrowedFd<'_> {
        self.capture.as_fd()
    }

    fn fill(&mut self) -> io::Result<Filled> {
        self.batch.clear();
        self.batch.bytes.clear();
        let (bytes, slots) = (&mut self.batch.bytes, &mut self.batch.slots);
        let way = |data: &[u8]| match self.link {
            LinkType::LINUX_SLL => data.get(1).copied().map(of_packet_type),
            LinkType::LINUX_SLL2 => data.get(10).copied().map(of_packet_type),
            _ => self.direction,
        };
        let done = self.capture.dispatch(Some(BURST), |packet| {
            let header = packet.header;
            slots.push(Slot {
                // Nanoseconds, for that is the precision asked for; Linux's libpcap always has it.
                ts: sys::moment(header.ts.tv_sec, header.ts.tv_usec),
                wire_len: header.len,
                start: bytes.len(),
                len: packet.data.len(),
                direction: way(packet.data),
                marks: FrameMarks::NONE,
            });
            bytes.extend_from_slice(packet.data);
        });
        match done {
            Ok(count) => Ok(Filled { more: count == BURST, count: false }),
            // Frames before the error are good; the error comes again.
            Err(_) if !slots.is_empty() => Ok(Filled { more: true, count: false }),
            Err(error) => Err(io::Error::other(error.to_string())),
        }
    }

    fn head(&mut self) -> Option<Timestamp> {
        self.batch.head()
    }

    fn take(&mut self) -> Option<Slot> {
        self.batch.take()
    }

    fn bytes(&self, slot: &Slot) -> &[u8] {
        self.batch.bytes(slot)
    }

    fn twins(&self) -> Option<u64> {
        (!self.sees_twins).then_some(0)
    }
}
