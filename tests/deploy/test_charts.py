# SPDX-License-Identifier: Apache-2.0
"""The charts and environments, as far as can be told without a cluster: they render with both versions of Helm, what comes out is valid
Kubernetes, keeps the rules that this project has given itself, and holds configurations that the program takes."""
import re
import subprocess
import sys

import pytest
import yaml

import helm
from conftest import BINARY

VERSIONS = yaml.safe_load((helm.ROOT / "deploy/versions.yaml").read_text())


# --- Rendering ---

@pytest.mark.parametrize("chart", helm.COMPONENTS)
@pytest.mark.parametrize("binary", helm.HELMS)
def test_chart_is_clean(binary, chart):
    done = helm.run(binary, "lint", "--strict", "--kube-version", helm.KUBERNETES, str(helm.CHARTS / chart))
    assert done.returncode == 0 and "[WARNING]" not in done.stdout + done.stderr, done.stdout + done.stderr


def comparable(text):
    """Without what is generated anew every time, and without an order."""
    return sorted(yaml.safe_dump(document) for document in helm.documents(text) if document["kind"] != "Secret")


@pytest.mark.parametrize("name", helm.ENVIRONMENTS)
def test_environment_renders_alike_with_both_helms(name):
    assert comparable(helm.environment(name, "helm")) == comparable(helm.environment(name, "helm4"))


@pytest.mark.parametrize("name", helm.SCENARIOS)
def test_scenario_renders_alike_with_both_helms(name):
    assert comparable(helm.scenario(name, "helm")) == comparable(helm.scenario(name, "helm4"))


@pytest.mark.parametrize("name", [*helm.ENVIRONMENTS, *helm.SCENARIOS])
def test_what_comes_out_is_valid_kubernetes(name):
    text = helm.environment(name) if name in helm.ENVIRONMENTS else helm.scenario(name)
    kubernetes = next((helm.CACHE / "kubernetes/schemas").glob("*-strict"))
    places = [f"-schema-location={folder}/{{{{ .ResourceKind }}}}{{{{ .KindSuffix }}}}.json"
              for folder in (kubernetes, helm.CACHE / "kubernetes/operator/schemas")]
    done = helm.run("kubeconform", "-strict", "-summary", *places, text=text)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Valid: 0" not in done.stdout or not helm.documents(text)


