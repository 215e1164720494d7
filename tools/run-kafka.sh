#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The whole pipeline on a real Kafka and a real PostgreSQL of this machine: run-kafka.sh FDP [OPTION...]. Their data is in kafka and
# postgres below ${DATA:-./fdp-data} and stays there. Ctrl-C stops all three: the pipeline first, so that what is on its way is stored.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source-path=SCRIPTDIR
. tools/server.sh
if [ $# = 0 ]; then
    echo "usage: tools/run-kafka.sh FDP [OPTION...]" >&2
    exit 2
fi
fdp=$1
shift
data=${DATA:-./fdp-data}
kafka=$data/kafka postgres=$data/postgres

# The port that people expect, if it is free.
usual() { if port_taken "$1"; then echo 0; else echo "$1"; fi; }

# Makes `psql -U benthos` find the server without more words, where the socket that it looks for can be made.
socket=()
if [ "$(id -u)" = 0 ] || [ -w /var/run/postgresql ]; then socket=(--set unix_socket_directories=/var/run/postgresql); fi

# shellcheck disable=SC2317 # called at the end, by a trap
stop_servers() {
    echo "Stopping Kafka and PostgreSQL. Their data stays; to remove it:"
    echo "  tools/kafka.sh wipe --data $kafka; tools/postgres.sh wipe --data $postgres"
    tools/kafka.sh stop --data "$kafka" || true
    tools/postgres.sh stop --data "$postgres" || true
}

echo "Starting Kafka and PostgreSQL"
trap stop_servers EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
bootstrap=$(tools/kafka.sh start --data "$kafka" --port "$(usual 9092)" --set log.retention.ms=604800000)
url=$(tools/postgres.sh start --data "$postgres" --port "$(usual 5432)" "${socket[@]}")
port=$(<"$postgres/port")
cat >"$data/servers.yaml" <<CONFIG
# Where the servers of make run-kafka are, for other commands: fdp COMMAND --config THIS. Written at each start.
streaming:
  url: "kafka://$bootstrap"
storage:
  url: "$url"
CONFIG
cat <<HINT
Kafka: $bootstrap   PostgreSQL: 127.0.0.1:$port   From another terminal:

  psql -h 127.0.0.1 -p $port -U benthos -d tickers -c 'SELECT COUNT(*) FROM finance_data_ingress'
  $fdp groups describe processing --config $data/servers.yaml
  tools/kafka.sh tool topics --bootstrap-server $bootstrap --describe
  curl http://127.0.0.1:8081/subjects

HINT

# In a session of its own, so that Ctrl-C reaches it once, from here, and not the servers at all.
setsid "$fdp" up --data "$data" --set "streaming.url=kafka://$bootstrap" --set "storage.url=$url" "$@" &
pid=$!
trap 'kill -TERM $pid 2>/dev/null' INT TERM HUP
while kill -0 $pid 2>/dev/null; do
    status=0
    wait $pid || status=$?
done
exit "$status"
