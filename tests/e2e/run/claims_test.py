"""Claims of a suite: pairs that share seed and traffic, their verdict, the assumptions they lean on and how far those may
move; and the clock that a suite chooses. Virtual clock but for the last."""
import copy
import json
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
import e2e  # noqa: E402

# One slot, frames of 10 ms, one frame a request and one each 100 ms: nobody waits; TTFT is 10 ms.
RACK = {"pools": [{"name": "p", "instances": 1, "entry": "immediate", "admission": {"policy": "none"}, "buckets": [
    {"max_seq": 4096, "frame": "10ms", "slots": 1, "prefill_tokens_per_frame": 64}]}]}


def scenario(name, want, deployment=RACK, **members):
    return e2e.scenario(
        name, duration="20s", deployment=deployment, expect=None,
        traffic=[{"name": "chat", "tier": "x", "arrival": {"process": "constant", "rate": 10},
                  "prompt_tokens": {"dist": "constant", "value": 10}, "output_tokens": {"dist": "constant", "value": 1}}],
        faults=[{"id": "late", "kind": "ethernet.jitter", "target": "eth.ingress", "at": "5s", "for": "15s", "delay": "5ms",
                 "jitter": "0ms"}],
        slo=[{"id": "ttft", "tier": "x", "metric": "ttft_ms", "quantile": 0.9, "max": "30ms", "window": "fault",
              "want": want}], **members)


HOLDS = scenario("holds", "hold")
# Three frames of prefill: 30 ms and twice the delay, which is beyond the limit for any delay.
SLOW = copy.deepcopy(RACK)
SLOW["pools"][0]["buckets"][0]["prefill_tokens_per_frame"] = 4
MISSES = scenario("misses", "miss", SLOW)
CLAIM = {"id": "c", "section": "s", "claim": "Smaller prefill steps cost TTFT.", "label": "inference", "harm": ["misses"],
         "remedy": ["holds"]}


