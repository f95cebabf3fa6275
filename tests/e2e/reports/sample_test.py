#!/usr/bin/env python3
"""The pieces of report pages in a browser: drawn, safe, within the window, usable by keyboard and on paper."""
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "support"))
import browser  # noqa: E402

SAMPLE = os.environ.get("LPC_PAGE_SAMPLE", "page_sample")


class Sample(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.path = pathlib.Path(cls.folder.name) / "sample.html"
        cls.path.write_bytes(subprocess.run([SAMPLE], check=True, capture_output=True).stdout)
        cls.browser = cls.enterClassContext(browser.Browser())

    def test_every_kind_of_chart_is_drawn_at_every_width_and_scheme(self):
        for width, scheme in ((360, "light"), (390, "dark"), (1280, "light"), (1600, "dark")):
            page = self.browser.open(self.path, width, scheme=scheme)
            self.assertEqual([], page.problems(), f"{width} {scheme}")
            self.assertLessEqual(page.overflow(), 0, f"{width} {scheme}")
            charts = page.charts()
            self.assertEqual(["line", "step", "curve", "bar", "range"], [c["id"].removesuffix("-canvas") for c in charts])
            for c in charts:
                self.assertGreater(c["colours"], 10, c)
                self.assertLessEqual(c["width"], width, c)
                self.assertTrue(c["label"], c)

    def test_hostile_text_is_shown_and_not_run(self):
        page = self.browser.open(self.path)
        self.assertIn("</script><script>throw 1", page.evaluate("document.body.innerText"))
        self.assertEqual(0, page.evaluate("document.images.length"))
        page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"document.title=1\">')")
        page.settle()
        self.assertTrue(page.evaluate("document.title").startswith("Sample"))  # the policy, too, refuses it

    def test_the_keyboard_reaches_everything(self):
        page = self.browser.open(self.path)
        focused, seen = "document.activeElement", []
        for _ in range(40):
            page.press("Tab")
            seen.append(page.evaluate(f"{focused}.className + ' ' + {focused}.tagName"))
        self.assertEqual("skip A", seen[0])
        for what in ("table DIV", " PRE", " SUMMARY", " A"):
            self.assertIn(what, seen)
        page.evaluate("document.querySelector('summary').focus()")
        page.press("Enter")
        self.assertTrue(page.evaluate("document.querySelector('details').open"))

    def test_it_prints_in_the_colours_of_paper(self):
        page = self.browser.open(self.path, scheme="dark")
        pdf = page.pdf()
        self.assertTrue(pdf.startswith(b"%PDF"))
        self.assertGreater(len(pdf), 10000)
        self.assertEqual([], page.problems())


if __name__ == "__main__":
    if not browser.program():
        print("skipped: no chromium")
        sys.exit(77)
    unittest.main(verbosity=2)
