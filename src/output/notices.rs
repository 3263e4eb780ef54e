//! Sentences for a person beside the output, made from the totals of a run: no packets, nothing matched, packets lost.
//! The caller puts `sockeye: ` in front and sends them to standard error.

use super::units::{count, counted};
use crate::decode::IssueKind;
use crate::event::{Reason, RunSummary};
use crate::flow::ChecksumStats;
use crate::model::SourceKind;
use crate::output::style::clean;

/// Why there is nothing to see, where there is nothing: a capture without packets, or none that matched the filter.
#[must_use]
pub fn nothing_seen(summary: &RunSummary, filter: Option<&str>) -> Option<String> {
    if summary.matched > 0 {
        return None;
    }
    if summary.read > 0 {
        let what = filter.map_or_else(|| "what was asked for".to_owned(), |f| format!("\"{}\"", clean(f)));
        let mut text = format!("no packet matched {what} ({} read)", count(summary.read));
        if !summary.busy_ports.is_empty() {
            let ports: Vec<_> = summary.busy_ports.iter().take(5).map(|(port, _)| port.to_string()).collect();
            text.push_str(". Ports seen most: ");
            text.push_str(&ports.join(", "));
        }
        return Some(text);
    }
    let [source] = &summary.sources[..] else {
        return Some("no packets in any of the sources".to_owned());
    };
    let name = clean(&source.info.name);
    // A damaged file has its own message.
    if source.problem.is_some() {
        return None;
    }
    Some(match source.info.kind {
        SourceKind::Live(_) => format!("no packets were seen on {name}"),
        SourceKind::File(_) => {
            let links: Vec<_> = source.info.interfaces.iter().filter_map(|i| i.link).map(|l| l.to_string()).collect();
            let link = links.first().map_or_else(String::new, |link| format!(" ({link})"));
            format!("{name} is a good capture{link} with no packets in it")
        }
    })
}

/// The capture buffer of a run, as far as it matters for what helps against losses. In KiB, of each thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Buffer {
    /// A smaller one was asked for than this run has without asking.
    Small {
        /// What it has without asking.
        usual: u32,
    },
    /// There is a larger one to ask for.
    Middling {
        /// That one.
        larger: u32,
    },
    /// As large as is advised.
    Large,
}

impl Default for Buffer {
    fn default() -> Self {
        Self::Middling { larger: Self::MOST_ADVISED }
    }
}

impl Buffer {
    /// The largest capture buffer that is advised, in KiB.
    pub const MOST_ADVISED: u32 = 262_144;

    /// By what was asked for, what this run has without asking, and the most that is to be advised to it.
    #[must_use]
    pub const fn of(asked: Option<u32>, usual: u32, most: u32) -> Self {
        match asked {
            Some(kib) if kib < usual => Self::Small { usual },
            Some(kib) if kib >= most => Self::Large,
            None if usual >= most => Self::Large,
            _ => Self::Middling { larger: most },
        }
    }

    fn help(self) -> String {
        match self {
            Self::Small { usual } => format!("try:  leave -B off ({usual} is the default)   or a capture filter   or -s 128"),
            Self::Middling { larger } => format!("try:  -B {larger}   or a capture filter   or -s 128"),
            Self::Large => "try:  a capture filter   or -s 128".to_owned(),
        }
    }
}

/// Where the output goes: what helps when it does not keep up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outlet {
    /// To a pipe or a terminal, which somebody reads.
    #[default]
    Reader,
    /// Into a file.
    File {
        /// With a larger `--max-memory` more could wait for the disk.
        more_memory: bool,
        /// There are columns (`--fields`) that could be left out.
        columns: bool,
    },
}

impl Outlet {
    const fn cause(self) -> &'static str {
        match self {
            Self::Reader => "because the output is read too slowly",
            Self::File { .. } => "because the output is written too slowly",
        }
    }

    const fn help(self) -> &'static str {
        match self {
            Self::Reader => "try:  write to a file   or a capture filter   or a faster reader",
            Self::File { more_memory: true, columns: true } => {
                "try:  a larger --max-memory   or fewer columns (--fields)   or a capture filter"
            }
            Self::File { more_memory: true, columns: false } => {
                "try:  a larger --max-memory   or a capture filter   or a faster disk"
            }
            Self::File { more_memory: false, columns: true } => {
                "try:  fewer columns (--fields)   or a capture filter   or a faster disk"
            }
            Self::File { more_memory: false, columns: false } => "try:  a capture filter   or a faster disk",
        }
    }
}

