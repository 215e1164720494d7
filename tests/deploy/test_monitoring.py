# SPDX-License-Identifier: Apache-2.0
"""What the chart monitoring shows and reports: every alert against made-up figures with promtool, and all of it, alerts and dashboard,
against a real pipeline that a real Prometheus watches."""
import contextlib
import functools
import json
import pathlib
import re
import socket
import subprocess
import sys
import time
import types
import urllib.error
import urllib.parse
import urllib.request

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

import helm
import servers
from conftest import BINARY, FREE_PORTS, ROOT, Fdp, figure, wait_for

CHART = helm.CHARTS / "monitoring"
ALERTS = sorted(path.stem for path in CHART.glob("alerts/*.yaml"))
RUNBOOKS = ROOT / "docs/runbooks"
DASHBOARD = json.loads((CHART / "dashboards/fdp.json").read_text())
# Labels that come with being asked, or with an alert, rather than from the page of a role.
PROMETHEUS_LABELS = {"job", "instance", "le", "alertname", "alertstate", "market"}


@functools.cache
def programs():
    """The folder with prometheus and promtool."""
    done = subprocess.run([ROOT / "tools/prometheus.sh"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stderr
    return pathlib.Path(done.stdout.strip())


def promtool(*args):
    return subprocess.run([programs() / "promtool", *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def rendered(values=None, *args):
    done = helm.template("monitoring", values or {}, "helm", *args)
    assert done.returncode == 0, done.stderr
    return {(document["kind"], document["metadata"]["name"]): document for document in helm.documents(done.stdout)}


def rules(values=None):
    """The files of rules as Prometheus gets them: name to text."""
    return rendered(values)["ConfigMap", "monitoring-prometheus-alerts"]["data"]


def rule(text):
    (group,) = yaml.safe_load(text)["groups"]
    (found,) = group["rules"]
    return found


def panels():
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def expressions():
    """(where, expression) of all alerts and panels, as Prometheus gets them."""
    for name, text in rules().items():
        yield name, rule(text)["expr"]
    for panel in panels():
        for target in panel["targets"]:
            yield f"{panel['title']} ({target['refId']})", target["expr"].replace("$__rate_interval", "10s")


# --- Alerts, with made-up figures ---


@pytest.mark.parametrize("name", ALERTS)
def test_alert_fires_when_it_should_and_only_then(name, tmp_path):
    cases = (pathlib.Path(__file__).parent / f"alerts/{name}.yaml").read_text()
    checks = [check for test in yaml.safe_load(cases)["tests"] for check in test["alert_rule_test"]]
    assert {bool(check.get("exp_alerts")) for check in checks} == {True, False}, "there have to be both cases"
    (tmp_path / f"{name}.yaml").write_text(rules()[f"{name}.yaml"])
    (tmp_path / "cases.yaml").write_text(cases)
    done = promtool("test", "rules", tmp_path / "cases.yaml")
    assert done.returncode == 0, done.stdout


def test_alerts_are_well_formed(tmp_path):
    for name, text in rules().items():
        (tmp_path / name).write_text(text)
        found = rule(text)
        assert found["alert"] == pathlib.Path(name).stem and found["for"]
        assert found["labels"] == {"severity": "critical" if found["alert"] == "NoTicksStored" else "warning"}
        assert set(found["annotations"]) == {"summary", "description", "runbook_url"}
        assert "{{" in found["annotations"]["description"], "a description tells values"
        assert "${" not in text.replace("${...}", "").replace("${missing} has", "")
    done = promtool("check", "rules", "--lint=all", "--lint-fatal", *tmp_path.iterdir())
    assert done.returncode == 0, done.stdout


def test_every_alert_has_a_runbook_and_every_runbook_an_alert():
    pages = {path.stem for path in RUNBOOKS.glob("*.md")} - {"README"}
    assert pages == set(ALERTS)
    index = (RUNBOOKS / "README.md").read_text()
    for name in ALERTS:
        assert f"]({name}.md)" in index
        page = (RUNBOOKS / f"{name}.md").read_text()
        headings = re.findall(r"^## (.*)$", page, re.M)
        assert headings == ["What users see", "How to look", "Causes", "Remedies", "Drill"], name
        assert page.startswith(f"# {name}\n")
        for command, verb in re.findall(r"-- fdp ([a-z]+) ?([a-z]*)", page):
            words = [command, verb] if command in ("topics", "groups", "quarantine", "config") else [command]
            assert subprocess.run([BINARY, "help", *words], stdout=subprocess.DEVNULL).returncode == 0, words


def test_values_of_an_alert_reach_its_rule():
    text = rules({"alerts": {"runbooks": "https://example.com/runbooks/", "SymbolStale": {
        "seconds": 77, "for": "9m", "severity": "info", "exclude": r"\^FTSE|VFIAX"}}, "prometheus": {"jobs": {"processing": ""}},
        "console": {"enabled": False}})
    stale = rule(text["SymbolStale.yaml"])
    assert stale["expr"].count("> 77") == 3 and stale["expr"].count(r'symbol!~"\\^FTSE|VFIAX"') == 3
    assert stale["for"] == "9m" and stale["labels"] == {"severity": "info"}
    assert stale["annotations"]["runbook_url"] == "https://example.com/runbooks/SymbolStale.md"
    down = rule(text["ScrapeDown.yaml"])["expr"]
    assert 'absent(up{job="ingestion"})' in down and "processing" not in down and "console" not in down


def test_alert_that_is_off_is_not_there():
    assert set(rules({"alerts": {"SymbolStale": {"enabled": False}}})) == {f"{name}.yaml" for name in ALERTS if name != "SymbolStale"}


# --- Objects ---


def test_configuration_of_prometheus_is_right(tmp_path):
    objects = rendered({"prometheus": {"alertmanagers": ["alertmanager:9093"], "jobs": {"simulator": "ingestion-simulator-metrics:8085",
                                                                                       "elsewhere": "fdp.other.example.com:9999"}}})
    path = tmp_path / "prometheus.yml"
    path.write_text(objects["ConfigMap", "monitoring-prometheus"]["data"]["prometheus.yml"])
    done = promtool("check", "config", "--lint=none", path)
    assert done.returncode == 0, done.stdout
    names = {job["job_name"]: job["dns_sd_configs"][0] for job in yaml.safe_load(path.read_text())["scrape_configs"]}
    assert set(names) == {"ingestion", "simulator", "registry", "processing", "console", "elsewhere"}
    assert names["processing"]["names"] == ["processing-metrics.default.svc.cluster.local."]
    assert names["elsewhere"] == {"names": ["fdp.other.example.com"], "port": 9999, "refresh_interval": "15s", "type": "A"}


def test_a_change_of_what_is_read_at_the_start_makes_new_pods():
    def checksums(values):
        return {name: document["spec"]["template"]["metadata"]["annotations"]["checksum/config"]
                for (kind, name), document in rendered(values).items() if kind == "Deployment"}
    plain = checksums({})
    assert checksums({}) == plain

    def changed(values):
        return {name.removeprefix("monitoring-") for name, checksum in checksums(values).items() if checksum != plain[name]}

    assert changed({"alerts": {"SymbolStale": {"seconds": 77}}}) == {"prometheus"}
    assert changed({"prometheus": {"interval": "30s"}}) == {"prometheus", "grafana"}
    assert changed({"akhq": {"access": "admin"}}) == {"akhq"}
    assert changed({"registry": {"url": "http://elsewhere:8081"}}) == {"akhq", "console", "prometheus"}
    assert changed({"grafana": {"prometheusUrl": "http://elsewhere:9090"}}) == {"grafana"}


@pytest.mark.parametrize("component", ["console", "akhq", "prometheus", "grafana"])
def test_component_can_be_left_out(component):
    def names(values):
        return {name for kind, name in rendered(values) if kind in ("Deployment", "Service", "Secret", "ConfigMap")}
    left = names({component: {"enabled": False}, "grafana": {"prometheusUrl": "http://elsewhere:9090"}} | (
        {"grafana": {"enabled": False}} if component == "grafana" else {}))
    assert any(name.startswith(f"monitoring-{component}") for name in names({}))
    assert not any(name.startswith(f"monitoring-{component}") for name in left)
    assert "monitoring-dashboards" in left


def test_operator_gets_rules_where_there_is_one():
    assert not {kind for kind, _ in rendered()} & {"PrometheusRule", "PodMonitor", "ServiceMonitor"}
    labels = {"release": "kube-prometheus-stack"}
    objects = rendered({"prometheus": {"enabled": False}, "grafana": {"enabled": False}, "prometheusRule": {"labels": labels}}, *helm.MONITORED)
    made = objects["PrometheusRule", "monitoring"]
    assert labels.items() <= made["metadata"]["labels"].items()
    assert [found["alert"] for group in made["spec"]["groups"] for found in group["rules"]] == ALERTS
    assert [found for group in made["spec"]["groups"] for found in group["rules"]] == [rule(text) for _, text in sorted(rules().items())]
    assert ("PodMonitor", "monitoring-console") in objects
    assert objects["ConfigMap", "monitoring-dashboards"]["metadata"]["labels"]["grafana_dashboard"] == "1"


def asked(values):
    return {job["job_name"] for job in yaml.safe_load(rendered(values)["ConfigMap", "monitoring-prometheus"]["data"]["prometheus.yml"])[
        "scrape_configs"]}


def test_who_is_not_there_is_not_asked():
    everybody = {"ingestion", "registry", "processing", "console"}
    assert asked({}) == everybody
    assert asked({"console": {"enabled": False}}) == everybody - {"console"}
    assert asked({"registry": {"url": "https://registry.example.com"}}) == everybody - {"registry"}
    assert asked({"registry": {"url": "http://streaming-schema-registry.other.svc:8081"}}) == everybody - {"registry"}
    assert asked({"registry": {"url": "http://streaming-schema-registry.default.svc:8081"}}) == everybody
    assert asked({"registry": {"url": "http://karapace:8081"}, "prometheus": {"jobs": {"registry": "karapace-metrics:8081"}}}) == everybody
    nobody = {"prometheus": {"jobs": dict.fromkeys(everybody, "")}}
    assert asked(nobody) == set() and "ScrapeDown.yaml" not in rules(nobody) and "ScrapeDown.yaml" in rules()


@pytest.mark.parametrize("access", ["reader", "admin"])
def test_secrets_of_others_are_used_instead_of_generated_ones(access):
    objects = rendered({"console": {"existingSecret": "mine-console"}, "grafana": {"existingSecret": "mine-grafana"},
                        "akhq": {"access": access, "existingSecret": "mine-akhq"}})
    assert not [name for kind, name in objects if kind == "Secret"]
    for component in ("console", "grafana", "akhq"):
        assert f"mine-{component}" in json.dumps(objects["Deployment", f"monitoring-{component}"])


def test_akhq_lets_strangers_only_look():
    """Its own default is that everybody may do everything."""
    config = yaml.safe_load(rendered()["ConfigMap", "monitoring-akhq"]["data"]["application.yml"])
    assert config["akhq"]["security"] == {"default-group": "reader"} and config["micronaut"]["security"]["enabled"] is True
    secret = config["micronaut"]["security"]["token"]["jwt"]["signatures"]["secret"]["generator"]["secret"]
    container = rendered()["Deployment", "monitoring-akhq"]["spec"]["template"]["spec"]["containers"][0]
    assert secret == "${AKHQ_JWT_SECRET}" and "AKHQ_JWT_SECRET" in [entry["name"] for entry in container["env"]]


def test_grafana_is_provisioned_with_the_dashboard_and_its_source():
    objects = rendered()
    config = objects["ConfigMap", "monitoring-grafana"]["data"]
    (source,) = yaml.safe_load(config["datasources.yaml"])["datasources"]
    assert source["type"] == "prometheus" and source["url"] == "http://monitoring-prometheus:9090" and source["isDefault"]
    (provider,) = yaml.safe_load(config["dashboards.yaml"])["providers"]
    (container,) = objects["Deployment", "monitoring-grafana"]["spec"]["template"]["spec"]["containers"]
    assert provider["options"]["path"] in [mount["mountPath"] for mount in container["volumeMounts"]]
    assert json.loads(objects["ConfigMap", "monitoring-dashboards"]["data"]["fdp.json"]) == DASHBOARD
    environment = {entry["name"]: entry.get("value") for entry in container["env"]}
    assert environment["GF_AUTH_ANONYMOUS_ENABLED"] == "false"
    # A plugin that is fetched takes the place of the one in the image, which cannot be written to: then there is none.
    assert environment["GF_PLUGINS_PREINSTALL_DISABLED"] == "true" and "prometheus" not in environment["GF_PLUGINS_DISABLE_PLUGINS"]


# --- Dashboard ---


def test_dashboard_is_as_it_is_made():
    done = subprocess.run([sys.executable, ROOT / "tools/dashboard.py", "--check"], stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stderr


def test_dashboard_answers_row_by_row():
    rows = [panel["title"].split(":")[0] for panel in DASHBOARD["panels"] if panel["type"] == "row"]
    assert rows == ["Overview", "Ingestion", "Streaming", "Processing", "Storage", "Monitoring"]
    for panel in panels():
        assert len(panel["description"]) > 20 and panel["fieldConfig"]["defaults"]["noValue"] == "N/A", panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"] and panel["datasource"]["uid"] == "${datasource}", panel["title"]
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)


def test_panels_of_the_dashboard_do_not_overlap():
    taken = {}
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert taken.setdefault((x, y), panel["title"]) == panel["title"]


# --- A real pipeline, a real Prometheus ---


class Prometheus:
    """One that asks these targets, job to address, each second, with the chart's alerts."""

    def __init__(self, folder, targets, values):
        folder.mkdir()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        (folder / "alerts").mkdir()
        for name, text in rules(values).items():
            (folder / "alerts" / name).write_text(text)
        config = {"global": {"scrape_interval": "1s", "evaluation_interval": "1s"}, "rule_files": [str(folder / "alerts/*.yaml")],
                  "scrape_configs": [{"job_name": job, "static_configs": [{"targets": [address]}]} for job, address in targets.items()]}
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        self.log = (folder / "log").open("w+")
        self.process = subprocess.Popen([programs() / "prometheus", f"--config.file={folder}/prometheus.yml",
                                         f"--storage.tsdb.path={folder}/data", f"--web.listen-address={self.address}"],
                                        stdout=self.log, stderr=self.log)

    def ask(self, path, **query):
        """The data of an answer; what is wrong with the question is an AssertionError."""
        url = f"http://{self.address}{path}?{urllib.parse.urlencode(query)}"
        try:
            with urllib.request.urlopen(url, timeout=10) as reply:
                return json.load(reply).get("data")
        except urllib.error.HTTPError as refusal:
            raise AssertionError(f"{query}: {refusal.read().decode()}") from refusal

    def query(self, expression):
        return self.ask("/api/v1/query", query=expression)["result"]

    def ready(self):
        with contextlib.suppress(OSError):
            with urllib.request.urlopen(f"http://{self.address}/-/ready", timeout=10):
                return True
        assert self.process.poll() is None, pathlib.Path(self.log.name).read_text()
        return False

    def firing(self):
        """Alerts that fire: name to one of that name."""
        return {alert["labels"]["alertname"]: alert for alert in self.ask("/api/v1/alerts")["alerts"] if alert["state"] == "firing"}

    def close(self):
        self.process.terminate()
        self.process.wait(60)
        self.log.close()


# So short that a drill takes seconds. What is between two questions, a second, is less.
SHORT = {"NoTicksStored": {"for": "1s", "window": "5s"}, "SymbolStale": {"for": "1s", "seconds": 5},
         "ConsumerLagGrowing": {"for": "1s", "seconds": 2, "window": "5s"}, "QuarantineNotDrained": {"for": "1s"},
         "StorageWriteErrors": {"for": "1s", "errors": 2}, "ScrapeDown": {"for": "1s"}, "ConfigNotInForce": {"for": "1s"}}


@pytest.fixture(scope="module")
def watched(kafka_server, postgres_server, tmp_path_factory):
    """The five roles on a real Kafka and a real PostgreSQL, as in a cluster, and a Prometheus that watches them."""
    kafka_server.clean()
    folder = tmp_path_factory.mktemp("watched")
    with contextlib.ExitStack() as afterwards:
        database = servers.Database(postgres_server)
        afterwards.callback(database.drop)
        fdp = Fdp(folder).use(stream=kafka_server, store=database)
        afterwards.callback(fdp.kill_all)
        config = folder / "fdp.yaml"
        config.write_text(f"streaming: {{url: '{kafka_server.url}'}}\nstorage: {{url: '{database.url}'}}\n")
        roles = {"registry": fdp.role("registry"), "simulator": fdp.start("simulate", *FREE_PORTS, "--set", "simulator.rate=200")}
        bases = {"registry": roles["registry"].address("registry"), "simulator": roles["simulator"].address("monitoring")}
        where = ["--set", f"streaming.registry.url={bases['registry']}",
                 "--set", "ingestion.source=" + roles["simulator"].address("simulator")]
        fdp("schemas", "load", "--wait", "1m", *where)
        for job, command in (("processing", "process"), ("ingestion", "ingest"), ("console", "console")):
            roles[job] = fdp.start(command, "--config", config, "--data", fdp.data, *FREE_PORTS, *where)
            bases[job] = roles[job].address("monitoring")
        targets = {job: base.split("/")[2] for job, base in bases.items()}
        values = {"alerts": SHORT, "prometheus": {"jobs": {"simulator": "ingestion-simulator-metrics:8085"}}}
        prometheus = Prometheus(folder / "prometheus", targets, values)
        afterwards.callback(prometheus.close)
        wait_for(prometheus.ready, "Prometheus is ready")
        wait_for(lambda: len(prometheus.query("fdp_ready == 1")) == len(roles), "all roles are ready")
        wait_for(lambda: prometheus.query("sum(increase(fdp_processing_records_total[10s])) > 100"), "ticks are stored")
        yield types.SimpleNamespace(fdp=fdp, config=config, roles=roles, targets=targets, prometheus=prometheus, postgres=database)


def pages(watched):
    """All that the roles tell: metric to its samples' labels."""
    found = {}
    for address in watched.targets.values():
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as reply:
            for family in text_string_to_metric_families(reply.read().decode()):
                for sample in family.samples:
                    found.setdefault(sample.name, []).append(sample.labels)
    return found


def test_metrics_labels_and_values_in_use_exist(watched):
    found = wait_for(lambda: (told := pages(watched)) and "fdp_quarantine_waiting_records" in told and told, "the quarantine was counted")
    used = 0
    for where, expression in expressions():
        names = set(re.findall(r"\b(?:fdp|process)_\w+", re.sub(r'"[^"]*"', '""', expression)))
        assert names <= set(found), f"{where}: {names - set(found)}"
        labels = {label for name in names for sample in found[name] for label in sample} | PROMETHEUS_LABELS
        for group in re.findall(r"\b(?:by|on) \(([^)]*)\)", expression):
            assert set(filter(None, group.split(", "))) <= labels, f"{where}: {group}"
        for name, matchers in re.findall(r"\b((?:fdp|process)_\w+)\{([^}]*)\}", re.sub(r"\{(\d)\}", r"\1", expression)):
            for label, operator, value in re.findall(r'(\w+)(=~|!~|!=|=)"([^"]*)"', matchers):
                if label in PROMETHEUS_LABELS:
                    continue
                there = {sample.get(label) for sample in found[name]}
                assert None not in there, f"{where}: {name} has no {label}"
                assert operator != "=" or value in there, f"{where}: {name} has no {label}={value}, only {there}"
                used += 1
    assert used > 10


def test_every_panel_shows_something(watched):
    shown = [(panel["title"], target["expr"].replace("$__rate_interval", "10s"), target["legendFormat"])
             for panel in panels() for target in panel["targets"]]
    usual = [(title, expression) for title, expression, _ in shown if "ALERTS" not in expression]

    def empty():
        return [f"{title}: {expression}" for title, expression in usual if not watched.prometheus.query(expression)]
    with contextlib.suppress(AssertionError):
        wait_for(lambda: not empty(), "all panels show something")
    assert not empty()
    for title, expression, legend in shown:
        for series in watched.prometheus.query(expression):
            assert set(re.findall(r"{{(\w+)}}", legend)) <= set(series["metric"]), title
    (alerts,) = [expression for title, expression, _ in shown if title == "Alerts" and " or 0 * " in expression]
    wait_for(lambda: [series["value"][1] for series in watched.prometheus.query(alerts)] == ["0"], "no alert fires")


def test_healthy_pipeline_raises_no_alert(watched):
    wait_for(lambda: watched.prometheus.query("time() - process_start_time_seconds{job='ingestion'} > 15"), "it has run for a while")
    groups = watched.prometheus.ask("/api/v1/rules")["groups"]
    assert sorted(group["name"] for group in groups) == ALERTS
    for group in groups:
        assert [found["health"] for found in group["rules"]] == ["ok"], group
    assert not watched.prometheus.firing()


@contextlib.contextmanager
def drill(watched, *names):
    """What is done inside makes these alerts fire; what is done after it ends them."""
    began = time.monotonic()
    yield
    wait_for(lambda: set(names) <= set(watched.prometheus.firing()), f"{names} fire")
    figure(f"drill: {', '.join(names)} after {time.monotonic() - began:.0f} s")


def all_quiet(watched, *besides):
    wait_for(lambda: not set(watched.prometheus.firing()) - set(besides), "the alerts end")


def test_drill_poison_in_a_topic(watched):
    with drill(watched, "QuarantineNotDrained"):
        watched.fdp("topics", "produce", "tickers.stocks", *watched.fdp.where(), stdin="AAPL\tnot Avro\n")
    assert watched.prometheus.firing()["QuarantineNotDrained"]["annotations"]["description"].startswith("1 records")
    watched.fdp("quarantine", "drop", "--all", "--yes", *watched.fdp.where())
    all_quiet(watched)


def test_drill_wrong_configuration(watched):
    good = watched.config.read_text()
    with drill(watched, "ConfigNotInForce"):
        watched.config.write_text(good + "processing: {batch-rows: -1}\n")
    watched.config.write_text(good)
    all_quiet(watched)


def test_drill_database_away(watched):
    with drill(watched, "StorageWriteErrors", "ConsumerLagGrowing", "NoTicksStored"):
        watched.postgres.kill()
    watched.postgres.start()
    all_quiet(watched, "StorageWriteErrors")  # which looks back for five minutes


def test_drill_market_away(watched):
    watched.roles["simulator"].stop()
    with drill(watched, "SymbolStale", "NoTicksStored", "ScrapeDown"):
        pass

    def stale():
        return [alert["metric"]["symbol"] for alert in watched.prometheus.query("ALERTS{alertname='SymbolStale',alertstate='firing'}")]
    wait_for(lambda: "BTC-USD" in stale(), "each symbol has its alert")  # the last ticks were not of one moment
