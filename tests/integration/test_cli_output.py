# SPDX-License-Identifier: Apache-2.0
"""What commands print, where it goes, and what they say when that is not possible."""
import json
import os
import subprocess

import pytest

from conftest import BINARY

ROWS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) SELECT i FROM n"


@pytest.fixture
def filled(fdp):
    fdp.up_for("500ms", "--set", "simulator.rate=500")
    return fdp


# --- Standard output ---


def test_a_full_device_is_said(filled):
    commands = [
        ["topics", "list"],
        ["topics", "describe", "tickers.crypto"],
        ["topics", "tail", "tickers.crypto"],
        ["schemas", "list"],
        ["schemas", "show", "tickers.crypto-value"],
        ["quarantine", "list"],
        ["reconcile"],
        ["sql", "SELECT 1"],
        ["sql", "--csv", ROWS],
        ["sql", "--json", ROWS],
        ["check"],
        ["preview", "tickers.crypto"],
        ["config", "show"],
        ["config", "keys"],
        ["config", "schema"],
        ["config", "sample"],
        ["version"],
        ["help"],
        ["help", "up"],
        ["up", "--help"],
    ]
    for command in commands:
        with open("/dev/full", "w") as full:
            done = filled.run(*command, "--data", filled.data, stdout=full)
        assert (done.returncode, done.stderr) == (74, "fdp: cannot write to standard output: No space left on device\n"), command


def test_a_reader_that_leaves_ends_it_quietly(filled):
    for command in ["config", "keys"], ["sql", ROWS], ["sql", "--csv", ROWS], ["sql", "--json", ROWS]:
        reader, writer = os.pipe()
        os.close(reader)
        done = filled.run(*command, "--data", filled.data, stdout=writer)
        os.close(writer)
        assert (done.returncode, done.stderr) == (0, ""), command


# --- sql ---


def test_a_wrong_statement_is_a_usage_error(filled):
    statements = {
        "SELEC 1": "syntax error",
        "SELECT * FROM bonds": "no such table",
        "SELECT colour FROM stocks": "no such column",
        "SELECT abs(-9223372036854775807 - 1)": "integer overflow",
        "DELETE FROM stocks": "only reading",
        "BEGIN": "only reading",
        "PRAGMA query_only = 0": "only reading",
        "": "no statement",
        "SELECT 1; SELECT 2": "more than one",
    }
    for statement, words in statements.items():
        done = filled.run("sql", "--data", filled.data, statement)
        assert done.returncode == 2 and words in done.stderr, (statement, done)


def test_trouble_with_the_store_is_not(filled):
    (filled.data / "store.db").write_bytes(b"rubbish" * 1000)
    done = filled.run("sql", "--data", filled.data, "SELECT 1")
    assert done.returncode == 6 and "not an SQLite database" in done.stderr
    done = filled.run("sql", "--data", filled.folder / "nowhere", "SELECT 1")
    assert done.returncode == 6 and "there is no" in done.stderr


def test_members_of_an_object_have_names_of_their_own(filled):
    out = filled("sql", "--data", filled.data, "--json", "SELECT 1 AS a, 2 AS a, 3 AS b, 4 AS a_2, 5 AS a")
    assert json.loads(out, object_pairs_hook=list) == [[("a", 1), ("a_3", 2), ("b", 3), ("a_2", 4), ("a_4", 5)]]
    assert filled("sql", "--data", filled.data, "--csv", "SELECT 1 AS a, 2 AS a").splitlines() == ["a,a", "1,2"]


# --- Secrets ---


def test_passwords_in_urls_are_never_shown(fdp):
    urls = {
        "storage.url": ("mysql://me:hush@host/db?password=hush", "mysql://me:***@host/db?password=***"),
        "streaming.url": ("kafka://me:hush@host:9092", "kafka://me:***@host:9092"),
        "streaming.registry.url": ("http://me:hush@127.0.0.1:1", "http://me:***@127.0.0.1:1"),
        "ingestion.source": ("gopher://me:hush@host/", "gopher://me:***@host/"),
    }
    sets = [arg for option, (url, _) in urls.items() for arg in ("--set", f"{option}={url}")]
    shown = {row["option"]: row["value"] for row in json.loads(fdp("config", "show", "--json", *sets))}
    said = {}
    for option, (url, masked) in urls.items():
        assert shown[option] == f'"{masked}"'
        for command in ["check"], ["topics", "list"], ["sql", "SELECT 1"], ["schemas", "load"]:
            done = fdp.run(*command, "--data", fdp.data, "--set", f"{option}={url}")
            assert "hush" not in done.stdout + done.stderr, (command, option, done)
            said[option] = said.get(option, "") + done.stdout + done.stderr
    for option, (_, masked) in urls.items():
        assert masked in said[option], said[option]


# --- Files that are given ---


def test_a_configuration_may_come_through_a_pipe(fdp):
    command = f"exec {BINARY} config show --json -c <(echo 'simulator: {{rate: 7}}')"
    out = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=True).stdout
    assert {row["option"]: row["value"] for row in json.loads(out)}["simulator.rate"] == "7"


def test_a_configuration_that_is_no_file_is_said(fdp, tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    for path, words in (fifo, "nothing writes to this pipe"), (tmp_path, "Is a directory"):
        done = fdp.run("config", "show", "-c", path)
        assert done.returncode == 3 and str(path) in done.stderr and words in done.stderr, done.stderr


def test_check_reads_the_recorded_prices(fdp, tmp_path):
    file = tmp_path / "prices.csv"
    for text, words in (None, "No such file"), ("time,id\n", "price"), ("time,id,price\n1786622589,AAPL,high\n", "not a number"):
        if text:
            file.write_text(text)
        done = fdp.run("check", "--data", fdp.data, "--set", f"simulator.replay={file}")
        assert done.returncode == 1 and "simulator.replay" in done.stdout and words in done.stdout, done.stdout
    file.write_text("time,id,price\n1786622589,AAPL,1.5\n")
    assert "ok       recorded prices" in fdp("check", "--data", fdp.data, "--set", f"simulator.replay={file}")


def test_usage_ends_where_the_words_end(fdp):
    assert fdp.run("up", "extra").stderr.splitlines()[-1] == "Usage: fdp up"
    assert fdp.run("topics", "describe").stderr.splitlines()[-1] == "Usage: fdp topics describe TOPIC"
