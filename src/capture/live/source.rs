//! The live source: polls every interface, hands out frames in time order, and notices when an interface goes
//! down, comes back, or vanishes.
//!
//! Each interface has some frames at hand: a block of the ring, or a batch. Those of all interfaces are merged by time (`order`), and
//! whoever runs empty and may have more is looked at before the merge goes on. Between two interfaces time may still step back
//! by as long as the kernel holds frames (about 20 ms).

use super::batch::Slot;
use super::order::Order;
use super::sys::{self, LinkState};
use super::tap::{Asked, Opened, Tap};
use super::{LiveSpec, Place, raw, stamps};
use crate::capture::{Next, PacketSource, SourceError, SourceNotice, Spread, ring};
use crate::filter::Filter;
use crate::model::{
    FileNotes, Frame, FrameMarks, InterfaceCounters, InterfaceInfo, LinkType, LiveBackend, SourceInfo, SourceKind, SourceStats,
    Span, Timestamp,
};
use std::collections::VecDeque;
use std::io;
use std::os::fd::AsRawFd;

/// The longest wait for a frame before [`Next::Idle`], in milliseconds.
const POLL_MS: i32 = 100;
/// The same when nothing comes in any more, but the kernel may hold frames still.
const LAST_POLL_MS: i32 = 5;
/// Every interface is looked at this often, by the times of the frames, however much comes from the others.
const LOOK_EVERY: Span = Span::from_millis(100);
/// Rounds that may give nothing, because libpcap refuses what woke us, before the caller gets its turn.
const ROUNDS: usize = 16;
/// How long a plain socket's frames may gather, once one is there: waking for each costs more than taking it.
const GATHER_MS: i32 = 2;
/// Times of live frames are nanoseconds.
const TICKS_PER_SECOND: u64 = 1_000_000_000;

/// One or several live interfaces as a source of frames.
pub struct Live {
    taps: Vec<Tap>,
    descriptors: Vec<libc::pollfd>,
    info: SourceInfo,
    notices: VecDeque<SourceNotice>,
    /// Every interface is a plain socket's that may be late by [`GATHER_MS`], with room for what comes meanwhile.
    gathers: bool,
    /// Whose turn it is, where there are several.
    order: Order,
    /// Interfaces that vanished and of which everything was taken; to be told.
    vanished: Vec<usize>,
    /// Time of a frame that came when the interfaces were last looked at.
    looked: Timestamp,
    frames: u64,
    /// Frames were handed out since the caller was told that there are no more just now.
    undrained: bool,
    /// The last poll told of an error.
    trouble: bool,
    ended: bool,
}

/// What [`Live::advance`] found.
enum Step {
    Frame { tap: usize, slot: Slot },
    Notice(SourceNotice),
    Idle,
    Drained,
    End,
}

impl Live {
    pub(super) fn open(specs: &[LiveSpec], backend: Option<LiveBackend>, filter: &mut Filter) -> Result<Self, SourceError> {
        let mut live = Self::empty(specs, backend.unwrap_or(super::default_backend()));
        for spec in specs {
            let place = Place::find(spec)?;
            stamps::check(spec, place)?;
            let kind = super::backend_for(spec, place, backend);
            // Frames that wait in the kernel come out of order with those of another interface.
            let soon = LiveSpec { immediate: spec.immediate || specs.len() > 1, ..spec.clone() };
            let opened = open_backend(&soon, place, kind, filter)?;
            live.add(spec, place, kind, opened);
        }
        Ok(live)
    }

    /// One for each thread of `spread`, each with a ring on every interface.
    pub(super) fn open_shared(specs: &[LiveSpec], spread: Spread, filter: &mut Filter) -> Result<Vec<Self>, SourceError> {
        let mut all: Vec<Self> = (0..spread.threads()).map(|_| Self::empty(specs, LiveBackend::Ring)).collect();
        for spec in specs {
            let place = Place::find(spec)?;
            stamps::check(spec, place)?;
            for (live, opened) in all.iter_mut().zip(ring::fanout::open(spec, place, filter, spread)?) {
                live.add(spec, place, LiveBackend::Ring, opened);
            }
        }
        Ok(all)
    }

    fn empty(specs: &[LiveSpec], kind: LiveBackend) -> Self {
        Self {
            taps: Vec::with_capacity(specs.len()),
            descriptors: Vec::with_capacity(specs.len()),
            info: SourceInfo {
                name: specs.iter().map(|spec| spec.interface.as_str()).collect::<Vec<_>>().join(", "),
                kind: SourceKind::Live(kind),
                interfaces: Vec::with_capacity(specs.len()),
                warnings: Vec::new(),
                notes: FileNotes::default(),
                file_id: None,
            },
            notices: VecDeque::new(),
            gathers: true,
            order: Order::default(),
            vanished: Vec::new(),
            looked: Timestamp::default(),
            frames: 0,
            undrained: false,
            trouble: false,
            ended: specs.is_empty(),
        }
    }

