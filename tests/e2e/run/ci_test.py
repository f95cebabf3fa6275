"""The gates of docs/CI.md: each under 20 lines, and its shell commands, taken out of the page, do what it says. Each is built three times:
without a BASE, with nothing changed, and with a change that makes it slower."""
import json
import os
import pathlib
import re
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "support"))
import e2e  # noqa: E402

PAGE = (e2e.SOURCE / "docs/CI.md").read_text()
BLOCKS = re.findall(r"^## (.+?)$.*?```\w+\n(.*?)```", PAGE, re.S | re.M)
PREPARES = ("apt-get ", "git config ", "scripts/quickstart")  # the machine and the program: there already
SUITE = {"version": 1, "name": "ci-gate", "clock": "virtual", "scenarios": [e2e.scenario(
    "steady", duration="42s", warmup="2s", drain="20s", faults=[
        {"id": "node", "kind": "node.loss", "target": "busiest", "at": "10s", "for": "5s"}],
    traffic=[{"name": "chat", "tier": "interactive", "arrival": {"process": "poisson", "rate": 40},
              "prompt_tokens": {"dist": "uniform", "min": 1, "max": 400},
              "output_tokens": {"dist": "constant", "value": 6}, "max_tokens": 32}],
    slo=[{"id": "ttft", "tier": "interactive", "metric": "ttft_ms", "quantile": 0.99, "max": "5s"}])]}


def commands(block):
    """What a runner would hand to a shell, one step after the other."""
    found = []
    in_script = False
    for line in block.splitlines():
        in_script = line.strip() == "script:" or (in_script and line.strip().startswith("- "))
        step = re.match(r"\s*- run: (.+)$", line) or re.match(r"\s*sh '(.+)'$", line)
        if step:
            found.append(step[1])
        elif in_script and line.strip() != "script:":
            found.append(line.strip()[2:])
    return [c for c in found if not c.startswith(PREPARES)]


class Gates(e2e.Case):
    def build(self, steps):
        """One build of the main branch: the exit code of the first step that fails, else 0."""
        summary = self.folder / "summary"
        for step in steps:
            done = subprocess.run(["sh", "-e", "-c", step], cwd=self.folder, capture_output=True, text=True, timeout=120,
                                  check=False, env=e2e.environment(GITHUB_STEP_SUMMARY=str(summary), CI_COMMIT_BRANCH="main",
                                                                   CI_DEFAULT_BRANCH="main"))
            self.no_sanitizer(done.stderr)
            if done.returncode:
                return done.returncode, done.stderr
        if "base/new.tar.zst" in " ".join(steps):  # Jenkins: the last successful build's artifact
            (self.folder / "base").mkdir(exist_ok=True)
            os.replace(self.folder / "new.tar.zst", self.folder / "base/new.tar.zst")
        return 0, ""

    def gate(self, name):
        block = dict(BLOCKS)[name]
        steps = commands(block)
        self.assertLess(len(block.splitlines()), 20)
        self.assertEqual(len([s for s in steps if "lpuchaos run" in s and "--junit" in s and "--pack" in s]), 1)
        self.assertEqual(len([s for s in steps if "lpuchaos compare" in s]), 1)
        (self.folder / "build/release").mkdir(parents=True)
        (self.folder / "build/release/lpuchaos").symlink_to(pathlib.Path(e2e.BINARY).resolve())
        (self.folder / "harness/suites").mkdir(parents=True)
        self.write(SUITE, "harness/suites/ci-gate.json")
        self.assertEqual(self.build(steps), (0, ""))
        self.assertEqual(self.build(steps), (0, ""))
        changed = json.loads(json.dumps(SUITE))
        changed["scenarios"][0]["deployment"]["pools"][0]["buckets"][0]["frame"] = "8.6ms"
        self.write(changed, "harness/suites/ci-gate.json")
        code, said = self.build(steps)
        self.assertEqual(code, 1, said)
        self.assertIn("worse: steady: slo ttft", said)

    def test_github(self):
        self.gate("GitHub Actions")
        self.assertIn("REGRESSION", (self.folder / "summary").read_text())

    def test_gitlab(self):
        self.gate("GitLab CI")
        self.assertIn("<failure", (self.folder / "compare.xml").read_text())

    def test_jenkins(self):
        self.gate("Jenkins")
        self.assertIn("<failure", (self.folder / "compare.xml").read_text())


if __name__ == "__main__":
    unittest.main()
