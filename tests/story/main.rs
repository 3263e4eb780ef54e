//! Every conversation of the bundled captures is told, and nothing in the telling is wrong that can be checked: each state follows from
//! the one before by a move of RFC 9293, sums come out as they are said, no packet is left without a rule.
//!
//! `SOCKEYE_CAPTURES` names more: folders and files, with a colon between. What no kernel makes when it is asked is made packet by packet
//! (`made.rs`), a file for each question.

mod datagrams;
mod errors;
mod fast;
mod made;
mod marks;
mod order;
mod probes;
mod recovery;
mod time;
mod traced;

use sockeye::capture::Input;
use sockeye::capture::file::OpenOptions;
use sockeye::engine::{Config, run};
use sockeye::event::{Event, Keep, RunSummary, Sink};
use sockeye::filter::Filter;
use sockeye::flow::{FlowId, FlowRecord, TcpState, TrackerConfig, Wants};
use sockeye::story::{Call, Claim, Host, Mark, Say, Steps, Story, tell, times};
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

/// Packets kept of a conversation.
const MOST: usize = 50_000;

/// Gathers the steps of every conversation, and its record.
#[derive(Default)]
struct Gatherer {
    steps: HashMap<FlowId, Steps>,
    told: Vec<(FlowRecord, Steps)>,
}