    fn add(&mut self, spec: &LiveSpec, place: Place, kind: LiveBackend, opened: Opened) {
        let Opened { backend, link, warnings, refuses_twins } = opened;
        if self.taps.is_empty() {
            // Of the first, where they differ.
            self.info.kind = SourceKind::Live(kind);
        }
        self.gathers &= kind == LiveBackend::Pnet && spec.may_gather();
        self.descriptors.push(libc::pollfd { fd: backend.fd().as_raw_fd(), events: libc::POLLIN, revents: 0 });
        self.info.warnings.extend(warnings);
        self.info.interfaces.push(InterfaceInfo {
            name: Some(spec.interface.clone()),
            link: Some(link),
            snaplen: Some(spec.snaplen()),
            ticks_per_second: Some(TICKS_PER_SECOND),
            filter: spec.filter_text.clone(),
            os: operating_system(),
            ..InterfaceInfo::default()
        });
        self.taps.push(Tap::new(&spec.interface, backend, link, place.device(), refuses_twins));
    }

    /// Counters of each interface, in the order of [`SourceInfo::interfaces`].
    pub fn interface_stats(&mut self) -> Vec<SourceStats> {
        self.taps.iter_mut().map(|tap| tap.stats(Asked::All)).collect()
    }

    fn advance(&mut self) -> Result<Step, SourceError> {
        for _ in 0..ROUNDS {
            if let Some((tap, slot)) = self.earliest() {
                return Ok(Step::Frame { tap, slot });
            }
            if let Some(notice) = self.notices.pop_front() {
                return Ok(Step::Notice(notice));
            }
            if self.ended {
                return Ok(Step::End);
            }
            let quiet = self.poll()?;
            let taken = self.fill()?;
            if taken {
                if self.is_one_back()
                    && let Some(notice) = self.notices.pop_front()
                {
                    return Ok(Step::Notice(notice));
                }
                if self.is_look_due() {
                    self.look_at_interfaces();
                    self.end_drained()?;
                }
                continue;
            }
            self.end_drained()?;
            let told = !std::mem::take(&mut self.undrained);
            if told || self.trouble {
                self.look_at_interfaces();
            }
            if !told {
                return Ok(Step::Drained);
            }
            if quiet && self.notices.is_empty() && !self.ended && !self.taps.iter().any(Tap::is_draining) {
                return Ok(Step::Idle);
            }
        }
        Ok(Step::Idle)
    }

    /// The earliest frame at hand; none while an interface that may have an earlier one is to be asked first.
    #[inline]
    fn earliest(&mut self) -> Option<(usize, Slot)> {
        let at = if self.taps.len() == 1 {
            0
        } else {
            let mut first = None;
            for (at, tap) in self.taps.iter_mut().enumerate() {
                match tap.head() {
                    Some(ts) => {
                        let next = (self.order.turn(ts), ts, at);
                        first = Some(first.map_or(next, |first| next.min(first)));
                    }
                    None if tap.ready => return None,
                    None => {}
                }
            }
            let (turn, ts, at) = first?;
            self.order.took(turn, ts);
            at
        };
        Some((at, self.taps.get_mut(at)?.take()?))
    }

    /// Waits for frames, unless some are known to wait or the caller is to be told first that there are none. Returns
    /// whether nothing came.
    fn poll(&mut self) -> Result<bool, SourceError> {
        self.trouble = false;
        let known = self.taps.iter().any(|tap| tap.ready);
        if known && self.taps.len() == 1 && !self.taps[0].is_draining() {
            return Ok(false);
        }
        let draining = self.taps.iter().any(Tap::is_draining);
        let timeout = match () {
            () if draining => LAST_POLL_MS,
            () if known || self.undrained || self.has_heads() => 0,
            () => POLL_MS,
        };
        let ready = sys::wait(&mut self.descriptors, timeout).map_err(|error| self.cannot_wait(error))?;
        if ready > 0 && !known && self.gathers && !draining {
            sys::wait(&mut [], GATHER_MS).map_err(|error| self.cannot_wait(error))?;
        }
        for (tap, descriptor) in self.taps.iter_mut().zip(&self.descriptors) {
            tap.ready |= descriptor.revents & libc::POLLIN != 0;
            let trouble = descriptor.revents & !libc::POLLIN != 0;
            if trouble {
                self.trouble = true;
                // Reading the error clears it; what it means is asked of the interface itself.
                let _ = sys::take_error(tap.fd());
                tap.ready = true;
            }
        }
        Ok(ready == 0 && !known)
    }

