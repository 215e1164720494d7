#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes README.md and values.schema.json of every chart from its values.yaml: chart_documents.py [--check]. With --check it writes nothing,
and fails when a file is not as it would be made.

A comment above a key says what it is for. What stands behind `@schema` at its end is JSON Schema, merged over what follows from the default:
its type, and for a map that it has no other keys than those."""
import json
import pathlib
import re
import sys

import yaml

CHARTS = pathlib.Path(__file__).resolve().parent.parent / "deploy/charts"
TYPES = {str: "string", bool: "boolean", int: "integer", float: "number", list: "array", dict: "object"}
KEY = re.compile(r"( *)([A-Za-z][\w.-]*):(?: |$)")


class Values:
    """The values of a chart: what each key is for, by its path."""

    def __init__(self, path):
        self.path = path
        text = path.read_text()
        self.defaults = yaml.safe_load(text)
        self.texts, self.schemas = {}, {}
        self._read(text.splitlines())

    def _read(self, lines):
        parents, comment = [], []
        for line in lines:
            stripped = line.strip()
            if stripped.startswith("#"):
                comment.append(stripped[1:].strip())
                continue
            found = KEY.match(line)
            if found:
                depth = len(found[1]) // 2
                parents[depth:] = [found[2]]
                self._note(tuple(parents), comment)
            comment = []

    def _note(self, path, comment):
        text, _, schema = " ".join(line for line in comment if not line.startswith("SPDX-License-Identifier")).partition("@schema ")
        self.texts[path] = text.strip()
        self.schemas[path] = json.loads(schema or "{}")

    def is_section(self, path, value):
        """Whether a key is a map with keys of its own, rather than one that users fill."""
        return isinstance(value, dict) and bool(value) and "additionalProperties" not in self.schemas.get(path, {})

    def fault(self, path):
        return f"{self.path}: {'.'.join(path)} has no comment that says what it is for" if not self.texts.get(path) else None

    def schema(self, path, value):
        made = {"type": TYPES[type(value)]} | self.schemas.get(path, {})
        if self.texts.get(path):
            made["description"] = self.texts[path]
        if self.is_section(path, value):
            made["additionalProperties"] = False
            made["required"] = list(value)
            made["properties"] = {key: self.schema((*path, key), inner) for key, inner in value.items()}
        return made

    def rows(self, path, value):
        """(key, default, text), sections first."""
        for key, inner in value.items():
            inner_path = (*path, key)
            if self.is_section(inner_path, inner):
                yield inner_path, None, self.texts.get(inner_path, "")
                yield from self.rows(inner_path, inner)
            else:
                yield inner_path, inner, self.texts.get(inner_path, "")

    def faults(self):
        return [self.fault(path) for path, _, _ in self.rows((), self.defaults) if self.fault(path)]


def schema_document(values, is_library):
    schema = {"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "additionalProperties": False,
              "required": list(values.defaults)}
    properties = {key: values.schema((key,), value) for key, value in values.defaults.items()}
    properties["global"] = {"type": "object"}
    if not is_library:
        properties["images"] = {"type": "object", "description": "Where images come from: the keys of deploy/versions.yaml"}
    return json.dumps(schema | {"properties": properties}, indent=1) + "\n"


def cell(value):
    text = json.dumps(value)
    return f"`{text}`" if len(text) <= 60 else "(see values.yaml)"


def readme_document(chart, values):
    lines = [f"# {chart['name']}", "", f"{chart['description']}.", "",
             "Made from `values.yaml`; change that. `images.*` are the keys of [versions.yaml](../../versions.yaml).", "",
             "| value | default | |", "|---|---|---|"]
    for path, default, text in values.rows((), values.defaults):
        text = text.replace("|", "\\|")
        lines.append(f"| **{'.'.join(path)}** | | {text} |" if default is None else f"| `{'.'.join(path)}` | {cell(default)} | {text} |")
    return "\n".join(lines) + "\n"


def documents():
    """Path to text, and what is wrong with values.yaml."""
    made, faults = {}, []
    for folder in sorted(path.parent for path in CHARTS.glob("*/Chart.yaml")):
        chart = yaml.safe_load((folder / "Chart.yaml").read_text())
        if not (folder / "values.yaml").exists():
            continue
        values = Values(folder / "values.yaml")
        is_library = chart["type"] == "library"
        if not is_library:
            faults += values.faults()
        made[folder / "values.schema.json"] = schema_document(values, is_library)
        if not is_library:
            made[folder / "README.md"] = readme_document(chart, values)
    return made, faults


def main():
    made, faults = documents()
    if sys.argv[1:] == ["--check"]:
        faults += [f"{path} is not what tools/chart_documents.py makes: run it" for path, text in made.items()
                   if not path.exists() or path.read_text() != text]
    elif sys.argv[1:]:
        raise SystemExit("usage: tools/chart_documents.py [--check]")
    else:
        for path, text in made.items():
            path.write_text(text)
    for fault in faults:
        print(fault, file=sys.stderr)
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
