#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""helm diff upgrade NAME CHART [OPTIONS]: what `helm upgrade` would change in the cluster, as differences of manifests.

As much of the plugin helm-diff as `helmfile diff` and `helmfile apply` need. Contents of Secrets are not shown. Exit code 2 with
--detailed-exitcode when something differs."""
import difflib
import hashlib
import json
import os
import re
import subprocess
import sys

HELM = os.environ.get("HELM_BIN", "helm")
# Options of helm-diff that `helm upgrade` does not know: without and with a value.
OWN = {"--allow-unreleased", "--detailed-exitcode", "--no-color", "--color", "--no-hooks", "--install", "--normalize-manifests",
       "--suppress-secrets", "--show-secrets", "--strip-trailing-cr", "--three-way-merge", "--include-tests"}
OWN_WITH_VALUE = {"--context", "--kube-version", "--api-versions", "-a", "--output", "--suppress", "--suppress-output-line-regex",
                  "--find-renames"}
# Options of `helm upgrade` whose value is the next word.
WITH_VALUE = {"-f", "--values", "--set", "--set-string", "--set-file", "--set-json", "--namespace", "-n", "--kube-context", "--version",
              "--post-renderer", "--post-renderer-args", "--timeout", "--kubeconfig", "--repo", "--username", "--password", "--ca-file"}


def sort_out(words):
    """(what `helm upgrade` is given, the name of the release, the options that say its namespace, whether templates may look things up in the
    cluster)."""
    given, name, namespace, server, words = [], None, [], False, iter(words)
    for word in words:
        option, equals, _ = word.partition("=")
        if option in OWN or option == "--dry-run":
            server = server or word == "--dry-run=server"
            continue
        if option in OWN_WITH_VALUE:
            if not equals:
                next(words)
            continue
        taken = [word, next(words)] if word in WITH_VALUE else [word]
        given += taken
        if option in ("-n", "--namespace"):
            namespace = taken
        elif not word.startswith("-"):
            name = name or word
    return given, name, namespace, server


def hide(found):
    """The values of a Secret as digests: a change shows, the value does not."""
    lines = (line.partition(":") for line in found[2].splitlines())
    return f"{found[1]}:\n" + "".join(f"{key}: # {hashlib.sha256(value.encode()).hexdigest()[:8]}\n" for key, _, value in lines)


def objects(manifest):
    """The objects of a manifest: {(kind, name): lines}."""
    found = {}
    for text in re.split(r"^---\s*$", manifest, flags=re.M):
        text = "\n".join(line for line in text.strip().splitlines() if not line.startswith("# Source:"))
        if not text:
            continue
        kind = re.search(r"^kind:\s*(\S+)", text, re.M)
        name = re.search(r"^metadata:\n(?: +.*\n)*? +name:\s*(\S+)", text + "\n", re.M)
        if kind and kind[1] == "Secret":
            text = re.sub(r"^(data|stringData):\n((?: +.*\n?)+)", hide, text, flags=re.M)
        found[kind[1] if kind else "", name[1] if name else ""] = text.splitlines()
    return found


def main(words):
    if words[:1] != ["upgrade"]:
        print("3.15.13")
        return 0
    given, name, namespace, server = sort_out(words[1:])
    old = subprocess.run([HELM, "get", "manifest", name, *namespace], capture_output=True, text=True)
    new = subprocess.run([HELM, "upgrade", "--install", f"--dry-run={'server' if server else 'client'}", "--output", "json", *given], capture_output=True, text=True)
    if new.returncode:
        sys.stderr.write(new.stderr)
        return 1
    before = objects(old.stdout if old.returncode == 0 else "")
    after = objects(json.loads(new.stdout)["manifest"])
    changed = [key for key in sorted(before.keys() | after.keys()) if before.get(key) != after.get(key)]
    for key in changed:
        what = "added" if key not in before else "removed" if key not in after else "changed"
        print(f"{name}, {key[1]} ({key[0]}) has been {what}:")
        difference = difflib.unified_diff(before.get(key, []), after.get(key, []), lineterm="")
        print("\n".join(f"  {line}" for line in difference if not line.startswith(("---", "+++"))))
    return 2 if changed and "--detailed-exitcode" in words else 0


sys.exit(main(sys.argv[1:]))
