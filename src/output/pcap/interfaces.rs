//! Which interface of which source is which interface of the pcapng file being written.

use crate::model::{Frame, InterfaceCounters, InterfaceInfo, LinkType, SourceInfo, Timestamp};
use crate::pcapfile::write;
use std::collections::{BTreeMap, HashMap};

/// Interface ids of the file.
#[derive(Debug, Default)]
pub(super) struct Interfaces {
    /// By source and its interface; those whose link type is known.
    slots: Vec<Vec<Option<Slot>>>,
    /// As the sources describe them.
    described: Vec<Vec<InterfaceInfo>>,
    /// Sources that described more since blocks were last written.
    grown: Vec<usize>,
    /// What is rare: frames of another link type than their interface's, and of times before 1970.
    odd: HashMap<Odd, u32>,
    /// Interface blocks in the file, by their bytes and their place in their source: the same interface in several files
    /// (a rotated capture) is described once, two that merely look alike in one file twice.
    blocks: HashMap<(Vec<u8>, u32), u32>,
    count: u32,
    /// Packets in the file, by id.
    packets: Vec<u64>,
    /// As they were last told.
    counters: BTreeMap<Place, Counted>,
    /// Packets that found no room.
    left_out: HashMap<Place, LeftOut>,
    /// Interfaces whose next packet has such packets before it.
    waiting: usize,
}

/// A source and its interface.
pub(super) type Place = (u16, u32);

/// Counters of an interface.
#[derive(Clone, Debug)]
struct Counted {
    now: InterfaceCounters,
    comments: Vec<String>,
    live: bool,
    /// What the files before this one told of.
    told: InterfaceCounters,
}

/// Packets of an interface that found no room.
#[derive(Clone, Copy, Debug, Default)]
struct LeftOut {
    /// Since its last packet in a file, with those that were lost before each of them.
    before_next: u64,
    /// Since the file began.
    in_file: u64,
}

/// The time that a file covers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Period {
    pub(super) start: Timestamp,
    /// Time of its last packet.
    pub(super) last: Timestamp,
    /// When it ended.
    pub(super) end: Timestamp,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    id: u32,
    link: LinkType,
}

/// What frames of one interface block have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Odd {
    source: u16,
    interface: u32,
    link: LinkType,
    pub(super) before_1970: bool,
}

impl Odd {
    #[inline]
    pub(super) fn of(frame: &Frame<'_>) -> Self {
        let before_1970 = frame.ts.nanos() < 0;
        Self { source: frame.source, interface: frame.interface, link: frame.link, before_1970 }
    }
}

impl Interfaces {
    /// Takes in what a source has come to name since the last time.
    pub(super) fn learn(&mut self, source: u16, info: &SourceInfo) {
        let source = usize::from(source);
        if self.described.len() <= source {
            self.described.resize_with(source + 1, Vec::new);
            self.slots.resize_with(source + 1, Vec::new);
        }
        let known = self.described[source].len();
        if info.interfaces.len() > known {
            self.grown.push(source);
        }
        self.described[source].extend(info.interfaces.iter().skip(known).cloned());
    }

    /// Appends a block for each interface that was learnt and not described yet.
    pub(super) fn describe(&mut self, out: &mut Vec<u8>) {
        for source in std::mem::take(&mut self.grown) {
            for interface in self.slots[source].len()..self.described[source].len() {
                let slot = self.described[source][interface].link.map(|link| {
                    let id = self.block(out, source, interface as u32, link, false);
                    Slot { id, link }
                });
                self.slots[source].push(slot);
            }
        }
    }

    /// The id of the frame's interface, and whether its clock starts before 1970. Appends its block where there is none.
    #[inline]
    pub(super) fn id(&mut self, out: &mut Vec<u8>, frame: &Frame<'_>) -> (u32, bool) {
        let before_1970 = frame.ts.nanos() < 0;
        let slot = self.slots.get(usize::from(frame.source)).and_then(|s| s.get(frame.interface as usize));
        match slot {
            Some(Some(slot)) if slot.link == frame.link && !before_1970 => (slot.id, false),
            _ => (self.odd(out, frame, before_1970), before_1970),
        }
    }

    #[cold]
    fn odd(&mut self, out: &mut Vec<u8>, frame: &Frame<'_>, before_1970: bool) -> u32 {
        let odd = Odd::of(frame);
        if let Some(&id) = self.odd.get(&odd) {
            return id;
        }
        let id = self.block(out, usize::from(frame.source), frame.interface, frame.link, before_1970);
        let slot = self.slots.get_mut(usize::from(frame.source)).and_then(|s| s.get_mut(frame.interface as usize));
        match slot {
            // The interface did not say its link type; now it is known.
            Some(slot @ None) if !before_1970 => *slot = Some(Slot { id, link: frame.link }),
            _ => drop(self.odd.insert(odd, id)),
        }
        id
    }

    /// Appends the block of such frames, whatever stands in the file already.
    pub(super) fn push_block(&self, out: &mut Vec<u8>, of: Odd) {
        let unknown = InterfaceInfo::default();
        let source = self.described.get(usize::from(of.source));
        let info = source.and_then(|s| s.get(of.interface as usize)).unwrap_or(&unknown);
        write::interface(out, info, of.link, of.before_1970);
    }

    fn block(&mut self, out: &mut Vec<u8>, source: usize, interface: u32, link: LinkType, before_1970: bool) -> u32 {
        let mut bytes = Vec::new();
        self.push_block(&mut bytes, Odd { source: source as u16, interface, link, before_1970 });
        *self.blocks.entry((bytes, interface)).or_insert_with_key(|(bytes, _)| {
            out.extend_from_slice(bytes);
            self.count += 1;
            self.count - 1
        })
    }

