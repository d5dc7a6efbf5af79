#!/usr/bin/env python3
"""`meson install` puts what the README promises where it promises it, and builds no test for that."""
import os, pathlib, subprocess, tempfile, unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ.get("BUILD", ROOT / "build" / "release"))


def output(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise AssertionError(f"{command}: {done.stdout}")
    return done.stdout


class Install(unittest.TestCase):
    def test_without_tests_none_is_built(self):
        with tempfile.TemporaryDirectory() as directory:
            output("meson", "setup", directory, str(ROOT), "--buildtype=release", "-Dtests=false")
            wanted = output("ninja", "-C", directory, "-t", "inputs", "all").splitlines()
        self.assertIn("src/main/sluice.p/main.cpp.o", wanted)
        tests = [each for each in wanted if each.startswith("test/") or each.endswith("_test.cpp")]
        self.assertEqual(tests, [])

    def test_the_program_its_unit_and_the_example_are_installed(self):
        with tempfile.TemporaryDirectory() as directory:
            output("meson", "install", "-C", str(BUILD), "--no-rebuild", "--destdir", directory)
            prefix = pathlib.Path(directory) / "usr" / "local"
            program = prefix / "bin" / "sluice"
            self.assertIn("sluice", output(str(program), "--version"))
            output(str(program), "check", "-c", str(prefix / "share" / "doc" / "sluice" / "sluice.toml"))
            unit = (prefix / "lib" / "systemd" / "system" / "sluice.service").read_text()
            self.assertIn("ExecStart=/usr/local/bin/sluice run", unit)
            files = {str(each.relative_to(prefix)) for each in prefix.rglob("*") if each.is_file()}
            self.assertEqual(
                files,
                {
                    "bin/sluice",
                    "lib/systemd/system/sluice.service",
                    "share/doc/sluice/README.md",
                    "share/doc/sluice/configuration.md",
                    "share/doc/sluice/sluice.toml",
                },
            )


if __name__ == "__main__":
    unittest.main()
