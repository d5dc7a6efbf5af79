"""What bench/run and bench/change begin with: rivals installed, programs built, as many descriptors as may be."""
import os, pathlib, resource, subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent


def build(directory, targets, fast=False):
    commands = [["conf/install-packages"], ["conf/install-packages", "conf/packages-bench"],
                ["conf/build", str(directory), "-Dbuildtype=release"]]
    for command in commands + ([["conf/build-fast"]] if fast else []):
        subprocess.run(command, cwd=ROOT, check=True, env={**os.environ, "TARGETS": targets})


def version(command):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    return (done.stdout + done.stderr).splitlines()[0].strip()


def raise_limits():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # The children inherit it.