    fn cannot_wait(&self, error: io::Error) -> SourceError {
        SourceError::Io { operation: "cannot wait for frames on", name: self.info.name.clone(), error }
    }

    fn has_heads(&mut self) -> bool {
        self.taps.iter_mut().any(|tap| tap.head().is_some())
    }

    /// Takes frames of each interface that has none at hand and may have some. Returns whether any are at hand.
    fn fill(&mut self) -> Result<bool, SourceError> {
        let mut taken = false;
        for at in 0..self.taps.len() {
            let tap = &mut self.taps[at];
            if tap.ready
                && tap.head().is_none()
                && let Err(error) = tap.fill()
            {
                self.broken(at, error)?;
            }
            taken |= self.taps[at].head().is_some();
        }
        Ok(taken)
    }

    /// A read failed: because the interface went down or vanished, or for a reason to stop for.
    fn broken(&mut self, at: usize, error: io::Error) -> Result<(), SourceError> {
        let tap = &mut self.taps[at];
        if error.raw_os_error() == Some(libc::ENETDOWN) {
            tap.ready = true; // frames from before may wait behind the error
        } else if tap.look() == LinkState::Up {
            self.ended = true;
            return Err(SourceError::Io { operation: "cannot capture on", name: self.name(at), error });
        }
        Ok(())
    }

    /// Did the frames at hand come a while after the last look, or before it (the clock was set)?
    fn is_look_due(&mut self) -> bool {
        let Some(now) = self.taps.iter_mut().filter_map(Tap::head).max() else { return false };
        let due = now - self.looked >= LOOK_EVERY || self.looked - now >= LOOK_EVERY;
        if due {
            self.looked = now;
        }
        due
    }

    /// Is each interface still there and up?
    fn look_at_interfaces(&mut self) {
        for at in 0..self.taps.len() {
            let tap = &mut self.taps[at];
            // Frames at hand or waiting are from before whatever happened, and come first.
            if tap.ready || tap.head().is_some() || tap.state == LinkState::Gone {
                continue;
            }
            let (before, now) = (tap.state, tap.look());
            if (before, now) == (LinkState::Up, LinkState::Down) && tap.awaits_frames() {
                continue; // the kernel holds frames from before still
            }
            tap.state = now;
            let interface = at as u32;
            match (before, now) {
                (LinkState::Up, LinkState::Down) => self.notices.push_back(SourceNotice::Down { interface }),
                (LinkState::Down, LinkState::Up) => self.notices.push_back(SourceNotice::Up { interface }),
                (_, LinkState::Gone) => tap.drain(),
                _ => {}
            }
        }
    }

    /// Frames of an interface that was down: is it up again, or are they from before?
    fn is_one_back(&mut self) -> bool {
        let mut back = false;
        for at in 0..self.taps.len() {
            let tap = &mut self.taps[at];
            if tap.state == LinkState::Down && tap.head().is_some() && tap.look() == LinkState::Up {
                tap.state = LinkState::Up;
                self.notices.push_back(SourceNotice::Up { interface: at as u32 });
                back = true;
            }
        }
        back
    }

    /// Interfaces of which nothing more comes, and of which everything was taken, are done with.
    fn end_drained(&mut self) -> Result<(), SourceError> {
        for at in 0..self.taps.len() {
            if self.taps[at].head().is_none() && self.taps[at].end_if_drained() {
                // poll(2) ignores negative descriptors.
                self.descriptors[at].fd = -1;
                if self.taps[at].state == LinkState::Gone {
                    self.vanished.push(at);
                }
            }
        }
        self.ended |= self.taps.iter().all(Tap::is_done);
        self.tell_vanished()
    }

    /// Says which interfaces vanished: while others go on it is news; of the last ones, which may vanish together, it is the end,
    /// when everything was taken of each.
    fn tell_vanished(&mut self) -> Result<(), SourceError> {
        if self.vanished.is_empty() {
            return Ok(());
        }
        let is_gone = |tap: &Tap| tap.state == LinkState::Gone || (!tap.is_done() && tap.look() == LinkState::Gone);
        if !self.taps.iter().all(is_gone) {
            self.notices.extend(self.vanished.drain(..).map(|at| SourceNotice::Gone { interface: at as u32 }));
        } else if self.ended {
            let vanished = std::mem::take(&mut self.vanished);
            return Err(SourceError::InterfaceGone { interfaces: vanished.into_iter().map(|at| self.name(at)).collect() });
        }
        Ok(())
    }

    fn name(&self, at: usize) -> String {
        self.info.interfaces.get(at).and_then(|i| i.name.clone()).unwrap_or_default()
    }
}

