"""The clients of bench/change: each keeps asking through a proxy that changes, never asks twice, and counts what
went wrong. One thread, epoll. What is counted, for each kind of client:

answered    requests with a whole good answer
refused     connections that were refused, or reset before they were there
unanswered  requests whose connection ended, or on which nothing came any more, before a byte of the answer
cut         answers that ended midway, or came to no end
bad         answers with a status that nobody asked for
closed      connections that ended between two requests, though the answer before had not said so
told        answers that said `Connection: close` to a client that wants to go on
"""
import collections, random, time

from loop import Loop, Wire

KEYS = ("answered", "refused", "unanswered", "cut", "bad", "closed", "told")
REOPEN_S = 0.01


class Reply:
    """Reads one answer, framed by its Content-Length, or by the end of the connection when it has none."""

    def __init__(self):
        self.head, self.status, self.left, self.closes, self.revision = b"", 0, None, False, None

    def take(self, data):
        """True once it is whole."""
        if not self.status:
            self.head += data
            if b"\r\n\r\n" not in self.head:
                return False
            head, data = self.head.split(b"\r\n\r\n", 1)
            self.read_head(head.decode("latin-1").lower().split("\r\n"))
        if self.left is None:
            return False
        self.left -= len(data)
        return self.left <= 0

    def read_head(self, lines):
        self.status = int(lines[0].split()[1])
        for line in lines[1:]:
            name, value = line.split(":", 1)
            if name == "content-length":
                self.left = int(value)
            elif name == "connection":
                self.closes = "close" in value
            elif name == "x-revision":
                self.revision = int(value)

    @property
    def began(self):
        return bool(self.head)

    def ends_with_connection(self):
        return bool(self.status) and self.left is None


class Client:
    """Asks on one connection, rests, asks again; opens another one when that is gone."""

    def __init__(self, crowd, role, request, rest_s=(0.0, 0.02), keeps=True):
        self.crowd, self.loop, self.role, self.counts = crowd, crowd.loop, role, crowd.counts[role]
        self.request, self.rest_s, self.keeps = request, rest_s, keeps
        self.wire = self.reply = None
        self.asked_at = 0.0

    @property
    def is_asking(self):
        return self.reply is not None

    @property
    def is_open(self):
        """There is a connection, and nothing to wait for."""
        return self.wire is not None and not self.is_asking

    def ask(self):
        """Once; on the open connection, else on a new one."""
        self.reply, self.asked_at = Reply(), time.monotonic()
        if self.wire is None:
            self.wire = Wire(self.loop, self.crowd.port, self)
        else:
            self.wire.send(self.request)

    def on_connected(self, seconds):
        self.crowd.longest("connect", seconds)
        self.wire.send(self.request)

    def on_bytes(self, data):
        if not self.is_asking:
            return self.on_end()  # Bytes that nobody asked for: as good as closed.
        if self.reply.take(data):
            self.answered()

    def on_end(self):
        """The connection is over, and we did not end it."""
        connected, reply = self.wire.connected, self.reply
        self.drop()
        if reply is None:
            self.counts["closed"] += 1
        elif reply.ends_with_connection():
            return self.count_answer(reply)
        elif not connected:
            self.counts["refused"] += 1
        else:
            self.counts["cut" if reply.began else "unanswered"] += 1
        self.later(REOPEN_S)

    def answered(self):
        reply = self.reply
        if reply.closes or not self.keeps:
            self.counts["told"] += reply.closes and self.keeps
            self.drop()
        self.count_answer(reply)

    def count_answer(self, reply):
        self.reply = None
        self.counts["answered" if reply.status == 200 else "bad"] += 1
        if self.role != "slow":
            self.crowd.longest("answer", time.monotonic() - self.asked_at)
        self.later(random.uniform(*self.rest_s))

    def later(self, seconds):
        self.loop.after(seconds, self.ask_if_on)

    def ask_if_on(self):
        if not self.crowd.is_over and not self.is_asking:
            self.ask()

    def drop(self):
        if self.wire:
            self.wire.close()
        self.wire = self.reply = None

    def give_up(self):
        """What has no answer by now gets none."""
        if self.is_asking:
            self.on_end()


class Idle(Client):
    """Asks once, and once more when it is told to: what counts is whether it still can."""

    def __init__(self, crowd, request):
        super().__init__(crowd, "idle", request)
        self.revision = None  # of the configuration that made the last answer

    def answered(self):
        self.revision = self.reply.revision
        super().answered()

    def later(self, seconds):
        pass

    def ask_again(self):
        self.revision = None
        if self.wire:
            self.ask()


