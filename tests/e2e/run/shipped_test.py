"""The suites that ship, on the virtual clock: every scenario passes and says why it is there; every claim is a pair that was
decided, over enough requests, with the range of each assumption.

What the wall clock says of tier03.json and gpu-traps.json takes minutes and is told by `lpuchaos run FILE` itself."""
import json
import os
import re
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
import browser  # noqa: E402
import e2e  # noqa: E402
import review as review_check  # noqa: E402
import schemas  # noqa: E402

REQUESTS = 10_000


def read(name):
    """JSON with comments, as the program takes it."""
    text = re.sub(r'("(?:\\.|[^"\\])*")|//[^\n]*|/\*.*?\*/', lambda m: m[1] or " ",
                  (e2e.SOURCE / "harness/suites" / name).read_text(), flags=re.S)
    return json.loads(text)


class Suites(e2e.Case):

    def run_shipped(self, name, *options, seconds=590):
        suite = read(name)
        done = subprocess.run([e2e.BINARY, "run", str(e2e.SOURCE / "harness/suites" / name), "--json", "--out",
                               str(self.folder / "out"), *options], capture_output=True, text=True, timeout=seconds, check=False)
        self.assertEqual(0, done.returncode, done.stderr)
        self.no_sanitizer(done.stderr)
        for s in suite["scenarios"]:
            for word in ("Question: ", "Expectation: ", "Reason: "):
                self.assertIn(word, s["about"], s["name"])
        for folder in (self.folder / "out").iterdir():
            if folder.is_dir():
                self.assertEqual([], schemas.problems(folder))
        return suite, [json.loads(line) for line in done.stdout.splitlines()]

    def check_claims(self, name, sections):
        suite, results = self.run_shipped(name, "--clock", "virtual")
        with open(self.folder / "out" / f"{suite['name']}.claims.json", encoding="utf-8") as f:
            claims = json.load(f)["claims"]
        by_name = {r["scenario"]: r for r in results}
        self.assertEqual(set(sections), {c["section"] for c in claims})
        self.assertEqual(len(suite["claims"]), len(claims))
        for c in claims:
            with self.subTest(claim=c["id"]):
                self.check_claim(c, by_name)
        used = {s["scenario"] for c in claims for s in c["scenarios"]}
        self.assertEqual(set(), set(by_name) - used, "scenarios that support no claim")
        return suite

    def check_claim(self, claim, results):
        self.assertEqual(("pass", True), (claim["verdict"], claim["swept"]))
        self.assertEqual({"harm", "remedy"}, {s["role"] for s in claim["scenarios"]})
        self.assertEqual(1, len({s["traffic_digest"] for s in claim["scenarios"]}))
        self.assertEqual(1, len({results[s["scenario"]]["seed"] for s in claim["scenarios"]}))
        for s in claim["scenarios"]:
            wanted = {asked["want"] for asked in s["slo"] + s["expect"]}
            self.assertIn("miss" if s["role"] == "harm" else "hold", wanted, s["scenario"])
            self.assertGreaterEqual(s["requests"], REQUESTS, s["scenario"])
            self.assertEqual("pass", s["verdict"])
        for a in claim["assumptions"]:
            self.assertTrue(a.get("holds_for") or a["holds"] or a.get("note"), a)


class Shipped(Suites):

    def test_gpu_traps(self):
        suite = self.check_claims("gpu-traps.json", ("batching", "shapes", "scale-out", "multi-tenancy", "same-model"))
        self.assertEqual(10, len(suite["scenarios"]))

    def check_operator(self, name, walls):
        """By itself on the virtual clock, with a wall part that a machine without io_uring leaves out."""
        suite, results = self.run_shipped(name, "--clock", "virtual")
        self.assertEqual(("virtual", walls), (suite["clock"], suite["wall_part"]))
        self.assertEqual({"virtual"}, {r["clock"] for r in results})
        self.assertEqual({"pass"}, {r["verdict"] for r in results})
        seconds = {s["name"]: int(s["duration"][:-1]) for s in suite["scenarios"]}
        self.assertLess(sum(seconds[name] for name in walls), 20)

    def test_rollout(self):
        self.check_operator("rollout.json", ["real-steady", "real-node-lost"])

    def test_ci_gate(self):
        self.check_operator("ci-gate.json", ["real-smoke"])


