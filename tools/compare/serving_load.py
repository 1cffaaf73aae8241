"""A load of photos over HTTP: so many connections that are kept alive, each with one request under way at a time.

One thread and one epoll, so that a request costs tens of microseconds: the generator has the server's cores to itself
nowhere, and what it takes of them is told beside the figures. It talks to this machine only, for the time that it is given.
"""

import dataclasses
import json
import selectors
import socket
import time

HOST = "127.0.0.1"
# A server that does not answer within this many seconds has failed.
PATIENCE = 30.0
# How often a server may close a connection before the load is given up.
RECONNECTIONS = 1000


@dataclasses.dataclass
class Measured:
    """What came of a load: milliseconds of each answer within the counted time, and how that time was spent."""

    latencies: list
    seconds: float
    errors: int
    first_error: str
    client_seconds: float
    server_seconds: float

    def rate(self):
        return len(self.latencies) / self.seconds

    def percentile(self, share):
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def request(path, body, content_type="image/jpeg"):
    """The bytes of a request: built once, sent often."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Connection:
    """A connection that is kept alive, and the request that is under way on it."""

    def __init__(self, port):
        self.socket = socket.create_connection((HOST, port), timeout=PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.answer, self.end, self.rest, self.started = bytearray(), None, b"", 0.0

    def start(self, message):
        """Begins a request; the first answer to an earlier one is forgotten."""
        self.answer, self.end, self.started = bytearray(), None, time.perf_counter()
        self.rest = memoryview(message)

    def send(self):
        """Sends what the socket takes; whether all of the request is away."""
        self.rest = self.rest[self.socket.send(self.rest) :]
        return not self.rest

    def receive(self):
        """Takes what is there; whether the answer is whole."""
        piece = self.socket.recv(1 << 16)
        if not piece:
            raise ConnectionError("the server closed the connection")
        self.answer += piece
        if self.end is None:
            head = self.answer.find(b"\r\n\r\n")
            if head < 0:
                return False
            self.end = head + 4 + int(self.header(b"content-length", head))
        return len(self.answer) >= self.end

    def header(self, name, head=None):
        """A header of the answer by its name in small letters; empty where it has none."""
        head = self.answer.find(b"\r\n\r\n") if head is None else head
        for line in bytes(self.answer[:head]).split(b"\r\n")[1:]:
            key, _, value = line.partition(b":")
            if key.lower() == name:
                return value.strip()
        if name == b"content-length":
            raise ConnectionError("an answer without a length")
        return b""

    def status(self):
        return int(self.answer[9:12])

    def body(self):
        return bytes(self.answer[self.answer.find(b"\r\n\r\n") + 4 : self.end])

    def ask(self, message):
        """A whole request and its answer, while nothing else is to be done."""
        self.start(message)
        while not self.send():
            pass
        while not self.receive():
            pass
        if self.status() != 200:
            raise ConnectionError(f"status {self.status()}: {self.body()[:200]}")
        return json.loads(self.body())


def connect(port, count, message, workers):
    """Connections of which each worker process has its share: the system deals them out by chance, which is not measured.

    Peers name their process in a header; a connection to one that has its share already is closed and made anew. A server of
    one process names none.
    """
    connections, shares = [], {}
    for _ in range(50 * count):
        connection = Connection(port)
        connection.ask(message)
        worker = connection.header(b"x-worker")
        if worker and shares.get(worker, 0) >= -(-count // workers):
            connection.socket.close()
            continue
        shares[worker] = shares.get(worker, 0) + 1
        connections.append(connection)
        if len(connections) == count:
            return connections
    raise ConnectionError(f"{len(connections)} connections of {count}: one process takes them all")


class Load:
    """Connections that always have a request under way, through the messages in turn."""

    def __init__(self, port, connections, messages):
        self.port, self.messages, self.next = port, messages, 0
        self.selector = selectors.DefaultSelector()
        self.errors, self.first_error, self.latencies = 0, "", []
        self.live = set(connections)
        for connection in connections:
            self.adopt(connection)

    def adopt(self, connection):
        connection.socket.setblocking(False)
        self.selector.register(connection.socket, selectors.EVENT_READ, connection)
        self.begin(connection)

    def begin(self, connection):
        connection.start(self.messages[self.next % len(self.messages)])
        self.next += 1
        self.push(connection)

    def push(self, connection):
        """Sends on, and asks to be woken for the rest only where one is left."""
        try:
            done = connection.send()
        except BlockingIOError:
            done = False
        wanted = selectors.EVENT_READ | (0 if done else selectors.EVENT_WRITE)
        if self.selector.get_key(connection.socket).events != wanted:
            self.selector.modify(connection.socket, wanted, connection)

    def failed(self, connection, why):
        self.errors += 1
        self.first_error = self.first_error or str(why)
        if self.errors > RECONNECTIONS:
            raise ConnectionError(f"{self.errors} errors, the first: {self.first_error}")
        self.selector.unregister(connection.socket)
        connection.socket.close()
        self.live.discard(connection)
        fresh = Connection(self.port)
        self.live.add(fresh)
        self.adopt(fresh)

    def run(self, seconds):
        """Runs so long, and forgets the latencies from before."""
        self.latencies = []
        end, heard = time.perf_counter() + seconds, time.perf_counter()
        while (now := time.perf_counter()) < end:
            if now - heard > PATIENCE:
                raise ConnectionError(f"no answer in {PATIENCE} s")
            for key, events in self.selector.select(timeout=max(0.0, min(0.5, end - now))):
                heard = time.perf_counter()
                try:
                    self.turn(key.data, events)
                except (ConnectionError, ValueError) as error:
                    self.failed(key.data, error)

    def turn(self, connection, events):
        if events & selectors.EVENT_WRITE and connection.rest:
            self.push(connection)
        if events & selectors.EVENT_READ and connection.receive():
            if connection.status() != 200:
                raise ConnectionError(f"status {connection.status()}: {connection.body()[:200]}")
            self.latencies.append((time.perf_counter() - connection.started) * 1e3)
            self.begin(connection)

    def close(self):
        for connection in self.live:
            connection.socket.close()
        self.selector.close()


@dataclasses.dataclass
class Plan:
    """How many connections, to a server of how many processes, and for how long, behind how long that is not counted."""

    connections: int
    workers: int
    warm_up: float
    seconds: float


def measure(port, messages, plan, server_clock):
    """Answers a second under a load; the time of warming up is not counted, its errors are."""
    load = Load(port, connect(port, plan.connections, messages[0], plan.workers), messages)
    try:
        load.run(plan.warm_up)
        started, used, worked = time.perf_counter(), time.process_time(), server_clock()
        load.run(plan.seconds)
        spent = time.perf_counter() - started
        client, server = time.process_time() - used, server_clock() - worked
        return Measured(load.latencies, spent, load.errors, load.first_error, client, server)
    finally:
        load.close()
