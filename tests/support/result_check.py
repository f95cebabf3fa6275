#!/usr/bin/env python3
"""A strict reader of result.json: every member of the contract is there, of the right type, and the figures add up.

usage: result_check.py result.json…        as a module: problems(result) gives a list of sentences, empty if all is well"""
import json
import re
import sys

COUNT, NUMBER, TEXT, FLAG = "count", "number", "text", "flag"
OUTCOMES = ["ok", "rejected", "http_4xx", "http_5xx", "connect", "timeout", "truncated", "stalled", "malformed", "corrupt",
            "cancelled", "not_sent"]
FAILED = ["http_4xx", "http_5xx", "connect", "timeout", "truncated", "stalled", "malformed"]
WINDOWS = ["all", "baseline", "fault", "recovery", "after"]
METRICS = ["ttft_ms", "tpot_ms", "itl_ms", "e2el_ms", "queue_ms", "prefill_ms", "decode_ms"]
FLOORS = {"p50": 7, "p90": 44, "p95": 90, "p99": 459, "p999": 4603}
VERDICTS = ["pass", "fail", "inconclusive", "aborted"]
PHASES = ["inject", "effect", "detect", "isolate", "failover", "recover", "revert"]


def is_a(value, kind):
    if kind == COUNT:
        return isinstance(value, int) and not isinstance(value, bool) and value >= 0
    if kind == NUMBER:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind == TEXT:
        return isinstance(value, str)
    if kind == FLAG:
        return isinstance(value, bool)
    return value in kind if isinstance(kind, list) else isinstance(value, kind)


