"""lpuchaos compare on what runs, suites and campaigns leave: who is matched with whom, what decides, exit codes, and
figures that are those of the results."""
import json
import pathlib
import shutil
import subprocess
import sys
import unittest
import xml.etree.ElementTree as xml

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "support"))
import e2e  # noqa: E402

GATE = e2e.scenario(
    "gate", duration="62s", warmup="2s", drain="20s",
    traffic=[{"name": "chat", "tier": "interactive", "arrival": {"process": "poisson", "rate": 40},
              "prompt_tokens": {"dist": "uniform", "min": 1, "max": 400},
              "output_tokens": {"dist": "constant", "value": 6}, "max_tokens": 32}],
    slo=[{"id": "ttft", "tier": "interactive", "metric": "ttft_ms", "quantile": 0.99, "max": "2s"}])
SLOWER = ("--set", "deployment.pools.p.buckets.0.frame=8.4ms")


class Compare(e2e.Case):
    def call(self, *arguments):
        done = subprocess.run([e2e.BINARY, *arguments], capture_output=True, text=True, timeout=90, check=False)
        self.no_sanitizer(done.stderr)
        return done

    def play(self, out, *options, document=GATE, name="gate.json"):
        path = self.write(document, name)
        return self.call("run", path, "--clock", "virtual", "--out", str(self.folder / out), *options)

    def compare(self, base, new, *options):
        return self.call("compare", str(self.folder / base), str(self.folder / new), *options)

    def judged(self, base, new, *options):
        r = self.compare(base, new, "--json", *options)
        return r.returncode, json.loads(r.stdout)

    def items(self, document):
        return {i["name"]: i for i in document["pairs"][0]["items"]}

    def test_runs(self):
        self.play("a")
        self.play("b", *SLOWER)
        self.play("c", "--seed", "8")
        code, d = self.judged("a", "b")
        items = self.items(d)
        self.assertEqual((code, d["verdict"], d["pairs"][0]["same_traffic"]), (1, "fail", True))
        self.assertIn({"scenario": "gate", "name": "slo ttft"}, d["regressions"])
        for name, item in items.items():
            if item["decides"] and item["state"] == "worse" and item["basis"] != "verdict":
                self.assertGreater(item["low"], 0, name)
                self.assertGreater(item["confidence"], 0.99, name)
        for out, key in ("a", "base"), ("b", "new"):
            result = json.loads((self.folder / out / "gate-7-virtual/result.json").read_text())
            metrics = result["groups"][0]["metrics"]
            self.assertEqual(items["slo ttft"][key], metrics["ttft_ms"]["p99"])
            for m, p in ("e2el_ms", "p50"), ("e2el_ms", "p99"), ("tpot_ms", "p50"):
                self.assertEqual(items[f"interactive {m} {p}"][key], metrics[m][p])
        self.assertEqual(self.compare("b", "a").returncode, 0)
        self.assertEqual(self.compare("a", "b", "--tolerance", "20%").returncode, 0)
        self.assertEqual(self.items(self.judged("a", "b", "--tolerance", "20%")[1])["slo ttft"]["state"], "tolerated")
        # another seed, and nothing else; files by their own name and by another
        code, d = self.judged("a", "c/gate-8-virtual/result.json")
        self.assertEqual((code, d["pairs"][0]["same_traffic"], d["pairs"][0]["identical"]), (0, False, False))
        shutil.copy(self.folder / "b/gate-7-virtual/result.json", self.folder / "lone.json")
        code, d = self.judged("a", "lone.json")
        self.assertEqual((code, d["pairs"][0]["new"]["source"]), (1, "percentiles"))
        self.assertEqual(self.call("pack", str(self.folder / "b/gate-7-virtual"), "--out",
                                   str(self.folder / "b.tar.zst")).returncode, 0)
        code, packed = self.judged("a", "b.tar.zst")
        self.assertEqual((code, packed["regressions"]), (1, self.judged("a", "b")[1]["regressions"]))
        self.assertEqual(packed["pairs"][0]["new"]["path"], f"{self.folder}/b.tar.zst:result.json")
        self.assertEqual(packed["pairs"][0]["new"]["source"], "requests")
        # the same again is the same
        code, d = self.judged("a", "a")
        self.assertEqual((code, d["pairs"][0]["identical"], d["family"]), (0, True, 0))

    def test_reports(self):
        self.play("a")
        self.play("b", *SLOWER)
        r = self.compare("a", "b", "--junit", str(self.folder / "j.xml"), "--markdown", "-")
        self.assertEqual(r.returncode, 1)
        self.assertIn("### lpuchaos compare: REGRESSION", r.stdout)
        self.assertIn("| slo ttft |", r.stdout)
        self.assertIn("worse: gate: slo ttft (ttft_ms p99, tier interactive, window all)", r.stderr)
        suite = xml.parse(self.folder / "j.xml").getroot()[0]
        failed = [c.get("name") for c in suite if c.find("failure") is not None]
        self.assertEqual(suite.get("failures"), str(len(failed)))
        self.assertIn("slo ttft", failed)
        self.assertEqual(self.compare("a", "b", "--junit", str(self.folder / "no/j.xml")).returncode, 3)

    def test_verdicts_and_phases(self):
        fault = dict(GATE, faults=[{"id": "node", "kind": "node.loss", "target": "busiest", "at": "20s", "for": "10s"}],
                     expect=[{"id": "failover", "kind": "ttf", "max": "1s"}])
        self.play("a", document=fault)
        self.play("b", "--set", "expect.failover.max=1ms", document=fault)
        code, d = self.judged("a", "b")
        self.assertEqual((code, d["regressions"]), (1, [{"scenario": "gate", "name": "expect failover verdict"}]))
        self.play("c", "--set", 'deployment.health={"isolate":"35ms"}', document=fault)
        code, d = self.judged("a", "c", "--tolerance", "5%")
        self.assertEqual((code, self.items(d)["fault node ttf_ms"]["state"]), (1, "worse"))

    def test_suite(self):
        other = dict(GATE, name="other", seed=3)
        self.play("a", document={"version": 1, "name": "two", "scenarios": [GATE, other]}, name="two.json")
        self.play("b", *SLOWER, document={"version": 1, "name": "two", "scenarios": [GATE, dict(other, name="third")]},
                  name="three.json")
        code, d = self.judged("a", "b")
        self.assertEqual((code, [p["scenario"] for p in d["pairs"]]), (1, ["gate"]))
        self.assertEqual(d["only_in_base"], ["other, seed 3, virtual clock"])
        self.assertEqual(d["only_in_new"], ["third, seed 3, virtual clock"])

    def test_campaigns(self):
        path = self.write(dict(GATE, duration="20s"), "gate.json")
        for out, *options in ("a", "--seeds", "1..12"), ("b", "--seeds", "1..12", *SLOWER), ("c", "--seeds", "21..32"):
            self.call("campaign", path, *options, "--out", str(self.folder / out))
        code, d = self.judged("a/gate-seeds", "b/gate-seeds")
        item = self.items(d)["slo ttft"]
        self.assertEqual((code, item["basis"], item["state"], item["n_base"]), (1, "paired seeds", "worse", 12))
        lines = [json.loads(line) for line in (self.folder / "a/gate-seeds/cells.jsonl").read_text().splitlines()]
        self.assertAlmostEqual(item["base"], sum(x["slo"][0]["observed"] for x in lines) / 12, places=9)
        code, d = self.judged("a/gate-seeds", "c/gate-seeds")
        self.assertEqual((code, self.items(d)["slo ttft"]["basis"]), (0, "seeds"))
        self.assertEqual(self.judged("a/gate-seeds", "a/gate-seeds")[1]["pairs"][0]["identical"], True)
        self.assertEqual(self.compare("a/gate-seeds", "gate.json").returncode, 2)

    def test_nothing_to_say_and_bad_input(self):
        self.play("a")
        self.play("b", document=dict(GATE, name="other"))
        self.assertEqual(self.compare("a", "b").returncode, 2)
        self.assertEqual(self.compare("a", "nowhere").returncode, 2)
        (self.folder / "empty").mkdir()
        self.assertEqual(self.compare("a", "empty").returncode, 2)
        self.assertEqual(self.compare("a", "a", "--tolerance", "much").returncode, 2)
        (self.folder / "cut.tar.zst").write_bytes(b"\x28\xb5\x2f\xfd and nothing else")
        r = self.compare("a", "cut.tar.zst")
        self.assertEqual((r.returncode, len(r.stderr.splitlines())), (2, 1), r.stderr)
        self.play("few", "--set", "duration=3s", "--set", "warmup=2900ms")
        self.play("fewer", "--set", "duration=3s", "--set", "warmup=2900ms", *SLOWER)
        r = self.compare("few", "fewer")
        self.assertEqual(r.returncode, 4, r.stderr)
        result = self.folder / "a/gate-7-virtual/result.json"
        whole = json.loads(result.read_text())
        for key, value, code in (("partial", True, 4), ("verdict", "aborted", 4), ("groups", 3, 2), ("seed", "x", 2),
                                 ("schema", "lpuchaos.result/2", 2)):
            (self.folder / "bad.json").write_text(json.dumps({**whole, key: value}))
            r = self.compare("a", "bad.json")
            self.assertEqual((r.returncode, key), (code, key), r.stderr)
            if code == 2:
                self.assertEqual(len(r.stderr.splitlines()), 1, r.stderr)
        (self.folder / "a/gate-7-virtual/histograms.json").write_text(
            '{"scenario":"gate","seed":7,"clock":"virtual","groups":[7]}')
        self.assertEqual(self.compare("a", "a").returncode, 0)  # a group of nothing is passed over


if __name__ == "__main__":
    unittest.main()