class Tunnel(Client):
    """Switches protocols and then sends numbers, which have to come back in order."""
    EVERY_S = 0.1

    def __init__(self, crowd, request):
        super().__init__(crowd, "tunnel", request)
        self.switched, self.sent, self.got = False, 0, b""

    @property
    def is_open(self):
        return self.switched

    def on_bytes(self, data):
        if self.switched:
            return self.on_echo(data)
        self.reply.head += data
        if b"\r\n\r\n" not in self.reply.head:
            return
        head, self.got = self.reply.head.split(b"\r\n\r\n", 1)
        if head.split()[1] != b"101":
            self.counts["bad"] += 1
            self.drop()
            return self.later(REOPEN_S)
        self.switched, self.reply = True, None
        self.tick()

    def on_echo(self, data):
        self.got += data
        want = b"%08d" % self.sent
        if self.got == want:
            self.counts["answered"] += 1
            self.got, self.reply = b"", None
            self.loop.after(self.EVERY_S, self.tick)
        elif not want.startswith(self.got):
            self.on_end()

    def tick(self):
        if self.switched and not self.is_asking and not self.crowd.is_closing:
            self.sent += 1
            self.reply = Reply()
            self.wire.send(b"%08d" % self.sent)

    def on_end(self):
        if not self.switched:
            return super().on_end()
        self.counts["closed"] += 1  # A tunnel has no other end than a broken one.
        self.drop()
        self.later(REOPEN_S)

    def drop(self):
        super().drop()
        self.switched, self.sent, self.got = False, 0, b""


class Crowd:
    """All clients of one proxy. `sizes`: how many of each kind; `slow_s`: how long a slow answer takes."""

    def __init__(self, port, sizes, slow_s, hosts=("b.example", "slow.example")):
        self.port, self.loop = port, Loop()
        self.counts = collections.defaultdict(lambda: dict.fromkeys(KEYS, 0))
        self.longest_ms = {"connect": 0.0, "answer": 0.0}
        self.is_over = self.is_closing = False
        self.idle = [Idle(self, request("GET /bytes/100", hosts[0])) for _ in range(sizes["idle"])]
        self.tunnels = [Tunnel(self, request("GET /echo", hosts[1], UPGRADE)) for _ in range(sizes["tunnels"])]
        self.busy = [Client(self, "get", request("GET /bytes/1024", hosts[0])) for _ in range(sizes["busy"])]
        self.busy += [Client(self, "post", request("POST /bytes/16", hosts[0], body=b"x" * 256))
                      for _ in range(sizes["posts"])]
        self.busy += [Client(self, "new", request("GET /bytes/100", hosts[0], "Connection: close\r\n"), keeps=False)
                      for _ in range(sizes["new"])]
        self.busy += [Client(self, "slow", request(f"GET /slow/{slow_s}{'?silent' * (i % 2)}", hosts[1]))
                      for i in range(sizes["slow"])]
        self.slow_s = slow_s

    @property
    def clients(self):
        return self.idle + self.tunnels + self.busy

    def longest(self, what, seconds):
        self.longest_ms[what] = max(self.longest_ms[what], seconds * 1000)

    def begin(self, seconds=20):
        """Opens everything; true once each idle client has had its answer and each tunnel is there."""
        waiting = self.idle + self.tunnels
        for at in range(0, len(waiting), 200):
            batch = waiting[at:at + 200]
            for client in batch:
                client.ask()
            self.loop.run_until(lambda: all(c.is_open or not c.is_asking for c in batch), seconds)
        for client in self.busy:
            client.ask()
        return all(c.is_open for c in waiting)

    def settle(self, seconds=20):
        """No new requests; what is under way ends, or is given up. Tunnels go on."""
        self.is_over = True
        self.end_all(self.busy, seconds + self.slow_s)

    def ask_idle(self, seconds=20):
        """One more request on each idle connection that is still there."""
        for client in self.idle:
            client.ask_again()
        self.end_all(self.idle, seconds)

    def end_all(self, clients, seconds):
        self.loop.run_until(lambda: not any(c.is_asking for c in clients), seconds)
        for client in clients:
            client.give_up()

    def close(self, seconds=5):
        """Ends the tunnels, each once its last number is back, and every connection."""
        self.is_over = self.is_closing = True
        self.end_all(self.tunnels, seconds)
        for client in self.clients:
            client.drop()

    def result(self):
        return {"roles": {role: dict(counts) for role, counts in self.counts.items()}, "longest_ms": self.longest_ms,
                "held_up_s": self.loop.held_up_s,
                "idle_revisions": dict(collections.Counter(c.revision for c in self.idle if c.revision is not None))}


UPGRADE = ("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n")


def request(line, host, fields="", body=b""):
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    return f"{line} HTTP/1.1\r\nHost: {host}\r\n{fields}{length}\r\n".encode() + body
