//! `--max-memory`: what the program may hold in memory at most, and how it is divided. Each part keeps to its share by an account of
//! its own; here are only the shares. docs/memory.md has the list of all parts and their bounds.

use super::args::{LiveArgs, RunArgs};
use super::errors::{Problem, shown};
use super::time;
use sockeye::capture::live::{COPYING_BUFFER, DEFAULT_BUFFER};
use sockeye::flow::TrackerConfig;
use sockeye::output::hold;
use sockeye::output::notices::Outlet;
use sockeye::output::text_output::MOST_OF_RECORDS;
use std::fs;
use std::path::{Path, PathBuf};

/// The least that makes sense: the program itself, with its buffers, takes nearly half of it.
const LEAST: usize = 64 << 20;
/// The most that is taken without being asked.
const USUAL_MOST: usize = 1 << 30;
/// The program's own pages, stacks, what has a bound of its own that is small (hosts seen, fragments, what the capture dropped,
/// first numbers of packet lines) and the buffers of its outputs.
const PROGRAM: usize = 26 << 20;
/// Of that, what first numbers of packet lines may take: conversations have it where no such lines are printed.
const FIRST_NUMBERS: usize = 6 << 20;
/// What a further thread takes beside conversations: hosts seen, fragments, a stack.
const THREAD: usize = 6 << 20;
/// What a further thread that follows conversations of files takes beside them: hosts seen, fragments, what the capture dropped, a stack.
const FOLLOWER: usize = 9 << 20;
/// Frames on their way to such threads: eight batches of 640 KiB, and what stands beside the frames.
const BATCHES: usize = 6 << 20;
/// Numbers of the flows under way in all such threads: one in so many parts of what conversations may take. A flow's place takes ten times
/// what its number does.
const NUMBERS: usize = 10;
/// Of what conversations may take, so many of 16 parts cannot be used: they lie between other pieces.
const UNUSABLE: usize = 2;

/// What may be held in memory, bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Memory {
    most: usize,
    /// Of that, what capture buffers and further threads take,
    live: usize,
    /// what live may wait for who reads the output,
    waiting: usize,
    /// and what the threads take that follow conversations of files.
    followers: usize,
    /// Of the program's part, what this run has no use for.
    unused: usize,
    /// The capture buffer of one interface in one thread,
    ring: usize,
    /// what it is when nothing is asked, and the most that it can be.
    usual_ring: usize,
    largest_ring: usize,
}

/// As if nothing were known of the machine.
impl Default for Memory {
    fn default() -> Self {
        Self::all(USUAL_MOST)
    }
}

impl Memory {
    const fn all(most: usize) -> Self {
        Self {
            most,
            live: 0,
            waiting: 0,
            followers: 0,
            unused: 0,
            ring: DEFAULT_BUFFER,
            usual_ring: DEFAULT_BUFFER,
            largest_ring: DEFAULT_BUFFER,
        }
    }

    /// By the flag, or a quarter of what there is. To be called while files of the system can be read.
    pub(crate) fn of(args: &RunArgs) -> Result<Self, Problem> {
        let Some(text) = args.max_memory.as_deref() else { return Ok(Self::all(usual(there()))) };
        let most = usize::try_from(time::size("--max-memory", text, 1)?).unwrap_or(usize::MAX);
        if most < LEAST {
            return Err(Problem::usage(format!("--max-memory {}: the least is {}m", shown(text), LEAST >> 20)));
        }
        Ok(Self::all(most))
    }

    /// The same for a live capture on so many interfaces. `copying`: packets only pass.
    pub(crate) fn for_live(self, args: &LiveArgs, interfaces: usize, copying: bool) -> Result<Self, Problem> {
        let threads = args.several_threads().unwrap_or(1) as usize;
        let rings = (interfaces * threads).max(1);
        let further = (threads - 1) * THREAD;
        let usual_ring = (self.most / 4 / rings).min(if copying { COPYING_BUFFER } else { DEFAULT_BUFFER });
        let ring = args.buffer_kib.map_or(usual_ring, |kib| kib as usize * 1024);
        let live = rings * ring + further;
        if live > self.most / 4 * 3 - PROGRAM {
            let (needs, least) = (live >> 20, ((live + PROGRAM) / 3 * 4).div_ceil(1 << 20));
            let what = if args.buffer_kib.is_some() { "-B" } else { "--threads" };
            return Err(Problem::usage(format!(
                "{what}: {needs} MiB of capture buffers and threads do not fit into the {} MiB of --max-memory",
                self.most >> 20
            ))
            .help(format!("give less of them, or  --max-memory {least}m")));
        }
        let largest_ring = (self.most / 4 * 3 - PROGRAM).saturating_sub(further) / rings;
        Ok(Self { live, waiting: self.most / 8, ring, usual_ring, largest_ring, ..self })
    }

