"""What the end-to-end tests share: the binary, small scenarios, skipping, and looking at processes.

Environment: LPUCHAOS (the binary), LPUCHAOS_SOURCE (the tree), LPUCHAOS_SHARED (the optional folder of real traces)."""
import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import result_check  # noqa: E402

BINARY = os.environ.get("LPUCHAOS", "lpuchaos")
SOURCE = pathlib.Path(os.environ.get("LPUCHAOS_SOURCE", pathlib.Path(__file__).parents[2]))
SHARED = pathlib.Path(os.environ.get("LPUCHAOS_SHARED", SOURCE.parent / "shared"))
ONE_RACK = str(SOURCE / "emulator/profiles/lpuv1-1rack.json")
JUDGED = (0, 1, 4)  # of a wall run whose timing is not the point: a busy machine may make it invalid

EIGHT_SLOTS = {"pools": [{"name": "p", "instances": 1, "entry": "phase", "admission": {"policy": "none"}, "buckets": [
    {"max_seq": 4096, "frame": "8ms", "slots": 8, "prefill_tokens_per_frame": 64}]}]}


def scenario(name="short", **members):
    """Two seconds of light load on a rack of eight slots; members replace or add."""
    s = {"version": 1, "name": name, "seed": 7, "duration": "2s", "warmup": "200ms", "drain": "3s",
         "deployment": EIGHT_SLOTS,
         "traffic": [{"name": "chat", "tier": "interactive", "arrival": {"process": "poisson", "rate": 15},
                      "prompt_tokens": {"dist": "uniform", "min": 1, "max": 200},
                      "output_tokens": {"dist": "constant", "value": 12}, "max_tokens": 32}],
         "expect": [{"id": "nothing-lost", "kind": "lost_requests", "max": 0}]}
    s.update(members)
    return {k: v for k, v in s.items() if v is not None}


def environment(**more):
    return dict(os.environ, **more)


class Case(unittest.TestCase):
    """A test with a folder of its own and nothing left running at its end."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def write(self, document, name="scenario.json"):
        path = self.folder / name
        path.write_text(document if isinstance(document, str) else json.dumps(document))
        return str(path)

    def arguments(self, files, *options, clock="wall"):
        files = [files] if isinstance(files, str) else files
        return [BINARY, "run", *files, "--clock", clock, "--out", str(self.folder / "out"), *options]

    def run_files(self, files, *options, clock="wall", codes=None, **more):
        """Runs to the end; checks the exit code, every result printed, and that no sanitizer spoke up."""
        arguments = self.arguments(files, "--json", *options, clock=clock)
        if clock == "wall" and "--attempts" not in options:
            arguments += ["--attempts", "1"]
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=90, check=False, **more)
        self.assertIn(done.returncode, codes if codes is not None else JUDGED, done.stderr)
        self.no_sanitizer(done.stderr)
        done.results = [json.loads(line) for line in done.stdout.splitlines()]
        for r in done.results:
            self.assertEqual([], result_check.problems(r))
        return done

    def result(self, name, seed=7, clock="wall"):
        with open(self.folder / "out" / f"{name}-{seed}-{clock}" / "result.json", encoding="utf-8") as f:
            result = json.load(f)
        self.assertEqual([], result_check.problems(result))
        return result

    def no_sanitizer(self, text):
        self.assertNotIn("Sanitizer", text)
        self.assertNotIn("runtime error", text)

    @contextlib.contextmanager
    def started(self, arguments, **more):
        """A process that is gone at the end, whatever the test did. Its output goes to files of the folder."""
        with open(self.folder / "stderr", "w+", encoding="utf-8") as err, \
                open(self.folder / "stdout", "w+", encoding="utf-8") as out:
            p = subprocess.Popen(arguments, stdout=out, stderr=err, **more)
            try:
                yield p
            finally:
                if p.poll() is None:
                    p.kill()
                p.wait()

    def said(self):
        return (self.folder / "stderr").read_text()

    def until(self, condition, what, seconds=10.0):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            got = condition()
            if got:
                return got
            time.sleep(0.01)
        self.fail(f"{what} did not happen within {seconds} s: {self.said()}")

    def child_of(self, p, seconds=10.0):
        """The emulator's process of a run, once it is that program and serves."""
        def ready():
            kids = [k for k in children(p.pid) if listens(k)]
            return kids[0] if kids else None
        return self.until(ready, "the emulator's start", seconds)

    @contextlib.contextmanager
    def emulator(self, *options, deployment=EIGHT_SLOTS):
        """`emulate` on a free port: yields (process, port)."""
        file = self.write(deployment, "deployment.json")
        with self.started([BINARY, "emulate", file, "--listen", "127.0.0.1:0", *options]) as p:
            self.until(lambda: "on port" in self.said(), "serving")
            yield p, int(self.said().split("on port")[1].split()[0])
            if p.poll() is None:
                p.send_signal(signal.SIGTERM)
                self.assertEqual(0, p.wait(10), self.said())
            self.no_sanitizer(self.said())


def children(pid):
    try:
        return [int(x) for x in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def alive(pid):
    """Neither gone nor a zombie that waits for its parent."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def descriptors(pid):
    try:
        return {d: os.readlink(f"/proc/{pid}/fd/{d}") for d in os.listdir(f"/proc/{pid}/fd")}
    except OSError:
        return {}


def listens(pid):
    """Does it hold a TCP socket in state LISTEN?"""
    try:
        rows = [row.split() for row in pathlib.Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    except OSError:
        return False
    inodes = {row[9] for row in rows if row[3] == "0A"}
    return any(link.startswith("socket:[") and link[8:-1] in inodes for link in descriptors(pid).values())


def has_ring():
    """(True, "") or the reason why this machine offers no io_uring."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "probe.json"
        path.write_text(json.dumps(EIGHT_SLOTS))
        p = subprocess.Popen([BINARY, "emulate", str(path), "--listen", "127.0.0.1:0"], stderr=subprocess.PIPE, text=True)
        line = p.stderr.readline()
        p.terminate()
        p.communicate()
    return ("io_uring" not in line, line.strip())


def main(needs_ring=True):
    """Runs the calling module's tests; 77 where the machine lacks what all of them need."""
    ok, reason = has_ring() if needs_ring else (True, "")
    if not ok:
        print(f"skipped: {reason}")
        sys.exit(77)
    unittest.main(module="__main__", verbosity=2)
