"""A cable with character: joins two interfaces and copies frames between them.

Give it the ends of two veth pairs. It can hold every frame back (latency),
drop, reorder and duplicate frames with a seeded random generator (and log what
it did, so that a capture comes with its truth), and put a tag on frames that
leave to the right and take it off frames that come from the right. It is used
where a kernel would have netem, VLAN or PPPoE devices, and where ours may not.

    relay.py --left IF --right IF [--delay-ms 10] [--loss 0.03 --toward left …]

Two relays back to back, both with their --right side on a cable between them
and the same --wrap, make a trunk: tagged in the middle, plain at both ends.
"""
import argparse
import heapq
import json
import random
import select
import signal
import socket
import struct
import sys
import time

ETH_P_ALL = 0x0003
SOL_PACKET, PACKET_AUXDATA, PACKET_OUTGOING = 263, 8, 4
TP_STATUS_VLAN_VALID, TP_STATUS_VLAN_TPID_VALID = 1 << 4, 1 << 6
IPV4, IPV6, VLAN, QINQ, MPLS, PPPOE = 0x0800, 0x86DD, 0x8100, 0x88A8, 0x8847, 0x8864


# --- interfaces ---------------------------------------------------------------

def open_interface(name):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    sock.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    sock.bind((name, ETH_P_ALL))
    sock.setblocking(False)
    return sock


def receive(sock):
    """Return the next frame that came in, or None. The kernel takes an outer
    VLAN tag off and reports it beside the frame: put it back."""
    frame, control, _, address = sock.recvmsg(65600, 64)
    if address[2] == PACKET_OUTGOING:
        return None
    for level, kind, data in control:
        if level == SOL_PACKET and kind == PACKET_AUXDATA:
            status, _, _, _, _, tci, tpid = struct.unpack("=IIIHHHH", data[:20])
            if status & TP_STATUS_VLAN_VALID:
                tpid = tpid if status & TP_STATUS_VLAN_TPID_VALID else VLAN
                frame = frame[:12] + struct.pack("!HH", tpid, tci) + frame[12:]
    return frame


# --- tags ---------------------------------------------------------------------

class Wrap:
    """Pushes and strips what stands between the MAC addresses and the packet.

    vlan:42 · qinq:100:42 (802.1ad outside, 802.1Q inside) · mpls:1000 · pppoe:7
    """

    def __init__(self, text):
        self.kind, *numbers = text.split(":")
        self.numbers = [int(number) for number in numbers]

    def push(self, frame):
        macs, ethertype, rest = frame[:12], frame[12:14], frame[14:]
        number = struct.unpack("!H", ethertype)[0]
        if self.kind == "vlan":
            return macs + struct.pack("!HH", VLAN, self.numbers[0]) + ethertype + rest
        if self.kind == "qinq":
            outer, inner = self.numbers
            return macs + struct.pack("!HHHH", QINQ, outer, VLAN, inner) + ethertype + rest
        # The other two carry IP only; anything else (ARP) passes as it is.
        if self.kind == "mpls" and number in (IPV4, IPV6):
            bottom_of_stack, ttl = 1, 64
            return macs + struct.pack("!HI", MPLS, self.numbers[0] << 12 | bottom_of_stack << 8 | ttl) + rest
        if self.kind == "pppoe" and number in (IPV4, IPV6):
            protocol = 0x0021 if number == IPV4 else 0x0057
            header = struct.pack("!HBBHHH", PPPOE, 0x11, 0, self.numbers[0], len(rest) + 2, protocol)
            return macs + header + rest
        return frame

    def strip(self, frame):
        """Return the plain frame, or None if it does not carry our tag."""
        macs = frame[:12]
        number = struct.unpack("!H", frame[12:14])[0]
        if self.kind == "vlan":
            ours = (VLAN, self.numbers[0])
            return macs + frame[16:] if struct.unpack("!HH", frame[12:16]) == ours else None
        if self.kind == "qinq":
            ours = (QINQ, self.numbers[0], VLAN, self.numbers[1])
            return macs + frame[20:] if struct.unpack("!HHHH", frame[12:20]) == ours else None
        if number == MPLS:
            version = frame[18] >> 4
            return macs + struct.pack("!H", IPV4 if version == 4 else IPV6) + frame[18:]
        if number == PPPOE:
            length, protocol = struct.unpack("!HH", frame[18:22])
            return macs + struct.pack("!H", IPV4 if protocol == 0x0021 else IPV6) + frame[22:20 + length]
        return frame


# --- what a frame is, for choosing and for the log ------------------------------

def describe_tcp(frame):
    """Return the facts of an untagged TCP segment over IPv4 or IPv6, or None."""
    ethertype = struct.unpack("!H", frame[12:14])[0]
    if ethertype == IPV4 and frame[23] == 6:
        start, total = 14, struct.unpack("!H", frame[16:18])[0]
        tcp = start + (frame[start] & 15) * 4
        ip_id = struct.unpack("!H", frame[18:20])[0]
        source, target = (socket.inet_ntop(socket.AF_INET, frame[at:at + 4]) for at in (26, 30))
    elif ethertype == IPV6 and frame[20] == 6:
        start, total = 14, 40 + struct.unpack("!H", frame[18:20])[0]
        tcp, ip_id = start + 40, None
        source, target = (socket.inet_ntop(socket.AF_INET6, frame[at:at + 16]) for at in (22, 38))
    else:
        return None
    sport, dport, seq, ack, offset, flags = struct.unpack("!HHIIBB", frame[tcp:tcp + 14])
    letters = "".join(letter for bit, letter in enumerate("FSRPAUEC") if flags >> bit & 1)
    payload = start + total - tcp - (offset >> 4) * 4
    return {"src": source, "sport": sport, "dst": target, "dport": dport, "ip_id": ip_id,
            "seq": seq, "ack": ack, "flags": letters, "payload": payload}


