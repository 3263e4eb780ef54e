//! One interface being captured: its backend, and the exact account of what came by the kernel's filter.
//!
//! Once the capture is over (`close`, or the interface is gone) and everything was taken, the counters stand still, and
//! frames handed out + duplicates + dropped by the kernel + unread = received.

use super::batch::Slot;
use super::interface_drops::InterfaceDrops;
use super::sys::{self, Device, LinkState};
use crate::model::{FrameMarks, LinkType, SourceStats, Span, Timestamp};
use std::collections::VecDeque;
use std::io;
use std::os::fd::BorrowedFd;

/// The kernel counts in 32 bits: its counters are read at least this often, in frames handed out.
const COUNT_EVERY: u64 = 1 << 20;
/// After the end, so many short waits in a row that bring nothing mean that nothing will come, should the counters
/// not say so before.
const LAST_LOOKS: u8 = 20;

/// The counters are read when frames come so long after those of the last time.
const COUNT_AFTER: Span = Span::from_millis(100);
/// Looks at an interface that is down while frames of it may be on their way.
const PATIENCE: u8 = 4;
/// Losses that wait for the frame that tells them, at most; more are told together.
const MOST_LOSSES: usize = 1024;

/// What takes frames out of the kernel.
pub(in crate::capture) trait Backend: Send {
    /// Its packet socket.
    fn fd(&self) -> BorrowedFd<'_>;

    /// Takes the next frames, where those before are all taken. Does not wait.
    fn fill(&mut self) -> io::Result<Filled>;

    /// Time of the next frame at hand.
    fn head(&mut self) -> Option<Timestamp>;

    /// Steps over the next frame at hand and says where it lies.
    fn take(&mut self) -> Option<Slot>;

    /// The bytes of the frame taken last.
    fn bytes(&self, slot: &Slot) -> &[u8];

    /// Takes frames at hand, at most `most`, until `each` answers false. Returns how many.
    fn rest(&mut self, most: u64, each: &mut dyn FnMut(&Slot, &[u8]) -> bool) -> u64 {
        let mut taken = 0;
        while taken < most
            && let Some(slot) = self.take()
        {
            taken += 1;
            if !each(&slot, self.bytes(&slot)) {
                break;
            }
        }
        taken
    }

    /// Twins of loopback frames left out: all that came before the frame taken or looked at last, and none from behind it. `None`
    /// where the backend leaves them out without a word.
    fn twins(&self) -> Option<u64>;
}

/// What [`Backend::fill`] found.
#[derive(Clone, Copy, Debug)]
pub(in crate::capture) struct Filled {
    /// There may be more at once.
    pub(in crate::capture) more: bool,
    /// Frames may have been lost: read the counters.
    pub(in crate::capture) count: bool,
}

/// What a backend's `open` gives.
pub(in crate::capture) struct Opened {
    pub(in crate::capture) backend: Box<dyn Backend>,
    pub(in crate::capture) link: LinkType,
    pub(in crate::capture) warnings: Vec<String>,
    /// Twins of loopback frames are refused with frames that nobody wants: how many there were is unknown.
    pub(in crate::capture) refuses_twins: bool,
}

/// Which counters are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// Those that cost little: the kernel's. The interface's are those of the last time.
    Kernel,
    /// Also the interface's, for which the kernel may have to ask its driver, and the driver the card.
    All,
}

/// How far the end of a capture has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// Frames come in.
    Not,
    /// None come in any more; what the kernel holds is being taken. So many looks may still bring nothing.
    Draining(u8),
    /// All was taken; the counters are final.
    Done,
}

/// Counters of one interface since it was opened.
#[derive(Clone, Copy, Debug, Default)]
struct Counters {
    received: u64,
    dropped: u64,
    freezes: u64,
    by_interface: Option<u64>,
}

/// Losses that no frame told yet. The kernel drops what finds the buffer full, behind everything that waits in it: so a loss
/// belongs behind as many frames as were accepted when it was learned of.
#[derive(Debug, Default)]
struct Losses(VecDeque<(u64, u64)>);

impl Losses {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// So many were dropped, and by now so many accepted.
    fn add(&mut self, accepted: u64, dropped: u64) {
        if dropped == 0 {
            return;
        }
        let full = self.0.len() >= MOST_LOSSES;
        match self.0.back_mut() {
            Some(last) if full || last.0 == accepted => *last = (accepted, last.1 + dropped),
            _ => self.0.push_back((accepted, dropped)),
        }
    }

