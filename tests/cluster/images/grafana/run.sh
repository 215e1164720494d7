#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# In place of Grafana: reads what is provisioned where Grafana does, refuses what Grafana could not use, and answers on port 3000.
# /cgi-bin/datasources tries the data sources.
set -eu

fail() {
    echo "grafana: $1" >&2
    exit 1
}

some() { # GLOB...: of which there is at least one file
    [ -s "$1" ]
}

[ -r "$GF_PATHS_CONFIG" ] || echo "grafana: no $GF_PATHS_CONFIG"
[ -w "$GF_PATHS_DATA" ] || fail "$GF_PATHS_DATA is not writable"
for kind in datasources dashboards; do
    some "$GF_PATHS_PROVISIONING/$kind"/*.y*ml || fail "no file in $GF_PATHS_PROVISIONING/$kind"
    grep -q '^apiVersion: 1' "$GF_PATHS_PROVISIONING/$kind"/*.y*ml || fail "$GF_PATHS_PROVISIONING/$kind has no apiVersion: 1"
done
for folder in $(sed -n 's/^ *path: *//p' "$GF_PATHS_PROVISIONING"/dashboards/*.y*ml | tr -d "\"'"); do
    some "$folder"/*.json || fail "no dashboard in $folder, which $GF_PATHS_PROVISIONING/dashboards names"
    echo "grafana: dashboards of $folder: $(ls "$folder")"
done
exec httpd -f -p "${GF_SERVER_HTTP_PORT:-3000}" -h /srv
