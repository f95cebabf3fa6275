"""lpuchaos knee as a user meets it: what it says and leaves, the same bytes on any number of threads, bad input, exit codes,
Ctrl-C. Virtual clock."""
import json
import os
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
import e2e  # noqa: E402

SLO = {"id": "ttft", "tier": "interactive", "metric": "ttft_ms", "quantile": 0.9, "max": "400ms"}
# Its ramp of 5 s lies within the warm-up.
THROTTLED = {"id": "hot", "kind": "cooling.throttle", "target": "r0.n1", "at": "1s", "for": "500ms"}


def knee(name="k", **members):
    return e2e.scenario(name, **{"slo": [SLO], "traffic": [
        {"name": "chat", "tier": "interactive", "arrival": {"process": "poisson", "rate": 15},
         "prompt_tokens": {"dist": "constant", "value": 64}, "output_tokens": {"dist": "constant", "value": 12}}], **members})


class Knee(e2e.Case):

    def knee(self, file, *options, code=0, **more):
        done = subprocess.run([e2e.BINARY, "knee", str(file), "--json", "--out", str(self.folder / "out"), "--points", "3", "--requests",
                               "2500", *options],
                              capture_output=True, text=True, timeout=150, check=False, **more)
        self.assertEqual(code, done.returncode, done.stderr)
        self.no_sanitizer(done.stderr)
        done.report = json.loads(done.stdout) if done.stdout else None
        return done

    def refused(self, expected, *arguments):
        done = self.knee(*arguments, code=2)
        self.assertEqual(1, len(done.stderr.splitlines()), done.stderr)
        self.assertRegex(done.stderr, expected)
        self.assertEqual("", done.stdout)
        self.assertFalse((self.folder / "out").exists())

    def check_case(self, case, slo, rho):
        """An interval whose ends were played, and verdicts that fit it."""
        low, high = case["knee"]["low"]["factor"], case["knee"]["high"]["factor"]
        self.assertLess(low, high)
        self.assertTrue(low <= case["knee"]["estimate"]["factor"] <= high)
        verdicts = {p["factor"]: p["verdict"] for p in case["points"]}
        self.assertEqual(("pass", "fail"), (verdicts[low], verdicts[high]))
        self.assertEqual(sorted(verdicts), [p["factor"] for p in case["points"]])
        for p in case["points"]:
            self.assertAlmostEqual(rho * p["factor"], p["rho"])
            self.assertEqual(slo, [r["id"] for r in p["slo"]])
            if p["factor"] < low:
                self.assertNotEqual("fail", p["verdict"])
            if p["factor"] > high:
                self.assertNotEqual("pass", p["verdict"])

    def test_what_it_says_and_leaves(self):
        file = self.write(knee(faults=[THROTTLED]))
        done = self.knee(file, "--jobs", "1")
        r = done.report
        self.assertEqual("lpuchaos.knee/1", r["schema"])
        self.assertEqual(("k", 7), (r["scenario"], r["seed"]))
        # 15/s, 1 + 11 frames of 8 ms, 8 slots
        self.assertAlmostEqual(15 * 12 * 0.008 / 8, r["own_load"]["rho"])
        self.assertEqual("below", r["own_load_is"])
        self.check_case(r["healthy"], ["ttft"], r["own_load"]["rho"])
        self.check_case(r["faults"][0], ["ttft"], r["own_load"]["rho"])
        self.assertEqual(("hot", "throughout"), (r["faults"][0]["id"], r["faults"][0]["in_force"]))
        self.assertTrue(0.55 < r["faults"][0]["capacity_ratio"]["estimate"] < 0.8)  # frames of 3/2
        self.assertEqual(3 + 5, len(r["curve"]))
        for p in r["curve"]:
            self.assertEqual(p["rho"] < 1, p["theory"] is not None)
        target = r["rho_target"]
        self.assertEqual(2, target["burst_factor"])
        self.assertAlmostEqual(target["load"]["factor"], r["faults"][0]["knee"]["low"]["factor"] / 2)
        self.assertEqual(json.loads((self.folder / "out/k-knee/knee.json").read_text()), r)
        lines = done.stderr.splitlines()
        self.assertIn("replay: lpuchaos knee", lines[0])
        self.assertEqual(lines[0], lines[-1])

        again = self.knee(file, "--jobs", "4")
        self.assertEqual(done.stdout, again.stdout)
        other = self.knee(file, "--jobs", "2", "--seed", "8", "--burst", "1.5").report
        self.assertNotEqual(r["healthy"]["points"][0]["result_digest"], other["healthy"]["points"][0]["result_digest"])
        self.assertEqual(1.5, other["rho_target"]["burst_factor"])

    def test_a_load_is_the_scenario_at_that_load(self):
        """A run of the scenario with the times and the rate of a point gives the point's digest."""
        r = self.knee(self.write(knee())).report
        p = r["healthy"]["points"][0]
        changed = knee(warmup=f"{p['warmup_ns']}ns", duration=f"{p['duration_ns']}ns")
        changed["traffic"][0]["arrival"]["rate"] *= p["factor"]
        changed["expect"] = []
        run = self.run_files(self.write(changed), clock="virtual", codes=(0, 4))
        self.assertEqual(p["result_digest"], run.results[0]["result_digest"])

    def test_above_its_knee(self):
        s = knee()
        s["traffic"][0]["arrival"]["rate"] = 100
        done = self.knee(self.write(s))
        self.assertEqual("above", done.report["own_load_is"])
        self.assertRegex(done.stderr, r"own load, rho 1\.2000, lies ABOVE its knee")

    def test_no_knee(self):
        for limit, why in (("5ms", "0.02 misses"), ("1s", "eight times")):
            s = knee(drain="24h", slo=[dict(SLO, max=limit, metric="ttft_ms" if limit == "5ms" else "tpot_ms")])
            s["traffic"][0]["timeout"] = "24h"
            done = self.knee(self.write(s), code=4)
            self.assertIsNone(done.report["healthy"]["knee"])
            self.assertIn(why, done.report["healthy"]["why"])
            self.assertIsNone(done.report["rho_target"])
            self.assertIn("none: ", done.stderr)

    def test_traces(self):
        rows = "".join(f"{i * 0.07:.3f},64,12\n" for i in range(2000))
        (self.folder / "t.csv").write_text("arrival_s,prompt_tokens,output_tokens\n" + rows)
        s = knee(duration="140s", traffic=[{"name": "t", "tier": "interactive", "trace": {"file": "t.csv", "format": "csv"}}])
        r = self.knee(self.write(s)).report
        self.assertFalse(r["uncertainty"]["lengthened"])
        self.assertEqual("census", r["healthy"]["points"][0]["slo"][0]["basis"])
        self.assertEqual({1}, {p["runs"] for p in r["healthy"]["points"]})
        # Arrivals at equal distances wait only when there are more than are served.
        self.assertTrue(0.97 < r["healthy"]["knee"]["estimate"]["rho"] < 1.1, r["healthy"]["knee"])

    def test_bad_input(self):
        self.refused(r"k: expected an SLO, found none", self.write(knee(slo=[])))
        self.refused(r"option --burst: expected a factor from 1 to 1000, found '0'", self.write(knee()), "--burst", "0")
        self.refused(r"--jobs", self.write(knee()), "--jobs", "0")
        url = knee(deployment=None, target={"url": "http://127.0.0.1:9", "model": "m"}, expect=[])
        self.refused(r"expected a deployment beside the URL", self.write(url))
        suite = self.write({"version": 1, "name": "two", "scenarios": [knee("a"), knee("b")]}, "two.json")
        self.refused(r"expected one scenario to search, found 2 in '.*two.json': --scenario names one, 'a'", suite)
        self.refused(r"--scenario: expected one of the 2 scenarios", suite, "--scenario", "c")

    def test_a_suite_with_one(self):
        suite = self.write({"version": 1, "name": "one", "scenarios": [knee("a")]}, "one.json")
        self.assertEqual("a", self.knee(suite).report["scenario"])

    def test_interrupt(self):
        slow = knee(slo=[dict(SLO, quantile=0.999)], faults=[dict(THROTTLED, id=f"hot{i}", at=f"{i + 1}00ms", **{"for": "50ms"})
                                                             for i in range(8)])
        p = subprocess.Popen([e2e.BINARY, "knee", self.write(slow), "--out", str(self.folder / "out")], stderr=subprocess.PIPE,
                             text=True)
        first = p.stderr.readline()
        time.sleep(0.2)
        p.send_signal(signal.SIGINT)
        _, rest = p.communicate(timeout=60)
        self.assertEqual(130, p.returncode, first + rest)
        self.assertIn("interrupted; nothing is written", rest)
        self.assertFalse((self.folder / "out").exists())


if __name__ == "__main__":
    unittest.main()
