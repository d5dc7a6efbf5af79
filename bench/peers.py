"""Sluice, its peers and the floor, set up alike: the same workers and limits, keep-alive to the backends, no access
log, bodies passed on as they come, the same forwarding fields, and the same probes where the peer has any."""
import shutil, signal, socket, time

from processes import Process

IDLE_S = 300  # of client connections, for all
CONNECTIONS = 12000


def program(name):
    return shutil.which(name) or f"/usr/sbin/{name}"


class Setup:
    """What a configuration is made of. Pools: name -> addresses; a request goes to the pool that its Host names
    (NAME.example), or to the only one."""

    def __init__(self, work, port, workers, pools):
        self.work, self.port, self.workers, self.pools = work, port, workers, pools
        self.response_timeout_s = 60  # S9 changes it to have something to reload

    def file(self, name):
        return self.work / f"{name}-{self.port}"


class Sluice:
    name = "sluice"
    probes = True
    more_route = ""

    def __init__(self, setup, binary):
        self.setup, self.binary, self.path = setup, binary, setup.file("sluice.toml")
        self.socket_path = setup.file("admin.sock")

    def write(self):
        s = self.setup
        routes = "".join(f'[[route]]\nhost = "{name}.example"\npool = "{name}"\n{self.more_route}'
                         for name in s.pools) \
            if len(s.pools) > 1 else ""
        pools = "".join(f"""[pool.{name}]
backends = [{", ".join(f'"{a}"' for a in addresses)}]
timeouts = {{ response = "{s.response_timeout_s}s" }}
""" for name, addresses in s.pools.items())
        self.path.write_text(f"""[server]
workers = {s.workers}
admin_socket = "{self.socket_path}"
max_connections = {CONNECTIONS}
log = {{ level = "error" }}
[[listener]]
bind = "127.0.0.1:{s.port}"
[timeouts]
idle = "{IDLE_S}s"
{routes}{pools}""")

    def command(self):
        return [self.binary, "run", "-c", self.path]

    def ask(self, *commands):
        """Sends admin commands; the last line of each reply."""
        replies = []
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(60)
            s.connect(str(self.socket_path))
            lines = s.makefile("rw")
            for command in commands:
                lines.write(command + "\n")
                lines.flush()
                for line in lines:
                    if line.startswith(("ok", "error")):
                        replies.append(line.strip())
                        break
        return replies

    def reload(self, process):
        self.write()
        return all(r.startswith("ok") for r in self.ask("reload"))

    def reload_and_wait(self, process):
        return self.reload(process)

    def change_backend(self, process, address, present):
        verb = "add" if present else "remove"
        return self.ask(f"backend {verb} b {address}")[0].startswith("ok")


class Forking:
    """nginx and HAProxy: a reload is a signal to the master, which makes new workers; the old ones end
    by themselves."""

    def reload(self, process):
        self.write()
        process.signal(self.reload_signal)
        return True

    def reload_and_wait(self, process):
        old = set(process.children())
        self.reload(process)
        end = time.monotonic() + 60
        while time.monotonic() < end:
            now = set(process.children())
            if now and not now & old:
                return True
            time.sleep(0.002)
        return False


