# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the whole pipeline at random moments under load, again and again on the same folder: nothing lost, nothing doubled.

FDP_KILLS sets how many kills (20 unless set), FDP_SEED the seed of the moments."""
import json
import os
import random
import signal
import time

from conftest import FREE_PORTS, figure

KILLS = int(os.environ.get("FDP_KILLS", "20"))
SEED = int(os.environ.get("FDP_SEED", str(random.SystemRandom().randrange(1 << 32))))


def offsets(fdp):
    """(topic, partition) -> high watermark."""
    topics = json.loads(fdp("topics", "list", "--data", fdp.data, "--json"))
    return {
        (topic["topic"], p["partition"]): p["high"]
        for topic in topics
        for p in json.loads(fdp("topics", "describe", topic["topic"], "--data", fdp.data, "--json"))
    }


def test_kill_at_random_moments(fdp):
    figure(f"{KILLS} kills, seed {SEED} (FDP_SEED={SEED} repeats them)")
    rng = random.Random(SEED)
    before = {}
    for kill in range(KILLS):
        rate = rng.choice([200, 2000, 20000, 60000])
        role = fdp.up("--set", f"simulator.rate={rate}", "--set", f"simulator.seed={kill}", "--log-level", "error")
        if rng.random() < 0.8:
            role.address("monitoring")  # else: in the middle of starting
        time.sleep(rng.uniform(0, 1.0))
        if rng.random() < 0.2 and (fdp.data / "stream.db").exists():
            fdp.run("topics", "list", "--data", fdp.data)  # somebody looks at it; it may be too early for an answer
        code, _, err = role.stop(signal.SIGKILL)
        assert code == -signal.SIGKILL, f"ended by itself: {err}"
        if not (fdp.data / "stream.db").exists():
            continue
        # What the log has given out it never takes back.
        now = offsets(fdp)
        for partition, high in before.items():
            assert now.get(partition, -1) >= high, f"{partition} went back from {high} to {now.get(partition)}"
        before = now
    summary = json.loads(fdp("up", "--data", fdp.data, "--for", "1s", *FREE_PORTS, "--log-level", "error").strip().splitlines()[-1])
    assert summary["lost"] == 0
    fdp("reconcile", "--data", fdp.data, "--deep")
    written = {k: v for k, v in offsets(fdp).items() if k[0].startswith("tickers.")}
    rows = fdp.count("finance_data_ingress")
    quarantined = fdp.count("fdp_quarantine")
    assert rows + quarantined == sum(written.values())
    assert rows > 0
    # Each record of the log is one row: the very events, not only their number.
    for topic, table in (("tickers.stocks", "stocks"), ("tickers.crypto", "crypto"), ("tickers.currency", "currency")):
        logged = [json.loads(line) for line in fdp("topics", "tail", topic, "--from", "earliest", "--data", fdp.data, "--log-level", "error").splitlines()]
        stored = fdp.sql(f"SELECT t.event_id, o.partition, t._offset FROM {table} t JOIN fdp_offsets o ON o.id = t._source")
        assert sorted((r["event_id"], r["_partition"], r["_offset"]) for r in logged) == sorted((r["event_id"], r["partition"], r["_offset"]) for r in stored)
    figure(f"{rows} rows and {quarantined} quarantined after {KILLS} kills, each once")
