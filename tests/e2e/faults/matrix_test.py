"""Every kind of the catalogue at work on both clocks: the wall-clock column is real sockets and a real emulator
process. All kinds act in one run of a few seconds, each on a rack, a pool or a traffic entry of its own, so that none
covers another; what the virtual clock says of each fault's effect the wall clock must say too. Prints the matrix kind x
clock x effect seen; an empty cell fails, and so does a kind that has no row."""
import json
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
import e2e  # noqa: E402

EFFECT_WITHIN_NS = 250_000_000  # wall against virtual: the effect of a request comes when that request does

# By kind: the fault, but for id, kind and, unless it says otherwise, "at": "1s", "for": "3s". {r} is the kind's own
# rack, {t} its own traffic entry, {p} its own pool ("uses" asks for one that the fault does not name). "hardware" and
# "deployment": what the short times of this run need.
ROWS = json.loads((pathlib.Path(__file__).parent / "matrix.json").read_text(encoding="utf-8"))


def catalogue():
    done = subprocess.run([e2e.BINARY, "faults", "--json"], check=True, capture_output=True)
    return [k["kind"] for k in json.loads(done.stdout)]


def fill(value, names):
    if isinstance(value, str):
        for key, text in names.items():
            value = value.replace("{" + key + "}", text or "")
        return value
    if isinstance(value, list):
        return [fill(v, names) for v in value]
    if isinstance(value, dict):
        return {k: fill(v, names) for k, v in value.items()}
    return value


def entry(name, rate):
    return {"name": name, "tier": "x", "timeout": "10s", "retries": 1,
            "arrival": {"process": "constant", "rate": rate},
            "prompt_tokens": {"dist": "uniform", "min": 16, "max": 64},
            "output_tokens": {"dist": "constant", "value": 16}, "max_tokens": 64}


def pool(name, nodes, tenants):
    return {"name": name, "instances": len(nodes), "nodes": nodes, "entry": "phase", "admission": {"policy": "none"},
            "accepts": {"tenants": tenants},
            "buckets": [{"max_seq": 1024, "frame": "8ms", "slots": 8, "prefill_tokens_per_frame": 64},
                        {"max_seq": 8192, "frame": "12ms", "slots": 2, "prefill_tokens_per_frame": 64}]}


def names_of(kinds):
    """What stands for {r}, {t} and {p} in each kind's row; None where the row has no such thing."""
    names = {}
    for i, kind in enumerate(kinds):
        text, short = json.dumps(ROWS["kinds"][kind]), kind.replace(".", "-").replace("_", "-")
        names[kind] = {"r": f"r{i}", "t": "t-" + short if "{t}" in text or "{p}" in text else None,
                       "p": "p-" + short if "{p}" in text else None}
    return names


def world(kinds):
    """One scenario with a fault of every kind."""
    names = names_of(kinds)
    pools = [pool(n["p"], [nodes_of(n["r"])], [n["t"]]) for n in names.values() if n["p"]]
    main = pool("main", [nodes_of(n["r"]) for n in names.values() if not n["p"]],
                ["all"] + [n["t"] for n in names.values() if n["t"] and not n["p"]])
    faults = [fill(dict({"id": k.replace(".", "-").replace("_", "-"), "kind": k, "at": "1s", "for": "3s"},
                        **{n: v for n, v in ROWS["kinds"][k].items() if n != "uses"}), names[k]) for k in kinds]
    return {"version": 1, "name": "matrix", "seed": 11, "duration": "8s", "drain": "6s",
            "deployment": dict(ROWS["deployment"], hardware=dict(ROWS["hardware"], racks=count(len(kinds))),
                               pools=[main] + pools),
            "traffic": [entry("all", 8 * main["instances"])] + [entry(n["t"], 20) for n in names.values() if n["t"]],
            "faults": faults, "expect": [{"id": "asked", "kind": "lost_requests", "max": 1000000}]}


def nodes_of(rack):
    return [f"{rack}.n0", f"{rack}.n1"]


def count(n):
    return {"value": n, "unit": "count", "label": "assumption", "source": "a rack for each kind of fault"}


class Matrix(e2e.Case):
    def test_every_kind_has_an_effect_on_both_clocks(self):
        kinds = catalogue()
        self.assertEqual([], [k for k in kinds if k not in ROWS["kinds"]], "kinds without a row in matrix.json")
        path = self.write(world(kinds))
        seen = {}
        for clock in ("virtual", "wall"):
            done = self.run_files(path, clock=clock, codes=(0, 1, 4))
            seen[clock] = {f["kind"]: f for f in done.results[0]["faults"]}
        empty = []
        print(f"\n{'kind':24}{'virtual':>12}{'wall':>12}  effect, ms from t = 0")
        for kind in kinds:
            cells = [seen[clock][kind]["effect_ns"] for clock in ("virtual", "wall")]
            print(f"{kind:24}" + "".join(f"{'-' if c is None else round(c / 1e6, 3):>12}" for c in cells))
            if None in cells:
                empty.append(kind)
            elif abs(cells[0] - cells[1]) > EFFECT_WITHIN_NS:
                empty.append(f"{kind}: {abs(cells[0] - cells[1]) / 1e6:.0f} ms apart")
        self.assertEqual([], empty)
        unclean = [f"{c} {k}" for c in seen for k, f in seen[c].items() if not f["clean"]]
        self.assertEqual([], unclean, "the static state is not a never-faulted rack's")


if __name__ == "__main__":
    e2e.main()