impl Sink for Gatherer {
    fn on_event(&mut self, event: &Event<'_>) -> io::Result<Keep> {
        match event {
            Event::Packet { frame, packet, note } => {
                if let Some(flow) = note.flow {
                    self.steps.entry(flow).or_insert_with(|| Steps::new(flow, MOST)).on_packet(frame, packet, note);
                }
            }
            Event::Settled(settled) => {
                if let Some(steps) = self.steps.get_mut(&settled.flow) {
                    steps.on_settled(settled);
                }
            }
            Event::Flow(record) => {
                if let Some(steps) = self.steps.remove(&record.id) {
                    self.told.push(((*record).clone(), steps));
                }
            }
            _ => {}
        }
        Ok(Keep::Going)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Nobody;

impl run::Watch for Nobody {
    fn on_progress(&mut self, _: &run::Progress) {}
    fn on_status(&mut self, _: &run::Progress, _: &RunSummary) {}
    fn on_notice(&mut self, _: sockeye::capture::SourceNotice, _: &sockeye::model::SourceInfo, _: &run::Progress) {}
}

/// What is wrong with a story.
fn faults(story: &Story, steps: &Steps, record: &FlowRecord) -> Vec<String> {
    let mut faults = Vec::new();
    let list: Vec<_> = steps.iter().collect();
    let told: usize = story.scenes.iter().map(|scene| scene.steps.len()).sum();
    if told != list.len() {
        faults.push(format!("{told} of {} packets told", list.len()));
    }
    let mut states: HashMap<char, TcpState> = HashMap::new();
    for told in story.scenes.iter().flat_map(|scene| &scene.steps) {
        let number = list[told.step].number;
        if told.claims.is_empty() {
            faults.push(format!("#{number}: nothing said"));
        }
        for claim in &told.claims {
            if let Some(fault) = check(claim, &mut states) {
                faults.push(format!("#{number}: {fault}"));
            }
        }
    }
    if let (Some(times), [first, .., last]) = (times(story, &list, record), &list[..])
        && times.sum() != last.ts - first.ts
    {
        faults.push(format!("{times:?} are not all of the time"));
    }
    for sum in &story.sums {
        let side = if sum.host == Host::Client { &record.orig } else { &record.resp };
        if sum.is_even() && sum.bytes < side.unique_bytes && steps.left_out() == 0 {
            faults.push(format!("sum {sum:?}, but {} bytes seen", side.unique_bytes));
        }
    }
    faults
}

fn check(claim: &Claim, states: &mut HashMap<char, TcpState>) -> Option<String> {
    match &claim.say {
        Say::NoRule => Some("no rule".to_owned()),
        Say::Moves { host, from, to, .. } => {
            let last = states.insert(host.letter(), *to.last()?);
            (last.is_some_and(|last| last != *from)).then(|| format!("{} is in {last:?} and leaves {from:?}", host.letter()))
        }
        Say::AckSum { before, bytes, flags, ack } => {
            let sum = before + i64::try_from(*bytes).unwrap_or(i64::MAX) + i64::from(*flags);
            (sum != *ack).then(|| format!("{before} + {bytes} + {flags} is not {ack}"))
        }
        Say::AcceptsFin { fin, ack } => (fin + 1 != *ack).then(|| format!("{fin} + 1 is not {ack}")),
        Say::Sends { len, first, next, .. } | Say::SendsUrgent { len, first, next } => {
            (first + i64::from(*len) != *next).then(|| format!("{first} + {len} is not {next}"))
        }
        _ => None,
    }
}

/// All conversations of a file. `None`: it is none that can be read.
fn gather(path: &Path) -> Option<Vec<(FlowRecord, Steps)>> {
    let mut input = Input::open(&[path], &OpenOptions::default()).ok()?;
    let mut gatherer = Gatherer::default();
    let tracker = TrackerConfig { wants: Wants::VERDICTS, ..TrackerConfig::default() };
    let config = Config { tracker: Some(tracker), ..Config::default() };
    run(&mut input, Filter::everything(), config, &mut gatherer, &mut Nobody);
    Some(gatherer.told)
}

fn files_below(path: &Path, found: &mut Vec<PathBuf>) {
    if path.is_dir() {
        let mut entries: Vec<_> = path.read_dir().into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        entries.sort();
        for path in &entries {
            files_below(path, found);
        }
    } else {
        found.push(path.to_owned());
    }
}

#[test]
fn every_conversation_is_told_without_a_fault() {
    let mut files = Vec::new();
    files_below(Path::new("captures"), &mut files);
    for more in std::env::var("SOCKEYE_CAPTURES").unwrap_or_default().split(':').filter(|more| !more.is_empty()) {
        files_below(Path::new(more), &mut files);
    }
    let (mut told, mut faults) = (0, Vec::new());
    for path in files {
        for (record, steps) in gather(&path).unwrap_or_default() {
            told += 1;
            let found = crate::faults(&tell(&steps, &record), &steps, &record);
            faults.extend(found.into_iter().map(|fault| format!("{} {}: {fault}", path.display(), record.id)));
        }
    }
    println!("{told} conversations told");
    assert!(told > 200, "{told}");
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n"));
}

/// Each story of `captures/sockets.pcap` and the port that it is on.
const STORIES: [(&str, u16); 9] = [
    ("normal", 19001),
    ("half-close", 19002),
    ("unread", 19003),
    ("linger", 19004),
    ("refused", 19005),
    ("never-accepted", 19006),
    ("after-close", 19007),
    ("datagrams", 19008),
    ("closed-port", 19009),
];

/// A call as the script that made it wrote it down.
struct Made<'l> {
    ts: f64,
    host: Host,
    call: Call,
    failed: bool,
    line: &'l str,
}

fn made(line: &str) -> Option<(&str, Made<'_>)> {
    let mut words = line.split(' ');
    let ts = words.next()?.parse().ok()?;
    let host = if words.next()? == "client" { Host::Client } else { Host::Server };
    let story = words.next()?;
    let call = match words.next()? {
        "socket" => Call::Socket,
        "bind" => Call::Bind,
        "listen" => Call::Listen,
        "connect" => Call::Connect,
        "accept" => Call::Accept,
        "send" => Call::Send,
        "recv" => Call::Recv,
        "recvfrom" => Call::RecvFrom,
        "sendto" => Call::SendTo,
        "shutdown" => Call::Shutdown,
        "close" => Call::Close,
        _ => return None,
    };
    let failed = words.next()?.starts_with('E');
    Some((story, Made { ts, host, call, failed, line }))
}

/// Calls that a packet follows on the wire, if they succeed.
fn sends(call: Call, udp: bool) -> bool {
    match call {
        Call::Connect => !udp,
        Call::Send | Call::SendTo | Call::Shutdown | Call::Close => true,
        _ => false,
    }
}

#[test]
fn the_calls_that_were_made_are_among_those_that_are_named() {
    let log = std::fs::read_to_string("captures/sockets.log").expect("the log");
    let gathered = gather(Path::new("captures/sockets.pcap")).expect("the capture");
    let calls: Vec<_> = log.lines().filter_map(made).collect();
    let (mut caused, mut between) = (0, 0);
    for (i, (name, made)) in calls.iter().enumerate() {
        let port = STORIES.iter().find(|(story, _)| story == name).expect("a story that is known").1;
        let found = gathered.iter().find(|(record, _)| record.responder.port == port);
        let (record, steps) = found.unwrap_or_else(|| panic!("{name} was not captured"));
        let story = tell(steps, record);
        let list: Vec<_> = steps.iter().collect();
        let told: Vec<_> = story.scenes.iter().flat_map(|scene| &scene.steps).collect();
        let seconds = |at: usize| list[at].ts.nanos() as f64 / 1e9;
        let next = calls.get(i + 1).map_or(f64::MAX, |(_, next)| next.ts);
        let names = |claims: &[Claim]| {
            claims.iter().flat_map(|claim| &claim.calls).any(|called| {
                let same = called.call == made.call || (called.call, made.call) == (Call::RecvFrom, Call::Recv);
                called.host == made.host && same
            })
        };
        let udp = matches!(port, 19008 | 19009);
        // A connect that is refused has sent its SYN all the same; what fails otherwise sends nothing.
        let caused_packet = sends(made.call, udp) && (!made.failed || made.call == Call::Connect);
        let packet = told.iter().find(|told| told.host == Some(made.host) && (made.ts..next).contains(&seconds(told.step)));
        // The second close of a connection that a reset ended, or that was closed wholly, sends nothing.
        if let (true, Some(packet)) = (caused_packet, packet) {
            assert!(
                names(&packet.claims),
                "{}: not named at packet {}: {:?}",
                made.line,
                list[packet.step].number,
                packet.claims
            );
            caused += 1;
        } else {
            let earlier = told.iter().filter(|told| seconds(told.step) <= made.ts);
            let gap = names(&story.before) || earlier.clone().any(|told| names(&told.claims));
            // Of datagrams, what came before the first is named with it.
            let first = udp && told.first().is_some_and(|told| names(&told.claims));
            assert!(gap || first, "{}: not named before that moment", made.line);
            between += 1;
        }
    }
    assert!(caused >= 18 && between >= 25, "{caused} calls with packets, {between} without");
}

#[test]
fn nothing_is_certain_of_calls_without_a_trace() {
    for name in ["sockets", "http-get", "reset", "half-close", "tour"] {
        let path = [format!("captures/{name}.pcap"), format!("captures/{name}.pcapng")]
            .into_iter()
            .find(|path| Path::new(path).exists());
        for (record, steps) in gather(Path::new(&path.expect("the capture"))).expect("it opens") {
            let story = tell(&steps, &record);
            for claim in story.scenes.iter().flat_map(|scene| &scene.steps).flat_map(|told| &told.claims) {
                assert!(claim.calls.is_empty() || claim.mark != Mark::Seen, "{name} {}: {claim:?}", record.id);
            }
        }
    }
}
