"""The review of a suite that claims something, on two claims of the shipped one; shipped_test.py looks at all of it."""
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
import browser  # noqa: E402
import e2e  # noqa: E402
import review  # noqa: E402
import schemas  # noqa: E402

CLAIMS = ("queue-cap", "spare-takes-over")


def suite(name, claims=CLAIMS):
    text = re.sub(r'("(?:\\.|[^"\\])*")|//[^\n]*|/\*.*?\*/', lambda m: m[1] or " ",
                  (e2e.SOURCE / "harness/suites/tier03.json").read_text(), flags=re.S)
    text = text.replace("../../emulator", str(e2e.SOURCE / "emulator"))
    whole = json.loads(text)
    whole["claims"] = [c for c in whole["claims"] if c["id"] in claims]
    used = {n for c in whole["claims"] for n in c["harm"] + c["remedy"]}
    whole["scenarios"] = [s for s in whole["scenarios"] if s["name"] in used]
    return whole | {"name": name}


class Review(e2e.Case):
    def run_suite(self, document, *options):
        done = subprocess.run([e2e.BINARY, "run", self.write(document, "suite.json"), "--clock", "virtual", "--out",
                               str(self.folder / "out"), *options], capture_output=True, text=True, timeout=280, check=False)
        self.assertEqual(0, done.returncode, done.stderr)
        self.no_sanitizer(done.stderr)
        return self.folder / "out"

    def test_it_is_whole_labelled_packed_and_the_same_again(self):
        pack = self.folder / "pack.tar.zst"
        out = self.run_suite(suite("tier03"), "--pack", str(pack))
        document = json.loads((out / "tier03.json").read_text())
        self.assertEqual([], schemas.keeps_to(document, "tier03"))
        self.assertEqual([], review.problems(out))
        self.assertEqual("pass", document["verdict"])
        packed = subprocess.run(["tar", "--zstd", "-tf", str(pack)], capture_output=True, text=True, check=True).stdout.split()
        for name in ("tier03.json", "tier03.html", "questions.md", "tier03.claims.json"):
            self.assertIn(name, packed)
            self.assertTrue((out / name).is_file())
        self.assertNotIn(str(self.folder), (out / "tier03.json").read_text() + (out / "tier03.claims.json").read_text())
        before = {name: (out / name).read_bytes() for name in ("tier03.json", "tier03.html", "questions.md")}
        self.run_suite(suite("tier03"))
        self.assertEqual(before, {name: (out / name).read_bytes() for name in before})
        self.check_bounds(document)
        self.check_page(out)

    def check_bounds(self, document):
        """16 wait behind 4 slots, 40 frames as declared and said: (ceil(16 / 4) 40 + 1) 4 ms."""
        rows = {(b["scenario"], b["pool"]): b for b in document["queueing"]["buckets"]}
        row = rows["queue-with-cap", "agents"]
        terms = row["bound"]["terms"]
        frames = -(-terms["L"] // terms["S"]) * terms["C"] + 1
        self.assertEqual(frames * terms["F_ms"], row["bound"]["wait_ms"])
        self.assertEqual(644, row["bound"]["wait_ms"])
        self.assertTrue(row["healthy"]["within_bound"])
        self.assertGreater(row["healthy"]["refused"], 0)
        chat = rows["queue-with-cap", "chat"]
        self.assertEqual((False, None, None), tuple(chat["bound"][k] for k in ("bounded", "wait_ms", "ttft_ms")))
        self.assertIn("nobody is refused", chat["bound"]["why"])
        self.assertAlmostEqual(0.533, chat["theory"]["rho"], 3)

    def check_page(self, out):
        if not browser.program():
            return
        with browser.Browser() as b:
            for width in (390, 1280):
                page = b.open(out / "tier03.html", width)
                self.assertEqual([], page.problems())
                self.assertLessEqual(page.overflow(), 0)
                self.assertEqual(["bounds-canvas"], [c["id"] for c in page.charts() if c["colours"] > 10])
            text = page.evaluate("document.body.innerText")
            for words in ("queue-with-cap", "(ceil(L / S) C + 1) F + W", "490 single losses", "forbidden"):
                self.assertIn(words, text)

    def test_another_suite_puts_its_name_before_and_text_stays_text(self):
        document = suite("mine", ("queue-cap",))
        document["claims"][0]["claim"] = "<script>alert(1)</script> & [x](http://example.com) *y*"
        out = self.run_suite(document)
        self.assertEqual([], review.problems(out, "mine.tier03.json"))
        page = (out / "mine.tier03.html").read_text()
        self.assertNotIn("<script>alert(1)", page)
        self.assertIn("&lt;script&gt;alert(1)", page)
        self.assertTrue((out / "mine.questions.md").is_file())
        index = (out / "mine.html").read_text()
        self.assertIn("&lt;script&gt;alert(1)", index)
        self.assertIn('href="mine.tier03.html"', index)
        self.assertFalse((out / "tier03.json").exists())

    def test_a_suite_that_claims_nothing_has_none(self):
        document = suite("quiet", ("queue-cap",))
        del document["claims"]
        out = self.run_suite(document)
        self.assertEqual([], [p.name for p in out.iterdir() if "tier03" in p.name or "questions" in p.name])
        self.check_index(document, out)

    def check_index(self, document, out):
        """Every run with its verdict and figures, and links that lead somewhere."""
        page = (out / "quiet.html").read_text()
        for s in document["scenarios"]:
            folder = f"{s['name']}-{s['seed']}-virtual"
            for name in ("report.html", "result.json", "junit.xml"):
                self.assertIn(f'href="{folder}/{name}"', page)
                self.assertTrue((out / folder / name).is_file())
            for slo in json.loads((out / folder / "result.json").read_text())["slo"]:
                self.assertIn(f'data-value="{slo["observed_ms"]}"', page)
        if not browser.program():
            return
        with browser.Browser() as b:
            for width in (390, 1280):
                shown = b.open(out / "quiet.html", width)
                self.assertEqual([], shown.problems())
                self.assertLessEqual(shown.overflow(), 0)
            self.assertIn("lpuchaos run", shown.evaluate("document.body.innerText"))


if __name__ == "__main__":
    e2e.main(needs_ring=False)