/// What the words about losses depend on besides their numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LossWords {
    /// The output tells what was lost on the network, and it may be that the capture lost it.
    pub figures: bool,
    /// How large the capture buffer is.
    pub buffer: Buffer,
    /// Where the output goes.
    pub outlet: Outlet,
}

/// Packets lost while live, with what may help; nothing when none were.
#[must_use]
pub fn packets_lost(summary: &RunSummary, words: LossWords) -> Option<String> {
    if !summary.live {
        return None;
    }
    let total = |of: fn(&crate::model::SourceStats) -> Option<u64>| summary.total(of).unwrap_or(0);
    let lost =
        Lost { kernel: total(|s| s.dropped_kernel), interface: total(|s| s.dropped_interface), here: summary.dropped_here };
    if lost.all() == 0 {
        return None;
    }
    // Some counters of received packets hold the dropped ones, some do not: at least what was read, and lost before, came in.
    let all = total(|s| s.received).max(summary.read.saturating_add(lost.before()));
    // What was read and not shown is in the flows all the same.
    let unreliable = if words.figures && lost.before() > 0 { ": loss figures are unreliable" } else { "" };
    Some(format!(
        "{} of {} packets were dropped {}{unreliable}\n  {}",
        count(lost.all()),
        count(all),
        lost.split(),
        lost.help(words)
    ))
}

/// Records left out while live; nothing when none were.
#[must_use]
pub fn records_lost(summary: &RunSummary, outlet: Outlet) -> Option<String> {
    let (n, were) = (summary.records_dropped, if summary.records_dropped == 1 { "was" } else { "were" });
    (n > 0).then(|| format!("{} {were} left out, {}\n  {}", counted(n, "record"), outlet.cause(), outlet.help()))
}

/// Flows that were given out early for want of room; nothing when none were.
#[must_use]
pub fn evicted(summary: &RunSummary) -> Option<String> {
    let (n, were) = (summary.evicted, if summary.evicted == 1 { "was" } else { "were" });
    (n > 0).then(|| {
        let flows = counted(n, "flow");
        format!("{flows} {were} given out early for want of room: what came later is in records of its own\n  try:  a larger --max-memory or --max-flows   or a capture filter")
    })
}

/// Packets that were followed apart from their conversations; nothing when none were.
#[must_use]
pub fn misplaced(summary: &RunSummary) -> Option<String> {
    let n = summary.misplaced;
    let (were, their) = if n == 1 { ("was", "its conversation") } else { ("were", "their conversations") };
    (n > 0).then(|| {
        let packets = counted(n, "packet");
        format!("{packets} {were} not handed to the thread that follows {their}, which had no room: some may have two records\n  fewer --threads avoid it")
    })
}

/// What is said while a live run goes on and packets (by kernel, interface, sockeye, of those that came in) or records are lost.
#[must_use]
pub fn being_dropped(kernel: u64, interface: u64, here: u64, received: u64, records: u64, words: LossWords) -> Vec<String> {
    let lost = Lost { kernel, interface, here };
    let mut out = Vec::new();
    if lost.all() > 0 {
        let (n, of) = (count(lost.all()), count(received.max(lost.all())));
        out.push(format!("packets are being dropped: {n} of {of} so far {}\n  {}", lost.split(), lost.help(words)));
    }
    if records > 0 {
        let n = count(records);
        let outlet = words.outlet;
        out.push(format!("records are being left out: {n} so far, {}\n  {}", outlet.cause(), outlet.help()));
    }
    out
}

/// Packets lost, by cause.
#[derive(Clone, Copy)]
struct Lost {
    kernel: u64,
    interface: u64,
    here: u64,
}

impl Lost {
    /// Those that were never read.
    const fn before(self) -> u64 {
        self.kernel.saturating_add(self.interface)
    }

    const fn all(self) -> u64 {
        self.before().saturating_add(self.here)
    }

    fn split(self) -> String {
        format!("(kernel {}, interface {}, sockeye {})", count(self.kernel), count(self.interface), count(self.here))
    }

    /// What helps against the most frequent cause.
    fn help(self, words: LossWords) -> String {
        if self.here > self.before() { words.outlet.help().to_owned() } else { words.buffer.help() }
    }
}

