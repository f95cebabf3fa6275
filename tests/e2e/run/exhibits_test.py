"""The files that a result rests on: figures of result.json found again in them, by other means. Virtual clock."""
import hashlib
import json
import math
import os
import re
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
import e2e  # noqa: E402
import schemas  # noqa: E402
from result_check import FLOORS  # noqa: E402

QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p999": 0.999}
FLAPPING = [{"id": "flap", "kind": "link.flap", "target": "r0.n0-r0.n1.0", "at": "1s", "for": "1s", "every": "3s"},
            {"id": "hang", "kind": "chip.hang", "target": "r0.n2.c0", "at": "2s", "for": "2s"}]
SLOS = [{"id": "ttft", "tier": "interactive", "metric": "ttft_ms", "max": "150ms"},
        {"id": "gaps", "tier": "interactive", "metric": "itl_ms", "quantile": 0.9, "max": "20ms", "window": "fault"},
        {"id": "sent", "tier": "interactive", "metric": "sched_lag_ms", "max": "1ms"}]
BUSY = e2e.scenario("busy", duration="10s", faults=FLAPPING, slo=SLOS, deployment=e2e.ONE_RACK,
                    expect=[{"id": "apart", "kind": "isolation", "tier": "interactive"}])
BUSY["traffic"][0]["arrival"]["rate"] = 200
QUIET = e2e.scenario("quiet", slo=SLOS[:1])


def percentile(h, q):
    rank, seen = math.ceil(q * (h["count"] + h["infinite"]) - 1e-9), 0
    for edge, n in h["cells"]:
        seen += n
        if seen >= rank:
            return min(edge, h["max"]) / 1e6
    return None