    /// What is to be told with a frame before which so many accepted ones passed. Each loss is told once.
    fn before(&mut self, passed: u64) -> u64 {
        let mut told = 0;
        while let Some((_, dropped)) = self.0.pop_front_if(|(accepted, _)| *accepted <= passed) {
            told += dropped;
        }
        told
    }
}

/// One interface.
pub(super) struct Tap {
    backend: Box<dyn Backend>,
    pub(super) link: LinkType,
    /// `None` for `any`, which neither goes down nor vanishes.
    device: Option<Device>,
    pub(super) state: LinkState,
    /// Frames may wait in the kernel.
    pub(super) ready: bool,
    ending: Ending,
    frames: u64,
    unread: u64,
    twins: Option<u64>,
    counters: Counters,
    interface_drops: Option<InterfaceDrops>,
    /// The kernel lets more in, but the end is where the counters stood when it was closed.
    frozen: bool,
    /// The same where that place cannot be found, because twins are not counted: the end is behind what was at hand.
    blind: bool,
    /// Twins are not counted, for the kernel refuses them.
    refuses_twins: bool,
    /// Looks at an interface that is down that may still find frames on their way.
    patience: u8,
    /// So many accepted frames have passed at least.
    behind: u64,
    /// Time of a frame that came when the counters were last read because of it.
    counted: Timestamp,
    losses: Losses,
}

impl Tap {
    pub(super) fn new(
        name: &str,
        backend: Box<dyn Backend>,
        link: LinkType,
        device: Option<Device>,
        refuses_twins: bool,
    ) -> Self {
        let interface_drops = device.and_then(|device| InterfaceDrops::new(name, device));
        Self {
            twins: backend.twins(),
            backend,
            link,
            device,
            state: LinkState::Up,
            ready: false,
            ending: Ending::Not,
            frames: 0,
            unread: 0,
            counters: Counters { by_interface: interface_drops.as_ref().map(|_| 0), ..Counters::default() },
            interface_drops,
            frozen: false,
            blind: false,
            refuses_twins,
            patience: PATIENCE,
            behind: 0,
            counted: Timestamp::default(),
            losses: Losses::default(),
        }
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.backend.fd()
    }

    pub(super) fn head(&mut self) -> Option<Timestamp> {
        let ts = self.backend.head()?;
        // Asked behind the twins that were stepped over.
        if self.is_past_the_end() { None } else { Some(ts) }
    }

    pub(super) fn take(&mut self) -> Option<Slot> {
        let slot = self.backend.take()?;
        // Asked behind the twins that were stepped over: the end may be between them and this frame.
        if self.is_past_the_end() { None } else { Some(slot) }
    }

    /// The bytes of the frame taken last.
    pub(super) fn bytes(&self, slot: &Slot) -> &[u8] {
        self.backend.bytes(slot)
    }

    /// The frame taken last is handed out: what is to be said of it.
    pub(super) fn hand_out(&mut self, slot: &Slot) -> FrameMarks {
        if self.frames.is_multiple_of(COUNT_EVERY) {
            self.count();
        }
        let dropped_before = if self.losses.is_empty() { 0 } else { self.losses.before(self.passed()) };
        self.frames += 1;
        FrameMarks { dropped_before, ..slot.marks }
    }

    /// Takes and hands out frames at hand of which nothing is to be said but what the kernel did: none where a loss is to be told,
    /// the counters are to be read, or the end is near. Returns how many.
    pub(super) fn rest(&mut self, most: u64, each: &mut dyn FnMut(&Slot, &[u8]) -> bool) -> u64 {
        if self.frozen || !self.losses.is_empty() {
            return 0;
        }
        let uncounted = self.frames.next_multiple_of(COUNT_EVERY) - self.frames;
        let taken = self.backend.rest(most.min(uncounted), each);
        self.frames += taken;
        taken
    }

    /// The frame taken last is not wanted any more.
    pub(super) fn leave_unread(&mut self) {
        self.unread += 1;
    }

