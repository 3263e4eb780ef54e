"""Half of a TCP simultaneous open: connect at a given moment from a fixed port.

    simultaneous.py HOST PORT --at SECONDS-SINCE-1970

Run on two hosts at once, each with the other's address: nobody listens, both
SYNs cross, and one connection comes of it.
"""
import argparse
import socket
import time

parser = argparse.ArgumentParser()
parser.add_argument("host")
parser.add_argument("port", type=int, help="both ends use it")
parser.add_argument("--at", type=float, required=True)
options = parser.parse_args()

with socket.socket() as sock:
    sock.bind(("", options.port))
    sock.settimeout(5)
    time.sleep(max(0, options.at - time.time()))
    sock.connect((options.host, options.port))
    sock.sendall(b"neither of us was the server\n")
    print(sock.recv(100).decode(), end="")
    sock.shutdown(socket.SHUT_WR)
    while sock.recv(100):
        pass
