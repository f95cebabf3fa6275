"""scripts/netlab: the deployment with an instance in each rack passes the audit, the one with an instance across both
fails it, live and from file; faults on the cable are real; and nothing is left, whatever ends it."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
import e2e  # noqa: E402

NETLAB = str(e2e.SOURCE / "scripts/netlab")


def lab(folder, *arguments, binary=None):
    return [sys.executable, NETLAB, *arguments, "--out", str(folder / "lab"), "--binary", binary or e2e.BINARY]


def processes_of(folder):
    """Those whose command line names the test's own folder."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                if str(folder).encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                pass
    return found


def interfaces():
    return sorted(os.listdir("/sys/class/net"))


def crossing(audit):
    """Packets of each class between r0 and r1."""
    return {cell["class"]: cell["packets"] for cell in audit["matrix"] if set(cell["racks"]) == {"r0", "r1"}}


class Netlab(e2e.Case):

    def setUp(self):
        super().setUp()
        self.before = interfaces()

    def nothing_left(self):
        self.until(lambda: not processes_of(self.folder), "the end of all processes", 5)
        self.assertEqual(self.before, interfaces())

    def play(self, *arguments, code):
        done = subprocess.run(lab(self.folder, *arguments), capture_output=True, text=True, timeout=200, check=False)
        self.assertEqual(code, done.returncode, done.stderr)
        self.assertRegex(done.stderr, "netlab: (as root|in an unprivileged user namespace)")
        self.nothing_left()
        return done

    def audits(self, name):
        return [json.loads((self.folder / "lab" / name / f"{which}.out").read_text()) for which in ("live", "file")]

    def test_one_rack_passes_and_two_racks_fail(self):
        self.play("both", "--seconds", "2", code=0)
        for audit in self.audits("one-rack"):
            self.assertEqual("pass", audit["verdict"])
            packets = crossing(audit)
            self.assertNotIn("model", packets)
            for name in ("ingress", "control", "telemetry"):  # what Ethernet is for, and it was seen
                self.assertGreater(packets[name], 0, packets)
        for audit in self.audits("two-rack"):
            self.assertEqual("fail", audit["verdict"])
            self.assertGreater(crossing(audit)["model"], 0)
            self.assertEqual("model", audit["violations"][0]["class"])

    def test_faults_on_the_cable(self):
        self.play("two-rack", "--seconds", "2", "--jitter", "3ms,1ms", "--loss", "5%", code=1)
        relay = json.loads((self.folder / "lab/two-rack/relay.out").read_text())
        for way in relay["directions"]:
            self.assertEqual(way["received"], sum(way[k] for k in ("forwarded", "dropped", "overflowed", "unsent", "held")))
        there = relay["directions"][0]
        self.assertGreater(there["dropped"], 0)
        self.assertAlmostEqual(0.05, there["dropped"] / there["received"], delta=5 * (0.05 * 0.95 / there["received"]) ** 0.5)
        self.assertGreater(there["delay_ms"]["mean"], 2.5)

    def test_an_emulator_that_fails(self):
        wrapper = self.folder / "lpuchaos"
        wrapper.write_text(f'#!/bin/sh\n[ "$1" != run ] || exit 1\nexec "{e2e.BINARY}" "$@"\n')
        wrapper.chmod(0o755)
        done = subprocess.run(lab(self.folder, "one-rack", "--seconds", "2", binary=str(wrapper)), capture_output=True, text=True,
                              timeout=120, check=False)
        self.assertEqual(3, done.returncode, done.stderr)
        self.assertIn("has no result", done.stderr)
        self.nothing_left()

    def test_interrupted_in_the_middle(self):
        for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)):
            with self.started(lab(self.folder, "two-rack", "--seconds", "60")) as p:
                log = self.folder / "lab/two-rack/r1.err"
                self.until(lambda: log.exists() and "on port" in log.read_text(), "the emulators' start", 60)
                time.sleep(0.5)
                p.send_signal(number)
                self.assertEqual(code, p.wait(30), self.said())
                self.until(lambda: not processes_of(self.folder), "the end of all processes", 20)
            log.unlink()
            self.nothing_left()

    def test_usage(self):
        for arguments in (["three-racks"], ["--seconds", "1"], ["--loss", "1%", "--faults", "x"]):
            self.assertEqual(2, subprocess.run(lab(self.folder, *arguments), capture_output=True, check=False).returncode)


def main():
    done = subprocess.run([sys.executable, NETLAB, "--can", "--binary", e2e.BINARY], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print("skipped: " + done.stderr.strip())
        sys.exit(77)
    e2e.main()


if __name__ == "__main__":
    main()
