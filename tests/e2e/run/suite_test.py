"""Suites: one code for many scenarios, one line and one report for each, the matrix, --set and --seed. Virtual clock."""
import json
import os
import subprocess
import sys
import xml.etree.ElementTree

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
import e2e  # noqa: E402

ABORT = [{"signal": "in_flight", "op": ">=", "value": 0, "for": "100ms"}]


def slo(limit):
    return [{"id": "ttft", "tier": "interactive", "metric": "ttft_ms", "quantile": 0.5, "max": limit}]


PASS = e2e.scenario("passes", slo=slo("10s"))
FAIL = e2e.scenario("fails", slo=slo("1ms"))
UNDECIDED = e2e.scenario("asks-nothing", expect=None)
ABORTED = e2e.scenario("aborts", abort=ABORT)


class Suite(e2e.Case):

    def suite(self, *scenarios, name="suite", **members):
        return self.write({"version": 1, "name": name, "scenarios": list(scenarios), **members}, f"{name}.json")

    def run_suite(self, *scenarios, code):
        done = self.run_files(self.suite(*scenarios), clock="virtual", codes=(code,))
        self.assertEqual([s["name"] for s in scenarios], [r["scenario"] for r in done.results])
        return done

    def test_the_code_of_each(self):
        for s, code, verdict in ((PASS, 0, "pass"), (FAIL, 1, "fail"), (UNDECIDED, 4, "inconclusive"),
                                 (ABORTED, 5, "aborted")):
            done = self.run_files(self.write(s), clock="virtual", codes=(code,))
            self.assertEqual(verdict, done.results[0]["verdict"], done.stderr)
        self.assertTrue(self.result("aborts", clock="virtual")["partial"])

    def test_the_first_present_of_1_5_4_0(self):
        self.run_suite(PASS, code=0)
        self.run_suite(PASS, UNDECIDED, code=4)
        self.run_suite(ABORTED, PASS, UNDECIDED, code=5)
        self.run_suite(ABORTED, FAIL, UNDECIDED, PASS, code=1)

    def test_the_environment_before_all(self):
        """A scenario that cannot write its result does not stop the others."""
        (self.folder / "out").mkdir()
        (self.folder / "out" / "passes-7-virtual").write_text("a file where a folder should be")
        done = self.run_files(self.suite(PASS, FAIL), clock="virtual", codes=(3,))
        self.assertEqual(["fails"], [r["scenario"] for r in done.results])

    def test_nothing_starts_before_all_is_read(self):
        bad = dict(FAIL, duration="-1s")
        done = subprocess.run(self.arguments([self.write(PASS, "good.json"), self.write(bad, "bad.json")], clock="virtual"),
                              capture_output=True, text=True, timeout=20, check=False)
        self.assertEqual(2, done.returncode)
        self.assertEqual(1, len(done.stderr.splitlines()), done.stderr)
        self.assertRegex(done.stderr, r"bad\.json:1:\d+: duration: expected .*, found ")
        self.assertFalse((self.folder / "out").exists())

    def test_one_report_for_all(self):
        junit = self.folder / "all.xml"
        self.run_files([self.suite(PASS, FAIL), self.write(UNDECIDED)], "--junit", str(junit), clock="virtual", codes=(1,))
        root = xml.etree.ElementTree.parse(junit).getroot()
        suites = {s.get("name"): s for s in root.findall("testsuite")}
        self.assertEqual({"passes", "fails", "asks-nothing"}, set(suites))
        self.assertEqual("0", suites["passes"].get("failures"))
        self.assertEqual("1", suites["fails"].get("failures"))
        self.assertEqual("1", suites["asks-nothing"].get("errors"))
        case = suites["fails"].find("testcase[@name='ttft']")
        self.assertEqual("suite.fails", case.get("classname"))
        self.assertIn("lpuchaos run", case.find("failure").text)

    def test_matrix_and_set(self):
        matrix = {"seed": [1, 2], "traffic.chat.arrival.rate": [10, 20]}
        done = self.run_files(self.suite(PASS, matrix=matrix), "--set", "duration=1s", clock="virtual", codes=(0, 4))
        self.assertEqual(4, len(done.results))
        self.assertEqual(4, len({r["scenario"] + str(r["seed"]) for r in done.results}))
        self.assertEqual(4, len({r["plan_digest"] for r in done.results}))
        self.assertEqual({1, 2}, {r["seed"] for r in done.results})
        self.assertTrue(all(r["engine"]["simulated_seconds"] < 5 for r in done.results))

    def test_names_that_meet(self):
        """The same name and seed would share a folder; another seed does not."""
        done = subprocess.run(self.arguments(self.suite(PASS, dict(PASS, duration="3s")), clock="virtual"),
                              capture_output=True, text=True, timeout=20, check=False)
        self.assertEqual(2, done.returncode, done.stderr)
        self.assertIn("passes", done.stderr)
        self.run_files([self.write(PASS, "7.json"), self.write(dict(PASS, seed=8), "8.json")], clock="virtual", codes=(0,))
        self.assertEqual(8, self.result("passes", seed=8, clock="virtual")["seed"])
        done = subprocess.run(self.arguments([self.write(PASS, "a.json"), self.write(PASS, "b.json")], clock="virtual"),
                              capture_output=True, text=True, timeout=20, check=False)
        self.assertEqual(2, done.returncode, done.stderr)

    def test_the_seed_of_the_command_line(self):
        done = self.run_files(self.write(PASS), "--seed=9223372036854775807", clock="virtual", codes=(0,))
        self.assertEqual(9223372036854775807, done.results[0]["seed"])

    def test_the_replay_command_repeats_the_run(self):
        first = self.run_files(self.write(PASS), "--set", "traffic.chat.arrival.rate=11", "--seed", "3", clock="virtual",
                               codes=(0,))
        words = first.results[0]["replay"].split()
        self.assertEqual(["lpuchaos", "run"], words[:2])
        again = subprocess.run([e2e.BINARY, *words[1:], "--json", "--out", str(self.folder / "again")],
                               capture_output=True, text=True, timeout=20, check=False)
        self.assertEqual(first.results[0]["result_digest"], json.loads(again.stdout)["result_digest"])


if __name__ == "__main__":
    e2e.main(needs_ring=False)
