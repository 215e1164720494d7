# SPDX-License-Identifier: Apache-2.0
"""The registry on a real Kafka: the mission's commands, Confluent's records and client, two registries of which one writes, a broker that
comes late or goes away."""
import json
import subprocess
import time

import pytest
import requests
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.serialization import MessageField, SerializationContext

from conftest import wait_for
from registry_load import Registries, fixed, get, post, register, wait_writer

V1 = "application/vnd.schemaregistry.v1+json"
MISSION_FIELDS = {
    "change": "float", "change_percent": "float", "exchange": "string", "ingestion_ts": "string", "id": "string", "market_hours": "int",
    "price": "float", "price_hint": "string", "source_api": "string", "event_id": "string", "quote_type": "int", "time": "string",
}
MISSION = json.dumps({
    "type": "record", "name": "tickers.stocks", "namespace": "tickers.stocks",
    "fields": [{"name": name, "type": [kind, "null"], "default": None} for name, kind in MISSION_FIELDS.items()],
})


def records(kafka):
    """All of _schemas: (key, value, headers)."""
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": "looks", "enable.auto.commit": False, "enable.partition.eof": True})
    consumer.assign([TopicPartition("_schemas", 0, 0)])
    found = []
    while not ((message := consumer.poll(30)).error()):
        found.append((message.key().decode(), message.value() and message.value().decode(), dict(message.headers() or ())))
    consumer.close()
    return found


@pytest.fixture
def registry(fdp, kafka):
    with Registries(fdp, kafka) as start:
        yield start


@pytest.fixture
def url(registry):
    return registry().url


def curl(*args):
    return json.loads(subprocess.run(["curl", "-sS", *args], capture_output=True, text=True, timeout=60, check=True).stdout)


def test_missions_commands(url):
    assert curl("-X", "GET", f"{url}/subjects") == []
    register(url, "tickers.stocks-value", fixed(1))
    subject = f"{url}/subjects/tickers.stocks-value"
    body = json.dumps({"schema": MISSION})
    assert curl("-X", "POST", "-H", f"Content-Type: {V1}", "--data", body, f"{subject}/versions") == {"id": 2}
    assert curl("-X", "GET", f"{url}/subjects") == ["tickers.stocks-value"]
    assert curl("-X", "DELETE", f"{subject}/versions/2") == 2
    assert curl("-X", "GET", f"{subject}/versions") == [1]
    assert curl("-X", "DELETE", f"{subject}/versions/2?permanent=true") == 2
    assert curl("-X", "GET", f"{url}/schemas/ids/2")["error_code"] == 40403
    assert json.loads(curl("-X", "GET", f"{url}/schemas/ids/1")["schema"]) == json.loads(fixed(1))


def test_python_client_finds_everything_again_after_a_restart(registry):
    role = registry()
    register(role.url, "s", fixed(1))
    client = SchemaRegistryClient({"url": role.url})
    serialize = AvroSerializer(client, MISSION)
    where = SerializationContext("tickers.stocks", MessageField.VALUE)
    row = dict.fromkeys(MISSION_FIELDS) | {"id": "AAPL", "price": 1.5, "market_hours": 1, "time": "1700000000000"}
    data = serialize(row, where)
    assert data[:5] == b"\0\0\0\0\2"
    client.set_compatibility("s", "FULL")
    client.register_schema("s", Schema(fixed(2), "AVRO"))
    client.delete_version("s", 1)
    client.register_schema("gone", Schema(fixed(3), "AVRO"))
    client.delete_subject("gone", permanent=False)
    client.delete_subject("gone", permanent=True)
    assert role.stop()[0] == 0

    client = SchemaRegistryClient({"url": registry().url})
    assert client.get_subjects(deleted=True) == ["s", "tickers.stocks-value"]
    assert client.get_versions("s") == [2] and client.get_compatibility("s") == "FULL"
    assert AvroDeserializer(client)(data, where) == row
    with pytest.raises(SchemaRegistryError) as error:
        client.get_schema(4)
    assert error.value.error_code == 40403
    # An id is never given again.
    assert register(client._rest_client.base_urls[0], "s", fixed(5)) == 5


