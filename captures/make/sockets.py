"""Makes socket calls one by one on loopback, and writes down when it made which.

    sockets.py LOG

Each line of LOG is a call: seconds since 1970 just before it, who (client or server), the story it belongs to, the call, and what
came of it. Between two calls there is a pause, so that a capture shows which packets each of them caused.
"""
import errno
import socket
import struct
import sys
import time

PAUSE = 0.1
LOOPBACK = "127.0.0.1"
log = open(sys.argv[1], "w", encoding="ascii")


def call(who, story, name, function, *arguments):
    """Make a call, and write it down with its result."""
    begun = time.time()
    result, outcome = None, "ok"
    try:
        result = function(*arguments)
        if isinstance(result, int):
            outcome = str(result)
        elif isinstance(result, bytes):
            outcome = str(len(result))
    except OSError as error:
        outcome = errno.errorcode.get(error.errno, "ETIMEDOUT") if error.errno else "ETIMEDOUT"
    log.write(f"{begun:.6f} {who} {story} {name} {outcome}\n")
    log.flush()
    time.sleep(PAUSE)
    return result


def listener(story, port, backlog=8):
    sock = call("server", story, "socket", socket.socket)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    call("server", story, "bind", sock.bind, (LOOPBACK, port))
    call("server", story, "listen", sock.listen, backlog)
    return sock


def connected(story, listening, port):
    client = call("client", story, "socket", socket.socket)
    call("client", story, "connect", client.connect, (LOOPBACK, port))
    server, _ = call("server", story, "accept", listening.accept)
    return client, server


def normal():
    listening = listener("normal", 19001)
    client = call("client", "normal", "socket", socket.socket)
    call("client", "normal", "connect", client.connect, (LOOPBACK, 19001))
    # Sent before anybody accepted: the kernel takes it.
    call("client", "normal", "send", client.send, b"hello")
    server, _ = call("server", "normal", "accept", listening.accept)
    call("server", "normal", "recv", server.recv, 100)
    call("server", "normal", "send", server.send, b"good day")
    call("client", "normal", "recv", client.recv, 100)
    call("client", "normal", "close", client.close)
    call("server", "normal", "recv", server.recv, 100)
    call("server", "normal", "close", server.close)
    listening.close()


def half_close():
    listening = listener("half-close", 19002)
    client, server = connected("half-close", listening, 19002)
    call("client", "half-close", "send", client.send, b"that is all")
    call("client", "half-close", "shutdown", client.shutdown, socket.SHUT_WR)
    call("server", "half-close", "recv", server.recv, 100)
    call("server", "half-close", "send", server.send, b"thank you")
    call("client", "half-close", "recv", client.recv, 100)
    call("server", "half-close", "close", server.close)
    call("client", "half-close", "close", client.close)
    listening.close()


def unread():
    listening = listener("unread", 19003)
    client, server = connected("unread", listening, 19003)
    call("client", "unread", "send", client.send, b"nobody reads this")
    call("server", "unread", "close", server.close)
    client.close()
    listening.close()


def linger():
    listening = listener("linger", 19004)
    client, server = connected("linger", listening, 19004)
    option = struct.pack("ii", 1, 0)
    call("client", "linger", "setsockopt", client.setsockopt, socket.SOL_SOCKET, socket.SO_LINGER, option)
    call("client", "linger", "close", client.close)
    server.close()
    listening.close()


def refused():
    client = call("client", "refused", "socket", socket.socket)
    call("client", "refused", "connect", client.connect, (LOOPBACK, 19005))
    client.close()


def never_accepted():
    listening = listener("never-accepted", 19006)
    client = call("client", "never-accepted", "socket", socket.socket)
    call("client", "never-accepted", "connect", client.connect, (LOOPBACK, 19006))
    call("server", "never-accepted", "close", listening.close)
    client.close()


def after_close():
    listening = listener("after-close", 19007)
    client, server = connected("after-close", listening, 19007)
    call("server", "after-close", "close", server.close)
    call("client", "after-close", "send", client.send, b"too late")
    call("client", "after-close", "recv", client.recv, 100)
    client.close()
    listening.close()


def datagrams():
    server = call("server", "datagrams", "socket", socket.socket, socket.AF_INET, socket.SOCK_DGRAM)
    call("server", "datagrams", "bind", server.bind, (LOOPBACK, 19008))
    client = call("client", "datagrams", "socket", socket.socket, socket.AF_INET, socket.SOCK_DGRAM)
    call("client", "datagrams", "connect", client.connect, (LOOPBACK, 19008))
    call("client", "datagrams", "send", client.send, b"anybody there?")
    data, peer = call("server", "datagrams", "recvfrom", server.recvfrom, 100)
    call("server", "datagrams", "sendto", server.sendto, data.upper(), peer)
    call("client", "datagrams", "recv", client.recv, 100)
    client.close()
    server.close()


def closed_port():
    client = call("client", "closed-port", "socket", socket.socket, socket.AF_INET, socket.SOCK_DGRAM)
    call("client", "closed-port", "connect", client.connect, (LOOPBACK, 19009))
    call("client", "closed-port", "send", client.send, b"anybody?")
    call("client", "closed-port", "send", client.send, b"really?")
    client.close()


for story in (normal, half_close, unread, linger, refused, never_accepted, after_close, datagrams, closed_port):
    story()
    time.sleep(PAUSE)
