#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Writes the files that are made from the option table: generate.sh [--check] [BUILD]. With --check it writes nothing and fails when a
# file is not what the table says.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
check=
if [ "${1:-}" = --check ]; then
    check=1
    shift
fi
build=${1:-$root/build}
if [ ! -f "$build/build.ninja" ]; then
    echo "generate.sh: $build is not a build folder; run make first" >&2
    exit 2
fi
ninja -C "$build" option-documents >/dev/null
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT

"$build/option-documents" sample >"$fresh/fdp.yaml"
"$build/option-documents" schema >"$fresh/fdp.schema.json"
"$build/option-documents" man >"$fresh/options"
sed -e "/^@OPTIONS@\$/{r $fresh/options" -e 'd}' "$root/docs/man/fdp.yaml.5.in" >"$fresh/fdp.yaml.5"

stale=0
for file in config/fdp.yaml config/fdp.schema.json docs/man/fdp.yaml.5; do
    made=$fresh/${file##*/}
    if cmp -s "$made" "$root/$file"; then continue; fi
    if [ -n "$check" ]; then
        echo "$file is stale: run tools/generate.sh" >&2
        diff -u "$root/$file" "$made" | head -40 >&2 || true
        stale=1
    else
        # Written in place of the old one at once: others may be reading it.
        cp "$made" "$root/$file.new" && mv "$root/$file.new" "$root/$file"
        echo "wrote $file"
    fi
done
exit "$stale"
