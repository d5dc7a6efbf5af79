"""Scenarios that are more than a load: many idle connections (S7), changes under load (S9), many pools (S10)."""
import contextlib, http.client, resource, socket, statistics, threading, time

from measure import Skip
from processes import Usage

IDLE = 10_000
SOURCES = 4  # addresses of ours that the idle connections come from
RELOAD_EVERY_S, CHANGE_EVERY_S = 0.1, 0.02
POOLS, BACKENDS = 1000, 10


def open_idle(port, count):
    """Keep-alive connections that have each had an answer."""
    request = b"GET /bytes/100 HTTP/1.1\r\nHost: bench.example\r\n\r\n"
    held = []
    while len(held) < count:
        batch = [socket.create_connection(("127.0.0.1", port), 10, (f"127.0.0.{2 + i % SOURCES}", 0))
                 for i in range(min(250, count - len(held)))]
        held += batch
        for s in batch:
            s.sendall(request)
        for s in batch:
            if b"200 OK" not in s.recv(4096):
                raise Skip("an idle connection's first request failed")
    return held


def is_open(s):
    s.setblocking(False)
    try:
        return s.recv(1, socket.MSG_PEEK) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


def idle(bench, name, load, seconds):
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < IDLE + 1000:
        raise Skip(f"{IDLE} connections need more than the {resource.getrlimit(resource.RLIMIT_NOFILE)[0]} "
                   "descriptors that a process may have here")
    with bench.fresh(name) as process:
        bench.measure.wrk(process, load, 1)
        before = process.memory_bytes()
        held = []
        try:
            held = open_idle(process.port, IDLE)
            memory = process.memory_bytes()
            sample = bench.measure.wrk(process, load, seconds)
            sample["failed"] += sum(not is_open(s) for s in held)
        finally:
            for s in held:
                s.close()
    return {"": sample | {"idle_bytes": (memory - before) / IDLE, "memory_bytes": memory}}


@contextlib.contextmanager
def changing(every_s, change):
    """Calls `change` at that pace, as far as it keeps up; gives how often it did, and how often that was refused."""
    counts, over = {"changes": 0, "refused": 0}, threading.Event()

    def run():
        turn = 0
        while not over.wait(max(0.0, began + turn * every_s - time.monotonic())):
            try:
                done = change()
            except OSError:
                done = False
            counts["changes"] += 1
            counts["refused"] += not done
            turn = max(turn + 1, int((time.monotonic() - began) / every_s))

    began = time.monotonic()
    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield counts
    finally:
        over.set()
        thread.join()


def change(bench, name, load, seconds):
    """Quiet, reloading, and with a second backend coming and going, one after the other."""
    with bench.fresh(name) as process:
        peer = process.peer
        bench.measure.wrk(process, load, 1)
        parts = {" quiet": bench.measure.wrk(process, load, seconds)}

        def reload():
            peer.setup.response_timeout_s ^= 1  # a reload that has something to do
            return peer.reload(process)

        with changing(RELOAD_EVERY_S, reload) as counts:
            sample = bench.measure.wrk(process, load, seconds)
        parts[" a reload every 100 ms"] = sample | counts
        settle(process)
        present = False

        def add_or_remove():
            nonlocal present
            done = peer.change_backend(process, bench.origin_address(2), not present)
            present = present != done  # What was refused is asked again.
            return done

        with changing(CHANGE_EVERY_S, add_or_remove) as counts:
            sample = bench.measure.wrk(process, load, seconds)
        parts[" a backend added or removed 50 times a second"] = sample | counts
    return parts


def settle(process):
    """Until the workers that a reload left behind are gone."""
    end = time.monotonic() + 20
    while len(process.children()) > max(1, process.peer.setup.workers) and time.monotonic() < end:
        time.sleep(0.05)


def until_it_answers(port, host):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/bytes/1", headers={"Host": host})
            if connection.getresponse().status == 200:
                return
        connection.close()
        time.sleep(0.1)
    raise Skip(f"{host} was never answered")


def pools(bench, name, load, seconds):
    """Memory, the time of a reload that changes one pool, the CPU time of probing, and of a request to the last pool
    (without that of the probes that went on meanwhile)."""
    all_pools = {f"p{i}": [bench.origin_address(k + 1) for k in range(BACKENDS)] for i in range(POOLS)}
    with bench.fresh(name, all_pools) as process:
        setup = process.peer.setup
        until_it_answers(process.port, "p999.example")
        time.sleep(2)  # Everything has been probed.
        usage = Usage(process)
        time.sleep(max(2, seconds))
        taken = usage.taken()
        probing = taken["total"] / taken["seconds"]
        memory = process.memory_bytes()
        reloads = []
        for turn in range(3):
            setup.pools["p500"] = all_pools["p500"][:BACKENDS - 1 + turn % 2]
            began = time.monotonic()
            if process.peer.reload_and_wait(process):
                reloads.append((time.monotonic() - began) * 1000)
        time.sleep(1)
        bench.measure.wrk(process, load, 1)
        usage = Usage(process)
        sample = bench.measure.wrk(process, load, seconds)
        if not sample["requests"]:
            raise Skip("no request to the last pool was answered in time")
        sample["cpu_us"] -= probing * usage.taken()["seconds"] / max(1, sample["requests"])
        sample |= {"cost": sample["cpu_us"], "user_us": None, "system_us": None}
    return {"": sample | {"pools_bytes": memory, "probing_us_per_s": probing if process.peer.probes else None,
                          "reload_ms": statistics.median(reloads) if reloads else None}}


KINDS = {"idle": idle, "change": change, "pools": pools}
