# SPDX-License-Identifier: Apache-2.0
"""The registry as other people's clients use it: Confluent's Python client and curl."""
import json
import subprocess

import pytest
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.serialization import MessageField, SerializationContext

# The mission's schema: null second with a null default, which strict checking of defaults would refuse.
MISSION_FIELDS = {
    "change": "float", "change_percent": "float", "exchange": "string", "ingestion_ts": "string", "id": "string", "market_hours": "int",
    "price": "float", "price_hint": "string", "source_api": "string", "event_id": "string", "quote_type": "int", "time": "string",
}
MISSION = json.dumps({
    "type": "record", "name": "tickers.stocks", "namespace": "tickers.stocks",
    "fields": [{"name": name, "type": [kind, "null"], "default": None} for name, kind in MISSION_FIELDS.items()],
})
V1 = "application/vnd.schemaregistry.v1+json"


@pytest.fixture
def url(fdp):
    return fdp.start("registry", "--data", fdp.data, "--set", "streaming.registry.listen=127.0.0.1:0").address("registry")


@pytest.fixture
def client(url):
    return SchemaRegistryClient({"url": url})


def avro(text):
    return Schema(text, "AVRO")


def record(name, *fields):
    return avro(json.dumps({"type": "record", "name": name, "fields": [{"name": f, "type": "string"} for f in fields]}))


def refused(call, status, code):
    with pytest.raises(SchemaRegistryError) as error:
        call()
    assert (error.value.http_status_code, error.value.error_code) == (status, code), error.value


def test_python_client_registers_and_finds(client):
    first, second = record("r", "a"), record("r", "b")
    assert client.register_schema("s-value", first) == 1
    assert client.register_schema("s-value", second, normalize_schemas=True) == 2
    assert client.register_schema("other/ %2F\u20ac", first) == 1
    assert client.get_subjects() == sorted(["s-value", "other/ %2F\u20ac"])
    assert client.get_versions("s-value") == [1, 2]
    assert json.loads(client.get_schema(1).schema_str) == json.loads(first.schema_str)
    latest = client.get_latest_version("s-value")
    assert (latest.subject, latest.version, latest.schema_id) == ("s-value", 2, 2)
    assert client.get_version("s-value", 1).schema_id == 1
    found = client.lookup_schema("s-value", first)
    assert (found.version, found.schema_id) == (1, 1)
    assert client.get_subjects_by_schema_id(1) == sorted(["s-value", "other/ %2F\u20ac"])
    assert [(v.subject, v.version) for v in client.get_schema_versions(2)] == [("s-value", 2)]
    assert client.get_schema_types() == ["AVRO"]


def test_python_client_is_told_what_is_wrong(client):
    client.register_schema("s", record("r", "a"))
    refused(lambda: client.register_schema("s", avro('{"type": "nothing"}')), 422, 42201)
    refused(lambda: client.register_schema("s", Schema("{}", "JSON")), 422, 42201)
    refused(lambda: client.get_latest_version("none"), 404, 40401)
    refused(lambda: client.get_version("s", 9), 404, 40402)
    refused(lambda: client.get_schema(9), 404, 40403)
    refused(lambda: client.lookup_schema("s", record("r", "z")), 404, 40403)
    refused(lambda: client.set_compatibility("s", "SOMETIMES"), 422, 42203)
    refused(lambda: client.get_compatibility("s"), 404, 40408)


def test_python_client_deletes_softly_then_for_good(client):
    for field in "abc":
        client.register_schema("s", record("r", field))
    assert client.delete_version("s", 2) == 2
    assert client.get_versions("s") == [1, 3]
    refused(lambda: client.delete_version("s", 2), 404, 40406)
    assert client.delete_version("s", 2, permanent=True) == 2
    assert client.delete_subject("s") == [1, 3]
    assert client.get_subjects() == [] and client.get_subjects(deleted=True) == ["s"]
    refused(lambda: client.delete_subject("s"), 404, 40404)
    assert client.delete_subject("s", permanent=True) == [1, 3]
    assert client.get_subjects(deleted=True) == []


def test_python_client_sets_levels(client):
    assert client.get_compatibility() == "BACKWARD"
    assert client.set_compatibility(level="FULL")["compatibility"] == "FULL"
    assert client.set_compatibility("s", "NONE")["compatibility"] == "NONE"
    assert client.get_compatibility() == "FULL" and client.get_compatibility("s") == "NONE"


def test_python_serializer_and_deserializer_agree_over_it(client):
    serialize = AvroSerializer(client, MISSION)
    where = SerializationContext("tickers.stocks", MessageField.VALUE)
    row = dict.fromkeys(MISSION_FIELDS) | {"id": "AAPL", "price": 1.5, "market_hours": 1, "time": "1700000000000"}
    data = serialize(row, where)
    assert data[:5] == b"\0\0\0\0\1"
    assert client.get_subjects() == ["tickers.stocks-value"]
    assert AvroDeserializer(client)(data, where) == row


def test_state_is_kept_over_a_restart(fdp):
    for expected in [[1], [1, 2]]:
        role = fdp.start("registry", "--data", fdp.data, "--set", "streaming.registry.listen=127.0.0.1:0")
        client = SchemaRegistryClient({"url": role.address("registry")})
        client.register_schema("s", record("r", f"f{len(expected)}"))
        assert client.get_versions("s") == expected
        assert role.stop()[0] == 0


def curl(*args):
    done = subprocess.run(["curl", "-sS", *args], capture_output=True, text=True, timeout=60, check=True)
    return json.loads(done.stdout)


def test_curl_registers_lists_and_deletes(url):
    body = json.dumps({"schema": MISSION})
    header = f"Content-Type: {V1}"
    subject = f"{url}/subjects/tickers.stocks-value"
    assert curl("-X", "POST", "-H", header, "--data", body, f"{subject}/versions") == {"id": 1}
    assert curl(f"{url}/subjects") == ["tickers.stocks-value"]
    assert curl(f"{subject}/versions") == [1]
    latest = curl(f"{subject}/versions/latest")
    assert latest["id"] == 1 and json.loads(latest["schema"])["fields"][0]["name"] == "change"
    assert curl(f"{url}/schemas/ids/1") == {"schema": latest["schema"]}
    assert curl("-X", "POST", "-H", header, "--data", body, subject)["version"] == 1
    assert curl("-X", "PUT", "-H", header, "--data", '{"compatibility": "NONE"}', f"{url}/config/tickers.stocks-value") == {"compatibility": "NONE"}
    assert curl("-X", "DELETE", f"{subject}/versions/1") == 1
    assert curl(f"{subject}/versions")["error_code"] == 40401
    assert curl("-X", "DELETE", f"{subject}/versions/1?permanent=true") == 1
    assert curl(f"{url}/schemas/ids/1")["error_code"] == 40403
