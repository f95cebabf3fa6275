#!/usr/bin/python3
"""Beside SimPy: a first-come-first-served queue of k servers, Poisson arrivals, service as long as a request of
lognormal lengths takes on its timetable. The same model, once written for SimPy in the plainest way that keeps a
waiting time per request, once as a scenario of the virtual clock, which also writes digests and seven histograms.
Both in one run, CPU time of each, best of three; the mean waits are printed side by side, for they must agree.

    bench_simpy.py LPUCHAOS [REQUESTS_OF_SIMPY [REQUESTS_OF_OURS]]

Debian has SimPy 2 as python3-simpy and SimPy 3 as python3-simpy3: whichever is there is asked, both if both are.
Exit 77 where neither is."""

import json
import math
import pathlib
import random
import resource
import subprocess
import sys
import tempfile
import time

SERVERS, RATE, FRAME_S, PER_FRAME = 8, 18.5, 0.002, 128
PROMPT = {"median": 1020, "p99": 4142, "max": 8192}
OUTPUT = {"median": 129, "p99": 601, "max": 1000}
Z99 = 2.3263478740408408  # of the normal law
ROUNDS = 3


def length(rng, law):
    sigma = math.log(law["p99"] / law["median"]) / Z99
    return min(law["max"], max(1, math.ceil(law["median"] * math.exp(sigma * rng.gauss(0, 1)))))


def service(rng):
    frames = -(-length(rng, PROMPT) // PER_FRAME) + length(rng, OUTPUT) - 1
    return frames * FRAME_S


def simpy3(n):
    import simpy

    rng, waits = random.Random(1), []
    env = simpy.Environment()
    servers = simpy.Resource(env, capacity=SERVERS)

    def request(at):
        with servers.request() as turn:
            yield turn
            waits.append(env.now - at)
            yield env.timeout(service(rng))

    def arrivals():
        for _ in range(n):
            yield env.timeout(rng.expovariate(RATE))
            env.process(request(env.now))

    env.process(arrivals())
    env.run()
    return waits


def simpy2(n):
    from SimPy.Simulation import Process, Resource, Simulation, hold, release
    from SimPy.Simulation import request as ask

    rng, waits = random.Random(1), []
    sim = Simulation()
    servers = Resource(capacity=SERVERS, sim=sim)

    class Request(Process):
        def live(self):
            at = sim.now()
            yield ask, self, servers
            waits.append(sim.now() - at)
            yield hold, self, service(rng)
            yield release, self, servers

    class Arrivals(Process):
        def live(self):
            for _ in range(n):
                yield hold, self, rng.expovariate(RATE)
                request = Request(sim=sim)
                sim.activate(request, request.live())

    source = Arrivals(sim=sim)
    sim.activate(source, source.live())
    sim.simulate(until=n / RATE * 10)
    return waits


def scenario(n):
    bucket = {"max_seq": 16384, "frame": f"{FRAME_S * 1000:g}ms", "slots": SERVERS, "prefill_tokens_per_frame": PER_FRAME}
    pool = {"name": "main", "buckets": [bucket], "instances": 1, "entry": "immediate", "admission": {"policy": "none"}}
    return {
        "version": 1, "name": "k-servers", "seed": 1, "duration": f"{math.ceil(n / RATE)}s", "drain": "600s",
        "deployment": {"pools": [pool]},
        "traffic": [{
            "name": "chat", "tier": "interactive", "timeout": "24h", "arrival": {"process": "poisson", "rate": RATE},
            "prompt_tokens": {"dist": "lognormal", **PROMPT}, "output_tokens": {"dist": "lognormal", **OUTPUT},
        }],
    }


def ours(program, n, folder):
    file = folder / "k-servers.json"
    file.write_text(json.dumps(scenario(n)))
    # Nothing is asked of this run, so it ends as inconclusive: 4.
    run = subprocess.run([program, "run", file, "--clock", "virtual", "--out", folder], capture_output=True, text=True)
    if run.returncode not in (0, 4):
        sys.exit(run.stderr)
    result = json.loads((folder / "k-servers-1-virtual" / "result.json").read_text())
    queue = next(g["metrics"]["queue_ms"] for g in result["groups"] if g["window"] == "all")
    return queue["count"], queue["mean"] / 1000


def children():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main():
    program = pathlib.Path(sys.argv[1]).resolve()
    n_simpy = int(sys.argv[2]) if len(sys.argv) > 2 else 50000
    n_ours = int(sys.argv[3]) if len(sys.argv) > 3 else 3000000
    peers, best, mean = [], {}, {}
    for name, play in (("SimPy 2", simpy2), ("SimPy 3", simpy3)):
        try:
            play(10)
            peers.append((name, play))
        except ImportError:
            pass
    if not peers:
        print("skipped: neither python3-simpy nor python3-simpy3 is installed")
        sys.exit(77)
    for _ in range(ROUNDS):
        for name, play in peers:
            began = time.process_time()
            waits = play(n_simpy)
            spent = (time.process_time() - began) / len(waits)
            best[name] = min(best.get(name, spent), spent)
            mean[name] = sum(waits) / len(waits)
        with tempfile.TemporaryDirectory() as folder:
            began = children()
            n, mean["ours"] = ours(program, n_ours, pathlib.Path(folder))
            spent = (children() - began) / n
            best["ours"] = min(best.get("ours", spent), spent)
    print(f"lpuchaos  {best['ours'] * 1e6:8.3f} us a request  mean wait {mean['ours'] * 1e3:7.2f} ms")
    for name, _ in peers:
        print(f"{name:8}  {best[name] * 1e6:8.3f} us a request  mean wait {mean[name] * 1e3:7.2f} ms  "
              f"{best[name] / best['ours']:6.0f} times ours")


main()
