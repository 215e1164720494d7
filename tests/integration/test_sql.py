# SPDX-License-Identifier: Apache-2.0
"""Queries of a PostgreSQL store: what becomes of those that nobody waits for any more."""
import signal

import pytest

from conftest import wait_for


@pytest.fixture
def store(fdp, postgres):
    """A store with tables."""
    fdp.use(store=postgres).up_for("1s")
    return fdp


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM])
def test_a_query_ends_with_the_command_that_asked(store, postgres, sig):
    def running():
        return postgres.psql("SELECT pid FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active'")

    command = store.start("sql", *store.where(), "SELECT pg_sleep(600) FROM stocks")
    wait_for(running, "the query runs")
    command.stop(sig)
    wait_for(lambda: not running(), "the query has ended", 20)
