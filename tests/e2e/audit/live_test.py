"""Live captures in network namespaces of the test's own: privileges are gone while it captures, verdicts and their exit codes, what
is dropped, an interface that goes away, and what is said where there is no permission."""
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import common  # noqa: E402
import e2e  # noqa: E402
import netns  # noqa: E402

NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
FLOOD = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(3000):
    s.sendto(bytes(1400), ("10.9.1.1", 9))
"""
# One UDP datagram of class kv from 10.9.0.1 to 10.9.1.1, with a VLAN tag.
TAGGED = """
import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("va", 0))
s.send(bytes.fromhex("020000000009020000000008 81000005 0800 45000020000100004011 0000 0a090001 0a090101 125c125c000c0000 01020304"
                     "00000000000000000000000000000000"))
"""


class Live(common.Case):

    @contextlib.contextmanager
    def capturing(self, node, *options, interface="va", duration="60s", prefix=(), **more):
        """The command, once it captures. stdout goes to the file `result`."""
        arguments = [*node.enter, *prefix, e2e.BINARY, "audit", "--topology", self.topology, "--json", "--interface", interface, "--for",
                     duration, *options]
        with open(self.folder / "result", "wb") as out, self.running(arguments, "live.err", stdout=out, **more) as p:
            self.until(lambda: "captures on" in self.said_live() or p.poll() is not None, "capturing", 30)
            self.assertIsNone(p.poll(), self.said_live())
            yield p

    def said_live(self):
        return (self.folder / "live.err").read_text()

    def finished(self, p, code, number=signal.SIGINT):
        """Ends it; its result."""
        if number:
            p.send_signal(number)
        self.assertEqual(code, p.wait(60), self.said_live())
        self.no_sanitizer(self.said_live())
        return json.loads((self.folder / "result").read_text())

    def status(self, pid):
        with open(f"/proc/{pid}/status", encoding="ascii") as f:
            return {k: v.split() for k, v in (line.split(":", 1) for line in f)}

    def test_privileges_are_gone(self):
        a, _ = netns.pair(self)
        for sudo, uid, gid in (({}, "65534", "65534"), ({"SUDO_UID": "1234", "SUDO_GID": "2345"}, "1234", "2345")):
            environment = {k: v for k, v in os.environ.items() if not k.startswith("SUDO_")}
            with self.capturing(a, env={**environment, **sudo}) as p:
                status = self.status(p.pid)
                if netns.ROOT:
                    self.assertEqual([uid] * 4, status["Uid"])
                    self.assertEqual([gid] * 4, status["Gid"])
                    self.assertEqual([gid], status["Groups"])
                for capabilities in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
                    self.assertEqual(0, int(status[capabilities][0], 16), capabilities)
                self.assertEqual(["1"], status["NoNewPrivs"])
                self.assertEqual(1, int(status["Threads"][0]))
                a.run("ping", "-n", "-q", "-c", "2", "-i", "0.1", "10.9.1.1")
                result = self.finished(p, 0)  # what was captured after that was seen
            self.assertGreaterEqual(common.matched(result)["ping"], 4)

    def test_verdicts(self):
        a, b = netns.pair(self)
        with contextlib.ExitStack() as stack:
            self.serve(stack, a, 8000)
            self.serve(stack, a, 8080)
            with self.capturing(a) as p:  # nothing critical
                b.run("curl", "-s", "-o", "/dev/null", "http://10.9.0.1:8080/page")
                result = self.finished(p, 0, signal.SIGTERM)
            self.assertEqual("pass", result["verdict"])
            self.assertGreater(common.matched(result)["ingress"], 6)
            file = self.folder / "beside.pcap"
            with self.running([*a.enter, "dumpcap", "-q", "-i", "va", "-w", file], "dumpcap.err") as beside:
                self.said_in("dumpcap.err", "File:")
                with self.capturing(a, "--out", str(self.folder / "out")) as p:
                    for target in ("10.9.0.1", "[fd09::1]"):
                        b.run("curl", "-s", "-o", "/dev/null", f"http://{target}:8000/page")
                    self.settled(file)
                    result = self.finished(p, 1)
                beside.send_signal(signal.SIGINT)
                beside.wait(30)
        self.assertEqual("fail", result["verdict"])
        seen = common.matched(result)["model"]
        self.assertGreater(seen, 12)
        self.assertEqual(seen, result["violations_total"])
        counted = self.audit("--pcap", file, code=1).result
        self.assertEqual(seen, common.matched(counted)["model"])
        self.assertEqual(result, json.loads((self.folder / "out/audit.json").read_text()))

    def test_time_is_up(self):
        a, _ = netns.pair(self)
        with self.capturing(a, duration="300ms") as p:
            a.run("ping", "-n", "-q", "-c", "1", "10.9.1.1", check=False)
            self.finished(p, p.wait(30), None)
        self.assertIn(p.returncode, (0, 4))  # the ping may have come too late: then there was no packet

    def test_a_tagged_violation(self):
        a, _ = netns.pair(self)
        with self.capturing(a) as p:
            a.run(sys.executable, "-c", TAGGED)
            result = self.finished(p, 1)
        self.assertEqual({"kv": 1}, {k: v for k, v in common.matched(result).items() if k == "kv"})
        self.assertEqual(1, result["violations_total"])

    def test_what_is_dropped(self):
        a, _ = netns.pair(self)
        with self.capturing(a, "--buffer", "1") as p:
            p.send_signal(signal.SIGSTOP)
            a.run(sys.executable, "-c", FLOOD)
            p.send_signal(signal.SIGCONT)
            result = self.finished(p, 4)
        self.assertEqual("inconclusive", result["verdict"])
        self.assertGreater(common.doubts(result)["dropped"], 100)
        self.assertEqual(common.doubts(result)["dropped"], result["captures"][0]["dropped"])

    def test_the_interface_goes_away(self):
        a, _ = netns.pair(self)
        with self.capturing(a) as p:
            a.run("ping", "-n", "-q", "-c", "1", "10.9.1.1")
            time.sleep(0.3)
            a.run("ip", "link", "del", "va")
            result = self.finished(p, 4, None)
        self.assertEqual(1, common.doubts(result)["cut"])
        self.assertIn("cut after packet", self.said_live())

    def refused_on(self, node, expected, *options, prefix=(), code=3):
        done = subprocess.run([*node.enter, *prefix, e2e.BINARY, "audit", "--topology", self.topology, "--json", *options],
                              capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(code, done.returncode, done.stderr)
        self.assertEqual(1, len(done.stderr.splitlines()), done.stderr)
        self.assertRegex(done.stderr, expected)
        self.assertEqual("", done.stdout)

    def test_refusals(self):
        a, _ = netns.pair(self)
        self.refused_on(a, "no interface 'nope'; there are: lo, va", "--interface", "nope")
        a.run("ip", "link", "set", "va", "down")
        self.refused_on(a, "cannot capture on 'va': .*not up", "--interface", "va")

    @unittest.skipUnless(netns.ROOT, "who is not root has no permission to give up")
    def test_without_permission(self):
        a, _ = netns.pair(self)
        os.chmod(self.folder, 0o755)
        self.refused_on(a, "no permission to capture on 'va'.*CAP_NET_RAW.*--pcap.*unshare -Urn", "--interface", "va", prefix=NOBODY)
        # The folder of the results belongs to root, who is gone when they are written: told before anything is captured.
        kept = self.folder / "kept"
        kept.mkdir(mode=0o700)
        self.refused_on(a, "--out: expected a folder that can be written to", "--interface", "va", "--out", str(kept))

    @unittest.skipUnless(netns.ROOT, "who is not root is in a user namespace in all of these tests")
    def test_a_user_namespace(self):
        """Nobody, as root of a namespace that has no other user: captures there, and cannot afterwards."""
        os.chmod(self.folder, 0o755)
        said = self.folder / "said"
        said.touch()
        said.chmod(0o666)
        script = ("ip link set lo up || exit 77; '%s' audit --topology '%s' --json --interface lo --for 60s 2>'%s' & audit=$!; "
                  "for i in $(seq 300); do grep -q 'captures on' '%s' && break; sleep 0.1; done; "
                  "grep -E '^(CapEff|NoNewPrivs)' /proc/$audit/status >&2; ping -n -q -c 2 -i 0.1 127.0.0.1 >/dev/null; "
                  "kill -TERM $audit; wait $audit")
        done = subprocess.run([*NOBODY, "unshare", "-Urn", "sh", "-c", script % (e2e.BINARY, self.topology, said, said)], capture_output=True,
                              text=True, timeout=60, check=False)
        if done.returncode == 1 and "unshare" in done.stderr or done.returncode == 77:
            self.skipTest(done.stderr)
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertRegex(done.stderr, "NoNewPrivs:\t1\nCapEff:\t0000000000000000|CapEff:\t0000000000000000\nNoNewPrivs:\t1")


if __name__ == "__main__":
    REASON = netns.lacks("dumpcap", "curl", "ping", "setpriv")
    if REASON:
        print(f"skipped: {REASON}")
        sys.exit(77)
    unittest.main(verbosity=2)
