# SPDX-License-Identifier: Apache-2.0
"""A changed configuration: taken up without a restart when it is right, refused without harm when it is not."""
import json
import signal
import urllib.request

import pytest

from conftest import wait_for

TOPICS = {"stocks": "tickers.stocks", "crypto": "tickers.crypto", "currency": "tickers.currency"}


def routes(select):
    """processing.routes that lead every topic to its table with this SELECT."""
    return "processing:\n  routes:\n" + "".join(
        f'    - {{topic: {topic}, table: {table}, select: "{select}"}}\n' for table, topic in TOPICS.items()
    )


def marked(mark):
    return routes(f"SELECT id, price, time, '{mark}' AS exchange, ingestion_ts FROM tick")


@pytest.fixture
def role(fdp):
    """A pipeline whose configuration can be changed, with ways to look at it."""
    file = fdp.folder / "fdp.yaml"
    file.write_text(marked("first"))
    running = fdp.up("--config", file)
    running.file = file
    running.monitor = running.address("monitoring")

    def metric(name):
        with urllib.request.urlopen(running.monitor + "metrics", timeout=10) as page:
            lines = page.read().decode().splitlines()
        return next((float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name + " ")), None)

    def rows(mark):
        return fdp.sql(f"SELECT COUNT(*) AS n FROM finance_data_ingress WHERE exchange = '{mark}'")[0]["n"]

    running.metric, running.rows = metric, rows
    wait_for(lambda: rows("first"), "rows of the first routes")
    yield running


def finish(fdp, role):
    code, _, errors = role.stop()
    assert code == 0, errors
    fdp("reconcile", "--deep", *fdp.where())


def test_new_routes_apply_while_it_runs(fdp, role):
    role.file.write_text(marked("second"))
    wait_for(lambda: role.rows("second"), "rows of the second routes")
    assert role.metric('fdp_config_reloads_total{outcome="applied"}') == 1
    finish(fdp, role)


def test_routes_can_go_back_to_those_of_the_start(fdp, role):
    role.file.write_text(marked("second"))
    wait_for(lambda: role.rows("second"), "rows of the second routes")
    before = role.rows("first")
    role.file.write_text(marked("first"))
    wait_for(lambda: role.rows("first") > before, "rows of the first routes again")
    finish(fdp, role)


def test_wrong_routes_change_nothing(fdp, role):
    role.file.write_text(routes("SELECT no_such_column FROM tick"))
    wait_for(lambda: role.metric("fdp_config_in_force") == 0, "the refusal in the metrics")
    assert "no_such_column" in role.stderr() and "the former one stays in force" in role.stderr()
    before = role.rows("first")
    wait_for(lambda: role.rows("first") > before, "rows of the routes in force")
    role.file.write_text(marked("third"))
    wait_for(lambda: role.rows("third"), "rows of the mended routes")
    assert role.metric("fdp_config_in_force") == 1
    finish(fdp, role)


def test_a_file_that_is_no_configuration_is_named_with_its_line(fdp, role):
    role.file.write_text(marked("x") + "processings: {}\n")
    wait_for(lambda: role.metric('fdp_config_reloads_total{outcome="refused"}') == 1, "the refusal in the metrics")
    assert "fdp.yaml:6" in role.stderr() and "processing" in role.stderr()
    finish(fdp, role)


def refused(role):
    return role.metric('fdp_config_reloads_total{outcome="refused"}')


@pytest.mark.parametrize("nothing", ["", " \n\t\n"])
def test_an_emptied_file_is_refused(fdp, role, nothing):
    role.file.write_text(nothing)
    wait_for(lambda: role.metric("fdp_config_in_force") == 0, "the refusal in the metrics")
    said = [line for line in role.stderr().splitlines() if str(role.file) in line]
    assert len(said) == 1 and "the former one stays in force" in said[0] and "is empty; write options into it" in said[0], said
    before = role.rows("first")
    wait_for(lambda: role.rows("first") > before, "rows of the routes in force")
    role.file.write_text(marked("first"))  # the very same that it had
    wait_for(lambda: role.metric("fdp_config_in_force") == 1, "the file in force again")
    assert refused(role) == 1 and role.metric('fdp_config_reloads_total{outcome="applied"}') == 1
    finish(fdp, role)


def test_a_file_that_is_gone_is_refused(fdp, role):
    role.file.rename(role.file.with_suffix(".away"))
    wait_for(lambda: role.metric("fdp_config_in_force") == 0, "the refusal in the metrics")
    said = [line for line in role.stderr().splitlines() if str(role.file) in line]
    assert len(said) == 1 and "the former one stays in force" in said[0] and "No such file" in said[0], said
    before = role.rows("first")
    wait_for(lambda: role.rows("first") > before, "rows of the routes in force")
    role.file.with_suffix(".away").rename(role.file)
    wait_for(lambda: role.metric("fdp_config_in_force") == 1, "the file in force again")
    assert refused(role) == 1
    role.file.write_text(marked("second"))
    wait_for(lambda: role.rows("second"), "rows of the second routes")
    finish(fdp, role)