class Tier03(Suites):

    def test_tier03(self):
        suite = self.check_claims("tier03.json", ("determinism", "compiler", "fabric", "queueing", "shapes", "facility",
                                                 "redundancy"))
        self.assertGreaterEqual(len(suite["scenarios"]), 20)
        out = self.folder / "out"
        review = json.loads((out / "tier03.json").read_text())
        self.assertEqual([], schemas.keeps_to(review, "tier03"))
        self.assertEqual([], review_check.problems(out))
        self.assertEqual("pass", review["verdict"])
        for part in (self.check_assumptions, self.check_bounds, self.check_redundancy, self.check_position, self.check_page):
            with self.subTest(part=part.__name__):
                part(review, out)

    def check_assumptions(self, review, out):
        """Every number of every run is there; whatever a claim leaned on has its range there and a question."""
        rows = [n for g in review["assumptions"]["groups"] for n in g["numbers"]]
        for name in ("compiler", "fabric", "shapes"):
            self.assertTrue(next(g["numbers"] for g in review["assumptions"]["groups"] if g["group"] == name), name)
        leaned = {(x["claim"], x["parameter"]) for r in rows for x in r["leaned_on"]}
        claims = json.loads((out / "tier03.claims.json").read_text())["claims"]
        self.assertEqual({(c["id"], a["parameter"]) for c in claims for a in c["assumptions"]}, leaned)
        for run in review["runs"]:
            listed = json.loads((out / run["folder"] / "assumptions.json").read_text())["assumptions"]
            here = {r["path"] for r in rows if run["scenario"] in r["scenarios"]}
            self.assertLessEqual({a["path"] for a in listed}, here, run["scenario"])
        questions = (out / "questions.md").read_text()
        plain = questions.replace("\\", "")
        for r in rows:
            self.assertEqual(bool(r["leaned_on"]), r["question"] is not None, r["path"])
            if r["question"]:
                self.assertIn(r["question"], plain)
                for x in r["leaned_on"]:
                    self.assertIn(f"{x['parameter']}: claim {x['claim']}", plain)
        links = review_check.markdown_links(questions)
        self.assertEqual(sum(len(c["assumptions"]) for c in claims), len({json.dumps(x) for x in links}))
        for x in links:
            self.assertIn(review_check.resolve(out, x, {})["parameter"], {p for _, p in leaned})

    def check_bounds(self, review, out):
        """No wait of a run in which nothing breaks exceeds its bound, and the bounds are those of the scenarios' arithmetic."""
        buckets = review["queueing"]["buckets"]
        bounded = [b for b in buckets if b["bound"]["bounded"]]
        self.assertGreaterEqual(len(bounded), 5)
        for b in buckets:
            self.assertEqual(b["policy"]["admission"] == "none", not b["bound"]["bounded"])
            self.assertTrue(b["bound"]["why"] if not b["bound"]["bounded"] else b["bound"]["formula"])
            if b["healthy"]["requests"] > b["healthy"]["refused"]:
                self.assertIsNotNone(b["healthy"]["wait_max_ms"])
        for b in bounded:
            self.assertIn(b["healthy"]["within_bound"], (True, None) if b["policy"]["overflow"] == "next" else (True,))
            self.assertLessEqual(b["healthy"]["wait_max_ms"], b["bound"]["wait_by_output_law_ms"])
        capped = next(b for b in buckets if (b["scenario"], b["pool"]) == ("long-prompts-own-pool", "long"))
        self.assertEqual((640, 128, 768), tuple(capped["bound"][k] for k in ("wait_ms", "prefill_ms", "ttft_ms")))
        tight = next(b for b in buckets if (b["scenario"], b["pool"]) == ("queue-with-cap", "agents"))
        self.assertGreater(tight["healthy"]["wait_max_ms"], 0.95 * tight["bound"]["wait_ms"])
        for b in buckets:  # a lone run of the same scenario that has no faults sees the same
            for s in b["observed"]:
                self.assertEqual(s["observed_ms"], review_check.resolve(out, s["evidence"][0], {})["observed_ms"])

    def check_redundancy(self, review, out):
        """N-1 was played: the default rack has 490 single losses; one of them is what the campaign says of it alone."""
        plans = {p["scenario"]: p for p in review["redundancy"]["plans"]}
        self.assertLessEqual({"every-node-lost", "node-lost-spare", "second-node-degraded", "staged-return"}, set(plans))
        for p in plans.values():
            classes = {c["class"]: c for c in p["survival"]["classes"]}
            self.assertEqual(p["n_1"]["contingencies"], sum(c["contingencies"] for c in classes.values()))
            self.assertEqual(p["n_1"]["contingencies"], sum(r["stands_for"] for r in p["n_1"]["ranking"]))
            for c in classes.values():
                self.assertLessEqual(c["survived"], c["contingencies"])
        spared = {c["class"]: c for c in plans["node-lost-spare"]["survival"]["classes"]}
        self.assertEqual((490, 9, 9), (plans["node-lost-spare"]["n_1"]["contingencies"], spared["node"]["survived"],
                                       spared["node"]["contingencies"]))
        suite = read("tier03.json")
        alone = self.write(next(s for s in suite["scenarios"] if s["name"] == "node-lost-spare"))
        subprocess.run([e2e.BINARY, "campaign", alone, "--contingency", "n-1", "--out", str(self.folder / "campaign")],
                       capture_output=True, check=True, timeout=120)
        campaign = json.loads((self.folder / "campaign/node-lost-spare-n-1/campaign.json").read_text())
        told = {r["cell"]: r for r in plans["node-lost-spare"]["n_1"]["ranking"]}
        for r in campaign["ranking"]:
            self.assertEqual({k: v for k, v in r.items() if k != "verdict"},
                             {k: v for k, v in told[r["cell"]].items() if k != "verdict"})

    def check_position(self, review, out):
        positions = review["cross_rack"]["positions"]
        self.assertEqual({"allowed", "forbidden"}, {p["position"] for p in positions})
        self.assertTrue(any(p["rationale"] and p["envelope"] for p in positions))
        for a in review["cross_rack"]["audits"]:
            verdict = review_check.resolve(out, a["evidence"][0], {})
            self.assertEqual(verdict, a["audit"])
            self.assertTrue(a["agrees"])
            if a["position"] == "forbidden" and a["role"] == "remedy":
                self.assertEqual((0, "rack"), (a["violations"], a["worst_mapping"]), a["scenario"])

    def check_page(self, review, out):
        """The page says what the document says, in a browser where there is one."""
        self.assertLess((out / "tier03.html").stat().st_size, 1_500_000)
        if not browser.program():
            return
        with browser.Browser() as b:
            for width in (390, 1280):
                page = b.open(out / "tier03.html", width)
                self.assertEqual([], page.problems())
                self.assertLessEqual(page.overflow(), 0)
                self.assertEqual(["bounds-canvas"], [c["id"] for c in page.charts() if c["colours"] > 10])
            shown = page.evaluate("""[...document.querySelectorAll('[data-field]')].map(e =>
                [e.dataset.field, e.dataset.value ?? null])""")
            self.assertGreater(len(shown), 500)
            for field, value in shown:
                told = review
                for key in field.split("."):
                    told = told[int(key)] if isinstance(told, list) and key.isdigit() else self.named(told, key)
                self.assertEqual(told, None if value is None else json.loads(value), field)
            broken = page.evaluate("""[...document.querySelectorAll('a[href]')].map(a => a.getAttribute('href'))""")
            for href in broken:
                file = href.split("#")[0]
                if file and not file.endswith("report.html"):
                    self.assertTrue((out / file).exists(), href)

    def named(self, value, key):
        """An element of a list goes by its id or name, where it has one."""
        if isinstance(value, dict):
            return value[key]
        return next(v for v in value if key in (v.get("id"), v.get("name")))


if __name__ == "__main__":
    e2e.main(needs_ring=False)
