//! Which packets of a story are told one by one and which as one: plain ones in a row, never across packets that were not kept.

use crate::story::{Story, Told};
use std::borrow::Borrow;

/// Plain packets in a row that are told one by one.
const FEW: usize = 4;

/// What is told next.
#[derive(Debug)]
pub(super) enum Part<'t, T> {
    /// A packet.
    One(&'t T),
    /// Plain ones, at least [`FEW`].
    Alike(&'t [T]),
    /// So many packets are missing here: there was no room to keep them.
    LeftOut(u64),
}

/// Goes through the packets of a story, or of a part of it.
#[derive(Debug)]
pub(super) struct Runs<'t, T> {
    rest: &'t [T],
    each: bool,
    /// The step before which some were left out, and how many.
    gap: Option<(usize, u64)>,
}

impl<'t, T: Borrow<Told>> Runs<'t, T> {
    /// The packets of `told`, all one by one with `each`.
    pub(super) const fn of(story: &Story, told: &'t [T], each: bool) -> Self {
        let gap = match story.gap_at {
            Some(at) => Some((at, story.left_out)),
            None => None,
        };
        Self { rest: told, each, gap }
    }
}

impl<'t, T: Borrow<Told>> Iterator for Runs<'t, T> {
    type Item = Part<'t, T>;

    fn next(&mut self) -> Option<Part<'t, T>> {
        let (first, behind) = self.rest.split_first()?;
        let here = first.borrow().step;
        if let Some((_, packets)) = self.gap.take_if(|(at, _)| *at == here) {
            return Some(Part::LeftOut(packets));
        }
        if !self.each {
            let end = self.gap.map_or(usize::MAX, |(at, _)| at);
            // A gap in front of the first of them was told.
            let plain = |told: &&T| (*told).borrow().plain && (*told).borrow().step != end;
            let alike = self.rest.iter().take_while(plain).count();
            if alike >= FEW {
                let (run, behind) = self.rest.split_at(alike);
                self.rest = behind;
                return Some(Part::Alike(run));
            }
        }
        self.rest = behind;
        Some(Part::One(first))
    }
}
