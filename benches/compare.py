"""Measures whole processes in turn and writes Markdown tables; started by compare.sh, which makes the files and the programs.

CPU is user + system time of a process and the children that it waited for, as wait4(2) says; memory is its peak resident size (ru_maxrss, pages of
mapped files included); a child begins with this script's own peak, so what stays below that is printed as "less than". Files are read once
before a role begins, so that they are in the page cache. Commands of a role take turns, every second round in the other order.
"""

import argparse
import contextlib
import os
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROLES = "start flows summary print record jsonl scale attacks corpus".split()


class Command:
    """What to run: a name for the table, the words, how often at most."""

    def __init__(self, name, words, most=None, what=""):
        self.name, self.words, self.most, self.what = name, [str(word) for word in words], most, what
        self.runs, self.said, self.wrong = [], "", ""

    def cpu(self):
        return statistics.median(run[0] for run in self.runs)

    def wall(self):
        return statistics.median(run[1] for run in self.runs)

    def peak(self):
        return max(run[2] for run in self.runs)


def run_once(words, limit, keep):
    """(CPU s, wall s, peak kB), what it printed if that is kept, and what went wrong."""
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as complained:
        null = os.open(os.devnull, os.O_RDWR)
        actions = [
            (os.POSIX_SPAWN_DUP2, null, 0),
            (os.POSIX_SPAWN_DUP2, said.fileno() if keep else null, 1),
            (os.POSIX_SPAWN_DUP2, complained.fileno(), 2),
        ]
        start = time.monotonic()
        child = os.posix_spawnp(words[0], words, os.environ, file_actions=actions, setpgroup=0)
        os.close(null)

        def too_long(_signal, _frame):
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)

        signal.signal(signal.SIGALRM, too_long)
        signal.alarm(limit)
        _, status, used = os.wait4(child, 0)
        signal.alarm(0)
        wall = time.monotonic() - start
        said.seek(0)
        complained.seek(0)
        wrong = ""
        if os.WIFSIGNALED(status) and wall >= limit - 1:
            wrong = f"ended after {limit} s"
        elif status != 0:
            code = os.waitstatus_to_exitcode(status)
            words_said = complained.read().decode(errors="replace").strip().splitlines()
            wrong = f"exit {code}: {words_said[-1] if words_said else ''}"
        return (used.ru_utime + used.ru_stime, wall, used.ru_maxrss), said.read().decode(errors="replace"), wrong


def warm(path):
    with open(path, "rb", buffering=0) as file:
        while file.read(1 << 22):
            pass


