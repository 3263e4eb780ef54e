//! The last IP identifications of a sender, to see whether one is missing. Where each was one more than the one before, as of a
//! sender that counts the packets of a connection, the newest and their number say it all.

/// Identifications remembered.
const RECENT: usize = 16;

/// An identification and the packets that it stands for: more than one of merged packets.
type Id = (u16, u16);

/// The last identifications, newest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Ids {
    newest: Id,
    /// So many were each one more than the one before and stood for one packet, but for the newest, which may stand for more.
    run: u8,
    /// Where the newest one stands in the ring. Here, so that a packet writes there and need not wait to read.
    at: u8,
    /// All of them, once they were anything else.
    ring: Option<Box<[Id; RECENT]>>,
}

impl Ids {
    /// The newest one; 0 if there is none.
    pub(super) const fn newest(&self) -> Id {
        self.newest
    }

    /// Takes another one, not 0.
    #[inline]
    pub(super) fn push(&mut self, id: u16, parts: u16) {
        let last = std::mem::replace(&mut self.newest, (id, parts));
        if let Some(ring) = &mut self.ring {
            self.at = (self.at + 1) % RECENT as u8;
            ring[usize::from(self.at)] = self.newest;
        } else if self.run == 0 || (last.1 == 1 && id == last.0.wrapping_add(1)) {
            self.run = (self.run + 1).min(RECENT as u8);
        } else {
            self.end_run(last);
        }
    }

    /// Writes down the run that ended with `last`, and the newest one.
    #[cold]
    fn end_run(&mut self, last: Id) {
        let run = self.run;
        let mut ids = [(0, 0); RECENT];
        for (place, back) in ids.iter_mut().zip((0..u16::from(run)).rev()) {
            *place = (last.0.wrapping_sub(back), if back == 0 { last.1 } else { 1 });
        }
        self.at = run % RECENT as u8;
        ids[usize::from(self.at)] = self.newest;
        self.ring = Some(Box::new(ids));
    }

    /// From this identification on: the last one before one is missing.
    pub(super) fn unbroken_from(&self, id: u16) -> u16 {
        let Some(ring) = &self.ring else { return self.unbroken_in_run(id) };
        let mut at = id;
        // Each of the packets remembered can be the next one once.
        for _ in 0..RECENT {
            let next = at.wrapping_add(1);
            let Some(&(first, parts)) = ring.iter().find(|(first, parts)| *first != 0 && next.wrapping_sub(*first) < *parts)
            else {
                break;
            };
            at = first.wrapping_add(parts - 1);
        }
        at
    }

    fn unbroken_in_run(&self, id: u16) -> u16 {
        let (newest, parts) = self.newest;
        let Some(before) = u16::from(self.run).checked_sub(1) else { return id };
        let first = newest.wrapping_sub(before);
        let within = id.wrapping_add(1).wrapping_sub(first) < before.saturating_add(parts);
        if within { newest.wrapping_add(parts - 1) } else { id }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    /// The rule written down plainly.
    fn unbroken(ids: &VecDeque<Id>, id: u16) -> u16 {
        let mut at = id;
        for _ in 0..RECENT {
            let next = at.wrapping_add(1);
            match ids.iter().find(|(first, parts)| next.wrapping_sub(*first) < *parts) {
                Some(&(first, parts)) => at = first.wrapping_add(parts - 1),
                None => break,
            }
        }
        at
    }

    proptest! {
        #[test]
        fn a_run_is_as_its_parts(start in 1u16.., steps in prop::collection::vec((0u16..4, 0u8..8), 0..60), from in 0u16..100) {
            let (mut ids, mut plain) = (Ids::default(), VecDeque::new());
            let mut id = start;
            for (step, odd) in steps {
                let parts = if odd == 0 { 3 } else { 1 };
                ids.push(id, parts);
                plain.push_back((id, parts));
                if plain.len() > RECENT {
                    plain.pop_front();
                }
                let asked = id.wrapping_sub(from % 40).wrapping_add(3);
                prop_assert_eq!(ids.newest(), (id, parts));
                prop_assert_eq!(ids.unbroken_from(asked), unbroken(&plain, asked));
                let step = if odd < 6 { parts } else { step };
                id = id.wrapping_add(step).max(1);
            }
        }
    }
}
