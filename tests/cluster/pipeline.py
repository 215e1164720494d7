# SPDX-License-Identifier: Apache-2.0
"""The five releases on the cluster: what the tests in this folder do with them, and how they count."""
import collections
import json
import pathlib
import subprocess
import tempfile
import time

import yaml

from cluster import ROOT, Failed, wait_for

TOPICS = {"tickers.stocks": "stocks", "tickers.crypto": "crypto", "tickers.currency": "currency"}
KAFKA, POSTGRES = "fdp-kafka-controller-0", "storage-postgresql-0"
PATIENCE = 240  # seconds; a pod that is made anew has to start, and the machine is shared


class Pipeline:
    def __init__(self, cluster):
        self.cluster = cluster
        self.kubectl = cluster.kubectl

    # --- Releases ---

    def helmfile(self, *args, environment="offline", deploy=ROOT / "deploy", values=None, helm="helm"):
        """Values are an environment's, beyond those of the files; helm4 is the other Helm."""
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            yaml.safe_dump(values or {}, file)
            file.flush()
            return self.cluster.run("helmfile", "--file", deploy / "helmfile.yaml.gotmpl", "--environment", environment,
                                    "--helm-binary", helm, "--state-values-file", file.name, *args, timeout=900, env={"HELM_BIN": helm})

    def sync(self, *args, **kwargs):
        return self.helmfile("sync", *args, **kwargs)

    def rolled_out(self, *names, deadline=PATIENCE):
        for name in names:
            self.kubectl("rollout", "status", name, f"--timeout={deadline}s", timeout=deadline + 10)

    # --- The database ---

    def sql(self, statement):
        """Rows of texts, as the database's own client tells them."""
        said = self.kubectl("exec", POSTGRES, "--", "psql", "-XqAt", "-F", "\t", "-U", "benthos", "-d", "tickers", "-c", statement)
        return [line.split("\t") for line in said.splitlines()]

    def rows(self, view="finance_data_ingress"):
        try:
            return int(self.sql(f"SELECT count(*) FROM {view}")[0][0])
        except Failed:  # not there yet, or for a moment not
            return 0

    def wait_for_more(self, what, more=100, deadline=PATIENCE):
        """Until so many rows more are there."""
        before = self.rows()
        wait_for(lambda: self.rows() >= before + more, f"rows after {what}", deadline)

    # --- Pods ---

    def pods(self, component):
        return [pod for pod in self.cluster.get("pods", "--selector", f"app.kubernetes.io/component={component}") if "deletionTimestamp" not in pod["metadata"]]

    def names(self, component):
        return [pod["metadata"]["name"] for pod in self.pods(component)]

    def restarts(self, component):
        return sum(status["restartCount"] for pod in self.pods(component) for status in pod["status"].get("containerStatuses", []))

    def metrics(self, service, port, name):
        """The values of a metric, by its labels, of the first pod behind NAME-metrics: asked from this machine by the pod's address."""
        [address, *_] = self.kubectl("get", "endpoints", f"{service}-metrics", "-o",
                                     "jsonpath={.subsets[*].addresses[*].ip} {.subsets[*].notReadyAddresses[*].ip}").split()
        import requests
        from prometheus_client.parser import text_string_to_metric_families
        page = requests.get(f"http://{address}:{port}/metrics", timeout=10).text
        return {tuple(sorted(sample.labels.items())): sample.value for family in text_string_to_metric_families(page)
                for sample in family.samples if sample.name == name}

    def fdp(self, *args, role="processing", **kwargs):
        return self.kubectl("exec", f"deploy/{role}", "-c", role, "--", "fdp", *args, **kwargs)

    # --- Changes of a ConfigMap ---

    def edit_routes(self, name, change):
        """change(routes) in the ConfigMap of a role, as `kubectl edit` would."""
        config = yaml.safe_load(self.cluster.get("configmap", name)["data"]["fdp.yaml"])
        change(config[name]["routes"])
        self.kubectl("patch", "configmap", name, "--type=merge", "--patch", json.dumps({"data": {"fdp.yaml": yaml.safe_dump(config)}}))

    # --- Counting ---

    def quiet(self):
        """No more quotes come, and all that was published is stored."""
        self.kubectl("scale", "deploy/ingestion", "--replicas=0")
        wait_for(lambda: not self.cluster.exists("pods", "--selector", "app.kubernetes.io/component=ingestion"), "the end of ingestion", PATIENCE)
        wait_for(lambda: self.stored_ends() == self.ends(), "the end of all partitions in the database", PATIENCE)

    def resume(self):
        self.kubectl("scale", "deploy/ingestion", "--replicas=1")
        self.rolled_out("deploy/ingestion")
        self.wait_for_more("ingestion was started again", 10)

    def ends(self):
        """(topic, partition) to the offset behind its last record, by Kafka's own tool."""
        said = self.kubectl("exec", KAFKA, "--", "kafka-get-offsets.sh", "--bootstrap-server", "localhost:9092", "--topic", "tickers[.].*")
        found = [line.rsplit(":", 2) for line in said.splitlines() if line.startswith("tickers.")]
        return {(topic, int(partition)): int(end) for topic, partition, end in found}

    def stored_ends(self):
        rows = self.sql("SELECT topic, partition, next_offset FROM fdp_offsets WHERE consumer_group = 'processing'")
        return {(topic, int(partition)): int(end) for topic, partition, end in rows}

    def compare(self):
        """Every record that is in Kafka must be in its table once, under its own offset, and nothing else may be there: what Kafka's side
        holds is read record by record and compared with the rows. How many there were."""
        self.quiet()
        try:
            total = sum(self.compare_topic(topic, table) for topic, table in TOPICS.items())
            self.fdp("reconcile", "--deep")
        finally:
            self.resume()
        return total

    def compare_topic(self, topic, table):
        published = collections.Counter()
        for line in self.fdp("topics", "tail", topic, "--from", "earliest").splitlines():
            record = json.loads(line)
            assert "_error" not in record, line
            published[record["_partition"], record["_offset"], record["id"], record["event_id"]] += 1
        rows = self.sql(f"SELECT partition, _offset, {table}.id, event_id FROM {table} JOIN fdp_offsets ON fdp_offsets.id = _source"
                        " WHERE consumer_group = 'processing'")
        stored = collections.Counter((int(partition), int(offset), symbol, event) for partition, offset, symbol, event in rows)
        quarantined = int(self.sql(f"SELECT count(*) FROM fdp_quarantine WHERE topic = '{topic}'")[0][0])
        assert quarantined == 0, self.fdp("quarantine", "list")
        lost, more = published - stored, stored - published
        assert not lost and not more, f"{topic}: {len(lost)} of {len(published)} records are no rows, {len(more)} rows are no records: " \
                                      f"{list(lost)[:3]} {list(more)[:3]}"
        return len(published)


def seconds_until(condition, what, deadline=PATIENCE):
    began = time.monotonic()
    wait_for(condition, what, deadline)
    return time.monotonic() - began


def archive(commit, folder):
    """The charts of another commit."""
    folder = pathlib.Path(folder)
    tar = subprocess.run(["git", "archive", commit, "deploy", "schemas"], cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
    subprocess.run(["tar", "-x", "-C", folder], input=tar, check=True)
    return folder / "deploy"
