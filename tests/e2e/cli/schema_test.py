"""The JSON Schemas of docs/schema against every file that ships, against what the parser refuses, and against the
catalogue of faults. A schema is stricter than nothing and laxer than the parser: it must accept whatever the parser
accepts, and refuse what it can express.

The schema's list of fault kinds is written from the catalogue: UPDATE_GOLDEN=1 does it anew.

usage: schema_test.py SOURCE_DIR LPUCHAOS        exit 77 = skipped"""
import copy
import json
import os
import pathlib
import re
import subprocess
import sys

try:
    import jsonschema
except ImportError:
    print("skipped: python3-jsonschema is not installed")
    sys.exit(77)

root, binary = pathlib.Path(sys.argv[1]), sys.argv[2]
folder = root / "docs" / "schema"
failures = []

catalogue = json.loads(subprocess.run([binary, "faults", "--json"], check=True, capture_output=True).stdout)


def parameter(p):
    """What the schema says of one parameter of a kind."""
    ref = {"duration": "duration", "share": "share", "name": "name"}.get(p["type"])
    if p["type"] == "object" and p["name"].endswith("_tokens"):
        ref = "length"
    out = {"$ref": f"#/$defs/{ref}"} if ref else {}
    plain = {"integer": "integer", "number": "number", "boolean": "boolean", "string": "string", "list": "array",
             "object": "object"}
    if not ref and p["type"] in plain:
        out["type"] = plain[p["type"]]
    if p["type"] == "choice":
        out["enum"] = p["choices"]
    if p["type"] in ("integer", "number"):
        if p["min"] is not None:
            out["exclusiveMinimum" if p["min_excluded"] else "minimum"] = p["min"]
        if p["max"] is not None:
            out["maximum"] = p["max"]
        if p["unit"]:
            out["description"] = p["unit"]
    if p["default"] is not None and p["type"] not in ("object", "list", "value"):
        out["default"] = p["default"]
    return out


def fault_schemas(old):
    """One alternative a kind: the keys that all faults have, as they stand in the file, and the kind's own."""
    by_kind = {k["kind"]: {p["name"] for p in k["parameters"]} for k in catalogue}
    first = old[0]
    common = {k: v for k, v in first["properties"].items() if k not in by_kind[first["properties"]["kind"]["const"]]}
    out = []
    for kind in catalogue:
        properties = copy.deepcopy(common)
        properties["kind"] = {"const": kind["kind"]}
        properties.update({p["name"]: parameter(p) for p in kind["parameters"]})
        required = first["required"][:2] + [p["name"] for p in kind["parameters"] if p["required"]]
        out.append({"type": "object", "properties": properties, "required": required, "additionalProperties": False})
    return out


scenario_schema = folder / "scenario.schema.json"
document = json.loads(scenario_schema.read_text())
document["$defs"]["fault"]["oneOf"] = fault_schemas(document["$defs"]["fault"]["oneOf"])
text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
if os.environ.get("UPDATE_GOLDEN"):
    scenario_schema.write_text(text)
if scenario_schema.read_text() != text:
    failures.append("docs/schema/scenario.schema.json is not what the catalogue says: UPDATE_GOLDEN=1 writes it anew")

# References between the files become references inside of one: validators differ in how they take the former.
schemas = {}
for path in folder.glob("*.schema.json"):
    text = re.sub(r'"(\w+\.schema\.json)"', r'"#/$defs/\1"', path.read_text())
    schemas[path.name] = json.loads(text)
    schemas[path.name].pop("$id", None)  # it would be the base of the references below it
    schemas.update(schemas[path.name].pop("$defs", {}))

# What a schema cannot say: files that exist, names that are known, sums, orders, bytes.
BEYOND = re.compile(
    r"^(deployment-(missing-file|is-folder)|warmup-past|traffic-name-twice|rate-|key-duplicate|seed-too-large|"
    r"lognormal-|fault-(target|after|id|overlap|without|fallback|instances|share)|slo-(tier|id)|expect-fault|target-(not-loopback|url-model)|"
    r"trace-(missing|bad-row)|duration-(zero|too-long)|suite-)")


