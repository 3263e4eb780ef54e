//! The flows under way: found by key in constant time, and kept in one queue per timeout class, least recently seen first, so
//! that expiry and eviction are constant time, too. Slots are reused; nothing here grows beyond the number of flows at one time.

use super::flow::{Body, Flow};
use super::key::FlowKey;
use super::timeout::{CLASSES, Class, Timeouts};
use crate::model::Timestamp;
use hashbrown::HashTable;

/// No slot.
const NIL: u32 = u32::MAX;

/// The most flows that slots can be numbered for.
pub(super) const MOST: usize = NIL as usize;

/// A flow's neighbours in its queue. Beside the flows and not in them: a packet moves its flow to the queue's end, which
/// touches both neighbours, and a million of these eight bytes fit a cache that the flows do not.
#[derive(Clone, Copy, Debug)]
struct Links {
    prev: u32,
    next: u32,
}

/// Places by which the table grows, and bytes of one.
const SLOTS: usize = 4096;
const SLOT: usize = size_of::<Flow>() + size_of::<Links>();

#[derive(Clone, Copy, Debug)]
struct Queue {
    head: u32,
    tail: u32,
}

/// The table. Slots are named by their number.
#[derive(Debug)]
pub(super) struct Table {
    index: HashTable<u32>,
    flows: Vec<Flow>,
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
            index: HashTable::new(),
            flows: Vec::new(),
            links: Vec::new(),
            free: NIL,
            queues: [Queue { head: NIL, tail: NIL }; CLASSES],
            timeouts,
            quiet_until: Timestamp::MAX,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    pub(super) fn find(&self, hash: u64, key: &FlowKey) -> Option<u32> {
        self.index.find(hash, |&slot| self.flows[slot as usize].key == *key).copied()
    }

    pub(super) fn get(&self, slot: u32) -> &Flow {
        &self.flows[slot as usize]
    }

    pub(super) fn get_mut(&mut self, slot: u32) -> &mut Flow {
        &mut self.flows[slot as usize]
    }

    /// Takes in a flow whose key is not in the table, at the end of its class's queue.
    pub(super) fn insert(&mut self, flow: Flow, now: Timestamp) -> u32 {
        let (hash, class) = (flow.hash, flow.class);
        let slot = if self.free == NIL {
            if self.flows.len() == self.flows.capacity() {
                // Not doubled: half of the memory might then never be used.
                self.flows.reserve_exact(SLOTS);
                self.links.reserve_exact(SLOTS);
            }
            self.flows.push(flow);
            self.links.push(Links { prev: NIL, next: NIL });
            (self.flows.len() - 1) as u32
        } else {
            let slot = self.free;
            self.free = self.links[slot as usize].next;
            self.flows[slot as usize] = flow;
            slot
        };
        let flows = &self.flows;
        self.index.insert_unique(hash, slot, |&slot| flows[slot as usize].hash);
        self.append(slot, class, now);
        slot
    }

    /// A packet of the flow was seen, and it now waits for what `class` says.
    pub(super) fn touch(&mut self, slot: u32, class: Class, now: Timestamp) {
        let flow = &mut self.flows[slot as usize];
        if flow.class == class && self.queues[class as usize].tail == slot {
            flow.touched = now;
            return;
        }
        self.unlink(slot);
        self.append(slot, class, now);
    }

    /// The flow's last packet was seen now and not when it was said to be.
    pub(super) fn touch_again(&mut self, slot: u32, now: Timestamp) {
        if let Some(flow) = self.flows.get(slot as usize)
            && !matches!(flow.body, Body::Free)
        {
            self.touch(slot, flow.class, now);
        }
    }

    /// Gives a slot free.
    pub(super) fn release(&mut self, slot: u32) {
        self.unlink(slot);
        let flow = &mut self.flows[slot as usize];
        if let Ok(entry) = self.index.find_entry(flow.hash, |&other| other == slot) {
            entry.remove();
        }
        flow.body = Body::Free;
        flow.icmp = None;
        flow.tunnel = None;
        flow.zeek = None;
        self.links[slot as usize] = Links { prev: NIL, next: self.free };
        self.free = slot;
    }

    /// A flow that has been silent for too long, if there is one.
    pub(super) fn expired(&mut self, now: Timestamp) -> Option<u32> {
        if now < self.quiet_until {
            return None;
        }
        let mut quiet_until = Timestamp::MAX;
        for class in Class::ALL {
            let head = self.queues[class as usize].head;
            if head == NIL {
                continue;
            }
            let due = self.flows[head as usize].touched + self.timeouts.of(class);
            if due <= now {
                return Some(head);
            }
            quiet_until = quiet_until.min(due);
        }
        self.quiet_until = quiet_until;
        None
    }

    /// The flow to give up when there is no room: the longest silent one of the first class that has any.
    pub(super) fn victim(&self) -> Option<u32> {
        self.queues.iter().map(|queue| queue.head).find(|&head| head != NIL)
    }

    /// Slots, free ones counted.
    pub(super) fn slots(&self) -> usize {
        self.flows.len()
    }

    /// Bytes that the next flow needs for its place, where none is free.
    pub(super) fn growth(&self) -> usize {
        let slots = if self.free == NIL && self.flows.len() == self.flows.capacity() { SLOTS * SLOT } else { 0 };
        // It doubles, and the old one is there until all have moved.
        let index = if self.index.len() == self.index.capacity() { self.index.allocation_size() * 2 } else { 0 };
        slots + index
    }

    /// Bytes of all places, free ones counted.
    pub(super) fn slot_bytes(&self) -> usize {
        self.flows.capacity() * SLOT + self.index.allocation_size()
    }

    /// Bytes that [`Self::in_order`] needs.
    pub(super) fn at_end(&self) -> usize {
        self.len() * size_of::<u32>()
    }

    /// The flow to give up when memory is short: one that holds some beside its place, which is kept for the next flow.
    pub(super) fn holder(&self) -> Option<u32> {
        let heads = self.queues.iter().map(|queue| queue.head).filter(|&head| head != NIL);
        heads.into_iter().find(|&head| self.get(head).has_boxes()).or_else(|| self.victim())
    }

    /// At most so many flows from a slot on; those of free slots have [`Body::Free`].
    pub(super) fn some_from(&mut self, slot: u32, count: usize) -> impl Iterator<Item = &mut Flow> {
        self.flows.iter_mut().skip(slot as usize).take(count)
    }

    /// Slots in use, in order of first packet.
    pub(super) fn in_order(&self) -> Vec<u32> {
        let mut slots: Vec<u32> = self.index.iter().copied().collect();
        slots.sort_unstable_by_key(|&slot| {
            let flow = self.get(slot);
            (flow.start, flow.first_source, flow.first_number, flow.number)
        });
        slots
    }

    fn append(&mut self, slot: u32, class: Class, now: Timestamp) {
        let queue = &mut self.queues[class as usize];
        self.links[slot as usize] = Links { prev: queue.tail, next: NIL };
        match queue.tail {
            NIL => queue.head = slot,
            tail => self.links[tail as usize].next = slot,
        }
        queue.tail = slot;
        let flow = &mut self.flows[slot as usize];
        (flow.class, flow.touched) = (class, now);
        self.quiet_until = self.quiet_until.min(now + self.timeouts.of(class));
    }

    fn unlink(&mut self, slot: u32) {
        let Links { prev, next } = self.links[slot as usize];
        let queue = &mut self.queues[self.flows[slot as usize].class as usize];
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
