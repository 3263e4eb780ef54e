//! `--where` of commands that read packets: saved captures are read twice, and of what can be read once packets wait until it is
//! known whether they are wanted (`engine::choosing`).

use super::capture::Writing;
use crate::cli::Done;
use crate::cli::args::{Progress, WriteArgs};
use crate::cli::condition::Condition;
use crate::cli::drive::{drive, drive_first, finish, say};
use crate::cli::errors::Problem;
use crate::cli::exit::Exit;
use crate::cli::memory::Memory;
use crate::cli::open::{Opened, Plan};
use crate::cli::time;
use sockeye::engine::choosing::{self, Bounds, Choosing, Chosen, Counted, Keeping, Kept};
use sockeye::engine::{Ended, Which};
use sockeye::event::RunSummary;
use sockeye::flow::{FlowRecord, TrackerConfig};
use sockeye::model::Network;
use sockeye::output::units;

/// Of the room for packets that wait, the part that one conversation may take, unless it is said.
const ONE: usize = 4;

/// A capture that was read a first time.
pub(super) struct First {
    /// The same once more, as far as it was read.
    pub(super) again: Opened,
    /// What is to be let through.
    pub(super) chosen: Chosen,
    pub(super) ended: Ended,
}

/// Reads a capture ([`crate::cli::open::Plan::twice`]) to learn which packets are wanted.
pub(super) fn first(
    mut opened: Opened,
    condition: &Condition,
    tracker: TrackerConfig,
    progress: Progress,
) -> Result<First, Problem> {
    let room = opened.memory.parts();
    let (Some(query), Some(again)) = (condition.query().cloned(), opened.again.take()) else {
        return Err(once("what is read"));
    };
    let tracker = TrackerConfig { handshake_events: false, wants: tracker.wants.and(condition.needs()), ..tracker };
    let mut choosing = Choosing::new(query, room, opened.memory.findings());
    let (ended, _) = drive_first(opened, tracker, progress, &mut choosing)?;
    let chosen = found(choosing, room)?;
    tell_unexamined(chosen.unexamined);
    // Nothing that was added to the capture since then, or that a signal left unread.
    let again = Opened { limit: Some(ended.summary.matched.max(1)), ..again.open()? };
    Ok(First { again, chosen, ended })
}

/// What was learnt, where so many bytes sufficed.
pub(super) fn found(choosing: Choosing, room: usize) -> Result<Chosen, Problem> {
    let packets = choosing.packets();
    choosing.finish().ok_or_else(|| {
        let (room, packets) = (units::bytes(room as u64), units::counted(packets, "packet"));
        let what = "--where: which conversation each packet belongs to, or who takes part in findings, needs more than";
        Problem::new(Exit::Failed, format!("{what} {room} of memory, after {packets}; no packet was written")).help(
            "give more to --max-memory (16 bytes a packet are enough; with finding 32, and some 200 a conversation), or choose a part:  --from, --to, or a capture filter",
        )
    })
}

/// An output that gets what was chosen.
pub(super) fn again<S>(sink: S, chosen: Chosen) -> choosing::Again<S> {
    choosing::Again::new(sink, chosen)
}

/// Of two readings what is told: how far the first came, and how the second ended.
pub(super) fn both(first: Ended, second: Ended) -> Ended {
    if second.stopped.is_some() {
        return second;
    }
    Ended { summary: first.summary, stopped: first.stopped, failures: first.failures, ..second }
}

/// Writes the packets of the conversations for which the condition holds into a file, and nothing else.
pub(super) fn write(
    opened: Opened,
    condition: &Condition,
    (args, writing): (&WriteArgs, Writing),
    (first_progress, progress): (Progress, Progress),
) -> Done {
    let filter = opened.filter_text.clone();
    let tracker = opened.memory.without_lines().tracker(opened.memory.parts().max(room(condition, opened.memory)));
    if opened.again.is_some() {
        let First { again, chosen, ended: first } = first(opened, condition, tracker, first_progress)?;
        let nothing = nothing_held(condition, &chosen);
        let opened = Opened { copying: true, ..again };
        let mut sink = self::again(writing, chosen);
        let (second, words) = drive(opened, None, progress, &mut sink)?;
        let same = is_the_same(&second, sink.is_the_same());
        let (mut writing, _) = sink.into_inner();
        let ended = both(first, second);
        let closed = writing.close(&ended).and(same);
        let exit = finish(ended, words, filter.as_deref(), closed)?;
        if let Some(text) = nothing {
            say(&text);
        }
        return Ok(exit);
    }
    let bounds = bounds(args, opened.memory.parts())?;
    let tracker = TrackerConfig { handshake_events: false, wants: condition.needs(), ..tracker };
    let Some(query) = condition.query().cloned() else { return Err(once("what is read")) };
    let mut sink = Keeping::new(writing, query, bounds);
    let (ended, words) = drive(opened, Some(tracker), progress, &mut sink)?;
    let (mut writing, kept) = sink.into_inner();
    let closed = writing.close(&ended);
    let nothing = (kept.flows.1 == 0).then(|| none_held(condition, kept.flows.0)).flatten();
    let exit = finish(ended, words, filter.as_deref(), closed)?;
    for text in incomplete(&kept).iter().chain(&nothing) {
        say(text);
    }
    Ok(exit)
}