class Checker:
    """Collects problems, each with the path of the member."""

    def __init__(self):
        self.problems = []

    def expect(self, ok, text):
        if not ok:
            self.problems.append(text)
        return ok

    def member(self, parent, path, key, kind, null=False):
        """The member, or None where it is null or not what it should be."""
        if not self.expect(isinstance(parent, dict) and key in parent, f"{path}.{key}: missing"):
            return None
        value = parent[key]
        if value is None:
            self.expect(null, f"{path}.{key}: null")
            return None
        if not self.expect(is_a(value, kind), f"{path}.{key}: expected {kind}, found {value!r}"):
            return None
        return value

    # --- parts ---------------------------------------------------------------------------------------------------

    def heading(self, r):
        self.expect(r.get("schema") == "lpuchaos.result/1", f"schema: {r.get('schema')!r}")
        self.member(r, "", "scenario", TEXT)
        self.member(r, "", "seed", COUNT)
        self.member(r, "", "verdict", VERDICTS)
        self.member(r, "", "partial", FLAG)
        self.expect(r.get("model_version", 0) >= 1, "model_version: not from 1 on")
        virtual = self.member(r, "", "clock", ["wall", "virtual"]) == "virtual"
        for key in ("plan_digest", "traffic_digest", "result_digest"):
            digest = self.member(r, "", key, TEXT, null=key == "result_digest" and not virtual)
            self.expect(digest is None or re.fullmatch("sha256:[0-9a-f]{64}", digest), f"{key}: {digest!r}")
        self.expect(virtual or r.get("result_digest") is None, "result_digest: not null on the wall clock")
        return virtual

    def validity(self, r, virtual):
        v = self.member(r, "", "validity", dict) or {}
        valid = self.member(v, "validity", "valid", FLAG)
        reasons = self.member(v, "validity", "reasons", list) or []
        self.expect(valid == (not reasons), "validity: valid and reasons contradict each other")
        self.expect(all(isinstance(x, str) and x for x in reasons), "validity.reasons: not texts")
        self.expect((self.member(v, "validity", "attempts", COUNT) or 0) >= 1, "validity.attempts: below 1")
        for key in ("sched_lag_ms", "emission_lag_ms", "loop_lag_ms", "overhead_ms"):
            lag = self.member(v, "validity", key, dict) or {}
            got = [self.member(lag, f"validity.{key}", k, NUMBER, null=True) for k in ("p50", "p99", "max")]
            self.expect(not virtual or got == [None] * 3, f"validity.{key}: known on the virtual clock")
            if None not in got:
                self.expect(0 <= got[0] <= got[1] <= got[2] * 1.001, f"validity.{key}: {got}")

    def agreement(self, r, virtual):
        a = self.member(r, "", "agreement", dict, null=True)
        self.expect(not virtual or a is None, "agreement: not null on the virtual clock")
        if a is not None:
            ok = self.member(a, "agreement", "ok", FLAG)
            reason = self.member(a, "agreement", "reason", TEXT, null=True)
            self.expect(ok == (reason is None), "agreement: ok and reason contradict each other")

    def requests(self, r):
        q = self.member(r, "", "requests", dict) or {}
        parts = ["ok", "rejected", "failed", "corrupt", "cancelled", "not_sent"]
        counts = {k: self.member(q, "requests", k, COUNT) or 0 for k in ["scheduled"] + parts}
        self.expect(set(q) == set(counts), f"requests: members {sorted(q)}")
        self.expect(counts["scheduled"] == sum(counts[k] for k in parts), f"requests: do not add up: {counts}")
        outcomes = r.get("outcomes")
        if outcomes is not None:
            self.expect(set(outcomes) == set(OUTCOMES), f"outcomes: members {sorted(outcomes)}")
            self.expect(counts["failed"] == sum(outcomes.get(k, 0) for k in FAILED), "outcomes: failed does not add up")
        attempts = self.member(r, "", "attempts", COUNT) or 0
        self.expect(attempts >= counts["scheduled"] - counts["not_sent"] - (outcomes or {}).get("connect", 0),
                    "attempts: fewer than requests sent")
        tokens = self.member(r, "", "tokens", dict) or {}
        prompt, output = (self.member(tokens, "tokens", k, COUNT) or 0 for k in ("prompt", "output"))
        self.expect(prompt >= counts["ok"] and output >= counts["ok"], "tokens: less than one for a request that is ok")
        return counts

    def trace(self, r):
        if "trace" not in r:
            return
        t = self.member(r, "", "trace", dict) or {}
        read, emitted = (self.member(t, "trace", k, COUNT) or 0 for k in ("rows_read", "emitted"))
        dropped = self.member(t, "trace", "dropped", dict) or {}
        self.expect(all(is_a(n, COUNT) for n in dropped.values()), f"trace.dropped: {dropped}")
        self.expect(read == emitted + sum(dropped.values()), f"trace: {read} rows are not {emitted} + {dropped}")

    def metric(self, m, path):
        n = self.member(m, path, "count", COUNT) or 0
        for key in ("mean", "max"):
            value = self.member(m, path, key, NUMBER, null=n == 0)
            self.expect((value is None) == (n == 0), f"{path}.{key}: {value} of {n} samples")
        last = 0
        for key, floor in FLOORS.items():
            value = self.member(m, path, key, NUMBER, null=True)
            self.expect((value is None) == (n < floor), f"{path}.{key}: {value} of {n} samples")
            if value is not None:
                self.expect(value >= last, f"{path}.{key}: below the percentile before it")
                last = value
        if n:
            self.expect(last <= (m["max"] or 0) * 1.001 + 1e-9, f"{path}: a percentile above the maximum")

    def groups(self, r, counts):
        groups = self.member(r, "", "groups", list) or []
        seen, measured = set(), {}
        for g in groups:
            tier, window = self.member(g, "groups", "tier", TEXT), self.member(g, "groups", "window", WINDOWS)
            path = f"groups[{tier},{window}]"
            self.expect((tier, window) not in seen, f"{path}: twice")
            seen.add((tier, window))
            n = self.member(g, path, "requests", COUNT) or 0
            measured.setdefault(tier, {})[window] = n
            metrics = self.member(g, path, "metrics", dict) or {}
            for name in METRICS:
                self.metric(self.member(metrics, path, name, dict) or {}, f"{path}.{name}")
            self.expect(metrics.get("ttft_ms", {}).get("count", 0) <= n, f"{path}: more samples than requests")
            self.member(g, path, "goodput_rps", NUMBER, null=True)
            share = self.member(g, path, "good_fraction", NUMBER, null=n == 0)
            self.expect(share is None or 0 <= share <= 1, f"{path}.good_fraction: {share}")
        for tier, windows in measured.items():
            self.expect("all" in windows and "baseline" in windows, f"groups: {tier} lacks a window")
            if len(windows) == len(WINDOWS):
                self.expect(sum(windows.values()) == 2 * windows["all"], f"groups: windows of {tier} do not add up")
        self.expect(sum(w.get("all", 0) for w in measured.values()) <= counts["scheduled"],
                    "groups: more requests measured than scheduled")

    def slos(self, r):
        for s in self.member(r, "", "slo", list) or []:
            path = f"slo[{s.get('id')}]"
            self.member(s, path, "id", TEXT)
            self.member(s, path, "metric", METRICS + ["sched_lag_ms"])
            self.member(s, path, "quantile", NUMBER)
            self.member(s, path, "limit_ms", NUMBER)
            observed = self.member(s, path, "observed", ["finite", "infinite", "too_few"])
            value = self.member(s, path, "observed_ms", NUMBER, null=True)
            self.expect((value is not None) == (observed == "finite"), f"{path}: observed {observed}, {value} ms")
            self.member(s, path, "upper_ms", NUMBER, null=True)
            n, over = (self.member(s, path, k, COUNT) or 0 for k in ("n", "over"))
            self.expect(over <= n, f"{path}: {over} of {n} over")
            self.member(s, path, "refused", COUNT)
            self.expect((self.member(s, path, "vif", NUMBER) or 0) >= 1, f"{path}.vif: below 1")
            self.expect((self.member(s, path, "n_eff", COUNT) or 0) <= n, f"{path}.n_eff: above n")
            self.member(s, path, "basis", ["census", "run", "replicas", "paired"])
            self.member(s, path, "verdict", VERDICTS[:3])
            blame = self.member(s, path, "blame", dict, null=True)
            if blame is not None:
                self.expect(abs(sum(blame.values()) - 1) < 0.02, f"{path}.blame: parts add up to {sum(blame.values())}")

    def expectations(self, r):
        for e in self.member(r, "", "expect", list) or []:
            path = f"expect[{e.get('id')}]"
            self.member(e, path, "id", TEXT)
            self.member(e, path, "kind", TEXT)
            self.member(e, path, "verdict", VERDICTS[:3])
            self.expect("limit" in e and "observed" in e, f"{path}: no limit or observed")

    def faults(self, r):
        for f in self.member(r, "", "faults", list) or []:
            path = f"faults[{f.get('id')}]"
            for key in ("id", "kind", "target"):
                self.member(f, path, key, TEXT)
            at = {p: self.member(f, path, f"{p}_ns", COUNT, null=True) for p in PHASES}
            inject = at["inject"]
            for key, phase in (("ttd_ms", "detect"), ("ttf_ms", "failover"), ("ttr_ms", "recover")):
                value = self.member(f, path, key, NUMBER, null=True)
                known = inject is not None and at[phase] is not None
                self.expect((value is not None) == known, f"{path}.{key}: {value}")
                if value is not None and known:
                    self.expect(abs(value - (at[phase] - inject) / 1e6) < 1e-6, f"{path}.{key}: not {phase} - inject")
            self.expect(inject is None or at["revert"] is not None, f"{path}: injected, never reverted")
            self.member(f, path, "clean", FLAG)
            self.member(f, path, "breach", FLAG)
            self.member(f, path, "coalesce_ns", COUNT, null=True)
            self.member(f, path, "replayed_requests", COUNT)
            damage = self.member(f, path, "damage", dict, null=True)
            for key in ("lost_requests", "refused_requests", "tokens_recomputed"):
                value = self.member(f, path, key, COUNT, null=True)
                told = damage and damage.get(key.removesuffix("_requests"))
                self.expect(value == told, f"{path}.{key}: {value}, damage says {told}")
            self.member(f, path, "detail", str, null=True)
            self.expect("withheld" in f and f["withheld"] in (None, "max_active", "never_below"), f"{path}.withheld")
            if damage is not None:
                for key in ("late", "lost", "refused", "tokens_recomputed"):
                    self.member(damage, f"{path}.damage", key, COUNT)
                self.member(damage, f"{path}.damage", "extra_ms_sum", NUMBER)

    def cross_rack(self, r):
        """Only where an instance lies across racks."""
        if "cross_rack" not in r:
            return
        path, c = "cross_rack", self.member(r, "", "cross_rack", dict) or {}
        for key, kind in (("position", ["allowed"]), ("label", ["fact", "inference", "assumption"]),
                          ("reach", ["c2c-pod", "ethernet"]), ("basis", ["compiled", "stated"])):
            self.member(c, path, key, kind)
        for key in ("rationale", "envelope"):
            self.member(c, path, key, TEXT, null=True)
        hops = self.member(c, path, "hops", COUNT) or 0
        self.expect((self.member(c, path, "instances", COUNT) or 0) >= 1 and hops >= 1, f"{path}: nothing crosses")
        self.expect((self.member(c, path, "ethernet_hops", COUNT) or 0) <= hops, f"{path}.ethernet_hops: above hops")
        frame = self.member(c, path, "frame_ms", dict) or {}
        with_, without = (self.member(frame, path, k, NUMBER) or 0 for k in ("with", "without"))
        self.expect(without <= with_, f"{path}.frame_ms: longer without crossing")
        late = self.member(c, path, "late", COUNT, null=True)
        self.member(c, path, "lost", COUNT, null=late is None)
        self.member(c, path, "extra_ms_sum", NUMBER, null=late is None)
        for key in ("ttft_ms", "tpot_ms"):
            spread = self.member(c, path, key, dict, null=late is None)
            for side in [spread, self.member(spread, f"{path}.{key}", "without", dict)] if spread else []:
                for k in ("mean", "p50", "p99"):
                    self.member(side, f"{path}.{key}", k, NUMBER, null=True)

    def audit(self, r):
        a = self.member(r, "", "audit", dict, null=True)
        if a is None:
            return
        self.member(a, "audit", "verdict", VERDICTS[:3])
        self.member(a, "audit", "scope", ["rack", "pod"])
        packets, critical = (self.member(a, "audit", k, COUNT) or 0 for k in ("packets", "critical"))
        self.expect(critical <= packets, f"audit: {critical} critical packets of {packets}")
        self.expect((self.member(a, "audit", "sampling", COUNT) or 0) >= 1, "audit.sampling: below 1")
        self.expect((self.member(a, "audit", "frames", COUNT) or 0) >= 1, "audit.frames: below 1")
        for key in ("violations", "left_out"):
            self.member(a, "audit", key, COUNT)
        path = self.member(a, "audit", "path", dict) or {}
        places = ["rack", "pod", "beyond"]
        seen = self.member(path, "audit.path", "packets", places, null=critical == 0)
        judged, worst = (self.member(path, "audit.path", k, places) for k in ("judged", "worst"))
        self.expect(judged is None or places.index(judged) <= places.index(worst), "audit.path: judged is beyond worst")
        doubts = self.member(a, "audit", "doubts", list) or []
        agrees = self.member(path, "audit.path", "agrees", FLAG)
        self.expect(not agrees or doubts or seen in (None, judged), "audit.path: agrees, and does not")
        self.expect(agrees or not r["validity"]["valid"], "audit.path: a contradiction, and the run is valid")

    def engine(self, r):
        e = self.member(r, "", "engine", dict) or {}
        self.member(e, "engine", "version", TEXT)
        self.member(e, "engine", "commit", TEXT, null=True)
        self.member(e, "engine", "events", COUNT)
        self.member(e, "engine", "wall_seconds", NUMBER)
        self.member(e, "engine", "simulated_seconds", NUMBER)


def problems(result):
    c = Checker()
    virtual = c.heading(result)
    c.validity(result, virtual)
    c.agreement(result, virtual)
    counts = c.requests(result)
    c.trace(result)
    c.groups(result, counts)
    c.slos(result)
    c.expectations(result)
    c.faults(result)
    c.cross_rack(result)
    c.audit(result)
    c.engine(result)
    return c.problems


def main(paths):
    bad = 0
    for path in paths:
        with open(path, encoding="utf-8") as f:
            for text in problems(json.load(f)):
                print(f"{path}: {text}")
                bad = 1
    return bad


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
