"""A small web server on one or more ports, IPv4 and IPv6.

    web.py [--workers N] PORT…

GET / and /hello.txt give a line of text, /bytes/N gives N bytes that do not
repeat, /wait/N a line after N seconds, anything else is not found. With
--workers no more than N connections are served at a time, the others wait, as
with servers that have a process for each. Stop it with a signal.
"""
import argparse
import random
import socket
import threading
import time
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
        elif self.path.startswith("/wait/"):
            time.sleep(float(self.path.rsplit("/", 1)[1]))
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
    request_queue_size = 128

    def server_bind(self):
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()

    def process_request(self, request, client_address):
        workers.acquire()
        super().process_request(request, client_address)

    def process_request_thread(self, request, client_address):
        try:
            super().process_request_thread(request, client_address)
        finally:
            workers.release()


def serve(port):
    try:
        server = Server(("", port), Handler)
    except OSError:                 # IPv6 is switched off in this namespace
        Server.address_family = socket.AF_INET
        server = Server(("", port), Handler)
    server.serve_forever()


parser = argparse.ArgumentParser(description="A small web server.")
parser.add_argument("--workers", type=int, default=1000, metavar="N", help="connections that are served at a time")
parser.add_argument("ports", type=int, nargs="+", metavar="PORT")
options = parser.parse_args()
workers = threading.Semaphore(options.workers)
threads = [threading.Thread(target=serve, args=(port,)) for port in options.ports]
for thread in threads:
    thread.start()
