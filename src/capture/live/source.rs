//! The live source: polls every interface, hands out the frames of a round in time order, and notices when an
//! interface goes down, comes back, or vanishes.
//!
//! A round takes one batch of each interface that has frames. Within a round frames are in time order; from one
//! round to the next, time may step back between two interfaces by as long as the kernel holds frames (10 ms
//! with libpcap).

use super::batch::Batch;
use super::raw::{self, Raw};
use super::sys::{self, LinkState};
use super::{Counters, LiveSpec, Opened, Place};
use crate::capture::{Next, PacketSource, SourceError, SourceNotice};
use crate::filter::Filter;
use crate::model::{
    FileNotes, Frame, InterfaceCounters, InterfaceInfo, LinkType, LiveBackend, SourceInfo, SourceKind, SourceStats, Span,
    Timestamp,
};
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

/// The longest wait for a frame before [`Next::Idle`], in milliseconds.
const POLL_MS: i32 = 100;
/// Every interface is looked at this often, by the times of the frames, however much comes from the others.
const LOOK_EVERY: Span = Span::from_millis(100);
/// Rounds that may give nothing, because libpcap refuses what woke us, before the caller gets its turn.
const ROUNDS: usize = 16;
/// How long a packet socket's frames may gather, once one is there: waking for each costs more than taking it.
const GATHER: Duration = Duration::from_millis(2);
/// libpcap counts in 32 bits: read its counters at least this often, in frames handed out.
const COUNT_EVERY: u64 = 1 << 20;
/// Times of live frames are nanoseconds.
const TICKS_PER_SECOND: u64 = 1_000_000_000;

/// One or several live interfaces as a source of frames.
pub struct Live {
    taps: Vec<Tap>,
    descriptors: Vec<libc::pollfd>,
    info: SourceInfo,
    notices: VecDeque<SourceNotice>,
    /// Every interface is a packet socket's that may be late by [`GATHER`], with room for what comes meanwhile.
    gathers: bool,
    /// Time of a frame that came when the interfaces were last looked at.
    looked: Timestamp,
    frames: u64,
    ended: bool,
}

/// One interface being captured.
struct Tap {
    backend: Backend,
    batch: Batch,
    link: LinkType,
    /// `None` for `any`, which neither goes down nor vanishes.
    index: Option<u32>,
    state: LinkState,
    /// Frames may wait in the kernel.
    ready: bool,
    frames: u64,
    counters: Counters,
}

enum Backend {
    Raw(Raw),
    #[cfg(feature = "libpcap")]
    Libpcap(super::libpcap::Libpcap),
}

impl Backend {
    fn fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Raw(tap) => tap.fd(),
            #[cfg(feature = "libpcap")]
            Self::Libpcap(tap) => tap.fd(),
        }
    }

    fn fill(&mut self, batch: &mut Batch) -> io::Result<bool> {
        match self {
            Self::Raw(tap) => tap.fill(batch),
            #[cfg(feature = "libpcap")]
            Self::Libpcap(tap) => tap.fill(batch),
        }
    }

    fn counters(&mut self) -> Counters {
        match self {
            Self::Raw(tap) => tap.counters(),
            #[cfg(feature = "libpcap")]
            Self::Libpcap(tap) => tap.counters(),
        }
    }
}

/// What [`Live::advance`] found.
enum Step {
    Frame { tap: usize, slot: usize },
    Notice(SourceNotice),
    Idle,
    End,
}

impl Live {
    pub(super) fn open(specs: &[LiveSpec], backend: Option<LiveBackend>, filter: &mut Filter) -> Result<Self, SourceError> {
        let kinds: Vec<LiveBackend> = specs.iter().map(|spec| super::backend_for(spec, backend, filter)).collect();
        let mut live = Self {
            taps: Vec::with_capacity(specs.len()),
            descriptors: Vec::with_capacity(specs.len()),
            info: SourceInfo {
                name: specs.iter().map(|spec| spec.interface.as_str()).collect::<Vec<_>>().join(", "),
                // Of the first, where they differ.
                kind: SourceKind::Live(kinds.first().copied().unwrap_or(LiveBackend::Pnet)),
                interfaces: Vec::with_capacity(specs.len()),
                warnings: Vec::new(),
                notes: FileNotes::default(),
                file_id: None,
            },
            notices: VecDeque::new(),
            gathers: kinds.iter().all(|kind| *kind == LiveBackend::Pnet) && specs.iter().all(LiveSpec::may_gather),
            looked: Timestamp::default(),
            frames: 0,
            ended: specs.is_empty(),
        };
        for (spec, kind) in specs.iter().zip(kinds) {
            live.add(spec, kind, filter)?;
        }
        Ok(live)
    }

