"""lpuchaos shrink as a user meets it: what it writes misses the same, its exit codes, the same bytes twice, suites, bad input,
Ctrl-C. Virtual clock."""
import json
import os
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
import e2e  # noqa: E402

SHIPPED = e2e.SOURCE / "harness/suites/shrink-me.json"
SLOT = {"pools": [{"name": "p", "instances": 1, "entry": "immediate", "admission": {"policy": "none"}, "buckets": [
    {"max_seq": 4096, "frame": "10ms", "slots": 1, "prefill_tokens_per_frame": 64}]}]}
# One frame a request and one each 100 ms: TTFT is 10 ms, and twice the delay.
LATE = {"id": "late", "kind": "ethernet.jitter", "delay": "30ms", "jitter": "0ms", "at": "1s"}
MILD = {"id": "mild", "kind": "link.ghost", "target": "r0.n0-r0.n1.0", "at": "2s", "for": "1s"}


def late(name="late", **members):
    return e2e.scenario(name, **{
        "duration": "5s", "warmup": "500ms", "deployment": SLOT, "expect": [{"id": "lost", "kind": "lost_requests"}],
        "traffic": [{"name": "chat", "tier": "x", "arrival": {"process": "constant", "rate": 10},
                     "prompt_tokens": {"dist": "constant", "value": 10}, "output_tokens": {"dist": "constant", "value": 1}}],
        "faults": [MILD, LATE],
        "slo": [{"id": "ttft", "tier": "x", "metric": "ttft_ms", "quantile": 0.5, "max": "30ms", "window": "fault"}], **members})


