# SPDX-License-Identifier: Apache-2.0
"""Commands as a user types them: what they print, what they refuse, and how they say it."""
import base64
import json
import os
import pathlib
import subprocess

import pytest

from conftest import BINARY, FREE_PORTS, ROOT


@pytest.fixture
def filled(fdp):
    fdp.summary = fdp.up_for("2s", "--set", "simulator.rate=500")
    return fdp


# --- Looking at a pipeline that does not run ---


def test_topics_list_and_describe(filled):
    topics = {t["topic"]: t for t in json.loads(filled("topics", "list", "--data", filled.data, "--json"))}
    assert {"tickers.stocks", "tickers.crypto", "tickers.currency", "tickers.rejected", "_schemas"} <= set(topics)
    assert topics["tickers.stocks"]["partitions"] == 3 and topics["tickers.rejected"]["partitions"] == 1
    partitions = json.loads(filled("topics", "describe", "tickers.stocks", "--data", filled.data, "--json"))
    assert [p["partition"] for p in partitions] == [0, 1, 2]
    assert sum(p["records"] for p in partitions) == topics["tickers.stocks"]["records"]


def test_topics_tail_prints_decoded_lines(filled):
    lines = [json.loads(line) for line in filled("topics", "tail", "tickers.crypto", "-n", "5", "--data", filled.data).splitlines()]
    assert len(lines) == 5
    for line in lines:
        assert line["_key"] == line["id"] and line["quote_type"] == 41 and line["_schema_id"] >= 1
    everything = filled("topics", "tail", "tickers.crypto", "--from", "earliest", "--data", filled.data).splitlines()
    assert len(everything) == filled.count("crypto")
    assert filled("topics", "tail", "tickers.crypto", "--from", "2100-01-01", "--data", filled.data) == ""


def test_schemas_list_and_show(filled):
    subjects = json.loads(filled("schemas", "list", "--data", filled.data, "--json"))
    assert [s["subject"] for s in subjects] == ["tickers.crypto-value", "tickers.currency-value", "tickers.stocks-value"]
    shown = filled("schemas", "show", "tickers.stocks-value", "--data", filled.data)
    assert "version 2" in shown and '"short_name"' in shown


def test_sql_as_table_json_and_csv(filled):
    count = filled.summary["stored"]
    statement = "SELECT COUNT(*) FROM finance_data_ingress"
    assert filled("sql", "--data", filled.data, statement).split() == ["COUNT(*)", str(count)]
    assert json.loads(filled("sql", "--data", filled.data, statement, "--json")) == [{"COUNT(*)": count}]
    assert filled("sql", "--data", filled.data, statement, "--csv").split() == ["COUNT(*)", str(count)]
    assert "T" not in filled("sql", "--data", filled.data, "--csv", "SELECT time FROM finance_data_readable LIMIT 1").splitlines()[1]


def test_preview_writes_nothing_and_tells_tables(filled):
    before = filled.count("finance_data_ingress")
    lines = [json.loads(line) for line in filled("preview", "tickers.currency", "-n", "4", "--data", filled.data).splitlines()]
    assert [line["outcome"] for line in lines] == ["stored"] * 4
    assert all(line["table"] == "currency" and line["row"]["price"] > 0 for line in lines)
    route = "processing.routes=[{topic: tickers.currency, table: currency, select: \"SELECT * FROM tick WHERE id = 'nothing'\"}]"
    lines = [json.loads(line) for line in filled("preview", "tickers.currency", "-n", "4", "--data", filled.data, "--set", route).splitlines()]
    assert [line["outcome"] for line in lines] == ["filtered"] * 4
    assert filled.count("finance_data_ingress") == before


def test_reconcile_finds_a_missing_row(filled):
    import sqlite3

    filled("reconcile", "--data", filled.data, "--deep")
    with sqlite3.connect(filled.data / "store.db") as store:
        store.execute("DELETE FROM stocks WHERE rowid = (SELECT MAX(rowid) FROM stocks)")
    filled("reconcile", "--data", filled.data)  # the counters still add up
    done = filled.run("reconcile", "--data", filled.data, "--deep")
    assert done.returncode == 1 and "do not add up" in done.stderr and "NO" in done.stdout


# --- check ---


def test_check_of_the_default_configuration_finds_nothing(fdp):
    out = fdp("check", "--data", fdp.data)
    assert "problem" not in out and not fdp.data.exists()