    fn add(&mut self, spec: &LiveSpec, kind: LiveBackend, filter: &mut Filter) -> Result<(), SourceError> {
        let place = Place::find(spec)?;
        let (backend, link, warnings) = open_backend(spec, place, kind, filter)?;
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
        self.taps.push(Tap {
            backend,
            batch: Batch::default(),
            link,
            index: place.device().map(|device| device.index),
            state: LinkState::Up,
            ready: false,
            frames: 0,
            counters: Counters::default(),
        });
        Ok(())
    }

    /// Counters of each interface, in the order of [`SourceInfo::interfaces`].
    pub fn interface_stats(&mut self) -> Vec<SourceStats> {
        self.taps.iter_mut().map(Tap::stats).collect()
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
            if !taken || self.is_look_due() {
                self.look_at_interfaces()?;
            }
            if !taken && quiet && self.notices.is_empty() {
                return Ok(Step::Idle);
            }
        }
        Ok(Step::Idle)
    }

    /// The earliest frame at hand.
    fn earliest(&mut self) -> Option<(usize, usize)> {
        let at = if self.taps.len() == 1 {
            0
        } else {
            let heads = self.taps.iter().enumerate().filter_map(|(i, tap)| Some((tap.batch.head()?, i)));
            heads.min()?.1
        };
        let tap = self.taps.get_mut(at)?;
        let slot = tap.batch.take()?;
        tap.frames += 1;
        if tap.frames % COUNT_EVERY == 0 {
            tap.counters = tap.backend.counters();
        }
        Some((at, slot))
    }

    /// Waits for frames, unless some are known to wait. Returns whether nothing came.
    fn poll(&mut self) -> Result<bool, SourceError> {
        let known = self.taps.iter().any(|tap| tap.ready);
        if known && self.taps.len() == 1 {
            return Ok(false);
        }
        let ready = sys::wait(&mut self.descriptors, if known { 0 } else { POLL_MS }).map_err(|error| SourceError::Io {
            operation: "cannot wait for frames on",
            name: self.info.name.clone(),
            error,
        })?;
        let quiet = ready == 0 && !known;
        if ready > 0 && !known && self.gathers {
            std::thread::sleep(GATHER);
        }
        for (tap, descriptor) in self.taps.iter_mut().zip(&self.descriptors) {
            tap.ready |= descriptor.revents & libc::POLLIN != 0;
            let trouble = descriptor.revents & !libc::POLLIN != 0;
            if trouble {
                // Reading the error clears it; what it means is asked of the interface itself.
                let _ = sys::take_error(tap.backend.fd());
                tap.ready = true;
            }
        }
        Ok(quiet)
    }

    /// Takes a batch of each interface that has frames. Returns whether any came.
    fn fill(&mut self) -> Result<bool, SourceError> {
        let mut taken = false;
        for at in 0..self.taps.len() {
            let tap = &mut self.taps[at];
            if !tap.ready {
                continue;
            }
            match tap.backend.fill(&mut tap.batch) {
                Ok(more) => tap.ready = more,
                Err(error) => self.broken(at, error)?,
            }
            taken |= self.taps[at].batch.head().is_some();
        }
        Ok(taken)
    }

    /// A read failed: because the interface went down or vanished, or for a reason to stop for.
    fn broken(&mut self, at: usize, error: io::Error) -> Result<(), SourceError> {
        let tap = &mut self.taps[at];
        tap.ready = false;
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
        let Some(now) = self.taps.iter().filter_map(|tap| tap.batch.head()).max() else { return false };
        let due = now - self.looked >= LOOK_EVERY || self.looked - now >= LOOK_EVERY;
        if due {
            self.looked = now;
        }
        due
    }

    /// Is each interface still there and up?
    fn look_at_interfaces(&mut self) -> Result<(), SourceError> {
        for at in 0..self.taps.len() {
            let tap = &mut self.taps[at];
            // Frames at hand or waiting are from before whatever happened, and come first.
            if tap.ready || tap.batch.head().is_some() || tap.state == LinkState::Gone {
                continue;
            }
            let (before, now) = (tap.state, tap.look());
            tap.state = now;
            let interface = at as u32;
            match (before, now) {
                (LinkState::Up, LinkState::Down) => self.notices.push_back(SourceNotice::Down { interface }),
                (LinkState::Down, LinkState::Up) => self.notices.push_back(SourceNotice::Up { interface }),
                (_, LinkState::Gone) => self.gone(at)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn gone(&mut self, at: usize) -> Result<(), SourceError> {
        // poll(2) ignores negative descriptors.
        self.descriptors[at].fd = -1;
        let tap = &mut self.taps[at];
        tap.counters = tap.backend.counters();
        if self.taps.iter().all(|tap| tap.state == LinkState::Gone) {
            self.ended = true;
            return Err(SourceError::InterfaceGone { interface: self.name(at) });
        }
        self.notices.push_back(SourceNotice::Gone { interface: at as u32 });
        Ok(())
    }

    fn name(&self, at: usize) -> String {
        self.info.interfaces.get(at).and_then(|i| i.name.clone()).unwrap_or_default()
    }
}

fn open_backend(
    spec: &LiveSpec,
    place: Place,
    kind: LiveBackend,
    filter: &mut Filter,
) -> Result<(Backend, LinkType, Vec<String>), SourceError> {
    match kind {
        LiveBackend::Pnet => {
            let Opened { tap, link, warnings } = raw::open(spec, place, filter)?;
            Ok((Backend::Raw(tap), link, warnings))
        }
        #[cfg(feature = "libpcap")]
        LiveBackend::Libpcap => {
            let Opened { tap, link, warnings } = super::libpcap::open(spec, place, filter)?;
            Ok((Backend::Libpcap(tap), link, warnings))
        }
        LiveBackend::Ring => Err(super::unsupported(spec, "the ring is not built in".to_owned())),
        #[cfg(not(feature = "libpcap"))]
        LiveBackend::Libpcap => Err(super::not_built_in(spec)),
    }
}

fn operating_system() -> Option<String> {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").ok()?;
    Some(format!("Linux {}", release.trim()))
}

impl Tap {
    fn look(&self) -> LinkState {
        match self.index {
            Some(index) => sys::link_state(self.backend.fd(), index),
            None => LinkState::Up,
        }
    }

    fn stats(&mut self) -> SourceStats {
        if self.state != LinkState::Gone {
            self.counters = self.backend.counters();
        }
        SourceStats {
            frames: self.frames,
            received: Some(self.counters.received),
            dropped_kernel: Some(self.counters.dropped_kernel),
            dropped_interface: self.counters.dropped_interface,
            ..SourceStats::default()
        }
    }
}

impl PacketSource for Live {
    fn next(&mut self) -> Result<Next<'_>, SourceError> {
        let (at, slot) = match self.advance()? {
            Step::Frame { tap, slot } => (tap, slot),
            Step::Notice(notice) => return Ok(Next::Notice(notice)),
            Step::Idle => return Ok(Next::Idle),
            Step::End => return Ok(Next::End),
        };
        self.frames += 1;
        let tap = &self.taps[at];
        let slot = &tap.batch.slots[slot];
        Ok(Next::Frame(Frame {
            number: self.frames,
            source: 0,
            interface: at as u32,
            ts: slot.ts,
            link: tap.link,
            wire_len: slot.wire_len,
            bytes: &tap.batch.bytes[slot.start..slot.start + slot.len],
            direction: slot.direction,
            options: None,
            marks: crate::model::FrameMarks::NONE,
        }))
    }

    fn info(&self) -> &SourceInfo {
        &self.info
    }

    /// The sum over the interfaces.
    fn stats(&mut self) -> SourceStats {
        let mut sum = SourceStats { received: Some(0), dropped_kernel: Some(0), ..SourceStats::default() };
        let add = |a: Option<u64>, b: Option<u64>| a.zip(b).map(|(a, b)| a + b);
        for (at, one) in self.interface_stats().into_iter().enumerate() {
            sum.frames += one.frames;
            sum.received = add(sum.received, one.received);
            sum.dropped_kernel = add(sum.dropped_kernel, one.dropped_kernel);
            let first = if at == 0 { Some(0) } else { sum.dropped_interface };
            sum.dropped_interface = add(first, one.dropped_interface);
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
