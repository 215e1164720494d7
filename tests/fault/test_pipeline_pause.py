# SPDX-License-Identifier: Apache-2.0
"""A table that cannot be written to: the topic that leads there waits, the others go on, and it goes on by itself once that is mended."""
import time

import pytest

from conftest import wait_for
from pipeline import Pipeline, figure, times

FAULTS = {  # what breaks the table crypto, what mends it, what the worker's word about it names
    "missing table": ("ALTER TABLE crypto RENAME TO away", "ALTER TABLE away RENAME TO crypto", "crypto"),
    "missing column": ("ALTER TABLE crypto DROP COLUMN exchange CASCADE", "ALTER TABLE crypto ADD COLUMN exchange text", "exchange"),
    "column of another type": ("DROP VIEW IF EXISTS finance_data_ingress; ALTER TABLE crypto ALTER bid TYPE date USING NULL",
                               "ALTER TABLE crypto ALTER bid TYPE double precision USING NULL", "bid"),
    "no permission": ("REVOKE INSERT ON crypto FROM CURRENT_USER", "GRANT INSERT ON crypto TO CURRENT_USER", "GRANT SELECT, INSERT"),
}


@pytest.fixture
def pipeline(fdp, kafka, postgres):
    return Pipeline(fdp, kafka, postgres)


def rows(pipeline, table):
    return pipeline.postgres.psql(f"SELECT COUNT(*) FROM {table}")[0][0]


@pytest.mark.parametrize("fault", FAULTS)
def test_topic_waits_for_its_table(pipeline, fault):
    broken, mended, word = FAULTS[fault]
    psql, worker = pipeline.postgres.psql, pipeline.worker()
    with pipeline.load.running(1000):
        pipeline.progress(1000)
        for _ in range(times(1, 5)):
            psql(broken)
            wait_for(lambda: not pipeline.ready(worker), "not ready")
            before = rows(pipeline, "stocks")
            wait_for(lambda: rows(pipeline, "stocks") > before + 1000, "the other topics to go on")
            psql(mended)
            before = rows(pipeline, "crypto")
            wait_for(lambda: rows(pipeline, "crypto") > before + 300, "the topic to go on")
            wait_for(lambda: pipeline.ready(worker), "ready again")
    said = [line for line in worker.stderr().splitlines() if "a partition has to wait" in line]
    assert word in said[0], said
    assert len(said) <= 3 * times(1, 5), "each partition says it once"
    figure(f"{pipeline.finish()}: {fault}")


def test_up_ends_although_a_topic_waits(fdp, kafka, postgres):
    """What waits for its table is left in the stream for the next start; nothing else has to wait for it."""
    fdp.use(stream=kafka, store=postgres)
    up = fdp.up()
    wait_for(lambda: postgres.psql("SELECT to_regclass('crypto')")[0][0] and fdp.count("crypto"), "rows")
    postgres.psql("ALTER TABLE crypto RENAME TO away")
    wait_for(lambda: "a partition has to wait" in up.stderr(), "the topic to wait")
    began = time.monotonic()
    code, _, err = up.stop()
    assert code == 0, err
    assert time.monotonic() - began < 10
    postgres.psql("ALTER TABLE away RENAME TO crypto")
    rest = fdp.up_for("1s")
    assert rest["backlog"] > 0 and rest["stored"] == rest["backlog"] + rest["published"]
    fdp("reconcile", *fdp.where(), "--deep")
