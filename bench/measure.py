"""One sample: some load on one proxy, and what that cost it."""
import json, pathlib, re, shutil, subprocess, tempfile

from processes import Usage, cores_text

LUA = pathlib.Path(__file__).parent / "load.lua"


class Skip(Exception):
    """Why a scenario cannot be measured here."""


class Measure:
    def __init__(self, load_cores, origin):
        self.cores, self.origin = load_cores, origin

    def pinned(self, arguments):
        return ["taskset", "-c", cores_text(self.cores), *map(str, arguments)]

    def wrk_command(self, port, load, seconds):
        script = LUA.with_name("paced.lua") if load.paced else LUA
        arguments = ["wrk", "-t", 1, "-c", load.connections, "-d", f"{seconds}s", "--timeout", "30s", "-s", script]
        for field in load.fields:
            arguments += ["-H", field]
        arguments.append(f"http://127.0.0.1:{port}{load.path}")
        if load.body:
            arguments += ["--", "POST", load.body, "chunked" if load.chunked else "length"]
        return self.pinned(arguments)

    def wrk(self, process, load, seconds):
        """Requests, latencies and CPU time of `seconds` of load."""
        usage, origin = Usage(process), Usage(self.origin)
        done = subprocess.run(self.wrk_command(process.port, load, seconds), capture_output=True, text=True,
                              timeout=seconds + 90)
        return self.sample(read_wrk(done.stdout), load, usage, origin)

    def sample(self, sample, load, usage, origin):
        cpu, requests = usage.taken(), max(1, sample["requests"])
        moved = sample.get("bytes", 0) + sample["requests"] * load.body
        sample |= {"cpu_us": cpu["total"] / requests, "user_us": cpu["user"] / requests,
                   "system_us": cpu["system"] / requests, "mb_per_cpu_s": moved / max(1.0, cpu["total"]),
                   "origin_cpu_us": origin.taken()["total"] / requests}
        sample["cost"] = cpu["total"] / moved if load.by_bytes and moved else sample["cpu_us"]
        if not sample["requests"]:  # Nothing ended in time: only the bytes say something.
            for key in ("cpu_us", "user_us", "system_us", "origin_cpu_us", "p50_us", "p99_us", "p99.9_us"):
                sample[key] = None
        return sample

    def ab(self, process, load, requests):
        """All of `requests` by ab; its percentiles end at 99."""
        usage, origin = Usage(process), Usage(self.origin)
        with tempfile.NamedTemporaryFile(suffix=".csv") as csv:
            arguments = ["ab", "-q", "-s", 30, "-c", load.connections, "-n", requests, "-e", csv.name]
            arguments += ["-k"] if load.keep_alive else []
            done = subprocess.run(self.pinned([*arguments, f"http://127.0.0.1:{process.port}{load.path}"]),
                                  capture_output=True, text=True, timeout=600)
            return self.sample(read_ab(done, csv.read().decode(), requests), load, usage, origin)

    def system_calls(self, process, load, seconds=1):
        """For each request, in a pass of its own: counting slows it down."""
        counted = None
        if shutil.which("perf"):
            counted = self.by_perf(process, load, seconds)
        if counted is None and shutil.which("strace"):
            counted = self.by_strace(process, load, seconds)
        return counted

    def by_perf(self, process, load, seconds):
        with tempfile.NamedTemporaryFile(mode="r") as out:
            done = subprocess.run(
                ["perf", "stat", "-x", ";", "-o", out.name, "-e", "raw_syscalls:sys_enter", "-p",
                 ",".join(map(str, process.tree())), "--", *self.wrk_command(process.port, load, seconds)],
                capture_output=True, text=True, timeout=seconds + 90)
            found = re.search(r"^(\d+);.*raw_syscalls:sys_enter", out.read(), re.M)
        if not found or done.returncode != 0:
            return None
        return int(found.group(1)) / max(1, read_wrk(done.stdout)["requests"])

    def by_strace(self, process, load, seconds):
        with tempfile.NamedTemporaryFile(mode="r") as out:
            arguments = ["strace", "-c", "-f", "-q", "-o", out.name]
            for pid in process.tree():
                arguments += ["-p", str(pid)]
            tracer = subprocess.Popen(arguments, stderr=subprocess.DEVNULL)
            try:
                done = subprocess.run(self.wrk_command(process.port, load, seconds), capture_output=True, text=True,
                                      timeout=seconds + 90)
            finally:
                tracer.terminate()
                tracer.wait()
            found = re.search(r"^100\.00\s+\S+\s+\S+\s+(\d+).* total$", out.read(), re.M)
        return int(found.group(1)) / max(1, read_wrk(done.stdout)["requests"]) if found else None


def read_wrk(text):
    found = re.search(r"^report (.*)$", text, re.M)
    if not found:
        raise Skip(f"wrk gave no report: {text[-200:]!r}")
    sample = json.loads(found.group(1))
    sample["rate"] = sample["requests"] / max(1, sample.pop("us")) * 1e6
    return sample


def read_ab(done, csv, wanted):
    def number(pattern, otherwise=0.0):
        found = re.search(pattern, done.stdout)
        return float(found.group(1)) if found else otherwise
    complete = int(number(r"Complete requests:\s+(\d+)"))
    failed = number(r"Failed requests:\s+(\d+)") + number(r"Non-2xx responses:\s+(\d+)") + wanted - complete
    times = {line.split(",")[0]: float(line.split(",")[1]) * 1000 for line in csv.splitlines()[1:]}
    return {"requests": complete, "failed": int(failed), "rate": number(r"Requests per second:\s+([\d.]+)"),
            "bytes": int(number(r"Total transferred:\s+(\d+)")), "p50_us": times.get("50"), "p99_us": times.get("99"),
            "p99.9_us": None}