@pytest.mark.parametrize(
    "setting, words",
    [
        ("processing.routes=[{topic: tickers.stocks, table: bonds, select: SELECT * FROM tick}]", ["bonds"]),
        ("processing.routes=[{topic: tickers.stocks, table: stocks, select: 'SELECT id, price, tim FROM tick'}]", ["processing.routes[0]", "tim"]),
        ("processing.routes=[{topic: tickers.stocks, table: stocks, select: 'SELECT * FROM tick ORDER BY id'}]", ["ORDER BY"]),
        ("processing.routes=[{topic: tickers.stocks, table: stocks, select: 'SELECT id FROM tick'}]", ["price"]),
        ("ingestion.routes=[{topic: tickers.stocks, select: 'DROP TABLE quote'}]", ["ingestion.routes[0]"]),
        ("storage.url=mysql://x", ["sqlite:"]),
        ("processing.routes=[{topic: tickers.stocks, table: finance_data_ingress, select: SELECT * FROM tick}]", ["is a view"]),
        ("ingestion.symbols-file=/nowhere/symbols", ["/nowhere/symbols"]),
        ("ingestion.source=gopher://x", ["ingestion.source"]),
    ],
)
def test_check_names_the_problem(fdp, setting, words):
    done = fdp.run("check", "--data", fdp.data, "--set", setting)
    assert done.returncode == 1, done.stdout + done.stderr
    for word in words:
        assert word in done.stdout, done.stdout


# --- feed decode ---


def recorded():
    for line in (pathlib.Path(ROOT) / "tests/case/yahoo-frames.tsv").read_text().splitlines():
        if not line.startswith("#"):
            yield line.split("\t")[:2]


def test_feed_decode_reads_both_framings(fdp):
    frames = [frame for _, frame in recorded()]
    lines = frames + [json.dumps({"type": "pricing", "message": frame}) for frame in frames]
    rows = [json.loads(line) for line in fdp("feed", "decode", stdin="\n".join(lines) + "\n").splitlines()]
    assert rows[: len(frames)] == rows[len(frames) :]
    by_id = {row["id"]: row for row in rows}
    assert by_id["EURUSD=X"]["price"] == 1.15327 and by_id["EURUSD=X"]["time"] == "2026-08-13T12:03:09Z"
    assert by_id["JPY=X"]["price_hint"] == 4 and "day_volume" not in by_id["JPY=X"]


def test_feed_decode_bad_lines_are_error_objects(fdp):
    frame = next(recorded())[1]
    bad = ["invalid_base64_string", "not json", "{", '{"type":"pricing","message":5}', "====", "A" * 100000, base64.b64encode(b"\xff" * 40).decode()]
    rows = [json.loads(line) for line in fdp("feed", "decode", stdin="\n".join([*bad, frame]) + "\n").splitlines()]
    assert all("error" in row for row in rows[:-1]) and "id" in rows[-1]
    assert len(rows) == len(bad) + 1
    assert json.loads(fdp("feed", "decode", stdin='{"type":"heartbeat"}\n')) == {"other": True}


# --- Configuration, command line ---


def test_config_show_tells_origins(fdp, tmp_path):
    file = tmp_path / "my.yaml"
    file.write_text("simulator:\n  rate: 7\n  seed: 3\n")
    shown = {r["option"]: r for r in json.loads(fdp("config", "show", "-c", file, "--set", "simulator.seed=4", "--json", env={"FDP_PROCESSING_GROUP": "mine"}))}
    assert shown["simulator.rate"] == {"option": "simulator.rate", "value": "7", "origin": f"{file}:2"}
    assert shown["simulator.seed"]["value"] == "4" and shown["simulator.seed"]["origin"] == "command line"
    assert shown["processing.group"]["value"] == "mine" and shown["processing.group"]["origin"] == "FDP_PROCESSING_GROUP"
    assert shown["storage.url"]["origin"] == "default"


def test_config_sample_is_the_file_and_loads(fdp, tmp_path):
    sample = fdp("config", "sample")
    assert sample == (ROOT / "config/fdp.yaml").read_text()
    file = tmp_path / "sample.yaml"
    file.write_text(sample)
    assert "problem" not in fdp("check", "-c", file, "--data", fdp.data)
    json.loads(fdp("config", "schema"))
    assert "simulator.rate" in fdp("config", "keys")