    /// The same for files.
    pub(crate) fn for_files(self, args: &LiveArgs) -> Result<Self, Problem> {
        let Some(threads) = args.several_threads() else { return Ok(self) };
        let followers = BATCHES + (threads as usize - 1) * FOLLOWER;
        if followers > self.most / 4 * 3 - PROGRAM {
            let (needs, least) = (followers >> 20, ((followers + PROGRAM) / 3 * 4).div_ceil(1 << 20));
            return Err(Problem::usage(format!(
                "--threads: {needs} MiB for threads do not fit into the {} MiB of --max-memory",
                self.most >> 20
            ))
            .help(format!("give less of them, or  --max-memory {least}m")));
        }
        Ok(Self { followers, ..self })
    }

    /// The same where no packet lines are printed.
    pub(crate) const fn without_lines(self) -> Self {
        Self { unused: FIRST_NUMBERS, ..self }
    }

    /// Bytes of the capture buffer of one interface in one thread.
    pub(crate) const fn ring(self) -> usize {
        self.ring
    }

    /// What that is when nothing is asked, bytes.
    pub(crate) const fn usual_ring(self) -> usize {
        self.usual_ring
    }

    /// The most that it can be, bytes.
    pub(crate) const fn largest_ring(self) -> usize {
        self.largest_ring
    }

    /// Bytes of output that may wait, live.
    pub(crate) const fn waiting(self) -> usize {
        self.waiting
    }

    /// Where live output goes, by whether somebody reads it and whether columns of it could be left out.
    pub(crate) const fn outlet(self, has_reader: bool, columns: bool) -> Outlet {
        if has_reader { Outlet::Reader } else { Outlet::File { more_memory: self.waiting < MOST_OF_RECORDS, columns } }
    }

    /// For packets or records that one thread hands to another, all of them.
    pub(crate) const fn handed_over(self) -> usize {
        if self.live > 0 || self.followers > 0 { self.rest() / 16 } else { 0 }
    }

    const fn rest(self) -> usize {
        self.most - PROGRAM - self.live - self.waiting - self.followers
    }

    /// For buffers of files, what is inflated, and what files say of themselves.
    pub(crate) const fn input(self) -> usize {
        self.rest() / 4
    }

    /// For packets that wait for their verdicts. They take up to twice that.
    pub(crate) fn hold(self) -> usize {
        (self.rest() / 16).min(hold::BYTES)
    }

    /// For what Wireshark's labels need.
    pub(crate) fn labels(self) -> usize {
        (self.rest() / 8).min(TrackerConfig::default().label_bytes)
    }

    /// For records that an output keeps until the end, or for what it keeps of each flow under way. Made into rows, records take as much
    /// once more.
    pub(crate) const fn records(self) -> usize {
        self.rest() / 8
    }

    /// For what findings are made of.
    pub(crate) fn findings(self) -> usize {
        (self.rest() / 16).min(64 << 20)
    }

    /// For a capture that is written in parts: by conversations half of it for what is gathered, the rest for
    /// files under way; by groups a quarter, the rest for their files and for who belongs to them.
    pub(crate) const fn parts(self) -> usize {
        self.rest() / 4
    }

    /// For conversations, where the output takes `others`.
    pub(crate) fn tracker(self, others: usize) -> TrackerConfig {
        let usual = TrackerConfig::default();
        let input = if self.live > 0 { 0 } else { self.input() };
        let all = self.rest() + self.unused - self.handed_over() - input - others;
        let path_bytes = usual.path_bytes.min(all / 12);
        let name_bytes = usual.name_bytes.min(all / 24);
        let flows = (all - path_bytes - name_bytes) / 16 * (16 - UNUSABLE);
        let max_bytes = if self.followers > 0 { flows / NUMBERS * (NUMBERS - 1) } else { flows };
        TrackerConfig { max_bytes, list_bytes: max_bytes / 4, path_bytes, name_bytes, ..usual }
    }
}

/// A quarter, within limits.
fn usual(there: Option<usize>) -> usize {
    there.map_or(USUAL_MOST, |bytes| (bytes / 4).clamp(LEAST, USUAL_MOST))
}

/// Bytes of memory that there are for us: of the machine, or of the control groups that we are in where one has a limit.
fn there() -> Option<usize> {
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| total(&text));
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let limit = |path| fs::read_to_string(path).ok()?.trim().parse().ok();
    machine.into_iter().chain(limits(&groups).filter_map(limit)).min()
}

/// Files with the limits of memory of the control groups in `/proc/PID/cgroup` (cgroups(7)), and of those around them: of version 2, which
/// has a line `0::PATH`, and of the memory controller of version 1. Within a name space of groups the path is the one seen there.
fn limits(groups: &str) -> impl Iterator<Item = PathBuf> {
    groups.lines().flat_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next().unwrap_or("none"), parts.next().unwrap_or_default());
        let of = |root: &'static str, file: &'static str| (root, file, Path::new(path.trim_start_matches('/')));
        let found = if controllers.is_empty() {
            Some(of("/sys/fs/cgroup", "memory.max"))
        } else if controllers.split(',').any(|name| name == "memory") {
            Some(of("/sys/fs/cgroup/memory", "memory.limit_in_bytes"))
        } else {
            None
        };
        found.into_iter().flat_map(|(root, file, path)| path.ancestors().map(move |group| Path::new(root).join(group).join(file)))
    })
}