class Shrink(e2e.Case):

    def shrink(self, file, *options, code=1):
        done = subprocess.run([e2e.BINARY, "shrink", str(file), "--json", *options], capture_output=True, text=True, timeout=90,
                              check=False, cwd=self.folder)
        self.assertEqual(code, done.returncode, done.stderr)
        self.no_sanitizer(done.stderr)
        done.report = json.loads(done.stdout) if done.stdout else None
        return done

    def refused(self, expected, *arguments, code=2):
        done = self.shrink(*arguments, code=code)
        self.assertEqual(1, len(done.stderr.splitlines()), done.stderr)
        self.assertRegex(done.stderr, expected)
        self.assertEqual("", done.stdout)

    def replayed(self, report, missed):
        """The printed command, typed in: exit code 1, for the same reason, and to the bit what shrink saw."""
        self.assertEqual(missed, report["missed"])
        words = report["replay"].split()
        self.assertEqual(["lpuchaos", "run"], words[:2])
        done = subprocess.run([e2e.BINARY, *words[1:], "--json", "--out", str(self.folder / "out")], capture_output=True, text=True,
                              timeout=60, check=False, cwd=self.folder)
        self.assertEqual(1, done.returncode, done.stderr)
        result = json.loads(done.stdout)
        self.assertEqual("fail", result["verdict"])
        self.assertEqual(report["result_digest"], result["result_digest"])
        self.assertEqual([missed], [r["id"] for r in result["slo"] + result["expect"] if r["verdict"] == "fail"])
        return result

    def test_the_shipped_one(self):
        done = self.shrink(SHIPPED)
        self.assertEqual({"before": 10, "after": 2}, done.report["faults"])
        self.assertEqual(["documents"], done.report["removed"]["traffic"])
        self.assertEqual("shrink-me-shrunk.json", done.report["file"])
        self.assertIsNone(done.report["cut"])
        self.replayed(done.report, "nothing-lost")
        shrunk = json.loads((self.folder / "shrink-me-shrunk.json").read_text())
        self.assertEqual(["loss", "spare-lost"], [f["id"] for f in shrunk["faults"]])
        self.assertEqual(("shrink-me-shrunk", 42), (shrunk["name"], shrunk["seed"]))
        self.assertIn("'nothing-lost'", shrunk["about"])
        self.assertIn("shrink-me.json", shrunk["about"])
        self.assertIn("with 2 of 10 faults", done.stderr)
        self.assertTrue(done.stderr.strip().endswith(done.report["replay"]))

    def test_each_fault_is_needed(self):
        """1-minimal as it stands in the file."""
        self.shrink(SHIPPED)
        shrunk = json.loads((self.folder / "shrink-me-shrunk.json").read_text())
        for i, fault in enumerate(shrunk["faults"]):
            less = dict(shrunk, name=f"less-{i}", faults=[f for f in shrunk["faults"] if f is not fault])
            self.run_files(self.write(less, f"less-{i}.json"), clock="virtual", codes=(0,))

    def test_the_same_bytes_twice(self):
        texts = []
        for name in ("a.json", "b.json"):
            report = self.shrink(SHIPPED, "--out", name).report
            texts.append((self.folder / name).read_bytes())
            report["file"] = report["replay"] = None
            texts.append(report)
        self.assertEqual(texts[:2], texts[2:])

    def test_a_threshold_and_an_edited_file(self):
        """10 ms + 2 d > 30 ms from 10 ms on; --set and --seed are in the result."""
        done = self.shrink(self.write(late()), "--set", "faults.late.delay=47ms", "--seed", "9", "--out", "r.json")
        self.assertEqual(["mild"], done.report["removed"]["faults"])
        shrunk = json.loads((self.folder / "r.json").read_text())
        self.assertEqual((9, "11ms"), (shrunk["seed"], shrunk["faults"][0]["delay"]))
        self.assertIn({"path": "faults.late.delay", "from": "47ms", "to": "11ms"}, done.report["changed"])
        self.replayed(done.report, "ttft")

    def test_the_deployment_comes_along(self):
        """From a folder elsewhere, edited inside."""
        (self.folder / "deep").mkdir()
        self.write(SLOT, "deep/rack.json")
        file = self.write(late(deployment="rack.json"), "deep/s.json")
        report = self.shrink(file, "--set", "deployment.pools.p.buckets.0.frame=20ms", "--out", str(self.folder)).report
        self.assertEqual(str(self.folder / "late-shrunk.json"), report["file"])
        shrunk = json.loads((self.folder / "late-shrunk.json").read_text())
        self.assertEqual("20ms", shrunk["deployment"]["pools"][0]["buckets"][0]["frame"])
        self.replayed(report, "ttft")

    def test_a_trace(self):
        (self.folder / "deep").mkdir()
        rows = "".join(f"{i / 10},10,1\n" for i in range(50))
        self.write("arrival_s,prompt_tokens,output_tokens\n" + rows, "deep/t.csv")
        trace = [{"name": "chat", "tier": "x", "trace": {"file": "t.csv", "format": "csv"}}]
        file = self.write(dict(late(), traffic=trace), "deep/s.json")
        report = self.shrink(file).report
        self.assertEqual(1, report["faults"]["after"])
        self.replayed(report, "ttft")

    def test_another_expectation(self):
        file = self.write(late(expect=[{"id": "ttd", "kind": "ttd", "fault": "loss", "max": "1ms"}],
                               faults=[LATE, MILD, {"id": "loss", "kind": "chip.loss", "target": "r0.n1.c1", "at": "3005ms"}]))
        self.assertEqual("ttft", self.shrink(file).report["missed"])
        report = self.shrink(file, "--expect", "ttd").report
        self.assertEqual(["late", "mild"], sorted(report["removed"]["faults"]))
        self.assertEqual(["ttft"], report["removed"]["slo"])
        self.replayed(report, "ttd")

    def test_nothing_to_shrink(self):
        held = self.write(late(faults=[MILD], slo=None))
        done = self.shrink(held, code=0)
        self.assertIn("nothing is missed, nothing to shrink", done.stderr)
        self.assertEqual(("held", None), (done.report["outcome"], done.report["missed"]))
        done = self.shrink(self.write(late()), "--expect", "lost", code=0)
        self.assertIn("'lost' is not missed, nothing to shrink", done.stderr)
        undecided = self.write(late(expect=[{"kind": "reached", "path": "spare_used"}], slo=None))
        self.assertEqual("undecided", self.shrink(undecided, code=4).report["outcome"])
        aborted = self.write(late(abort=[{"signal": "in_flight", "op": ">=", "value": 0}]))
        self.assertEqual("aborted", self.shrink(aborted, code=5).report["outcome"])
        self.assertEqual([], [p.name for p in self.folder.glob("*-shrunk.json")])

    def test_suites(self):
        held = late("held", faults=None)
        one = self.write({"version": 1, "name": "s", "scenarios": [late()]}, "one.json")
        self.replayed(self.shrink(one).report, "ttft")
        two = self.write({"version": 1, "name": "s", "scenarios": [held, late()],
                          "matrix": {"seed": [1, 2]}}, "two.json")
        self.refused(r"expected one scenario to shrink, found 4 in '.*two.json': --scenario names one, 'held-1'", two)
        self.refused(r"--scenario: expected one of the 4 scenarios \(nearest is 'late-1'\), found 'late-3'", two, "--scenario",
                     "late-3")
        report = self.shrink(two, "--scenario", "late-2").report
        self.assertEqual(("late-2", 2, "late-2-shrunk.json"), (report["scenario"], report["seed"], report["file"]))

    def test_bad_input(self):
        file = self.write(late())
        self.refused(r"no-such.json.*no such file", "no-such.json")
        self.refused(r"option --expect: expected the id of an SLO or expectation \(nearest is 'ttft'\), found 'tftt'", file,
                     "--expect", "tftt")
        self.refused(r"--max-runs", file, "--max-runs", "0")
        self.refused(r"--out: expected a file in a folder that can be written to, found 'no/such/f.json'", file, "--out",
                     "no/such/f.json", code=3)
        self.refused(r"s.json:1:\d+: duration: expected ", self.write(late(duration="soon"), "s.json"))
        url = self.write(late(deployment=None, faults=None, target={"url": "http://127.0.0.1:9", "model": "m"}), "url.json")
        self.refused(r"url.json:1:\d+: target: expected a deployment beside the URL", url)

    def test_few_runs(self):
        done = self.shrink(SHIPPED, "--max-runs", "30")
        self.assertEqual("max_runs", done.report["cut"])
        self.assertLessEqual(done.report["runs"], 30)
        self.assertIn("cut by --max-runs", json.loads((self.folder / "shrink-me-shrunk.json").read_text())["about"])
        self.replayed(done.report, "nothing-lost")

    def test_an_interrupt(self):
        """After the first line, while runs of many requests are made."""
        traffic = [dict(late()["traffic"][0], arrival={"process": "poisson", "rate": 99})]
        file = self.write(late(duration="2000s", traffic=traffic, faults=[LATE, dict(MILD, at="1000s")]))
        with self.started([e2e.BINARY, "shrink", file, "--json"], cwd=self.folder) as p:
            self.until(lambda: " runs: " in self.said() or p.poll() is not None, "a first line", 60)
            p.send_signal(signal.SIGINT)
            code = p.wait(60)
        self.no_sanitizer(self.said())
        self.assertEqual(130, code, self.said())
        report = json.loads((self.folder / "stdout").read_text())
        self.assertEqual("interrupted", report["cut"])
        self.assertIn("interrupted", json.loads((self.folder / report["file"]).read_text())["about"])
        self.replayed(report, "ttft")


if __name__ == "__main__":
    e2e.main(needs_ring=False)