@pytest.mark.parametrize(
    "args, code, words",
    [
        (["upp"], 2, ["upp", "up"]),
        (["topics"], 2, ["topics tail"]),
        (["topics", "lsit"], 2, ["topics list"]),
        (["topics", "describe"], 2, ["TOPIC"]),
        (["up", "--jsno"], 2, ["--json"]),
        (["up", "--for"], 2, ["DURATION"]),
        (["up", "--for", "soon"], 2, ["10s", "soon"]),
        (["topics", "tail", "x", "-n", "many"], 2, ["many"]),
        (["--data", "x", "up"], 2, ["command comes first"]),
        (["up", "--set", "simulator.rat=1"], 3, ["simulator.rat", "simulator.rate"]),
        (["up", "--set", "simulator.rate=fast"], 3, ["simulator.rate", "fast"]),
        (["up", "--set", "simulator.rate=0"], 3, ["simulator.rate", "100000"]),
        (["up", "-c", "/nowhere.yaml"], 3, ["/nowhere.yaml"]),
        (["up", "--set", "ingestion.source=gopher:"], 3, ["ingestion.source", "yahoo:"]),
        (["up", "--set", "streaming.url=carrier-pigeon:"], 3, ["streaming.url", "embedded:"]),
    ],
)
def test_mistakes_are_said_plainly(fdp, args, code, words):
    done = fdp.run(*args, *(["--data", fdp.data] if args[0] == "up" else []))
    assert done.returncode == code, (args, done.returncode, done.stdout, done.stderr)
    for word in words:
        assert word in done.stderr, done.stderr
    assert len(done.stderr) < 3000


def test_yaml_mistakes_name_file_and_line(fdp, tmp_path):
    file = tmp_path / "bad.yaml"
    file.write_text("simulator:\n  rate: 10\n  sed: 3\n")
    done = fdp.run("up", "-c", file, "--data", fdp.data)
    assert done.returncode == 3 and f"{file}:3" in done.stderr and "simulator.seed" in done.stderr
    file.write_text("simulator:\n\t- x: [\n")
    done = fdp.run("up", "-c", file, "--data", fdp.data)
    assert done.returncode == 3 and str(file) in done.stderr


@pytest.mark.parametrize("command", ["up", "process", "ingest", "check", "config show", "version"])
def test_an_empty_configuration_is_refused(fdp, tmp_path, command):
    file = tmp_path / "emptied.yaml"
    for nothing in ("", " \n\t\r\n", "\ufeff\n"):
        file.write_text(nothing)
        done = fdp.run(*command.split(), "-c", file, "--data", fdp.data)
        assert done.returncode == 3 and done.stdout == "", (done.stdout, done.stderr)
        assert f"{file} is empty; write options into it, or start again without it" in done.stderr
    assert not fdp.data.exists()


def test_a_configuration_of_comments_is_all_defaults(fdp, tmp_path):
    file = tmp_path / "comments.yaml"
    file.write_text("# nothing\n\n  # at all\n")
    values = [(row["option"], row["value"], row["origin"]) for row in json.loads(fdp("config", "show", "--json", "-c", file))]
    sample = [(row["option"], row["value"], "default") for row in json.loads(fdp("config", "show", "--json", "-c", ROOT / "config/fdp.yaml"))]
    assert values == sample


def test_the_environment_names_the_file(fdp, tmp_path):
    for name, rate in (("one", 11), ("two", 22)):
        (tmp_path / name).write_text(f"simulator: {{rate: {rate}}}\n")
    env = {"FDP_CONFIG": str(tmp_path / "one")}
    done = fdp.run("config", "show", "--json", env=env)
    row, = (row for row in json.loads(done.stdout) if row["option"] == "simulator.rate")
    assert row["value"] == "11" and row["origin"] == f"{tmp_path}/one:1" and done.stderr == ""
    assert '"22"' in fdp("config", "show", "--json", "-c", tmp_path / "two", env=env)
    missing = fdp.run("check", env={"FDP_CONFIG": str(tmp_path / "three")})
    assert missing.returncode == 3 and f"cannot read the configuration {tmp_path}/three: No such file" in missing.stderr
    assert fdp.run("config", "show", env={"FDP_CONFIG": ""}).returncode == 0


def test_unknown_environment_only_warns(fdp):
    done = fdp.run("config", "show", env={"FDP_SIMULATOR_RAT": "1", "FDP_SERVICE_HOST": "10.0.0.1"})
    assert done.returncode == 0 and "FDP_SIMULATOR_RAT" in done.stderr


