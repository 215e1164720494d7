#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Fetches the jars that a POM names, and what they need, into a cache outside the checkout, once, and prints the folder: jars.sh NAME POM.
# Networks fail now and then: it tries again.
set -euo pipefail
if [ $# != 2 ]; then
    echo "usage: tools/jars.sh NAME POM" >&2
    exit 2
fi
cache=${FDP_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/fdp}/$1
pom=$2
folder=$cache/$(sha256sum <"$pom" | cut -c1-16)

if [ ! -d "$folder" ]; then
    command -v mvn >/dev/null || {
        echo "jars.sh: Maven is missing; tools/install.sh test installs it" >&2
        exit 1
    }
    echo "Fetching the jars that $pom names into $cache" >&2
    mkdir -p "$cache"
    fresh=$(mktemp -d "$cache/fetching.XXXXXX")
    chmod 755 "$fresh"
    trap 'rm -rf "$fresh"' EXIT
    fetched=
    for try in 1 2 3 4 5; do
        if said=$(mvn --quiet --batch-mode --file "$pom" dependency:copy-dependencies -DincludeScope=runtime \
            -DoutputDirectory="$fresh" 2>&1); then
            fetched=yes
            break
        fi
        echo "jars.sh: fetching what $pom names failed (try $try of 5)" >&2
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
