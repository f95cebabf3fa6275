"""One scenario on both clocks: results of the contract's shape, digests that tell what was the same, reports that agree
with them, and a machine that looks as before afterwards."""
import json
import os
import pathlib
import subprocess
import sys
import xml.etree.ElementTree

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
import e2e  # noqa: E402

FAULTS = [
    {"id": "flap", "kind": "link.flap", "target": "r0.n1-r0.n2.0", "at": "1500ms", "for": "500ms"},
    {"id": "long", "kind": "shape.outlier", "target": "chat", "at": "1s", "for": "1s", "share": 0.2,
     "prompt_tokens": {"dist": "constant", "value": 1500}},
    {"id": "loss", "kind": "chip.loss", "target": "r0.n4.c3", "at": "2500ms", "for": "500ms"},
]


def both_tiers(name):
    s = e2e.scenario(name, duration="4s", warmup="500ms", deployment=e2e.ONE_RACK, faults=FAULTS)
    s["traffic"][0]["arrival"]["rate"] = 40
    s["traffic"].append({"name": "docs", "tier": "batch", "arrival": {"process": "constant", "rate": 10},
                         "prompt_tokens": {"dist": "uniform", "min": 100, "max": 2000},
                         "output_tokens": {"dist": "uniform", "min": 8, "max": 40}, "max_tokens": 64})
    s["slo"] = [{"id": "ttft", "tier": "interactive", "metric": "ttft_ms", "quantile": 0.9, "max": "2s"},
                {"id": "tpot", "tier": "batch", "metric": "tpot_ms", "quantile": 0.5, "max": "1s"}]
    s["expect"] += [{"id": "failover", "kind": "ttf", "fault": "loss", "max": "2s"},
                    {"id": "in-rack", "kind": "critical_path_in_rack"}]
    return s


class BothClocks(e2e.Case):

    def test_a_run_on_both_clocks(self):
        file = self.write(both_tiers("both"))
        junit = self.folder / "all.xml"
        virtual = self.run_files(file, clock="virtual", codes=(0, 4)).results[0]
        wall = self.run_files(file, "--junit", str(junit)).results[0]
        for key in ("plan_digest", "traffic_digest"):
            self.assertEqual(virtual[key], wall[key])
        self.assertEqual((0, 0), (wall["requests"]["corrupt"], virtual["requests"]["corrupt"]))
        self.assertEqual(virtual["requests"]["scheduled"], wall["requests"]["scheduled"])
        self.assertIsNotNone(wall["agreement"])
        self.assertGreater(wall["agreement"]["compared"], 0)
        self.assertLess(wall["engine"]["wall_seconds"], 30)
        self.assertEqual({(t, w) for t in ("interactive", "batch") for w in e2e.result_check.WINDOWS},
                         {(g["tier"], g["window"]) for g in wall["groups"]})
        self.same_model(wall, virtual)
        self.assertEqual(wall, self.result("both"))
        self.reports(wall, junit)

    def same_model(self, wall, virtual):
        """The emulator's own instants do not depend on this machine's lag, but for a little of it."""
        for a, b in zip(wall["faults"], virtual["faults"]):
            self.assertEqual([a[k] for k in ("id", "clean", "damage", "coalesce_ns", "inject_ns", "revert_ns")],
                             [b[k] for k in ("id", "clean", "damage", "coalesce_ns", "inject_ns", "revert_ns")])
            self.assertEqual([a[f"{p}_ns"] is None for p in e2e.result_check.PHASES],
                             [b[f"{p}_ns"] is None for p in e2e.result_check.PHASES])
        for a, b in zip(wall["slo"], virtual["slo"]):  # who stalled whom is told by the emulator
            for part, share in b["blame"].items():
                if part.startswith("stall:") and share > 0.1:
                    self.assertGreater(a["blame"].get(part, 0), 0, f"{a['id']}: {a['blame']}, {b['blame']}")
        for a, b in zip(wall["groups"], virtual["groups"]):
            if a["window"] == "all":
                ratio = a["metrics"]["prefill_ms"]["mean"] / b["metrics"]["prefill_ms"]["mean"]
                self.assertTrue(0.5 < ratio < 2, f"{a['tier']}: prefill {ratio}")

    def reports(self, wall, junit):
        """junit.xml says what result.json says, the joint report and the scenario's own alike."""
        for path in (junit, self.folder / "out" / "both-7-wall" / "junit.xml"):
            root = xml.etree.ElementTree.parse(path).getroot()
            suite = root.find("testsuite")
            self.assertEqual(("testsuites", "both"), (root.tag, suite.get("name")))
            cases = {c.get("name"): c for c in suite.findall("testcase")}
            asked = {x["id"]: x["verdict"] for x in wall["slo"] + wall["expect"]}
            self.assertLessEqual(set(asked), set(cases))
            self.assertEqual(len(cases), int(suite.get("tests")))
            for kind, count in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
                self.assertEqual(len(suite.findall(f"testcase/{kind}")), int(suite.get(count)))
            if wall["verdict"] == "pass":
                self.assertEqual([], [c for c in cases.values() if len(c)])
            properties = {p.get("name"): p.get("value") for p in suite.iter("property")}
            self.assertEqual(wall["plan_digest"], properties["plan_digest"])
            self.assertEqual("7", properties["seed"])

    def test_the_virtual_clock_repeats_itself(self):
        file = self.write(both_tiers("twice"))
        a, b = (self.run_files(file, clock="virtual", codes=(0, 4)).results[0] for _ in range(2))
        c = self.run_files(file, "--seed", "8", clock="virtual", codes=(0, 1, 4)).results[0]
        self.assertEqual(a["result_digest"], b["result_digest"])
        for key in ("result_digest", "traffic_digest", "plan_digest"):
            self.assertNotEqual(a[key], c[key])
        self.assertEqual(8, c["seed"])

    def test_what_is_said_first_and_last(self):
        done = self.run_files(self.write(e2e.scenario("said")), clock="virtual", codes=(0,))
        lines = done.stderr.strip().splitlines()
        for line in (lines[0], lines[-1]):
            self.assertIn("lpuchaos run", line)
            self.assertIn("--seed=7", line)
        self.assertIn(str(self.folder / "out" / "said-7-virtual" / "result.json"), done.stderr)

    def test_an_invalid_run_is_repeated_and_every_attempt_kept(self):
        """A killed emulator makes sure that it is invalid."""
        s = e2e.scenario("again", duration="600ms", warmup="0s", drain="400ms")
        with self.started(self.arguments(self.write(s), "--attempts", "2")) as p:
            for _ in range(2):
                child = self.child_of(p)
                os.kill(child, 9)
                self.until(lambda: not e2e.alive(child), "the emulator's end")
            self.assertEqual(4, p.wait(20), self.said())
        result = self.result("again")
        self.assertEqual(2, result["validity"]["attempts"])
        self.assertFalse(result["validity"]["valid"])
        first = json.loads((self.folder / "out" / "again-7-wall" / "attempt-1.json").read_text())
        self.assertEqual([], e2e.result_check.problems(first))
        self.assertEqual(1, first["validity"]["attempts"])


