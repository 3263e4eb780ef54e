"""Ping: ICMP or ICMPv6 echo requests, answered by the other kernel.

    ping.py HOST [--count 3] [--size 56] [--interval 0.2]

Not every machine has ping(8) installed, and its options differ.
"""
import argparse
import os
import select
import socket
import struct
import time

parser = argparse.ArgumentParser()
parser.add_argument("host")
parser.add_argument("--count", type=int, default=3)
parser.add_argument("--size", type=int, default=56, help="bytes of data in each request")
parser.add_argument("--interval", type=float, default=0.2)
parser.add_argument("--timeout", type=float, default=2)
options = parser.parse_args()

version6 = ":" in options.host
REQUEST, REPLY = (128, 129) if version6 else (8, 0)
identifier = os.getpid() & 0xFFFF


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data[:len(data) & ~1]))
    total += data[-1] << 8 if len(data) % 2 else 0
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def request(sequence):
    data = bytes(at & 0xFF for at in range(options.size))
    packet = struct.pack("!BBHHH", REQUEST, 0, 0, identifier, sequence) + data
    # For ICMPv6 the kernel fills in the checksum, which covers the addresses too.
    return packet if version6 else packet[:2] + struct.pack("!H", checksum(packet)) + packet[4:]


def await_reply(sock, sequence):
    end = time.monotonic() + options.timeout
    while (left := end - time.monotonic()) > 0 and select.select([sock], [], [], left)[0]:
        packet = sock.recv(65600)
        packet = packet if version6 else packet[(packet[0] & 15) * 4:]      # raw IPv4 sockets give the IP header too
        kind, _, _, ident, seq = struct.unpack("!BBHHH", packet[:8])
        if (kind, ident, seq) == (REPLY, identifier, sequence):
            return True
    return False


family, protocol = (socket.AF_INET6, socket.IPPROTO_ICMPV6) if version6 else (socket.AF_INET, socket.IPPROTO_ICMP)
with socket.socket(family, socket.SOCK_RAW, protocol) as ping:
    for number in range(1, options.count + 1):
        ping.sendto(request(number), (options.host, 0))
        print(options.host, number, "answered" if await_reply(ping, number) else "no answer")
        time.sleep(options.interval)