    /// Another file begins.
    pub(super) fn renew(&mut self) {
        self.slots.iter_mut().for_each(Vec::clear);
        self.grown = (0..self.described.len()).collect();
        self.odd.clear();
        self.blocks.clear();
        self.packets.clear();
        self.count = 0;
    }

    #[inline]
    pub(super) fn count_packet(&mut self, id: u32) {
        let id = id as usize;
        if self.packets.len() <= id {
            self.packets.resize(id + 1, 0);
        }
        self.packets[id] += 1;
    }

    /// A packet found no room.
    pub(super) fn leave_out(&mut self, frame: &Frame<'_>) {
        let left_out = self.left_out.entry((frame.source, frame.interface)).or_default();
        self.waiting += usize::from(left_out.before_next == 0);
        left_out.before_next += 1 + frame.marks.dropped_before;
        left_out.in_file += 1;
    }

    /// How many were lost by that before this packet.
    #[inline]
    pub(super) fn left_out_before(&mut self, frame: &Frame<'_>) -> u64 {
        if self.waiting == 0 {
            return 0;
        }
        let left_out = self.left_out.get_mut(&(frame.source, frame.interface));
        let before = left_out.map_or(0, |left_out| std::mem::take(&mut left_out.before_next));
        self.waiting -= usize::from(before > 0);
        before
    }

    /// A live interface begins: a file that ends before its counters were ever read tells what is in it.
    pub(super) fn count_from_now(&mut self, place: Place) {
        self.counters.entry(place).or_insert_with(|| Counted {
            now: InterfaceCounters { received: Some(0), accepted: Some(0), ..InterfaceCounters::default() },
            comments: Vec::new(),
            live: true,
            told: InterfaceCounters::default(),
        });
    }

    /// Takes the counters of a source's interface as they are now. Of live ones each file tells its share.
    pub(super) fn count(&mut self, place: Place, counters: &InterfaceCounters, comments: &[String], live: bool) {
        let counted = self.counters.entry(place).or_insert_with(|| Counted {
            now: *counters,
            comments: Vec::new(),
            live,
            told: InterfaceCounters::default(),
        });
        counted.now = *counters;
        comments.clone_into(&mut counted.comments);
    }

    /// What is to be told at the end of a file, one entry an interface, in the order of ids. Counters of one interface in several
    /// sources add up.
    pub(super) fn take_counters(&mut self, period: Period) -> Vec<(u32, InterfaceCounters, Vec<String>)> {
        let mut all: Vec<(u32, InterfaceCounters, Vec<String>)> = Vec::new();
        let mut gone = Vec::new();
        for (&place, counted) in &mut self.counters {
            let slot = self.slots.get(usize::from(place.0)).and_then(|s| s.get(place.1 as usize));
            let Some(Some(slot)) = slot else { continue };
            let mut comments = counted.comments.clone();
            if !counted.live {
                // What a file says of itself is said once.
                gone.push(place);
                all.push((slot.id, counted.now, comments));
                continue;
            }
            let mut share = difference(&counted.now, &counted.told);
            (share.start, share.end) = (Some(period.start), Some(period.end));
            let delivered = self.packets.get(slot.id as usize).copied().unwrap_or(0);
            share.delivered = Some(delivered);
            let left_out = self.left_out.get_mut(&place).map_or(0, |left_out| std::mem::take(&mut left_out.in_file));
            // The counters may be older than the last packets: what is in the file has come, and is not told again by the next.
            let there = delivered + left_out;
            share.received = share.received.map(|received| received.max(there));
            share.accepted = share.accepted.map(|accepted| accepted.max(there));
            counted.told = InterfaceCounters {
                received: counted.told.received.or(Some(0)).zip(share.received).map(|(told, more)| told + more),
                accepted: counted.told.accepted.or(Some(0)).zip(share.accepted).map(|(told, more)| told + more),
                ..counted.now
            };
            if left_out > 0 {
                comments.push(format!("{left_out} packets were left out here: they came faster than they could be written"));
            }
            all.push((slot.id, share, comments));
        }
        for place in gone {
            self.counters.remove(&place);
        }
        all.sort_by_key(|(id, ..)| *id);
        all.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1 = sum(&kept.1, &next.1);
                kept.2.append(&mut next.2);
                kept.2.dedup();
            }
            same
        });
        all
    }
}

fn difference(now: &InterfaceCounters, told: &InterfaceCounters) -> InterfaceCounters {
    let less = |now: Option<u64>, told: Option<u64>| now.map(|now| now.saturating_sub(told.unwrap_or(0)));
    InterfaceCounters {
        start: now.start,
        end: now.end,
        received: less(now.received, told.received),
        dropped_interface: less(now.dropped_interface, told.dropped_interface),
        accepted: less(now.accepted, told.accepted),
        dropped_kernel: less(now.dropped_kernel, told.dropped_kernel),
        delivered: less(now.delivered, told.delivered),
    }
}

fn sum(a: &InterfaceCounters, b: &InterfaceCounters) -> InterfaceCounters {
    let add = |a: Option<u64>, b: Option<u64>| match (a, b) {
        (Some(a), Some(b)) => Some(a.saturating_add(b)),
        (a, b) => a.or(b),
    };
    InterfaceCounters {
        start: a.start.into_iter().chain(b.start).min(),
        end: a.end.max(b.end),
        received: add(a.received, b.received),
        dropped_interface: add(a.dropped_interface, b.dropped_interface),
        accepted: add(a.accepted, b.accepted),
        dropped_kernel: add(a.dropped_kernel, b.dropped_kernel),
        delivered: add(a.delivered, b.delivered),
    }
}