def read(path):
    """JSON with comments, as the parser takes it; strings are kept whole."""
    text = re.sub(r'("(?:\\.|[^"\\])*")|//[^\n]*|/\*.*?\*/', lambda m: m[1] or " ", path.read_text(), flags=re.S)
    return json.loads(text)


def errors(value, schema):
    validator = jsonschema.Draft202012Validator({"$defs": schemas, "$ref": f"#/$defs/{schema}"})
    return [e.message for e in validator.iter_errors(value)]


def accept(value, schema, what):
    for message in errors(value, schema):
        failures.append(f"{what}: {message[:300]}")


def kind_of(value):
    if "scenarios" in value:
        return "suite.schema.json"
    if "racks" in value:
        return "topology.schema.json"
    return "scenario.schema.json" if "traffic" in value else "deployment.schema.json"


shipped = [*root.glob("harness/suites/**/*.json"), *root.glob("emulator/profiles/*.json"),
           root / "docs/audit-topology.json", *root.glob("tests/golden/cli/*.json"), *root.glob("tests/fuzz/run/scenario_corpus/*.json")]
if len(shipped) < 5:
    failures.append("too few shipped files were found")
for path in shipped:
    value = read(path)
    accept(value, kind_of(value), path.relative_to(root))

refused = 0
for path in sorted((root / "tests/golden/cli/bad").glob("*.json")):
    try:
        value = read(path)
    except (ValueError, UnicodeDecodeError, RecursionError):
        continue
    if BEYOND.match(path.name):
        continue
    refused += 1
    if not errors(value, kind_of(value) if isinstance(value, dict) and "traffic" in value else "scenario.schema.json"):
        failures.append(f"{path.name}: the parser refuses it, the schema does not")
if refused < 15:
    failures.append("too few bad files were tried")

topology = read(root / "docs/audit-topology.json")
ADDRESSES = ["10.0.0.7", "10.0.0.0/24", "10.0.0.7:4700", "fd00::/64", "fd00::1", "::", "::ffff:10.0.0.1", "[fd00::1]:4700",
             "02:00:00:00:00:01", "02:4c:00:00:00:00/32", ":4700", "port 4700", "tcp:4700", "udp:4700", "r0", "r0.n3", "r0.n3.c5",
             "r0.control"]
accept({**topology, "racks": [{"name": "r0", "addresses": ADDRESSES}]}, "topology.schema.json", "every form of address")
BAD = [{"version": 2}, {"racks": []}, {"racks": [{"name": "r0"}]}, {"racks": [{"name": "R0", "addresses": ["r0"]}]},
       {"racks": [{"name": "r0", "addresses": []}]}, {"racks": [{"name": "r0", "addresses": ["gateway"]}]}, {"clases": []},
       {"classes": [{"name": "m"}]}, {"classes": [{"name": "m", "filter": " "}]}, {"policy": {"scope": "row"}},
       {"classes": [{"name": "m", "filter": "udp", "critical": 1}]}, {"policy": {"unclassified_cross_rack": "drop"}}]
for change in BAD:
    if not errors({**topology, **change}, "topology.schema.json"):
        failures.append(f"topology with {change}: the parser refuses it, the schema does not")

frame = read(root / "tests/golden/cli/good.json")
for kind in catalogue:
    accept({**frame, "faults": [kind["example"]]}, "scenario.schema.json", f"example of {kind['kind']}")
known = {v["properties"]["kind"]["const"] for v in schemas["fault"]["oneOf"]}
if known != {kind["kind"] for kind in catalogue}:
    failures.append(f"fault kinds of schema and catalogue differ: {known}")

print("\n".join(failures) or f"{len(shipped)} shipped files, {refused} bad ones, {len(catalogue)} kinds")
sys.exit(bool(failures))
