#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Asks each data source for the names of its metrics.
printf 'Content-Type: text/plain\r\n\r\n'
for url in $(sed -n 's/^ *url: *//p' "$GF_PATHS_PROVISIONING"/datasources/*.y*ml | tr -d "\"'"); do
    if timeout 5 wget -q -O /dev/null "$url/api/v1/labels"; then echo "$url ok"; else echo "$url refused"; fi
done
