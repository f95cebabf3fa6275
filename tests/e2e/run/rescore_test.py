"""The judgement made again from a result directory's own files: the same to the last digit, and every figure that was
changed is found. Environment: RESCORE (tests/support/rescore_main.c)."""
import json
import os
import pathlib
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
import e2e  # noqa: E402

RESCORE = os.environ["RESCORE"]
FAULTS = [{"id": "flap", "kind": "link.flap", "target": "r0.n0-r0.n1.0", "at": "2s", "for": "1s", "every": "4s"},
          {"id": "hang", "kind": "chip.hang", "target": "r0.n2.c0", "at": "5s", "for": "3s"},
          {"id": "leave", "kind": "client.disconnect", "at": "3s", "for": "1s"}]
SLOS = [{"id": "ttft", "tier": "interactive", "metric": "ttft_ms", "max": "150ms"},
        {"id": "ttft-fault", "tier": "interactive", "metric": "ttft_ms", "quantile": 0.9, "max": "3s", "window": "fault"},
        {"id": "gaps", "tier": "interactive", "metric": "itl_ms", "quantile": 0.9, "max": "20ms", "max_refused": 0.1},
        {"id": "pace", "tier": "batch", "metric": "tpot_ms", "quantile": 0.5, "max": "5ms", "want": "miss"},
        {"id": "sent", "tier": "batch", "metric": "sched_lag_ms", "max": "1ms"}]
EXPECT = [{"id": "lost", "kind": "lost_requests", "max": 5}, {"id": "ttf", "kind": "ttf", "fault": "hang", "max": "1s"},
          {"id": "ttr", "kind": "ttr", "max": "5s"}, {"id": "good", "kind": "goodput_fraction", "min": 0.5, "window": "fault"},
          {"id": "errors", "kind": "error_fraction", "max": 0.5}, {"id": "rack", "kind": "critical_path_in_rack"},
          {"id": "apart", "kind": "isolation", "tier": "batch"}, {"id": "spare", "kind": "reached", "path": "spare_used", "min": 1},
          {"id": "whole", "kind": "recovered", "max": "1s"}]


def traffic(rate):
    one = e2e.scenario()["traffic"][0]
    return [dict(one, arrival={"process": "poisson", "rate": rate}),
            dict(one, name="jobs", tier="batch", timeout="2s", arrival={"process": "gamma", "rate": rate / 4, "cv": 2})]


def rack(**members):
    return {"pools": [{"name": "p", "instances": 1, "admission": {"policy": "queue_cap", "limit": 40}, "buckets": [
        {"max_seq": 4096, "frame": "4ms", "slots": 24, "prefill_tokens_per_frame": 128}]}], **members}


BUSY = e2e.scenario("busy", duration="12s", faults=FAULTS, slo=SLOS, expect=EXPECT, deployment=rack(), traffic=traffic(160))
# Near its limit, so that further runs have to help.
UNSURE = e2e.scenario("unsure", duration="6s", deployment=rack(), traffic=traffic(200)[:1],
                      slo=[{"id": "ttft", "tier": "interactive", "metric": "ttft_ms", "quantile": 0.9, "max": "8260us"}])


