"""How each proxy is changed while it runs (bench/change): a reload, an upgrade to a new process, a backend that comes
or goes. Each call returns once the change is there, and whether it is. Which processes are the proxy's is told by its
program, among all that descend from us: some of them leave the tree that they were started in."""
import ctypes, os, pathlib, signal, time

import peers
from processes import Process, memory_bytes, tree_of

BOUND_S = 6  # of old processes, in the variants that bound them: a slow answer has 5 s
WAIT_S = 10  # for one change


def adopt_orphans():
    """From now on a process below us whose parent ends is ours (PR_SET_CHILD_SUBREAPER)."""
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)


def until(condition, seconds=WAIT_S, every_s=0.002):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= end:
            return False
        time.sleep(every_s)
    return True


class Change:
    """What is the same for all. Comes before a peer in the list of bases. Each change has the number of a revision,
    which every answer that was made by it carries in X-Revision."""
    process = None
    revision = 0

    def start(self, cores):
        self.process = peers.start(self, cores)

    def change(self, call):
        self.revision += 1
        done = call()
        self.revision -= not done
        return done

    def family(self):
        """The processes of this proxy that live, with those that older ones left to us; the ended ones are reaped."""
        binary, found = os.path.realpath(self.command()[0]), []
        for pid in tree_of(os.getpid()):
            try:
                if os.readlink(f"/proc/{pid}/exe").removesuffix(" (deleted)") == binary:
                    found.append(pid)
            except OSError:
                self.reap(pid)
        return found

    @staticmethod
    def reap(pid):
        try:
            os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            pass

    def memory_bytes(self):
        return memory_bytes(self.family())

    def stop(self):
        """All of the family, and whoever they start meanwhile."""
        def end():
            for pid in self.family():
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            return not self.family()
        until(end, every_s=0.02)
        self.process.stop()


class Sluice(Change, peers.Sluice):
    title = "Sluice"

    @property
    def more_route(self):
        return f'response_fields = {{ set = {{ X-Revision = "{self.revision}" }} }}\n'

    def reload_and_see(self):
        return self.reload(self.process)

    def upgrade(self):
        self.write()
        return self.ask("upgrade")[0].startswith("ok")


class Forking(Change):
    """A reload is there once the master has new workers; old ones may go on for as long as they have to."""
    workers_of_reload = 1

    def master(self):
        return self.process.pid

    def reload_and_see(self):
        master = self.master()
        before = set(children(master))
        self.write()
        os.kill(master, self.reload_signal)
        return until(lambda: len(set(children(master)) - before) >= self.workers_of_reload)


def children(pid):
    return [child for child in tree_of(pid, 1) if child != pid]


class Nginx(Forking, peers.Nginx):
    title = "nginx"
    connection_field = "$tunnel"

    @property
    def more_http(self):
        return ('map $http_upgrade $tunnel { default upgrade; "" ""; } proxy_set_header Upgrade $http_upgrade; '
                f"add_header X-Revision {self.revision};")

    @property
    def workers_of_reload(self):
        return self.setup.workers

    def master(self):
        return int(pathlib.Path(f"{self.path}.pid").read_text())

    def reload(self, process):
        return self.reload_and_see()

    def upgrade(self):
        """USR2, then QUIT to the old master once the new one has its workers. A master whose parent is the master
        before it takes no USR2: that one has to be gone first."""
        old = self.master()
        if not until(lambda: not pathlib.Path(f"{self.path}.pid.oldbin").exists(), every_s=0.02):
            return False
        self.write()
        os.kill(old, signal.SIGUSR2)
        if not until(lambda: self.serving_master() not in (None, old)):
            return False
        os.kill(old, signal.SIGQUIT)
        return True

    def serving_master(self):
        try:
            master = self.master()
            return master if len(children(master)) >= self.setup.workers else None
        except (OSError, ValueError):  # The file is being moved or written.
            return None


class NginxBounded(Nginx):
    title = f"nginx, old workers end after {BOUND_S} s"
    more_main = f"worker_shutdown_timeout {BOUND_S}s;"


class NginxDaemon(Nginx):
    """Who started it must not be its parent: such a one it takes for the master before it, and heeds no USR2."""
    daemon = "on"


class NginxDaemonBounded(NginxDaemon, NginxBounded):
    pass


class Haproxy(Forking, peers.Haproxy):
    title = "HAProxy"
    more_defaults = "timeout tunnel 1h\n  option idle-close-on-response"

    def command(self):
        return [*super().command(), "-S", self.setup.file("haproxy-master.sock")]

    def reload_and_see(self):
        """Asked of the master, since a signal that comes while it starts itself anew is lost."""
        self.write()
        reloads = self.reloads()
        self.ask_master("reload")
        return until(lambda: self.reloads() == reloads + 1)

    def reloads(self):
        """How many the master has seen; -1 while it does not say, or has no new worker yet."""
        kinds = [line.split()[1:3] for line in self.ask_master("show proc").splitlines() if line[:1].isdigit()]
        counts = {kind: int(count) for kind, count in reversed(kinds)}
        return counts["master"] if counts.get("worker") == 0 else -1

    def ask_master(self, command):
        try:
            return self.ask(command, self.setup.file("haproxy-master.sock"))
        except OSError:  # It is starting itself anew.
            return ""

    @property
    def more_frontend(self):
        return f"http-response set-header X-Revision {self.revision}"


class HaproxyKeeping(Haproxy):
    title = "HAProxy, clients stay on old processes"
    more_global = "close-spread-time infinite"


class HaproxyBounded(Haproxy):
    title = f"HAProxy, old processes end after {BOUND_S} s"
    more_global = f"hard-stop-after {BOUND_S}s"


class HaproxyAlone(Haproxy):
    """Without a master: a new process fetches the listening sockets from the old one and tells it to stop."""

    def command(self, *more):
        return [peers.program("haproxy"), "-db", "-f", self.path, *more]

    def upgrade(self):
        self.write()
        old = self.serving()
        Process(self.name, self.command("-x", self.socket_path, "-sf", old), self.setup.port, self.process.cores,
                self.setup.work)
        return until(lambda: self.serving() not in (None, old))

    def serving(self):
        """The number of the process that answers on the socket."""
        try:
            lines = self.ask("show info").splitlines()
            return next(int(line.split()[1]) for line in lines if line.startswith("Pid:"))
        except (OSError, StopIteration):
            return None


class HaproxyAloneBounded(HaproxyAlone, HaproxyBounded):
    pass
