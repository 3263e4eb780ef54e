"""A program that forgets close(): it asks a web server again and again, each
time over a new connection, and keeps all of them. With --once the server is
asked to close after its answer (HTTP/1.0), and does.

    forgets.py HOST PORT [--once] [--times 6] [--every 1] [--stay 70]
"""
import argparse
import socket
import time

parser = argparse.ArgumentParser()
parser.add_argument("host")
parser.add_argument("port", type=int)
parser.add_argument("--once", action="store_true", help="ask with HTTP/1.0: the server closes")
parser.add_argument("--times", type=int, default=6, help="connections")
parser.add_argument("--every", type=float, default=1, help="seconds from one to the next")
parser.add_argument("--stay", type=float, default=70, help="seconds until the program ends, after the last")
options = parser.parse_args()

forgotten = []
for number in range(options.times):
    sock = socket.create_connection((options.host, options.port))
    version = "1.0" if options.once else "1.1"
    sock.sendall(f"GET /hello.txt HTTP/{version}\r\nHost: {options.host}\r\n\r\n".encode())
    got = b""
    while not got.endswith(b"side\n"):
        got += sock.recv(65536)
    forgotten.append(sock)          # and here a close() is missing
    time.sleep(options.every)
time.sleep(options.stay)
