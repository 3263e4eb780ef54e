//! Capture by our own `AF_PACKET` socket, without libpcap and without a ring: `--backend pnet`.
//!
//! pnet gives the list of interfaces (`capture::interfaces`). Its own receiver is not used, for it reads with a plain
//! `recvfrom`: the VLAN tag the kernel took out, the kernel's time, the way of a frame and the drop counters would all
//! be lost. Here they are asked for (`PACKET_AUXDATA`, `SO_TIMESTAMPNS`, `PACKET_STATISTICS`), and frames come in bursts.
//!
//! Cooked headers are made here (`finish`). The kernel's own way, a `SOCK_DGRAM` socket, is not taken: it skips tags in
//! the bytes when it names the protocol, but leaves them in the bytes of received frames, so that a frame with two tags
//! cannot be read any more.

use super::batch::{Batch, Slot};
use super::finish::{Finish, ROOM};
use super::socket::{self, SPARE, Socket};
use super::sys::{self, BURST, Receiver};
use super::tap::{Backend, Filled, Opened};
use super::{DEFAULT_BUFFER, LiveSpec, Place, cannot, unsupported};
use crate::capture::SourceError;
use crate::filter::Filter;
use crate::model::Timestamp;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

/// A packet socket on one interface, or on all of them.
struct Raw {
    socket: Socket,
    receiver: Receiver,
    batch: Batch,
    finish: Finish,
}

/// Opens a socket; nothing is received before the filter stands.
pub(super) fn open(spec: &LiveSpec, place: Place, filter: &mut Filter) -> Result<Opened, SourceError> {
    let fail = |error| cannot("cannot capture on", spec, error);
    if let Some(stamps) = spec.time_stamps.filter(|stamps| stamps.is_hardware()) {
        return Err(unsupported(
            spec,
            format!("{} time stamps are not to be had by --backend pnet; leave it out", stamps.name()),
        ));
    }
    let link = socket::choose_link(spec, place)?;
    filter.prepare(link).map_err(|error| SourceError::Filter(Box::new(error)))?;
    let mut socket = Socket::new().map_err(fail)?;
    let mut warnings = Vec::new();
    sys::want_auxiliary_data(socket.fd()).map_err(fail)?;
    sys::want_timestamps(socket.fd()).map_err(fail)?;
    let given = sys::set_receive_buffer(socket.fd(), spec.buffer_bytes).map_err(fail)?;
    // The default may be had or not; a size that was asked for is missed aloud.
    if spec.buffer_bytes != DEFAULT_BUFFER && given + 1 < spec.buffer_bytes {
        warnings.push(format!(
            "{}: buffer of {given} bytes instead of {}: without CAP_NET_ADMIN net.core.rmem_max is the limit",
            spec.interface, spec.buffer_bytes
        ));
    }
    let gate = socket::gate(spec, place, link);
    let attached = socket.attach(gate, filter.kernel_program_on_raw_socket(link).as_ref(), spec).map_err(fail)?;
    socket.lock();
    warnings.extend(attached.warning);
    warnings.extend(socket.start(spec, place)?);
    let finish = Finish { link, snaplen: spec.snaplen() as usize, twins_of: gate.twins() };
    let raw = Raw { socket, receiver: Receiver::new(), batch: Batch::default(), finish };
    Ok(Opened { backend: Box::new(raw), link, warnings, refuses_twins: attached.refuses_twins })
}

impl Backend for Raw {
    fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    fn fill(&mut self) -> io::Result<Filled> {
        self.batch.clear();
        let slot = ROOM + SPARE + self.finish.snaplen;
        if self.batch.bytes.is_empty() {
            self.batch.bytes = vec![0; slot * BURST];
        }
        let frames = self.receiver.receive(self.socket.as_fd(), &mut self.batch.bytes, slot, ROOM)?;
        for (i, received) in frames.iter().enumerate() {
            if self.finish.is_twin(received) {
                self.batch.push_twin();
            } else if let Some(bytes) = self.batch.bytes.get_mut(i * slot..(i + 1) * slot) {
                let mut made = self.finish.finish(received, bytes);
                made.start += i * slot;
                self.batch.push(made);
            }
        }
        Ok(Filled { more: frames.len() == BURST, count: false })
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
        Some(self.batch.twins())
    }
}