def test_documents_of_the_charts_are_made_from_their_values():
    done = subprocess.run([sys.executable, helm.ROOT / "tools/chart_documents.py", "--check"], stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stderr


# --- Values ---

@pytest.mark.parametrize("binary", helm.HELMS)
@pytest.mark.parametrize("chart, values, said", [
    ("processing", {"replicas": -1}, "replicas"),
    ("processing", {"replcas": 2}, "replcas"),
    ("processing", {"routes": [{"topic": "tickers.stocks"}]}, "table"),
    ("processing", {"store": {"port": 70000}}, "port"),
    ("streaming", {"kafka": {"mode": "elsewhere"}}, "mode"),
    ("streaming", {"kafka": {"replicas": 2}}, "replicas"),
    ("streaming", {"registry": {"mode": "external"}}, "where is the external registry"),
    ("streaming", {"schemas": {"compatibility": "SOME"}}, "compatibility"),
    ("storage", {"auth": {"username": "Robert'); DROP TABLE"}}, "username"),
    ("ingestion", {"simulator": {"rate": 0}}, "rate"),
    ("ingestion", {"kafka": {"bootstrap": "kafka://host:9092"}}, "bootstrap"),
    ("ingestion", {"kafka": {"properties": {"sasl.password": "secret"}}}, "sasl.password is a secret"),
    ("ingestion", {"kafka": {"properties": {"ssl.key.pem": "secret"}}}, "ssl.key.pem is a secret"),
    ("streaming", {"kafka": {"serverProperties": {"ssl.keystore.password": "secret"}}}, "ssl.keystore.password is a secret"),
    ("monitoring", {"akhq": {"kafkaProperties": {"sasl.jaas.config": "secret"}}}, "sasl.jaas.config is a secret"),
    ("ingestion", {"kafka": {"properties": {"sasl.oauthbearer.assertion.private.key.passphrase": "secret"}}}, "passphrase is a secret"),
    ("ingestion", {"kafka": {"properties": {"sasl.oauthbearer.assertion.private.key.pem": "secret"}}}, "private.key.pem is a secret"),
    ("processing", {"config": {"streaming": {"kafka": {"sasl.password": "secret"}}}}, "config.streaming.kafka: sasl.password is a secret"),
    ("processing", {"config": {"storage": {"url": "postgresql://u:secret@h/d"}}}, "storage.url: a password in an address"),
    ("processing", {"config": {"streaming": {"registry": {"url": "http://u:secret@h"}}}}, "streaming.registry.url: a password in an address"),
    ("processing", {"store": {"parameters": "sslmode=require&sslpassword=secret"}}, "storage.url: a password in an address"),
    ("monitoring", {"console": {"config": {"monitoring": {"token": "secret"}}}}, "config.monitoring.token is a secret"),
    ("streaming", {"kafka": {"mode": "external"}}, "where is the external Kafka"),
    ("monitoring", {"prometheus": {"enabled": False}}, "where does the other Prometheus answer"),
    ("monitoring", {"images": {"grafana": {"tag": ""}}}, "images.grafana.tag"),
    ("ingestion", {"kafka": {"bootstrap": None}}, "bootstrap"),
    ("ingestion", {"source": "wss:"}, "source"),
    ("ingestion", {"registry": {"url": "http://user:secret@registry"}}, "url"),
    ("processing", {"registry": {"url": "http://x #: y"}}, "url"),
    ("processing", {"routes": [{"topic": "tickers.stocks", "table": "x$(touch y)"}]}, "table"),
    ("processing", {"routes": [{"topic": "--help", "table": "stocks"}]}, "topic"),
    ("processing", {"store": {"parameters": "sslmode=require#x: y"}}, "parameters"),
    ("streaming", {"kafka": {"jvmOptions": ["; echo hacked"]}}, "jvmOptions"),
    ("streaming", {"kafka": {"serverProperties": {"a": "b\nc=d"}}}, "serverProperties"),
    ("storage", {"auth": {"existingSecret": "a b"}}, "existingSecret"),
    ("monitoring", {"prometheus": {"jobs": {"$(touch x)": "x:1"}}}, "$(touch x)"),
    ("monitoring", {"alerts": {"SymbolStale": {"exclude": "("}}}, "exclude"),
    ("monitoring", {"alerts": {"runbooks": "x: y # z"}}, "runbooks"),
    ("monitoring", {"images": {"grafana": {"tga": "1"}}}, "tga"),
])
def test_wrong_values_are_refused_by_name(binary, chart, values, said):
    done = helm.template(chart, values, binary)
    assert done.returncode != 0 and said in done.stderr, done.stderr


def test_section_that_no_release_has_is_refused(tmp_path):
    values = tmp_path / "values.yaml"
    values.write_text("processng: {replicas: 3}\n")
    done = helm.run("helmfile", "-e", "offline", "--state-values-file", str(values), "template", "--kube-version", helm.KUBERNETES)
    assert done.returncode != 0 and "processng" in done.stderr and "there are images, storage" in done.stderr


@pytest.mark.parametrize("block", re.findall(r"```yaml\n(.*?)```", re.sub(r"(?m)^  ", "", (helm.ROOT / "docs/kubernetes.md").read_text()), re.S))
def test_values_that_the_page_shows_are_taken(tmp_path, block):
    values = yaml.safe_load(block)
    assert values
    # What it says goes for other releases too.
    for section, key in (("kafka", "bootstrap"), ("registry", "url")):
        shown = values.get("streaming", {}).get(section)
        for release in ("ingestion", "processing", "monitoring") if shown else ():
            values.setdefault(release, {}).setdefault(section, {})[key] = shown[key]
    (tmp_path / "values.yaml").write_text(yaml.safe_dump(values) if "<<" not in block else block)
    done = helm.run("helmfile", "--state-values-file", str(tmp_path / "values.yaml"), "--quiet", "template", "--kube-version", helm.KUBERNETES)
    assert done.returncode == 0, done.stderr
    changed = {yaml.safe_dump(o) for o in helm.documents(done.stdout)} - {yaml.safe_dump(o) for o in helm.documents(helm.environment("default"))}
    assert changed


def test_hostile_texts_stay_texts():
    """What values may hold, however odd, comes out as it went in, and changes nothing around it."""
    odd = {"user": "a@b:c/d#e 'f\"", "database": "my db?x=1", "existingSecret": "true", "passwordKey": "no"}
    documents = helm.documents(helm.template("processing", {"store": odd, "priorityClassName": "null", "routes": [
        {"topic": "t", "table": "t", "select": "SELECT '{{ .Values }} # \n--- \u00e9' AS id FROM tick"}]}).stdout)
    [text] = [document["data"]["fdp.yaml"] for document in documents if document["kind"] == "ConfigMap"]
    config = yaml.safe_load(text)
    assert config["storage"] == {"url": "postgresql://a%40b%3Ac%2Fd%23e%20%27f%22@storage-postgresql:5432/my%20db%3Fx%3D1",
                                 "password-file": "/var/run/secrets/store/no"}
    assert config["processing"]["routes"][0]["select"] == "SELECT '{{ .Values }} # \n--- \u00e9' AS id FROM tick"
    [deployment] = [document for document in documents if document["kind"] == "Deployment"]
    assert deployment["spec"]["template"]["spec"]["priorityClassName"] == "null"


@pytest.mark.parametrize("replicas", [0, 1, 3])
def test_replicas_are_as_many_as_said(replicas):
    [deployment] = [d for d in helm.documents(helm.template("processing", {"replicas": replicas}).stdout) if d["kind"] == "Deployment"]
    assert deployment["spec"]["replicas"] == replicas


@pytest.mark.parametrize("chart, roles", [("ingestion", {"ingestion", "ingestion-simulator"}), ("streaming", {"streaming-schema-registry"}),
                                          ("processing", {"processing"}), ("monitoring", {"monitoring-console"})])
@pytest.mark.parametrize("kind", ["PodMonitor", "ServiceMonitor", "none"])
def test_operator_finds_each_role_once(chart, roles, kind):
    values = {"monitor": {"kind": kind, "labels": {"release": "prometheus"}}} | ({"simulator": {"enabled": True}} if chart == "ingestion" else {})
    objects = helm.documents(helm.template(chart, values, "helm", *helm.MONITORED).stdout)
    monitors = {o["metadata"]["name"]: o for o in objects if o["kind"].endswith("Monitor")}
    assert {monitor["kind"] for monitor in monitors.values()} == {kind} - {"none"}
    assert set(monitors) == (set() if kind == "none" else roles)
    for name, monitor in monitors.items():
        assert monitor["metadata"]["labels"]["release"] == "prometheus"
        wanted = monitor["spec"]["selector"]["matchLabels"].items()
        [pods] = [pods["metadata"]["labels"] for o in objects if o["kind"] == "Deployment"
                  for pods in [o["spec"]["template"]] if wanted <= pods["metadata"]["labels"].items()]
        if kind == "PodMonitor":
            assert monitor["spec"]["podMetricsEndpoints"] == [{"port": "metrics"}]
        else:
            [endpoint] = monitor["spec"]["endpoints"]
            [service] = [o for o in objects if o["kind"] == "Service" and wanted <= o["metadata"]["labels"].items()
                         and endpoint["port"] in [port["name"] for port in o["spec"]["ports"]]]
            assert service["metadata"]["name"] == f"{name}-metrics" and service["spec"]["selector"].items() <= pods.items()


def egress(values, port):
    """The egress rules for a port of the worker's policy."""
    [policy] = [document["spec"] for document in helm.documents(helm.template("processing", values).stdout)
                if document["kind"] == "NetworkPolicy" and document["metadata"]["name"] == "processing"]
    return [rule for rule in policy["egress"] if port in [entry["port"] for entry in rule["ports"]]]


@pytest.mark.parametrize("values, port, is_inside", [
    ({}, 9092, True),
    ({"kafka": {"bootstrap": "fdp-kafka.default.svc:9092"}}, 9092, True),
    ({"kafka": {"bootstrap": "fdp-kafka.default.svc.cluster.local:9092"}}, 9092, True),
    ({"kafka": {"bootstrap": "fdp-kafka.streaming.svc:9092"}}, 9092, False),
    ({"kafka": {"bootstrap": "fdp-kafka.example.com:9094"}}, 9094, False),
    ({"kafka": {"bootstrap": "a.example.com:9093,b.example.com:9094"}}, 9094, False),
    ({"registry": {"url": "https://registry.example.com"}}, 443, False),
    ({"registry": {"url": "http://registry.example.com/path"}}, 80, False),
    ({"store": {"host": "storage-postgresql.databases.svc"}}, 5432, False),
    ({"networkPolicy": {"egress": [{"ports": [{"port": 31092}]}]}}, 31092, False),
])
def test_policy_lets_a_worker_reach_its_servers(values, port, is_inside):
    [rule] = egress(values, port)
    assert ("to" in rule) == is_inside


def test_versions_are_pinned():
    images = {name: image for name, image in VERSIONS.items() if isinstance(image, dict)}
    assert set(images) == {"fdp", "kafka", "postgresql", "akhq", "prometheus", "grafana"}
    for image in images.values():
        assert re.search(r"\d", image["tag"]) and image["tag"] not in ("latest", "main")
    meson = (helm.ROOT / "meson.build").read_text()
    assert f"version: '{images['fdp']['tag']}'" in meson
    for path in helm.CHARTS.glob("*/Chart.yaml"):
        chart = yaml.safe_load(path.read_text())
        assert chart.get("appVersion", images["fdp"]["tag"]) == images["fdp"]["tag"]


# --- Rules ---

def pods(documents):
    """(name, kind, pod) of everything that becomes pods."""
    for document in documents:
        kind, name = document["kind"], document["metadata"]["name"]
        if kind == "Pod":
            yield name, kind, document
        elif kind in ("Deployment", "StatefulSet", "Job", "DaemonSet", "CronJob"):
            yield name, kind, document["spec"]["template"]


def containers(pod):
    return [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]


@pytest.fixture(scope="module")
def rendered():
    return list(helm.everything())


def test_pods_keep_the_restricted_profile(rendered):
    for what, documents in rendered:
        for name, _, pod in pods(documents):
            where = f"{what}: {name}"
            security = pod["spec"]["securityContext"]
            assert security["runAsNonRoot"] is True and security["runAsUser"] > 0, where
            assert security["seccompProfile"] == {"type": "RuntimeDefault"}, where
            assert pod["spec"]["automountServiceAccountToken"] is False and pod["spec"]["enableServiceLinks"] is False, where
            assert not any(pod["spec"].get(key) for key in ("hostNetwork", "hostPID", "hostIPC")), where
            for container in containers(pod):
                inner = container["securityContext"]
                assert inner["allowPrivilegeEscalation"] is False and inner["capabilities"] == {"drop": ["ALL"]}, where
                assert inner["readOnlyRootFilesystem"] is True, where
            for volume in pod["spec"].get("volumes", []):
                assert "hostPath" not in volume, where
                assert volume["name"] == "data" or "emptyDir" not in volume or volume["emptyDir"].get("sizeLimit"), where


def test_containers_have_requests_a_limit_and_an_image_that_stays(rendered):
    for what, documents in rendered:
        for name, _, pod in pods(documents):
            for container in containers(pod):
                where = f"{what}: {name}/{container['name']}"
                assert set(container["resources"]["requests"]) == {"cpu", "memory"}, where
                assert container["resources"]["limits"]["memory"], where
                assert container["imagePullPolicy"] == "IfNotPresent", where
                assert re.search(r"(:[^/]*\d[^/]*|@sha256:[0-9a-f]{64})$", container["image"]), where


def test_what_stays_has_probes_and_time_to_end(rendered):
    for what, documents in rendered:
        for name, kind, pod in pods(documents):
            if kind not in ("Deployment", "StatefulSet"):
                continue
            assert pod["spec"]["terminationGracePeriodSeconds"] >= 10, f"{what}: {name}"
            for container in containers(pod):
                assert {"readinessProbe", "livenessProbe", "startupProbe"} <= set(container), f"{what}: {name}/{container['name']}"


def test_configuration_is_mounted_as_folders_and_never_by_subpath(rendered):
    for what, documents in rendered:
        for name, _, pod in pods(documents):
            for container in containers(pod):
                assert not any("subPath" in mount for mount in container.get("volumeMounts", [])), f"{what}: {name}"


def test_mounts_have_volumes_and_volumes_have_objects(rendered):
    for what, documents in rendered:
        there = {(document["kind"], document["metadata"]["name"]) for document in documents}
        for name, _, pod in pods(documents):
            claimed = {claim["metadata"]["name"] for document in documents if document["kind"] == "StatefulSet" and
                       document["metadata"]["name"] == name for claim in document["spec"].get("volumeClaimTemplates", [])}
            volumes = {volume["name"]: volume for volume in pod["spec"].get("volumes", [])}
            for container in containers(pod):
                for mount in container.get("volumeMounts", []):
                    assert mount["name"] in volumes or mount["name"] in claimed, f"{what}: {name} mounts {mount['name']}"
            for volume in volumes.values():
                if "configMap" in volume:
                    assert ("ConfigMap", volume["configMap"]["name"]) in there, f"{what}: {name}"


def test_objects_are_labelled_and_in_the_namespace_of_the_release(rendered):
    for what, documents in rendered:
        for document in documents:
            labels = document["metadata"]["labels"]
            where = f"{what}: {document['kind']} {document['metadata']['name']}"
            assert {"app.kubernetes.io/name", "app.kubernetes.io/instance", "app.kubernetes.io/component", "app.kubernetes.io/part-of",
                    "app.kubernetes.io/version", "app.kubernetes.io/managed-by", "helm.sh/chart"} <= set(labels), where
            assert document["metadata"]["namespace"] == "default", where


def matches(selector, labels):
    return all(labels.get(key) == value for key, value in selector.items())


def test_services_and_budgets_select_pods(rendered):
    for what, documents in rendered:
        labels = [pod["metadata"]["labels"] for _, _, pod in pods(documents)]
        for document in documents:
            spec = document.get("spec", {})
            selector = {"Service": lambda s: s["selector"], "PodDisruptionBudget": lambda s: s["selector"]["matchLabels"],
                        "NetworkPolicy": lambda s: s["podSelector"]["matchLabels"]}.get(document["kind"])
            if selector:
                assert any(matches(selector(spec), pod) for pod in labels), f"{what}: {document['kind']} {document['metadata']['name']}"


@pytest.mark.parametrize("name", helm.ENVIRONMENTS)
def test_every_pod_has_a_network_policy_in_both_directions(name):
    documents = helm.documents(helm.environment(name))
    policies = [document["spec"] for document in documents if document["kind"] == "NetworkPolicy"]
    for pod_name, _, pod in pods(documents):
        own = [policy for policy in policies if matches(policy["podSelector"]["matchLabels"], pod["metadata"]["labels"])]
        assert own and all(set(policy["policyTypes"]) == {"Ingress", "Egress"} for policy in own), pod_name


def selected(peer, labels):
    selector = peer.get("podSelector", {})
    if "namespaceSelector" in peer or "ipBlock" in peer:
        return False
    return matches(selector.get("matchLabels", {}), labels) and all(
        labels.get(term["key"]) in term["values"] for term in selector.get("matchExpressions", []))


@pytest.mark.parametrize("name", ["offline", "production"])
def test_both_ends_of_an_edge_allow_it(name):
    """An egress rule to a pod is of no use when that pod lets nobody in, and the reverse."""
    documents = helm.documents(helm.environment(name))
    everyone = [(pod_name, pod["metadata"]["labels"]) for pod_name, _, pod in pods(documents)]
    policies = [document["spec"] for document in documents if document["kind"] == "NetworkPolicy"]

    def allowed(labels, direction, key, port, other):
        return any(port in [entry["port"] for entry in rule["ports"]] and
                   (key not in rule or any(selected(peer, other) for peer in rule[key]))
                   for policy in policies if matches(policy["podSelector"]["matchLabels"], labels) for rule in policy[direction])

    edges = 0
    for policy in policies:
        for direction, key, back, back_key in (("ingress", "from", "egress", "to"), ("egress", "to", "ingress", "from")):
            for rule in policy[direction]:
                for entry in rule["ports"]:
                    for mine, labels in everyone:
                        for theirs, other in everyone:
                            if key in rule and matches(policy["podSelector"]["matchLabels"], labels) and any(
                                    selected(peer, other) for peer in rule[key]):
                                edges += 1
                                assert allowed(other, back, back_key, entry["port"], labels), \
                                    f"{direction} of {mine} allows {theirs} on port {entry['port']}, {back} of {theirs} does not"
    assert edges > 20


def test_a_budget_only_where_there_are_several_pods(rendered):
    for what, documents in rendered:
        budgets = {document["metadata"]["name"] for document in documents if document["kind"] == "PodDisruptionBudget"}
        several = {document["metadata"]["name"] for document in documents if document["kind"] in ("Deployment", "StatefulSet") and
                   document["spec"]["replicas"] > 1}
        assert budgets == several, what


def test_no_secret_is_in_a_configuration(rendered):
    for what, documents in rendered:
        for document in documents:
            if document["kind"] != "Secret":
                text = yaml.safe_dump(document)
                assert not re.search(r"(?i)(password|token)(: |=)(?!.*(/|file))[a-z0-9]{6}", text), f"{what}: {document['metadata']['name']}"


def test_production_has_no_known_password():
    secrets = [document for document in helm.documents(helm.environment("production")) if document["kind"] == "Secret"]
    assert secrets
    for secret in secrets:
        assert "YmVudGhvcw" not in yaml.safe_dump(secret)
    [database] = [secret for secret in secrets if secret["metadata"]["name"] == "storage-postgresql"]
    assert database["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


# --- Configurations ---

def test_the_program_takes_every_configuration(rendered, tmp_path):
    seen, secret = set(), tmp_path / "secret"
    secret.write_text("secret")
    for what, documents in rendered:
        for document in documents:
            text = document.get("data", {}).get("fdp.yaml") if document["kind"] == "ConfigMap" else None
            if not text or text in seen:
                continue
            seen.add(text)
            path = tmp_path / "fdp.yaml"
            # Files of Secrets are not here.
            path.write_text(re.sub(r"(\S*-file): .*", rf"\1: {secret}", text))
            done = subprocess.run([BINARY, "config", "show", "--config", path], capture_output=True, text=True)
            assert done.returncode == 0, f"{what}: {document['metadata']['name']}: {done.stderr}"
    assert len(seen) > 10


def test_routes_are_those_of_the_program():
    """The charts show the default routes, so that they can be edited: they must stay the program's own."""
    for chart in ("ingestion", "processing"):
        values = yaml.safe_load((helm.CHARTS / chart / "values.yaml").read_text())
        config = yaml.safe_load((helm.ROOT / "config/fdp.yaml").read_text())
        assert values["routes"] == config[chart]["routes"]


def test_only_what_needs_new_pods_makes_them():
    """Routes are taken up at run time; anything else in the configuration changes the checksum of the pods."""
    def checksum(values):
        [deployment] = [d for d in helm.documents(helm.template("processing", values).stdout) if d["kind"] == "Deployment"]
        return deployment["spec"]["template"]["metadata"]["annotations"]["checksum/config"]
    plain = checksum({})
    assert checksum({"routes": [{"topic": "tickers.stocks", "table": "stocks"}]}) == plain
    assert checksum({"config": {"processing": {"batch-rows": 100}}}) != plain
    assert checksum({"store": {"host": "elsewhere"}}) != plain
