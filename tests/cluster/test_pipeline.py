# SPDX-License-Identifier: Apache-2.0
"""The whole pipeline on a real Kubernetes: installed by Helmfile, used as the documents say, changed and broken under load, compared, removed.

One cluster serves all tests of this file, in their order; pods run under the restricted profile, which the namespace enforces."""
import json
import pathlib
import re
import subprocess
import threading
import time

import pytest

from cluster import ROOT, Cluster, Failed, images, wait_for
from conftest import figure
from pipeline import KAFKA, PATIENCE, POSTGRES, TOPICS, Pipeline, archive, seconds_until

RATE = 300  # ticks a second while things are broken
LOAD = {"ingestion": {"simulator": {"rate": RATE}}}
TOOLS = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "tools"}, "spec": {
    "automountServiceAccountToken": False, "terminationGracePeriodSeconds": 0,
    "securityContext": {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
    "containers": [{"name": "tools", "image": "fdp-tools:1", "command": ["sleep", "infinity"], "securityContext": {
        "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}}]}}


@pytest.fixture(scope="module")
def cluster():
    """With a pod `tools` that has curl, in a namespace that takes nothing but pods of the restricted profile."""
    subprocess.run(["make", "--silent", "image"], cwd=ROOT, check=True)
    with Cluster() as running:
        running.load(*images(), *(ROOT / "build/image").glob("fdp-*.tar"))
        running.kubectl("label", "namespace", "default", "pod-security.kubernetes.io/enforce=restricted")
        running.apply(TOOLS)
        running.wait("pod/tools", "Ready")
        yield running


@pytest.fixture(scope="module")
def pipeline(cluster):
    return Pipeline(cluster)


@pytest.fixture(scope="module")
def installed(pipeline):
    """From nothing; how long the parts of it took."""
    began = time.monotonic()
    first = {}

    def watch():
        while "tick" not in first and time.monotonic() < began + 600:
            if pipeline.rows():
                first["tick"] = time.monotonic() - began
            time.sleep(0.2)

    watcher = threading.Thread(target=watch)
    watcher.start()
    pipeline.sync()
    took = time.monotonic() - began
    watcher.join()
    figure(f"first stored tick {first['tick']:.0f} s after helmfile sync began; sync took {took:.0f} s")
    return first["tick"]


@pytest.fixture(autouse=True)
def needs_the_releases(installed):
    """Every test of this file is one of the installed pipeline."""


# --- Installed ---

def test_first_tick_is_stored_within_a_minute(installed):
    assert installed < 60


def test_ticks_arrive_in_all_three_tables(pipeline):
    for table in TOPICS.values():
        wait_for(lambda table=table: pipeline.rows(table) > 0, f"rows in {table}", PATIENCE)


def test_everything_is_ready_and_restricted(pipeline):
    labels = pipeline.cluster.get("namespace", "default")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    for kind in ("deployments", "statefulsets"):
        for item in pipeline.cluster.get(kind):
            assert item["status"].get("readyReplicas") == item["spec"]["replicas"], item["metadata"]["name"]
    assert not pipeline.cluster.get("jobs"), "jobs that succeeded go"


def test_chart_tests_pass(pipeline):
    pipeline.helmfile("test")


# --- What people type ---

def commands(page):
    """Of the blocks that are to be run, line by line; those of one block that belongs together as one."""
    for block in re.findall(r"```sh\n(.*?)```", (ROOT / "docs" / page).read_text(), re.S):
        yield from [block] if re.search(r"^\w+=", block, re.M) else [line.partition("   #")[0].strip() for line in block.splitlines() if line.strip()]


def test_commands_of_the_page_on_kubernetes(pipeline):
    done = 0
    for command in commands("kubernetes.md"):
        if command == "make image":
            continue  # it is made and loaded before the cluster's first pod
        said = pipeline.cluster.run("bash", "-o", "pipefail", "-c", f"exec 2>&1; {command}")
        assert said.strip(), f"{command}: says nothing"
        done += 1
    assert done >= 9


def test_topics_are_listed_and_made_in_the_pod_of_kafka(pipeline):
    listed = pipeline.kubectl("exec", "-it", KAFKA, "--", "bash", "-c", "kafka-topics.sh --bootstrap-server localhost:9092 --list")
    assert {*TOPICS, "tickers.rejected", "_schemas", "fdp-topic"} <= set(listed.split())
    assert [KAFKA] == pipeline.names("kafka")


def test_psql_in_the_pod_of_the_store(pipeline):
    done = pipeline.kubectl("exec", "-i", POSTGRES, "--", "psql", "-U", "benthos", "-d", "tickers", "-p", "5432",
                            stdin="SELECT COUNT(*) FROM finance_data_ingress;\n\\d stocks\n")
    assert re.search(r"count *\n-+\n *\d+", done) and "_offset" in done


LONG_SCHEMA = {"schema": json.dumps({"type": "record", "name": "tickers.stocks", "namespace": "tickers.stocks", "fields": [
    {"name": name, "type": [kind, "null"], "default": None} for name, kind in [
        ("change", "float"), ("change_percent", "float"), ("exchange", "string"), ("ingestion_ts", "string"), ("id", "string"),
        ("market_hours", "int"), ("price", "float"), ("price_hint", "string"), ("source_api", "string"), ("event_id", "string"),
        ("quote_type", "int"), ("time", "string")]]})}


def test_registry_answers_curl_by_its_name_in_the_cluster(pipeline):
    registry = "http://streaming-schema-registry.default.svc.cluster.local:8081"

    def curl(*args):
        return json.loads(pipeline.cluster.execute("pod/tools", "curl", "--silent", "--show-error", *args))
    assert set(curl("-X", "GET", f"{registry}/subjects")) >= {f"{topic}-value" for topic in TOPICS}
    subject = f"{registry}/subjects/tickers.stocks-value"
    before = curl("-X", "GET", f"{subject}/versions")
    made = curl("-X", "POST", "-H", "Content-Type: application/vnd.schemaregistry.v1+json", "--data", json.dumps(LONG_SCHEMA),
                f"{subject}/versions")
    [version] = set(curl("-X", "GET", f"{subject}/versions")) - set(before)
    assert curl("-X", "GET", f"{registry}/schemas/ids/{made['id']}")["schema"]
    assert "fields" in curl("-X", "GET", f"{registry}/schemas/ids/1")["schema"]
    assert curl("-X", "DELETE", f"{subject}/versions/{version}") == version
    assert curl("-X", "DELETE", f"{subject}/versions/{version}?permanent=true") == version
    assert curl("-X", "GET", f"{subject}/versions") == before


def test_console_and_akhq_by_port_forward(pipeline):
    import requests
    token = pipeline.cluster.run("bash", "-c", "kubectl get secret monitoring-console -o jsonpath='{.data.token}' | base64 -d")
    with pipeline.cluster.forwarded("service/monitoring-console", 8080) as address:
        assert requests.get(f"http://{address}/", timeout=10).status_code in (401, 403)
        assert requests.get(f"http://{address}/", params={"token": token}, timeout=10).status_code == 200
    with pipeline.cluster.forwarded("service/monitoring-akhq", 8080) as address:
        assert requests.get(f"http://{address}/", timeout=10).status_code == 200


def test_prometheus_sees_every_role(pipeline):
    import requests
    with pipeline.cluster.forwarded("service/monitoring-prometheus", 9090) as address:
        url = f"http://{address}"

        def up():
            found = requests.get(f"{url}/api/v1/query", params={"query": "up == 1"}, timeout=10).json()["data"]["result"]
            return {result["metric"]["job"] for result in found}
        expected = {"ingestion", "simulator", "registry", "processing", "console"}
        wait_for(lambda: up() >= expected, "targets that are up", PATIENCE)
        rules = requests.get(f"{url}/api/v1/rules", timeout=10).json()["data"]["groups"]
        assert {rule["name"] for group in rules for rule in group["rules"]} >= {"NoTicksStored", "ScrapeDown"}


def test_prometheus_operator_gets_what_it_knows(pipeline):
    def made(kind):
        return {item["metadata"]["name"] for item in pipeline.cluster.get(f"{kind}s.monitoring.coreos.com")}

    def sync(kind, alerts):
        values = {chart: {"monitor": {"kind": kind}} for chart in ("ingestion", "streaming", "processing", "monitoring")}
        values["monitoring"]["prometheusRule"] = {"enabled": alerts}
        pipeline.sync(values=values)
        return made("podmonitor"), made("servicemonitor"), made("prometheusrule")
    roles = {"ingestion", "ingestion-simulator", "streaming-schema-registry", "processing", "monitoring-console"}
    kinds = [f"--filename={file}" for file in pathlib.Path(pipeline.cluster.environment["FDP_CLUSTER_PARTS"]).glob("operator/*.json")]
    assert len(kinds) == 3
    pipeline.kubectl("create", *kinds)
    pipeline.kubectl("wait", "--for=condition=Established", *kinds)
    assert sync("PodMonitor", True) == (roles, set(), {"monitoring"})
    assert sync("ServiceMonitor", True) == (set(), roles, {"monitoring"})
    # Helm cannot take away what the cluster no longer knows: first they go, then their kinds.
    assert sync("none", False) == (set(), set(), set())
    pipeline.kubectl("delete", *kinds)


# --- Changed under load ---

def test_route_in_the_configmap_takes_effect_without_a_restart(pipeline):
    pods = pipeline.names("processing")
    pipeline.edit_routes("processing", lambda routes: routes[0].update(
        select="SELECT id, price, time, 'edited' AS exchange, event_id FROM tick"))
    took = seconds_until(lambda: int(pipeline.sql("SELECT count(*) FROM stocks WHERE exchange = 'edited'")[0][0]) > 0,
                         "rows made by the edited route")
    figure(f"an edited route was in force {took:.0f} s after the edit")
    assert pipeline.names("processing") == pods and pipeline.restarts("processing") == 0


def test_wrong_sql_in_the_configmap_changes_nothing(pipeline):
    pipeline.edit_routes("processing", lambda routes: routes[0].update(select="SELECT FROM WHERE"))
    wait_for(lambda: list(pipeline.metrics("processing", 8084, "fdp_config_in_force").values()) == [0], "the refusal in the metrics", PATIENCE)
    pipeline.wait_for_more("a wrong route")
    assert "SELECT FROM WHERE" in pipeline.kubectl("logs", "deploy/processing") or "syntax" in pipeline.kubectl("logs", "deploy/processing")
    assert pipeline.restarts("processing") == 0
    pipeline.sync("--selector", "name=processing")  # the charts' own routes again
    wait_for(lambda: list(pipeline.metrics("processing", 8084, "fdp_config_in_force").values()) == [1], "the charts' routes", PATIENCE)


def test_configmap_that_lost_its_content_changes_nothing(pipeline):
    """Neither in the pod that is there nor in a new one are the program's own defaults taken for it."""
    pods = pipeline.names("processing")
    pipeline.kubectl("patch", "configmap", "processing", "--type=merge", "--patch", '{"data": null}')
    wait_for(lambda: list(pipeline.metrics("processing", 8084, "fdp_config_in_force").values()) == [0], "the refusal in the metrics", PATIENCE)
    pipeline.wait_for_more("a ConfigMap without content")
    with pytest.raises(Failed, match="cannot read the configuration /etc/fdp/fdp.yaml"):
        pipeline.fdp("check")
    assert pipeline.names("processing") == pods and pipeline.restarts("processing") == 0
    pipeline.sync("--selector", "name=processing")
    wait_for(lambda: list(pipeline.metrics("processing", 8084, "fdp_config_in_force").values()) == [1], "the charts' routes", PATIENCE)


def test_bad_configuration_never_replaces_a_good_one(pipeline):
    [good] = pipeline.names("processing")
    with pytest.raises(Failed):
        pipeline.sync("--selector", "name=processing", "--args", "--timeout=25s", values={
            "processing": {"config": {"processing": {"batch-rows": -1}}}})
    assert good in pipeline.names("processing")
    [bad] = [name for name in pipeline.names("processing") if name != good]
    assert "processing.batch-rows" in pipeline.kubectl("logs", bad)
    pipeline.wait_for_more("a configuration that cannot be")
    pipeline.cluster.helm("rollback", "processing", "--wait")
    wait_for(lambda: pipeline.names("processing") == [good], "the good one alone", PATIENCE)


def test_wrong_values_are_refused_before_anything_is_changed(pipeline):
    revision = pipeline.cluster.helm("history", "processing", "--max", "1")
    with pytest.raises(Failed, match="replicsa"):
        pipeline.sync("--selector", "name=processing", values={"processing": {"replicsa": 3}})
    assert pipeline.cluster.helm("history", "processing", "--max", "1") == revision


def test_nothing_differs_after_sync(pipeline):
    """Also what was generated once is the same: it is looked up."""
    pipeline.helmfile("diff", "--detailed-exitcode")


@pytest.mark.parametrize("helm", ["helm", "helm4"])
def test_sync_brings_back_what_was_changed_by_hand(pipeline, helm):
    if helm == "helm4":  # a release of its own, for each Helm has its own way with what others have changed
        pipeline.cluster.helm("uninstall", "processing", "--wait")
    one = ["--selector", "name=processing"]
    pipeline.sync(*one, helm=helm)
    pipeline.edit_routes("processing", lambda routes: routes[0].update(select="SELECT id, price, time, 'edited' AS exchange, event_id FROM tick"))
    pipeline.kubectl("scale", "deploy/processing", "--replicas=3")
    pipeline.sync(*one, helm=helm)
    assert "edited" not in pipeline.cluster.get("configmap", "processing")["data"]["fdp.yaml"]
    assert pipeline.cluster.get("deployment", "processing")["spec"]["replicas"] == 1
    if helm == "helm4":
        pipeline.cluster.helm("uninstall", "processing", "--wait", version=4)
        pipeline.sync(*one)
    pipeline.wait_for_more("sync")


def test_bad_setting_of_the_database_is_taken_back(pipeline):
    with pytest.raises(Failed):
        pipeline.sync("--selector", "name=storage", "--args", "--timeout=15s", values={"storage": {"parameters": {"max_connections": "banana"}}})
    pipeline.cluster.helm("rollback", "storage", "--wait", "--timeout", "2m")
    pipeline.wait_for_more("the database came back")


def test_worker_is_killed_scaled_and_rolled_under_load(pipeline):
    pipeline.sync("--selector", "name=ingestion", values=LOAD)
    pipeline.wait_for_more("the load began")
    for _ in range(3):
        pipeline.kubectl("delete", "pod", *pipeline.names("processing"), "--grace-period=0", "--force")
        pipeline.rolled_out("deploy/processing")
        pipeline.wait_for_more("a worker was killed")
    for replicas in (3, 1):
        pipeline.kubectl("scale", "deploy/processing", f"--replicas={replicas}")
        pipeline.rolled_out("deploy/processing")
        pipeline.wait_for_more(f"scaling to {replicas}")
    pipeline.kubectl("scale", "deploy/processing", "--replicas=2")
    pipeline.kubectl("rollout", "restart", "deploy/processing")
    pipeline.rolled_out("deploy/processing")
    pipeline.wait_for_more("a rolling update")
    pipeline.kubectl("scale", "deploy/processing", "--replicas=1")
    figure(f"workers killed, scaled and rolled under load: {pipeline.compare()} records, each once")


@pytest.mark.parametrize("what, component", [("statefulset/fdp-kafka-controller", "kafka"), ("statefulset/storage-postgresql", "postgresql"),
                                             ("deploy/streaming-schema-registry", "registry")])
@pytest.mark.parametrize("grace", [[], ["--grace-period=0", "--force"]], ids=["deleted", "killed"])
def test_server_goes_under_load(pipeline, what, component, grace):
    pipeline.wait_for_more("the load")
    pipeline.kubectl("delete", "pod", *pipeline.names(component), *grace)
    pipeline.rolled_out(what)
    pipeline.wait_for_more(f"{what} was there again")
    if component == "registry":
        # A worker that knows no schema yet needs the new registry.
        pipeline.kubectl("delete", "pod", *pipeline.names("processing"))
        pipeline.rolled_out("deploy/processing")
        pipeline.wait_for_more("a new worker")
    count = pipeline.compare()
    if grace:
        figure(f"{component} deleted and killed under load: {count} records, each once")


def test_kubelet_is_restarted_under_load(pipeline):
    restarts = {component: pipeline.restarts(component) for component in ("kafka", "postgresql", "processing", "ingestion")}
    pipeline.cluster.kubelet("restart")
    pipeline.cluster.wait("node/fdp-node", "Ready")
    pipeline.wait_for_more("kubelet was started again")
    assert {component: pipeline.restarts(component) for component in restarts} == restarts
    pipeline.compare()


def test_password_of_the_database_is_changed_under_load(pipeline):
    [block] = [command for command in commands("secrets.md") if "new=" in command]
    pipeline.cluster.run("bash", "-euo", "pipefail", "-c", block)
    # What the worker has open goes on. Broken, it comes back with the new password, as soon as that has come to the pod.
    pipeline.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND usename = 'benthos'")
    pipeline.wait_for_more("the password was changed")
    assert pipeline.restarts("processing") == 0
    figure(f"password changed under load: {pipeline.compare()} records, each once")


def test_lost_password_of_the_database_is_made_anew(pipeline):
    pipeline.kubectl("delete", "secret", "storage-postgresql")
    [block] = [command for command in commands("secrets.md") if "password=$(kubectl" in command]
    pipeline.cluster.run("bash", "-euo", "pipefail", "-c", block)
    pipeline.kubectl("delete", "pod", *pipeline.names("processing"))
    pipeline.rolled_out("deploy/processing")
    pipeline.wait_for_more("a new worker with the new password")


@pytest.mark.parametrize("values, said", [
    ({"kafka": {"replicas": 3}}, "this Kafka has 1, which cannot become 3"),
    ({"kafka": {"persistence": {"size": "3Gi"}}}, "its volume has 2Gi, and an upgrade does not make it 3Gi"),
])
def test_what_cannot_be_changed_is_refused_before_anything_is(pipeline, values, said):
    before = pipeline.cluster.get("configmap", "fdp-kafka-controller")["metadata"]["resourceVersion"]
    with pytest.raises(Failed, match=said):
        pipeline.sync("--selector", "name=streaming", values={"streaming": values})
    assert pipeline.cluster.get("configmap", "fdp-kafka-controller")["metadata"]["resourceVersion"] == before
    pipeline.sync("--selector", "name=streaming", values={"streaming": {"kafka": {"persistence": {"size": "2048Mi"}}}})


def test_upgrade_from_the_charts_before_and_rollback(pipeline, tmp_path):
    """The last but one commit that changed them stands for the release before this one."""
    history = subprocess.run(["git", "log", "--format=%H", "--", "deploy/charts", "deploy/versions.yaml"], cwd=ROOT, check=True,
                             stdout=subprocess.PIPE, text=True).stdout.split()
    assert history, "the tests need the history of the charts: clone without --depth"
    before = history[min(1, len(history) - 1)]
    pipeline.sync(values=LOAD, deploy=archive(before, tmp_path))
    pipeline.wait_for_more("the former charts")
    pipeline.sync(values=LOAD)
    pipeline.wait_for_more("the upgrade")
    for release in ("processing", "ingestion", "streaming"):
        pipeline.cluster.helm("rollback", release, "--wait", "--timeout", "5m")
    pipeline.wait_for_more("the rollback")
    pipeline.sync(values=LOAD)
    figure(f"upgraded from {before[:7]}, rolled back, upgraded: {pipeline.compare()} records, each once")


def test_kafka_comes_back_without_its_volume(pipeline):
    """What was stored stays, and when it is told to, the worker begins with the new topics."""
    stored = pipeline.rows()
    brokers = "statefulset/fdp-kafka-controller"
    pipeline.kubectl("scale", brokers, "--replicas=0")
    pipeline.kubectl("delete", "pvc", f"data-{KAFKA}", timeout=PATIENCE)
    pipeline.kubectl("scale", brokers, "--replicas=1")
    pipeline.rolled_out(brokers)
    for command in commands("runbooks/NoTicksStored.md"):
        pipeline.cluster.run("bash", "-c", command, timeout=PATIENCE)
    pipeline.rolled_out("deploy/processing")
    pipeline.wait_for_more("Kafka began anew")
    count = pipeline.compare()
    assert pipeline.rows() >= stored + count
    figure(f"{stored} rows kept when Kafka lost its volume, then {count} records, each once")


def test_statefulset_is_made_anew_around_its_pod(pipeline):
    """For a larger volume; that of this cluster does not grow, which nobody minds here."""
    larger = {"storage": {"persistence": {"size": "3Gi"}}}
    pod = pipeline.cluster.get("pod", POSTGRES)["metadata"]["uid"]
    pipeline.kubectl("delete", "statefulset", "storage-postgresql", "--cascade=orphan")
    pipeline.sync("--selector", "name=storage", values=larger)
    assert pipeline.cluster.get("pod", POSTGRES)["metadata"]["uid"] == pod
    assert pipeline.cluster.get("statefulset", "storage-postgresql")["status"]["readyReplicas"] == 1
    pipeline.wait_for_more("the StatefulSet was made anew")


# --- Measured, removed ---

def test_memory_of_the_release(pipeline):
    memory = {name: used.resident / 2**20 for name, used in pipeline.cluster.memory().items() if name != "tools"}
    mine = {name: mib for name, mib in memory.items() if name.startswith(("ingestion", "processing", "streaming-schema", "monitoring-console"))}
    figure("resident, MiB: " + ", ".join(f"{name} {mib:.1f}" for name, mib in sorted(memory.items())))
    figure(f"pods of fdp {sum(mine.values()):.1f} MiB, whole release {sum(memory.values()):.1f} MiB")
    assert len(mine) == 5 and sum(mine.values()) < 100 and sum(memory.values()) < 2048


def test_destroy_leaves_nothing_but_volumes(pipeline):
    pipeline.helmfile("destroy")
    kinds = "all,configmaps,secrets,networkpolicies,poddisruptionbudgets,jobs,serviceaccounts,ingresses"

    def left():
        found = pipeline.cluster.get(kinds)
        return [f"{item['kind']}/{item['metadata']['name']}" for item in found if "fdp" == item["metadata"].get("labels", {}).get(
            "app.kubernetes.io/part-of") or item["metadata"]["name"].startswith("sh.helm")]
    # The password belongs to the volume.
    wait_for(lambda: left() == [f"Secret/{POSTGRES.removesuffix('-0')}"] or print(left()), "the end of everything", PATIENCE)
    claims = pipeline.cluster.get("pvc")
    assert {claim["metadata"]["name"] for claim in claims} == {f"data-{KAFKA}", f"data-{POSTGRES}"}


def test_teardown_of_the_page_leaves_nothing(pipeline):
    [block] = re.findall(r"```sh teardown\n(.*?)```", (ROOT / "docs/kubernetes.md").read_text(), re.S)
    pipeline.cluster.run("bash", "-euo", "pipefail", "-c", block, timeout=PATIENCE)
    wait_for(lambda: not pipeline.cluster.get("pvc"), "the end of the volumes", PATIENCE)
    assert not [secret for secret in pipeline.cluster.get("secrets") if secret["metadata"]["name"].startswith("storage")]


# --- Production ---

# Three brokers that fit beside everything else on a small machine, and quotes where there is no internet.
SMALL = {"ingestion": {"simulator": {"enabled": True, "rate": RATE}}, "monitoring": {"enabled": False}, "streaming": {"kafka": {
    "heap": "256m", "jvmOptions": ["-XX:+UseSerialGC"], "persistence": {"size": "1Gi"},
    "resources": {"requests": {"cpu": "100m", "memory": "512Mi"}, "limits": {"memory": "1Gi"}}}}}


def test_production_goes_on_without_one_of_three_brokers(pipeline):
    pipeline.sync(environment="production", values=SMALL)
    assert len(pipeline.names("kafka")) == 3 and len(pipeline.names("processing")) == 2
    password = pipeline.cluster.get("secret", "storage-postgresql")["data"]["password"]
    pipeline.wait_for_more("production began")
    for broker in (1, 2):
        pipeline.kubectl("delete", "pod", f"fdp-kafka-controller-{broker}", "--grace-period=0", "--force")
        pipeline.wait_for_more(f"broker {broker} was killed")
        pipeline.rolled_out("statefulset/fdp-kafka-controller")
    pipeline.sync(environment="production", values=SMALL)
    assert pipeline.cluster.get("secret", "storage-postgresql")["data"]["password"] == password
    figure(f"brokers killed under load, one of three each time: {pipeline.compare()} records, each once")
    pipeline.helmfile("destroy", environment="production", values=SMALL)
    assert pipeline.cluster.get("secret", "storage-postgresql")["data"]["password"] == password  # the volume is there too
