"""Switch off an interface's checksum and segmentation offloads.

    offload.py INTERFACE

What `ethtool -K INTERFACE tx off sg off tso off gso off gro off` does, without
ethtool. With offloads on, a sniffer on the sending host sees frames far larger
than the MTU, with checksums not yet filled in.
"""
import array
import fcntl
import socket
import struct
import sys

SIOCETHTOOL = 0x8946
# From <linux/ethtool.h>: each takes a struct ethtool_value { u32 cmd; u32 data }.
SET = {"tx": 0x17, "sg": 0x19, "tso": 0x1F, "gso": 0x24, "gro": 0x2C}


def switch_off(interface, command):
    value = array.array("B", struct.pack("II", command, 0))
    address, _ = value.buffer_info()
    request = struct.pack("16sP16x", interface.encode(), address)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, SIOCETHTOOL, request)


for name in ("tso", "gso", "gro", "sg", "tx"):
    try:
        switch_off(sys.argv[1], SET[name])
    except OSError as error:
        print(f"offload.py: {sys.argv[1]} {name}: {error}", file=sys.stderr)
