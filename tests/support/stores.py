"""What holds of every run store of the virtual clock, whatever happened in its run. As a module: problems(file) gives sentences."""
import sqlite3

# Each counts what must not be there.
LAWS = {
    "latencies that are not the sum of their parts": """SELECT count(*) FROM requests r WHERE outcome = 'ok'
        AND t_last_ns - t_send_ns <> blame_network_ns + blame_queue_ns + blame_entry_ns + blame_prefill_ns + blame_decode_ns
            + (SELECT coalesce(sum(stall_ns), 0) FROM stalls WHERE stalls.seq = r.seq)""",
    "requests whose gaps do not lie between their tokens": """SELECT count(*) FROM requests WHERE outcome = 'ok'
        AND (gaps <> output_tokens - 1 OR gap_sum_ns <> t_last_ns - t_first_ns OR gap_max_ns < itl_judged_ns)""",
    "requests out of order": "SELECT count(*) FROM requests a JOIN requests b ON b.seq = a.seq + 1 WHERE b.t_done_ns < a.t_done_ns",
    "rows that the run does not know of": "SELECT abs(rows - (SELECT count(*) FROM requests)) FROM run",
    "stalls of nobody": "SELECT count(*) FROM stalls LEFT JOIN requests USING (seq) LEFT JOIN faults USING (fault) "
                        "WHERE requests.id IS NULL OR faults.id IS NULL",
    "requests that the timeline lacks": "SELECT abs(sum(scheduled) - requests) + abs(sum(done) - requests) FROM timeline, run",
    "impossible seconds": "SELECT count(*) FROM timeline WHERE in_flight < 0 OR queued < 0 OR queued > in_flight "
                          "OR good > ok OR ok + rejected + failed > done",
    "requests in flight at the end": "SELECT sum(in_flight + queued) FROM timeline WHERE from_ns = (SELECT max(from_ns) FROM timeline)",
    "requests that the histograms lack": """SELECT abs((SELECT coalesce(sum(n), 0) FROM histograms WHERE window = 'all'
        AND metric = 'ttft_ms') - (SELECT count(*) FROM requests, run WHERE outcome = 'ok' AND t_sched_ns >= warmup_ns
        AND t_sched_ns < duration_ns))""",
    "windows that do not follow each other": """SELECT count(*) FROM (SELECT from_ns, lag(to_ns, 1, 0)
        OVER (ORDER BY from_ns) AS before FROM windows) WHERE from_ns <> before""",
    "faults that were not told": "SELECT count(*) FROM faults WHERE kind IS NULL",
}


def problems(path):
    """Of a whole store (--samples=all, or few enough requests) of a run that came to its end."""
    db = sqlite3.connect(path)
    found = [f"{n} {what}" for what, n in ((what, db.execute(law).fetchone()[0]) for what, law in LAWS.items()) if n]
    if db.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
        found.append("a damaged file")
    db.close()
    return found
