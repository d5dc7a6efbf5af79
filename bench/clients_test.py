#!/usr/bin/env python3
"""What the clients of bench/change count is what a server does to them: each case is a server with one habit."""
import pathlib, socket, sys, threading, unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))
from clients import Crowd

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
NONE = {"idle": 0, "tunnels": 0, "busy": 0, "posts": 0, "new": 0, "slow": 0}


class Server:
    """Calls `habit(connection, number of its request)` for each request; False ends the connection."""

    def __init__(self, habit):
        self.habit, self.listening = habit, socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        try:
            while True:
                threading.Thread(target=self.serve, args=self.listening.accept()[:1], daemon=True).start()
        except OSError:
            pass

    def serve(self, connection):
        number = 0
        with connection:
            while head := self.head(connection):
                number += 1
                if not self.habit(connection, number):
                    return
                if b"upgrade" in head.lower():
                    while data := connection.recv(4096):
                        connection.sendall(data)

    @staticmethod
    def head(connection):
        data = b""
        while b"\r\n\r\n" not in data:
            try:
                more = connection.recv(4096)
            except OSError:
                return b""
            if not more:
                return b""
            data += more
        return data

    def close(self):
        self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()


def sends(data, then=True):
    def habit(connection, number):
        connection.sendall(data)
        return then
    return habit


def counts(habit, role, until, begins=True, **sizes):
    """Of that role, once `until` of it is true, with clients of those sizes."""
    server = Server(habit)
    crowd = Crowd(server.port, NONE | sizes, slow_s=0)
    crowd.begin(0.2 if not begins else 10)
    assert crowd.loop.run_until(lambda: until(crowd.counts[role]), 10), crowd.counts[role]
    crowd.settle(1)
    crowd.ask_idle(1)
    crowd.close(1)
    server.close()
    return {key: count for key, count in crowd.counts[role].items() if count}


class Clients(unittest.TestCase):
    def test_a_server_that_does_all_well_has_nothing_counted_against_it(self):
        found = counts(sends(OK), "get", lambda c: c["answered"] >= 20, busy=2)
        self.assertEqual(list(found), ["answered"])

    def test_an_idle_connection_that_can_be_asked_again_counts_as_two_answers(self):
        self.assertEqual(counts(sends(OK), "idle", lambda c: c["answered"] == 3, idle=3), {"answered": 6})

    def test_an_idle_connection_that_is_closed_is_closed_once(self):
        found = counts(sends(OK, then=False), "idle", lambda c: c["closed"] == 3, idle=3)
        self.assertEqual(found, {"answered": 3, "closed": 3})

    def test_a_connection_that_ends_before_the_answer_is_a_failed_request(self):
        found = counts(sends(b"", then=False), "post", lambda c: c["unanswered"] >= 3, posts=1)
        self.assertEqual(list(found), ["unanswered"])

    def test_an_answer_that_ends_midway_is_cut(self):
        found = counts(sends(OK[:-1], then=False), "get", lambda c: c["cut"] >= 3, busy=1)
        self.assertEqual(list(found), ["cut"])

    def test_a_request_that_is_never_answered_is_a_failed_one(self):
        found = counts(sends(b""), "get", lambda c: True, busy=2)
        self.assertEqual(found, {"unanswered": 2})

    def test_a_503_is_not_an_answer(self):
        found = counts(sends(OK.replace(b"200 OK", b"503 No")), "get", lambda c: c["bad"] >= 3, busy=1)
        self.assertEqual(list(found), ["bad"])

    def test_being_told_to_close_is_no_failure(self):
        polite = OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        found = counts(sends(polite, then=False), "get", lambda c: c["told"] >= 3, busy=1)
        self.assertEqual(list(found), ["answered", "told"])

    def test_who_wants_one_answer_only_is_not_told_to_close(self):
        polite = OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        found = counts(sends(polite, then=False), "new", lambda c: c["answered"] >= 3, new=1)
        self.assertEqual(list(found), ["answered"])

    def test_a_port_on_which_nobody_listens_refuses(self):
        with socket.create_server(("127.0.0.1", 0)) as gone:
            port = gone.getsockname()[1]
        crowd = Crowd(port, NONE | {"busy": 1}, slow_s=0)
        crowd.begin()
        self.assertTrue(crowd.loop.run_until(lambda: crowd.counts["get"]["refused"] >= 3, 10))
        crowd.close(1)

    def test_a_tunnel_that_echoes_goes_on(self):
        switch = sends(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
        found = counts(switch, "tunnel", lambda c: c["answered"] >= 3, tunnels=1)
        self.assertEqual(list(found), ["answered"])

    def test_a_tunnel_that_ends_or_echoes_something_else_is_broken_and_opened_anew(self):
        for data in (b"", b"00000002"):
            switch = sends(b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + data, then=False)
            found = counts(switch, "tunnel", lambda c: c["closed"] >= 2, begins=False, tunnels=1)
            self.assertEqual(list(found), ["closed"])


if __name__ == "__main__":
    unittest.main()
