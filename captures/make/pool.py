"""A connection pool: some connections to a web server, used, idle, used again,
then closed.

    pool.py HOST PORT [--size 8] [--idle 70]
"""
import argparse
import http.client
import time

parser = argparse.ArgumentParser()
parser.add_argument("host")
parser.add_argument("port", type=int)
parser.add_argument("--size", type=int, default=8, help="connections")
parser.add_argument("--idle", type=float, default=70, help="seconds without a request")
options = parser.parse_args()


def ask(connection):
    connection.request("GET", "/hello.txt")
    connection.getresponse().read()


pool = [http.client.HTTPConnection(options.host, options.port) for _ in range(options.size)]
for member in pool:
    ask(member)
time.sleep(options.idle)
for member in pool:
    ask(member)
    member.close()
