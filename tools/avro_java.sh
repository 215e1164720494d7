#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Fetches Avro Java and what it needs (tests/integration/avro_oracle/pom.xml) into a cache outside the checkout, once, and prints the
# folder. Networks fail now and then: it tries again.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cache=${FDP_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/fdp}
pom=$root/tests/integration/avro_oracle/pom.xml
folder=$cache/avro-java/$(sha256sum <"$pom" | cut -c1-16)

if [ ! -d "$folder" ]; then
    command -v mvn >/dev/null || {
        echo "avro_java.sh: Maven is missing; tools/install.sh test installs it" >&2
        exit 1
    }
    mkdir -p "$cache/avro-java"
    fresh=$(mktemp -d "$cache/avro-java/fetching.XXXXXX")
    trap 'rm -rf "$fresh"' EXIT
    fetched=
    for try in 1 2 3 4 5; do
        if said=$(mvn --quiet --batch-mode --file "$pom" dependency:copy-dependencies -DoutputDirectory="$fresh" 2>&1); then
            fetched=yes
            break
        fi
        echo "avro_java.sh: fetching Avro Java failed (try $try of 5)" >&2
        sleep $((try * 5))
    done
    [ -n "$fetched" ] || {
        echo "$said" >&2
        exit 1
    }
    # Whole or not at all, also when two of these run at once.
    mv -T "$fresh" "$folder" 2>/dev/null || [ -d "$folder" ]
fi
echo "$folder"
