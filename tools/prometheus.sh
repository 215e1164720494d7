#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Fetches Debian's Prometheus and promtool, for tests, into a cache outside the checkout, once, and prints the folder with the two programs.
# The package is unpacked, not installed: nothing is started. Networks fail now and then: it tries again.
set -euo pipefail
cache=${FDP_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/fdp}
folder=$cache/prometheus

if [ ! -d "$folder" ]; then
    command -v apt-get >/dev/null || {
        echo "prometheus.sh: this is not Debian; put prometheus and promtool into $folder" >&2
        exit 1
    }
    echo "Fetching Prometheus into $folder" >&2
    mkdir -p "$cache"
    fresh=$(mktemp -d "$cache/fetching.XXXXXX")
    trap 'rm -rf "$fresh"' EXIT
    chmod 755 "$fresh"
    fetched=
    for try in 1 2 3; do
        if said=$(cd "$fresh" && apt-get -qq download prometheus 2>&1); then
            fetched=yes
            break
        fi
        echo "prometheus.sh: fetching the package prometheus failed (try $try of 3)" >&2
        sleep $((try * 5))
    done
    [ -n "$fetched" ] || {
        printf '%s\nprometheus.sh: apt-get update may help\n' "$said" >&2
        exit 1
    }
    dpkg -x "$fresh"/prometheus_*.deb "$fresh/package"
    # Whole or not at all, also when two of these run at once.
    mv -T "$fresh/package/usr/bin" "$folder" 2>/dev/null || [ -d "$folder" ]
fi
echo "$folder"
