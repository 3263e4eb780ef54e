"""A TCP client: connect, send, read until the other side ends, close.

    talk.py HOST PORT [--send TEXT | --send-bytes N] [--shut] [--from PORT] …

A connection that is refused, reset or unreachable is reported in a line, and
is no failure of the script that wanted it so.
"""
import argparse
import socket
import time

parser = argparse.ArgumentParser()
parser.add_argument("host")
parser.add_argument("port", type=int)
parser.add_argument("--send", default="hello\n")
parser.add_argument("--send-bytes", type=int, metavar="N", help="N bytes instead of a text")
parser.add_argument("--shut", action="store_true", help="shutdown(SHUT_WR) after sending: our FIN goes first")
parser.add_argument("--from", dest="source", type=int, default=0, metavar="PORT", help="bind to this port first")
parser.add_argument("--fast-open", action="store_true", help="send with the SYN (RFC 7413), or ask for the cookie to")
parser.add_argument("--keep-alive", type=float, metavar="SECONDS",
                    help="after the first answer stay silent for so long, with a probe every second, then close")
parser.add_argument("--timeout", type=float, default=20)
options = parser.parse_args()

family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
data = b"x" * options.send_bytes if options.send_bytes else options.send.encode()

with socket.socket(family, socket.SOCK_STREAM) as sock:
    sock.settimeout(options.timeout)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if options.keep_alive:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1)
    try:
        sock.bind(("", options.source))
        if options.fast_open:
            sock.settimeout(None)       # with a timeout, Python would not wait for the handshake
            sock.sendto(data, socket.MSG_FASTOPEN, (options.host, options.port))
            sock.settimeout(options.timeout)
        else:
            sock.connect((options.host, options.port))
            sock.sendall(data)
        if options.shut:
            sock.shutdown(socket.SHUT_WR)
        if options.keep_alive:
            sock.recv(65536)
            time.sleep(options.keep_alive)
        else:
            while sock.recv(65536):
                pass
    except OSError as error:
        print(f"{options.host} port {options.port}: {error.strerror or error}")