class Leftovers(e2e.Case):

    def test_two_thousand_streams(self):
        """Every token verified, and the memory of both processes in figures."""
        rack = {"pools": [{"name": "p", "instances": 1, "entry": "phase", "admission": {"policy": "none"}, "buckets": [
            {"max_seq": 4096, "frame": "200ms", "slots": 2000, "prefill_tokens_per_frame": 64}]}]}
        s = e2e.scenario("crowd", duration="2s", warmup="0s", drain="10s", deployment=rack)
        s["traffic"][0].update(arrival={"process": "constant", "rate": 1000}, max_tokens=16,
                               prompt_tokens={"dist": "constant", "value": 4},
                               output_tokens={"dist": "constant", "value": 14})
        peak = {}
        with self.started(self.arguments(self.write(s), "--attempts", "1")) as p:
            child = self.child_of(p)
            while p.poll() is None:
                for who, pid in (("client", p.pid), ("emulator", child)):
                    peak[who] = peak_kib(pid) or peak.get(who, 0)
                try:
                    p.wait(0.1)
                except subprocess.TimeoutExpired:
                    pass
            self.assertIn(p.returncode, e2e.JUDGED, self.said())
        result = self.result("crowd")
        print(f"2000 streams: client {peak['client']} KiB, emulator {peak['emulator']} KiB resident at the most")
        self.assertEqual(0, result["requests"]["corrupt"])
        self.assertEqual(2000, result["requests"]["scheduled"])
        self.assertEqual(14 * result["requests"]["ok"], result["tokens"]["output"])
        self.assertFalse(e2e.alive(child))

    def test_descriptors_and_children_between_two_scenarios(self):
        """The process that runs a suite holds no more after a scenario than before it."""
        suite = {"version": 1, "name": "two", "scenarios": [
            e2e.scenario("one", duration="1s", drain="1s"), e2e.scenario("two", duration="1s", drain="1s"),
            e2e.scenario("three", duration="1s", drain="1s")]}
        seen = []
        with self.started(self.arguments(self.write(suite), "--attempts", "1")) as p:
            for _ in range(3):
                child = self.child_of(p)
                self.assertEqual([child], e2e.children(p.pid))
                seen.append(len(e2e.descriptors(p.pid)))
                self.until(lambda: not e2e.alive(child), "the emulator's end")
            self.assertIn(p.wait(20), e2e.JUDGED, self.said())
        print(f"descriptors while each emulator started: {seen}")
        self.assertLessEqual(max(seen) - min(seen), 24)  # connections may be open already, or not
        self.no_sanitizer(self.said())


def peak_kib(pid):
    try:
        rows = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(row.split()[1]) for row in rows if row.startswith("VmHWM:")), 0)


if __name__ == "__main__":
    e2e.main()