class Nginx(Forking):
    name = "nginx"
    probes = False
    reload_signal = signal.SIGHUP
    connection_field = '""'  # what a backend is told
    daemon = "off"
    more_main = more_http = ""

    def __init__(self, setup):
        self.setup, self.path = setup, setup.file("nginx.conf")

    def write(self):
        s, w = self.setup, self.setup.work
        one = len(s.pools) == 1
        kept = 256 if one else 32
        upstreams = "".join(f"upstream {name} {{ {' '.join(f'server {a};' for a in addresses)} keepalive {kept}; "
                            "keepalive_requests 100000000; }\n" for name, addresses in s.pools.items())
        servers = "".join(
            f"server {{ listen 127.0.0.1:{s.port} backlog=4096; server_name {'_' if one else name + '.example'};\n"
            f"  location / {{ proxy_pass http://{name}; }} }}\n" for name in s.pools)
        if not one:  # The backlog is said once.
            first, rest = servers.split("\n", 1)
            servers = first + "\n" + rest.replace(" backlog=4096", "")
        paths = " ".join(f"{kind}_temp_path {w}/{kind};"
                         for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        self.path.write_text(f"""
daemon {self.daemon}; {self.more_main} worker_processes {s.workers}; worker_rlimit_nofile 19000;
pid {self.path}.pid; error_log {self.path}.log crit;
events {{ worker_connections {CONNECTIONS}; }}
http {{ access_log off; keepalive_requests 100000000; keepalive_timeout {IDLE_S}s; server_names_hash_max_size 65536;
  {paths} {self.more_http}
  client_max_body_size 0; proxy_request_buffering off; proxy_max_temp_file_size 0;
  proxy_read_timeout {s.response_timeout_s}s;
  proxy_http_version 1.1; proxy_set_header Connection {self.connection_field}; proxy_set_header Host $http_host;
  proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto http;
  proxy_set_header X-Forwarded-Host $http_host; proxy_set_header X-Forwarded-Port {s.port};
  proxy_set_header X-Request-Id $request_id;
{upstreams}{servers}}}
""")

    def command(self):
        return [program("nginx"), "-c", self.path]

    def change_backend(self, process, address, present):
        """It knows no other way than the file."""
        addresses = self.setup.pools["b"]
        self.setup.pools["b"] = [*addresses, address] if present else [a for a in addresses if a != address]
        return self.reload(process)


class Haproxy(Forking):
    name = "haproxy"
    probes = True
    reload_signal = signal.SIGUSR2
    more_global = more_defaults = more_frontend = ""

    def __init__(self, setup):
        self.setup, self.path = setup, setup.file("haproxy.cfg")
        self.socket_path = setup.file("haproxy.sock")

    def write(self):
        s = self.setup
        hosts = s.file("haproxy.map")
        hosts.write_text("".join(f"{name}.example {name}\n" for name in s.pools))
        choose = "default_backend " + next(iter(s.pools)) if len(s.pools) == 1 else \
            f"use_backend %[req.hdr(host),field(1,:),lower,map({hosts})]"
        backends = "".join(f"backend {name}\n  option httpchk GET /ping\n  default-server check inter 1s "
                           "pool-max-conn 256\n" + "".join(f"  server s{i} {a}\n" for i, a in enumerate(addresses))
                           for name, addresses in s.pools.items())
        self.path.write_text(f"""
global
  nbthread {s.workers}
  maxconn {CONNECTIONS}
  {self.more_global}
  no strict-limits
  tune.pool-high-fd-ratio 90
  tune.pool-low-fd-ratio 85
  stats socket {self.socket_path} mode 600 level admin expose-fd listeners
defaults
  mode http
  timeout connect 2s
  timeout client {IDLE_S}s
  timeout http-keep-alive {IDLE_S}s
  timeout server {s.response_timeout_s}s
  option http-keep-alive
  http-reuse always
  {self.more_defaults}
frontend f
  bind 127.0.0.1:{s.port} backlog 4096
  option forwardfor
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Forwarded-Port {s.port}
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  http-request set-header X-Request-Id %[uuid()]
  {self.more_frontend}
  {choose}
{backends}""")

    def command(self):
        return [program("haproxy"), "-W", "-f", self.path]

    def ask(self, command, path=None):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(str(path or self.socket_path))
            s.sendall(command.encode() + b"\n")
            s.shutdown(socket.SHUT_WR)  # Else the master waits for more.
            reply = b""
            while more := s.recv(65536):
                reply += more
        return reply.decode()

    def change_backend(self, process, address, present):
        """By the runtime API. A server goes only once it has neither requests nor idle connections."""
        if present:
            added = self.ask(f"add server b/extra {address}")
            self.ask("enable server b/extra")
            return "registered" in added
        self.ask("set server b/extra state maint")
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            if "deleted" in self.ask("del server b/extra"):
                return True
            time.sleep(0.002)
        return False


class Floor:
    """bench/relay: one connection to the origin for each client, one thread, no HTTP."""
    name = "floor"
    probes = False

    def __init__(self, setup, binary):
        self.setup, self.binary = setup, binary

    def write(self):
        pass

    def command(self):
        return [self.binary, self.setup.port, self.setup.pools["b"][0].rsplit(":", 1)[1]]


def start(peer, cores):
    peer.write()
    process = Process(peer.name, peer.command(), peer.setup.port, cores, peer.setup.work)
    process.peer = peer
    return process
