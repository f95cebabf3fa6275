"""Swarms as a user meets them: the same bytes from any number of threads and shards, failures that are files of their own."""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
import e2e  # noqa: E402

SHIPPED = e2e.SOURCE / "harness/suites/swarm.json"
SLOW_BOOT = ("--set", "deployment.power.boot=30m")


class Swarm(e2e.Case):
    def lpuchaos(self, *arguments, code=0):
        done = subprocess.run([e2e.BINARY, *map(str, arguments)], capture_output=True, text=True, timeout=240, check=False)
        self.no_sanitizer(done.stderr)
        self.assertEqual(code, done.returncode, done.stderr)
        return done

    def lpuchaos_any(self, *arguments):
        """A shard may have a failure, or none."""
        done = subprocess.run([e2e.BINARY, *map(str, arguments)], capture_output=True, text=True, timeout=240, check=False)
        self.no_sanitizer(done.stderr)
        self.assertIn(done.returncode, (0, 1), done.stderr)

    def swarm(self, n, *options, where="out", code=0):
        return self.lpuchaos("campaign", SHIPPED, "--swarm", n, "--out", self.folder / where, *options, code=code)

    def same(self, a, b):
        for name in ("cells.jsonl", "campaign.json"):
            self.assertEqual((self.folder / a / name).read_text(), (self.folder / b / name).read_text(), name)

    def test_whoever_plays_it(self):
        done = self.swarm(40, "--jobs", 1, where="one")
        self.assertIn("40 of 40 cells with", done.stderr)
        self.assertIn("259 further clean cells are wanted for at least 99 % at 95 %", done.stderr)
        self.assertIn("coverage, in cells", done.stderr)
        self.swarm(40, "--jobs", 2, where="two")
        self.same("one/swarm-swarm", "two/swarm-swarm")
        for i in (1, 2, 3):
            self.swarm(40, "--shard", f"{i}/3", where="shards")
        self.lpuchaos("merge", *sorted((self.folder / "shards").iterdir()), "--out", self.folder / "merged")
        self.same("one/swarm-swarm", "merged/swarm-swarm")
        lines = [json.loads(line) for line in (self.folder / "one/swarm-swarm/cells.jsonl").read_text().splitlines()]
        result = json.loads((self.folder / "one/swarm-swarm/campaign.json").read_text())
        self.assertEqual(["pass"] * 40, [x["verdict"] for x in lines])
        self.assertEqual((40, 40), (result["recovered"]["k"], result["recovered"]["n"]))
        self.assertEqual(sum(x["faults"] for x in lines), result["faults"])
        self.assertTrue(all(sum(x["requests"].values()) > 300 for x in lines))
        self.check_coverage(lines, result)

    def check_coverage(self, lines, result):
        phases = ("inject", "effect", "detect", "isolate", "failover", "recover", "revert")
        for row in result["coverage"]:
            for bit, phase in enumerate(phases):
                cells = sum(any((kind, name) == (row["kind"], row["class"]) and mask >> bit & 1
                                for kind, name, mask in x["coverage"]) for x in lines)
                self.assertEqual(cells, row[phase] or 0, (row, phase))
        for row in result["never_reached"]:
            found = next(x for x in result["coverage"] if (x["kind"], x["class"]) == (row["kind"], row["class"]))
            self.assertEqual([p for p in phases if found[p] == 0], row["phases"])
        self.assertEqual({x["kind"] for x in json.loads(self.lpuchaos("faults", "--json").stdout)},
                         {x["kind"] for x in result["coverage"]})

    def test_a_failure_is_a_file_that_fails_alone(self):
        done = self.swarm(120, *SLOW_BOOT, code=1)
        folder = self.folder / "out/swarm-swarm"
        result = json.loads((folder / "campaign.json").read_text())
        lines = [json.loads(line) for line in (folder / "cells.jsonl").read_text().splitlines()]
        self.assertEqual(sorted(x.name for x in (folder / "failures").iterdir()),
                         sorted(f"swarm-{x['index']}.json" for x in result["failures"]))
        worst = result["failures"][0]
        file = folder / worst["file"]
        self.assertIn(f"lpuchaos run --clock virtual {file}", done.stderr)
        moved = self.folder / "moved.json"
        moved.write_bytes(file.read_bytes())
        run = json.loads(self.lpuchaos("run", "--clock", "virtual", moved, "--json", "--out", self.folder / "again",
                                       code=1).stdout.splitlines()[0])
        self.assertEqual(lines[worst["index"]]["result_digest"], run["result_digest"])
        self.assertEqual(worst["seed"], run["seed"])
        expect = {x["id"]: x for x in run["expect"]}
        self.assertEqual(("fail", worst["why"]), (expect[worst["missed"]]["verdict"], expect[worst["missed"]]["reason"]))
        small = self.folder / "small.json"
        self.lpuchaos("shrink", moved, "--expect", worst["missed"], "--out", small, code=1)
        left = json.loads(small.read_text())
        self.assertLessEqual(len(left["faults"]), len(json.loads(moved.read_text())["faults"]))
        self.assertTrue(any(x["kind"].startswith(("power.", "cooling.")) for x in left["faults"]), left["faults"])

    def test_merging_brings_the_failures_along(self):
        for i in (1, 2):
            self.lpuchaos_any("campaign", SHIPPED, "--swarm", 60, *SLOW_BOOT, "--shard", f"{i}/2", "--out",
                              self.folder / "shards")
        self.lpuchaos("merge", *sorted((self.folder / "shards").iterdir()), "--out", self.folder / "merged", code=1)
        merged = {x.name: x.read_text() for x in (self.folder / "merged/swarm-swarm/failures").iterdir()}
        apart = {x.name: x.read_text() for d in (self.folder / "shards").iterdir() for x in d.glob("failures/*")}
        self.assertTrue(merged)
        self.assertEqual(apart, merged)

    def test_what_is_refused(self):
        done = self.swarm(3, "--set", "traffic.chat.arrival.rate=400", code=2)
        self.assertIn("there is nothing to recover to", done.stderr)
        self.assertFalse((self.folder / "out").exists())


if __name__ == "__main__":
    e2e.main(needs_ring=False)
