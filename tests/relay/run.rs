//! One run: kernels, relay, taps and traffic; then what really happened, from the relay's log and the senders' taps.

use crate::hosts::{Counters, Hosts, Settings};
use crate::link::{Faults, Pipe};
use crate::relay::{Control, Log, relay};
use crate::rng::Rng;
use crate::tap::{Kept, Place, capture, place};
use crate::truth::{Class, Labels, Role, Sending, TAPS, Truth};
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

const MS: i64 = 1_000_000;

/// What a run is like, drawn from its seed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Conditions {
    pub(crate) seed: u64,
    pub(crate) class: Class,
    pub(crate) settings: Settings,
    pub(crate) rtt: i64,
    pub(crate) faults: Faults,
}

impl Conditions {
    pub(crate) fn new(seed: u64, class: Class) -> Self {
        let rng = &mut Rng::new(seed, 5);
        let settings = Settings {
            ipv6: !matches!(class, Class::IdAndTimestamps | Class::IdOnly),
            timestamps: matches!(class, Class::IdAndTimestamps | Class::TimestampsOnly),
            sack: rng.chance(0.8),
            ecn: class == Class::EcnOnly,
            congestion_control: rng.pick(&["cubic", "cubic", "reno", "bbr"]),
        };
        let faults = Faults {
            loss: rng.pick(&[0.001, 0.005, 0.01, 0.02, 0.05]),
            reordering: rng.pick(&[0.0, 0.005, 0.01, 0.05]),
            duplication: rng.pick(&[0.0, 0.002, 0.01]),
            marking: 0.0,
        };
        // Times of what the table's shortest way asks are beyond a relay in user space on a busy machine.
        let rtt = (rng.pick(&[0.2, 2.0, 20.0, 80.0, 200.0]) * MS as f64) as i64;
        Self { seed, class, settings, rtt, faults }
    }

    fn pipes(&self) -> [[Pipe; 2]; 2] {
        // 100 Mbit/s.
        let pipe = |_| Pipe::new(self.rtt / 4, 80.0, self.rtt.max(5 * MS) * 2, self.faults);
        [0, 1].map(|_| [0, 1].map(pipe))
    }
}

/// A packet of a capture, and what it really was; `None` where that is nothing about TCP.
pub(crate) struct Taken {
    pub(crate) kept: Kept,
    pub(crate) truth: Option<(Place, Truth)>,
}

/// What happened.
pub(crate) struct History {
    pub(crate) conditions: Conditions,
    pub(crate) taps: [Vec<Taken>; TAPS],
    pub(crate) counters: [Counters; 2],
    /// Packets with bytes that their sender had sent before: by its own capture.
    pub(crate) sent_again: [u64; 2],
}

/// What the programs do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Traffic {
    /// A file, pieces with pauses, requests and responses, at the same time.
    Mixed,
    /// A window that is shut, and a silence.
    Probes,
}

/// Tells others to stop, also when this thread panics.
struct Stops<'a>(&'a AtomicBool);

impl Drop for Stops<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Lets it happen; `None`, loudly, where that is not possible.
pub(crate) fn run(conditions: Conditions, traffic: Traffic) -> Option<History> {
    let (hosts, doors) = Hosts::new(conditions.settings)?;
    let (control, taps_stop) = (Control::default(), AtomicBool::new(false));
    let (ready, wait) = mpsc::channel();
    let (log, near, far, counters) = thread::scope(|scope| {
        let _at_last = [Stops(&control.stop), Stops(&taps_stop)];
        let taps = [0, 1].map(|host| {
            let (space, ready, stop) = (&hosts.spaces[host], ready.clone(), &taps_stop);
            scope.spawn(move || capture(space, &ready, stop))
        });
        (0..2).for_each(|_| wait.recv_timeout(Duration::from_secs(10)).expect("both taps are open"));
        let relay = scope.spawn(|| relay(&doors, conditions.pipes(), Rng::new(conditions.seed, 6), &control));
        talk(&hosts, traffic);
        hosts.settle(&control);
        let counters = [0, 1].map(|host| hosts.counters(host));
        control.stop.store(true, Ordering::Relaxed);
        let log = relay.join().expect("the relay ends");
        taps_stop.store(true, Ordering::Relaxed);
        let [near, far] = taps.map(|tap| tap.join().expect("the capture ends"));
        (log, near, far, counters)
    });
    Some(Account::new(&log, [&near, &far]).history(conditions, &log, [&near, &far], counters))
}

fn talk(hosts: &Hosts, traffic: Traffic) {
    thread::scope(|scope| match traffic {
        Traffic::Mixed => {
            scope.spawn(|| hosts.bulk(700_000, Duration::from_millis(2_500)));
            scope.spawn(|| hosts.bursts(12, Duration::from_millis(130)));
            scope.spawn(|| hosts.exchange(15));
        }
        Traffic::Probes => {
            scope.spawn(|| hosts.stops(Duration::from_secs(2)));
            scope.spawn(|| hosts.idle(Duration::from_millis(4_500)));
        }
    });
}