/// What was made of wrong checksums, where that is worth a word: of those a network card was to fill in, of captures that
/// someone rewrote, and of others.
#[must_use]
pub fn checksums(summary: &RunSummary) -> Vec<String> {
    let ChecksumStats { offloaded, pending, wrong, rewritten, unsure } = summary.checksums;
    let mut out = Vec::new();
    if unsure > 0 {
        out.push(format!(
            "{} a wrong checksum, of too few to tell damage from a file that was rewritten: taken for right (--checksums verify takes them for wrong)",
            have(unsure)
        ));
    }
    if pending > 0 {
        out.push(format!(
            "{} no checksum yet, as the capturing system says: it left it to its network card (offload); taken for right",
            have(pending)
        ));
    }
    if offloaded > 0 {
        out.push(format!(
            "{} no checksum yet: the capturing host left it to its network card (offload); taken for right (--checksums verify takes it for wrong)",
            have(offloaded)
        ));
    }
    if rewritten > 0 {
        out.push(format!(
            "{} a wrong checksum, as many in their file have: it was rewritten, or a network card was to compute them; taken for right (--checksums verify takes them for wrong)",
            have(rewritten)
        ));
    }
    if wrong > 0 {
        out.push(format!(
            "{} a wrong TCP, UDP, ICMP or IP checksum: taken for damaged, and no host took {} (Zeek has a c in history, or no row); bytes and packets are counted all the same (--checksums ignore does not look)",
            have(wrong),
            if wrong == 1 { "it" } else { "them" }
        ));
    }
    out
}

fn have(packets: u64) -> String {
    format!("{} {}", counted(packets, "packet"), if packets == 1 { "has" } else { "have" })
}