/// `MemTotal` of `/proc/meminfo` (proc(5)), which is in KiB.
fn total(meminfo: &str) -> Option<usize> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.split_whitespace().next()?.parse::<usize>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Memory, Problem> {
        Memory::of(&RunArgs { max_memory: Some(text.to_owned()), ..RunArgs::default() })
    }

    #[test]
    fn a_quarter_of_what_there_is_and_no_more_than_a_gigabyte() {
        assert_eq!(total("MemFree: 3 kB\nMemTotal:       24684232 kB\n"), Some(24_684_232 << 10));
        assert_eq!(total("nothing"), None);
        let mib = |n: usize| n << 20;
        for (there, most) in
            [(Some(mib(2048)), mib(512)), (Some(mib(65536)), mib(1024)), (Some(mib(100)), LEAST), (None, mib(1024))]
        {
            assert_eq!(usual(there), most);
        }
    }

    #[test]
    fn limits_are_those_of_all_groups_around() {
        let of = |text| limits(text).map(|path| path.display().to_string()).collect::<Vec<_>>();
        let second =
            ["a.slice/b.service/memory.max", "a.slice/memory.max", "memory.max"].map(|end| format!("/sys/fs/cgroup/{end}"));
        assert_eq!(of("0::/a.slice/b.service\n"), second);
        let first = ["x/memory.limit_in_bytes", "memory.limit_in_bytes"].map(|end| format!("/sys/fs/cgroup/memory/{end}"));
        assert_eq!(of("9:name=systemd:/s\n4:memory,hugetlb:/x\n3:cpuset:/c\n"), first);
        assert!(of("").is_empty() && of("nonsense").is_empty());
    }

    #[test]
    fn shares_are_no_more_than_all() {
        for text in ["64m", "100m", "1g", "64g"] {
            let memory = of(text).unwrap();
            let (records, packets) = (2 * memory.records(), 2 * memory.hold() + memory.labels());
            for (others, lines) in [(0, 0), (records, 0), (packets, FIRST_NUMBERS)] {
                let memory = if lines == 0 { memory.without_lines() } else { memory };
                let tracker = memory.tracker(others);
                let program = PROGRAM - FIRST_NUMBERS + lines;
                let all = tracker.max_bytes + tracker.path_bytes + tracker.name_bytes + others + memory.input() + program;
                assert!(all <= memory.most && tracker.max_bytes >= memory.most / 5, "{text}: {tracker:?}");
                assert!(tracker.list_bytes <= tracker.max_bytes / 4);
            }
        }
        assert!(of("63m").is_err() && of("0").is_err() && of("much").is_err());
    }

    #[test]
    fn threads_of_files_have_shares_that_are_no_more_than_all() {
        let asked = |threads| LiveArgs { threads: Some(threads), ..LiveArgs::default() };
        for (text, threads) in [("64m", 2), ("128m", 4), ("1g", 64), ("64g", 64)] {
            let memory = of(text).unwrap().for_files(&asked(threads)).unwrap();
            let tracker = memory.tracker(0);
            let numbers = tracker.max_bytes / (NUMBERS - 1);
            let all =
                tracker.max_bytes + numbers + tracker.path_bytes + tracker.name_bytes + memory.handed_over() + memory.input();
            assert!(all + PROGRAM + memory.followers <= memory.most && memory.handed_over() > 0, "{text}: {tracker:?}");
        }
        assert_eq!(of("64m").unwrap().for_files(&asked(1)).unwrap(), of("64m").unwrap());
        let refused = of("64m").unwrap().for_files(&asked(3)).unwrap_err().to_string();
        assert!(refused.contains("--threads: 24 MiB") && refused.contains("--max-memory 67m"), "{refused}");
        assert!(of("67m").unwrap().for_files(&asked(3)).is_ok());
    }

    #[test]
    fn capture_buffers_that_do_not_fit_are_refused() {
        let asked = |kib| LiveArgs { buffer_kib: Some(kib), ..LiveArgs::default() };
        let memory = of("256m").unwrap();
        assert_eq!(memory.for_live(&LiveArgs::default(), 1, false).unwrap().ring(), 64 << 20);
        assert_eq!(memory.for_live(&LiveArgs::default(), 4, false).unwrap().ring(), 16 << 20);
        assert_eq!(memory.for_live(&asked(131_072), 1, false).unwrap().ring(), 128 << 20);
        let refused = memory.for_live(&asked(262_144), 1, false).unwrap_err().to_string();
        assert!(refused.contains("-B: 256 MiB") && refused.contains("--max-memory 376m"), "{refused}");
        assert!(of("376m").unwrap().for_live(&asked(262_144), 1, false).is_ok());
    }
}
