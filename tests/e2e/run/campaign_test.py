"""Campaigns as a user meets them: the directory, resuming, shards and merging, what is refused."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
import e2e  # noqa: E402

TWO = {"pools": [{"name": "p", "instances": 2, "entry": "phase", "admission": {"policy": "none"}, "buckets": [
    {"max_seq": 4096, "frame": "8ms", "slots": 8, "prefill_tokens_per_frame": 64}]}]}


def short(name="short", **members):
    """A chip drawn by the seed is lost: cells differ, and each takes a few milliseconds."""
    return e2e.scenario(name, deployment=TWO,
                        faults=[{"id": "die", "kind": "chip.loss", "target": "any(1)", "at": "800ms"}],
                        slo=[{"id": "ttft", "tier": "interactive", "metric": "ttft_ms", "quantile": 0.5, "max": "60ms"}],
                        **members)


class Campaign(e2e.Case):
    def campaign(self, *arguments, code=0, command="campaign", where="out"):
        out = [] if "--resume" in arguments else ["--out", str(self.folder / where)]
        done = subprocess.run([e2e.BINARY, command, *map(str, arguments), *out], capture_output=True, text=True,
                              timeout=120, check=False)
        self.no_sanitizer(done.stderr)
        self.assertEqual(code, done.returncode, done.stderr)
        return done

    def lines(self, folder):
        return [json.loads(line) for line in (folder / "cells.jsonl").read_text().splitlines()]

    def summary(self, folder):
        return json.loads((folder / "campaign.json").read_text())

    def same(self, a, b):
        for name in ("cells.jsonl", "campaign.json"):
            self.assertEqual((a / name).read_text(), (b / name).read_text(), name)


class Seeds(Campaign):
    def test_a_cell_is_a_run_under_that_seed(self):
        for faults, name in ((True, "with"), (False, "without")):
            document = short(name) if faults else short(name) | {"faults": []}
            file = self.write(document, f"{name}.json")
            self.campaign(file, "--seeds", "5..8")
            for line in self.lines(self.folder / f"out/{name}-seeds"):
                self.run_files(file, "--seed", str(line["seed"]), clock="virtual")
                run = self.result(name, line["seed"], "virtual")
                self.assertEqual(run["result_digest"], line["result_digest"])
                self.assertEqual(run["verdict"], line["verdict"])
                self.assertEqual(run["requests"], line["requests"])
                self.assertEqual([x["observed_ms"] for x in run["slo"]], [x["observed"] for x in line["slo"]])
                self.assertEqual([x["observed"] for x in run["expect"]], [x["observed"] for x in line["expect"]])
                for key in ("ttd_ms", "ttf_ms", "ttr_ms"):
                    self.assertEqual([x[key] for x in run["faults"]], [x[key] for x in line["faults"]])

    def test_the_summary_counts_the_lines(self):
        full = short() | {"faults": [], "expect": [{"id": "few", "kind": "error_fraction", "max": 0.02}]}
        full["traffic"][0]["arrival"]["rate"] = 125  # near saturation, where seeds differ
        full["traffic"][0]["timeout"] = "150ms"
        file = self.write(full)
        done = self.campaign(file, "--seeds", "1..30", "--json", code=1)
        folder = self.folder / "out/short-seeds"
        lines, summary = self.lines(folder), self.summary(folder)
        self.assertEqual(list(range(30)), [x["index"] for x in lines])
        self.assertEqual("fail", summary["verdict"])
        for verdict, n in summary["verdicts"].items():
            self.assertEqual(n, sum(x["verdict"] == verdict for x in lines))
        held = [x["expect"][0]["verdict"] for x in lines].count("pass")
        self.assertTrue(0 < held < 30)
        self.assertEqual((held, 30), (summary["expect"][0]["held"]["k"], summary["expect"][0]["held"]["n"]))
        observed = sorted(x["slo"][0]["observed"] for x in lines)
        self.assertEqual([observed[0], observed[14], observed[26], observed[29], observed[29]],
                         [summary["slo"][0]["observed"][k] for k in ("min", "p50", "p90", "p99", "max")])
        self.assertEqual([x["seed"] for x in lines if x["verdict"] == "fail"], [x["seed"] for x in summary["failing"]])
        self.assertEqual(sum(x["requests"]["scheduled"] for x in lines), summary["requests"]["scheduled"])
        printed = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual(summary, printed[-1])
        self.assertEqual(lines, sorted(printed[:-1], key=lambda x: x["index"]))


class Directory(Campaign):
    def setUp(self):
        super().setUp()
        self.file = self.write(short())
        self.campaign(self.file, "--seeds", "1..24", "--jobs", "1", where="whole")
        self.whole = self.folder / "whole/short-seeds"

    def test_threads_change_nothing(self):
        self.campaign(self.file, "--seeds", "1..24", "--jobs", "3")
        self.same(self.whole, self.folder / "out/short-seeds")

    def test_shards_merge_to_the_whole(self):
        parts = [self.folder / f"out/short-seeds-{i}-of-3" for i in (1, 2, 3)]
        for i in (1, 2, 3):
            self.campaign(self.file, "--seeds", "1..24", "--shard", f"{i}/3")
            self.assertEqual(list(range(i - 1, 24, 3)), [x["index"] for x in self.lines(parts[i - 1])])
            self.assertEqual(0, self.summary(parts[i - 1])["missing"]["count"])
        self.campaign(*reversed(parts), command="merge", where="merged")
        self.same(self.whole, self.folder / "merged/short-seeds")
        # the same cell twice is fine, an unsharded directory among them, too
        self.campaign(parts[0], *parts, self.whole, command="merge", where="merged")
        self.same(self.whole, self.folder / "merged/short-seeds")

    def test_missing_cells_are_named_and_played_by_resume(self):
        self.campaign(self.file, "--seeds", "1..24", "--shard", "1/3")
        self.campaign(self.file, "--seeds", "1..24", "--shard", "3/3")
        parts = [self.folder / f"out/short-seeds-{i}-of-3" for i in (1, 3)]
        done = self.campaign(*parts, command="merge", where="merged", code=4)
        self.assertIn("8 of 24 cells are missing: 1 (seed 2), 4 (seed 5)", done.stderr)
        merged = self.folder / "merged/short-seeds"
        missing = self.summary(merged)["missing"]
        self.assertEqual((8, [[i, i] for i in range(1, 24, 3)]), (missing["count"], missing["ranges"]))
        self.assertEqual("inconclusive", self.summary(merged)["verdict"])
        done = self.campaign("--resume", merged)
        self.assertIn("8 to play", done.stderr)
        self.same(self.whole, merged)

    def test_cells_that_contradict_each_other(self):
        other = self.folder / "other"
        shutil.copytree(self.whole, other)
        text = (other / "cells.jsonl").read_text()
        (other / "cells.jsonl").write_text(text.replace('"verdict":"pass"', '"verdict":"fail"', 1))
        done = self.campaign(self.whole, other, command="merge", code=2)
        self.assertIn("cell 0 is one thing in", done.stderr)

    def test_campaigns_of_other_plans_do_not_merge(self):
        self.campaign(self.file, "--seeds", "1..25")
        done = self.campaign(self.whole, self.folder / "out/short-seeds", command="merge", where="merged", code=2)
        self.assertIn("expected directories of one campaign, found request", done.stderr)
        self.campaign(self.file, "--seeds", "1..24", "--set", "drain=4s")
        done = self.campaign(self.whole, self.folder / "out/short-seeds", command="merge", where="merged", code=2)
        self.assertIn("expected directories of one campaign, found plan", done.stderr)
        done = self.campaign(self.whole, command="merge", where="whole", code=2)
        self.assertIn("expected another folder", done.stderr)

    def test_a_torn_last_line_is_dropped(self):
        text = (self.whole / "cells.jsonl").read_text()
        torn = self.folder / "torn"
        shutil.copytree(self.whole, torn)
        for cut in (1, 2, 100, len(text.splitlines()[-1])):
            (torn / "cells.jsonl").write_text(text[:-cut])
            done = self.campaign("--resume", torn)
            self.assertIn("cut short: dropped", done.stderr)
            self.assertIn("1 to play", done.stderr)
            self.same(self.whole, torn)

    def test_lines_that_nobody_wrote(self):
        text = (self.whole / "cells.jsonl").read_text()
        for line, what in (("hello\n", "expected the line of a cell"), ('{"index":24}\n', "expected a cell below 24"),
                           ('{"index":3,"cell":"x"}\n', "cell 3 is there a second time"), ("\n", "expected the line")):
            bad = self.folder / "bad"
            shutil.rmtree(bad, ignore_errors=True)
            shutil.copytree(self.whole, bad)
            (bad / "cells.jsonl").write_text(text + line)
            done = self.campaign("--resume", bad, code=2)
            self.assertIn(what, done.stderr)
            self.assertIn("cells.jsonl:25:1", done.stderr)

    def test_a_manifest_of_another_model(self):
        manifest = json.loads((self.whole / "manifest.json").read_text())
        for key, value, what in (("model_version", 1, "model version 1"), ("plan_digest", "sha256:00", "expected the scenario of plan"),
                                 ("cells", 23, "found a scenario that makes 24"), ("shard", 2, "at most as many as shards"),
                                 ("mode", "n-3", "expected one of"), ("request", {}, "expected the key 'first'")):
            bad = self.folder / "bad"
            shutil.rmtree(bad, ignore_errors=True)
            shutil.copytree(self.whole, bad)
            (bad / "manifest.json").write_text(json.dumps(manifest | {key: value}))
            done = self.campaign("--resume", bad, code=2)
            self.assertIn(what, done.stderr)


class EveryMode(Campaign):
    def failures(self, folder):
        return sorted((p.name, p.read_text()) for p in (folder / "failures").glob("*"))

    def test_threads_shards_and_merges_change_nothing(self):
        calm = {"faults": None, "expect": [{"id": "nothing-lost", "kind": "lost_requests", "max": 0}], "slo": None, "duration": "1s"}
        for mode, arguments in (("n-1", ("--contingency", "n-1")), ("n-1-1", ("--contingency", "n-1-1", "--set", "duration=100ms",
                                                                              "--set", "warmup=0s")),
                                ("swarm", ("--swarm", "30")), ("seeds", ("--seeds", "1..30"))):
            document = {k: v for k, v in (short() | calm).items() if v is not None}
            if mode == "swarm":
                document["duration"] = "4s"
            file = self.write(document, f"{mode}.json")
            whole = self.folder / f"whole/short-{mode}"
            code = subprocess.run([e2e.BINARY, "campaign", file, *arguments, "--jobs", "1", "--out", self.folder / "whole"],
                                  capture_output=True, check=False).returncode
            self.assertIn(code, e2e.JUDGED, mode)
            self.campaign(file, *arguments, "--jobs", "3", code=code)
            self.same(whole, self.folder / f"out/short-{mode}")
            parts = []
            for i in (1, 2, 3):
                subprocess.run([e2e.BINARY, "campaign", file, *arguments, "--shard", f"{i}/3", "--out", self.folder / "out"],
                               capture_output=True, check=False)
                parts.append(self.folder / f"out/short-{mode}-{i}-of-3")
            self.campaign(*parts, command="merge", where="merged", code=code)
            self.same(whole, self.folder / f"merged/short-{mode}")
            self.assertEqual(self.failures(whole), self.failures(self.folder / f"merged/short-{mode}"))
            # and from half of the lines, torn
            text = (whole / "cells.jsonl").read_text()
            (whole / "cells.jsonl").write_text(text[:len(text) // 2])
            self.campaign("--resume", whole, code=code)
            self.same(whole, self.folder / f"merged/short-{mode}")


class Endings(Campaign):
    def begun(self, *more, seeds=4000):
        self.file = self.write(short())
        self.whole = self.folder / "out/short-seeds"
        return [e2e.BINARY, "campaign", self.file, "--seeds", f"1..{seeds}", "--out", str(self.folder / "out"), *more]

    def some(self):
        try:
            return len((self.whole / "cells.jsonl").read_text().splitlines()) >= 5
        except OSError:
            return False

    def test_signals_leave_a_directory_that_goes_on(self):
        with self.started(self.begun("--jobs", "2")) as p:
            self.until(self.some, "a few cells")
            p.send_signal(signal.SIGINT)
            self.assertEqual(130, p.wait(20), self.said())
        self.assertIn("go on with: lpuchaos campaign --resume", self.said())
        played = len(self.lines(self.whole))
        summary = self.summary(self.whole)
        self.assertEqual(("inconclusive", 4000 - played), (summary["verdict"], summary["missing"]["count"]))
        # another plan's start does not throw away what is there
        done = self.campaign(self.file, "--seeds", "1..3999", code=2)
        self.assertIn("holds an unfinished campaign of another plan", done.stderr)
        with self.started([e2e.BINARY, "campaign", "--resume", str(self.whole)]) as p:
            self.until(lambda: len((self.whole / "cells.jsonl").read_text().splitlines()) > played, "one cell more")
            p.send_signal(signal.SIGTERM)
            self.assertEqual(143, p.wait(20), self.said())
        self.assertLess(played, len(self.lines(self.whole)))

    def test_the_same_start_goes_on(self):
        arguments = self.begun("--jobs", "1", seeds=150)
        self.campaign(self.file, "--seeds", "1..150", where="calm")
        with self.started(arguments) as p:
            self.until(self.some, "a few cells")
            p.kill()
            p.wait()
        self.assertIn(" 150 to play", self.said())
        played = len((self.whole / "cells.jsonl").read_text().splitlines())
        done = self.campaign(self.file, "--seeds", "1..150")
        self.assertIn("it goes on", done.stderr)
        self.assertIn(f" {150 - played} to play", done.stderr)
        self.same(self.folder / "calm/short-seeds", self.whole)
        # what is complete is played anew
        self.assertIn(" 150 to play", self.campaign(self.file, "--seeds", "1..150").stderr)

    def test_killed_at_any_moment(self):
        arguments = self.begun("--jobs", "2", seeds=120)
        self.campaign(self.file, "--seeds", "1..120", "--jobs", "1", where="calm")
        for wait in (0.0, 0.01, 0.03, 0.05, 0.08):
            if not (self.whole / "manifest.json").exists():
                start = arguments
            else:
                start = [e2e.BINARY, "campaign", "--resume", str(self.whole)]
            with self.started(start) as p:
                time.sleep(wait)
                p.kill()
                p.wait()
        if (self.whole / "manifest.json").exists():
            self.campaign("--resume", self.whole)
        else:
            self.campaign(self.file, "--seeds", "1..120")
        self.same(self.folder / "calm/short-seeds", self.whole)

    def test_two_at_once(self):
        with self.started(self.begun("--jobs", "1")) as p:
            self.until(self.some, "a few cells")
            done = self.campaign("--resume", self.whole, code=2)
            self.assertIn("another process plays this campaign", done.stderr)
            done = self.campaign(self.file, "--seeds", "1..4000", code=2)
            self.assertIn("another process plays this campaign", done.stderr)
            self.assertIsNone(p.poll())


class Refused(Campaign):
    def test_options(self):
        file = self.write(short())
        for arguments, what in (
                ((file,), "expected exactly one of --contingency, --seeds and --swarm, found none"),
                (("--seeds", "1..3"), "expected FILE or --resume DIR"),
                ((file, "--seeds", "3..1"), "expected two seeds in ascending order"),
                ((file, "--seeds", "3"), "expected two seeds in ascending order"),
                ((file, "--seeds", "1..3", "--seed", "4"), "expected --seeds or --seed"),
                ((file, "--seeds", "1..3", "--shard", "0/2"), "expected i/n with i from 1 to n"),
                ((file, "--seeds", "1..3", "--shard", "3/2"), "expected i/n with i from 1 to n"),
                ((file, "--seeds", "1..3", "--shard", "1/4"), "expected at most as many shards as cells"),
                ((file, "--seeds", "1..3", "--jobs", "0"), "option --jobs"),
                ((file, "--seeds", "0..999999999999"), "expected a campaign of 1 to 100000000 cells"),
                ((file, "--resume", self.folder), "expected no FILE beside --resume"),
                (("--resume", self.folder, "--seeds", "1..3"), "option --seeds cannot be given with --resume"),
                (("--resume", self.folder, "--set", "drain=1s"), "option --set cannot be given with --resume"),
                (("--resume", self.folder), "manifest.json"),
                (("missing.json", "--seeds", "1..2"), "missing.json")):
            self.assertIn(what, self.campaign(*arguments, code=2).stderr)
        self.assertFalse((self.folder / "out").exists())

    def test_scenarios(self):
        url = e2e.scenario(deployment=None, target={"url": "http://127.0.0.1:1", "model": "m"}, expect=None)
        self.assertIn("cannot ask a URL", self.campaign(self.write(url), "--seeds", "1..2", code=2).stderr)
        (self.folder / "t.csv").write_text("arrival_s,prompt_tokens,output_tokens\n0,5,5\n")
        trace = e2e.scenario(traffic=[{"name": "t", "tier": "x", "trace": {"file": "t.csv", "format": "csv"}}])
        self.assertIn("read no traces", self.campaign(self.write(trace), "--seeds", "1..2", code=2).stderr)
        one = {"version": 1, "name": "s", "scenarios": [short()]}
        self.campaign(self.write(one), "--seeds", "1..2")
        two = {"version": 1, "name": "s", "scenarios": [short(), short("b")]}
        self.assertIn("found a suite of 2", self.campaign(self.write(two), "--seeds", "1..2", code=2).stderr)


def blocks(text, opening):
    """The literal blocks of YAML that begin behind a line with `opening`, with their indent taken off."""
    lines, found = text.splitlines(), []
    for i, line in enumerate(lines):
        if line.rstrip().endswith(opening):
            body = []
            for inner in lines[i + 1:]:
                if inner.strip() and len(inner) - len(inner.lstrip()) <= len(line) - len(line.lstrip()):
                    break
                body.append(inner)
            found.append(textwrap.dedent("\n".join(body)))
    return found


class Page(Campaign):
    """What docs/CAMPAIGNS.md tells other machines to do, done here: each loss alone instead of every pair, for speed."""

    def setUp(self):
        super().setUp()
        self.yaml = re.findall(r"^```yaml\n(.*?)^```", (e2e.SOURCE / "docs/CAMPAIGNS.md").read_text(), re.S | re.M)
        self.assertEqual(3, len(self.yaml))
        self.bin = self.folder / "bin"
        self.bin.mkdir()
        os.symlink(os.path.abspath(e2e.BINARY), self.bin / "lpuchaos")

    def shell(self, script, codes=(0,), **more):
        for old, new in (("n-2", "n-1"), ("/scenario/", f"{self.folder}/"), ("/results", str(self.folder / "out")),
                         ("build/release/lpuchaos", "lpuchaos"), ("program/lpuchaos", "lpuchaos"),
                         ("harness/suites/", f"{e2e.SOURCE}/harness/suites/")):
            script = script.replace(old, new)
        done = subprocess.run(["/bin/sh", "-ec", script], capture_output=True, text=True, timeout=120, check=False, cwd=self.folder,
                              env=e2e.environment(PATH=f"{self.bin}:{os.environ['PATH']}", **more))
        self.assertIn(done.returncode, codes, done.stderr)
        self.no_sanitizer(done.stderr)
        return done

    def test_an_indexed_job(self):
        self.write(blocks(self.yaml[1], "chat.json: |")[0], "chat.json")
        script, = blocks(self.yaml[1], "- |")
        for index in range(8):
            self.shell(script, JOB_COMPLETION_INDEX=str(index))
        merge = re.search(r'"(exec lpuchaos merge .*)"\]', self.yaml[2])[1]
        self.shell(merge, codes=e2e.JUDGED)
        self.assertEqual(0, self.summary(self.folder / "out/merged/chat-n-1")["missing"]["count"])

    def test_a_matrix(self):
        play, = [b for b in blocks(self.yaml[0], "run: |") if "--shard" in b]
        merge, = [b for b in blocks(self.yaml[0], "run: |") if "merge" in b]
        for shard in (1, 2, 3, 4):
            self.shell(play.replace("${{ matrix.shard }}", str(shard)))
            shutil.move(self.folder / "shards", self.folder / f"shard-{shard}")
        self.shell(merge.replace("chmod +x program/lpuchaos", ""), codes=e2e.JUDGED)
        self.assertEqual(0, self.summary(self.folder / "merged/quick-n-1")["missing"]["count"])


if __name__ == "__main__":
    e2e.main(needs_ring=False)
