"""Rewrite an Ethernet capture with another link header.

    convert.py null|loop|ppp IN.pcap OUT.pcap

    null   the address family in the byte order of the machine (macOS loopback)
    loop   the same in network byte order (OpenBSD loopback); the whole file big-endian
    ppp    address, control and protocol of PPP in HDLC-like framing (RFC 1662)

IN must be what tcpdump writes with nanoseconds on a little-endian machine; OUT
has microseconds. Packets that are not IP are left out.
"""
import struct
import sys

IPV4, IPV6 = 0x0800, 0x86DD
MACOS_FAMILY = {IPV4: 2, IPV6: 30}
OPENBSD_FAMILY = {IPV4: 2, IPV6: 24}
PPP_PROTOCOL = {IPV4: 0x0021, IPV6: 0x0057}
KINDS = {   # byte order of the file, link type, header for an ethertype
    "null": ("<", 0, lambda ethertype: struct.pack("<I", MACOS_FAMILY[ethertype])),
    "loop": (">", 108, lambda ethertype: struct.pack(">I", OPENBSD_FAMILY[ethertype])),
    "ppp": ("<", 9, lambda ethertype: struct.pack(">BBH", 0xFF, 0x03, PPP_PROTOCOL[ethertype])),
}


def packets(data):
    """Yield seconds, nanoseconds, length on the wire and bytes of each packet."""
    magic, *_, link_type = struct.unpack("<IHHiIII", data[:24])
    if (magic, link_type) != (0xA1B23C4D, 1):
        sys.exit("convert.py: not an Ethernet capture with nanoseconds")
    at = 24
    while at < len(data):
        seconds, nanoseconds, captured, length = struct.unpack("<IIII", data[at:at + 16])
        yield seconds, nanoseconds, length, data[at + 16:at + 16 + captured]
        at += 16 + captured


def main():
    kind, source, target = sys.argv[1:]
    order, link_type, header_for = KINDS[kind]
    with open(source, "rb") as file:
        data = file.read()
    with open(target, "wb") as out:
        out.write(struct.pack(order + "IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, link_type))
        for seconds, nanoseconds, length, frame in packets(data):
            ethertype = struct.unpack("!H", frame[12:14])[0]
            if ethertype not in (IPV4, IPV6):
                continue
            header = header_for(ethertype)
            packet = header + frame[14:]
            length += len(header) - 14
            out.write(struct.pack(order + "IIII", seconds, nanoseconds // 1000, len(packet), length) + packet)


main()