    /// Takes the next frames of the kernel's.
    pub(super) fn fill(&mut self) -> io::Result<()> {
        if self.blind || self.is_past_the_end() {
            self.ready = false;
            return Ok(());
        }
        let filled = self.backend.fill().inspect_err(|_| self.ready = false)?;
        self.ready = filled.more;
        let due = self.head().is_some_and(|now| now - self.counted >= COUNT_AFTER || self.counted - now >= COUNT_AFTER);
        if due {
            self.counted = self.head().unwrap_or_default();
        }
        if filled.count || due {
            self.count();
        }
        if !filled.more && self.twins.is_none() && self.head().is_none() {
            // Twins that libpcap hides are not counted; but here all that came has passed.
            self.behind = self.behind.max(self.counters.received - self.counters.dropped);
        }
        Ok(())
    }

    /// How many of the frames that the kernel accepted came before the frame taken last, or would come before the next.
    fn passed(&self) -> u64 {
        match self.backend.twins() {
            Some(twins) => self.frames + self.unread + twins,
            // On the loopback interface each frame has a twin.
            None if self.device.is_some() => self.behind.max(2 * (self.frames + self.unread)),
            None => self.behind.max(self.frames + self.unread),
        }
    }

    /// Does the kernel hold frames that came, in a block that is not full? Asked a few times in a row at most.
    pub(super) fn awaits_frames(&mut self) -> bool {
        self.count();
        let waits = self.twins.is_some() && self.passed() < self.counters.received - self.counters.dropped;
        self.patience = if waits { self.patience.saturating_sub(1) } else { PATIENCE };
        waits && self.patience > 0
    }

    /// Adds up the kernel's counters, which start again at 0 whenever they are read.
    fn count(&mut self) {
        if self.ending == Ending::Done {
            return;
        }
        self.twins = self.backend.twins();
        if self.frozen {
            return;
        }
        if let Ok(grown) = sys::take_statistics(self.fd()) {
            self.counters.received += u64::from(grown.tp_packets);
            self.counters.dropped += u64::from(grown.tp_drops);
            self.counters.freezes += u64::from(grown.tp_freeze_q_cnt);
            self.losses.add(self.counters.received - self.counters.dropped, u64::from(grown.tp_drops));
        }
    }

    /// Lets nothing more in. What came before is still to be taken.
    pub(super) fn close(&mut self) {
        if self.ending == Ending::Not {
            if sys::refuse_all(self.fd()).is_err() {
                // More comes for ever, as in the sandbox, where no filter can be attached: what has come by now is taken. Where that
                // cannot be told from what comes, only what is at hand.
                self.count();
                self.frozen = true;
                self.blind = self.twins.is_none();
            }
            self.drain();
        }
    }

    /// What had come when it was closed was taken. (Twins count up to the next frame at hand.)
    fn is_past_the_end(&self) -> bool {
        self.frozen && self.backend.twins().is_some_and(|twins| twins + self.taken() >= self.counters.received)
    }

    /// Frames that are accounted for, but for twins.
    const fn taken(&self) -> u64 {
        self.counters.dropped + self.frames + self.unread
    }

    /// Nothing more comes in: only what the kernel holds is still to be taken.
    pub(super) fn drain(&mut self) {
        if self.ending == Ending::Not {
            self.ending = Ending::Draining(LAST_LOOKS);
            self.ready = true;
        }
    }

    pub(super) fn is_draining(&self) -> bool {
        matches!(self.ending, Ending::Draining(_))
    }

    pub(super) fn is_done(&self) -> bool {
        self.ending == Ending::Done
    }

    /// A look brought nothing. Returns whether that was the last one.
    pub(super) fn end_if_drained(&mut self) -> bool {
        let Ending::Draining(looks) = self.ending else { return false };
        self.count();
        let accounted = self.twins.map(|twins| twins + self.taken());
        if accounted == Some(self.counters.received) || self.is_past_the_end() || self.blind || looks == 0 {
            self.finish();
            return true;
        }
        self.ending = Ending::Draining(looks - 1);
        self.ready = true;
        false
    }

    /// The counters are final: a frame that should still be on its way is neither counted nor seen.
    pub(super) fn finish(&mut self) {
        if self.is_done() {
            return;
        }
        self.count();
        let rest = self.counters.received.saturating_sub(self.taken());
        match self.twins {
            // Twins and what was left are one number.
            None if self.blind => {}
            // What libpcap left out is known by what is missing.
            None => self.twins = Some(rest),
            Some(twins) => {
                // Of those that were stepped over, some may be from after the end.
                let twins = twins.min(rest);
                self.twins = Some(twins);
                self.unread += rest - twins;
            }
        }
        self.count_interface();
        self.ready = false;
        self.ending = Ending::Done;
    }