/// `--keep-bytes-per-flow`, as it was given.
fn keep_bytes(args: &WriteArgs, twice: bool) -> Result<Option<usize>, Problem> {
    let Some(text) = args.keep_bytes_per_flow.as_deref() else { return Ok(None) };
    if twice {
        return Err(Problem::usage(
            "--keep-bytes-per-flow is for interfaces and pipes: saved files are read twice, and nothing has to wait",
        ));
    }
    Ok(Some(usize::try_from(time::size("--keep-bytes-per-flow", text, 1)?).unwrap_or(usize::MAX)))
}

/// Refuses what cannot be had, before anything is opened. `twice`: what is read is read twice.
pub(super) fn go_together(args: &WriteArgs, twice: bool, condition: &Condition) -> Result<(), Problem> {
    if !twice {
        once_for_findings(condition)?;
    }
    keep_bytes(args, twice).map(drop)
}

/// How much may wait.
fn bounds(args: &WriteArgs, all: usize) -> Result<Bounds, Problem> {
    Ok(Bounds { flow: keep_bytes(args, false)?.unwrap_or(all / ONE), all, at_once: args.packet_buffered })
}

/// What was let go of conversations that turned out to be wanted.
fn incomplete(kept: &Kept) -> Vec<String> {
    let mut said = Vec::new();
    if kept.incomplete > 0 {
        let (flows, packets) = (units::counted(kept.incomplete, "conversation"), units::counted(kept.missing, "packet"));
        let (are, were) = (if kept.incomplete == 1 { "is" } else { "are" }, if kept.missing == 1 { "was" } else { "were" });
        said.push(format!(
            "{flows} {are} not whole in the file: {packets} {were} let go before it was known that they are wanted; more room: --max-memory, --keep-bytes-per-flow"
        ));
    }
    if kept.early > 0 {
        let packets = units::counted(kept.early, "packet");
        said.push(format!("{packets} written before older ones, for want of room: the file is not in order of time everywhere (reordercap mends that)"));
    }
    said
}

/// The condition held for nothing.
pub(super) fn nothing_held(condition: &Condition, chosen: &Chosen) -> Option<String> {
    (chosen.flows_chosen == 0).then(|| none_held(condition, chosen.flows_total)).flatten()
}

fn none_held(condition: &Condition, flows: u64) -> Option<String> {
    condition.held_for_none(&RunSummary { flows, ..RunSummary::default() })
}

/// Was a capture the same when it was read again?
pub(super) fn is_the_same(second: &Ended, same: bool) -> Result<(), Problem> {
    if same || second.output_error.is_some() || second.stopped.is_some() {
        return Ok(());
    }
    Err(Problem::new(Exit::Failed, "the capture changed while it was read: packets may be missing, or others among them")
        .help("read it again when nobody writes it any more, or a copy of it"))
}

/// A condition on findings has to know all of them before the first conversation is told of: files are read twice.
pub(super) fn twice(plan: Plan, condition: &Condition) -> Result<Plan, Problem> {
    if !condition.asks_for_findings() {
        return Ok(plan);
    }
    if !plan.can_be_read_twice() {
        once_for_findings(condition)?;
    }
    Ok(plan.twice(true))
}

/// Refuses a condition on findings of what can be read once.
fn once_for_findings(condition: &Condition) -> Result<(), Problem> {
    if !condition.asks_for_findings() {
        return Ok(());
    }
    Err(Problem::usage(
        "--where finding: who takes part in a finding is known when all was read; an interface or a pipe can be read once",
    )
    .help("save it to a file first:  sudo sockeye capture -i IF -w FILE.pcapng"))
}

