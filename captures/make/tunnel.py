"""One end of a tunnel, in user space, for kernels without the device.

    tunnel.py KIND --device NAME --local ADDRESS --remote ADDRESS

Makes a TUN device (for geneve a TAP device) and carries what is sent into it
to the other end, where the same program takes it out again. The kernel does
the rest: outer headers, routing, ARP.

    gre      IPv4 and IPv6 in GRE (RFC 2784) with a key (RFC 2890)
    ipip     IPv4 in IPv4 (RFC 2003)
    6in4     IPv6 in IPv4 (RFC 4213)
    geneve   Ethernet in Geneve (RFC 8926), with one option of the experimental class
"""
import argparse
import fcntl
import os
import select
import socket
import struct

TUNSETIFF, IFF_TUN, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0001, 0x0002, 0x1000
IPV4, IPV6, ETHERNET = 0x0800, 0x86DD, 0x6558
KEY, NETWORK_ID = 77, 77


def open_device(name, mode):
    device = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), mode | IFF_NO_PI))
    return device


class Gre:
    protocol, mode = 47, IFF_TUN

    def wrap(self, packet):
        key_present = 0x2000
        ethertype = IPV4 if packet[0] >> 4 == 4 else IPV6
        return struct.pack("!HHI", key_present, ethertype, KEY) + packet

    def unwrap(self, data):
        flags, _, key = struct.unpack("!HHI", data[:8])
        return data[8:] if (flags, key) == (0x2000, KEY) else None


class Bare:
    """The inner packet follows the outer header directly."""
    mode = IFF_TUN

    def __init__(self, protocol, version):
        self.protocol, self.version = protocol, version

    def wrap(self, packet):
        return packet if packet[0] >> 4 == self.version else None

    unwrap = wrap


class Geneve:
    port, mode = 6081, IFF_TAP
    OPTION = struct.pack("!HBBI", 0xFFFF, 0x01, 1, 0x736F636B)     # class, type, length in words, four bytes

    def wrap(self, frame):
        return struct.pack("!BBHI", len(self.OPTION) // 4, 0, ETHERNET, NETWORK_ID << 8) + self.OPTION + frame

    def unwrap(self, data):
        return data[8 + (data[0] & 0x3F) * 4:]


KINDS = {"gre": Gre, "ipip": lambda: Bare(4, 4), "6in4": lambda: Bare(41, 6), "geneve": Geneve}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--device", required=True)
    parser.add_argument("--local", required=True)
    parser.add_argument("--remote", required=True)
    options = parser.parse_args()

    kind = KINDS[options.kind]()
    if options.kind == "geneve":
        outer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        outer.bind((options.local, kind.port))
        target = (options.remote, kind.port)
    else:
        outer = socket.socket(socket.AF_INET, socket.SOCK_RAW, kind.protocol)
        outer.bind((options.local, 0))
        target = (options.remote, 0)
    device = open_device(options.device, kind.mode)

    while True:
        readable, _, _ = select.select([outer, device], [], [])
        if device in readable and (data := kind.wrap(os.read(device, 65535))):
            outer.sendto(data, target)
        if outer in readable:
            data, (sender, _) = outer.recvfrom(65535)
            if options.kind != "geneve":
                data = data[(data[0] & 15) * 4:]        # raw sockets give the outer IP header too
            if sender == options.remote and (packet := kind.unwrap(data)):
                os.write(device, packet)


main()
