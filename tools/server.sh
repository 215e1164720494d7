# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What kafka.sh and postgres.sh share: arguments, free ports, and processes that are known by their number and their folder. Sourced by
# them; they may set as_server, the words that come before a command that runs as the user of the server.
set -euo pipefail
READY_SECONDS=60 STOP_SECONDS=30
program=${0##*/}
as_server=()

fail() { # TEXT [LOG]: says what failed, and shows the end of the log that tells why
    echo "$program: $1" >&2
    if [ -s "${2:-}" ]; then
        echo "The end of $2:" >&2
        tail -n 20 "$2" | sed 's/^/  /' >&2
    fi
    exit 1
}

misused() {
    echo "$program: $1; $program --help explains" >&2
    exit 2
}

# Sets data (and given, where DIR itself may be a link to it), port, owner and settings from --data DIR, --port N, --owner PID and
# --set NAME=VALUE.
# shellcheck disable=SC2034 # they are used by the scripts that source this
parse() {
    data="" given="" port="" owner="" settings=()
    while [ $# -gt 0 ]; do
        case $1 in
        --data | --port | --owner | --set) [ $# -ge 2 ] || misused "$1 needs a value" ;;
        *) misused "'$1' is not an option" ;;
        esac
        case $1=$2 in
        --data=?*) data=$(realpath -m -- "$2") given=$(realpath -ms -- "$2") ;;
        --port=*[!0-9]* | --owner=*[!0-9]*) misused "$1 $2: not a number" ;;
        --port=?*) port=$2 ;;
        --owner=?*) owner=$2 ;;
        --set=[a-z]*=*) settings+=("$2") ;;
        *) misused "$1 '$2': not a value for it" ;;
        esac
        shift 2
    done
    [ -n "$data" ] || misused "--data DIR is missing"
}

port_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# A server listens only seconds after its port was chosen, and not while it is stopped: so a file holds the port for its data folder, as long
# as that is there.
ports=${TMPDIR:-/tmp}/fdp-ports.$UID
hold_port() { # PORT
    local holder
    mkdir -p "$ports"
    if (set -C && echo "$data" >"$ports/$1") 2>/dev/null; then return; fi
    holder=$(cat "$ports/$1" 2>/dev/null)
    if [ -z "$holder" ] || [ -d "$holder" ]; then return 1; fi
    echo "$data" >"$ports/$1"
}

release_ports() { (grep -slrxF -- "$data" "$ports" || true) | xargs -r rm -f; }

# A port that nobody listens on, from below the range that outgoing connections take theirs from: it is still free after a restart.
free_port() {
    local candidate
    for _ in {1..1000}; do
        candidate=$((20000 + RANDOM % 12000))
        if ! port_taken "$candidate" && hold_port "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    fail "no free port was found on 127.0.0.1"
}

# The port that was asked for; else the one of the last start in this data folder; else a free one.
choose_port() {
    if [ -z "$port" ] && [ -f "$data/port" ]; then port=$(<"$data/port"); fi
    if [ "${port:-0}" = 0 ]; then port=$(free_port); fi
    if port_taken "$port"; then fail "port $port of 127.0.0.1 is taken; --port 0 takes a free one"; fi
    echo "$port" >"$data/port"
}

# Numbers of processes are given out again: one is the server's only while it works in the server's folder. A dead one that nobody has
# waited for works nowhere; one that is dying does so until its last thread has ended, and holds its ports until then.
works_in() { # PID FOLDER
    # A thread that ends just then makes readlink fail, and says nothing about the others.
    { "${as_server[@]}" readlink "/proc/$1/task/"*/cwd 2>/dev/null || true; } | grep -xF -- "$2" >/dev/null
}

# Prints the number in the first line of FILE if that process works in FOLDER.
process_of() { # FILE FOLDER
    local pid=""
    if [ -r "$1" ]; then read -r pid <"$1" || true; fi
    if [ -n "$pid" ] && works_in "$pid" "$2"; then echo "$pid"; fi
}

# Waits until a server that was just started answers; if it does not, nothing of it stays.
await_ready() { # PID LOG COMMAND...: the command succeeds when the server is ready
    local pid=$1 log=$2 end=$((SECONDS + READY_SECONDS))
    shift 2
    until "$@"; do
        kill -0 "$pid" 2>/dev/null || fail "it ended while it started" "$log"
        if [ $SECONDS -ge $end ]; then
            kill -KILL "$pid" || true
            fail "it did not answer on 127.0.0.1:$port within $READY_SECONDS s" "$log"
        fi
        sleep 0.05
    done
}

# Waits until a process has ended and its port can be taken again: the kernel closes sockets a moment after all else. Fails when it takes
# too long.
await_end() { # PID FOLDER
    local end=$((SECONDS + STOP_SECONDS))
    while works_in "$1" "$2"; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.05
    done
    await_port
}

await_port() {
    local used
    [ -f "$data/port" ] || return 0
    used=$(<"$data/port")
    for _ in {1..100}; do
        port_taken "$used" || return 0
        sleep 0.05
    done
}

# With --owner, ends the server when that process ends without having stopped it: a test run that is killed leaves none behind, not even
# with all of its process group.
follow_owner() { # PID FOLDER COMMAND...: the command ends the server
    [ -n "$owner" ] || return 0
    (
        trap '' HUP INT TERM
        while [ -d "/proc/$owner" ] && works_in "$1" "$2"; do sleep 1; done
        if works_in "$1" "$2"; then "${@:3}"; fi
    ) </dev/null >/dev/null 2>&1 &
}

# Data folders are known by the file `port`. One that holds something else is neither taken nor removed.
make_data() {
    if [ -e "$data/port" ]; then return; fi
    if [ -n "$(ls -A "$data" 2>/dev/null)" ]; then fail "$data holds something else; --data wants a folder of its own"; fi
    mkdir -p "$data"
    chmod 700 "$data"
}

remove_data() {
    if [ -e "$data/port" ]; then
        release_ports
        rm -rf "$data"
    elif [ -e "$data" ]; then
        rmdir "$data" 2>/dev/null || fail "$data is not removed: it is not a data folder of $program"
    fi
    if [ -L "$given" ]; then rm "$given"; fi
}
