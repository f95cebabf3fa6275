"""The page of a campaign: written at its end, in every mode, with the figures of campaign.json; it does not grow with the cells."""
import json
import os
import shlex
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
import browser  # noqa: E402
import e2e  # noqa: E402

COUNTED = {"unit": "count", "label": "assumption", "source": "this test"}
SMALL = {"racks": 1, "nodes_per_rack": 4, "chips_per_node": 4, "pdus_per_rack": 2}
RACK = {"hardware": {k: dict(COUNTED, value=v) for k, v in SMALL.items()},
        "pools": [{"name": "p", "instances": 2, "entry": "phase", "admission": {"policy": "none"}, "buckets": [
            {"max_seq": 4096, "frame": "8ms", "slots": 8, "prefill_tokens_per_frame": 64}]}]}


def busy(name, **members):
    """Near saturation, so that seeds and losses differ."""
    s = e2e.scenario(name, deployment=RACK,
                     faults=[{"id": "die", "kind": "chip.loss", "target": "any(1)", "at": "800ms"}],
                     slo=[{"id": "ttft", "tier": "interactive", "metric": "ttft_ms", "quantile": 0.5, "max": "60ms"}],
                     expect=[{"id": "few", "kind": "error_fraction", "max": 0.02}, {"id": "back", "kind": "ttf", "max": "1s"}])
    s["traffic"][0].update(arrival={"process": "poisson", "rate": 125}, timeout="150ms")
    return s | members


class CampaignPage(e2e.Case):
    def campaign(self, file, *arguments, codes=(0, 1, 4)):
        done = subprocess.run([e2e.BINARY, "campaign", file, *arguments, "--out", str(self.folder / "out")], capture_output=True,
                              text=True, timeout=200, check=False)
        self.no_sanitizer(done.stderr)
        self.assertIn(done.returncode, codes, done.stderr)

    def look(self, name, charts):
        """Its text, with every figure held against campaign.json; at both widths where there is a browser."""
        folder = self.folder / "out" / name
        document = json.loads((folder / "campaign.json").read_text())
        self.assertLess((folder / "report.html").stat().st_size, 1_500_000)
        if not browser.program():
            return folder, document, None
        with browser.Browser() as b:
            for width in (390, 1280):
                page = b.open(folder / "report.html", width)
                self.assertEqual([], page.problems())
                self.assertLessEqual(page.overflow(), 0)
                self.assertEqual(charts, [c["id"].removesuffix("-canvas") for c in page.charts() if c["colours"] > 10])
            for field, value in page.evaluate("""[...document.querySelectorAll('[data-field]')].map(e =>
                    [e.dataset.field, e.dataset.value ?? null])"""):
                self.hold(document, field, value)
            return folder, document, page.evaluate("document.body.innerText")

    def hold(self, document, field, value):
        told = document
        for key in field.split("."):
            if isinstance(told, list):
                told = told[int(key)] if key.isdigit() else next(v for v in told if key in (v.get("id"), v.get("name")))
            else:
                told = told[key]
        if isinstance(told, (int, float)) or told is None:
            self.assertEqual(told, None if value is None else json.loads(value), field)

    def test_seeds(self):
        self.campaign(self.write(busy("seeds")), "--seeds", "1..40")
        folder, document, text = self.look("seeds-seeds", ["values-0", "values-1", "values-2"])
        lines = [json.loads(line) for line in (folder / "cells.jsonl").read_text().splitlines()]
        worst = max(lines, key=lambda x: (x["slo"][0]["observed"], -x["seed"]))
        command = f"lpuchaos run {folder}/scenario.json --clock virtual --seed {worst['seed']}"
        if text:
            self.assertIn(command, text)
            for seed in document["failing"]:
                self.assertIn(f"--seed {seed['seed']}\n", text + "\n")
        again = subprocess.run([e2e.BINARY, *shlex.split(command)[1:], "--out", str(self.folder / "again"), "--json"],
                               capture_output=True, text=True, check=False, timeout=60)
        self.assertEqual(worst["result_digest"], json.loads(again.stdout)["result_digest"])

    def test_pairs_have_a_map_and_the_page_has_the_worst_of_them(self):
        self.campaign(self.write(busy("pairs")), "--contingency", "n-2", "--all", "--jobs", "2")
        _, document, text = self.look("pairs-n-2", ["classes", "values-0"])
        self.assertGreater(len(document["ranking"]), 2000)
        if text:
            self.assertIn(f"The first 100 of {document['cells']} cells", text)
            self.assertIn(document["ranking"][99]["cell"], text)
            for row in document["classes"]:
                self.assertIn(f"{row['pass']} of {row['contingencies']}", text)

    def test_single_losses(self):
        self.campaign(self.write(busy("single")), "--contingency", "n-1")
        _, document, text = self.look("single-n-1", ["classes", "values-0"])
        if text:
            for row in document["ranking"]:
                self.assertIn(row["cell"], text)

    def test_swarm_and_its_coverage(self):
        self.campaign(str(e2e.SOURCE / "harness/suites/swarm.json"), "--swarm", "6")
        _, document, text = self.look("swarm-swarm", ["values-0"])
        if text:
            for row in document["coverage"]:
                self.assertIn(row["kind"], text)
            for row in document["never_reached"]:
                self.assertIn(row["kind"], text)

    def test_shards_and_what_is_merged_have_theirs(self):
        file = self.write(busy("shards"))
        for i in (1, 2):
            self.campaign(file, "--seeds", "1..12", "--shard", f"{i}/2")
        parts = [str(self.folder / f"out/shards-seeds-{i}-of-2") for i in (1, 2)]
        done = subprocess.run([e2e.BINARY, "merge", *parts, "--out", str(self.folder / "out")], capture_output=True, text=True,
                              check=False, timeout=60)
        self.assertIn(done.returncode, (0, 1, 4), done.stderr)
        self.look("shards-seeds", ["values-0", "values-1", "values-2"])


if __name__ == "__main__":
    e2e.main(needs_ring=False)
