# SPDX-License-Identifier: Apache-2.0
"""The documents made from the option table, read by other programs than ours."""
import copy
import json
import pathlib

import jsonschema
import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SCHEMA = json.loads((ROOT / "config/fdp.schema.json").read_text())
SAMPLE = yaml.safe_load((ROOT / "config/fdp.yaml").read_text())


def defaults(schema):
    """What the schema says the defaults are, as a tree."""
    if "default" in schema:
        return schema["default"]
    # NAME-file beside a secret NAME has none: it is another way to give it.
    return {name: defaults(inner) for name, inner in schema["properties"].items() if "default" in inner or "properties" in inner}


def errors(config):
    return [error.message for error in jsonschema.Draft202012Validator(SCHEMA).iter_errors(config)]


def changed(path, value):
    config = copy.deepcopy(SAMPLE)
    *sections, key = path.split(".")
    inner = config
    for section in sections:
        inner = inner[section]
    inner[key] = value
    return config


def test_the_schema_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_sample_file_is_valid_and_holds_the_defaults_of_the_schema():
    assert errors(SAMPLE) == []
    assert SAMPLE == defaults(SCHEMA)


def test_small_files_are_valid():
    for text in ("", "log:\n", "simulator: {rate: 7}", "streaming: {kafka: {linger.ms: 5, security.protocol: ssl}}"):
        assert errors(yaml.safe_load(text)) == []


@pytest.mark.parametrize("path, value", [
    ("simulater", {}),
    ("simulator.rates", 5),
    ("simulator.rate", 0),
    ("simulator.rate", "many"),
    ("simulator.session", "lunch"),
    ("simulator.silent-cap", "perhaps"),
    ("ingestion.idle-timeout", "5 minutes"),
    ("ingestion.symbols", "AAPL"),
    ("streaming.retention-bytes", "1GB"),
    ("streaming.topics", [{"partitions": 3}]),
    ("streaming.topics", [{"name": "a", "partition": 3}]),
    ("streaming.kafka", {"a": {"b": 1}}),
])
def test_what_the_program_refuses_the_schema_refuses(fdp, tmp_path, path, value):
    config = changed(path, value)
    assert errors(config), "the schema took it"
    file = tmp_path / "fdp.yaml"
    file.write_text(yaml.safe_dump(config))
    done = fdp.run("config", "show", "-c", file)
    assert done.returncode == 3, done.stderr
    assert f"{file}:" in done.stderr


def test_what_another_writer_writes_is_read(fdp, tmp_path):
    """PyYAML writes the defaults its own way; the program reads the same from it."""
    file = tmp_path / "fdp.yaml"
    file.write_text(yaml.safe_dump(SAMPLE))
    ours, theirs = fdp("config", "show", "--json", "-c", ROOT / "config/fdp.yaml"), fdp("config", "show", "--json", "-c", file)
    values = [[(row["option"], row["value"]) for row in json.loads(text)] for text in (ours, theirs)]
    assert values[0] == values[1]
