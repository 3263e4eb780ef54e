"""A TCP client: connect, send, read until the other side ends, close.

    talk.py HOST PORT [--send TEXT | --send-bytes N] [--shut] [--from PORT] [--read-once]

A connection that is refused, reset or unreachable is reported in a line, and
is no failure of the script that wanted it so.
"""
import argparse
import socket

parser = argparse.ArgumentParser()
parser.add_argument("host")
parser.add_argument("port", type=int)
parser.add_argument("--send", default="hello\n")
parser.add_argument("--send-bytes", type=int, metavar="N", help="N bytes instead of a text")
parser.add_argument("--shut", action="store_true", help="shutdown(SHUT_WR) after sending: our FIN goes first")
parser.add_argument("--from", dest="source", type=int, default=0, metavar="PORT", help="bind to this port first")
parser.add_argument("--read-once", action="store_true", help="close after the first answer instead of the last")
parser.add_argument("--no-read", action="store_true", help="close after sending")
parser.add_argument("--timeout", type=float, default=20)
options = parser.parse_args()

family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
with socket.socket(family, socket.SOCK_STREAM) as sock:
    sock.settimeout(options.timeout)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind(("", options.source))
        sock.connect((options.host, options.port))
        sock.sendall(b"x" * options.send_bytes if options.send_bytes else options.send.encode())
        if options.shut:
            sock.shutdown(socket.SHUT_WR)
        if not options.no_read:
            while sock.recv(65536) and not options.read_once:
                pass
    except OSError as error:
        print(f"{options.host} port {options.port}: {error.strerror or error}")
