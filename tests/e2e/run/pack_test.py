"""Packs: by `run --pack` and by `pack`, of runs, suites and campaigns; looked into with zstd, tar, sha256sum and openssl, which
know nothing of this program; the same bytes each time, and none of them where something is wrong."""
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
import e2e  # noqa: E402
import evidence  # noqa: E402

try:
    import jsonschema
except ImportError:
    jsonschema = None

SCHEMA = json.loads((e2e.SOURCE / "docs/schema/evidence.schema.json").read_text(encoding="utf-8"))
SLO = {"id": "ttft", "tier": "interactive", "metric": "ttft_ms", "quantile": 0.5, "max": "10s"}
LOST = {"id": "nothing-lost", "kind": "lost_requests", "max": 0}
WHAT_A_RUN_TOOK = {"result.json", "junit.xml", "report.html", evidence.MANIFEST, evidence.LINES}


class Pack(e2e.Case):

    def setUp(self):
        super().setUp()
        self.command("keygen", "--out", "k")
        self.public = (self.folder / "k.pub").read_bytes()

    def command(self, *arguments, code=0, **more):
        done = subprocess.run([e2e.BINARY, *map(str, arguments)], capture_output=True, text=True, timeout=90, cwd=self.folder,
                              check=False, **more)
        self.assertEqual(code, done.returncode, done.stderr)
        self.no_sanitizer(done.stderr)
        return done.stderr

    def run_packed(self, files, *options, code=0, pack="p.tar.zst"):
        files = [files] if isinstance(files, str) else files
        return self.command("run", *files, "--clock", "virtual", "--pack", pack, *options, code=code)

    def refused(self, *arguments, code=2, said=""):
        line = self.command(*arguments, code=code)
        self.assertEqual(1, line.count("\n"), line)
        self.assertIn(said, line)
        self.assertEqual([], [f for f in os.listdir(self.folder) if f.endswith(".tar.zst") or f.startswith(".")])

    def one_run(self, **members):
        """A result without a pack: its folder."""
        self.command("run", self.write(e2e.scenario(**members)), "--clock", "virtual", code=0)
        return self.folder / "out/short-7-virtual"

    def checked(self, pack="p.tar.zst", signed=True):
        """A pack's files, once everything that holds for every pack does."""
        entries = evidence.members(self.folder / pack)
        names = [m.name for m, _ in entries]
        head = [evidence.MANIFEST] + ([evidence.LINES, evidence.SIGNER] if signed else [])
        self.assertEqual(head + sorted(set(names) - set(head), key=str.encode), names)
        self.assertEqual({(True, 0o644, 0, 0, "", "", 0)},
                         {(m.isfile(), m.mode, m.uid, m.gid, m.uname, m.gname, m.mtime) for m, _ in entries})
        files = {m.name: data for m, data in entries}
        listed = evidence.listed(files[evidence.MANIFEST])
        self.assertEqual({n: evidence.sha256(d) for n, d in files.items() if n not in (evidence.MANIFEST, evidence.LINES)}, listed)
        self.assertEqual(sorted(listed, key=str.encode), list(listed))
        if signed:
            self.assertEqual(self.public, files[evidence.SIGNER])
        return files

    def statements(self, files):
        """The statements of a pack, verified by openssl; all but the last are test results."""
        payloads = evidence.verified(files[evidence.LINES], files[evidence.SIGNER], self.folder)
        *tests, whole = [json.loads(p) for p in payloads]
        for s in (*tests, whole):
            self.assertEqual([], evidence.statement_problems(s))
            for d in (*s["subject"], *s["predicate"].get("configuration", [])):
                self.assertEqual(evidence.sha256(files[d["name"]]), d["digest"]["sha256"], d["name"])
        self.assertEqual({evidence.TEST_RESULT}, {s["predicateType"] for s in tests})
        self.assertEqual(evidence.WHOLE, whole["predicateType"])
        self.assertEqual(set(files) - {evidence.LINES}, {d["name"] for d in whole["subject"]})
        self.assertEqual([evidence.sha256(p) for p in payloads[:-1]], whole["predicate"]["statements"])
        self.assertEqual("lpuchaos.evidence/1", whole["predicate"]["schema"])
        if jsonschema:
            jsonschema.Draft202012Validator(SCHEMA).validate(whole["predicate"])
        return tests, whole["predicate"]["results"]

    # --- what is in it

    def test_a_run(self):
        said = self.run_packed(self.write(e2e.scenario(slo=[SLO])), "--sign-key", "k")
        self.assertRegex(said, r"\npack: p.tar.zst, \d+ files, results: 1, signed with key [0-9a-f]{64}\n\Z")
        files = self.checked()
        on_disk = self.folder / "out/short-7-virtual"
        self.assertEqual({n: d for n, d in files.items() if n not in (evidence.MANIFEST, evidence.LINES, evidence.SIGNER)},
                         {str(p.relative_to(on_disk)): p.read_bytes() for p in on_disk.rglob("*") if p.is_file()})
        (test,), (fact,) = self.statements(files)
        self.assertEqual(["result.json"], [d["name"] for d in test["subject"]])
        self.assertEqual({"bundle.json", "plan.json", "inputs.json", "inputs/scenario.json"},
                         {d["name"] for d in test["predicate"]["configuration"]})
        self.assertEqual((self.folder / "scenario.json").read_bytes(), files["inputs/scenario.json"])
        self.assertEqual(("PASSED", ["ttft", "nothing-lost"], [], []),
                         tuple(test["predicate"][k] for k in ("result", "passedTests", "warnedTests", "failedTests")))
        result = json.loads(files["result.json"])
        self.assertEqual({"name": "lpuchaos", "version": result["engine"]["version"], "commit": result["engine"]["commit"]},
                         fact.pop("tool"))
        self.assertEqual("", fact.pop("folder"))
        self.assertEqual({k: result[k] for k in ("scenario", "seed", "clock", "verdict", "partial", "plan_digest", "traffic_digest",
                                                 "result_digest", "model_version", "replay")}, fact)

    def test_tar_and_sha256sum_alone(self):
        self.run_packed(self.write(e2e.scenario()))
        (self.folder / "x").mkdir()
        subprocess.run(["tar", "--zstd", "-xf", "../p.tar.zst"], cwd=self.folder / "x", check=True, timeout=60)
        done = subprocess.run(["sha256sum", "--check", "--strict", "--quiet", evidence.MANIFEST], cwd=self.folder / "x", check=True,
                              capture_output=True, text=True, timeout=60)
        self.assertEqual("", done.stdout + done.stderr)
        (self.folder / "x/result.json").write_bytes(b"{}")
        done = subprocess.run(["sha256sum", "--check", "--quiet", evidence.MANIFEST], cwd=self.folder / "x", check=False,
                              capture_output=True, text=True, timeout=60)
        self.assertEqual((1, "result.json: FAILED\n"), (done.returncode, done.stdout))

    def test_verdicts(self):
        """A missed SLO, one that is undecided, and a run that was aborted: packed with the run's own exit code."""
        missed = dict(SLO, id="missed", max="1ms")
        undecided = dict(SLO, id="undecided", quantile=0.999)
        for code, result, lists, more in (
                (1, "FAILED", (["nothing-lost"], ["undecided"], ["missed"]), {"slo": [missed, undecided]}),
                (4, "WARNED", (["nothing-lost"], ["undecided"], []), {"slo": [undecided]}),
                (5, "FAILED", None, {"abort": [{"signal": "in_flight", "op": ">", "value": 0, "for": "10ms"}]})):
            with self.subTest(code=code):
                said = self.run_packed(self.write(e2e.scenario(**more)), "--sign-key", "k", code=code)
                self.assertIn("\npack: ", said)
                (test,), (fact,) = self.statements(self.checked())
                self.assertEqual(result, test["predicate"]["result"])
                self.assertEqual((code == 5), fact["partial"])
                if lists:
                    self.assertEqual(lists, tuple(test["predicate"][k] for k in ("passedTests", "warnedTests", "failedTests")))

    def test_not_signed(self):
        said = self.run_packed(self.write(e2e.scenario()))
        self.assertIn(", not signed\n", said)
        files = self.checked(signed=False)
        self.assertFalse({evidence.LINES, evidence.SIGNER} & set(files))

    def test_several(self):
        """Two scenarios and the report over both; then the folder that holds them, by `pack`."""
        names = [self.write(e2e.scenario(n), f"{n}.json") for n in ("a", "b")]
        self.run_packed(names, "--sign-key", "k", "--junit", "report.xml", "--out", "o", pack="o/p.tar.zst")
        files = self.checked("o/p.tar.zst")
        self.assertEqual((self.folder / "report.xml").read_bytes(), files["junit.xml"])
        self.assertEqual({"a-7-virtual", "b-7-virtual"}, {n.split("/")[0] for n in files if "/" in n})
        tests, facts = self.statements(files)
        self.assertEqual([["a-7-virtual/nothing-lost"], ["b-7-virtual/nothing-lost"]],
                         [t["predicate"]["passedTests"] for t in tests])
        self.assertEqual([["a-7-virtual/result.json"], ["b-7-virtual/result.json"]], [[d["name"] for d in t["subject"]] for t in tests])
        self.assertTrue(all(d["name"].startswith("a-7-virtual/") for d in tests[0]["predicate"]["configuration"]))
        self.assertEqual([("a-7-virtual", "a"), ("b-7-virtual", "b")], [(f["folder"], f["scenario"]) for f in facts])
        (self.folder / "o/p.tar.zst").unlink()
        (self.folder / "o/notes").mkdir()
        (self.folder / "o/notes/plan.txt").write_text("beside")
        self.command("pack", "o/", "--sign-key", "k")
        again = self.checked("o.tar.zst")
        self.assertEqual(tests, self.statements(again)[0])
        self.assertEqual(set(files) - {"junit.xml"} | {"notes/plan.txt"}, set(again))

    def test_a_suite_with_claims(self):
        claim = {"id": "c", "section": "s", "claim": "t", "label": "inference", "harm": ["harm"], "remedy": ["remedy"]}
        miss = e2e.scenario("harm", slo=[dict(SLO, max="1ms", want="miss")])
        suite = {"version": 1, "name": "s", "clock": "virtual", "scenarios": [miss, e2e.scenario("remedy", slo=[SLO])], "claims": [claim]}
        self.command("run", self.write(suite), "--pack", "p.tar.zst", "--sign-key", "k")
        files = self.checked()
        self.assertEqual((self.folder / "out/s.claims.json").read_bytes(), files["s.claims.json"])
        self.assertEqual(["harm", "remedy"], [f["scenario"] for f in self.statements(files)[1]])

    def test_a_campaign(self):
        self.command("campaign", self.write(e2e.scenario()), "--seeds", "1..3")
        self.command("pack", "out/short-seeds", "--sign-key", "k")
        files = self.checked("out/short-seeds.tar.zst")
        campaign = json.loads(files["campaign.json"])
        (test,), (fact,) = self.statements(files)
        self.assertEqual(("PASSED", ["seeds"]), (test["predicate"]["result"], test["predicate"]["passedTests"]))
        self.assertEqual({k: campaign[k] for k in fact if k != "folder"}, {k: v for k, v in fact.items() if k != "folder"})
        self.assertIn("cells.jsonl", files)

    def test_interrupted(self):
        """SIGINT in the first of two: what there is is packed, and says that it is partial."""
        long = dict(duration="20h", warmup="1s")
        names = [self.write(e2e.scenario(n, **long), f"{n}.json") for n in ("a", "b")]
        with self.started([e2e.BINARY, "run", *names, "--clock", "virtual", "--pack", "p.tar.zst", "--sign-key", "k"],
                          cwd=self.folder) as p:
            self.until(lambda: "replay:" in self.said(), "the run's start")
            time.sleep(0.2)
            p.send_signal(signal.SIGINT)
            self.assertEqual(130, p.wait(60), self.said())
        (test,), (fact,) = self.statements(self.checked())
        self.assertEqual(("a-7-virtual", "aborted", True), (fact["folder"], fact["verdict"], fact["partial"]))
        self.assertEqual("FAILED", test["predicate"]["result"])

    # --- the same bytes

    def test_repeated(self):
        scenario = self.write(e2e.scenario(slo=[SLO]))
        self.run_packed(scenario, "--sign-key", "k")
        first = (self.folder / "p.tar.zst").read_bytes()
        for out in ("q.tar.zst", "r.tar.zst"):
            self.command("pack", "out/short-7-virtual", "--out", out, "--sign-key", "k")
            self.assertEqual(first, (self.folder / out).read_bytes())
        old = self.checked()
        self.run_packed(scenario, "--sign-key", "k", "--out", "elsewhere")
        new = self.checked()
        self.assertEqual(set(old), set(new))
        self.assertLessEqual({n for n in old if old[n] != new[n]}, WHAT_A_RUN_TOOK)
        a, b = (json.loads(f["result.json"]) for f in (old, new))
        for result in (a, b):
            del result["engine"]["wall_seconds"]
        self.assertEqual(a, b)

    def test_a_pack_that_was_unpacked(self):
        """Its own three files are made anew: to sign what was not, or by another key."""
        self.run_packed(self.write(e2e.scenario()))
        plain = self.checked(signed=False)
        (self.folder / "x").mkdir()
        subprocess.run(["tar", "--zstd", "-xf", "../p.tar.zst"], cwd=self.folder / "x", check=True, timeout=60)
        self.command("pack", "x", "--sign-key", "k")
        signed = self.checked("x.tar.zst")
        self.assertEqual(set(plain) | {evidence.LINES, evidence.SIGNER}, set(signed))
        self.statements(signed)
        (self.folder / "x" / evidence.LINES).write_text("stale")
        self.command("pack", "x")
        self.assertEqual((self.folder / "p.tar.zst").read_bytes(), (self.folder / "x.tar.zst").read_bytes())

    def test_names_that_are_long_or_foreign(self):
        run = self.one_run()
        names = ["inputs/.hidden/my file.json", "inputs/" + "x" * 150 + ".json", "inputs/" + "d/" * 60 + "deep.json", "inputs/größe.json"]
        for name in names:
            (run / name).parent.mkdir(parents=True, exist_ok=True)
            (run / name).write_text(name)
        (run / ".result.json.123").write_text("a write that was killed")
        self.command("pack", run, "--out", "p.tar.zst", "--sign-key", "k")
        files = self.checked()
        self.assertEqual({n: n.encode() for n in names}, {n: files.get(n) for n in names})
        self.assertNotIn(".result.json.123", files)
        (test,), _ = self.statements(files)
        self.assertLessEqual(set(names), {d["name"] for d in test["predicate"]["configuration"]})
        self.command("pack", run, "--out", "q.tar.zst", "--sign-key", "k")
        self.assertEqual((self.folder / "p.tar.zst").read_bytes(), (self.folder / "q.tar.zst").read_bytes())
        (self.folder / "x").mkdir()
        subprocess.run(["tar", "--zstd", "-xf", "../p.tar.zst"], cwd=self.folder / "x", check=True, capture_output=True, timeout=60)
        self.assertEqual(names[1], (self.folder / "x" / names[1]).read_text())

    # --- by hand, as docs/EVIDENCE.md says

    def page(self, heading):
        text = (e2e.SOURCE / "docs/EVIDENCE.md").read_text(encoding="utf-8")
        (section,) = re.findall(rf"^## {heading}\n(.*?)(?=^## |\Z)", text, re.S | re.M)
        return re.findall(r"^```sh\n(.*?)^```", section, re.S | re.M)

    def shell(self, *scripts):
        path = f"{pathlib.Path(e2e.BINARY).resolve().parent}:{os.environ['PATH']}"
        return subprocess.run(["sh", "-ec", "\n".join(scripts)], cwd=self.folder, capture_output=True, text=True, timeout=90, check=False,
                              env=e2e.environment(PATH=path))

    def test_the_page_checks_a_pack(self):
        """Its commands make a pack, and its recipes find whatever was done to one afterwards."""
        for folder in ("harness", "emulator"):
            (self.folder / folder).symlink_to(e2e.SOURCE / folder)
        (make,) = self.page("Packs")
        digests, signatures = self.page("Checking a pack without this program")
        done = self.shell(make)
        self.assertEqual(0, done.returncode, done.stderr)
        done = self.shell(digests, signatures)
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertIn("PASSED result.json seed 42 []\n", done.stdout)
        again = "cd pack\n" + digests.splitlines()[1]
        unlisted = "sed -i '/result.json/d' MANIFEST.sha256"
        for harm, said in (("printf x >>plan.json", "plan.json: FAILED"), ("rm plan.json", "plan.json: FAILED"),
                           (f"rm result.json; {unlisted}", "other files: ['MANIFEST.sha256', 'result.json']"),
                           ("touch more", "other files: ['more']"), (f"mv result.json x; {unlisted}", "'result.json', 'x'"),
                           ("sed -i 1d evidence.intoto.jsonl", "other lines"), ("sed -i '1p' evidence.intoto.jsonl", "other lines"),
                           ("sed -i '$d' evidence.intoto.jsonl", "other files"), ("cp ../k.pub ../release.pub", "pkeyutl")):
            with self.subTest(harm=harm):
                done = self.shell("rm -rf pack", digests, harm, "cd ..", again, signatures)
                self.assertNotEqual(0, done.returncode, done.stdout)
                self.assertIn(said, done.stdout + done.stderr)

    # --- what is refused

    def test_what_no_pack_holds(self):
        run = self.one_run()
        more = run / "more"
        more.mkdir()
        odd = more / "odd"
        for make, said in ((lambda: odd.symlink_to("../result.json"), "is a link"),
                           (lambda: odd.symlink_to(".."), "is a link"),
                           (lambda: odd.symlink_to("nowhere"), "is a link"),
                           (lambda: os.mkfifo(odd), "is no file"),
                           (lambda: (more / "a\\b").touch(), "backslash"),
                           (lambda: (more / "a\nb").touch(), "control character"),
                           (lambda: (more / ("x" * 240)).touch(), "longer than 240")):
            make()
            with self.subTest(said=said):
                self.refused("pack", "out/short-7-virtual", "--out", "p.tar.zst", said=said)
            for file in more.iterdir():
                file.unlink()
        self.command("pack", "out/short-7-virtual", "--out", "p.tar.zst")

    def test_what_is_no_result(self):
        run = self.one_run()
        good = json.loads((run / "result.json").read_bytes())
        for change, said in (({"schema": "lpuchaos.result/2"}, "result.json:"), ({"schema": None}, "schema"), ({"verdict": "fine"}, "a verdict"),
                             ({"seed": "7"}, "seed"), ({"slo": [{"id": "a"}]}, "no verdict"), ({"expect": 1}, "a list")):
            (run / "result.json").write_text(json.dumps({**good, **change}))
            with self.subTest(said=said):
                self.refused("pack", "out/short-7-virtual", "--out", "p.tar.zst", said=said)
        for text in ("", "[]", "{", json.dumps(good) + "x"):
            (run / "result.json").write_text(text)
            self.refused("pack", "out/short-7-virtual", "--out", "p.tar.zst", said="result.json:")
        (run / "result.json").unlink()
        self.refused("pack", "out/short-7-virtual", "--out", "p.tar.zst", said="expected a result to pack")
        self.refused("pack", "nowhere", "--out", "p.tar.zst", said="expected a directory")
        self.refused("pack", "k", "--out", "p.tar.zst", said="found the file")

    def test_what_a_killed_run_left(self):
        """A result of which little is known is one."""
        run = self.one_run()
        result = json.loads((run / "result.json").read_bytes())
        unknown = {k: None for k in result if k not in ("schema", "scenario", "seed", "clock", "verdict", "partial", "plan_digest")}
        (run / "result.json").write_text(json.dumps({**result, **unknown, "verdict": "aborted", "partial": True}))
        self.command("pack", run, "--out", "p.tar.zst", "--sign-key", "k")
        (test,), (fact,) = self.statements(self.checked())
        self.assertEqual(("FAILED", []), (test["predicate"]["result"], test["predicate"]["passedTests"]))
        self.assertEqual((True, None, {"name": "lpuchaos", "version": None, "commit": None}),
                         (fact["partial"], fact["result_digest"], fact["tool"]))

    def test_keys_and_places_before_anything_runs(self):
        scenario = self.write(e2e.scenario())
        (self.folder / "folder").mkdir()
        os.mkfifo(self.folder / "fifo")
        for options, code, said in ((("--pack", "p", "--sign-key", "absent"), 2, "absent"), (("--pack", "p", "--sign-key", "k.pub"), 2, "k.pub"),
                                    (("--pack", "p", "--sign-key", scenario), 2, "PEM"), (("--sign-key", "k"), 2, "--pack"),
                                    (("--pack", "absent/p"), 3, "absent/p"), (("--pack", "folder"), 3, "folder"),
                                    (("--pack", "folder/"), 3, "folder/"), (("--pack", "fifo"), 3, "fifo"), (("--pack", "k/p"), 3, "k/p")):
            with self.subTest(options=options):
                self.refused("run", scenario, "--clock", "virtual", *options, code=code, said=said)
                self.assertEqual([], [p for p in self.folder.glob("out/*")])
        self.assertEqual([], os.listdir(self.folder / "folder"))
        run = self.one_run()
        for out in ("out/short-7-virtual/p.tar.zst", "out/p.tar.zst"):
            self.command("pack", "out", "--out", out, code=2)
        self.command("run", scenario, "--clock", "virtual", "--pack", run / "p.tar.zst", code=2)
        self.assertFalse(list(self.folder.rglob("p.tar.zst*")))
        self.assertFalse(list(self.folder.rglob(".p.tar.zst*")))

    def test_a_pack_that_fails_at_the_end_is_3(self):
        run = self.one_run()
        (run / "odd").symlink_to("nowhere")
        said = self.run_packed(str(self.folder / "scenario.json"), code=3)
        self.assertIn("is a link", said)
        self.assertFalse((self.folder / "p.tar.zst").exists())

    def test_a_full_disk(self):
        def small_files():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (200000, 200000))

        run = self.one_run()
        (run / "noise").write_bytes(os.urandom(400000))
        (self.folder / "p.tar.zst").write_text("before")
        said = self.command("pack", run, "--out", "p.tar.zst", code=3, preexec_fn=small_files)
        self.assertRegex(said, r"\Acannot write the pack 'p.tar.zst': .+\n\Z")
        self.assertEqual("before", (self.folder / "p.tar.zst").read_text())
        self.assertFalse(list(self.folder.glob(".p.tar.zst*")))

    def test_killed(self):
        """SIGKILL while it is written: no half pack under the name, and nothing in the way of the next."""
        run = self.one_run()
        (run / "noise").write_bytes(os.urandom(1 << 20) * 100)
        (self.folder / "p.tar.zst").write_text("before")
        arguments = ["pack", str(run), "--out", "p.tar.zst"]
        with self.started([e2e.BINARY, *arguments], cwd=self.folder) as p:
            self.until(lambda: any(f.stat().st_size for f in self.folder.glob(".p.tar.zst.*")) or p.poll() is not None, "writing")
            p.kill()
            self.assertEqual(-signal.SIGKILL, p.wait(10))
        self.assertEqual("before", (self.folder / "p.tar.zst").read_text())
        self.command(*arguments)
        self.checked(signed=False)


if __name__ == "__main__":
    absent = [tool for tool in ("tar", "zstd", "sha256sum", "openssl") if not shutil.which(tool)]
    if absent:
        print("skipped: no " + ", ".join(absent))
        sys.exit(77)
    e2e.main(needs_ring=False)
