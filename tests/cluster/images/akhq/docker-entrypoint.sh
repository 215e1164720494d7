#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# In place of AKHQ: reads its configuration where AKHQ does, refuses one that AKHQ could not use, and answers on its ports: 8080 with a page,
# 28081 with its health. /cgi-bin/connections tries what the configuration connects to.
set -eu

fail() {
    echo "akhq: $1" >&2
    exit 1
}

for file in $(echo "$MICRONAUT_CONFIG_FILES" | tr ',' ' '); do
    [ -s "$file" ] || fail "cannot read $file, which MICRONAUT_CONFIG_FILES names"
    if grep -q '^akhq:' "$file" && grep -q '^  connections:' "$file"; then found=$file; fi
done
[ -n "${found:-}" ] || fail "no file of MICRONAUT_CONFIG_FILES has akhq.connections"
grep -q 'bootstrap.servers:' "$found" || fail "$found has no bootstrap.servers"
(: >/tmp/akhq) || fail "/tmp is not writable"
echo "akhq: configured by $found"
export CONFIGURATION="$found"
httpd -f -p 28081 -h /srv/health &
exec httpd -f -p 8080 -h /srv/pages
