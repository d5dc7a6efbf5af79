"""The programs under measure: starting them on known cores, and what the kernel says they used."""
import contextlib, os, pathlib, signal, socket, subprocess, sys, time

TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def free_port(addresses=1):
    """On 127.0.0.1, and as many more of its neighbours."""
    while True:
        with contextlib.ExitStack() as stack:
            port = 0
            try:
                for number in range(1, addresses + 1):
                    s = stack.enter_context(socket.socket())
                    s.bind((f"127.0.0.{number}", port))
                    port = s.getsockname()[1]
                return port
            except OSError:
                continue


def wait_for_port(port, child, log):
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if child.poll() is not None:
                break
            time.sleep(0.02)
    sys.exit(f"nothing listens on port {port}:\n{log.read_text()[-2000:]}")


def cores_text(cores):
    return ",".join(map(str, cores))


def ticks_of(pid):
    """User and system time of a process, and of its children that have ended, in ticks."""
    return [int(t) for t in pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:15]]


def children_of(pid):
    """Those of all its threads; of one that ends meanwhile, none."""
    found = []
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            found += [int(child) for child in (task / "children").read_text().split()]
    return found


def tree_of(root, depth=99):
    """Processes from there downwards."""
    pids, found = [(root, 0)], []
    while pids:
        pid, level = pids.pop()
        try:
            below = children_of(pid) if level < depth else []
            pids += [(child, level + 1) for child in below]
            found.append(pid)
        except OSError:  # It has just ended.
            continue
    return found


def memory_bytes(pids):
    """What processes share counts once (PSS)."""
    total = 0
    for pid in pids:
        try:
            lines = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:  # It has just ended.
            continue
        total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return total


class Process:
    def __init__(self, name, arguments, port, cores, work):
        self.name, self.port, self.cores = name, port, cores
        log = work / f"{name}.out"
        with log.open("wb") as out:
            # Ends with us, however we end.
            command = ["setpriv", "--pdeathsig", "TERM", "taskset", "-c", cores_text(cores), *map(str, arguments)]
            self.child = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, start_new_session=True)
        wait_for_port(port, self.child, log)

    @property
    def pid(self):
        return self.child.pid

    def children(self):
        return children_of(self.pid)

    def tree(self):
        """The process and all below it (the workers of nginx and HAProxy), those that live."""
        return tree_of(self.pid)

    def cpu(self):
        """Of the tree, since it began, in ns: the total, exact but for children that ended, and (user, system),
        by the tick."""
        total, user, system = 0, 0, 0
        for pid in self.tree():
            try:
                for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
                    total += int((task / "schedstat").read_text().split()[0])
                own_user, own_system, ended_user, ended_system = ticks_of(pid)
            except OSError:
                continue
            total += (ended_user + ended_system) * TICK_NS
            user += own_user + ended_user
            system += own_system + ended_system
        return total, user, system

    def memory_bytes(self):
        """Of the whole tree; what processes share counts once (PSS)."""
        return memory_bytes(self.tree())

    def signal(self, number):
        os.kill(self.pid, number)

    def stop(self):
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.child.wait()


class Usage:
    """CPU time from the moment this is made."""

    def __init__(self, process):
        self.process, self.before, self.began = process, process.cpu(), time.monotonic()

    def taken(self):
        """Total, user and system in us; and the seconds that passed."""
        total, user, system = (now - then for now, then in zip(self.process.cpu(), self.before))
        share = user / max(1, user + system)
        return {"total": total / 1000, "user": total * share / 1000, "system": total * (1 - share) / 1000,
                "seconds": time.monotonic() - self.began}
