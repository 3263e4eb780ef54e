"""TCP servers with one habit each, for conversations that do not end well.

    servers.py [ADDRESS:]PORT=HABIT…

Each waits for connections until it is stopped, and treats them so:

    echo        sends everything back, closes when the other side does
    reply       reads to the end of the request, then answers in five pieces, then closes
    patient     the same, a piece every ten seconds, eight of them
    reset       reads a request, answers half of it, closes with SO_LINGER 0: the kernel sends RST
    burst       reads a request, sends 30 kB and at once closes with SO_LINGER 0
    ticker      sends a line fifty times a second, for a second
    enough      reads 20 kB, and has enough: closes with SO_LINGER 0
    unread      closes with data still unread in its buffer: the kernel sends RST instead of FIN
    slow        has a small receive buffer and does not read for 2.5 seconds: zero window
    close       reads a request, answers, closes first
    telnet      asks for a name, gives a prompt, and shows the time when told `date`
    pop3        a mailbox with one message, which any name and password open
"""
import socket
import struct
import sys
import threading
import time


def read_to_end(conn):
    while conn.recv(65536):
        pass


def echo(conn):
    while data := conn.recv(65536):
        conn.sendall(data)


def reply(conn):
    read_to_end(conn)
    for number in range(1, 6):
        conn.sendall(f"part {number} of 5, sent after the client had finished\n".encode())
        time.sleep(0.05)


def patient(conn):
    read_to_end(conn)
    for number in range(1, 9):
        conn.sendall(f"part {number} of 8\n".encode())
        if number < 8:
            time.sleep(10)


def reset(conn):
    conn.recv(65536)
    conn.sendall(b"the first half of an ans")
    time.sleep(0.05)
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def burst(conn):
    conn.recv(65536)
    conn.sendall(b"much in a short time " * 1430)
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def ticker(conn):
    conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for number in range(1, 51):
        conn.sendall(f"tick {number:2} of 50, nothing is wrong here\n".encode())
        time.sleep(0.02)


def enough(conn):
    got = 0
    while got < 20000:
        got += len(conn.recv(4096))
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def unread(conn):
    time.sleep(0.2)


def slow(conn):
    time.sleep(2.5)
    read_to_end(conn)


def close(conn):
    conn.recv(65536)
    conn.sendall(b"good-bye\n")


def telnet(conn):
    will_echo, do_terminal_type = bytes([255, 251, 1]), bytes([255, 253, 24])
    conn.sendall(will_echo + do_terminal_type + b"\r\nswitch7 console\r\n\r\nname: ")
    for line in conn.makefile("rb"):
        words = line.split()
        if words and words[-1] == b"exit":
            return
        conn.sendall(b"Sat Nov 21 22:10:00 2026\r\n" if words and words[-1] == b"date" else b"")
        conn.sendall(b"switch7> ")


def pop3(conn):
    answers = {"CAPA": "+OK\r\nUSER\r\n.\r\n", "LIST": "+OK one message\r\n1 120\r\n.\r\n"}
    conn.sendall(b"+OK mailbox of example.test ready\r\n")
    for line in conn.makefile("r", encoding="ascii"):
        command = line.split()[0].upper()
        conn.sendall(answers.get(command, "+OK\r\n").encode())
        if command == "QUIT":
            return


HABITS = {"echo": echo, "reply": reply, "patient": patient, "reset": reset, "burst": burst, "ticker": ticker, "enough": enough,
          "unread": unread, "slow": slow, "close": close,
          "telnet": telnet, "pop3": pop3}


def treat(conn, habit):
    with conn:
        try:
            habit(conn)
        except OSError as error:
            print(f"servers.py: {error}", file=sys.stderr)


def serve(place, name):
    address, _, port = place.rpartition(":")
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if name == "slow":
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)   # inherited by its connections
    listener.bind((address, int(port)))
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 16)     # no effect unless a sysctl allows it
    listener.listen()
    while True:
        conn, _ = listener.accept()
        threading.Thread(target=treat, args=(conn, HABITS[name]), daemon=True).start()


for pair in sys.argv[1:]:
    where, habit_name = pair.split("=")
    threading.Thread(target=serve, args=(where, habit_name)).start()