class Claims(e2e.Case):

    def suite(self, *claims, scenarios=(MISSES, HOLDS), **members):
        return self.write({"version": 1, "name": "s", "scenarios": list(scenarios), "claims": list(claims), **members}, "s.json")

    def claims(self, *claims, codes=(0,), **members):
        done = self.run_files(self.suite(*claims, **members), clock="virtual", codes=codes)
        with open(self.folder / "out" / "s.claims.json", encoding="utf-8") as f:
            report = json.load(f)
        self.assertEqual(("lpuchaos.claims/1", "s"), (report["schema"], report["suite"]))
        return report["claims"], done

    def refused(self, text, *claims, **members):
        done = subprocess.run(self.arguments(self.suite(*claims, **members), clock="virtual"), capture_output=True, text=True,
                              timeout=20, check=False)
        self.assertEqual(2, done.returncode, done.stderr)
        self.assertEqual(1, len(done.stderr.splitlines()), done.stderr)
        self.assertRegex(done.stderr, r"s\.json:1:\d+: .*expected .*" + text)

    def test_the_range_is_the_one_that_arithmetic_says(self):
        """TTFT = 10 ms + 2 delays <= 30 ms: the delay may be 10 ms at most; nothing bounds it below."""
        (claim,), done = self.claims(CLAIM)
        self.assertEqual("pass", claim["verdict"])
        self.assertEqual(["harm", "remedy"], [s["role"] for s in claim["scenarios"]])
        self.assertEqual(1, len({s["traffic_digest"] for s in claim["scenarios"]}))
        self.assertEqual([200, 200], [s["requests"] for s in claim["scenarios"]])
        self.assertEqual([40, 20], [round(s["slo"][0]["observed_ms"]) for s in claim["scenarios"]])
        known = {a["parameter"]: a for a in claim["assumptions"]}
        delay = known["faults.late.delay"]
        self.assertEqual(("5ms", ["500us", "50ms"], ["misses", "holds"]),
                         (delay["value"], delay["searched"], delay["scenarios"]))
        self.assertEqual("500us", delay["holds"][0])
        self.assertTrue(delay["low_is_edge"])
        self.assertFalse(delay["high_is_edge"])
        self.assertRegex(delay["holds"][1], r"^9\.\d+ms$|^9\d+us$|^10ms$")
        self.assertEqual(["faults.late.delay"], [a for a in known if a.startswith("faults") and known[a]["holds"]])
        self.assertFalse([a for a in known if a.startswith("deployment")], "no failover happens")
        self.assertIn("Smaller prefill steps cost TTFT.", done.stderr)
        self.assertIn("leans on faults.late.delay", done.stderr)

    def test_the_same_twice(self):
        first, _ = self.claims(CLAIM)
        second, _ = self.claims(CLAIM)
        self.assertEqual(first, second)

    def test_a_sweep_of_its_own(self):
        """The harm needs 3 frames + 10 ms of delays > 30 ms with the fault and 3 frames <= 30 ms before it, so the frame is in
        (6.67, 10] ms: it may not grow at all."""
        sweep = {"path": "deployment.pools.p.buckets.0.frame", "from": "1ms", "to": "40ms", "source": "a test"}
        (claim,), _ = self.claims(dict(CLAIM, sweep=[sweep]))
        frame = next(a for a in claim["assumptions"] if a["parameter"] == sweep["path"])
        self.assertEqual(("10ms", ["1ms", "40ms"], "a test"), (frame["value"], frame["searched"], frame["source"]))
        self.assertRegex(frame["holds"][0], r"^(66[789]|6[789]\d|7[01]\d)\dus$")
        self.assertEqual("10ms", frame["holds"][1])
        self.assertFalse(frame["low_is_edge"] or frame["high_is_edge"])

    def test_the_verdict_is_that_of_the_scenarios(self):
        fails = dict(HOLDS, name="fails", slo=[dict(HOLDS["slo"][0], max="15ms")])
        (claim,), _ = self.claims(dict(CLAIM, remedy=["fails"]), scenarios=(MISSES, fails), codes=(1,))
        self.assertEqual(("fail", False, []), (claim["verdict"], claim["swept"], claim["assumptions"]))
        asks_nothing = {k: v for k, v in HOLDS.items() if k != "slo"}
        (claim,), _ = self.claims(dict(CLAIM, remedy=["holds"]), scenarios=(MISSES, asks_nothing), codes=(4,))
        self.assertEqual("inconclusive", claim["verdict"])

    def test_an_expectation_may_be_missed_on_purpose(self):
        """Half of the requests are later than 15 ms, so not all are good; none is lost."""
        missed = dict(HOLDS, name="missed", expect=[{"id": "all-bad", "kind": "goodput_fraction", "min": 1, "want": "miss"}],
                      slo=[dict(HOLDS["slo"][0], max="15ms", want="miss")])
        (claim,), _ = self.claims(dict(CLAIM, harm=["missed"]), scenarios=(missed, HOLDS))
        self.assertEqual(("pass", "miss"), (claim["verdict"], claim["scenarios"][0]["expect"][0]["want"]))
        held = dict(HOLDS, name="held", expect=[{"id": "lost", "kind": "lost_requests", "max": 0, "want": "miss"}])
        (claim,), _ = self.claims(dict(CLAIM, harm=["held"]), scenarios=(held, HOLDS), codes=(1,))
        self.assertEqual("fail", claim["verdict"])

    def test_what_is_refused(self):
        self.refused("the name of a scenario", dict(CLAIM, harm=["nobody"]))
        self.refused("at least one", dict(CLAIM, remedy=[]))
        self.refused("used once", CLAIM, CLAIM)
        self.refused("a source for a fact", dict(CLAIM, label="fact"))
        self.refused("one seed", CLAIM, scenarios=(MISSES, dict(HOLDS, seed=8)))
        other = copy.deepcopy(HOLDS)
        other["traffic"][0]["arrival"]["rate"] = 11
        self.refused("the same traffic", CLAIM, scenarios=(MISSES, other))
        self.refused("a path that leads", dict(CLAIM, sweep=[{"path": "faults.nobody.delay", "from": 1, "to": 2}]))
        self.refused("two numbers", dict(CLAIM, sweep=[{"path": "faults.late.delay", "from": 1, "to": "2ms"}]))
        self.refused('"clock": "virtual"', CLAIM, wall_part=["holds"])


class Clock(e2e.Case):

    def run_suite(self, *options, **members):
        suite = self.write({"version": 1, "name": "s", "scenarios": [e2e.scenario("a", duration="1s"),
                                                                     e2e.scenario("b", duration="1s")], **members}, "s.json")
        done = subprocess.run([e2e.BINARY, "run", suite, "--json", "--attempts", "1", "--out", str(self.folder / "out"), *options],
                              capture_output=True, text=True, timeout=60, check=False)
        return [(r["scenario"], r["clock"]) for r in map(json.loads, done.stdout.splitlines())], done

    def test_a_suite_chooses_its_clock(self):
        ran, done = self.run_suite(clock="virtual")
        self.assertEqual([("a", "virtual"), ("b", "virtual")], ran)
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertIn("--clock=virtual", done.stderr)

    def test_a_wall_part_where_the_machine_can(self):
        able = subprocess.run([e2e.BINARY, "doctor"], capture_output=True, check=False).returncode == 0
        ran, done = self.run_suite(clock="virtual", wall_part=["b"])
        wall = [("b", "wall")] if able else []
        self.assertEqual([("a", "virtual"), ("b", "virtual"), *wall], ran)
        self.assertIn(done.returncode, (0, 4), done.stderr)
        if not able:
            self.assertEqual(0, done.returncode)
            self.assertIn("is left out", done.stderr)

    def test_the_command_line_has_the_last_word(self):
        ran, _ = self.run_suite("--clock", "virtual", clock="virtual", wall_part=["b"])
        self.assertEqual([("a", "virtual"), ("b", "virtual")], ran)


if __name__ == "__main__":
    e2e.main(needs_ring=False)
