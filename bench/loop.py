"""epoll, timers and non-blocking connections: what bench/clients.py runs on."""
import errno, heapq, itertools, select, socket, time

SOURCES = 8  # addresses of ours that connections come from, so that ports last


class Loop:
    def __init__(self):
        self.epoll, self.handlers, self.timers, self.numbers = select.epoll(), {}, [], itertools.count()
        self.held_up_s = 0.0  # the longest that a moment of waiting was overslept: by the machine, not by a proxy

    def watch(self, descriptor, events, handler):
        known = descriptor in self.handlers
        self.handlers[descriptor] = handler
        (self.epoll.modify if known else self.epoll.register)(descriptor, events)

    def forget(self, descriptor):
        if self.handlers.pop(descriptor, None):
            self.epoll.unregister(descriptor)

    def after(self, seconds, call):
        heapq.heappush(self.timers, (time.monotonic() + seconds, next(self.numbers), call))

    def run_until(self, condition, seconds):
        """Whether it came true in that time. It is looked at every few milliseconds: it may be costly."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() >= end:
                return False
            self.run_for(min(0.02, max(0.0, end - time.monotonic())))
        return True

    def run_for(self, seconds):
        end = time.monotonic() + seconds
        while True:
            now = time.monotonic()
            while self.timers and self.timers[0][0] <= now:
                heapq.heappop(self.timers)[2]()
            next_at = max(time.monotonic(), min(end, self.timers[0][0] if self.timers else end))
            ready = self.epoll.poll(next_at - time.monotonic())
            self.held_up_s = max(self.held_up_s, time.monotonic() - next_at)
            for descriptor, events in ready:
                handler = self.handlers.get(descriptor)  # One before it may have ended it.
                if handler:
                    handler(events)
            if time.monotonic() >= end:
                return


class Wire:
    """A connection. Tells its owner: on_connected(seconds that it took), on_bytes(data), on_end() when it is over
    for whatever reason but close()."""
    sources = itertools.count()

    def __init__(self, loop, port, owner):
        self.loop, self.owner, self.connected, self.began = loop, owner, False, time.monotonic()
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT: connect() chooses it
        self.socket.bind((f"127.0.0.{2 + next(self.sources) % SOURCES}", 0))
        self.failed = self.socket.connect_ex(("127.0.0.1", port)) not in (0, errno.EINPROGRESS)
        loop.watch(self.socket.fileno(), select.EPOLLOUT, self.on_ready)

    def on_ready(self, events):
        if self.connected:
            return self.read()
        if self.failed or self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0:
            return self.owner.on_end()
        self.connected = True
        self.loop.watch(self.socket.fileno(), select.EPOLLIN, self.on_ready)
        self.owner.on_connected(time.monotonic() - self.began)

    def read(self):
        try:
            data = self.socket.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self.owner.on_bytes(data)
        else:
            self.owner.on_end()

    def send(self, data):
        """All of it: requests are small. A connection that is gone says so by its next event."""
        try:
            self.socket.send(data)
        except OSError:
            pass

    def close(self):
        if self.socket.fileno() >= 0:
            self.loop.forget(self.socket.fileno())
            self.socket.close()