def test_an_emptied_file_is_refused_once_on_sighup(fdp, role):
    role.file.write_text("")
    role.process.send_signal(signal.SIGHUP)
    wait_for(lambda: refused(role), "the refusal in the metrics")
    role.file.write_text(marked("second"))
    wait_for(lambda: role.rows("second"), "rows of the second routes")
    assert role.metric("fdp_config_in_force") == 1
    finish(fdp, role)


def test_a_file_that_lost_its_sections_wants_a_restart(fdp):
    """Comments only are all defaults, which are another stream and another store than those in force."""
    file, store = fdp.folder / "fdp.yaml", fdp.folder / "elsewhere.db"
    before = (
        f"streaming: {{url: 'embedded:{fdp.folder}/elsewhere', kafka: {{sasl.password: one}}}}\n"
        f"storage: {{url: 'sqlite:{store}'}}\n"
    )
    file.write_text(before)
    role = fdp.up("--config", file)
    page = role.address("monitoring") + "metrics"

    def metric(name):
        with urllib.request.urlopen(page, timeout=10) as answer:
            return next(float(line.split()[1]) for line in answer.read().decode().splitlines() if line.startswith(name + " "))

    def rows():
        return json.loads(fdp("sql", "--json", "--set", f"storage.url=sqlite:{store}", "SELECT COUNT(*) AS n FROM finance_data_ingress"))[0]["n"]

    wait_for(rows, "rows")
    assert metric("fdp_config_restart_needed") == 0
    file.write_text("# nothing but a comment\n")
    wait_for(lambda: metric("fdp_config_restart_needed"), "the restart that is needed")
    named = [line for line in role.stderr().splitlines() if "changes only with a restart" in line]
    assert len(named) == 3 and all(any(option in line for line in named) for option in ("streaming.url", "streaming.kafka", "storage.url")), named
    assert metric("fdp_config_in_force") == 1
    count = rows()
    wait_for(lambda: rows() > count, "rows where they have always gone")
    file.write_text(before.replace("one", "two"))  # a secret is an option like the others
    wait_for(lambda: role.stderr().count("changes only with a restart") == 4, "the secret that wants a restart")
    assert metric("fdp_config_restart_needed") == 1 and "two" not in role.stderr()
    file.write_text(before)
    wait_for(lambda: metric("fdp_config_restart_needed") == 0, "the configuration of the start")
    code, _, errors = role.stop()
    assert code == 0, errors


def test_sighup_reads_it_again(fdp, role):
    role.process.send_signal(signal.SIGHUP)
    wait_for(lambda: role.metric('fdp_config_reloads_total{outcome="applied"}') == 1, "the configuration to be read again")
    finish(fdp, role)


def test_routes_of_ingestion_apply_too(fdp, role):
    role.file.write_text(
        "ingestion:\n  routes:\n    - topic: tickers.crypto\n"
        "      select: SELECT id, price, time, 'edited' AS source_api, ingestion_ts FROM quote\n" + routes("SELECT * FROM tick")
    )
    edited = "SELECT COUNT(*) AS n FROM crypto WHERE source_api = 'edited' AND id = 'AAPL'"
    wait_for(lambda: fdp.sql(edited)[0]["n"], "a stock in the table of crypto")
    finish(fdp, role)


def test_a_topic_less_is_no_longer_read(fdp, role):
    role.file.write_text('processing:\n  routes:\n    - {topic: tickers.crypto, table: crypto, select: "SELECT id, price, time, \'less\' AS exchange FROM tick"}\n')
    wait_for(lambda: role.rows("less"), "rows of the remaining route")
    role.file.write_text(marked("again"))
    wait_for(lambda: fdp.sql("SELECT COUNT(*) AS n FROM stocks WHERE exchange = 'again'")[0]["n"], "stocks again")
    finish(fdp, role)


def test_an_option_that_needs_a_restart_is_named(fdp, role):
    role.file.write_text("simulator: {rate: 51}\n" + marked("fourth"))
    wait_for(lambda: role.rows("fourth"), "rows of the fourth routes")
    assert role.metric("fdp_config_restart_needed") == 1
    assert "simulator.rate" in role.stderr()
    role.file.write_text(marked("fifth"))
    wait_for(lambda: role.rows("fifth"), "rows of the fifth routes")
    assert role.metric("fdp_config_restart_needed") == 0
    finish(fdp, role)


def test_a_swapped_link_is_a_change(fdp):
    """As Kubernetes does it with a ConfigMap: the file is reached through a link to a folder, and the link is replaced."""
    folder = fdp.folder / "config"
    for version in ("one", "two"):
        (folder / version).mkdir(parents=True)
        (folder / version / "fdp.yaml").write_text(marked(version))
    (folder / "..data").symlink_to("one")
    (folder / "fdp.yaml").symlink_to("..data/fdp.yaml")
    role = fdp.up("--config", folder / "fdp.yaml")
    role.address("monitoring")
    count = "SELECT COUNT(*) AS n FROM finance_data_ingress WHERE exchange = '{}'"
    wait_for(lambda: fdp.sql(count.format("one"))[0]["n"], "rows of the first version")
    (folder / "..data_new").symlink_to("two")
    (folder / "..data_new").rename(folder / "..data")
    wait_for(lambda: fdp.sql(count.format("two"))[0]["n"], "rows of the second version")
    finish(fdp, role)