class Fate:
    """Decides what happens to each frame, and keeps a record of it."""

    def __init__(self, options):
        self.options = options
        self.random = random.Random(options.seed)
        self.events = []
        self.forwarded = {"left": 0, "right": 0}
        self.seen = 0

    def applies(self, toward, tcp):
        options = self.options
        if tcp is None or options.toward not in (toward, "both"):
            return False
        if options.data_only and tcp["payload"] == 0:
            return False
        return options.port is None or options.port in (tcp["sport"], tcp["dport"])

    def decide(self, frame, toward):
        """Return the list of extra delays, in seconds, after which to send
        copies of the frame: [] drops it, [0] is an ordinary frame."""
        options, tcp = self.options, describe_tcp(frame)
        if options.only_syn_toward == toward and tcp and "S" not in tcp["flags"]:
            self.note("dropped", toward, tcp)
            return []
        if not self.applies(toward, tcp):
            return [0]
        self.seen += 1
        if self.seen in options.drop or self.random.random() < options.loss:
            self.note("dropped", toward, tcp)
            return []
        if self.random.random() < options.reorder:
            self.note("held_back", toward, tcp)
            return [options.reorder_ms / 1000]
        if self.random.random() < options.duplicate:
            self.note("duplicated", toward, tcp)
            return [0, 0.0002]
        return [0]

    def note(self, what, toward, tcp):
        self.events.append({"time": round(time.time(), 6), "what": what, "toward": toward, **tcp})

    def write_log(self):
        if not self.options.log:
            return
        counts = {what: sum(event["what"] == what for event in self.events)
                  for what in ("dropped", "held_back", "duplicated")}
        log = {"made_by": "relay.py", "forwarded": self.forwarded, **counts, "events": self.events}
        with open(self.options.log, "w", encoding="ascii") as out:
            json.dump(log, out, indent=1)
            out.write("\n")


# --- the loop -------------------------------------------------------------------

def run(options):
    ends = {"left": open_interface(options.left), "right": open_interface(options.right)}
    other = {"left": "right", "right": "left"}
    wrap = Wrap(options.wrap) if options.wrap else None
    fate = Fate(options)
    waiting = []    # a heap of (when, number, toward, frame)
    number = 0

    def stop(*_):
        fate.write_log()
        sys.exit(0)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    if options.ready:
        open(options.ready, "w", encoding="ascii").close()

    while True:
        pause = max(0, waiting[0][0] - time.monotonic()) if waiting else None
        readable, _, _ = select.select(list(ends.values()), [], [], pause)
        for name, sock in ends.items():
            if sock not in readable:
                continue
            frame = receive(sock)
            if frame and name == "right" and wrap:
                frame = wrap.strip(frame)
            if not frame:
                continue
            toward = other[name]
            for extra in fate.decide(frame, toward):
                copy = wrap.push(frame) if toward == "right" and wrap else frame
                number += 1
                due = time.monotonic() + options.delay_ms / 1000 + extra
                heapq.heappush(waiting, (due, number, toward, copy))
        while waiting and waiting[0][0] <= time.monotonic():
            _, _, toward, frame = heapq.heappop(waiting)
            ends[toward].send(frame)
            fate.forwarded[toward] += 1


def main():
    parser = argparse.ArgumentParser(description="Join two interfaces.")
    parser.add_argument("--left", required=True, metavar="IF")
    parser.add_argument("--right", required=True, metavar="IF")
    parser.add_argument("--delay-ms", type=float, default=0, help="latency of each direction")
    parser.add_argument("--wrap", metavar="TAG", help="vlan:N, qinq:N:N, mpls:N or pppoe:N, on the right side")
    parser.add_argument("--loss", type=float, default=0, metavar="PROBABILITY")
    parser.add_argument("--drop", type=int, nargs="*", default=[], metavar="N", help="drop the Nth of those that may suffer")
    parser.add_argument("--reorder", type=float, default=0, metavar="PROBABILITY", help="hold a segment back")
    parser.add_argument("--reorder-ms", type=float, default=3, help="for how long")
    parser.add_argument("--duplicate", type=float, default=0, metavar="PROBABILITY")
    parser.add_argument("--toward", choices=("left", "right", "both"), default="both",
                        help="which direction suffers what is above (TCP only)")
    parser.add_argument("--port", type=int, help="and only segments from or to this TCP port")
    parser.add_argument("--data-only", action="store_true", help="and only segments that carry data")
    parser.add_argument("--only-syn-toward", choices=("left", "right"),
                        help="drop every TCP segment in this direction that is not a SYN")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--log", metavar="FILE", help="what was dropped, held back, duplicated, as JSON, at the end")
    parser.add_argument("--ready", metavar="FILE", help="create this file when forwarding begins")
    run(parser.parse_args())


main()
