"""Packs whose bytes are in order and whose content is not: made and signed by the program itself, from files that somebody
altered before. Each contradiction is found, by its own name; and what is true stays in order, on both clocks, with traces."""
import json
import os
import pathlib
import sqlite3
import subprocess
import tempfile

import common
from common import packs

SCENARIO = common.e2e.scenario(
    "deep", duration="20s", warmup="1s", deployment="rack.json", mirror={"every": 20},
    faults=[{"id": "loss", "kind": "chip.loss", "target": "r0.n3.c3", "at": "5s", "for": "4s"},
            {"id": "flap", "kind": "link.flap", "target": "r0.n1-r0.n2.0", "at": "12s", "for": "2s", "down": "50ms", "up": "200ms"}],
    slo=[{"id": "ttft", "tier": "interactive", "metric": "ttft_ms", "quantile": 0.9, "max": "20s"},
         {"id": "tight", "tier": "interactive", "metric": "e2el_ms", "quantile": 0.5, "max": "1ms", "want": "miss"}],
    expect=[{"id": "failover", "kind": "ttf", "fault": "loss", "max": "30s"}])
RACK = json.dumps({k: v for k, v in json.loads(pathlib.Path(common.e2e.ONE_RACK).read_text()).items() if k != "hardware"})


def made(document, beside, clock="virtual", *options, **more):
    """The files of such a run, whose scenario names files beside it."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for name, text in beside.items():
            (folder / name).write_text(text)
        return common.made(folder, document, "--clock", clock, *options, **more)


class Case(common.Case):
    """Of one run with everything, which is altered."""

    @classmethod
    def setUpClass(cls):
        super(common.Case, cls).setUpClass()
        cls.files = made(SCENARIO, {"rack.json": RACK})

    def altered(self, name, change, **more):
        """The files, with a JSON document changed in place."""
        document = json.loads(self.files[name])
        change(document)
        return {**self.files, **more, name: json.dumps(document).encode()}

    def found(self, files, *options):
        return self.names(self.packed(files, "--sign-key", self.key()), "--key", self.key() + ".pub", *options)

    def only(self, defect, name, files, *options):
        found = self.found(files, *options)
        self.assertEqual({(defect, name)}, set(found), found)


class Forms(Case):

    def test_it_is_in_order(self):
        report, _ = self.verify(self.packed(self.files, "--sign-key", self.key()), "--key", self.key() + ".pub", "--replay")
        self.assertEqual({"altered", "tested", "promised", "done", "judged", "redone"}, {a["asked"] for a in report["answers"]})
        self.assertEqual(1, sum(report["verdicts"].values()))
        digest = json.loads(self.files["result.json"])["result_digest"]
        self.assertTrue(any(digest in a["answer"] for a in report["answers"]))

    def test_members(self):
        for name in ("result.json", "score.json", "histograms.json", "faults.json", "assumptions.json", "inputs.json", "bundle.json"):
            last = list(json.loads(self.files[name]))[-1]
            self.only("schema", name, self.altered(name, lambda d: d.update(more=1)))
            self.only("schema", name, self.altered(name, lambda d: d.pop(last)))
            self.only("schema", name, self.altered(name, lambda d: d.update({last: 7.5})))
            if name != "result.json":
                self.only("schema", name, {**self.files, name: self.files[name][:-3]})
                self.only("missing", name, {k: v for k, v in self.files.items() if k != name})

    def test_a_plan_that_is_missing(self):
        self.only("missing", "plan.json", {k: v for k, v in self.files.items() if k != "plan.json"})

    def test_attempts(self):
        self.only("schema", "attempt-1.json", {**self.files, "attempt-1.json": b"{}"})


class Plans(Case):

    def test_a_limit_in_the_bundle(self):
        self.only("plan", "bundle.json", self.altered("bundle.json", lambda d: d["scenario"]["slo"][0].update(max="30s")))

    def test_a_bundle_that_is_no_scenario(self):
        for change in (lambda d: d["scenario"].pop("traffic"), lambda d: d["scenario"].update(seed=-1), lambda d: d["files"].clear(),
                       lambda d: d["files"].update({"x" * 5000: {}}), lambda d: d["files"].update({f"{i}": {} for i in range(300)}),
                       lambda d: d["traces"].update({f"t{i}": {"digest": "sha256:" + "0" * 64, "emitted": 1} for i in range(300)}),
                       lambda d: d.update(file="y" * 9000), lambda d: d["scenario"].update(deployment="/etc/passwd")):
            self.only("plan", "bundle.json", self.altered("bundle.json", change))

    def test_the_plan(self):
        self.only("plan", "plan.json", {**self.files, "plan.json": self.files["plan.json"].replace(b'"drain_ns":', b'"drain_ns": ')})

    def test_its_digest(self):
        found = self.found(self.altered("result.json", lambda d: d.update(plan_digest="sha256:" + "0" * 64)))
        self.assertEqual([("plan", "plan.json"), ("plan", "bundle.json")], found)

    def test_files_of_another_run(self):
        self.assertIn(("plan", "result.json"), self.found(self.altered("result.json", lambda d: d.update(scenario="other"))))
        self.assertIn(("plan", "result.json"), self.found(self.altered("result.json", lambda d: d.update(seed=8))))
        for name in ("score.json", "histograms.json", "faults.json", "assumptions.json", "inputs.json"):
            self.only("plan", name, self.altered(name, lambda d: d.update(seed=8)))
        self.only("plan", "score.json", self.altered("score.json", lambda d: d.update(clock="wall")))

    def test_how_the_judgement_was_configured(self):
        for key, value in (("warmup_ns", 0), ("recovery_hold_ns", 1), ("expected_rate_all", 15.5), ("expected_rate", [1]),
                           ("census", True)):
            self.only("plan", "score.json", self.altered("score.json", lambda d: d["config"].update({key: value})))

    def inputs(self, change, name="scenario.json"):
        """With an input changed, and listed as it is then."""
        document = json.loads(self.files["inputs/" + name])
        change(document)
        text = json.dumps(document).encode()

        def listed(d):
            for f in d["files"]:
                if f["path"] == name:
                    f["sha256"] = packs.sha256(text)
        return self.altered("inputs.json", listed, **{"inputs/" + name: text})

    def test_what_was_read(self):
        self.only("plan", "inputs", self.inputs(lambda d: d.update(drain="4s")))
        self.only("plan", "inputs", self.inputs(lambda d: d.update(version=2)))
        self.only("plan", "inputs.json", self.inputs(lambda d: d.update(name="other")))
        self.only("plan", "inputs/rack.json", {**self.files, "inputs/rack.json": self.files["inputs/rack.json"] + b" "})
        self.only("missing", "inputs/rack.json", {k: v for k, v in self.files.items() if k != "inputs/rack.json"})
        self.only("missing", "inputs/../result.json", self.altered("inputs.json", lambda d: d.update(main="../result.json")))
        self.only("plan", "inputs", self.altered("inputs.json", lambda d: d.update(set=["faults.flap.for=1s"])))

    def test_inputs_that_lead_elsewhere_are_not_followed(self):
        secret = self.folder / "secret.json"
        secret.write_text(RACK)
        for path in (str(secret), "../result.json", "a/../../../secret.json"):
            files = self.inputs(lambda d: d.update(deployment=path))
            report, text = self.verify(self.packed(files))
            self.assertEqual([], report["found"])
            self.assertIn("absolute", text)

    def test_with_set(self):
        files = made({**SCENARIO, "name": "set"}, {"rack.json": RACK}, "virtual", "--set", "faults.flap.for=1s", "--seed", "11")
        self.verify(self.packed(files), "--replay")
        self.assertEqual(["faults.flap.for=1s"], json.loads(files["inputs.json"])["set"])


class Scores(Case):

    def test_the_result(self):
        for change in (lambda d: d.update(verdict="pass" if d["verdict"] != "pass" else "fail"),
                       lambda d: d["slo"][0].update(observed_ms=d["slo"][0]["observed_ms"] / 2),
                       lambda d: d["slo"][1].update(over=d["slo"][1]["over"] - 1),
                       lambda d: d["requests"].update(ok=d["requests"]["ok"] - 1, failed=1),
                       lambda d: d["tokens"].update(output=d["tokens"]["output"] + 1),
                       lambda d: d["groups"][0]["metrics"]["ttft_ms"].update(max=1.5),
                       lambda d: d["expect"][0].update(observed=1),
                       lambda d: d.update(steady_state=not d["steady_state"])):
            self.only("score", "result.json", self.altered("result.json", change))

    def test_a_row_of_the_store(self):
        path = self.folder / "run.sqlite"
        path.write_bytes(self.files["run.sqlite"])
        with sqlite3.connect(path) as db:
            columns = [c[1] for c in db.execute("pragma table_info(requests)")]
            first = next(c for c in columns if "first" in c)
            db.execute(f"update requests set {first} = {first} - 1000000 where rowid = 40")
        db.close()
        self.assertEqual({"score"}, {d for d, _ in self.found({**self.files, "run.sqlite": path.read_bytes()})})

    def test_a_row_that_is_gone(self):
        path = self.folder / "run.sqlite"
        path.write_bytes(self.files["run.sqlite"])
        with sqlite3.connect(path) as db:
            db.execute("delete from requests where rowid = 40")
        db.close()
        self.assertEqual({"score"}, {d for d, _ in self.found({**self.files, "run.sqlite": path.read_bytes()})})

    def test_no_store(self):
        for data in (b"", b"no database", self.files["run.sqlite"][:5000], os.urandom(9000)):
            self.assertEqual({"score"}, {d for d, _ in self.found({**self.files, "run.sqlite": data})})
        self.assertEqual({"score"}, {d for d, _ in self.found({k: v for k, v in self.files.items() if k != "run.sqlite"})})


class Replays(Case):

    def test_what_only_playing_again_tells(self):
        for change in (lambda d: d.update(result_digest="sha256:" + "0" * 64),
                       lambda d: d.update(traffic_digest="sha256:" + "0" * 64),
                       lambda d: d["engine"].update(events=d["engine"]["events"] + 1)):
            files = self.altered("result.json", change)
            self.only("replay", "result.json", files, "--replay")
            self.verify(self.packed(files))

    def test_damage_that_all_files_agree_upon(self):
        files = self.files
        for name in ("result.json", "faults.json", "score.json"):
            document = json.loads(files[name])
            document["faults"][0]["coalesce_ns"] = 4000000001
            files = {**files, name: json.dumps(document).encode()}
        self.verify(self.packed(files))
        found = self.found(files, "--replay")
        self.assertEqual({("replay", "result.json"), ("replay", "faults.json")}, set(found) - {("replay", "score.json")})

    def test_packets(self):
        data = bytearray(self.files["capture.pcap"])
        data[-1] ^= 1
        self.only("replay", "capture.pcap", {**self.files, "capture.pcap": bytes(data)}, "--replay")

    def test_another_model(self):
        files = self.altered("result.json", lambda d: d.update(model_version=1))
        report, text = self.verify(self.packed(files), "--replay", code=1)
        self.assertEqual([("replay", "result.json")], [(f["defect"], f["file"]) for f in report["found"]])
        self.assertIn("was played by model version 1, this is", text)

    def test_two_runs_whose_results_are_exchanged(self):
        other = made({**SCENARIO, "seed": 8}, {"rack.json": RACK})
        both = {f"{f}/{k}": v for f, files in (("a", self.files), ("b", other)) for k, v in files.items()}
        self.verify(self.packed(both), "--replay")
        both["a/result.json"], both["b/result.json"] = both["b/result.json"], both["a/result.json"]
        found = self.found(both)
        self.assertIn(("plan", "a/plan.json"), found)
        self.assertIn(("plan", "b/bundle.json"), found)

    def test_a_trace_comes_from_the_pack(self):
        rows = "".join(f"{i * 0.05:.3f},{20 + i % 7},{4 + i % 5}\n" for i in range(200))
        document = {**SCENARIO, "name": "trace", "faults": [], "slo": [], "expect": [{"id": "lost", "kind": "lost_requests", "max": 0}],
                    "traffic": [{"name": "t", "tier": "batch", "trace": {"file": "t.csv", "format": "csv"}}]}
        files = made(document, {"rack.json": RACK, "t.csv": "arrival_s,prompt_tokens,output_tokens\n" + rows})
        _, text = self.verify(self.packed(files), "--replay")
        self.assertIn("played again: 200 requests", text)
        files = {k: v for k, v in files.items() if k != "inputs/t.csv"}
        self.only("missing", "inputs/t.csv", files, "--replay")


    def test_a_run_that_a_rule_ended(self):
        files = made({**SCENARIO, "name": "aborted", "abort": [{"signal": "error_ratio", "op": ">=", "value": 0, "for": "2s"}]},
                     {"rack.json": RACK}, codes=(5,))
        _, text = self.verify(self.packed(files), "--replay")
        self.assertIn("1 aborted", text)
        self.assertIn("played again", text)

    def test_the_page(self):
        page = self.files["report.html"]
        at = page.index(b"<h1")
        self.only("replay", "report.html", {**self.files, "report.html": page[:at] + b"<p>All is well.</p>" + page[at:]}, "--replay")


class Others(common.Case):
    """What is no whole run, and still evidence."""

    def test_a_campaign(self):
        scenario = self.write(common.e2e.scenario("seeds", mirror="off"))
        out = self.folder / "campaign"
        subprocess.run([common.e2e.BINARY, "campaign", scenario, "--seeds", "1..3", "--out", str(out)], check=True,
                       capture_output=True)
        folder = next(out.iterdir())
        files = {p.name: p.read_bytes() for p in folder.iterdir()}
        report, text = self.verify(self.packed(files, "--sign-key", self.key()), "--replay")
        self.assertEqual({"pass": 1, "fail": 0, "inconclusive": 0, "aborted": 0}, report["verdicts"])
        self.assertIn("campaign (seeds)", text)
        bundle = json.loads(files["bundle.json"])
        bundle["scenario"]["drain"] = "9s"
        wrong = {**files, "bundle.json": json.dumps(bundle).encode()}
        self.assertEqual([("plan", "bundle.json")], self.names(self.packed(wrong)))
        del wrong["bundle.json"]
        self.assertEqual([("missing", "bundle.json")], self.names(self.packed(wrong)))

    def test_a_run_that_was_killed(self):
        ok, why = common.e2e.has_ring()
        if not ok:
            self.skipTest(why)
        scenario = self.write(common.e2e.scenario("killed", duration="60s"))
        out = self.folder / "out" / "killed-7-wall"
        with self.started([common.e2e.BINARY, "run", scenario, "--clock", "wall", "--out", str(self.folder / "out")]) as p:
            self.until(lambda: (out / "plan.json").exists() and (out / "result.json").exists(), "the beginning")
            p.kill()
            p.wait()
        files = {str(q.relative_to(out)): q.read_bytes() for q in out.rglob("*") if q.is_file()}
        report, text = self.verify(self.packed(files), "--replay")
        self.assertEqual(1, report["verdicts"]["aborted"])
        self.assertIn("killed before its end", text)
        self.assertEqual([("plan", "plan.json")], self.names(self.packed({**files, "plan.json": b"{}"})))


class Wall(common.Case):
    """A run on the wall clock: its companion is played again."""

    @classmethod
    def setUpClass(cls):
        super(common.Case, cls).setUpClass()
        ok, cls.why = common.e2e.has_ring()
        flap = {**SCENARIO["faults"][1], "at": "500ms", "for": "500ms"}
        cls.files = made(common.e2e.scenario("wall", faults=[flap], deployment="rack.json"), {"rack.json": RACK}, "wall",
                         "--attempts", "1") if ok else None

    def setUp(self):
        super().setUp()
        if not self.files:
            self.skipTest(self.why)

    def altered(self, change):
        document = json.loads(self.files["result.json"])
        change(document)
        return self.packed({**self.files, "result.json": json.dumps(document).encode()})

    def test_it_is_in_order(self):
        _, text = self.verify(self.packed(self.files), "--replay")
        self.assertIn("companion", text)

    def test_what_the_companion_says(self):
        for change in (lambda d: d.update(traffic_digest="sha256:" + "0" * 64),
                       lambda d: d["agreement"].update(ttft_p50_virtual_ms=1.5),
                       lambda d: d["agreement"].update(compared=1)):
            self.assertEqual({("replay", "result.json")}, set(self.names(self.altered(change), "--replay")))


common.main(needs_ring=False)
