//! What a run is like, drawn from its seed.

use crate::endpoint::{Habits, Ids, MS, Step};
use crate::link::{Faults, Pipe};
use crate::rng::Rng;
use crate::truth::Class;
use crate::wire::Host;

/// What is done to a capture beside the plain way.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Distortion {
    /// Share of the packets that the capture loses one by one.
    pub(crate) missed: f64,
    /// Probability that it loses a burst of 5 to 60 from some packet on.
    pub(crate) bursts: f64,
    /// It begins after so many packets.
    pub(crate) midway: usize,
    /// Packets close together are merged as by offloading: GRO where they arrive, TSO where they leave.
    pub(crate) merged: bool,
    /// The IP-ID of the host counts so many packets from one of ours to the next.
    pub(crate) global_ids: Option<i64>,
    /// IP-IDs are random.
    pub(crate) random_ids: bool,
    /// A tick of the timestamps takes longer than a millisecond.
    pub(crate) slow_clock: bool,
}

/// What the programs do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Traffic {
    /// One file from the server.
    Bulk,
    /// Pieces with pauses, to the server.
    Bursts,
    /// Requests and responses.
    Exchange,
    /// As `Bulk`, to a program that stops reading for a while.
    Stops,
    /// Long silences, with keep-alives.
    Idle,
}

/// A run.
#[derive(Clone, Debug)]
pub(crate) struct Conditions {
    pub(crate) seed: u64,
    pub(crate) class: Class,
    pub(crate) distortion: Distortion,
    pub(crate) ipv6: bool,
    pub(crate) tick: Option<i64>,
    pub(crate) sack: bool,
    pub(crate) dsack: bool,
    pub(crate) ecn: bool,
    pub(crate) ids: Ids,
    pub(crate) wraps: bool,
    /// Nanoseconds, without queues.
    pub(crate) rtt: i64,
    /// Share of the way from host 0 to the middle.
    pub(crate) split: f64,
    pub(crate) faults: Faults,
    pub(crate) traffic: Traffic,
    mss: u32,
    byte: f64,
    buffer: u64,
}

impl Conditions {
    pub(crate) fn new(seed: u64, class: Class, distortion: Distortion) -> Self {
        let rng = &mut Rng::new(seed, 3);
        let with_ids = matches!(class, Class::IdAndTimestamps | Class::IdOnly);
        let ipv6 = !with_ids && rng.chance(0.6);
        let ids = match distortion.global_ids {
            Some(mean) if with_ids => Ids::Global(mean),
            _ if distortion.random_ids => Ids::Random,
            _ if with_ids => Ids::Counter,
            _ => Ids::Zero,
        };
        let timestamps = matches!(class, Class::IdAndTimestamps | Class::TimestampsOnly);
        let tick = if distortion.slow_clock { rng.pick(&[4 * MS, 10 * MS, 100 * MS]) } else { MS };
        let ecn = class == Class::EcnOnly || !matches!(class, Class::Nothing) && rng.chance(0.2);
        let traffic = rng.pick(&[
            Traffic::Bulk,
            Traffic::Bulk,
            Traffic::Bulk,
            Traffic::Bursts,
            Traffic::Bursts,
            Traffic::Exchange,
            Traffic::Exchange,
            Traffic::Stops,
            Traffic::Idle,
        ]);
        Self {
            seed,
            class,
            distortion,
            ipv6,
            tick: timestamps.then_some(tick),
            sack: rng.chance(0.8),
            dsack: rng.chance(0.9),
            ecn,
            ids,
            wraps: rng.chance(0.25),
            rtt: (rng.pick(&[0.2, 2.0, 20.0, 80.0, 200.0]) * rng.scaled(1.0, 1.2) * MS as f64) as i64,
            split: 0.2 + 0.6 * rng.unit(),
            faults: Faults {
                loss: rng.pick(&[0.001, 0.005, 0.01, 0.02, 0.05]),
                reordering: rng.pick(&[0.0, 0.0, 0.005, 0.01, 0.05]),
                duplication: rng.pick(&[0.0, 0.0, 0.002, 0.01]),
                marking: if ecn { rng.pick(&[0.0, 0.002, 0.02]) } else { 0.0 },
            },
            traffic,
            mss: rng.pick(&[1448, 1448, 1220, 536]),
            byte: rng.pick(&[0.8, 8.0, 80.0, 400.0]),
            buffer: rng.pick(&[64 << 10, 128 << 10, 256 << 10]),
        }
    }

    /// What a host's TCP can do, and its program does.
    pub(crate) fn habits(&self, host: Host) -> Habits {
        let rng = &mut Rng::new(self.seed, 10 + host as u64);
        let stops = self.traffic == Traffic::Stops && host == 0;
        let data = i64::from(self.mss) * 40;
        Habits {
            tick: self.tick,
            sack: self.sack,
            dsack: self.dsack,
            ecn: self.ecn,
            ids: self.ids,
            mss: self.mss,
            window_scale: 7,
            buffer: if stops { 24 << 10 } else { self.buffer },
            tail_probes: true,
            keep_alive: (self.traffic == Traffic::Idle).then_some(2_000 * MS),
            stops_reading: stops.then(|| (rng.between(1, data) as u64, rng.between(300 * MS, 4_000 * MS))),
            script: self.script(host),
        }
    }

    /// Both hosts draw the same numbers, so that each knows what the other will write.
    fn script(&self, host: Host) -> Vec<Step> {
        let rng = &mut Rng::new(self.seed, 20);
        let mss = i64::from(self.mss);
        let (mut steps, mut received) = ([Vec::new(), Vec::new()], [0_u64; 2]);
        let mut write = |from: Host, wait: i64, bytes: i64| {
            steps[from].push(Step { received: received[from], wait, write: bytes as u64 });
            received[1 - from] += bytes as u64;
        };
        match self.traffic {
            Traffic::Bulk | Traffic::Stops => {
                write(0, 0, rng.between(60, 600));
                write(1, rng.between(0, 3 * MS), rng.between(100 * mss, 500 * mss));
            }
            Traffic::Bursts => {
                for _ in 0..rng.between(5, 15) {
                    write(0, rng.between(5 * MS, 400 * MS), rng.between(200, 25 * mss));
                }
            }
            Traffic::Exchange => {
                for _ in 0..rng.between(10, 40) {
                    write(0, rng.between(0, 30 * MS), rng.between(20, 900));
                    write(1, rng.between(0, 10 * MS), rng.pick(&[rng.clone().between(20, 900), 5 * mss, 12 * mss]));
                }
            }
            Traffic::Idle => {
                for _ in 0..rng.between(2, 5) {
                    write(0, rng.between(10 * MS, 9_000 * MS), rng.between(20, 900));
                    write(1, 0, rng.between(20, 6 * mss));
                }
            }
        }
        // Each closes once it has it all.
        for from in [0, 1] {
            steps[from].push(Step { received: received[from], wait: 0, write: 0 });
        }
        std::mem::take(&mut steps[host])
    }

    /// Both directions, both halves. The slow part of the way is one half of it.
    pub(crate) fn pipes(&self) -> [[Pipe; 2]; 2] {
        let queue = self.rtt.max(5 * MS) * 2;
        let pipe = |share: f64, byte: f64| Pipe::new((self.rtt as f64 / 2.0 * share) as i64, byte, queue, self.faults);
        let (near, far) = (self.split, 1.0 - self.split);
        let slow_first = self.split < 0.5;
        let [first, second] = if slow_first { [self.byte, 0.1] } else { [0.1, self.byte] };
        [[pipe(near, first), pipe(far, second)], [pipe(far, second), pipe(near, first)]]
    }
}
