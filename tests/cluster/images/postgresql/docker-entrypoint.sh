#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Starts PostgreSQL, and makes the cluster of databases first when there is none. What the environment may say is as in the official image:
# POSTGRES_USER, POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE, POSTGRES_DB, POSTGRES_INITDB_ARGS, POSTGRES_HOST_AUTH_METHOD, PGDATA. Files of
# /docker-entrypoint-initdb.d are run once, in the order of their names.
set -eo pipefail
shopt -s nullglob

fail() {
    echo "$0: $1" >&2
    exit 1
}

run_file() {
    echo "$0: running $1"
    case $1 in
    *.sh)
        # shellcheck disable=SC1090
        if [ -x "$1" ]; then "$1"; else . "$1"; fi
        ;;
    *.sql) "${psql[@]}" --file "$1" ;;
    *.sql.gz) gunzip -c "$1" | "${psql[@]}" ;;
    *) echo "$0: ignoring $1" ;;
    esac
}

create() {
    local user=${POSTGRES_USER:-postgres} password=$POSTGRES_PASSWORD file
    local database=${POSTGRES_DB:-$user} method=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}
    if [ -n "$password" ] && [ -n "$POSTGRES_PASSWORD_FILE" ]; then fail "POSTGRES_PASSWORD and POSTGRES_PASSWORD_FILE exclude each other"; fi
    if [ -n "$POSTGRES_PASSWORD_FILE" ]; then password=$(<"$POSTGRES_PASSWORD_FILE"); fi
    if [ -z "$password" ] && [ "$method" != trust ]; then fail "the superuser's password is missing: set POSTGRES_PASSWORD"; fi
    # shellcheck disable=SC2086 # several options
    initdb --username="$user" --pwfile=<(echo "$password") $POSTGRES_INITDB_ARGS
    printf '\nhost all all all %s\n' "$method" >>"$PGDATA/pg_hba.conf"
    # For the rest, a server that only this container reaches.
    PGUSER=$user PGPASSWORD=$password pg_ctl -D "$PGDATA" -o "-c listen_addresses= -p ${PGPORT:-5432}" -w start
    psql=(psql -X -v ON_ERROR_STOP=1 --username "$user" --no-password)
    if [ "$database" != postgres ]; then "${psql[@]}" --dbname postgres --set db="$database" <<<'CREATE DATABASE :"db";'; fi
    psql+=(--dbname "$database")
    export POSTGRES_USER=$user POSTGRES_DB=$database
    for file in /docker-entrypoint-initdb.d/*; do run_file "$file"; done
    PGUSER=$user pg_ctl -D "$PGDATA" -m fast -w stop
    echo "PostgreSQL init process complete; ready for start up."
}

if [ "${1:0:1}" = - ]; then set -- postgres "$@"; fi
if [ "$1" = postgres ]; then
    mkdir -p "$PGDATA"
    chmod 700 "$PGDATA" 2>/dev/null || true
    if [ ! -s "$PGDATA/PG_VERSION" ]; then create; fi
fi
exec "$@"
