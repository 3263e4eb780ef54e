//! The letters of Zeek's `history`, and when one is written again.
//!
//! Upper case is the originator at the time of writing: a connection that is turned round later keeps the letters it has.

use super::role::Role;
use crate::flow::room::Room;
use std::borrow::Cow;

/// Most letters of a connection. Each RST with another number writes one, and there may be any number of those.
const MOST: usize = 4096;
/// Up to here letters are part of a flow's own size; beyond, they take from the memory that lists share.
const FREE: usize = 64;

/// So many letters stand in the history itself; few connections have more.
const FIRST: usize = 15;

/// The letters, and which were written.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    first: [u8; FIRST],
    /// How many of them there are.
    len: u8,
    /// By role, a bit a letter. They stay with the role when the roles are turned.
    seen: [u32; 2],
    /// All letters, once they are more.
    all: Option<Box<All>>,
}

#[derive(Clone, Debug)]
struct All {
    letters: Vec<u8>,
    /// Bytes taken from the shared memory.
    taken: usize,
}

impl History {
    pub(super) fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.as_bytes())
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        match &self.all {
            Some(all) => &all.letters,
            None => &self.first[..usize::from(self.len)],
        }
    }

    /// Writes an upper-case letter or its lower-case form.
    pub(super) fn write(&mut self, role: Role, letter: u8, room: &mut Room) {
        self.push(if role.is_originator() { letter } else { letter.to_ascii_lowercase() }, room);
    }

    /// Writes a letter that has no side.
    pub(super) fn push(&mut self, letter: u8, room: &mut Room) {
        if let Some(all) = &mut self.all {
            return all.push(letter, room);
        }
        if let Some(place) = self.first.get_mut(usize::from(self.len)) {
            (*place, self.len) = (letter, self.len + 1);
            return;
        }
        let mut letters = Vec::with_capacity(2 * FIRST + 2);
        letters.extend_from_slice(&self.first);
        letters.push(letter);
        self.all = Some(Box::new(All { letters, taken: 0 }));
    }

    /// Writes a letter that a side writes once; `false` if it has.
    pub(super) fn once(&mut self, role: Role, letter: u8, room: &mut Room) -> bool {
        if self.has(role, letter) {
            return false;
        }
        self.seen[role.index()] |= mark(letter);
        self.write(role, letter, room);
        true
    }

    /// Has a side written a letter that it writes once?
    pub(super) const fn has(&self, role: Role, letter: u8) -> bool {
        self.seen[role.index()] & mark(letter) != 0
    }

    /// The SYN-ACK that began it was the responder's.
    pub(super) fn replace_with_turned_answer(&mut self) {
        self.first[..2].copy_from_slice(b"^h");
        self.len = 2;
    }

    /// The connection is over.
    pub(super) fn release(&mut self, room: &mut Room) {
        if let Some(all) = self.all.take() {
            room.give_back(all.taken);
        }
    }
}

impl All {
    fn push(&mut self, letter: u8, room: &mut Room) {
        let (len, capacity) = (self.letters.len(), self.letters.capacity());
        if len == capacity {
            let more = capacity;
            if len + more > MOST || (len >= FREE && !room.take(more)) {
                return;
            }
            self.taken += if len >= FREE { more } else { 0 };
            self.letters.reserve_exact(more);
        }
        self.letters.push(letter);
    }
}

/// The bit of a letter. SYN and SYN-ACK share theirs.
const fn mark(letter: u8) -> u32 {
    1 << (if letter == b'H' { b'S' } else { letter } & 31)
}

/// Something that writes a letter the 1st, 10th, 100th … time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Scaled(u64);

impl Scaled {
    /// It happened again: is a letter due?
    pub(super) const fn is_due(&mut self) -> bool {
        self.0 += 1;
        10u64.pow(self.0.ilog10()) == self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scaled_letters_come_by_tens() {
        let mut scaled = Scaled::default();
        let due: Vec<u32> = (1..=2000).filter(|_| scaled.is_due()).collect();
        assert_eq!(due, [1, 10, 100, 1000]);
    }

    #[test]
    fn a_side_writes_a_letter_once_and_the_other_its_own() {
        let (mut history, mut room) = (History::default(), Room::new(0));
        for role in [Role::Originator, Role::Responder, Role::Originator] {
            history.once(role, b'A', &mut room);
        }
        assert_eq!(history.text(), "Aa");
    }

    #[test]
    fn letters_are_bounded_by_shared_memory_and_give_it_back() {
        let (mut history, mut room) = (History::default(), Room::new(200));
        (0..100_000).for_each(|_| history.push(b'R', &mut room));
        assert!(history.text().len() <= FREE + 200, "{}", history.text().len());
        history.release(&mut room);
        assert!(room.take(200) && !room.take(1), "all was given back");
        let (mut history, mut room) = (History::default(), Room::new(1 << 20));
        (0..100_000).for_each(|_| history.push(b'R', &mut room));
        assert!(history.text().len() <= MOST);
    }
}
