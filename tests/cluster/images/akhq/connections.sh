#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Tries to connect to each Kafka and each schema registry that the configuration names.
printf 'Content-Type: text/plain\r\n\r\n'
value() { sed -n "s/.*$1: *//p" "$CONFIGURATION" | tr -d "\"' "; }
for address in $(value 'bootstrap\.servers' | tr ',' ' '); do
    if nc -w 3 "${address%:*}" "${address##*:}" </dev/null; then echo "kafka $address ok"; else echo "kafka $address refused"; fi
done
for url in $(sed -n '/schema-registry:/,$ s/^ *url: *//p' "$CONFIGURATION" | tr -d "\"'"); do
    if timeout 5 wget -q -O /dev/null "$url/subjects"; then echo "registry $url ok"; else echo "registry $url refused"; fi
done
