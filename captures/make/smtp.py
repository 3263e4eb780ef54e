"""A mail server which wants TLS before anything else (STARTTLS, RFC 3207).

    smtp.py CERTIFICATE KEY PORT

It takes mail from anybody who logs in, under any name, and throws it away.
"""
import socket
import ssl
import sys

certificate, key, port = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)


def answer(conn, text):
    conn.sendall(text.replace("\n", "\r\n").encode() + b"\r\n")


def serve(conn):
    """Answer one command after the other; after STARTTLS, once more from the start."""
    encrypted = isinstance(conn, ssl.SSLSocket)
    lines = conn.makefile("rb")
    for line in lines:
        command = line.split()[0].upper() if line.split() else b""
        if command == b"EHLO":
            answer(conn, "250-mail.example.test\n" + ("250 AUTH PLAIN" if encrypted else "250 STARTTLS"))
        elif command == b"QUIT":
            answer(conn, "221 good-bye")
            return
        elif command == b"STARTTLS":
            answer(conn, "220 go ahead")
            with context.wrap_socket(conn, server_side=True) as inner:
                serve(inner)
            return
        elif not encrypted:
            answer(conn, "530 STARTTLS first")
        elif command == b"AUTH":
            if len(line.split()) == 2:      # name and password come on a line of their own
                answer(conn, "334 ")
                lines.readline()
            answer(conn, "235 welcome")
        elif command == b"DATA":
            answer(conn, "354 end with a dot")
            for body in lines:
                if body == b".\r\n":
                    break
            answer(conn, "250 taken")
        else:
            answer(conn, "250 well")


with socket.create_server(("", int(port))) as listener:
    while True:
        connection, _ = listener.accept()
        with connection:
            answer(connection, "220 mail.example.test ESMTP")
            serve(connection)