/// A direction of a connection.
type Stream = ((u16, u16), usize);

/// What each packet of the log is in its stream.
struct Account {
    /// By id.
    sendings: Vec<Option<(Place, Sending)>>,
    /// Of each host: what its own tap has, by id where the relay got it.
    sent: [Vec<Option<(Place, Sending)>>; 2],
}

impl Account {
    fn new(log: &Log, taps: [&[Kept]; 2]) -> Self {
        let mut account = Self { sendings: vec![None; log.read.len()], sent: [Vec::new(), Vec::new()] };
        let mut beginnings: HashMap<Stream, u32> = HashMap::new();
        for host in [0, 1] {
            let mut ids = by_content(log, (0..log.read.len()).filter(|id| log.read[*id].0 == host));
            let mut passed: HashMap<Stream, Labels> = HashMap::new();
            for (i, kept) in taps[host].iter().enumerate() {
                let Some(place) = place(&kept.bytes).filter(|place| place.from == host) else { continue };
                let id = ids.get_mut(&kept.bytes[..]).and_then(VecDeque::pop_front);
                let stream = (place.ports, host);
                let beginning = *beginnings.entry(stream).or_insert(place.seq);
                let start = u64::from(place.seq.wrapping_sub(beginning));
                let end = start + u64::from(place.length);
                let seen = passed.entry(stream).or_default();
                let again = place.length > 0 && seen.touches(start, end);
                seen.take(start, end);
                let role = if again { Role::Resent } else { Role::Original };
                // What the device dropped never came to the relay.
                let number = id.unwrap_or(log.read.len() + i) as u64;
                let sending = Sending { id: number, role, start, end, needless: false };
                account.sent[host].push(Some((place, sending)));
                if let Some(id) = id {
                    account.sendings[id] = Some((place, sending));
                }
            }
            let unknown = ids.into_iter().filter(|(bytes, left)| place(bytes).is_some() && !left.is_empty()).count();
            assert_eq!(unknown, 0, "packets of host {host} that its own capture lost");
        }
        account.find_needless(log);
        account
    }

    /// Resends of which all came by earlier sendings as well. Packets are handed on in the order of `written`.
    fn find_needless(&mut self, log: &Log) {
        let arrived: HashSet<usize> = log.written.iter().copied().collect();
        let mut came: HashMap<Stream, Labels> = HashMap::new();
        for (id, sending) in self.sendings.iter_mut().enumerate() {
            let Some((place, sending)) = sending else { continue };
            let stream = came.entry((place.ports, place.from)).or_default();
            sending.needless = sending.role == Role::Resent && stream.has(sending.start, sending.end);
            if arrived.contains(&id) && sending.start < sending.end {
                stream.take(sending.start, sending.end);
            }
        }
    }

    fn history(self, conditions: Conditions, log: &Log, ends: [&[Kept]; 2], counters: [Counters; 2]) -> History {
        let middle: Vec<(Kept, Option<(Place, Sending)>)> =
            log.middle.iter().map(|&(at, id)| (Kept { at, bytes: log.read[id].1.clone() }, self.sendings[id])).collect();
        let sent_again = [0, 1].map(|host: usize| {
            self.sent[host].iter().flatten().filter(|(_, sending)| sending.role == Role::Resent).count() as u64
        });
        let mut sent = self.sent.map(Vec::into_iter);
        let [near, far] = [0, 1].map(|host: usize| {
            let mut ids = by_content(log, log.written.iter().copied().filter(|id| log.read[*id].0 == 1 - host));
            let mut known = Vec::new();
            for kept in ends[host] {
                let what = match place(&kept.bytes) {
                    Some(place) if place.from == host => sent[host].next().expect("counted before").map(|(place, sending)| {
                        let sending = self.sendings.get(sending.id as usize).copied().flatten().map_or(sending, |known| known.1);
                        (place, sending)
                    }),
                    Some(_) => {
                        let id = ids.get_mut(&kept.bytes[..]).and_then(VecDeque::pop_front).expect("handed on by the relay");
                        self.sendings[id]
                    }
                    None => None,
                };
                known.push((kept.clone(), what));
            }
            known
        });
        History { conditions, taps: [near, middle, far].map(labelled), counters, sent_again }
    }
}

/// Ids of packets by their bytes, in order.
fn by_content(log: &Log, ids: impl Iterator<Item = usize>) -> HashMap<&[u8], VecDeque<usize>> {
    let mut found: HashMap<&[u8], VecDeque<usize>> = HashMap::new();
    for id in ids {
        found.entry(&log.read[id].1).or_default().push_back(id);
    }
    found
}

fn labelled(known: Vec<(Kept, Option<(Place, Sending)>)>) -> Vec<Taken> {
    let mut labels: HashMap<Stream, Labels> = HashMap::new();
    let label = |(kept, what): (Kept, Option<(Place, Sending)>)| {
        let truth = what.map(|(place, sending)| (place, labels.entry((place.ports, place.from)).or_default().label(&[sending])));
        Taken { kept, truth }
    };
    known.into_iter().map(label).collect()
}
