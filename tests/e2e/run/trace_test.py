"""Real requests: the Azure conversation trace, sped up, on both clocks. Every row and every request is accounted for."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
import e2e  # noqa: E402

AZURE = e2e.SHARED / "traces" / "azure_llm_2023_conv.csv"
MOONCAKE = e2e.SHARED / "traces" / "mooncake_conversation_trace.jsonl"


def replay(name, file, form, speed, limit, **members):
    traffic = [{"name": "replay", "tier": "interactive",
                "trace": {"file": str(file), "format": form, "speed": speed, "limit": limit}}]
    return e2e.scenario(name, **{"traffic": traffic, "deployment": e2e.ONE_RACK, "duration": "5s", "warmup": "0s",
                                 "slo": [{"id": "ttft", "tier": "interactive", "metric": "ttft_ms", "quantile": 0.9,
                                          "max": "2s"}], **members})


class Replay(e2e.Case):

    def accounted(self, r):
        """result_check has seen that the sums are right; here: that they are these."""
        self.assertEqual(r["trace"]["emitted"], r["requests"]["scheduled"])
        self.assertIn(r["verdict"], ("pass", "fail", "inconclusive"))
        self.assertEqual(0, r["requests"]["corrupt"] + r["requests"]["not_sent"])

    def test_both_clocks(self):
        file = self.write(replay("azure", AZURE, "azure", 8.0, 200))
        virtual = self.run_files(file, clock="virtual", codes=(0, 1)).results[0]
        wall = self.run_files(file).results[0]
        for r in (virtual, wall):
            self.accounted(r)
        self.assertEqual("census", virtual["slo"][0]["basis"])
        self.assertGreater(wall["requests"]["ok"], 50)
        for key in ("plan_digest", "traffic_digest", "trace"):
            self.assertEqual(virtual[key], wall[key])

    def test_the_whole_trace(self):
        s = replay("whole", AZURE, "azure", 2.0, 100000, duration="30m", drain="60s")
        r = self.run_files(self.write(s), clock="virtual", codes=(0, 1)).results[0]
        self.accounted(r)
        self.assertEqual(19366, r["trace"]["rows_read"])

    def test_rows_after_the_end_are_dropped(self):
        s = replay("cut", AZURE, "azure", 1.0, 500, duration="20s")
        r = self.run_files(self.write(s), clock="virtual", codes=(0, 1, 4)).results[0]
        self.accounted(r)
        self.assertGreater(sum(r["trace"]["dropped"].values()), 0)

    def test_mooncake(self):
        if not MOONCAKE.exists():
            self.skipTest(f"{MOONCAKE} is not here")
        s = replay("mooncake", MOONCAKE, "mooncake", 10.0, 1000, duration="60s")
        s["traffic"][0]["trace"]["smear"] = True
        self.accounted(self.run_files(self.write(s), clock="virtual", codes=(0, 1, 4)).results[0])


if __name__ == "__main__":
    if not AZURE.exists():
        print(f"skipped: {AZURE} is not here")
        sys.exit(77)
    e2e.main()
