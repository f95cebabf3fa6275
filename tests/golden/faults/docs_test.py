#!/usr/bin/env python3
"""docs/FAULTS.md is what the catalogue says about itself. UPDATE_GOLDEN=1 writes it anew.

usage: docs_test.py LPUCHAOS SOURCE_DIR"""
import json
import os
import subprocess
import sys

binary, source = sys.argv[1], sys.argv[2]
path = os.path.join(source, "docs/FAULTS.md")
kinds = json.loads(subprocess.run([binary, "faults", "--json"], check=True, capture_output=True).stdout)

out = ["""# Faults

This page is written from the catalogue (`lpuchaos faults --json`); a test holds the two together.

A fault is `{"id", "kind", "target", "at" | "every" | "when" | "after" | "together", "for", "stagger", …parameters}`; [SCENARIO.md](SCENARIO.md) says what may stand
there. Without `for` a fault lasts to the end of the run. Every fault is reverted, and after the last revert the rack must be
what a never-faulted one is, or the run is invalid.

| kind | what | target | acts in |
| --- | --- | --- | --- |"""]
for k in kinds:
    out.append(f"| [`{k['kind']}`](#{k['kind'].replace('.', '')}) | {k['help']} | {', '.join(k['targets'])} | "
               f"{ {'model': 'the rack', 'client': 'the load', 'both': 'the load and the rack'}[k['acts_in']]} |")
for k in kinds:
    out.append(f"\n## {k['kind']}\n\n{k['effect']}\n")
    out.append(f"- *Detection*: {k['detection']}")
    out.append(f"- *Revert*: {k['revert']}")
    if k["default_target"]:
        out.append(f"- *Default target*: `{k['default_target']}`")
    if k["exclusive"]:
        out.append(f"- Faults of the group `{k['exclusive']}` must not overlap on one target")
    if k["parameters"]:
        out.append("\n| parameter | type | default | meaning | label of the default |\n| --- | --- | --- | --- | --- |")
    for p in k["parameters"]:
        default = "" if p["default"] is None else f"`{p['default'] if isinstance(p['default'], str) else json.dumps(p['default'])}`"
        label = f"{p['label']}: {p['source']}" if p["label"] else ""
        out.append(f"| `{p['name']}` | {p['type']} | {default} | {p['help']} | {label} |")
    out.append("\n```json\n" + json.dumps(k["example"]) + "\n```")
text = "\n".join(out) + "\n"

if os.environ.get("UPDATE_GOLDEN"):
    with open(path, "w") as f:
        f.write(text)
with open(path) as f:
    if f.read() != text:
        sys.exit("docs/FAULTS.md is not what the catalogue says: UPDATE_GOLDEN=1 writes it anew")