class Measure:
    def __init__(self, options):
        self.options = options
        self.counts = {}
        self.lines = []
        self.verdicts = []

    def packets(self, path):
        """How many packets a file has, as the bare loop counts them."""
        if path not in self.counts:
            _, said, wrong = run_once([self.options.bare, str(path)], self.options.limit, True)
            if wrong:
                sys.exit(f"compare: {path}: {wrong}")
            self.counts[path] = int(said.split("packets=")[1].split()[0])
        return self.counts[path]

    def take_turns(self, commands, rounds=None):
        rounds = rounds or self.options.rounds
        for turn in range(rounds):
            for command in commands if turn % 2 == 0 else reversed(commands):
                if command.wrong or (command.most is not None and len(command.runs) >= command.most):
                    continue
                used, command.said, command.wrong = run_once(command.words, self.options.limit, False)
                command.runs.append(used)
                print(f"  {command.name}: {used[0]:.2f} s {command.wrong}", file=sys.stderr, flush=True)

    def table(self, title, path, commands, rounds=None, unit="s"):
        """Runs the commands and writes a table; the first one is what others are compared with."""
        packets = self.packets(path)
        print(f"{title}: {path.name}, {packets:,} packets", file=sys.stderr, flush=True)
        warm(path)
        self.take_turns(commands, rounds)
        first = commands[0]
        self.lines += [f"### {title}", "", f"`{path.name}`: {packets:,} packets, {path.stat().st_size / 1e6:,.0f} MB.", ""]
        self.lines += ["| command | CPU " + unit + " | wall " + unit + " | ns CPU a packet | peak memory | CPU, as a multiple of the first |"]
        self.lines += ["| --- | --- | --- | --- | --- | --- |"]
        scale = 1000 if unit == "ms" else 1
        for command in commands:
            name = f"`{command.name}`" + (f", {command.what}" if command.what else "")
            if len(command.runs) < (rounds or self.options.rounds):
                name += f" ({len(command.runs)} run{'s' if len(command.runs) != 1 else ''})"
            if command.wrong:
                self.lines.append(f"| {name} | {command.wrong.replace('|', '/')} | | | {self.memory(command)} | |")
                continue
            own = self.packets(Path(command.file)) if hasattr(command, "file") else packets
            each = command.cpu() / own * 1e9
            ratio = "" if command is first or first.wrong else f"{each / (first.cpu() / packets * 1e9):.2f}"
            if hasattr(command, "file"):
                name += f" on {Path(command.file).name}"
            self.lines.append(
                f"| {name} | {command.cpu() * scale:.2f} | {command.wall() * scale:.2f} | {'' if unit == 'ms' else f'{each:,.0f}'} | {self.memory(command)} | {ratio} |"
            )
        self.lines.append("")
        self.write()

    def memory(self, command):
        if not command.runs:
            return ""
        peak, own = command.peak(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return f"< {own / 1000:.0f} MB" if peak <= own * 1.02 else f"{peak / 1000:.0f} MB"

    def claim(self, what, value, test, goal):
        """A figure beside what it is to be."""
        self.verdicts.append((what, value, goal, test(value)))

    def write(self):
        options = self.options
        load = os.getloadavg()
        lines = [
            f"{os.cpu_count()} cores, load {load[0]:.1f} {load[1]:.1f} {load[2]:.1f} at the end, {options.rounds} rounds, {time.strftime('%Y-%m-%d %H:%M')}; "
            f"{version([options.sockeye, '--version'])}.",
            "",
        ]
        if self.verdicts:
            lines += ["| figure | is | is to be | |", "| --- | --- | --- | --- |"]
            lines += [f"| {what} | {value:.2f} | {goal} | {'met' if met else '**missed**'} |" for what, value, goal, met in self.verdicts]
            lines.append("")
        Path(options.out).write_text("\n".join(lines + self.lines))


def version(words):
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip().splitlines()[0]


def cost(command):
    """CPU seconds, or nothing for a command that failed."""
    return None if command.wrong or not command.runs else command.cpu()


def sockeyes(options, name, words, **more):
    """The command, and that of the program before, where there is one."""
    commands = [Command(f"sockeye {name}", [options.sockeye, *words], **more)]
    if options.before:
        commands.append(Command(f"before: sockeye {name}", [options.before, *words], **more))
    return commands


def at_least(goal):
    return lambda value: value >= goal


def at_most(goal):
    return lambda value: value <= goal


def several_threads(options, path):
    """Whether this sockeye follows a file in several threads."""
    return run_once([options.sockeye, "flows", "-r", str(path), "--threads", "2"], 60, False)[2] == ""


# What softflowd exports of a flow.
COUNTERS = "proto,orig.ip,orig.port,resp.ip,resp.port,start,end," + ",".join(
    f"{side}.{field}" for side in ("orig", "resp") for field in ("packets", "ip_bytes", "flags")
)


def flows(measure, path, title, claims=True, slow=True):
    options = measure.options
    work = measure.work
    csv = ["flows", "-r", path, "--format", "csv"]
    ours, *before = sockeyes(options, "flows --format csv", csv)
    counters = Command("sockeye flows --format csv --fields …", [options.sockeye, *csv, "--fields", COUNTERS], what="addresses, times, packets, bytes and flags, as softflowd has them")
    commands = [ours, *before, counters]
    two = None
    if several_threads(options, measure.file("tiny")):
        two = Command("sockeye flows --format csv --threads 2", [options.sockeye, *csv, "--threads", "2"])
        commands.append(two)
    bare = Command("bare", [options.bare, path], what="the bare loop")
    soft = Command("softflowd -n", ["softflowd", "-r", path, "-n", "127.0.0.1:9995", "-p", work / "pid", "-c", "none"], what="as it comes: 8,192 flows, no IPv6")
    whole = ["softflowd", "-r", path, "-n", "127.0.0.1:9995", "-6", "-m", "10000000", "-p", work / "pid", "-c", "none"]
    argus = Command("argus", ["argus", "-r", path, "-w", "/dev/null"])
    conversations = Command("tshark -q -z conv,tcp -z conv,udp", ["tshark", "-r", path, "-q", "-z", "conv,tcp", "-z", "conv,udp"], most=1)
    soft_whole = Command("softflowd -n -6 -m 10000000", whole, what="all flows")
    commands += [bare, soft, soft_whole, argus]
    commands.append(Command("nfpcapd", ["nfpcapd", "-r", path, "-w", work]))
    if slow:
        commands.append(conversations)
    measure.table(title, path, commands)
    if claims and cost(ours):
        for peer, goal in [(soft, 2), (soft_whole, 2), (argus, 4), (conversations, 100)]:
            if cost(peer):
                measure.claim(f"{peer.name} / sockeye flows, CPU", cost(peer) / cost(ours), at_least(goal), f"≥ {goal}")
        if cost(soft_whole) and cost(counters):
            measure.claim(f"{soft_whole.name} / sockeye flows of the same fields, CPU", cost(soft_whole) / cost(counters), at_least(2), "≥ 2")
        if two and cost(two):
            measure.claim("one thread / two threads, wall", ours.wall() / two.wall(), at_least(1.5), "≥ 1.5")
        measure.claim("sockeye flows / bare loop, CPU", cost(ours) / cost(bare), at_most(3), "< 3")
    return ours


def main():
    parser = argparse.ArgumentParser()
    for name in ("--sockeye", "--bare", "--data", "--out"):
        parser.add_argument(name, required=True)
    for name in ("--before", "--corpus"):
        parser.add_argument(name)
    parser.add_argument("--roles", default=" ".join(ROLES))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--limit", type=int, default=600)
    parser.add_argument("--small", action="store_true")
    options = parser.parse_args()
    roles = options.roles.replace(",", " ").split()
    if unknown := set(roles) - set(ROLES):
        sys.exit(f"compare: no such role: {' '.join(unknown)} (there are: {' '.join(ROLES)})")
    measure = Measure(options)
    small = "-small" if options.small else ""
    measure.file = lambda name: Path(options.data) / f"{name}.pcap"
    measure.work = Path(tempfile.mkdtemp(prefix="compare-", dir=options.data))
    measure.work.chmod(0o755)  # softflowd gives up root
    try:
        for role in ROLES:
            if role in roles:
                globals()[f"role_{role}"](measure, small)
    finally:
        measure.write()
        shutil.rmtree(measure.work)
    print(Path(options.out).read_text())


def role_start(measure, _small):
    tiny = measure.file("tiny")
    options = measure.options
    commands = [
        *sockeyes(options, "FILE", [tiny]),
        *sockeyes(options, "packets", ["packets", "-r", tiny]),
        *sockeyes(options, "flows --format csv", ["flows", "-r", tiny, "--format", "csv"]),
        Command("tcpdump -nn", ["tcpdump", "-nn", "-r", tiny]),
        Command("argus", ["argus", "-r", tiny, "-w", "/dev/null"]),
        Command("tshark", ["tshark", "-n", "-r", tiny], most=5),
    ]
    measure.table("Start: ten packets", tiny, commands, rounds=max(21, options.rounds), unit="ms")
    if cost(commands[0]):
        measure.claim("start of sockeye FILE, ms CPU", cost(commands[0]) * 1000, at_most(5), "< 5")


def role_flows(measure, small):
    measure.flows = flows(measure, measure.file(f"mix{small}"), "Conversations")


def role_summary(measure, small):
    path = measure.file(f"mix{small}")
    options = measure.options
    ours, *before = sockeyes(options, "FILE", [path])
    beside, *_ = sockeyes(options, "flows --format csv", ["flows", "-r", path, "--format", "csv"])
    measure.table("Summary", path, [ours, *before, beside])
    if cost(ours) and cost(beside):
        measure.claim("sockeye FILE / sockeye flows, CPU", cost(ours) / cost(beside), at_most(1.3), "≤ 1.3")


def role_print(measure, small):
    path = measure.file(f"mix{small}")
    options = measure.options
    ours, *before = sockeyes(options, "packets", ["packets", "-r", path])
    plain = sockeyes(options, "packets --plain", ["packets", "-r", path, "--plain"])
    named = Command("tcpdump -nn", ["tcpdump", "-nn", "-r", path])
    absolute = Command("tcpdump -nnS", ["tcpdump", "-nnS", "-r", path])
    measure.table("Packet lines", path, [ours, *before, *plain, named, absolute])
    if cost(ours) and cost(named):
        measure.claim("tcpdump -nn / sockeye packets, CPU", cost(named) / cost(ours), at_least(5), "≥ 5")


def role_record(measure, small):
    path = measure.file(f"mix{small}")
    options = measure.options
    rule, to = "tcp port 443", measure.work / "out.pcap"
    # --force: what a round wrote the next one writes over.
    ours, *before = sockeyes(options, f"packets -w FILE '{rule}'", ["packets", "-r", path, "-w", to, "--force", rule])
    theirs = Command(f"tcpdump -w FILE '{rule}'", ["tcpdump", "-Z", "root", "-r", path, "-w", to, rule])
    commands = [ours, *before, theirs]
    if os.geteuid() != 0:
        theirs.words[1:3] = []
    measure.table("Packets to a file", path, commands)
    if cost(ours) and cost(theirs):
        measure.claim("sockeye packets -w / tcpdump -w, CPU", cost(ours) / cost(theirs), at_most(1), "≤ 1")


def role_jsonl(measure, small):
    path, short = measure.file(f"mix{small}"), measure.file("mix-small")
    options = measure.options
    ours = sockeyes(options, "flows --format jsonl", ["flows", "-r", path, "--format", "jsonl"])
    packets = sockeyes(options, "packets --format jsonl", ["packets", "-r", path, "--format", "jsonl"])
    theirs = Command("tshark -T ek", ["tshark", "-n", "-r", short, "-T", "ek"], most=1)
    theirs.file = short
    measure.table("JSON lines", path, [*ours, *packets, theirs])
    if cost(ours[0]) and cost(packets[0]) and cost(theirs):
        each = (cost(ours[0]) + cost(packets[0])) / measure.packets(path)
        measure.claim("tshark -T ek / sockeye flows and packets, CPU a packet", cost(theirs) / measure.packets(short) / each, at_least(10), "≥ 10")


def role_scale(measure, small):
    options = measure.options
    rows = []
    names = ["10k", "100k", "1m"] + ([] if small else ["5m"])
    for name in names:
        path = measure.file(f"flows{name}{small}")
        ours = sockeyes(options, "flows --format csv", ["flows", "-r", path, "--format", "csv"])
        commands = [*ours, Command("bare", [options.bare, path], what="the bare loop")]
        if name != "5m":
            commands.append(Command("argus", ["argus", "-r", path, "-w", "/dev/null"], most=3))
        measure.table(f"{name} connections at a time", path, commands, rounds=min(3, options.rounds) if name == "5m" else None)
        if cost(ours[0]):
            each = [cost(command) / measure.packets(path) * 1e9 for command in (ours[0], commands[len(ours)])]
            rows.append((name, *each, ours[0].peak() / 1000))
    measure.lines += ["### ns CPU a packet by connections at a time", "", "| open | sockeye | bare loop | multiple | peak memory |", "| --- | --- | --- | --- | --- |"]
    measure.lines += [f"| {name} | {ours:.0f} | {bare:.0f} | {ours / bare:.1f} | {peak:.0f} MB |" for name, ours, bare, peak in rows]
    peaks = {row[0]: row[3] for row in rows}
    if {"100k", "1m"} <= peaks.keys():
        # What a flow takes is what nine hundred thousand more take, as long as none is evicted.
        each = (peaks["1m"] - peaks["100k"]) * 1e6 / 900_000
        measure.claim("bytes a TCP flow (peak at 1m less peak at 100k, by 900,000)", each, at_most(400), "< 400")
    longest = max((row[1] for row in rows), default=1)
    measure.lines += ["", "```text"]
    for name, ours, bare, _ in rows:
        for who, value in (("sockeye", ours), ("bare", bare)):
            measure.lines.append(f"{name:>5} {who:8} {'█' * max(1, round(value / longest * 60))} {value:.0f} ns")
    measure.lines += ["```", ""]


def role_attacks(measure, small):
    options = measure.options
    for kind in "syn half-open fragments overlaps window holes small-holes tunnels collisions udp".split():
        path = measure.file(f"{kind}{small}")
        commands = [
            *sockeyes(options, "flows --format csv", ["flows", "-r", path, "--format", "csv"]),
            *sockeyes(options, "FILE", [path]),
            Command("bare", [options.bare, path], what="the bare loop"),
            Command("argus", ["argus", "-r", path, "-w", "/dev/null"], most=1),
        ]
        if kind in ("syn", "holes"):
            commands.append(Command("tcptrace -n -l", ["tcptrace", "-n", "-l", path], most=1))
            commands.append(Command("tshark -q -z conv,tcp", ["tshark", "-r", path, "-q", "-z", "conv,tcp"], most=1))
        measure.table(f"Attack: {kind}", path, commands, rounds=min(3, options.rounds))
        if cost(commands[0]):
            measure.claim(f"peak memory at {kind}, MB", max(c.peak() for c in commands if c.name.startswith("sockeye")) / 1000, at_most(1074), "≤ 1,074")


def capture_tool(*words):
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)


