"""Add this kernel's TCP counters to a log of relay.py and print it.

    truth.py LOG

The counters are those of the network namespace it runs in: what the sender
itself says it sent again.
"""
import json
import sys

COUNTERS = {"Tcp": ("OutSegs", "RetransSegs"),
            "TcpExt": ("TCPFastRetrans", "TCPSlowStartRetrans", "TCPTimeouts", "TCPLossProbes",
                       "TCPSpuriousRTOs", "TCPDSACKRecv", "TCPSACKReorder", "TCPTSReorder")}


def counters():
    """Return the wanted counters from /proc: pairs of lines, names and numbers."""
    found = {}
    for path in ("/proc/net/snmp", "/proc/net/netstat"):
        with open(path, encoding="ascii") as lines:
            for names, numbers in zip(lines, lines):
                group, *names = names.split()
                _, *numbers = numbers.split()
                values = dict(zip(names, numbers))
                for name in COUNTERS.get(group.rstrip(":"), ()):
                    found[name] = int(values[name])
    return found


with open(sys.argv[1], encoding="ascii") as log_file:
    log = json.load(log_file)
events = log.pop("events")
# One event a line, so that the file can be read and compared.
print(json.dumps({**log, "server_kernel": counters()}, indent=1)[:-2] + ',\n "events": [')
print(",\n".join("  " + json.dumps(event) for event in events))
print(" ]\n}")
