#!/usr/bin/env python3
"""Every JSON example of the pages is accepted: `plan` takes the scenarios and suites, `compile` the deployments, `audit`
the topologies, with a capture that has no packet, which is inconclusive (4). The
scenarios that the suites name are the page's own first one, under those names."""
import json
import pathlib
import re
import struct
import subprocess
import sys
import tempfile

source, binary = pathlib.Path(sys.argv[1]), sys.argv[2]
examples = []
for page in sorted((source / "docs").glob("*.md")):
    blocks = re.findall(r"^```jsonc?\n(.*?)^```", page.read_text(encoding="utf-8"), re.S | re.M)
    if page.name != "FAULTS.md":  # its examples are the catalogue's, which are run whole
        examples += [(f"{page.name}, example {i + 1}", json.loads(b)) for i, b in enumerate(blocks)]
first = next(e for _, e in examples if "traffic" in e)
first["deployment"] = str(source / "emulator/profiles/lpuv1-1rack.json")
outlier = {"id": "outlier", "kind": "shape.outlier", "at": "10s", "share": 0.02,
           "prompt_tokens": {"dist": "constant", "value": 4000}}
assert len(examples) >= 4, examples

failed = 0
with tempfile.TemporaryDirectory() as folder:
    for name in ("chat-link-flap", "one-pool", "own-pools"):
        text = json.dumps({**first, "name": name, "faults": first["faults"] + [outlier]})
        (pathlib.Path(folder) / f"{name}.json").write_text(text, encoding="utf-8")
    for what, example in examples:
        path = pathlib.Path(folder) / "example.json"
        path.write_text(json.dumps(example), encoding="utf-8")
        command, wanted = (["compile"] if "pools" in example else ["plan"]), 0
        if "racks" in example:
            empty = pathlib.Path(folder) / "empty.pcap"
            empty.write_bytes(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 262144, 1))
            command, wanted = ["audit", str(empty), "--topology"], 4
        done = subprocess.run([binary, *command, str(path)], capture_output=True, text=True, timeout=60)
        if done.returncode != wanted:
            print(f"{what}: {command[0]} ends with {done.returncode}: {done.stderr.strip()}")
            failed += 1
sys.exit(1 if failed else 0)