fn open_backend(spec: &LiveSpec, place: Place, kind: LiveBackend, filter: &mut Filter) -> Result<Opened, SourceError> {
    match kind {
        LiveBackend::Ring => ring::open(spec, place, filter),
        LiveBackend::Pnet => raw::open(spec, place, filter),
        #[cfg(feature = "libpcap")]
        LiveBackend::Libpcap => super::libpcap::open(spec, place, filter),
        #[cfg(not(feature = "libpcap"))]
        LiveBackend::Libpcap => Err(super::not_built_in(spec)),
    }
}

#[inline]
const fn frame<'a>(
    number: u64,
    interface: u32,
    link: LinkType,
    (slot, bytes): (&Slot, &'a [u8]),
    marks: FrameMarks,
) -> Frame<'a> {
    Frame {
        number,
        source: 0,
        interface,
        ts: slot.ts,
        link,
        wire_len: slot.wire_len,
        bytes,
        direction: slot.direction,
        options: None,
        marks,
    }
}

fn operating_system() -> Option<String> {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").ok()?;
    Some(format!("Linux {}", release.trim()))
}

impl PacketSource for Live {
    fn next(&mut self) -> Result<Next<'_>, SourceError> {
        // Nearly always a frame is at hand.
        let (at, slot) = match self.earliest() {
            Some(found) => found,
            None => match self.advance()? {
                Step::Frame { tap, slot } => (tap, slot),
                Step::Notice(notice) => return Ok(Next::Notice(notice)),
                Step::Idle => return Ok(Next::Idle),
                Step::Drained => return Ok(Next::Drained),
                Step::End => return Ok(Next::End),
            },
        };
        self.frames += 1;
        self.undrained = true;
        let tap = &mut self.taps[at];
        let marks = tap.hand_out(&slot);
        Ok(Next::Frame(frame(self.frames, at as u32, tap.link, (&slot, tap.bytes(&slot)), marks)))
    }

    /// Of one interface alone: those of several are merged.
    fn rest(&mut self, most: u64, each: &mut dyn FnMut(&mut Frame<'_>) -> bool) -> u64 {
        let [tap] = &mut self.taps[..] else { return 0 };
        let (link, mut number) = (tap.link, self.frames);
        let given = tap.rest(most, &mut |slot, bytes| {
            number += 1;
            each(&mut frame(number, 0, link, (slot, bytes), slot.marks))
        });
        self.frames += given;
        self.undrained |= given > 0;
        given
    }

    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn close_gate(&mut self) {
        self.taps.iter_mut().for_each(Tap::close);
        self.ended |= self.taps.iter().all(Tap::is_done);
    }

    fn skip_rest(&mut self) {
        self.close_gate();
        loop {
            match self.advance() {
                Ok(Step::Frame { tap, .. }) => self.taps[tap].leave_unread(),
                Ok(Step::End) => break,
                // What is at hand is still to be counted.
                Err(_) => self.ended = true,
                Ok(Step::Notice(_) | Step::Idle | Step::Drained) => {}
            }
        }
        self.taps.iter_mut().for_each(Tap::finish);
    }

    fn stats(&mut self) -> SourceStats {
        self.sum(Asked::All)
    }

    fn kernel_stats(&mut self) -> SourceStats {
        self.sum(Asked::Kernel)
    }
}

impl Live {
    /// The sum over the interfaces.
    fn sum(&mut self, asked: Asked) -> SourceStats {
        let none = Some(0).filter(|_| !self.taps.is_empty());
        let mut sum = SourceStats {
            received: none,
            dropped_kernel: none,
            dropped_interface: none,
            duplicates: none,
            freezes: none,
            unread: none,
            ..SourceStats::default()
        };
        let add = |a: Option<u64>, b: Option<u64>| a.zip(b).map(|(a, b)| a + b);
        for (at, tap) in self.taps.iter_mut().enumerate() {
            let one = tap.stats(asked);
            sum.frames += one.frames;
            sum.received = add(sum.received, one.received);
            sum.dropped_kernel = add(sum.dropped_kernel, one.dropped_kernel);
            sum.dropped_interface = add(sum.dropped_interface, one.dropped_interface);
            sum.duplicates = add(sum.duplicates, one.duplicates);
            sum.freezes = add(sum.freezes, one.freezes);
            sum.unread = add(sum.unread, one.unread);
            // What a capture file keeps of each interface.
            if let Some(interface) = self.info.interfaces.get_mut(at) {
                interface.counters = Some(InterfaceCounters {
                    received: one.received,
                    dropped_kernel: one.dropped_kernel,
                    dropped_interface: one.dropped_interface,
                    ..InterfaceCounters::default()
                });
            }
        }
        sum
    }
}
