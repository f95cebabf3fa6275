#!/usr/bin/env python3
"""The shipped hardware and profiles are valid by the shipped schemas, and what must not pass does not.

usage: schema_check.py TREE

An independent reader of both: python3-jsonschema. Exit 77 with the reason where it is not installed.
"""
import copy
import glob
import json
import sys

try:
    import jsonschema
except ImportError:
    print("skipped: python3-jsonschema is not installed")
    sys.exit(77)


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def inlined(node, hardware):
    """node with every reference to the hardware schema replaced by that schema."""
    if isinstance(node, list):
        return [inlined(item, hardware) for item in node]
    if not isinstance(node, dict):
        return node
    if node.get("$ref") == "hardware.schema.json":
        return hardware
    return {key: inlined(value, hardware) for key, value in node.items()}


def spoiled(profile):
    """Copies of a good profile with one thing wrong each."""
    changes = {
        "unknown key": lambda d: d.update(pool=[]),
        "no pools": lambda d: d.pop("pools"),
        "bare duration": lambda d: d.update(ethernet={"hop": 10}),
        "unknown entry": lambda d: d["pools"][0].update(entry="phases"),
        "hardware without unit": lambda d: d.update(hardware={"racks": {"value": 2}}),
        "wrong unit": lambda d: d.update(hardware={"racks": {"value": 2, "unit": "ns"}}),
        "no layers": lambda d: d["model"].update(layers=0),
    }
    for name, change in changes.items():
        bad = copy.deepcopy(profile)
        change(bad)
        yield name, bad


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    tree = sys.argv[1]
    hardware = load(f"{tree}/docs/schema/hardware.schema.json")
    deployment = inlined(load(f"{tree}/docs/schema/deployment.schema.json"),
                         {k: v for k, v in hardware.items() if not k.startswith("$")})
    for schema, pattern in ((hardware, "hardware"), (deployment, "profiles")):
        jsonschema.Draft202012Validator.check_schema(schema)
        files = sorted(glob.glob(f"{tree}/emulator/{pattern}/*.json"))
        assert files, f"no files in emulator/{pattern}"
        for path in files:
            jsonschema.Draft202012Validator(schema).validate(load(path))
    for name, bad in spoiled(load(f"{tree}/emulator/profiles/lpuv1-1rack.json")):
        if jsonschema.Draft202012Validator(deployment).is_valid(bad):
            sys.exit(f"accepted: {name}")


main()