def test_records_are_confluents(registry, kafka):
    role = registry()
    register(role.url, "s", '"int"')
    requests.put(f"{role.url}/config", json={"compatibility": "NONE"}, timeout=30).raise_for_status()
    requests.delete(f"{role.url}/subjects/s", timeout=30).raise_for_status()
    requests.delete(f"{role.url}/subjects/s?permanent=true", timeout=30).raise_for_status()
    found = records(kafka)
    assert [(key, value) for key, value, _ in found] == [
        ('{"keytype":"NOOP","magic":0}', '{"highestId":0}'),  # a value that others do not look at
        ('{"keytype":"SCHEMA","subject":"s","version":1,"magic":1}',
         '{"subject":"s","version":1,"id":1,"schema":"\\"int\\"","deleted":false}'),
        ('{"keytype":"CONFIG","magic":0}', '{"compatibilityLevel":"NONE"}'),
        ('{"keytype":"DELETE_SUBJECT","subject":"s","magic":0}', '{"subject":"s","version":1}'),
        ('{"keytype":"SCHEMA","subject":"s","version":1,"magic":1}', None),
        ('{"keytype":"NOOP","magic":0}', '{"highestId":1}'),
    ]
    assert len({headers["fdp-term"] for _, _, headers in found}) == 1
    # The topic is as other makes want it.
    from confluent_kafka.admin import ConfigResource
    resource = ConfigResource(ConfigResource.Type.TOPIC, "_schemas")
    assert kafka.admin.describe_configs([resource])[resource].result(30)["cleanup.policy"].value == "compact"
    assert len(kafka.admin.list_topics("_schemas", timeout=30).topics["_schemas"].partitions) == 1


def test_topic_of_confluents_registry_is_taken_over(registry, kafka):
    from confluent_kafka.admin import NewTopic
    kafka.admin.create_topics([NewTopic("_schemas", 1, 1, config={"cleanup.policy": "compact"})])["_schemas"].result(30)
    person = '{"type":"record","name":"Person","fields":[{"name":"name","type":"string"}]}'
    written = [
        ('{"keytype":"NOOP","magic":0}', None),
        ('{"keytype":"CONFIG","subject":null,"magic":0}', '{"subject":null,"compatibilityLevel":"FULL"}'),
        ('{"keytype":"CONFIG","magic":0}', '{"compatibilityLevel":"FORWARD","normalize":true}'),
        ('{"keytype":"MODE","magic":0}', '{"mode":"READWRITE"}'),
        ('{"keytype":"CONTEXT","tenant":"default","context":".c","magic":0}', '{"tenant":"default","context":".c"}'),
        ('{"keytype":"SCHEMA","subject":"p","version":1,"magic":1}',
         json.dumps({"subject": "p", "version": 1, "id": 1, "schema": person, "deleted": False}, separators=(",", ":"))),
        ('{"keytype":"SCHEMA","subject":"r","version":1,"magic":1}',
         json.dumps({"subject": "r", "version": 1, "id": 2, "references": [{"name": "Person", "subject": "p", "version": 1}],
                     "metadata": {"properties": {"owner": "me"}}, "schema": '{"type":"array","items":"Person"}', "deleted": False,
                     "offset": 7, "ts": 1700000000000}, separators=(",", ":"))),
        ('{"keytype":"SCHEMA","subject":"j","version":1,"magic":1}',
         '{"subject":"j","version":1,"id":3,"schemaType":"JSON","schema":"{}","deleted":true}'),
        ('{"keytype":"SCHEMA","subject":"gone","version":1,"magic":1}', '{"subject":"gone","version":1,"id":9,"schema":"\\"int\\"","deleted":true}'),
        ('{"keytype":"SCHEMA","subject":"gone","version":1,"magic":1}', ""),  # what Karapace takes for a tombstone
        ('{"subject":"k","version":1,"magic":1,"keytype":"SCHEMA"}', '{"deleted": false, "id": 4, "schema": "{\\"items\\": \\"int\\", \\"type\\": \\"array\\"}"}'),
        ("rubbish", "rubbish"),
    ]
    producer = Producer({"bootstrap.servers": kafka.bootstrap})
    for key, value in written:
        producer.produce("_schemas", value, key, partition=0)
    assert producer.flush(30) == 0

    url = registry().url
    assert get(url, "/subjects").json() == ["k", "p", "r"]
    assert get(url, "/subjects?deleted=true").json() == ["j", "k", "p", "r"]
    assert get(url, "/config").json() == {"compatibilityLevel": "FORWARD"}
    assert get(url, "/schemas/ids/2").json()["references"] == [{"name": "Person", "subject": "p", "version": 1}]
    assert get(url, "/schemas/ids/3").json()["schemaType"] == "JSON"
    assert get(url, "/schemas/ids/9").status_code == 404
    # The same content in another order is the same schema; a new one gets the next id.
    assert register(url, "a", '{"type":"array","items":"int"}') == 4
    assert register(url, "a", fixed(1)) == 10
    # Both spellings of the global level are replaced, and what we do not use is written back whole.
    requests.put(f"{url}/config", json={"compatibility": "NONE"}, timeout=30).raise_for_status()
    requests.delete(f"{url}/subjects/r/versions/1", timeout=30).raise_for_status()
    last = {key: value for key, value, _ in records(kafka)}
    assert '"NONE"' in last['{"keytype":"CONFIG","magic":0}'] and '"NONE"' in last['{"keytype":"CONFIG","subject":null,"magic":0}']
    rewritten = json.loads(last['{"keytype":"SCHEMA","subject":"r","version":1,"magic":1}'])
    assert rewritten["deleted"] and rewritten["metadata"] == {"properties": {"owner": "me"}} and rewritten["references"]


