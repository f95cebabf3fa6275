#!/usr/bin/env python3
"""report.html of a run, in a browser and against result.json: every figure, every chart, whatever the run's texts hold and
whichever of its files are gone."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "support"))
import browser  # noqa: E402
import e2e  # noqa: E402

PAGE_BYTES_MAX = 1_500_000
HOSTILE = "</script><script>throw 'a'</script><img src=x onerror=\"throw 'b'\">'\"&\u2028\u202e{{7*7}}"
SECTIONS = ["promises", "latency", "blame", "curves", "load", "failover", "tiers", "audit", "damage", "assumptions", "trust",
            "rule", "replay"]
# Said once more under other programs' names in each group; the page has them under ours.
ALIASES = re.compile(r"(mean|median|p99)_(ttft|tpot|itl|e2el)_ms|total_(in|out)put_tokens|request_goodput")

SCENARIO = e2e.scenario(
    "paged", duration="40s", warmup="1s", drain="5s",
    about="Question: does it hold? Expectation: yes, mostly. Reason: two slots are spare.",
    deployment={"pools": [{"name": "p", "instances": 1, "admission": {"policy": "queue_cap", "limit": 64}, "buckets": [
        {"max_seq": 4096, "frame": "4ms", "slots": 32, "prefill_tokens_per_frame": 64}]}]},
    traffic=[dict(e2e.scenario()["traffic"][0], arrival={"process": "poisson", "rate": 40}),
             dict(e2e.scenario()["traffic"][0], name="bulk", tier="batch", arrival={"process": "poisson", "rate": 10})],
    faults=[{"id": "flap", "kind": "link.flap", "target": "any(1)", "at": "10s", "for": "2s"},
            {"id": "loss", "kind": "chip.loss", "target": "r0.n1.c0", "at": "20s", "for": "5s"}],
    slo=[{"id": "chat-ttft", "tier": "interactive", "metric": "ttft_ms", "quantile": 0.99, "max": "300ms"},
         {"id": "chat-e2el", "tier": "interactive", "metric": "e2el_ms", "quantile": 0.9, "max": "20ms"},
         {"id": "bulk-tpot", "tier": "batch", "metric": "tpot_ms", "quantile": 0.99, "max": "10ms", "window": "fault"}],
    expect=[{"id": "failover", "kind": "ttf", "fault": "loss", "max": "1s"},
            {"id": "nothing-lost", "kind": "lost_requests", "max": 0},
            {"id": "in-rack", "kind": "critical_path_in_rack"}])


def numbers(value, path=""):
    """(path, number) of every number in a document; elements of lists by id or name, else by index, as data-field has them."""
    if isinstance(value, dict):
        for k, v in value.items():
            yield from numbers(v, f"{path}.{k}" if path else k)
    elif isinstance(value, list):
        for i, v in enumerate(value):
            name = v.get("id") or v.get("name") if isinstance(v, dict) else None
            yield from numbers(v, f"{path}.{name or i}")
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield path, value


def play(folder, scenario, *options):
    path = folder / f"{scenario['name']}.json"
    path.write_text(json.dumps(scenario))
    done = subprocess.run([e2e.BINARY, "run", str(path), "--clock", "virtual", "--out", str(folder / "out"), *options],
                          capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode in e2e.JUDGED, done.stderr
    return folder / "out" / f"{scenario['name']}-{scenario['seed']}-virtual"


class Page(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.dir = play(cls.folder, SCENARIO)
        cls.result = json.loads((cls.dir / "result.json").read_text())
        cls.browser = cls.enterClassContext(browser.Browser()) if browser.program() else None

    def need_browser(self):
        if not self.browser:
            self.skipTest("no chromium")

    def copy(self, name):
        there = self.folder / name / self.dir.name
        shutil.copytree(self.dir, there)
        (there / "report.html").unlink()
        return there

    def report(self, where, code=0):
        done = subprocess.run([e2e.BINARY, "report", str(where)], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(code, done.returncode, done.stderr)
        return (where / "report.html").read_text(encoding="utf-8") if code == 0 else done.stderr

    def edit(self, where, name, change):
        path = where / name
        document = json.loads(path.read_text())
        change(document)
        path.write_text(json.dumps(document))

    def opened(self, where, width=1280, scheme="light"):
        """A page without errors, requests and overflow, each chart of which is drawn."""
        page = self.browser.page
        if page and (page.path, page.scheme) == (where / "report.html", scheme):
            page.resize(width)
        else:
            page = self.browser.open(where / "report.html", width, scheme=scheme)
        self.assertEqual([], page.problems())
        self.assertLessEqual(page.overflow(), 0, f"at {width}")
        for c in page.charts():
            self.assertGreater(c["colours"], 10, c)
            self.assertTrue(c["label"], c)
        return page

    def test_report_makes_the_same_page_again(self):
        before = (self.dir / "report.html").read_bytes()
        self.assertLess(len(before), PAGE_BYTES_MAX)
        (self.dir / "report.html").unlink()
        self.report(self.dir)
        self.assertEqual(before, (self.dir / "report.html").read_bytes())

    def test_every_figure_is_that_of_the_result(self):
        self.need_browser()
        page = self.opened(self.dir)
        shown = page.evaluate("""[...document.querySelectorAll('[data-field]:not([data-file])')].map(
            e => [e.dataset.field, e.dataset.value, e.textContent, e.title])""")
        there = dict(numbers(self.result))
        seen = {}
        for field, value, text, title in shown:
            if field not in there:
                continue
            self.assertEqual(there[field], json.loads(value), field)
            seen[field] = text
            if not field.endswith("_ns"):  # those are told in seconds
                self.assertAlmostEqual(there[field], float(text), delta=max(5e-4, abs(there[field]) * 1e-3), msg=field)
                self.assertEqual(title, "" if text == value else value, field)
        missing = [f for f in there if f not in seen and not (f.startswith("groups.") and ALIASES.fullmatch(f.split(".")[-1]))
                   and not re.fullmatch(r"faults\.\w+\.(lost_requests|refused_requests|tokens_recomputed)", f)
                   and not f.endswith((".quantile", ".max_refused"))]
        self.assertEqual([], missing)

    def test_the_verdict_comes_first_and_the_parts_in_order(self):
        self.need_browser()
        page = self.opened(self.dir)
        text = page.evaluate("document.body.innerText")
        self.assertEqual(self.result["verdict"], page.evaluate("document.querySelector('.lead .verdict').textContent"))
        self.assertLess(text.index("Missed: chat-e2el"), text.index("does it hold?"))
        self.assertLess(text.index("does it hold?"), text.index("What was promised"))
        self.assertEqual(SECTIONS, page.evaluate("[...document.querySelectorAll('h2')].map(h => h.id)"))
        self.assertIn(self.result["replay"], text)
        for digest in ("plan_digest", "traffic_digest", "result_digest"):
            self.assertIn(self.result[digest], text)
        levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(h => +h.tagName[1])")
        self.assertEqual(1, levels[0])
        self.assertEqual(1, levels.count(1))
        self.assertTrue(all(b <= a + 1 for a, b in zip(levels, levels[1:])), levels)

    def test_tables_and_charts_speak_to_those_who_do_not_see_them(self):
        self.need_browser()
        page = self.opened(self.dir)
        self.assertEqual(0, page.evaluate("[...document.querySelectorAll('table')].filter(t => !t.caption).length"))
        self.assertEqual(0, page.evaluate("document.querySelectorAll('th:not([scope])').length"))
        self.assertEqual("en", page.evaluate("document.documentElement.lang"))
        self.assertEqual(0, page.evaluate("""[...document.querySelectorAll('figure')].filter(
            f => f.querySelector('canvas') && !f.querySelector('details table')).length"""))
        ids = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
        self.assertEqual(sorted(set(ids)), sorted(ids))
        self.assertEqual(0, page.evaluate("""[...document.querySelectorAll('nav a')].filter(
            a => !document.getElementById(a.hash.slice(1))).length"""))

    def test_colours_are_told_apart_from_their_paper(self):
        """WCAG AA: 4.5 to 1 for all text, in both schemes."""
        self.need_browser()
        for scheme in ("light", "dark"):
            page = self.opened(self.dir, scheme=scheme)
            poor = page.evaluate("""(() => {
                const rgb = s => s.match(/[\\d.]+/g).map(Number);
                const lum = c => c.slice(0, 3).map(v => v / 255).map(
                    v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4).reduce((s, v, i) => s + v * [.2126, .7152, .0722][i], 0);
                const back = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor);
                    if (c.length < 4 || c[3] > 0) return c; } return [255, 255, 255]; };
                return [...document.querySelectorAll('p,td,th,dt,dd,a,summary,caption,h1,h2,h3,span,code')].filter(e => {
                    const [a, b] = [lum(rgb(getComputedStyle(e).color)), lum(back(e))].sort((x, y) => y - x);
                    return (a + .05) / (b + .05) < 4.5; }).map(e => e.className + ' ' + e.textContent.slice(0, 30)); })()""")
            self.assertEqual([], poor, scheme)

    def test_it_fits_every_window(self):
        self.need_browser()
        for width, scheme in ((360, "light"), (390, "light"), (1280, "dark"), (1600, "dark")):
            page = self.opened(self.dir, width, scheme)
            kinds = {re.sub(r"(-chart)?(-\d+)?-canvas$", "", c["id"]) for c in page.charts()}
            self.assertEqual({"ttft", "e2el", "blame", "curve", "queue", "goodput", "failover"}, kinds)

    def test_it_is_used_by_keyboard_and_on_paper(self):
        self.need_browser()
        page = self.opened(self.dir)
        page.press("Tab")
        self.assertEqual("skip", page.evaluate("document.activeElement.className"))
        page.press("Enter")
        self.assertEqual("#main", page.evaluate("location.hash"))
        for _ in range(60):
            page.press("Tab")
            if page.evaluate("document.activeElement.tagName") == "SUMMARY":
                break
        self.assertFalse(page.evaluate("document.activeElement.parentElement.open"))
        page.press("Enter")
        self.assertTrue(page.evaluate("document.activeElement.parentElement.open"))
        self.assertTrue(page.pdf().startswith(b"%PDF"))
        page.paper(690)  # A4 with margins
        self.assertLessEqual(page.overflow(), 0)
        self.assertEqual([], page.problems())

    def test_hostile_texts_are_shown_and_nothing_else(self):
        there = self.copy("hostile")

        def rename(d):
            d.update(verdict=HOSTILE, replay=HOSTILE, scenario="../" + HOSTILE)
            d["validity"]["reasons"] = [HOSTILE]
            for item in d["slo"] + d["expect"] + d["faults"]:
                item.update({k: HOSTILE for k in ("id", "reason", "detail", "kind", "target", "tier", "basis") if k in item})
            d["slo"][0]["blame"] = {HOSTILE: 1}
            d["groups"][0]["tier"] = d["groups"][0]["window"] = HOSTILE
            d["engine"][HOSTILE] = 1
        self.edit(there, "result.json", rename)
        self.edit(there, "bundle.json", lambda d: d["scenario"].update(about=HOSTILE))
        self.edit(there, "faults.json", lambda d: d["active"][0].update(fault=HOSTILE))
        self.edit(there, "histograms.json", lambda d: [g.update(tier=HOSTILE, window=HOSTILE) for g in d["groups"]])
        self.edit(there, "score.json", lambda d: d.update(tiers=[HOSTILE, HOSTILE]))
        self.edit(there, "assumptions.json", lambda d: d["assumptions"][0].update(path=HOSTILE, source=HOSTILE, unit=HOSTILE))
        self.edit(there, "audit.json", lambda d: d["matrix"][0].update({"class": HOSTILE}))
        html = self.report(there)
        self.assertEqual(2, html.count("<script>"))
        self.assertNotIn("<img", html)
        self.need_browser()
        page = self.opened(there, 390)
        self.assertIn(HOSTILE[:40], page.evaluate("document.body.textContent"))

    def test_what_is_not_there_is_said_to_be(self):
        for name in ("run.sqlite", "histograms.json", "faults.json", "score.json", "assumptions.json", "audit.json", "bundle.json"):
            there = self.copy("without-" + name)
            (there / name).unlink()
            self.assertEqual(SECTIONS, re.findall('<h2 id="([a-z-]+)">', self.report(there)), name)
        there = self.copy("alone")
        for path in there.iterdir():
            if path.name != "result.json":
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        html = self.report(there)
        for words in ("no run.sqlite", "no histograms.json", "no assumptions.json", "no audit.json"):
            self.assertIn(words, html)
        self.need_browser()
        self.opened(there)

    def test_broken_files_do_no_harm(self):
        for name in ("run.sqlite", "histograms.json", "audit.json"):
            there = self.copy("broken-" + name)
            (there / name).write_text('{"groups": [')
            self.assertIn("Not read", self.report(there), name)
        there = self.copy("broken")
        (there / "result.json").write_text("[1,2")
        self.assertIn("result.json", self.report(there, 2))
        there = self.copy("wrong")
        for name in ("result.json", "score.json", "faults.json", "histograms.json", "assumptions.json"):
            (there / name).write_text('{"slo": [1, {"id": 7, "blame": [2]}], "expect": {"a": 1}, "faults": "x", "groups": [[], {}],'
                                      ' "tiers": 3, "active": [{"fault": 1}], "assumptions": [3], "requests": [], "engine": 1}')
        self.report(there)

    def test_a_page_has_its_bounds(self):
        there = self.copy("large")

        def grow(d):
            for key in ("slo", "expect", "faults", "groups"):
                d[key] = [dict(x, id=f"{x.get('id')}-{i}", tier=f"t{i}") for i in range(2000) for x in d[key][:1]]
        self.edit(there, "result.json", grow)
        self.edit(there, "bundle.json", lambda d: d["scenario"].update(about="x" * 3_000_000))
        html = self.report(there)
        self.assertLess(len(html), PAGE_BYTES_MAX)
        self.assertIn("more faults: see", html)
        self.assertTrue(html.endswith("</html>\n"))

    def test_a_killed_run_has_a_page(self):
        there = self.copy("killed")

        def kill(d):
            d.update(verdict="aborted", partial=True, result_digest=None, steady_state=None, audit=None, agreement=None)
            for k in ("validity", "requests", "tokens", "engine", "slo", "expect", "groups", "faults"):
                d[k] = None
        self.edit(there, "result.json", kill)
        (there / "score.json").unlink()
        html = self.report(there)
        self.assertIn("did not come to its end", html)
        self.assertIn("Not known: the run was killed", html)
        self.assertNotIn("No fault was planned", html)
        self.need_browser()
        self.opened(there)

    def test_other_folders_are_no_result(self):
        self.assertIn("result.json", self.report(self.folder, 2))
        self.assertIn("nowhere", self.report(self.folder / "nowhere", 2))


class Knee(unittest.TestCase):
    def test_a_knee_has_a_page_and_stands_in_that_of_its_run(self):
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        small = e2e.scenario("kneed", duration="20s", slo=[
            {"id": "ttft", "tier": "interactive", "metric": "ttft_ms", "quantile": 0.9, "max": "100ms"}])
        where = play(folder, small)
        done = subprocess.run([e2e.BINARY, "knee", str(folder / "kneed.json"), "--out", str(folder / "out"), "--requests", "1000",
                               "--points", "4"], capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual(0, done.returncode, done.stderr)
        for place, chart in ((folder / "out" / "kneed-knee", 1), (where, 1)):
            subprocess.run([e2e.BINARY, "report", str(place)], check=True, capture_output=True, timeout=60)
            html = (place / "report.html").read_text()
            self.assertEqual(chart, html.count('id="knee-canvas"') + html.count('id="knee-chart-canvas"'))
        if not browser.program():
            self.skipTest("no chromium")
        knee = json.loads((folder / "out" / "kneed-knee" / "knee.json").read_text())
        with browser.Browser() as b:
            for place in (folder / "out" / "kneed-knee", where):
                page = b.open(place / "report.html", 390)
                self.assertEqual([], page.problems())
                self.assertLessEqual(page.overflow(), 0)
                self.assertTrue(all(c["colours"] > 10 for c in page.charts()))
                shown = page.evaluate("[...document.querySelectorAll('[data-file=\"knee.json\"]')].map(e => [e.dataset.field, e.dataset.value])")
                there = dict(numbers(knee))
                for field, value in shown:
                    if field in there:
                        self.assertEqual(there[field], json.loads(value), field)
                self.assertIn("healthy.knee.estimate.rho", dict(shown))


class Long(unittest.TestCase):
    def test_a_long_run_has_a_page_in_no_time(self):
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        requests = 50_000 if os.environ.get("LPUCHAOS_SANITIZE") else 1_000_000
        many = e2e.scenario("long", duration=f"{requests // 250}s", slo=[
            {"id": "ttft", "tier": "interactive", "metric": "ttft_ms", "quantile": 0.99, "max": "100ms"}])
        many["deployment"]["pools"][0]["buckets"][0]["slots"] = 64
        many["traffic"][0]["arrival"]["rate"] = 250
        where = play(folder, many)
        began = time.monotonic()
        subprocess.run([e2e.BINARY, "report", str(where)], check=True, capture_output=True, timeout=60)
        seconds = time.monotonic() - began
        print(f"page of {requests} requests: {seconds:.3f} s, {(where / 'report.html').stat().st_size} bytes", file=sys.stderr)
        self.assertLess(seconds, 2)
        self.assertLess((where / "report.html").stat().st_size, PAGE_BYTES_MAX)


if __name__ == "__main__":
    e2e.main(needs_ring=False)