class Exhibits(e2e.Case):

    def files(self, document):
        self.run_files(self.write(document), clock="virtual", codes=(0, 1, 4))
        folder = self.folder / "out" / f"{document['name']}-7-virtual"
        self.assertEqual([], schemas.problems(folder))
        plan = (folder / "plan.json").read_bytes()
        result, score, histograms, faults = (json.loads((folder / f"{n}.json").read_text())
                                             for n in ("result", "score", "histograms", "faults"))
        self.assertEqual(result["plan_digest"], "sha256:" + hashlib.sha256(plan).hexdigest())
        for what, f in (("score", score), ("histograms", histograms), ("faults", faults)):
            self.assertEqual(f"lpuchaos.{what}/1", f["schema"])
            self.assertEqual([result[k] for k in ("scenario", "seed", "clock")], [f[k] for k in ("scenario", "seed", "clock")])
        return result, score, histograms, faults

    def is_whole(self, h):
        self.assertEqual(h["count"], sum(n for _, n in h["cells"]))
        self.assertEqual(sorted(h["cells"]), h["cells"])
        if h["count"]:
            self.assertLessEqual(h["count"] * h["min"], h["sum"])
            self.assertGreaterEqual(h["count"] * h["max"], h["sum"])
            self.assertGreaterEqual(h["cells"][-1][0], h["max"])

    def metric(self, h, m):
        self.is_whole(h)
        self.assertEqual((h["count"], 0), (m["count"], h["infinite"]))
        for key, q in QUANTILES.items():
            self.assertEqual(percentile(h, q) if h["count"] >= FLOORS[key] else None, m[key], key)
        if h["count"]:
            self.assertEqual(h["max"] / 1e6, m["max"])
            self.assertAlmostEqual(h["sum"] / h["count"] / 1e6, m["mean"], places=9)

    def histograms(self, result, histograms):
        self.assertEqual([(g["tier"], g["window"], g["requests"]) for g in result["groups"]],
                         [(g["tier"], g["window"], g["requests"]) for g in histograms["groups"]])
        for g, h in zip(result["groups"], histograms["groups"]):
            self.assertEqual(list(g["metrics"]), list(h["metrics"]))
            for name, m in g["metrics"].items():
                self.metric(h["metrics"][name], m)
            self.assertEqual(g["requests"], sum(h["outcomes"].values()))
            self.assertEqual(g["total_output_tokens"], h["output_tokens"])
        for s, h in zip(result["slo"], histograms["slo"], strict=True):
            self.is_whole(h["values"])
            self.assertEqual((s["id"], s["limit_ms"]), (h["id"], h["limit_ns"] / 1e6))
            self.assertEqual(s["refused"], h["judged"]["refused"])
            if s["basis"] == "run":
                self.assertEqual((s["n"], s["over"]), (h["judged"]["n"], h["judged"]["over"]))
            self.assertEqual(h["judged"]["n"], h["values"]["count"] + h["values"]["infinite"])
            if h["batches"] is not None:
                self.assertEqual(20, len(h["batches"]))
                self.assertEqual((h["judged"]["n"], h["judged"]["over"]),
                                 tuple(sum(b[k] for b in h["batches"]) for k in ("n", "over_limit")))
                self.assertLessEqual(max(b["n"] for b in h["batches"]) - min(b["n"] for b in h["batches"]), 1)

    def test_figures_are_read_again_from_the_histograms(self):
        for document in (BUSY, QUIET):
            result, _, histograms, _ = self.files(document)
            self.histograms(result, histograms)

    def test_what_the_document_tells_to_run(self):
        """docs/RESULTS.md, in a result's directory: the digest of the plan, and a percentile."""
        result, _, _, _ = self.files(BUSY)
        text = (e2e.SOURCE / "docs/RESULTS.md").read_text()
        shell, python = (re.search(rf"```{language}\n(.*?)```", text, re.DOTALL)[1] for language in ("sh", "python"))
        folder = self.folder / "out" / "busy-7-virtual"
        said = subprocess.run(["sh", "-c", shell], cwd=folder, capture_output=True, text=True, timeout=20, check=True).stdout
        self.assertEqual(result["plan_digest"].removeprefix("sha256:"), said.split()[0])
        said = subprocess.run([sys.executable, "-c", python], cwd=folder, capture_output=True, text=True, timeout=20, check=True).stdout
        self.assertEqual(f"{result['groups'][0]['metrics']['ttft_ms']['p99']} ms\n", said)

    def test_windows_cut_the_schedule_as_the_faults_lay(self):
        result, score, histograms, faults = self.files(BUSY)
        self.assertEqual(result["faults"], faults["faults"])
        at = 0
        for w in faults["windows"]:
            self.assertEqual(at, w["from_ns"])
            self.assertLess(w["from_ns"], w["to_ns"])
            at = w["to_ns"]
        self.assertEqual(10_000_000_000, at)
        self.assertEqual(["baseline", "fault"], [w["window"] for w in faults["windows"][:2]])
        flaps = [(a["from_ns"], a["to_ns"]) for a in faults["active"] if a["fault"] == "flap"]
        self.assertEqual([(k * 10**9, (k + 1) * 10**9) for k in (1, 4, 7)], flaps)
        self.assertEqual((4, 0, 0), (len(faults["active"]), faults["active_left_out"], faults["windows_left_out"]))
        # Each good request of a window, over the window's measured length, is its goodput.
        for g, h in zip(result["groups"], histograms["groups"]):
            length = sum(min(w["to_ns"], 10**10) - max(w["from_ns"], score["config"]["warmup_ns"]) for w in faults["windows"]
                         if g["window"] in ("all", w["window"]) and w["to_ns"] > score["config"]["warmup_ns"])
            self.assertAlmostEqual(g["goodput_rps"] or 0, h["good"] / (length / 1e9) if length else 0, places=9)

    def test_what_the_judgement_rested_on(self):
        result, score, histograms, _ = self.files(BUSY)
        self.assertEqual((["interactive"], [{"name": "chat", "tier": "interactive"}]), (score["tiers"], score["tenants"]))
        self.assertEqual(result["requests"]["scheduled"], score["facts"]["scheduled"])
        self.assertEqual({"warmup_ns": 200_000_000, "duration_ns": 10**10, "expected_rate": [200], "expected_rate_all": 200,
                          "recovery_horizon_ns": 30 * 10**9, "recovery_hold_ns": 10**9, "census": False}, score["config"])
        told = [(m["told"], m.get("fault"), m.get("at_ns")) for m in score["marks"]]
        self.assertEqual([("inject", "flap", 10**9), ("inject", "hang", 2 * 10**9), ("revert", "flap", 2 * 10**9)],
                         sorted(told[:3]))
        self.assertEqual(sorted(m["after"] for m in score["marks"]), [m["after"] for m in score["marks"]])
        for f, g in zip(score["faults"], result["faults"], strict=True):
            self.assertEqual([f[k] for k in ("id", "inject_ns", "detect_ns", "revert_ns", "clean")],
                             [g[k] for k in ("id", "inject_ns", "detect_ns", "revert_ns", "clean")])
            self.assertEqual(f["damage"]["extra_ns_sum"] / 1e6, g["damage"]["extra_ms_sum"])
        for r in score["replicas"]:
            own = [h for h in histograms["isolation" if r["isolation"] else "slo"] if h["id"] == r["slo"]][0]
            self.assertEqual((own["judged"]["n"], own["judged"]["over"]), (r["batches"][0]["n"], r["batches"][0]["over_limit"]))
            self.assertEqual(sum(b["n"] for b in r["batches"]), r["values"]["count"] + r["values"]["infinite"])

    def test_every_labelled_number_is_there_with_its_label(self):
        document = dict(BUSY, deployment=dict(e2e.EIGHT_SLOTS, health={"polls": 3, "checksum": True},
                                              cross_rack={"position": "forbidden", "rationale": "one rack", "label": "fact"}))
        self.files(document)
        file = json.loads((self.folder / "out" / "busy-7-virtual" / "assumptions.json").read_text())
        self.assertEqual("lpuchaos.assumptions/1", file["schema"])
        rows = {a["path"]: a for a in file["assumptions"]}
        self.assertEqual(len(rows), len(file["assumptions"]))

        def row(path):
            return tuple(rows[path][k] for k in ("value", "unit", "label", "source", "stated"))
        # One that is stated hides the hardware's.
        self.assertEqual((3, "count", "assumption", "deployment", True), row("deployment.health.polls"))
        self.assertNotIn("deployment.hardware.polls", rows)
        self.assertEqual((True, None, "assumption", "deployment", True), row("deployment.health.checksum"))
        self.assertEqual(("forbidden", None, "fact", "one rack", False), row("deployment.cross_rack.position")[:4] + (False,))
        self.assertEqual((8_000_000, "ns", "assumption", "deployment", True), row("deployment.pools.0.buckets.0.frame"))
        self.assertEqual((10**9, "ns", "assumption", None, False), row("recovery.hold"))
        down = row("faults.flap.down")
        self.assertEqual((50_000_000, "ns", "assumption", False), down[:3] + down[4:])
        self.assertTrue(down[3])
        hardware = json.loads((e2e.SOURCE / "emulator/hardware/lpuv1.json").read_text())
        for name, entry in hardware.items():
            if isinstance(entry, dict) and "value" in entry and name != "polls":
                self.assertEqual((entry["value"], entry["unit"], entry["label"], entry["source"], False),
                                 row(f"deployment.hardware.{name}"))
        # A path is one that --set takes.
        for path, value in (("deployment.health.frontend_check", "2s"), ("faults.flap.up", "200ms")):
            self.assertIn(path, rows)
            self.run_files(self.write(document), "--set", f"{path}={value}", clock="virtual", codes=(0, 1, 4))

    def inputs(self, name, seed=7):
        """What inputs.json says, once every file is seen to be what it says."""
        folder = self.folder / "out" / f"{name}-{seed}-virtual"
        says = json.loads((folder / "inputs.json").read_text())
        self.assertEqual(("lpuchaos.inputs/1", name, seed), (says["schema"], says["scenario"], says["seed"]))
        there = {str(p.relative_to(folder / "inputs")): p.read_bytes() for p in (folder / "inputs").rglob("*") if p.is_file()}
        self.assertEqual({f["path"]: f["sha256"] for f in says["files"] if f["kept"]},
                         {path: hashlib.sha256(data).hexdigest() for path, data in there.items()})
        self.assertEqual(sorted(f["path"] for f in says["files"]), [f["path"] for f in says["files"]])
        return says, there, folder

    def test_a_suite_is_run_again_from_what_it_was_read_from(self):
        """From another folder, with the originals gone: the same plan and the same result."""
        tree = {
            "suites/all.json": '// kept as it is\n' + json.dumps({
                "version": 1, "name": "all", "matrix": {"faults": [[]]},
                "scenarios": ["../scenarios/one.json", e2e.scenario("two", deployment="../racks/two.json")]}),
            "scenarios/one.json": json.dumps(e2e.scenario("one", deployment="../racks/one.json", traffic=[
                {"name": "t", "tier": "x", "max_tokens": 9, "trace": {"file": "./../traces//t.csv", "format": "csv"}}])),
            "racks/one.json": json.dumps(dict(e2e.EIGHT_SLOTS, hardware="hardware/h.json")),
            "racks/two.json": json.dumps(e2e.EIGHT_SLOTS),
            "racks/hardware/h.json": json.dumps({"base": str(e2e.SOURCE / "emulator/hardware/lpuv1.json")}),
            "traces/t.csv": "arrival_s,prompt_tokens,output_tokens\n0,10,3\n0.5,20,4\n",
        }
        for path, text in tree.items():
            (self.folder / "tree" / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / "tree" / path).write_text(text)
        edit = ["--set", "drain=4s", "--seed", "9"]
        self.run_files(str(self.folder / "tree/suites/../suites/all.json"), *edit, clock="virtual", codes=(0, 4))
        top = os.path.commonpath([self.folder, e2e.SOURCE])  # the hardware that the tree names lies with the sources
        below = os.path.relpath(self.folder, top) + "/tree/"
        for name, needs in (("one-1", tree), ("two-1", tree)):
            says, there, folder = self.inputs(name, seed=9)
            self.assertEqual((below + "suites/all.json", ["drain=4s"]), (says["main"], says["set"]))
            self.assertEqual({below + p: t.encode() for p, t in needs.items()},
                             {p: t for p, t in there.items() if p.startswith(below)})
            self.assertEqual({"suite", "scenario", "deployment", "hardware", "trace"}, {f["role"] for f in says["files"]})
        kept = self.folder / "kept"
        folder.rename(kept)
        plan, digest = (kept / "plan.json").read_bytes(), json.loads((kept / "result.json").read_text())["result_digest"]
        (self.folder / "tree").rename(self.folder / "gone")
        self.run_files(str(kept / "inputs" / says["main"]), *edit, clock="virtual", codes=(0, 4))
        self.assertEqual(plan, (folder / "plan.json").read_bytes())
        self.assertEqual(digest, json.loads((folder / "result.json").read_text())["result_digest"])

    def test_a_hidden_folder_is_named_and_left_out(self):
        (self.folder / ".racks").mkdir()
        (self.folder / ".racks/r.json").write_text(json.dumps(e2e.EIGHT_SLOTS))
        self.run_files(self.write(dict(QUIET, deployment=".racks/r.json")), clock="virtual", codes=(0, 1, 4))
        says, there, _ = self.inputs("quiet")
        self.assertEqual([(".racks/r.json", False), ("scenario.json", True)], [(f["path"], f["kept"]) for f in says["files"]])
        self.assertEqual(hashlib.sha256((self.folder / ".racks/r.json").read_bytes()).hexdigest(), says["files"][0]["sha256"])
        self.assertEqual(["scenario.json"], list(there))

    def test_a_lone_scenario_lies_at_the_top(self):
        file = self.write(QUIET)
        self.run_files(file, clock="virtual", codes=(0, 1, 4))
        says, there, _ = self.inputs("quiet")
        self.assertEqual(({"scenario.json": json.dumps(QUIET).encode()}, "scenario.json"), (there, says["main"]))

    @unittest.skipUnless(e2e.has_ring()[0], e2e.has_ring()[1])
    def test_a_trace_that_changed_is_not_passed_off_as_what_was_read(self):
        trace = self.folder / "t.csv"
        trace.write_text("arrival_s,prompt_tokens,output_tokens\n0,10,3\n")
        digest = hashlib.sha256(trace.read_bytes()).hexdigest()
        # Two runs of one suite: the trace changes while the first one goes on, and is what it was no more when the second begins.
        short = e2e.scenario("traced", duration="1s", drain="100ms", target={"url": "http://127.0.0.1:9", "model": "m"}, deployment=None,
                             traffic=[{"name": "t", "tier": "x", "trace": {"file": "t.csv", "format": "csv"}}])
        file = self.write({"version": 1, "name": "both", "scenarios": [short, dict(short, name="again")]})
        with self.started(self.arguments(file)) as p:
            self.until(lambda: (self.folder / "out/traced-7-wall/run.sqlite").exists(), "the first run")
            trace.write_text("arrival_s,prompt_tokens,output_tokens\n0,10,4\n")
            p.wait(30)
        for name, kept in (("traced", True), ("again", False)):
            folder = self.folder / "out" / f"{name}-7-wall"
            self.assertEqual([], schemas.problems(folder))
            says = json.loads((folder / "inputs.json").read_text())
            self.assertEqual([("scenario.json", True), ("t.csv", kept)], [(f["path"], f["kept"]) for f in says["files"]])
            self.assertEqual(digest, says["files"][1]["sha256"])
            self.assertEqual(["scenario.json"] + ["t.csv"] * kept, sorted(p.name for p in (folder / "inputs").iterdir()))

    def test_what_was_planned_is_there_from_the_start(self):
        """A run that is killed leaves what it was to be."""
        document = e2e.scenario("killed", duration="100000s")
        with self.started(self.arguments(self.write(document), clock="virtual")) as p:
            folder = self.folder / "out/killed-7-virtual"
            self.until(lambda: (folder / "run.sqlite").exists(), "the store")
            p.kill()
            p.wait()
        result = json.loads((folder / "result.json").read_text())
        self.assertEqual(("aborted", True, None), (result["verdict"], result["partial"], result["requests"]))
        self.assertEqual(result["plan_digest"], "sha256:" + hashlib.sha256((folder / "plan.json").read_bytes()).hexdigest())
        self.assertEqual(["scenario.json"], list(self.inputs("killed")[1]))
        self.assertTrue(json.loads((folder / "assumptions.json").read_text())["assumptions"])
        self.assertFalse((folder / "score.json").exists())

    def test_a_directory_holds_one_run(self):
        """What an earlier run left is gone before the next one begins, and so is never taken for its own."""
        file = self.write(QUIET)
        folder = self.folder / "out" / "quiet-7-virtual"
        folder.mkdir(parents=True)
        (folder / "score.json").mkdir()
        done = self.run_files(file, clock="virtual", codes=(3,))
        self.assertIn("score.json", done.stderr)
        (folder / "score.json").rmdir()
        self.run_files(file, clock="virtual", codes=(0, 1, 4))


if __name__ == "__main__":
    e2e.main(needs_ring=False)
