"""What bench/change does to each proxy, and one turn of it: clients come, changes are made, clients are asked for
what they saw."""
import dataclasses, multiprocessing, time

import peers, rivals
from clients import Crowd

PATIENCE_S = 10  # for old processes, first with the clients' connections open, then without


@dataclasses.dataclass(frozen=True)
class Part:
    name: str
    title: str
    changes: int
    seconds: float  # in which they are to be made; one that takes long moves the others, up to `limit_s`
    limit_s: float
    kind: str  # "reload", "upgrade", "backend"
    proxies: tuple


UNBOUNDED = (rivals.Sluice, rivals.Nginx, rivals.Haproxy, rivals.HaproxyKeeping)
RELOADING = (*UNBOUNDED, rivals.NginxBounded, rivals.HaproxyBounded)
UPGRADING = (rivals.Sluice, rivals.NginxDaemon, rivals.NginxDaemonBounded, rivals.HaproxyAlone,
             rivals.HaproxyAloneBounded)
CHANGING = (rivals.Sluice, rivals.Nginx, rivals.Haproxy)


def parts(arguments):
    a = arguments
    return [
        Part("reload", f"{a.reloads} reloads in {a.reloads // 2} s", a.reloads, a.reloads / 2, a.reloads, "reload",
             RELOADING),
        Part("reload-fast", f"{a.fast_reloads} reloads in {a.fast_reloads * 3 // 25} s", a.fast_reloads,
             a.fast_reloads * 0.12, a.fast_reloads * 0.24, "reload", UNBOUNDED),
        Part("upgrade", f"{a.upgrades} upgrades to a new process, one a second", a.upgrades, a.upgrades,
             a.upgrades * 3, "upgrade", UPGRADING),
        Part("backends", f"a backend added or removed 50 times a second, for {a.backend_changes // 50} s",
             a.backend_changes, a.backend_changes / 50, a.backend_changes / 50, "backend", CHANGING),
    ]


class Clients:
    """A crowd in a process of its own, so that it is not held up by the changes; by name of its methods."""

    def __init__(self, port, sizes, slow_s):
        self.pipe, theirs = multiprocessing.Pipe()
        self.process = multiprocessing.Process(target=serve, args=(theirs, port, sizes, slow_s), daemon=True)
        self.process.start()

    def call(self, method):
        self.pipe.send(method)
        return self.pipe.recv()

    def stop(self):
        self.process.kill()
        self.process.join()


def serve(pipe, port, sizes, slow_s):
    crowd = Crowd(port, sizes, slow_s)
    while True:
        crowd.loop.run_until(pipe.poll, 3600)
        pipe.send(getattr(crowd, pipe.recv())())


def change_call(part, proxy, bench):
    """What makes one change."""
    if part.kind != "backend":
        call = proxy.reload_and_see if part.kind == "reload" else proxy.upgrade
        return lambda: proxy.change(call)
    present = False

    def add_or_remove():
        nonlocal present
        done = proxy.change_backend(proxy.process, bench.origin_address(2), not present)
        present = present != done  # What was refused is asked again.
        return done
    return add_or_remove


def make_changes(part, change):
    """At that pace, as far as it is kept up with; how many were made, refused, and did not fit into the time."""
    counts, began = {"done": 0, "refused": 0, "left_out": 0}, time.monotonic()
    for turn in range(part.changes):
        if time.monotonic() - began > part.limit_s:
            counts["left_out"] = part.changes - turn
            break
        time.sleep(max(0.0, began + turn * part.seconds / part.changes - time.monotonic()))
        try:
            done = change()
        except OSError:
            done = False
        counts["done" if done else "refused"] += 1
    return counts | {"seconds": time.monotonic() - began}


def gone_after(proxy, usual):
    """Seconds until no more processes are left than usual, or None."""
    began = time.monotonic()
    gone = rivals.until(lambda: len(proxy.family()) <= usual, PATIENCE_S, 0.05)
    return time.monotonic() - began if gone else None


def measure(part, kind, bench, arguments):
    """One proxy of that kind through that part."""
    proxy = bench.make(kind)
    clients = None
    try:
        proxy.start(bench.cores)
        bench.wait_until_it_answers(proxy)
        usual = len(proxy.family())
        clients = Clients(proxy.setup.port, arguments.sizes, arguments.slow_seconds)
        if not clients.call("begin"):
            raise SystemExit(f"{proxy.title}: not every client got in: {clients.call('result')}")
        time.sleep(1)
        sample = make_changes(part, change_call(part, proxy, bench))
        sample |= {"processes": len(proxy.family()), "usual": usual, "memory_bytes": proxy.memory_bytes()}
        clients.call("settle")
        sample["gone_s"] = gone_after(proxy, usual)
        sample["memory_settled_bytes"] = proxy.memory_bytes()
        clients.call("ask_idle")
        clients.call("close")
        sample["gone_without_clients_s"] = gone_after(proxy, usual)
        return sample | clients.call("result") | {"revision": proxy.revision}
    finally:
        if clients:
            clients.stop()
        proxy.stop()
