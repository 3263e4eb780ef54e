//! The letters of Zeek's `history`, and when one is written again.
//!
//! Upper case is the originator at the time of writing: a connection that is turned round later keeps the letters it has.

use super::role::Role;
use crate::flow::room::Room;

/// Most letters of a connection. Each RST with another number writes one, and there may be any number of those.
const MOST: usize = 4096;
/// Up to here letters are part of a flow's own size; beyond, they take from the memory that lists share.
const FREE: usize = 64;

/// The letters, and which were written.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    letters: Vec<u8>,
    /// By role, a bit a letter. They stay with the role when the roles are turned.
    seen: [u32; 2],
    /// Bytes taken from the shared memory.
    taken: usize,
}

impl History {
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.letters).into_owned()
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.letters
    }

    /// Writes an upper-case letter or its lower-case form.
    pub(super) fn write(&mut self, role: Role, letter: u8, room: &mut Room) {
        self.push(if role.is_originator() { letter } else { letter.to_ascii_lowercase() }, room);
    }

    /// Writes a letter that has no side.
    pub(super) fn push(&mut self, letter: u8, room: &mut Room) {
        let (len, capacity) = (self.letters.len(), self.letters.capacity());
        if len == capacity {
            let more = capacity.max(8);
            if len + more > MOST || (len >= FREE && !room.take(more)) {
                return;
            }
            self.taken += if len >= FREE { more } else { 0 };
            self.letters.reserve_exact(more);
        }
        self.letters.push(letter);
    }

    /// Writes a letter that a side writes once; `false` if it has.
    pub(super) fn once(&mut self, role: Role, letter: u8, room: &mut Room) -> bool {
        // SYN and SYN-ACK share their mark.
        let mark = if letter == b'H' { b'S' } else { letter };
        let bit = 1 << (mark & 31);
        let seen = &mut self.seen[role.index()];
        if *seen & bit != 0 {
            return false;
        }
        *seen |= bit;
        self.write(role, letter, room);
        true
    }

    /// The SYN-ACK that began it was the responder's.
    pub(super) fn replace_with_turned_answer(&mut self) {
        self.letters.clear();
        self.letters.extend_from_slice(b"^h");
    }

    /// The connection is over.
    pub(super) fn release(&mut self, room: &mut Room) {
        room.give_back(std::mem::take(&mut self.taken));
        self.letters = Vec::new();
    }
}

/// Something that writes a letter the 1st, 10th, 100th … time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scaled {
    count: u64,
    next: u64,
}

impl Default for Scaled {
    fn default() -> Self {
        Self { count: 0, next: 1 }
    }
}

impl Scaled {
    /// It happened again: is a letter due?
    pub(super) const fn is_due(&mut self) -> bool {
        self.count += 1;
        if self.count == self.next {
            self.next = self.next.saturating_mul(10);
            return true;
        }
        false
    }
}

/// The number that the last SYN, FIN or RST of a side had: another one is worth its letter again.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LastOfKind {
    pub(super) syn: u64,
    pub(super) fin: u64,
    pub(super) rst: u64,
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
