//! Which interface of which source is which interface of the pcapng file being written.

use crate::model::{Frame, InterfaceCounters, InterfaceInfo, LinkType, SourceInfo};
use crate::pcapfile::write;
use std::collections::HashMap;

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
    /// By id, with their comments.
    counters: Vec<(u32, InterfaceCounters, Vec<String>)>,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    id: u32,
    link: LinkType,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Odd {
    source: u16,
    interface: u32,
    link: LinkType,
    before_1970: bool,
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
        let odd = Odd { source: frame.source, interface: frame.interface, link: frame.link, before_1970 };
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

    fn block(&mut self, out: &mut Vec<u8>, source: usize, interface: u32, link: LinkType, before_1970: bool) -> u32 {
        let unknown = InterfaceInfo::default();
        let info = self.described.get(source).and_then(|s| s.get(interface as usize)).unwrap_or(&unknown);
        let mut bytes = Vec::new();
        write::interface(&mut bytes, info, link, before_1970);
        *self.blocks.entry((bytes, interface)).or_insert_with_key(|(bytes, _)| {
            out.extend_from_slice(bytes);
            self.count += 1;
            self.count - 1
        })
    }

    /// Takes counters of a source's interface, to be written at the end. Those of one interface in several files add up.
    pub(super) fn count(&mut self, source: u16, interface: u32, counters: &InterfaceCounters, comments: &[String]) {
        let slot = self.slots.get(usize::from(source)).and_then(|s| s.get(interface as usize));
        let Some(Some(slot)) = slot else { return };
        self.counters.push((slot.id, *counters, comments.to_vec()));
    }

    /// The counters taken, one entry an interface, in the order of ids.
    pub(super) fn take_counters(&mut self) -> Vec<(u32, InterfaceCounters, Vec<String>)> {
        let mut all = std::mem::take(&mut self.counters);
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
