"""The suites that ship, on the virtual clock: every scenario passes and says why it is there; every claim is a pair that was
decided, over enough requests, with the range of each assumption.

What the wall clock says of tier03.json and gpu-traps.json takes minutes and is told by `lpuchaos run FILE` itself."""
import json
import os
import re
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
import e2e  # noqa: E402
import schemas  # noqa: E402

REQUESTS = 10_000


def read(name):
    """JSON with comments, as the program takes it."""
    text = re.sub(r'("(?:\\.|[^"\\])*")|//[^\n]*|/\*.*?\*/', lambda m: m[1] or " ",
                  (e2e.SOURCE / "harness/suites" / name).read_text(), flags=re.S)
    return json.loads(text)


class Suites(e2e.Case):

    def run_shipped(self, name, *options, seconds=590):
        suite = read(name)
        done = subprocess.run([e2e.BINARY, "run", str(e2e.SOURCE / "harness/suites" / name), "--json", "--out",
                               str(self.folder / "out"), *options], capture_output=True, text=True, timeout=seconds, check=False)
        self.assertEqual(0, done.returncode, done.stderr)
        self.no_sanitizer(done.stderr)
        for s in suite["scenarios"]:
            for word in ("Question: ", "Expectation: ", "Reason: "):
                self.assertIn(word, s["about"], s["name"])
        for folder in (self.folder / "out").iterdir():
            if folder.is_dir():
                self.assertEqual([], schemas.problems(folder))
        return suite, [json.loads(line) for line in done.stdout.splitlines()]

    def check_claims(self, name, sections):
        suite, results = self.run_shipped(name, "--clock", "virtual")
        with open(self.folder / "out" / f"{suite['name']}.claims.json", encoding="utf-8") as f:
            claims = json.load(f)["claims"]
        by_name = {r["scenario"]: r for r in results}
        self.assertEqual(set(sections), {c["section"] for c in claims})
        self.assertEqual(len(suite["claims"]), len(claims))
        for c in claims:
            with self.subTest(claim=c["id"]):
                self.check_claim(c, by_name)
        used = {s["scenario"] for c in claims for s in c["scenarios"]}
        self.assertEqual(set(), set(by_name) - used, "scenarios that support no claim")
        return suite

    def check_claim(self, claim, results):
        self.assertEqual(("pass", True), (claim["verdict"], claim["swept"]))
        self.assertEqual({"harm", "remedy"}, {s["role"] for s in claim["scenarios"]})
        self.assertEqual(1, len({s["traffic_digest"] for s in claim["scenarios"]}))
        self.assertEqual(1, len({results[s["scenario"]]["seed"] for s in claim["scenarios"]}))
        for s in claim["scenarios"]:
            wanted = {asked["want"] for asked in s["slo"] + s["expect"]}
            self.assertIn("miss" if s["role"] == "harm" else "hold", wanted, s["scenario"])
            self.assertGreaterEqual(s["requests"], REQUESTS, s["scenario"])
            self.assertEqual("pass", s["verdict"])
        for a in claim["assumptions"]:
            self.assertTrue(a.get("holds_for") or a["holds"] or a.get("note"), a)


class Shipped(Suites):

    def test_gpu_traps(self):
        suite = self.check_claims("gpu-traps.json", ("batching", "shapes", "scale-out", "multi-tenancy", "same-model"))
        self.assertEqual(10, len(suite["scenarios"]))

    def check_operator(self, name, walls):
        """By itself on the virtual clock, with a wall part that a machine without io_uring leaves out."""
        suite, results = self.run_shipped(name, "--clock", "virtual")
        self.assertEqual(("virtual", walls), (suite["clock"], suite["wall_part"]))
        self.assertEqual({"virtual"}, {r["clock"] for r in results})
        self.assertEqual({"pass"}, {r["verdict"] for r in results})
        seconds = {s["name"]: int(s["duration"][:-1]) for s in suite["scenarios"]}
        self.assertLess(sum(seconds[name] for name in walls), 20)

    def test_rollout(self):
        self.check_operator("rollout.json", ["real-steady", "real-node-lost"])

    def test_ci_gate(self):
        self.check_operator("ci-gate.json", ["real-smoke"])


class Tier03(Suites):

    def test_tier03(self):
        suite = self.check_claims("tier03.json", ("determinism", "compiler", "fabric", "queueing", "shapes", "facility",
                                                 "redundancy"))
        self.assertGreaterEqual(len(suite["scenarios"]), 20)


if __name__ == "__main__":
    e2e.main(needs_ring=False)
