"""Audits of captures that are made by hand (tests/support/packets.py): a topology of three racks, and the command."""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
import e2e  # noqa: E402

# r0 and r1 share a pod.
TOPOLOGY = {
    "version": 1,
    "racks": [{"name": "r0", "pod": "p", "addresses": ["10.0.0.0/24", "fd00::/16", "r0"]},
              {"name": "r1", "pod": "p", "addresses": ["10.0.1.0/24", "fd01::/16", "r1"]},
              {"name": "r2", "addresses": ["10.0.2.0/24", "fd02::/16", "r2"]}],
    "classes": [{"name": "model", "filter": "udp port 4700", "critical": True},
                {"name": "chips", "filter": "ether proto 0x88b5 and ether[15] & 1 = 1", "critical": True},
                {"name": "web", "filter": "port 80"}],
    "policy": {"unclassified_cross_rack": "ignore"}}


class Case(e2e.Case):

    def setUp(self):
        super().setUp()
        self.capture = self.folder / "made.pcap"

    def run_audit(self, data, topology=None, name="made.pcap"):
        """Runs the command on a file of these bytes: what it said and how it ended, never by a signal or a sanitizer."""
        file, where = self.folder / name, self.folder / f"{name}.topology.json"
        file.write_bytes(data)
        where.write_text(json.dumps(topology or TOPOLOGY))
        done = subprocess.run([e2e.BINARY, "audit", "--topology", str(where), "--pcap", str(file), "--json"],
                              capture_output=True, text=True, timeout=120, check=False)
        self.assertIn(done.returncode, (0, 1, 2, 4), done.stderr)
        self.no_sanitizer(done.stderr)
        return done

    def audit(self, data, topology=None, code=None):
        """The result of an audit that ends with this exit code."""
        done = self.run_audit(data, topology)
        self.assertEqual(code, done.returncode, done.stderr)
        result = json.loads(done.stdout)
        self.assertEqual({0: "pass", 1: "fail", 4: "inconclusive"}[code], result["verdict"])
        return result


def matched(result):
    return {c["name"]: c["matched_packets"] for c in result["classes"]}


def doubts(result):
    return {d["reason"]: d["count"] for d in result["doubts"]}
