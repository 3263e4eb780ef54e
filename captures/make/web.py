"""A small web server on one or more ports, IPv4 and IPv6.

    web.py PORT…

GET / and /hello.txt give a line of text, /bytes/N gives N bytes that do not
repeat, anything else is not found. Stop it with a signal.
"""
import random
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def numbered_lines(count):
    """Return text that shows, wherever one looks into it, how far one is."""
    pad = random.Random(77)
    lines = (f"{at:08d} {pad.getrandbits(208):052x} .\n" for at in range(0, count, 64))
    return "".join(lines).encode("ascii")[:count]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "sockeye-captures"
    sys_version = ""

    def do_GET(self):
        status, body = 200, b"hello from the other side\n"
        if self.path.startswith("/bytes/"):
            body = numbered_lines(int(self.path.rsplit("/", 1)[1]))
        elif self.path not in ("/", "/hello.txt"):
            status, body = 404, b"no such page\n"
        self.send_response(status)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    address_family = socket.AF_INET6 if socket.has_ipv6 else socket.AF_INET
    daemon_threads = True

    def server_bind(self):
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()


def serve(port):
    try:
        server = Server(("", port), Handler)
    except OSError:                 # IPv6 is switched off in this namespace
        Server.address_family = socket.AF_INET
        server = Server(("", port), Handler)
    server.serve_forever()


threads = [threading.Thread(target=serve, args=(int(port),)) for port in sys.argv[1:]]
for thread in threads:
    thread.start()
