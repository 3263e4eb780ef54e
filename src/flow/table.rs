//! The flows under way: found by key in constant time, and kept in one queue per timeout class, least recently seen first, so
//! that expiry and eviction are constant time, too. Slots are reused; nothing here grows beyond the number of flows at one time.

use super::flow::{Body, Flow};
use super::index::{Index, NIL, tag_of};
use super::key::FlowKey;
use super::prefetch::prefetch;
use super::timeout::{CLASSES, Class, Timeouts};
use crate::model::Timestamp;

/// The most flows that a table can have: more than memory has room for.
pub(super) const MOST: usize = 1 << 31;

/// Flows of a chunk of memory, as a power of two. Flows are never moved, so a table that grows never stops to copy them.
const CHUNK_BITS: u32 = 12;
const CHUNK: usize = 1 << CHUNK_BITS;

/// A flow's neighbours in its queue. Beside the flows and not in them: a packet moves its flow to the queue's end, which
/// touches both neighbours, and a million of these eight bytes fit a cache that the flows do not.
#[derive(Clone, Copy, Debug)]
struct Links {
    prev: u32,
    next: u32,
}

/// What flows are put in order by.
type Ordered = (Timestamp, u32);

#[derive(Clone, Copy, Debug)]
struct Queue {
    head: u32,
    tail: u32,
    /// How many stand in it.
    len: u32,
}

/// The part of all flows that a class may keep when there is no room, unless its flows are over: a sixteenth. So a flood of attempts
/// takes the place of other attempts, and a few attempts in a table full of open connections are not given up before they are answered.
/// Of twelve classes one always has more.
const KEPT: usize = 16;

/// The table. Slots are named by their number.
#[derive(Debug)]
pub(super) struct Table {
    index: Index,
    chunks: Vec<Vec<Flow>>,
    links: Vec<Links>,
    /// First free slot; the next is in its links.
    free: u32,
    queues: [Queue; CLASSES],
    timeouts: Timeouts,
    /// No flow expires before this moment.
    quiet_until: Timestamp,
}