def test_one_of_two_takes_changes_and_both_serve(registry):
    roles = [registry(), registry()]
    writer = wait_writer(roles)
    other = roles[1 - roles.index(writer)]
    assert register(writer.url, "s", '"int"') == 1
    answer = post(other.url, "s", '"long"')
    assert answer.status_code == 500 and answer.json()["error_code"] == 50004
    assert all(get(role.url, "/readyz").status_code == 200 for role in roles)
    # What the writer has answered the other knows at once.
    for number in range(2, 52):
        assert register(writer.url, "s", fixed(number)) == number
        assert json.loads(get(other.url, f"/schemas/ids/{number}").json()["schema"])["size"] == number
    # Confluent's client goes on to the next URL when one is not the writer.
    client = SchemaRegistryClient({"url": f"{other.url},{writer.url}"})
    assert client.register_schema("s", Schema(fixed(100), "AVRO")) == 52
    # One that ends in order is replaced at once.
    began = time.monotonic()
    assert writer.stop()[0] == 0
    assert register(other.url, "s", fixed(101)) == 53
    assert time.monotonic() - began < 5


def test_start_without_the_broker_is_alive_and_waits(registry, kafka):
    kafka.kill()
    role = registry()
    assert get(role.url, "/livez").status_code == 200
    answer = get(role.url, "/readyz")
    assert answer.status_code == 503 and kafka.bootstrap in answer.text
    assert get(role.url, "/subjects").status_code == 503  # not an empty list
    kafka.start()
    wait_for(lambda: get(role.url, "/readyz").status_code == 200, "ready")
    assert register(role.url, "s", '"int"') == 1
    assert len([line for line in role.stderr().splitlines() if "does not answer" in line]) == 1