def role_corpus(measure, _small):
    options = measure.options
    if not options.corpus:
        print("corpus: NOT RUN, --corpus says where real captures are", file=sys.stderr)
        measure.lines += ["Real captures: not run, none were named.", ""]
        return
    place = Path(options.corpus)
    if place.is_dir():
        found = sorted(one for one in place.rglob("*") if one.suffix in (".pcap", ".pcapng") and one.is_file())
    else:
        found = [Path(line) for line in place.read_text().splitlines() if line.strip()]
    joined = measure.work / "joined.pcap"
    # One link type for all, or the bare loop and half of the peers cannot read it.
    parts = []
    for one in found:
        said = capture_tool("capinfos", "-T", "-r", "-E", one)
        part = measure.work / f"part{len(parts)}.pcap"
        if said.stdout.rstrip().endswith("ether") and capture_tool("editcap", "-F", "nsecpcap", one, part).returncode == 0:
            parts.append(part)
    single = measure.work / "single.pcap"
    if not parts or capture_tool("mergecap", "-F", "nsecpcap", "-a", "-w", single, *parts).returncode != 0:
        sys.exit(f"compare: {place}: no captures of Ethernet that mergecap joins")
    # So small a corpus is read again and again, a month later each time.
    times = max(1, min(100, 300_000_000 // single.stat().st_size))
    later = [measure.work / f"later{again}.pcap" for again in range(times)]
    for again, one in enumerate(later):
        capture_tool("editcap", "-F", "nsecpcap", "-t", str(again * 86_400 * 30), single, one)
    if capture_tool("mergecap", "-F", "nsecpcap", "-a", "-w", joined, *later).returncode != 0:
        sys.exit(f"compare: {place}: mergecap does not join what editcap moved in time")
    for one in later:
        one.unlink()
    measure.lines += [f"Real captures: {len(parts)} of {len(found)} files of Ethernet, joined, {times} times one after the other.", ""]
    flows(measure, joined, "Conversations of real captures", claims=False)


if __name__ == "__main__":
    main()
