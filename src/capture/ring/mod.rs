//! Capture by our own ring: `AF_PACKET` with `TPACKET_V3`, the default on Linux.
//!
//! The kernel writes frames into blocks of shared memory and hands over a block when it is full, or after a while (10 or 40 ms). Frames are lent
//! out of the block without a copy, and the block goes back when its last frame is done. `block` walks over a
//! block's bytes, `sys` has the shared memory; what a plain packet socket has in common with the ring is in `capture::live`.

pub mod block;
pub mod fanout;
mod sys;

use super::SourceError;
use super::live::batch::Slot;
use super::live::finish::{Finish, ROOM};
use super::live::program::Gate;
use super::live::socket::{self, Attached, Socket};
use super::live::tap::{Backend, Filled, Opened};
use super::live::{LiveSpec, Place, cannot, stamps};
use crate::filter::{Filter, Program};
use crate::model::{LinkType, Timestamp};
use block::{Broken, Step, Walk};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use sys::{Layout, Map};

/// Bytes of a block, at most: what the longest frames need. A block is given away after a while however little is in it, so it is
/// their number that says how long a reader may be away.
const LARGEST_BLOCK: usize = 1 << 17;
/// A ring has this many blocks where that is possible.
const BLOCKS: usize = 512;
/// What a block must hold besides a frame's bytes.
const BESIDE: usize = 512;
/// The longest frames that a block must have room for, whatever the snap length: those that Linux cuts or joins itself.
const LONGEST: usize = 1 << 16;
/// Blocks that are not full are handed over after this time at the earliest, and twice that at the latest.
/// Twice that is less than the wait for a frame, so that silence is silence.
pub(super) const RETIRE_MS: u32 = 40;
/// The same where somebody watches.
pub(super) const RETIRE_SOON_MS: u32 = 10;

/// A ring on one interface, or on all of them.
pub(super) struct Ring {
    /// Unmapped before the socket is closed.
    map: Map,
    socket: Socket,
    finish: Finish,
    /// Where we are in the block at hand, if there is one.
    walk: Option<Walk>,
    next: Option<Slot>,
    twins: u64,
    broken: Option<Broken>,
}

/// How a ring of about `bytes` is cut into blocks.
fn layout(bytes: usize, snaplen: usize, page: usize) -> Layout {
    let least = (snaplen.min(LONGEST) + BESIDE).next_power_of_two().max(page);
    let wanted = bytes / BLOCKS;
    let power = if wanted == 0 { 1 } else { 1 << wanted.ilog2() };
    let block = power.clamp(least, LARGEST_BLOCK.max(page));
    Layout { block: block as u32, blocks: (bytes / block).clamp(2, 1 << 20) as u32 }
}

/// Opens a ring; no frame gets in before the filter stands. In this order: socket without a protocol, ring, filter, map, promiscuous
/// mode, bind. (A fan-out group is joined last, for only a bound socket may: `fanout`.)
pub(super) fn open(spec: &LiveSpec, place: Place, filter: &mut Filter) -> Result<Opened, SourceError> {
    let made = make(spec, place, filter, true)?;
    made.ring.socket.lock();
    Ok(made.opened())
}

/// A ring, and what its filter is made of.
struct Made {
    ring: Ring,
    link: LinkType,
    gate: Gate,
    program: Option<Program>,
    warnings: Vec<String>,
    refuses_twins: bool,
}

impl Made {
    fn opened(self) -> Opened {
        let Self { ring, link, warnings, refuses_twins, .. } = self;
        Opened { backend: Box::new(ring), link, warnings, refuses_twins }
    }

    fn attached(&mut self, attached: Attached) {
        self.warnings.extend(attached.warning);
        self.refuses_twins = attached.refuses_twins;
    }
}