class Rescore(e2e.Case):

    def again(self, folder):
        done = subprocess.run([RESCORE, str(folder)], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual((0, ""), (done.returncode, done.stderr))
        return json.loads(done.stdout)

    def run_one(self, document, *options, clock="virtual", codes=(0, 1, 4)):
        self.run_files(self.write(document), *options, clock=clock, codes=codes)
        return self.folder / "out" / f"{document['name']}-7-{clock}"

    def agrees(self, folder, requests=None, whole=True):
        said = self.again(folder)
        self.assertEqual((None, []), (said["error"], said["findings"]), folder)
        self.assertEqual(whole, said["whole"])
        if whole:
            result = json.loads((folder / "result.json").read_text())
            self.assertEqual(requests or result["requests"]["scheduled"], said["requests"])
        return said

    def test_it_takes_no_ring(self):
        """What judges again links neither io_uring nor anything that could send a packet or run a rack."""
        done = subprocess.run(["ldd", RESCORE], capture_output=True, text=True, timeout=20, check=True)
        linked = {line.split()[0].split(".so")[0] for line in done.stdout.splitlines() if ".so" in line}
        self.assertIn("libsqlite3", linked)
        self.assertEqual(set(), linked & {"liburing", "libpcap", "libmpi", "libarchive"})

    # --- the same ------------------------------------------------------------------------------------------------

    def test_every_kind_of_judgement(self):
        folder = self.run_one(BUSY)
        self.agrees(folder)
        result = json.loads((folder / "result.json").read_text())
        self.assertEqual(len(SLOS), len(result["slo"]))
        self.assertGreater(result["requests"]["cancelled"] * result["requests"]["rejected"], 0)
        windows = {g["window"]: g["requests"] for g in result["groups"] if g["tier"] == "interactive"}
        self.assertTrue(all(windows[w] > 0 for w in ("baseline", "fault", "after")), windows)

    def test_what_ships(self):
        """Of both suites that gate a release: traces, losses, bursts, clients that leave."""
        for suite in ("ci-gate", "rollout", "quick"):
            subprocess.run([e2e.BINARY, "run", str(e2e.SOURCE / f"harness/suites/{suite}.json"), "--clock", "virtual", "--out",
                            str(self.folder / suite)], capture_output=True, timeout=200, check=True)
            folders = [f for f in (self.folder / suite).iterdir() if f.is_dir()]
            self.assertTrue(folders)
            for folder in folders:
                self.agrees(folder)

    def bases(self, folder):
        return {s["basis"] for s in json.loads((folder / "result.json").read_text())["slo"]}

    def test_replicas_and_census(self):
        folder = self.run_one(UNSURE)
        self.assertEqual({"replicas"}, self.bases(folder))
        self.agrees(folder)
        (self.folder / "t.csv").write_text("arrival_s,prompt_tokens,output_tokens\n"
                                           + "".join(f"{i / 100},{i % 300 + 1},{i % 30 + 1}\n" for i in range(1500)))
        census = dict(UNSURE, name="census", traffic=[{"name": "t", "tier": "interactive", "trace": {"file": "t.csv", "format": "csv"}}])
        folder = self.run_one(census)
        self.assertEqual({"census"}, self.bases(folder))
        self.agrees(folder)

    def test_a_bounded_store(self):
        """Not every request is there; every histogram is."""
        for samples in ("failed", "100"):
            folder = self.run_one(BUSY, "--samples", samples)
            self.agrees(folder, whole=False)
            for pattern, change in (
                    (r"groups\.0\.metrics\.ttft_ms\.p99: result", self.change_text("result.json", r'"p99": [\d.]+', '"p99": 1.5')),
                    (r"slo\.ttft\.vif: result", self.change_text("result.json", r'"vif": [\d.]+', '"vif": 9.5')),
                    (r"expect\.good\.observed: result", self.change_text("result.json", r'("id": "good",(\s*"\w+": [^,]*,)*?\s*"observed": )[\d.]+', r"\g<1>0.25")),
                    (r"slo\.ttft\.limit_ms", self.change_text("bundle.json", '"150ms"', '"160ms"')),
                    (r"groups\.0\.metrics\.ttft_ms\.cells", self.change_text("histograms.json", r'"infinite": 0,\s*"cells": \[\[\d+,\d+\]', '"infinite": 0, "cells": [[15,9]'))):
                self.found(folder, pattern, change)
        self.agrees(self.run_one(UNSURE, "--samples", "failed"), whole=False)

    def test_killed(self):
        """Nothing was judged, so there is nothing to say of the judgement; but that it is a run that was killed must be so."""
        document = e2e.scenario("killed", duration="100000s", faults=None)
        with self.started(self.arguments(self.write(document), clock="virtual")) as p:
            folder = self.folder / "out/killed-7-virtual"
            self.until(lambda: (folder / "run.sqlite").exists(), "the store")
            p.kill()
            p.wait()
        self.agrees(folder, whole=False)
        self.found(folder, r"^run\.sqlite: by it the run is partial", self.change_text("result.json", '"partial": true', '"partial": false'))
        self.assertIn("score.json", self.again(self.finished(folder))["error"])

    def finished(self, folder):
        """The killed run with another's result."""
        other = self.run_one(e2e.scenario("killed"))
        (other / "score.json").unlink()
        return other

    def test_cut_short_by_a_rule(self):
        abort = [{"signal": "in_flight", "op": ">", "value": 20, "for": "100ms"}]
        folder = self.run_one(dict(BUSY, name="aborted", abort=abort), codes=(5,))
        self.agrees(folder)

    @unittest.skipUnless(e2e.has_ring()[0], e2e.has_ring()[1])
    def test_on_the_wall_clock(self):
        document = dict(UNSURE, name="wall", duration="4s", traffic=traffic(60)[:1],
                        faults=[dict(FAULTS[0], every="2s", at="1s", **{"for": "500ms"})])
        folder = self.run_one(document, clock="wall")
        self.agrees(folder)
        with self.started(self.arguments(self.write(dict(document, name="interrupted", duration="60s")))) as p:
            self.until(lambda: (self.folder / "out/interrupted-7-wall/run.sqlite").exists(), "the store")
            self.child_of(p)
            self.until(lambda: "replay" in self.said(), "the start")
            p.send_signal(signal.SIGINT)
            self.assertEqual(130, p.wait(30))
        folder = self.folder / "out/interrupted-7-wall"
        self.assertTrue(json.loads((folder / "result.json").read_text())["partial"])
        self.agrees(folder)

    # --- what was changed ----------------------------------------------------------------------------------------

    def found(self, folder, pattern, change):
        """A copy of the directory, changed: some finding says so."""
        other = self.folder / "changed"
        shutil.rmtree(other, ignore_errors=True)
        shutil.copytree(folder, other)
        change(other)
        said = self.again(other)
        self.assertIsNone(said["error"])
        self.assertRegex("\n".join(said["findings"]), pattern)
        return said

    def change_text(self, name, old, new):
        def change(folder):
            text = (folder / name).read_text()
            changed = re.sub(old, new, text, count=1)
            self.assertNotEqual(text, changed)
            (folder / name).write_text(changed)
        return change

    def change_row(self, statement):
        def change(folder):
            db = sqlite3.connect(folder / "run.sqlite")
            with db:
                self.assertEqual(1, db.execute(statement).rowcount)
            db.close()
        return change

    def test_a_figure_of_the_result(self):
        """Each number, text and flag that the requests decide."""
        folder = self.run_one(BUSY)
        result = json.loads((folder / "result.json").read_text())
        other = self.folder / "changed"
        shutil.copytree(folder, other)
        beyond = {"schema", "scenario", "seed", "clock", "plan_digest", "traffic_digest", "result_digest", "model_version",
                  "validity", "agreement", "trace", "cross_rack", "audit", "engine", "replay"}
        places = [p for p in leaves(result) if p[0] not in beyond | {"partial"}]
        self.assertGreater(len(places), 400)
        # Some at once: each of them is one finding. Interleaved, so that neighbours are changed apart.
        for first in range(10):
            changed = json.loads(json.dumps(result))
            mine = [path for path in places[first::10] if change_leaf(changed, path)]
            (other / "result.json").write_text(json.dumps(changed))
            said = self.again(other)
            self.assertIsNone(said["error"])
            self.assertEqual(len(mine), said["n"], said)
            for path, finding in zip(mine, said["findings"]):
                self.assertIn(f".{path[-1]}: result.json says" if len(path) > 1 else f"{path[0]}: ", finding)

    def test_a_row_a_limit_a_fact_a_histogram(self):
        folder = self.run_one(BUSY)
        said = self.found(folder, r"^slo\.ttft\.observed_ms: result\.json says \S+, the requests say \S+",
                          self.change_text("result.json", r'"observed_ms": [\d.]+', '"observed_ms": 1.5'))
        self.assertEqual(1, said["n"])
        # The latency of one request in the middle of the run; an outcome; a gap between tokens; a row less.
        busy = "UPDATE requests SET {} WHERE seq = (SELECT seq FROM requests WHERE outcome = 'ok' AND t_sched_ns > 1000000000 LIMIT 1)"
        self.found(folder, r"groups\.0\.metrics\.ttft_ms\.mean", self.change_row(busy.format("t_first_ns = t_first_ns + 1")))
        self.found(folder, r"requests\.ok: .*outcomes\.timeout: "
                   .replace(".*", r"(.|\n)*"), self.change_row(busy.format("outcome = 'timeout'")))
        self.found(folder, r"histograms\.json: groups\.\d\.metrics\.itl_ms: expected the gaps of the requests",
                   self.change_row(busy.format("gap_max_ns = gap_max_ns + 1, gap_sum_ns = gap_sum_ns + 1")))
        self.found(folder, r"requests\.scheduled", self.change_row(busy.replace("UPDATE requests SET {}", "DELETE FROM requests")))
        # What was promised, in the rules as they were run.
        self.found(folder, r"slo\.ttft\.limit_ms", self.change_text("bundle.json", '"150ms"', '"160ms"'))
        self.found(folder, r"expect\.lost\.limit", self.change_text("bundle.json", r'"max":5\b', '"max":6'))
        # What the judgement rested on besides.
        for old, new, pattern in (
                ('"scheduled": ', '"scheduled": 1', "^verdict"),
                ('"critical_in_rack": true', '"critical_in_rack": false', r"expect\.rack"),
                ('"warmup_ns": 2', '"warmup_ns": 3', r"groups\.0\.requests"),
                (r'"failover_ns": \d', '"failover_ns": 7', r"faults\.flap\.failover_ns"),
                (r'("told":"inject","fault":"flap","at_ns":)2', r"\g<1>1", r"active\.0\.from_ns: faults\.json says"),
                ('"valid": true', '"valid": false', r"validity\.valid")):
            self.found(folder, pattern, self.change_text("score.json", old, new))
        # What percentiles are read from.
        self.found(folder, r"groups\.\d\.metrics\.ttft_ms\.cells\S*: histograms\.json says",
                   self.change_text("histograms.json", r'("ttft_ms": \{\s*"count": \d+,(?:\s*"\w+": \d+,)*\s*"cells": \[\[\d+,)\d+',
                                    r"\g<1>77"))
        self.found(folder, r"windows\.\d\.to_ns: faults\.json says", self.change_text("faults.json", r'"to_ns":2000000000', '"to_ns":1999999999'))

    def test_replicas_are_held_against_the_run(self):
        folder = self.run_one(UNSURE)
        self.found(folder, r"score\.json: replicas\.0\.batches\.0: expected what the run's own requests are",
                   self.change_text("score.json", r'("batches": \[\s*\{"n":)\d+', r"\g<1>99999"))
        self.found(folder, r"slo\.ttft\.", self.change_text("score.json", r'"replicas": \[(.|\n)*\],\s*"pairs"', '"replicas": [], "pairs"'))

    def test_another_run_s_file(self):
        folder, other = self.run_one(BUSY), self.run_one(dict(BUSY, name="other"))
        for name in ("score.json", "histograms.json", "faults.json", "run.sqlite"):
            self.found(folder, rf"^{name}: its scenario is 'other', that of result\.json 'busy'",
                       lambda f, n=name: shutil.copy(other / n, f / n))

    # --- what is not there ---------------------------------------------------------------------------------------

    def test_missing_and_damaged_files(self):
        folder = self.run_one(BUSY)
        for name in ("result.json", "score.json", "bundle.json", "histograms.json", "faults.json", "run.sqlite"):
            other = self.folder / "changed"
            for damage in ("missing", "empty", "folder"):
                shutil.rmtree(other, ignore_errors=True)
                shutil.copytree(folder, other)
                (other / name).unlink()
                if damage == "empty":
                    (other / name).write_text("")
                if damage == "folder":
                    (other / name).mkdir()
                self.assertIn(name, self.again(other)["error"] or "", (name, damage))

    def test_hostile_numbers_end_in_a_line(self):
        folder = self.run_one(BUSY)
        other = self.folder / "changed"
        for column, value in (("tier", 9), ("t_sched_ns", -5), ("t_done_ns", 2**62), ("t_first_ns", 2**62), ("output_tokens", 2**40),
                              ("ordinal", 2**62), ("queue_ns", -7), ("gap_max_ns", 2**60), ("gaps", 2**50), ("attempts", 2**31),
                              ("blame_queue_ns", -2**62)):
            shutil.rmtree(other, ignore_errors=True)
            shutil.copytree(folder, other)
            self.change_row(f"UPDATE requests SET {column} = {value} WHERE seq = (SELECT max(seq) FROM requests)")(other)
            said = self.again(other)
            self.assertTrue(said["error"] or said["n"], column)
        for old, new in ((r'"at_ns":\d+', '"at_ns":9000000000000000000'), ('"told":"inject"', '"told":"revert"'),
                         ('"fault":"flap"', '"fault":"nobody"'), (r'"expected_rate": \[', '"expected_rate": [1,'),
                         (r'"duration_ns": \d+', '"duration_ns": 9000000000000000000'), (r'"after":\d+', '"after":99999999')):
            shutil.rmtree(other, ignore_errors=True)
            shutil.copytree(folder, other)
            self.change_text("score.json", old, new)(other)
            said = self.again(other)
            self.assertTrue(said["error"] or said["n"], old)


def change_leaf(document, path):
    """False where any other value would be of no known kind."""
    for key in path[:-1]:
        document = document[key]
    value = document[path[-1]]
    if isinstance(value, bool):
        document[path[-1]] = not value
    elif isinstance(value, (int, float)):
        document[path[-1]] = value + 1
    elif value in ("pass", "fail", "inconclusive"):
        document[path[-1]] = "pass" if value != "pass" else "fail"
    elif path[-1] in ("id", "tier", "reason", "target", "kind") and value and path[0] != "expect":
        document[path[-1]] = value + "x"
    else:
        return False
    return True


def leaves(value, path=()):
    if isinstance(value, (dict, list)):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(inner, (*path, key))
    else:
        yield path


if __name__ == "__main__":
    e2e.main(needs_ring=False)
