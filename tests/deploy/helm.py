# SPDX-License-Identifier: Apache-2.0
"""Charts as Helm renders them: what the tests in this folder share. The programs come from tests/cluster/install.sh."""
import functools
import os
import pathlib
import subprocess

import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CHARTS = ROOT / "deploy/charts"
CACHE = pathlib.Path(os.environ.get("FDP_CACHE") or pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "fdp")
BIN = CACHE / "kubernetes/bin"
HELMS = ["helm", "helm4"]
COMPONENTS = ["ingestion", "streaming", "processing", "storage", "monitoring"]
ENVIRONMENTS = ["default", "offline", "production"]
KUBERNETES = "1.36.0"
# A cluster with a Prometheus operator, for `helm template`.
MONITORED = [f"--api-versions=monitoring.coreos.com/v1/{kind}" for kind in ("PodMonitor", "ServiceMonitor", "PrometheusRule")]

# What one may turn on and off, chart by chart, each rendered by itself for a cluster with a Prometheus operator: name to (chart, values).
SCENARIOS = {
    "ingestion simulated": ("ingestion", {"simulator": {"enabled": True, "instruments": 1000}}),
    "ingestion from elsewhere": ("ingestion", {"source": "wss://market.example.com/?version=2", "symbols": ["AAPL"]}),
    "ingestion behind SASL": ("ingestion", {"kafka": {
        "bootstrap": "one.example.com:9093,two.example.com:9093", "existingSecret": "kafka-client", "properties": {
            "security.protocol": "SASL_SSL", "sasl.mechanism": "SCRAM-SHA-512", "sasl.username": "fdp",
            "sasl.password-file": "/var/run/secrets/kafka/password", "ssl.ca.location": "/var/run/secrets/kafka/ca.crt"}}}),
    "streaming with three brokers": ("streaming", {"kafka": {"replicas": 3, "serverProperties": {"log.retention.bytes": 10000000000}}}),
    "streaming on another Kafka": ("streaming", {"kafka": {"mode": "external", "bootstrap": "kafka.example.com:9092"}}),
    "streaming with another registry": ("streaming", {"registry": {"mode": "external", "url": "https://registry.example.com"}}),
    "streaming without volumes": ("streaming", {"kafka": {"persistence": {"enabled": False}}}),
    "processing scaled": ("processing", {"replicas": 3, "logFormat": "json"}),
    "processing on another database": ("processing", {"store": {
        "host": "db.example.com", "user": "fdp", "existingSecret": "db", "parameters": "sslmode=verify-full"}}),
    "storage elsewhere": ("storage", {"mode": "external"}),
    "storage with scripts": ("storage", {"initScripts": {"grants.sql": "CREATE ROLE reader;"}, "parameters": {"max_connections": 50}}),
    "storage with a given Secret": ("storage", {"auth": {"password": "", "existingSecret": "mine"}}),
    "monitoring with volumes, open to others": ("monitoring", {
        "prometheus": {"persistence": {"enabled": True}, "alertmanagers": ["alertmanager.example.com:9093"]},
        "networkPolicy": {"pagesFrom": [{"ipBlock": {"cidr": "192.0.2.0/24"}}], "metricsFrom": [{"namespaceSelector": {}}]}}),
    "monitoring beside another Prometheus": ("monitoring", {"prometheus": {"enabled": False}, "grafana": {"enabled": False}}),
    "monitoring with given Secrets": ("monitoring", {
        "console": {"existingSecret": "token"}, "grafana": {"existingSecret": "admin"}, "akhq": {"access": "admin", "existingSecret": "akhq"},
        "kafka": {"bootstrap": "kafka.example.com:9093", "existingSecret": "kafka-client"}}),
    "images from elsewhere": ("processing", {"images": {"registry": "registry.example.com/mirror", "pullSecrets": ["mine"], "fdp": {
        "digest": "sha256:" + "0" * 64}}}),
    **{f"{chart} for a ServiceMonitor": (chart, values | {"monitor": {"kind": "ServiceMonitor", "labels": {"release": "prometheus"}}})
       for chart, values in [("ingestion", {"simulator": {"enabled": True}}), ("streaming", {}), ("processing", {}), ("monitoring", {})]},
    "no network policies": ("processing", {"networkPolicy": {"enabled": False}}),
}


def run(command, *args, text=None):
    return subprocess.run([BIN / command, *args], input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT / "deploy",
                          env=os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}", "HELMFILE_UPGRADE_NOTICE_DISABLED": "1",
                                            "HELM_PLUGINS": str(CACHE / "kubernetes/helm-plugins")})


def documents(text):
    return [document for document in yaml.safe_load_all(text) if document]


@functools.cache
def environment(name, helm="helm"):
    """Everything that `helmfile -e NAME sync` would install, as text."""
    done = run("helmfile", "--helm-binary", str(BIN / helm), "-e", name, "--quiet", "template", "--kube-version", KUBERNETES,
               "--include-crds=false")
    assert done.returncode == 0, done.stderr
    return done.stdout


def template(chart, values, helm="helm", *args):
    """The outcome of `helm template`; the release is named as the chart."""
    return run(helm, "template", chart, str(CHARTS / chart), "--kube-version", KUBERNETES, "--values", "-", *args, text=yaml.safe_dump(values))


@functools.cache
def scenario(name, helm="helm"):
    done = template(*SCENARIOS[name], helm, *MONITORED)
    assert done.returncode == 0, done.stderr
    return done.stdout


def everything():
    """(what, objects) of all environments and scenarios."""
    for name in ENVIRONMENTS:
        yield name, documents(environment(name))
    for name in SCENARIOS:
        yield name, documents(scenario(name))
