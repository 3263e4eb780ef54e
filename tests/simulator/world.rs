//! The clock, the two hosts, the way between them, and what passes at the three taps.

use crate::conditions::Conditions;
use crate::endpoint::{Awake, Counters, Endpoint, MS, Timer};
use crate::link::{Exit, Pipe};
use crate::rng::Rng;
use crate::truth::TAPS;
use crate::wire::{Host, Segment};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::rc::Rc;

/// A segment passes a tap.
#[derive(Clone, Debug)]
pub(crate) struct Passing {
    pub(crate) at: i64,
    pub(crate) segment: Rc<Segment>,
    pub(crate) marked: bool,
}

/// What happened.
pub(crate) struct History {
    pub(crate) conditions: Conditions,
    pub(crate) isn: [u32; 2],
    pub(crate) taps: [Vec<Passing>; TAPS],
    pub(crate) counters: [Counters; 2],
    /// Resends that brought their receiver nothing new.
    pub(crate) needless: HashSet<u64>,
    /// All that was written arrived and both ends closed.
    pub(crate) complete: bool,
}

enum What {
    /// At the middle: `from` says which way it goes.
    Middle(Passing),
    /// At the other host's interface.
    Arrives(Passing),
    /// In the other host's TCP.
    Taken(Passing),
    Rings(Host, Timer),
}

struct World {
    now: i64,
    rng: Rng,
    hosts: [Endpoint; 2],
    /// `[direction][half]`.
    pipes: [[Pipe; 2]; 2],
    queue: BinaryHeap<Reverse<(i64, u64)>>,
    whats: HashMap<u64, What>,
    count: u64,
    next_id: u64,
    taps: [Vec<Passing>; TAPS],
    /// When each host's interface, and its TCP, is free again.
    leaves: [i64; 2],
    takes: [i64; 2],
    arrived: [Vec<Rc<Segment>>; 2],
}

/// Lets it happen.
pub(crate) fn run(conditions: Conditions) -> History {
    let mut rng = Rng::new(conditions.seed, 2);
    let isn =
        [0, 1].map(|_| if conditions.wraps { 0_u32.wrapping_sub(rng.between(1, 60_000) as u32) } else { rng.next() as u32 });
    let hosts = [0, 1].map(|host| Endpoint::new(host, conditions.habits(host), &mut rng));
    let mut world = World {
        now: 1_760_000_000_000_000_000 + rng.between(0, 1_000_000_000),
        hosts,
        pipes: conditions.pipes(),
        rng,
        queue: BinaryHeap::new(),
        whats: HashMap::new(),
        count: 0,
        next_id: 0,
        taps: [const { Vec::new() }; TAPS],
        leaves: [0; 2],
        takes: [0; 2],
        arrived: [const { Vec::new() }; 2],
    };
    let end = world.now + 300_000 * MS;
    world.wake(0, Endpoint::connect);
    while let Some(Reverse((at, id))) = world.queue.pop()
        && at < end
        && world.next_id < 20_000
    {
        world.now = at;
        let what = world.whats.remove(&id).expect("queued once");
        world.handle(what);
        if world.hosts.iter().all(Endpoint::is_done) && world.whats.values().all(|what| matches!(what, What::Rings(..))) {
            break;
        }
    }
    let [a, b] = &world.hosts;
    let complete = a.is_done() && b.is_done() && a.received() == b.written() && b.received() == a.written();
    let counters = [a.counters, b.counters];
    for tap in &mut world.taps {
        tap.sort_by_key(|passing| passing.at);
    }
    let needless = needless(&world.taps, &world.arrived);
    History { conditions, isn, taps: world.taps, counters, needless, complete }
}

impl World {
    fn at(&mut self, at: i64, what: What) {
        self.count += 1;
        self.queue.push(Reverse((at, self.count)));
        self.whats.insert(self.count, what);
    }

    fn handle(&mut self, what: What) {
        match what {
            What::Rings(host, timer) => self.wake(host, |it, awake| it.on_timer(timer, awake)),
            What::Middle(passing) => {
                self.taps[1].push(passing.clone());
                self.carry(&passing, 1);
            }
            What::Arrives(passing) => {
                let to = 1 - passing.segment.from;
                self.taps[if to == 0 { 0 } else { 2 }].push(passing.clone());
                // Interrupts and queues of the host.
                let at = (self.now + self.rng.between(3_000, 20_000)).max(self.takes[to] + 1);
                self.takes[to] = at;
                self.at(at, What::Taken(passing));
            }
            What::Taken(passing) => {
                let segment = passing.segment;
                let to = 1 - segment.from;
                self.arrived[segment.from].push(Rc::clone(&segment));
                self.wake(to, |it, awake| it.on_segment(&segment, passing.marked, awake));
            }
        }
    }

    fn wake(&mut self, host: Host, work: impl FnOnce(&mut Endpoint, &mut Awake<'_>)) {
        let mut awake =
            Awake { now: self.now, rng: &mut self.rng, next_id: &mut self.next_id, out: Vec::new(), alarms: Vec::new() };
        work(&mut self.hosts[host], &mut awake);
        let (out, alarms) = (awake.out, awake.alarms);
        for (timer, at) in alarms {
            self.at(at, What::Rings(host, timer));
        }
        for segment in out {
            let at = (self.now + 1_000).max(self.leaves[host] + 500);
            self.leaves[host] = at;
            let passing = Passing { at, segment: Rc::new(segment), marked: false };
            self.taps[if host == 0 { 0 } else { 2 }].push(passing.clone());
            self.carry(&passing, 0);
        }
    }

    fn carry(&mut self, passing: &Passing, half: usize) {
        let segment = &passing.segment;
        let pipe = &mut self.pipes[segment.from][half];
        let exits = pipe.carry(passing.at, segment.wire_len(false), &mut self.rng);
        for Exit { at, marked } in exits.into_iter().flatten() {
            let marked = passing.marked || marked && segment.ecn != 0;
            let next = Passing { at, segment: Rc::clone(&passing.segment), marked };
            self.at(at, if half == 0 { What::Middle(next) } else { What::Arrives(next) });
        }
    }
}

/// Resends of which another sending, an earlier one, arrived too.
fn needless(taps: &[Vec<Passing>; TAPS], arrived: &[Vec<Rc<Segment>>; 2]) -> HashSet<u64> {
    let mut first: [HashMap<u64, (u64, u64)>; 2] = [HashMap::new(), HashMap::new()];
    for (host, segments) in arrived.iter().enumerate() {
        for segment in segments.iter().filter(|segment| !segment.is_empty()) {
            let entry = first[host].entry(segment.start).or_insert((segment.id, segment.end()));
            if segment.id < entry.0 && segment.end() >= entry.1 {
                *entry = (segment.id, segment.end());
            }
        }
    }
    let sent = taps.iter().flatten().map(|passing| &passing.segment).filter(|segment| !segment.is_empty());
    sent.filter(|segment| first[segment.from].get(&segment.start).is_some_and(|one| one.0 < segment.id && one.1 >= segment.end()))
        .map(|segment| segment.id)
        .collect()
}
