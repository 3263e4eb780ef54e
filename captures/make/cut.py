"""Cut the packets of a pcapng file to their first N bytes, and keep everything
else as it is: the numbers of dropped packets above all, which editcap(1) loses.

    cut.py N FROM TO
"""
import struct
import sys

ENHANCED_PACKET = 6


def pad(data):
    return data + bytes(-len(data) % 4)


size, source, target = int(sys.argv[1]), *sys.argv[2:]
with open(source, "rb") as read, open(target, "wb") as write:
    while head := read.read(8):
        kind, length = struct.unpack("<II", head)
        body = read.read(length - 8)[:-4]
        if kind == ENHANCED_PACKET:
            interface, high, low, captured, original = struct.unpack("<IIIII", body[:20])
            options = body[20 + len(pad(bytes(captured))):]
            kept = min(size, captured)
            body = struct.pack("<IIIII", interface, high, low, kept, original) + pad(body[20:20 + kept]) + options
        total = len(body) + 12
        write.write(struct.pack("<II", kind, total) + body + struct.pack("<I", total))