impl Table {
    pub(super) fn new(timeouts: Timeouts) -> Self {
        Self {
            index: Index::default(),
            chunks: Vec::new(),
            links: Vec::new(),
            free: NIL,
            queues: [Queue { head: NIL, tail: NIL, len: 0 }; CLASSES],
            timeouts,
            quiet_until: Timestamp::MAX,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    /// The slot of the flow with this key and its hash.
    #[inline]
    pub(super) fn find(&self, hash: u64, key: &FlowKey) -> Option<u32> {
        self.index.find(tag_of(hash), |slot| self.get(slot).key == *key)
    }

    /// Asks for the memory where the slot of this hash stands.
    #[inline]
    pub(super) fn fetch_place(&self, hash: u64) {
        self.index.fetch(tag_of(hash));
    }

    /// Asks for the memory of the flow that this hash seems to be of, if there is one.
    #[inline]
    pub(super) fn fetch_flow(&self, hash: u64) -> Option<u32> {
        let slot = self.index.find(tag_of(hash), |_| true)?;
        prefetch(self.get(slot), usize::MAX);
        prefetch(&self.links[slot as usize], 1);
        Some(slot)
    }

    /// Asks for the memory of the flow's neighbours in its queue, and gives the flow.
    #[inline]
    pub(super) fn fetch_neighbours(&self, slot: u32) -> &Flow {
        let Links { prev, next } = self.links[slot as usize];
        for neighbour in [prev, next] {
            if let Some(links) = self.links.get(neighbour as usize) {
                prefetch(links, 1);
            }
        }
        self.get(slot)
    }

    #[inline]
    pub(super) fn get(&self, slot: u32) -> &Flow {
        &self.chunks[slot as usize >> CHUNK_BITS][slot as usize % CHUNK]
    }

    #[inline]
    pub(super) fn get_mut(&mut self, slot: u32) -> &mut Flow {
        &mut self.chunks[slot as usize >> CHUNK_BITS][slot as usize % CHUNK]
    }

    /// Takes in a flow whose key is not in the table, at the end of its class's queue.
    pub(super) fn insert(&mut self, flow: Flow, now: Timestamp) -> u32 {
        let (tag, class) = (flow.tag, flow.class);
        let slot = if self.free == NIL {
            self.push(flow)
        } else {
            let slot = self.free;
            self.free = self.links[slot as usize].next;
            *self.get_mut(slot) = flow;
            slot
        };
        self.index.insert(tag, slot);
        self.append(slot, class, now);
        slot
    }

    /// A slot that was never used.
    fn push(&mut self, flow: Flow) -> u32 {
        let slot = self.links.len();
        if slot.is_multiple_of(CHUNK) {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        if let Some(chunk) = self.chunks.last_mut() {
            chunk.push(flow);
        }
        self.links.push(Links { prev: NIL, next: NIL });
        slot as u32
    }

    /// A packet of the flow was seen, and it now waits for what `class` says.
    #[inline]
    pub(super) fn touch(&mut self, slot: u32, class: Class, now: Timestamp) {
        let last = self.queues[class as usize].tail == slot;
        let flow = self.get_mut(slot);
        if flow.class == class && last {
            flow.touched = now;
            return;
        }
        self.unlink(slot);
        self.append(slot, class, now);
    }

    /// The flow's last packet was seen now and not when it was said to be.
    pub(super) fn touch_again(&mut self, slot: u32, now: Timestamp) {
        let flow = self.get(slot);
        if !matches!(flow.body, Body::Free) {
            self.touch(slot, flow.class, now);
        }
    }

    /// Gives a slot free.
    pub(super) fn release(&mut self, slot: u32) {
        self.unlink(slot);
        let flow = self.get_mut(slot);
        flow.body = Body::Free;
        flow.icmp = None;
        flow.tunnel = None;
        flow.zeek = None;
        let tag = flow.tag;
        self.index.remove(tag, slot);
        self.links[slot as usize] = Links { prev: NIL, next: self.free };
        self.free = slot;
    }

    /// No flow is silent for too long before this moment.
    pub(super) const fn quiet_until(&self) -> Timestamp {
        self.quiet_until
    }

    /// A flow that has been silent for too long, if there is one.
    #[inline]
    pub(super) fn expired(&mut self, now: Timestamp) -> Option<u32> {
        if now < self.quiet_until { None } else { self.look_for_expired(now) }
    }

    fn look_for_expired(&mut self, now: Timestamp) -> Option<u32> {
        let mut quiet_until = Timestamp::MAX;
        for class in Class::ALL {
            let head = self.queues[class as usize].head;
            if head == NIL {
                continue;
            }
            let due = self.get(head).touched + self.timeouts.of(class);
            if due <= now {
                return Some(head);
            }
            quiet_until = quiet_until.min(due);
        }
        self.quiet_until = quiet_until;
        None
    }

    /// The flow to give up when there is no room: the longest silent one of the first class that has more than it may keep.
    /// Not this one, if there is another.
    pub(super) fn victim(&self, spared: u32) -> Option<u32> {
        self.give_up(spared, |_| true)
    }

    /// The flow to give up when memory is short: of a class whose longest silent one holds some beside its place, which is kept for the next flow. Not this one, in
    /// which a packet was put just now, if there is another.
    pub(super) fn holder(&self, spared: u32) -> Option<u32> {
        self.give_up(spared, Flow::has_boxes).or_else(|| self.give_up(spared, |_| true))
    }

    fn give_up(&self, spared: u32, suits: impl Fn(&Flow) -> bool) -> Option<u32> {
        let mut less = None;
        for (class, queue) in Class::ALL.into_iter().zip(&self.queues) {
            let first = if queue.head == spared && spared != NIL { self.links[spared as usize].next } else { queue.head };
            if first == NIL || !suits(self.get(first)) {
                continue;
            }
            if class.is_over() || queue.len as usize > self.len() / KEPT {
                return Some(first);
            }
            less = less.or(Some(first));
        }
        less
    }

    /// Slots, free ones counted.
    pub(super) fn slots(&self) -> usize {
        self.links.len()
    }

    /// Is there a slot for another flow?
    pub(super) const fn has_free(&self) -> bool {
        self.free != NIL
    }

    /// Bytes that the next flow needs for its place, where none is free.
    pub(super) fn growth(&self) -> usize {
        let new = self.free == NIL;
        let chunk = if new && self.links.len().is_multiple_of(CHUNK) { CHUNK * size_of::<Flow>() } else { 0 };
        let links = if new && self.links.len() == self.links.capacity() { self.links.capacity() * size_of::<Links>() } else { 0 };
        chunk + links + self.index.growth()
    }

    /// Bytes of all places, free ones counted.
    pub(super) fn slot_bytes(&self) -> usize {
        self.chunks.len() * CHUNK * size_of::<Flow>() + self.links.capacity() * size_of::<Links>() + self.index.bytes()
    }

    /// Bytes that [`Self::in_order`] needs.
    pub(super) fn at_end(&self) -> usize {
        self.len() * size_of::<Ordered>()
    }

    /// At most so many flows from a slot on; those of free slots have [`Body::Free`].
    pub(super) fn some_from(&mut self, slot: u32, count: usize) -> impl Iterator<Item = &mut Flow> {
        self.chunks.iter_mut().skip(slot as usize >> CHUNK_BITS).flatten().skip(slot as usize % CHUNK).take(count)
    }

    /// Slots in use, in order of first packet.
    pub(super) fn in_order(&self) -> Vec<u32> {
        // With their times beside them, which differ nearly always: one look at each flow instead of two for each comparison.
        let mut slots: Vec<Ordered> = (0..self.links.len() as u32)
            .map(|slot| (self.get(slot), slot))
            .filter(|(flow, _)| !matches!(flow.body, Body::Free))
            .map(|(flow, slot)| (flow.start, slot))
            .collect();
        let rest = |slot: u32| {
            let flow = self.get(slot);
            (flow.first_source, flow.first_number, flow.number, slot)
        };
        slots.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| rest(a.1).cmp(&rest(b.1))));
        slots.into_iter().map(|(_, slot)| slot).collect()
    }

    fn append(&mut self, slot: u32, class: Class, now: Timestamp) {
        let queue = &mut self.queues[class as usize];
        self.links[slot as usize] = Links { prev: queue.tail, next: NIL };
        match queue.tail {
            NIL => queue.head = slot,
            tail => self.links[tail as usize].next = slot,
        }
        queue.tail = slot;
        queue.len += 1;
        let flow = self.get_mut(slot);
        (flow.class, flow.touched) = (class, now);
        self.quiet_until = self.quiet_until.min(now + self.timeouts.of(class));
    }

    fn unlink(&mut self, slot: u32) {
        let Links { prev, next } = self.links[slot as usize];
        let class = self.get(slot).class;
        let queue = &mut self.queues[class as usize];
        queue.len -= 1;
        match prev {
            NIL => queue.head = next,
            prev => self.links[prev as usize].next = next,
        }
        match next {
            NIL => queue.tail = prev,
            next => self.links[next as usize].prev = prev,
        }
    }
}