def test_broker_lost_while_running_stops_changes_only(registry, kafka):
    role = registry()
    assert register(role.url, "s", '"int"') == 1
    kafka.kill()
    wait_for(lambda: get(role.url, "/readyz").status_code == 503, "not ready")
    assert kafka.bootstrap in get(role.url, "/readyz").text
    assert get(role.url, "/subjects").json() == ["s"]
    assert get(role.url, "/schemas/ids/1").json() == {"schema": '"int"'}
    assert post(role.url, "s", '"int"').json() == {"id": 1}
    began = time.monotonic()
    for answer in [post(role.url, "s", '"long"'), get(role.url, "/schemas/ids/2")]:
        assert answer.status_code == 500 and answer.json()["error_code"] == 50002
    assert time.monotonic() - began < 2  # nobody waits for what is known to be gone
    assert get(role.url, "/livez").status_code == 200
    kafka.start()
    wait_for(lambda: get(role.url, "/readyz").status_code == 200, "ready")
    assert register(role.url, "s", '"long"') == 2


def test_deleted_topic_is_served_on_and_check_says_so(fdp, registry, kafka):
    role = registry()
    wait_writer([role])
    register(role.url, "s", '"int"')
    fdp.use(stream=kafka)
    where = [*fdp.where(), "--set", f"streaming.registry.url={role.url}"]
    assert "is not ready" not in fdp.run("check", *where).stdout
    assert "_schemas would be deleted, with" in (said := fdp("topics", "delete", "_schemas", *where)) and "the schemas that all" in said
    fdp("topics", "delete", "_schemas", "--yes", *where)
    wait_for(lambda: get(role.url, "/readyz").status_code == 503, "it knows that its topic is gone")
    why = get(role.url, "/readyz").text
    assert '"_schemas" was deleted' in why and "fdp schemas list" in why and "groups reset" not in why
    assert get(role.url, "/schemas/ids/1").json() == {"schema": '"int"'}
    (problem,) = [line for line in fdp.run("check", *where).stdout.splitlines() if "is not ready" in line]
    assert problem.startswith("problem  streaming.registry.url") and "was deleted" in problem


@pytest.mark.parametrize("partitions, why", [(3, "3 partitions"), (1, "not compacted")])
def test_topic_that_cannot_keep_schemas_is_refused(fdp, kafka, partitions, why):
    kafka.create("_schemas", partitions)
    done = fdp.use(stream=kafka).run("registry", *fdp.where(), "--set", "streaming.registry.listen=127.0.0.1:0")
    assert done.returncode == 5 and "_schemas" in done.stderr and why in done.stderr, done.stderr


def test_tools_read_schemas_from_the_topic_and_leave_nothing(fdp, registry, kafka):
    fdp.use(stream=kafka)
    assert json.loads(fdp("schemas", "list", *fdp.where(), "--json")) == []
    assert kafka.topics() == []
    role = registry()
    wait_writer([role])
    loaded = fdp("schemas", "load", *fdp.where(), "--set", f"streaming.registry.url={role.url}")
    assert int(loaded.removesuffix(" new versions loaded\n")) >= 3
    client = SchemaRegistryClient({"url": role.url})
    data = AvroSerializer(client, MISSION)(dict.fromkeys(MISSION_FIELDS) | {"id": "AAPL"}, SerializationContext("t", MessageField.VALUE))
    kafka.create("t", 1)
    producer = Producer({"bootstrap.servers": kafka.bootstrap})
    producer.produce("t", data, "AAPL")
    assert producer.flush(30) == 0
    listed = json.loads(fdp("schemas", "list", *fdp.where(), "--json"))
    assert [row["subject"] for row in listed] == ["t-value"] + [f"tickers.{kind}-value" for kind in ("crypto", "currency", "stocks")]
    assert '"id":"AAPL"' in fdp("topics", "tail", "t", "-n", "1", *fdp.where()).replace(" ", "")
    group = kafka.admin.describe_consumer_groups(["fdp-registry"])["fdp-registry"].result(30)
    assert len(group.members) == 1
    assert role.stop()[0] == 0
    # Known schemas are read without any registry.
    assert len(json.loads(fdp("schemas", "list", *fdp.where(), "--json"))) == 4
