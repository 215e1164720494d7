#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A real PostgreSQL, for tests and for people: one server on loopback, not Debian's own cluster.
# shellcheck source-path=SCRIPTDIR
here=$(cd "$(dirname "$0")" && pwd)
. "$here/server.sh"

usage() {
    cat <<'HELP'
Runs PostgreSQL from Debian's packages: one server on loopback, with the role benthos and its database tickers.

  postgres.sh start --data DIR    starts a server, waits until it answers, prints its URL
      --port N                    where it listens; default: as the last time in DIR, else a free port; 0: a free port
      --set NAME=VALUE            a setting of the server, such as fsync=off; repeatable
      --owner PID                 end it when this process ends
  postgres.sh stop --data DIR     stops it in order: transactions are rolled back, everything is written
  postgres.sh kill --data DIR     kills all its processes (SIGKILL), as a crash of the machine would
  postgres.sh wipe --data DIR     kills it and removes DIR

All can be called twice. DIR holds server.log and the data. Only benthos may connect, from this machine, without a password; it may make
databases. The superuser is reached with `postgres --single`, or over a socket if --set unix_socket_directories=... makes one.

PostgreSQL refuses to run as root: started by root it runs as the user postgres. If that user cannot enter the folder that DIR lies in
(one below /root), DIR becomes a link to a folder in that user's home.

  url=$(tools/postgres.sh start --data /tmp/postgres)
  psql "$url" -c 'SELECT version()'
  tools/postgres.sh wipe --data /tmp/postgres
HELP
}

if [ "$(id -u)" = 0 ]; then as_server=(setpriv --reuid=postgres --regid=postgres --init-groups --); fi
# What the environment says about other servers is not for this one.
unset "${!PG@}"
export LC_ALL=C.UTF-8

find_postgres() {
    local binaries=/usr/lib/postgresql/15/bin
    [ -x $binaries/initdb ] || fail "PostgreSQL 15 is missing; tools/install.sh test installs it"
    PATH=$binaries:$PATH
}

postmaster() { process_of "$data/data/postmaster.pid" "$data/data"; }

# All processes that work in the data folder, those too that outlived their postmaster; but not the one that looks.
processes() {
    (cd / && "${as_server[@]}" find /proc -maxdepth 2 -path '/proc/[0-9]*/cwd' -printf '%h %l\n' 2>/dev/null |
        awk -v folder="$data/data" '{ pid = substr($1, 7); sub(/^[^ ]* /, ""); if ($0 == folder) print pid }') || true
}

kill_server() {
    local pids killed=""
    while pids=$(processes) && [ -n "$pids" ]; do
        # shellcheck disable=SC2086 # numbers; one that has ended meanwhile is no failure
        kill -KILL $pids 2>/dev/null || true
        killed=yes
        sleep 0.02
    done
    if [ -n "$killed" ]; then await_port; fi
}

# Where the user of the server cannot enter the data folder, that becomes a link; see the help.
own_data() {
    local link=$data
    if [ "$(id -u)" != 0 ] || [ -e "$data/port" ]; then return; fi
    chown postgres: "$data"
    if "${as_server[@]}" test -x "$data"; then return; fi
    data=$(getent passwd postgres | cut -d: -f6)/fdp-$(sha256sum <<<"$link" | cut -c1-16)
    # What another one left behind, whose link was removed.
    kill_server
    rm -rf "$data"
    "${as_server[@]}" mkdir -m 700 "$data"
    rmdir "$link"
    ln -s "$data" "$link"
}

# Who may connect: benthos over loopback, to a database called guarded with a password only; over a socket benthos, and the superuser when
# the user of the server asks.
write_access() {
    cat >data/pg_hba.conf <<'ACCESS'
local all benthos                 trust
local all postgres                peer map=owner
host  guarded benthos 127.0.0.1/32 scram-sha-256
host  all benthos 127.0.0.1/32    trust
ACCESS
    echo "owner $("${as_server[@]}" id -un) postgres" >data/pg_ident.conf
}

create() {
    [ ! -f data/PG_VERSION ] || return 0
    # A folder that was left half made is made again.
    rm -rf data.new
    {
        "${as_server[@]}" initdb --pgdata="$data/data.new" --username=postgres --encoding=UTF8 --locale=C.UTF-8 --auth=reject --no-sync &&
            "${as_server[@]}" postgres --single -D "$data/data.new" postgres <<'SQL'
CREATE ROLE benthos LOGIN CREATEDB IN ROLE pg_monitor;
CREATE DATABASE tickers OWNER benthos;
SQL
    } >create.log 2>&1 || fail "the data folder could not be made" "$data/create.log"
    mv data.new data
    write_access
}

answers() { psql -X --no-password -qAt -h 127.0.0.1 -p "$port" -U benthos -d tickers -c 'SELECT 1' >/dev/null 2>&1; }

start() {
    local pid setting options=() log=$data/server.log
    pid=$(postmaster)
    find_postgres
    if [ -z "$pid" ]; then
        make_data
        own_data
        log=$data/server.log
        cd "$data"
        choose_port
        create
        # No process works here, so what a killed one left is nobody's.
        kill_server
        rm -f data/postmaster.pid
        for setting in "${settings[@]}"; do options+=(-c "$setting"); done
        cd data
        setsid "${as_server[@]}" postgres -D "$data/data" -p "$port" -c listen_addresses=127.0.0.1 -c unix_socket_directories= \
            "${options[@]}" </dev/null >>"$log" 2>&1 &
        pid=$!
    fi
    port=$(<"$data/port")
    await_ready "$pid" "$log" answers
    follow_owner "$pid" "$data/data" kill_server
    echo "postgresql://benthos@127.0.0.1:$port/tickers"
}

stop() {
    local pid
    pid=$(postmaster)
    [ -n "$pid" ] || return 0
    kill -INT "$pid"
    await_end "$pid" "$data/data" && return
    kill_server
    fail "the server did not stop within $STOP_SECONDS s and was killed" "$data/server.log"
}

command=${1:-}
[ $# = 0 ] || shift
case $command in
start | stop | kill | wipe) parse "$@" ;;
esac
case $command in
start) start ;;
stop) stop ;;
kill) kill_server ;;
wipe)
    kill_server
    remove_data
    ;;
--help | -h | help) usage ;;
*) misused "'$command' is not a command" ;;
esac
