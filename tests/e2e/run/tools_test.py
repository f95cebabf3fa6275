"""The commands around `run`: explain adds up, doctor tells, and what claims to be JSON is."""
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
import e2e  # noqa: E402

LOSS = {"id": "loss", "kind": "chip.loss", "target": "r0.n4.c3", "at": "500ms", "for": "500ms"}


def call(*arguments):
    return subprocess.run([e2e.BINARY, *arguments], capture_output=True, text=True, timeout=60, check=False)


class Explain(e2e.Case):

    def setUp(self):
        super().setUp()
        s = e2e.scenario("told", deployment=e2e.ONE_RACK, faults=[LOSS])
        s["traffic"][0]["output_tokens"]["value"] = s["traffic"][0]["max_tokens"] = 300  # lives long enough to be hit
        self.judged = self.run_files(self.write(s), clock="virtual", codes=(0, 4)).results[0]
        self.out = str(self.folder / "out" / "told-7-virtual")

    def test_the_parts_add_up(self):
        stalled = 0
        for request in range(1, self.judged["requests"]["scheduled"] + 1):
            done = call("explain", self.out, str(request))
            self.assertEqual(0, done.returncode, done.stderr)
            self.assertIn("seed 7", done.stdout)
            whole = float(re.search(r"whole ([0-9.]+) ms, of which", done.stdout)[1])
            parts = done.stdout.split("of which\n")[1]
            found = [float(x) for x in re.findall(r"([0-9.]+) ms$", parts, flags=re.M)]
            self.assertAlmostEqual(whole, sum(found), delta=1e-6 * len(found), msg=done.stdout)
            stalled += "stall:loss" in parts
            instants = [float(x) for x in re.findall(r"^ *([0-9.]+) ms  ", done.stdout, flags=re.M)]
            self.assertEqual(sorted(instants), instants)
        self.assertGreater(stalled, 0)
        self.assertEqual(self.judged["faults"][0]["damage"]["lost"], 0)

    def test_requests_that_are_not_there(self):
        for words in ((self.out, "100000"), (self.out, "0"), (self.out, "-1"), (self.out, "one"), (self.out,)):
            done = call("explain", *words)
            self.assertEqual(2, done.returncode, done.stderr)
            self.assertNotEqual("", done.stderr)
            self.no_sanitizer(done.stderr)
        self.assertNotEqual(0, call("explain", str(self.folder), "1").returncode)


class Told(e2e.Case):

    def test_doctor(self):
        done = call("doctor")
        self.assertIn(done.returncode, (0, 3), done.stderr)
        text = done.stdout + done.stderr
        for word in ("io_uring", "open files", "floor" if done.returncode == 0 else "--clock virtual"):
            self.assertIn(word, text)
        self.no_sanitizer(done.stderr)

    def test_json_is_json(self):
        plan = json.loads(call("plan", self.write(e2e.scenario("planned", faults=[dict(
            LOSS, target="r0.n0.c0")])), "--json").stdout)
        self.assertIsInstance(plan, dict)
        self.assertIn("planned", json.dumps(plan))
        compiled = json.loads(call("compile", e2e.ONE_RACK, "--json").stdout)
        self.assertIsInstance(compiled, dict)
        kinds = json.loads(call("faults", "--json").stdout)
        self.assertLessEqual({"link.flap", "chip.loss", "shape.outlier", "shape.creep", "ethernet.jitter"},
                             {k["kind"] for k in kinds})
        for kind in kinds:
            one = json.loads(call("faults", kind["kind"], "--json").stdout)
            self.assertEqual(kind, one[0] if isinstance(one, list) else one)

    def test_plan_and_run_have_one_digest(self):
        file = self.write(e2e.scenario("planned"))
        plan = json.loads(call("plan", file, "--json").stdout)
        run = self.run_files(file, clock="virtual", codes=(0,)).results[0]
        self.assertEqual((run["plan_digest"], run["traffic_digest"]), (plan["plan_digest"], plan["traffic_digest"]))


if __name__ == "__main__":
    e2e.main(needs_ring=False)
