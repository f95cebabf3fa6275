"""The JSON Schemas of docs/schema against every file that ships, against what the parser refuses, and against the
catalogue of faults. A schema is stricter than nothing and laxer than the parser: it must accept whatever the parser
accepts, and refuse what it can express.

usage: schema_test.py SOURCE_DIR LPUCHAOS        exit 77 = skipped"""
import json
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
    r"lognormal-|fault-(target|after|id|overlap|without)|slo-(tier|id)|expect-fault|target-(not-loopback|url-model)|"
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
    return "scenario.schema.json" if "traffic" in value else "deployment.schema.json"


shipped = [*root.glob("harness/suites/**/*.json"), *root.glob("emulator/profiles/*.json"),
           *root.glob("tests/golden/cli/*.json"), *root.glob("tests/fuzz/run/scenario_corpus/*.json")]
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

catalogue = json.loads(subprocess.run([binary, "faults", "--json"], check=True, capture_output=True).stdout)
frame = read(root / "tests/golden/cli/good.json")
for kind in catalogue:
    accept({**frame, "faults": [kind["example"]]}, "scenario.schema.json", f"example of {kind['kind']}")
known = {v["properties"]["kind"]["const"] for v in schemas["fault"]["oneOf"]}
if known != {kind["kind"] for kind in catalogue}:
    failures.append(f"fault kinds of schema and catalogue differ: {known}")

print("\n".join(failures) or f"{len(shipped)} shipped files, {refused} bad ones, {len(catalogue)} kinds")
sys.exit(bool(failures))