/// Makes a ring and starts it; with its filter, or with one that lets nothing in.
fn make(spec: &LiveSpec, place: Place, filter: &mut Filter, filtered: bool) -> Result<Made, SourceError> {
    let fail = |error| cannot("cannot capture on", spec, error);
    let link = socket::choose_link(spec, place)?;
    filter.prepare(link).map_err(|error| SourceError::Filter(Box::new(error)))?;
    // Not every system that calls itself Linux has rings.
    let no_ring = |error| cannot("cannot make a capture ring (--backend pnet needs none) on", spec, error);
    let mut socket = Socket::new().map_err(fail)?;
    let mut warnings = Vec::new();
    sys::prepare(socket.fd(), ROOM as u32).map_err(no_ring)?;
    stamps::ask(socket.fd(), spec)?;
    let layout = make_ring(&socket, spec, &mut warnings).map_err(no_ring)?;
    let gate = socket::gate(spec, place, link);
    let program = filter.kernel_program_on_raw_socket(link);
    let mut attached = Attached::default();
    if filtered {
        attached = socket.attach(gate, program.as_ref(), spec).map_err(fail)?;
    } else {
        socket.close_gate().map_err(fail)?;
    }
    let map = Map::new(socket.fd(), layout).map_err(no_ring)?;
    warnings.extend(socket.start(spec, place)?);
    let finish = Finish { link, snaplen: spec.snaplen() as usize, twins_of: gate.twins() };
    let ring = Ring { map, socket, finish, walk: None, next: None, twins: 0, broken: None };
    let mut made = Made { ring, link, gate, program, warnings, refuses_twins: false };
    made.attached(attached);
    Ok(made)
}

/// Gives the socket a ring of the size that was asked for, or of the largest that the kernel has memory for.
fn make_ring(socket: &Socket, spec: &LiveSpec, warnings: &mut Vec<String>) -> io::Result<Layout> {
    let retire = if spec.immediate { RETIRE_SOON_MS } else { RETIRE_MS };
    let mut bytes = spec.buffer_bytes;
    loop {
        let layout = layout(bytes, spec.snaplen() as usize, sys::page());
        match sys::make_ring(socket.fd(), layout, retire) {
            Ok(()) => {
                if bytes < spec.buffer_bytes {
                    let (given, asked) = (layout.bytes() >> 10, spec.buffer_bytes >> 10);
                    warnings.push(format!("{}: capture buffer of {given} KiB: no memory for {asked} KiB", spec.interface));
                }
                return Ok(layout);
            }
            Err(error) if error.raw_os_error() == Some(libc::ENOMEM) && layout.blocks > 2 => bytes /= 2,
            Err(error) => return Err(error),
        }
    }
}

impl Ring {
    /// The next frame of the block at hand. The block goes back when there is none.
    #[inline]
    fn step(&mut self) -> Option<Slot> {
        while let Some(walk) = &mut self.walk {
            match walk.step(self.map.bytes_mut(), &self.finish) {
                Ok(Step::Frame(slot)) => return Some(slot),
                Ok(Step::Twin) => self.twins += 1,
                Ok(Step::End) => self.leave(),
                Err(broken) => {
                    self.broken = Some(broken);
                    self.leave();
                }
            }
        }
        None
    }

    fn leave(&mut self) {
        self.walk = None;
        self.map.give_back();
    }
}

impl Backend for Ring {
    fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    fn fill(&mut self) -> io::Result<Filled> {
        if let Some(broken) = self.broken.take() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, broken));
        }
        let Some(taken) = self.map.take() else { return Ok(Filled { more: false, count: false }) };
        match Walk::start(self.map.bytes()) {
            Ok(walk) => self.walk = Some(walk),
            Err(broken) => self.broken = Some(broken),
        }
        if self.walk.is_none() {
            self.leave();
        }
        self.next = self.step();
        Ok(Filled { more: true, count: taken.losing })
    }

    fn head(&mut self) -> Option<Timestamp> {
        if self.next.is_none() {
            self.next = self.step();
        }
        self.next.map(|slot| slot.ts)
    }

    #[inline]
    fn take(&mut self) -> Option<Slot> {
        self.next.take().or_else(|| self.step())
    }

    #[inline]
    fn bytes(&self, slot: &Slot) -> &[u8] {
        self.map.bytes().get(slot.start..slot.start + slot.len).unwrap_or_default()
    }

    fn twins(&self) -> Option<u64> {
        Some(self.twins)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_has_blocks_enough_and_room_for_a_frame() {
        let of = |bytes, snaplen| {
            let layout = layout(bytes, snaplen, 4096);
            (layout.block, layout.blocks)
        };
        assert_eq!(of(64 << 20, 262_144), (128 << 10, 512));
        assert_eq!(of(2 << 30, 262_144), (128 << 10, 16_384));
        assert_eq!(of(8 << 20, 262_144), (128 << 10, 64));
        assert_eq!(of(8 << 20, 256), (16 << 10, 512));
        assert_eq!(of(64 << 10, 256), (4096, 16));
        assert_eq!(of(64 << 10, 1500), (4096, 16));
        assert_eq!(of(1 << 10, 262_144), (128 << 10, 2), "two of the largest frames, whatever was asked for");
        assert_eq!(layout(64 << 20, 262_144, 64 << 10), Layout { block: 128 << 10, blocks: 512 });
    }
}
