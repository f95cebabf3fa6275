#!/usr/bin/env python3
"""Faults of the load's side over real sockets: bursts, clients that leave, clients that stop reading. Whatever the machine's
timing, both clocks must come to the same counts, as the wall run's requests are the virtual run's by id."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
import e2e  # noqa: E402


def rack(slots=32, admission=None):
    return {"pools": [{"name": "p", "instances": 1, "entry": "phase", "admission": admission or {"policy": "none"}, "buckets": [
        {"max_seq": 4096, "frame": "8ms", "slots": slots, "prefill_tokens_per_frame": 64}]}]}


def entry(name, rate, output, process="constant"):
    return {"name": name, "tier": "interactive", "arrival": {"process": process, "rate": rate}, "max_tokens": 1000,
            "prompt_tokens": {"dist": "uniform", "min": 1, "max": 100}, "output_tokens": {"dist": "constant", "value": output}}


class Demand(e2e.Case):

    def both(self, name, faults, traffic, **members):
        """(wall, virtual) of one scenario: same plan, same traffic, same counts, each fault seen on both."""
        s = e2e.scenario(name, duration="3s", drain="6s", deployment=rack(), traffic=traffic, faults=faults, expect=None)
        s.update(members)
        file = self.write(s)
        wall = self.run_files(file).results[0]
        virtual = self.run_files(file, clock="virtual").results[0]
        self.assertEqual(wall["traffic_digest"], virtual["traffic_digest"])
        for w, v in zip(wall["faults"], virtual["faults"]):
            self.assertIsNotNone(w["effect_ns"], w["id"])
            self.assertLess(abs(w["effect_ns"] - v["effect_ns"]), 100e6, w["id"])
            self.assertTrue(w["clean"] and v["clean"], w["id"])
        return wall, virtual

    def test_a_burst(self):
        wall, virtual = self.both("burst", [{"id": "b", "kind": "load.burst", "target": "t", "at": "1s", "for": "1s", "factor": 4},
                                            {"id": "s", "kind": "load.step", "target": "u", "at": "500ms", "factor": 2}],
                                  [entry("t", 10, 12), entry("u", 8, 12, "poisson")])
        self.assertEqual(wall["requests"], virtual["requests"])
        plain = self.run_files(self.write(e2e.scenario("plain", duration="3s", deployment=rack(), traffic=[
            entry("t", 10, 12), entry("u", 8, 12, "poisson")], expect=None)), clock="virtual").results[0]
        self.assertEqual(plain["traffic_digest"], wall["traffic_digest"])
        self.assertGreaterEqual(wall["requests"]["ok"], plain["requests"]["ok"] + 30)

    def test_clients_that_leave(self):
        wall, virtual = self.both("leave", [
            {"id": "d", "kind": "client.disconnect", "target": "t", "at": "500ms", "for": "2s", "share": 0.5, "tokens": 6},
            {"id": "e", "kind": "client.disconnect", "target": "u", "at": "500ms", "for": "2s", "share": 0.5, "tokens": 0,
             "patience": "300ms"}], [entry("t", 15, 60), entry("u", 6, 60)])
        self.assertEqual(wall["requests"], virtual["requests"])
        self.assertGreater(wall["requests"]["cancelled"], 10)
        self.assertEqual(0, wall["requests"]["failed"])

    def test_a_client_that_leaves_frees_its_slot(self):
        """Two slots of 100 frames of 8 ms for 10 requests/s: without those who leave, the queue would hold most of them up."""
        wall, virtual = self.both("slots", [
            {"id": "d", "kind": "client.disconnect", "at": "0s", "share": 0.9, "tokens": 4}], [entry("t", 10, 100)],
            deployment=rack(slots=2))
        self.assertEqual(wall["requests"], virtual["requests"])
        group = next(g for g in wall["groups"] if g["window"] == "all" and g["tier"] == "interactive")
        self.assertLess(group["metrics"]["queue_ms"]["max"], 1500)

    def test_clients_that_stop_reading(self):
        """A short pause is made up for; one in which more comes than sockets and server hold ends the answer."""
        wall, virtual = self.both("slow", [
            {"id": "s", "kind": "client.slow_reader", "target": "t", "at": "500ms", "for": "2s", "share": 0.4, "pause": "200ms"},
            {"id": "c", "kind": "client.slow_reader", "target": "u", "at": "500ms", "for": "2s", "share": 0.4, "pause": "3s"}],
            [entry("t", 10, 40), entry("u", 6, 330)])
        self.assertEqual(wall["requests"], virtual["requests"])
        self.assertGreater(wall["requests"]["failed"], 2)
        group = next(g for g in wall["groups"] if g["window"] == "all" and g["tier"] == "interactive")
        self.assertGreater(group["metrics"]["itl_ms"]["max"], 190)

    def test_clients_that_ask_again(self):
        """Refused by a full queue, they come again at once until they are in: one answer each, many attempts."""
        wall, virtual = self.both("storm", [
            {"id": "r", "kind": "load.retry_storm", "at": "0s", "retries": 1000, "back_off": "20ms", "patience": "0s"}],
            [entry("t", 60, 12)], duration="1500ms",
            deployment=rack(slots=4, admission={"policy": "queue_cap", "limit": 2}))
        self.assertEqual(wall["requests"]["scheduled"], wall["requests"]["ok"])
        self.assertEqual(wall["requests"], virtual["requests"])
        for result in (wall, virtual):
            self.assertGreater(result["attempts"], 2 * result["requests"]["scheduled"])

    def test_clients_that_lose_patience(self):
        """Work for 2.7 slots on two: who has no token in 200 ms goes to the end of the queue, three times at most."""
        wall, virtual = self.both("patience", [
            {"id": "r", "kind": "load.retry_storm", "at": "0s", "retries": 3, "back_off": "20ms", "patience": "200ms"}],
            [entry("t", 8, 40)], duration="2500ms", deployment=rack(slots=2))
        self.assertEqual(wall["requests"]["scheduled"], wall["requests"]["ok"])
        self.assertEqual(wall["requests"], virtual["requests"])
        for result in (wall, virtual):
            self.assertGreater(result["attempts"], 1.3 * result["requests"]["scheduled"])

    def test_shapes_without_an_artifact(self):
        """Refused until the farm is done, a shape after the other: the same requests on both clocks."""
        deployment = rack()
        deployment["compile_farm"] = {"workers": 1, "compile_time": "400ms"}
        wall, virtual = self.both("sprawl", [
            {"id": "s", "kind": "shape.sprawl", "at": "505ms", "for": "2s", "share": 0.5, "variants": 4}],
            [entry("t", 20, 6)], deployment=deployment)
        self.assertEqual(wall["requests"], virtual["requests"])
        self.assertGreater(wall["requests"]["rejected"], 5)
        self.assertGreater(wall["requests"]["ok"], wall["requests"]["rejected"])

    def test_a_long_neighbour(self):
        """While a long sequence holds a slot of the slow bucket, everybody's tokens come every 24 ms instead of 8."""
        deployment = rack()
        deployment["pools"][0]["buckets"] = [
            {"max_seq": 1100, "frame": "8ms", "slots": 24, "prefill_tokens_per_frame": 64},
            {"max_seq": 8192, "frame": "24ms", "slots": 8, "prefill_tokens_per_frame": 64}]
        wall, virtual = self.both("neighbour", [
            {"id": "n", "kind": "shape.neighbour", "at": "1005ms", "for": "1500ms", "share": 0.2}], [entry("t", 10, 30)],
            deployment=deployment)
        self.assertEqual(wall["requests"], virtual["requests"])
        for result in (wall, virtual):
            tpot = {g["window"]: g["metrics"]["tpot_ms"] for g in result["groups"] if g["tier"] == "interactive"}
            self.assertGreater(tpot["fault"]["max"], 20)
            self.assertLess(tpot["baseline"]["max"], 24)


if __name__ == "__main__":
    e2e.main()
