"""UDP: an echo server, and a client that sends one datagram to it.

    datagrams.py serve PORT
    datagrams.py send HOST PORT SIZE
"""
import socket
import sys


def serve(port):
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:     # takes IPv4 too
        sock.bind(("", port))
        while True:
            data, sender = sock.recvfrom(65535)
            sock.sendto(data, sender)


def send(host, port, size):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.settimeout(3)
        sock.sendto(bytes(at & 0xFF for at in range(size)), (host, port))
        print(host, len(sock.recv(65535)), "bytes came back")


if sys.argv[1] == "serve":
    serve(int(sys.argv[2]))
else:
    send(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
