"""The files of result directories against the JSON Schemas of docs/schema. As a module: problems(folder) gives sentences."""
import json
import pathlib

try:
    import jsonschema
except ImportError:
    jsonschema = None

SCHEMAS = pathlib.Path(__file__).parents[2] / "docs" / "schema"
NAMES = ["result", "score", "histograms", "faults", "assumptions", "inputs", "bundle"]
CELLS = 20  # of a histogram: they are all alike, and the validator is slow


def shorten(value):
    if isinstance(value, dict):
        return {k: v[:CELLS] if k == "cells" else shorten(v) for k, v in value.items()}
    return [shorten(v) for v in value] if isinstance(value, list) else value


def keeps_to(value, name):
    """Sentences on what the schema of that name does not allow."""
    if not jsonschema:
        return []
    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))
    return [f"{'.'.join(map(str, e.absolute_path))}: {e.message[:200]}: " + "; ".join(c.message[:200] for c in e.context)
            for e in jsonschema.Draft202012Validator(schema).iter_errors(value)]


def problems(folder):
    """Of one result directory: every file that has a schema is there and keeps to it."""
    found = []
    for name in NAMES:
        path = pathlib.Path(folder) / f"{name}.json"
        if not path.exists():
            found.append(f"{path}: missing")
            continue
        value = shorten(json.loads(path.read_text(encoding="utf-8")))
        found += [f"{path}: {sentence}" for sentence in keeps_to(value, name)]
    return found
