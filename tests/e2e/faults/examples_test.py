#!/usr/bin/env python3
"""Every kind's example takes effect and is reverted (DESIGN §6): a 120 s virtual run of the default deployment at
20 requests/s with one traffic entry `t` ends with exit 0, 1 or 4, the fault has an effect, and the rack is clean. The
run's store keeps its laws."""
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
import stores  # noqa: E402

binary, source = sys.argv[1], sys.argv[2]
# Their harm comes with other faults or with those who listen: a control plane that fails alone touches no request.
HARMLESS = ("shape.creep", "link.ghost", "ethernet.partition", "control.health_blind", "control.telemetry_loss")
kinds = json.loads(subprocess.run([binary, "faults", "--json"], check=True, capture_output=True).stdout)
assert isinstance(kinds, list) and len(kinds) >= 5, kinds
failed = 0
for kind in kinds:
    example = kind["example"]
    scenario = {
        "version": 1, "name": "example", "duration": "120s",
        "deployment": os.path.join(source, "emulator/profiles/lpuv1-1rack.json"),
        "traffic": [{"name": "t", "tier": "interactive", "arrival": {"process": "poisson", "rate": 20},
                     "prompt_tokens": {"dist": "lognormal", "median": 500, "p99": 2000},
                     "output_tokens": {"dist": "constant", "value": 64}, "max_tokens": 256}],
        "faults": [example],
        "slo": [{"id": "ttft", "tier": "interactive", "metric": "ttft_ms", "quantile": 0.99, "max": "2s"}],
    }
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "example.json")
        with open(path, "w") as f:
            json.dump(scenario, f)
        run = subprocess.run([binary, "run", path, "--clock", "virtual", "--json", "--out", folder],
                             capture_output=True, text=True, timeout=60)
        kept = os.path.join(folder, "example-1-virtual", "run.sqlite")
        problems = stores.problems(kept) if os.path.exists(kept) else ["no store"]
    if run.returncode not in (0, 1, 4):
        problems.append(f"exit {run.returncode}: {run.stderr.strip()}")
    else:
        result = json.loads(run.stdout)
        fault = result["faults"][0]
        if example["kind"] != kind["kind"] or fault["kind"] != kind["kind"]:
            problems.append("the example is of another kind")
        if fault["effect_ns"] is None:
            problems.append("no effect")
        if fault["revert_ns"] is None or not fault["clean"]:
            problems.append("not reverted, or not clean")
        if fault["damage"] is None:
            problems.append("no twin")
        elif fault["kind"] not in HARMLESS and not fault["damage"]["late"] + fault["damage"]["lost"]:
            problems.append("nobody was late or lost")
    print(f"{kind['kind']}: {'; '.join(problems) if problems else 'ok'}")
    failed += bool(problems)
sys.exit(1 if failed else 0)