def test_help_of_every_command(fdp):
    listed = fdp("help")
    for line in listed.splitlines():
        if line.startswith("  ") and not line.startswith("  --"):
            words = [word for word in line[2:32].split() if word.islower() and word.isalpha()]
            assert "Usage: fdp" in fdp("help", *words[:2])
    assert fdp("version").startswith("fdp ") and fdp("--version") == fdp("version")


# --- What the machine refuses ---


def test_port_in_use_is_said(fdp):
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for option in ("monitoring.listen", "streaming.registry.listen", "simulator.listen"):
            others = {"monitoring.listen", "streaming.registry.listen", "simulator.listen"} - {option}
            sets = [arg for other in sorted(others) for arg in ("--set", f"{other}=127.0.0.1:0")]
            done = fdp.run("up", "--data", fdp.data, *sets, "--set", f"{option}=127.0.0.1:{port}", "--for", "5s")
            assert done.returncode not in (0, 1, 2), done.stderr
            assert str(port) in done.stderr and "use" in done.stderr, done.stderr


def test_unwritable_folder_is_said(fdp):
    done = fdp.run("up", "--data", "/proc/nowhere", "--for", "1s", "--set", "monitoring.listen=127.0.0.1:0")
    assert done.returncode in (5, 6, 7) and "/proc/nowhere" in done.stderr and "--data" in done.stderr


def test_folder_that_is_a_file_is_said(fdp):
    for command in (["up", "--for", "1s", *FREE_PORTS], ["sql", "SELECT 1"], ["topics", "list"]):
        done = fdp.run(*command, "--data", "/etc/passwd")
        assert done.returncode in (5, 6) and "/etc/passwd is not a folder; choose another with --data" in done.stderr, done.stderr


def test_up_on_an_unwritable_folder_names_user_and_mode(fdp):
    fdp.data.mkdir(mode=0o555)
    # Root is refused nothing: it gives up that right.
    drop = ["setpriv", "--bounding-set=-all"] if os.geteuid() == 0 else []
    done = subprocess.run([*drop, BINARY, "up", "--for", "1s", *FREE_PORTS, "--data", fdp.data], capture_output=True, text=True)
    assert done.returncode == 6 and "has no permission to" in done.stderr and "mode 0" in done.stderr, done.stderr


def test_what_moves_a_terminal_is_not_repeated(fdp):
    for words in (["\033[31m"], ["up", "--\033[31m"], ["topics", "describe", "a\033[31m", "--data", fdp.data], ["help", "\x9b\033[31m"]):
        done = fdp.run(*words)
        assert done.returncode and "\033" not in done.stderr + done.stdout and "\x9b" not in done.stderr, done.stderr


def test_csv_without_rows_is_empty(filled):
    assert filled("sql", "--data", filled.data, "--csv", "SELECT 1 WHERE 0") == ""


def test_tools_on_a_missing_folder_make_nothing(fdp):
    for command in (["topics", "list"], ["sql", "SELECT 1"], ["reconcile"], ["quarantine", "list"], ["schemas", "list"], ["preview", "tickers.stocks"]):
        done = fdp.run(*command, "--data", fdp.data, "--set", "streaming.registry.listen=127.0.0.1:1")
        assert done.returncode in (5, 6, 7) and "there is no" in done.stderr, (command, done.stderr)
    assert not fdp.data.exists()


def test_missing_certificate_is_said(fdp):
    done = fdp.run("up", "--data", fdp.data, "--for", "1s", "--set", "monitoring.listen=127.0.0.1:0", "--set", "streaming.registry.listen=127.0.0.1:0",
                   "--set", "ingestion.source=wss://127.0.0.1:1/", "--set", "ingestion.tls-ca-file=/nowhere.pem")
    assert done.returncode in (3, 4) and "/nowhere.pem" in done.stderr


def test_locked_store_waits_and_goes_on(fdp):
    import sqlite3

    from conftest import wait_for

    role = fdp.up("--set", "simulator.rate=500")
    role.address("monitoring")
    wait_for(lambda: fdp.count("finance_data_ingress") > 0, "rows")
    store = sqlite3.connect(fdp.data / "store.db", isolation_level=None)
    store.execute("BEGIN IMMEDIATE")
    before = fdp.count("finance_data_ingress")
    wait_for(lambda: "locked" in role.stderr(), "a word about it")
    store.execute("ROLLBACK")
    wait_for(lambda: fdp.count("finance_data_ingress") > before, "rows again")
    assert role.stop()[0] == 0
    fdp("reconcile", "--data", fdp.data, "--deep")