/// Why frames were not understood: `IPv4 cut by the snap length`, `Ethernet carries unknown protocol 0x88cc`.
#[must_use]
pub fn reason_words(reason: &Reason) -> String {
    let layer = reason.layer.name();
    let number = reason.number;
    match reason.kind {
        IssueKind::CutByCapture => format!("{layer} cut by the snap length"),
        IssueKind::TooShort => format!("{layer} too short"),
        IssueKind::TooLong => format!("{layer} longer than its frame"),
        IssueKind::BadHeader => format!("{layer} header makes no sense"),
        // IP protocols are below 256, EtherTypes from 1536 on.
        IssueKind::UnknownProtocol if number < 256 => format!("{layer} carries unknown protocol {number}"),
        IssueKind::UnknownProtocol => format!("{layer} carries unknown protocol 0x{number:04x}"),
        IssueKind::TooDeep => "too many layers".to_owned(),
        IssueKind::UnknownLinkType => format!("link type {number} not decoded"),
        IssueKind::Encrypted => format!("{layer} with encrypted contents"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{LinkType, LiveBackend};
    use crate::output::fixture::{source, totals};

    #[test]
    fn an_empty_capture_is_told_from_a_filter_that_matched_nothing() {
        assert_eq!(nothing_seen(&totals(), None), None);
        let nothing = RunSummary { matched: 0, ..totals() };
        assert_eq!(
            nothing_seen(&nothing, Some("port 8080")).unwrap(),
            "no packet matched \"port 8080\" (1,951 read). Ports seen most: 80, 9002, 53"
        );
        let mut quiet = RunSummary { sources: vec![source("quiet.pcap", 0)], ..RunSummary::default() };
        quiet.sources[0].info.interfaces[0].link = Some(LinkType::ETHERNET);
        assert_eq!(nothing_seen(&quiet, None).unwrap(), "quiet.pcap is a good capture (Ethernet) with no packets in it");
        quiet.sources[0].problem = Some("ends in the middle of packet 1".into());
        assert_eq!(nothing_seen(&quiet, None), None);
    }

    #[test]
    fn wrong_checksums_are_told_by_what_was_made_of_them() {
        assert!(checksums(&totals()).is_empty());
        let stats = ChecksumStats { offloaded: 1, pending: 12, wrong: 2, rewritten: 3_000, unsure: 0 };
        assert_eq!(
            checksums(&RunSummary { checksums: stats, ..totals() }),
            [
                "12 packets have no checksum yet, as the capturing system says: it left it to its network card (offload); taken for right",
                "1 packet has no checksum yet: the capturing host left it to its network card (offload); taken for right (--checksums verify takes it for wrong)",
                "3,000 packets have a wrong checksum, as many in their file have: it was rewritten, or a network card was to compute them; taken for right (--checksums verify takes them for wrong)",
                "2 packets have a wrong TCP, UDP, ICMP or IP checksum: taken for damaged, and no host took them (Zeek has a c in history, or no row); bytes and packets are counted all the same (--checksums ignore does not look)",
            ]
        );
    }

    #[test]
    fn too_few_wrong_checksums_are_told_apart() {
        let stats = ChecksumStats { unsure: 1, ..ChecksumStats::default() };
        assert!(
            checksums(&RunSummary { checksums: stats, ..totals() })[0].starts_with("1 packet has a wrong checksum, of too few")
        );
    }

    #[test]
    fn lost_packets_are_never_silent() {
        let mut summary = RunSummary { live: true, read: 1_186_331, ..totals() };
        let words = LossWords { figures: true, ..LossWords::default() };
        let packets_lost = |summary: &RunSummary| super::packets_lost(summary, words);
        assert_eq!(packets_lost(&summary), None);
        summary.sources[0].info.kind = SourceKind::Live(LiveBackend::Libpcap);
        summary.sources[0].stats.dropped_kernel = Some(18_220);
        summary.sources[0].stats.received = Some(1_204_551);
        assert_eq!(
            packets_lost(&summary).unwrap(),
            "18,220 of 1,204,551 packets were dropped (kernel 18,220, interface 0, sockeye 0): loss figures are unreliable
  try:  -B 262144   or a capture filter   or -s 128"
        );
        // A command without such figures says nothing of them; and nobody is told to ask for less than is had without asking.
        let small = LossWords { buffer: Buffer::of(Some(1024), 65_536, 262_144), ..LossWords::default() };
        assert_eq!(
            super::packets_lost(&summary, small).unwrap(),
            "18,220 of 1,204,551 packets were dropped (kernel 18,220, interface 0, sockeye 0)
  try:  leave -B off (65536 is the default)   or a capture filter   or -s 128"
        );
        summary.sources[0].stats.dropped_interface = Some(u64::MAX);
        assert!(packets_lost(&summary).unwrap().starts_with("18,446,744,073,709,551,615 of"));
        // Those that sockeye left out had been read: they are not counted twice.
        summary.sources[0].stats.dropped_kernel = None;
        summary.sources[0].stats.dropped_interface = None;
        summary.dropped_here = 1_000_000;
        assert_eq!(
            packets_lost(&summary).unwrap(),
            "1,000,000 of 1,204,551 packets were dropped (kernel 0, interface 0, sockeye 1,000,000)
  try:  write to a file   or a capture filter   or a faster reader"
        );
    }

    #[test]
    fn what_is_being_lost_is_told_by_cause() {
        let buffered = |kib| LossWords { buffer: Buffer::of(Some(kib), 65_536, 262_144), ..LossWords::default() };
        assert!(being_dropped(0, 0, 0, 5, 0, LossWords::default()).is_empty());
        let large = being_dropped(1, 0, 0, 5, 0, buffered(262_144));
        assert!(large[0].ends_with("\n  try:  a capture filter   or -s 128"), "{large:?}");
        assert_eq!(
            being_dropped(1200, 0, 3, 30_000, 1, buffered(100_000)),
            [
                "packets are being dropped: 1,203 of 30,000 so far (kernel 1,200, interface 0, sockeye 3)
  try:  -B 262144   or a capture filter   or -s 128",
                "records are being left out: 1 so far, because the output is read too slowly
  try:  write to a file   or a capture filter   or a faster reader",
            ]
        );
        assert_eq!(misplaced(&totals()), None);
        assert_eq!(
            misplaced(&RunSummary { misplaced: 2000, ..totals() }).unwrap(),
            "2,000 packets were not handed to the thread that follows their conversations, which had no room: some may have two records
  fewer --threads avoid it"
        );
        assert_eq!((records_lost(&totals(), Outlet::Reader), evicted(&totals())), (None, None));
        let text = evicted(&RunSummary { evicted: 1, ..totals() }).unwrap();
        assert!(text.starts_with("1 flow was given out early for want of room"), "{text}");
        let text = records_lost(&RunSummary { records_dropped: 2, ..totals() }, Outlet::Reader).unwrap();
        assert!(text.starts_with("2 records were left out, because the output is read too slowly\n"), "{text}");
    }

    #[test]
    fn who_writes_to_a_file_is_not_told_to() {
        let outlet = |more_memory, columns| Outlet::File { more_memory, columns };
        assert_eq!(
            records_lost(&RunSummary { records_dropped: 2, ..totals() }, outlet(true, true)).unwrap(),
            "2 records were left out, because the output is written too slowly
  try:  a larger --max-memory   or fewer columns (--fields)   or a capture filter"
        );
        for (more_memory, columns) in [(false, false), (false, true), (true, false), (true, true)] {
            let words = LossWords { outlet: outlet(more_memory, columns), ..LossWords::default() };
            let [packets, records] = &being_dropped(0, 0, 3, 30, 1, words)[..] else { panic!("two") };
            for text in [packets, records] {
                assert!(!text.contains("read") && !text.contains("to a file"), "{text}");
                let advised = (text.contains("--max-memory"), text.contains("--fields"));
                assert_eq!(advised, (more_memory, columns), "{text}");
            }
        }
    }
}