/// What a first reading for findings keeps, bytes.
pub(super) fn room(condition: &Condition, memory: Memory) -> usize {
    if condition.asks_for_findings() { memory.parts() + memory.findings() } else { 0 }
}

/// A reading that is all there is, or the second of two.
pub(super) struct Reading {
    opened: Opened,
    /// Of the second it is known for which conversations it holds.
    condition: Condition,
    /// How the first ended, what its conversations are known by, and whether several threads counted them.
    first: Option<(Ended, Counted, bool)>,
}

/// How a reading has to end.
pub(super) struct Expected(Option<(Ended, Counted, bool)>);

impl Reading {
    /// What is to be driven, for which conversations, and what its end is compared with.
    pub(super) fn begin(self) -> (Opened, Condition, Expected) {
        (self.opened, self.condition, Expected(self.first))
    }
}

impl Expected {
    /// Of two readings what is told: how far the first came and what it met there, and whether the second had the same conversations.
    pub(super) fn met(self, second: Ended, counted: Counted) -> (Ended, Result<(), Problem>) {
        let Some((first, known_by, several)) = self.0 else { return (second, Ok(())) };
        let cut = second.output_error.is_some() || second.stopped.is_some();
        let same = if cut || counted == known_by { Ok(()) } else { Err(other_flows(several)) };
        (both(first, second), same)
    }
}

/// Conversations have other numbers than before, so that it is not known for which of them the condition holds.
fn other_flows(several: bool) -> Problem {
    let problem = Problem::new(
        Exit::Failed,
        "conversations were not the same when the capture was read again: some may be missing, or others among them",
    )
    .help("read it again when nobody writes it any more, or a copy of it");
    let threads = "with --threads, where some flows had to be given out early: use one thread, or a larger --max-memory";
    if several { problem.help(threads) } else { problem }
}

/// Reads a capture a first time, where the condition asks for findings: for which conversations it holds. The second time they have
/// to have the same numbers, so the tracker is to be the same.
pub(super) fn learn(
    mut opened: Opened,
    condition: Condition,
    tracker: TrackerConfig,
    (progress, local): (Progress, &[Network]),
) -> Result<Reading, Problem> {
    let Some(query) = condition.query().filter(|query| query.asks_for_findings()).cloned() else {
        return Ok(Reading { opened, condition, first: None });
    };
    let again = opened.again.take().ok_or_else(|| once("what is read"))?;
    let (room, findings, threads) = (opened.memory.parts(), opened.memory.findings(), opened.threads > 1);
    let mut choosing = Choosing::new(query, room, findings).of_flows().with_local(local.to_vec());
    let (ended, _) = drive_first(opened, tracker, progress, &mut choosing)?;
    let chosen = found(choosing, room)?;
    if threads && ended.summary.evicted > 0 {
        // Which of them give way depends on how the threads take turns.
        let flows = units::counted(ended.summary.evicted, "flow");
        return Err(Problem::new(
            Exit::Failed,
            format!("--where finding with --threads: {flows} given out early for want of room; they cannot be found again"),
        )
        .help("use one thread, or a larger --max-memory (and --max-flows of flows and handshakes)"));
    }
    tell_unexamined(chosen.unexamined);
    // Nothing that was added to the capture since then, or that a signal left unread.
    let opened = Opened { limit: Some(ended.summary.matched.max(1)), ..again.open()? };
    let first = Some((ended, chosen.known_by, threads));
    Ok(Reading { opened, condition: condition.learnt(chosen), first })
}

/// Conversations that a condition holds for, for detectors.
pub(super) fn which(condition: &Condition) -> Option<Which> {
    let condition = condition.clone();
    (!condition.is_none()).then(|| Box::new(move |record: &FlowRecord| condition.holds(record)) as Which)
}

/// There may be more findings, and more that take part in them.
pub(super) fn tell_unexamined(unexamined: u64) {
    if unexamined > 0 {
        let flows = units::counted(unexamined, "conversation");
        say(&format!("{flows} found no room in a detector: more may take part in findings (--max-memory)"));
    }
}

/// Packets of what can be read once are printed before it is known what becomes of their conversation.
pub(super) fn once(what: &str) -> Problem {
    Problem::usage(format!("--where: what becomes of a conversation is known at its end, so its packets are found in a second reading, and {what} can be read once"))
        .help("save the packets:       -w FILE --where CONDITION   (they wait in memory until their conversation is over)")
        .help("list conversations:     sockeye flows --where CONDITION")
        .help("choose by addresses and ports alone:  a capture filter, as in  'host 192.0.2.1 and port 80'")
}
