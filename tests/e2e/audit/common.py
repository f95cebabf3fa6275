"""What the tests of `audit` share: a topology of the two nodes of tests/support/netns.py, the command, capturing programs."""
import contextlib
import json
import os
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
import e2e  # noqa: E402

# name, libpcap filter, tshark's filter for the same packets (not for what an ICMP error quotes), critical
CLASSES = [("model", "tcp port 8000", "tcp.port == 8000", True),
           ("kv", "udp port 4700", "ip.proto == 17 and not icmp", True),
           ("ingress", "tcp port 8080", "tcp.port == 8080", False),
           ("ping", "icmp", "ip.proto == 1", False),
           ("ping6", "icmp6", "icmpv6", False),
           ("names", "arp", "arp", False)]


def topology(classes=CLASSES, **policy):
    return {"version": 1,
            "racks": [{"name": "r0", "addresses": ["10.9.0.0/24", "fd09::/64", "127.0.0.0/8"]},
                      {"name": "r1", "addresses": ["10.9.1.0/24", "fd09:0:0:1::/64"]}],
            "classes": [{"name": n, "filter": f, "critical": c} for n, f, _, c in classes],
            "policy": {"scope": "rack", "unclassified_cross_rack": "ignore", **policy}}


class Case(e2e.Case):

    def setUp(self):
        super().setUp()
        self.topology = self.write(topology(), "topology.json")

    def audit(self, *options, code=None, **more):
        """Runs to the end. `result` is what --json printed, None where there was none."""
        arguments = [e2e.BINARY, "audit", "--topology", self.topology, "--json", *map(str, options)]
        done = subprocess.run(arguments, **{"capture_output": True, "timeout": 60, "check": False, **more})
        done.stderr = done.stderr.decode()
        if code is not None:
            self.assertEqual(code, done.returncode, done.stderr)
        self.no_sanitizer(done.stderr)
        done.result = json.loads(done.stdout) if done.stdout else None
        return done

    def refused(self, expected, *options, code=2, **more):
        done = self.audit(*options, code=code, **more)
        self.assertEqual(1, len(done.stderr.splitlines()), done.stderr)
        self.assertRegex(done.stderr, expected)
        self.assertIsNone(done.result)

    @contextlib.contextmanager
    def running(self, arguments, name, **more):
        """A process whose stderr goes to the file `name`, ended at the end."""
        with open(self.folder / name, "wb") as err:
            p = subprocess.Popen(list(map(str, arguments)), stderr=err, **{"stdout": subprocess.DEVNULL, **more})
            try:
                yield p
            finally:
                if p.poll() is None:
                    p.kill()
                p.wait()

    def said(self):
        return "\n".join(f.read_text(errors="replace") for f in sorted(self.folder.glob("*.err")))

    def said_in(self, name, text, seconds=30):
        self.until(lambda: text in (self.folder / name).read_text(errors="replace"), f"'{text}' in {name}", seconds)

    def settled(self, *files, least=24, seconds=2.0):
        """Until nothing more is written to any of them: a program that captures gets its packets from the kernel in portions, and
        what is still there when it ends is lost."""
        before = None
        deadline = time.monotonic() + 60
        while (now := [size(f) for f in files]) != before or min(now) <= least:
            self.assertLess(time.monotonic(), deadline, "the captures do not settle")
            before = now
            time.sleep(seconds)

    def serve(self, stack, node, port):
        """An HTTP server on a node of netns.pair."""
        (self.folder / "www").mkdir(exist_ok=True)
        (self.folder / "www/page").write_bytes(bytes(3000))
        stack.enter_context(self.running([*node.enter, sys.executable, "-m", "http.server", str(port), "--bind", "::",
                                          "--directory", self.folder / "www"], f"server-{port}"))
        deadline = time.monotonic() + 30
        while node.run("curl", "-s", "-o", "/dev/null", f"http://127.0.0.1:{port}/page", check=False).returncode:
            self.assertLess(time.monotonic(), deadline, "the server does not answer")
            time.sleep(0.05)


def matched(result):
    return {c["name"]: c["matched_packets"] for c in result["classes"]}


def doubts(result):
    return {d["reason"]: d["count"] for d in result["doubts"]}


def size(path):
    try:
        return pathlib.Path(path).stat().st_size
    except OSError:
        return 0
