#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes JSON schemas as kubeconform reads them, one file for each kind of object:

  schemas.py DIR < DOCUMENT
  schemas.py DIR DEFINITION...

DOCUMENT is what an API server says of itself (kubectl get --raw /openapi/v2), or _definitions.json of the Python package kubernetes-validate,
which was made from that. DEFINITION is a file with a CustomResourceDefinition in JSON. The schemas are strict: a field that an API server does
not know is an error."""
import json
import pathlib
import shutil
import sys

KINDS = "x-kubernetes-group-version-kind"
NUMBERS = {"api.resource.Quantity": ["string", "number", "null"], "util.intstr.IntOrString": ["string", "integer", "null"]}


def reference(schema):
    """The name of the definition that a schema refers to."""
    target = schema.get("$ref")
    return target.rsplit("/", 1)[-1] if isinstance(target, str) else None


def strict(schema, optional=False):
    """A schema of an API server, made strict; what is optional may be null, as the server has it."""
    if isinstance(schema, list):
        return [strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if name := reference(schema):
        target = {"$ref": f"#/definitions/{name}"}
        return {"anyOf": [target, {"type": "null"}]} if optional else target
    if schema.get("format") == "int-or-string":
        return {"type": NUMBERS["util.intstr.IntOrString"]}
    made = dict(schema)
    if "properties" in schema:
        required = schema.get("required", [])
        made["properties"] = {key: strict(value, key not in required) for key, value in schema["properties"].items()}
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            made.setdefault("additionalProperties", False)
    for key in ("items", "additionalProperties", "not"):
        if key in made:
            made[key] = strict(made[key], True)
    for key in ("oneOf", "anyOf", "allOf"):
        if key in made:
            made[key] = strict(made[key])
    if optional and isinstance(made.get("type"), str):
        made["type"] = [made["type"], "null"]
    return made


def definitions(document):
    """All definitions by name."""
    if document.get("kind") == "CustomResourceDefinition":
        spec = document["spec"]
        kind = spec["names"]["kind"]
        return {f"{kind}.{version['name']}": strict(version["schema"]["openAPIV3Schema"]) | {
            KINDS: [{"group": spec["group"], "version": version["name"], "kind": kind}]} for version in spec["versions"]}
    if "definitions" in document:
        found = {name: strict(schema) for name, schema in document["definitions"].items()}
    else:  # strict already, but for how they refer to each other
        found = json.loads(json.dumps(document["$defs"]).replace('"#/$defs/', '"#/definitions/'))
    for name in found:
        for ending, types in NUMBERS.items():
            if name.endswith(ending):
                found[name] = {"type": types}
    return found


def needed(schema, found, names):
    """Collects the names of all definitions that a schema leads to."""
    if isinstance(schema, list):
        for one in schema:
            needed(one, found, names)
    elif isinstance(schema, dict):
        name = reference(schema)
        if name and name not in names:
            names.add(name)
            needed(found[name], found, names)
        for value in schema.values():
            needed(value, found, names)
    return names


def undescribed(value):
    """Without the text that is for people."""
    return {key: inner for key, inner in value.items() if key != "description" or not isinstance(inner, str)}


def main():
    folder, *files = map(pathlib.Path, sys.argv[1:])
    texts = [file.read_text() for file in files] or [sys.stdin.read()]
    found = {}
    for text in texts:
        found |= definitions(json.loads(text, object_hook=undescribed))
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    for schema in found.values():
        kinds = schema.get(KINDS) or []
        if len(kinds) != 1 or "kind" not in schema.get("properties", {}):
            continue
        group, version, kind = (kinds[0][key] for key in ("group", "version", "kind"))
        own = {"apiVersion": {"type": "string", "enum": [f"{group}/{version}" if group else version]}, "kind": {"type": "string", "enum": [kind]}}
        whole = schema | {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "properties": schema["properties"] | own,
            "required": sorted({*schema.get("required", []), *own}),
            "definitions": {name: found[name] for name in sorted(needed(schema, found, set()))},
        }
        name = "-".join(filter(None, [kind.lower(), group.split(".")[0], version]))
        (part / f"{name}.json").write_text(json.dumps(whole, sort_keys=True, separators=(",", ":")))
    shutil.rmtree(folder, ignore_errors=True)
    part.rename(folder)


if __name__ == "__main__":
    main()