    /// The state of the interface.
    pub(super) fn look(&self) -> LinkState {
        match self.device {
            Some(device) => sys::link_state(self.fd(), device.index),
            None => LinkState::Up,
        }
    }

    /// Adds up what the interface dropped; not any more when the capture is over.
    fn count_interface(&mut self) {
        if !self.is_done()
            && let Some(drops) = &mut self.interface_drops
        {
            self.counters.by_interface = Some(drops.count());
        }
    }

    pub(super) fn stats(&mut self, asked: Asked) -> SourceStats {
        self.count();
        if asked == Asked::All {
            self.count_interface();
        }
        SourceStats {
            frames: self.frames,
            received: Some(self.counters.received),
            dropped_kernel: Some(self.counters.dropped),
            dropped_interface: self.counters.by_interface,
            duplicates: self.twins.filter(|_| !self.refuses_twins),
            freezes: Some(self.counters.freezes),
            unread: (self.is_done() && !self.blind).then_some(self.unread),
            ..SourceStats::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::batch::Batch;
    use super::*;
    use std::fs::File;
    use std::os::fd::AsFd;

    /// Hands out what is written down, in batches: `T` is a twin, `F` a frame.
    struct Written {
        fd: File,
        batches: Vec<&'static str>,
        batch: Batch,
        read: usize,
    }

    impl Backend for Written {
        fn fd(&self) -> BorrowedFd<'_> {
            self.fd.as_fd()
        }

        fn fill(&mut self) -> io::Result<Filled> {
            self.batch.clear();
            if self.batches.is_empty() {
                return Ok(Filled { more: false, count: false });
            }
            for kind in self.batches.remove(0).chars() {
                if kind == 'T' {
                    self.batch.push_twin();
                } else {
                    let (ts, marks) = (Timestamp::default(), FrameMarks::NONE);
                    self.batch.push(Slot { ts, wire_len: 60, start: self.read, len: 60, direction: None, marks });
                }
                self.read += 1;
            }
            Ok(Filled { more: true, count: false })
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

    /// `text` cut behind each letter whose bit is set.
    fn cut(text: &'static str, bits: usize) -> Vec<&'static str> {
        let ends: Vec<usize> = (1..text.len()).filter(|at| bits >> (at - 1) & 1 == 1).chain([text.len()]).collect();
        let starts = [0].into_iter().chain(ends.iter().copied());
        starts.zip(ends.iter().copied()).map(|(from, to)| &text[from..to]).collect()
    }

    /// The kernel lets more in after the end: wherever the end is, and however what came is cut into batches, frames from before it
    /// are given, and none from after it.
    #[test]
    fn the_end_is_exact_between_twins_and_frames() {
        for (came, looks) in ["TFTFTF", "TTFFTF", "FTTFFT", "TTTFFF"].into_iter().flat_map(|came| [(came, false), (came, true)]) {
            for (end, cuts) in (0..=came.len()).flat_map(|end| (0..1 << (came.len() - 1)).map(move |cuts| (end, cuts))) {
                let batches = cut(came, cuts);
                let case = format!("{batches:?}, the end behind {end}, looks: {looks}");
                let fd = File::open("/dev/null").expect("opens");
                let backend = Written { fd, batches, batch: Batch::default(), read: 0 };
                let mut tap = Tap::new("written", Box::new(backend), LinkType::ETHERNET, None, false);
                tap.counters.received = end as u64;
                tap.close();
                assert!(tap.frozen, "no filter can be attached to it");
                let mut given = Vec::new();
                while !tap.is_done() {
                    while !looks || tap.head().is_some() {
                        let Some(slot) = tap.take() else { break };
                        tap.hand_out(&slot);
                        given.push(slot.start);
                    }
                    if tap.ready {
                        tap.fill().expect("no error");
                    }
                    if tap.head().is_none() {
                        tap.end_if_drained();
                    }
                }
                let want: Vec<usize> = came.char_indices().take(end).filter(|(_, kind)| *kind == 'F').map(|(at, _)| at).collect();
                assert_eq!(given, want, "{case}");
                let stats = tap.stats(Asked::Kernel);
                assert_eq!((stats.duplicates, stats.unread), (Some((end - want.len()) as u64), Some(0)), "{case}");
            }
        }
    }
}
