# SPDX-License-Identifier: Apache-2.0
"""The connection to PostgreSQL ends after any byte of a transaction, or of its answer: what was committed is not written again, what was not is."""
import pytest

from conftest import wait_for
from pipeline import SOAK, Pipeline, figure
from proxy import Proxy

TAIL = 24  # bytes at the end of a message, all of which are tried: the end of the last COPY


@pytest.fixture
def pipeline(fdp, kafka, postgres):
    return Pipeline(fdp, kafka, postgres)


def through(postgres, proxy):
    return postgres.url.replace(f":{postgres.server.port}/", f":{proxy.port}/")


def some_of(size, step):
    """Every byte in a soak; else a sample, and all of the end."""
    return sorted({*range(1, size + 1, 1 if SOAK else step), *range(max(1, size - TAIL), size + 1)})


def test_cut_at_every_byte_of_a_transaction(pipeline):
    """A transaction here is two records of one partition, one for a table and one for the quarantine."""
    load, postgres = pipeline.load, pipeline.postgres
    sent = 0

    def transaction():
        nonlocal sent
        load.produce(1, topics=["tickers.stocks"])
        place = next(reversed(load.entries)) if load.entries else None
        load.send("tickers.stocks", "no key of a symbol", b"\x01 is not a format that we know")
        sent += 1
        return place

    with Proxy("127.0.0.1", postgres.server.port) as proxy:
        worker = pipeline.worker(store=through(postgres, proxy))
        for _ in range(3):  # afterwards all of the plans are made
            transaction()
            pipeline.settled()
        before = proxy.to_server, proxy.to_client
        transaction()
        pipeline.settled()
        asked, answered = proxy.to_server - before[0], proxy.to_client - before[1]
        cuts = [{"to_server": count} for count in some_of(asked, 67)] + [{"to_client": count} for count in some_of(answered, 41)]
        for number, cut in enumerate(cuts):
            proxy.cut(**cut, reset=number % 2 == 1)
            # Two transactions where the records come apart: then the cut may be in the second.
            while not proxy.sprung():
                transaction()
                pipeline.settled()
        wait_for(lambda: pipeline.ready(worker), "ready again")
        figure(f"{pipeline.finish(quarantined=sent)} after {len(cuts)} cuts in messages of {asked} bytes and answers of {answered} bytes")
