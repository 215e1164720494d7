#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A real Kafka, for tests and for people: one broker on loopback.
# shellcheck source-path=SCRIPTDIR
here=$(cd "$(dirname "$0")" && pwd)
. "$here/server.sh"

usage() {
    cat <<'HELP'
Runs Apache Kafka: one broker in KRaft mode on loopback.

  kafka.sh install                fetches it (jars from Maven Central, 41 MB) into ${FDP_CACHE:-~/.cache/fdp}/kafka
  kafka.sh start --data DIR       starts a broker, waits until it answers, prints its address (HOST:PORT)
      --port N                    where it listens; default: as the last time in DIR, else a free port; 0: a free port
      --set NAME=VALUE            a property of the broker, beyond tools/kafka/server.properties; repeatable
      --owner PID                 end it when this process ends
  kafka.sh stop --data DIR        stops it in order
  kafka.sh kill --data DIR        kills it (SIGKILL)
  kafka.sh wipe --data DIR        kills it and removes DIR
  kafka.sh tool NAME ARGS...      runs one of Kafka's own tools: topics, groups, configs, offsets, consume, produce, dump, perf

All can be called twice. DIR holds broker.log and the records. Example:

  address=$(tools/kafka.sh start --data /tmp/kafka)
  tools/kafka.sh tool topics --bootstrap-server "$address" --create --topic t --partitions 3
  tools/kafka.sh wipe --data /tmp/kafka

KAFKA_HEAP sets the broker's heap (256m).
HELP
}

# Sets jars, the folder with Kafka in it, which is fetched now if it was not before; and java, the words that run one of its classes. The
# archive of prepared classes only saves time: without it, or with one of another Java, all works too.
find_kafka() {
    command -v java >/dev/null || fail "java is missing; tools/install.sh kafka installs it"
    jars=$("$here/jars.sh" kafka "$here/kafka/pom.xml")
    java=(java -XX:+UseSerialGC -Xss512k -cp "$(printf '%s:' "$jars"/*.jar)" -Dlog4j2.disable.jmx=true
        -Dorg.slf4j.simpleLogger.showDateTime=true -Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS
        -Dorg.slf4j.simpleLogger.defaultLogLevel=warn
        -Dorg.slf4j.simpleLogger.log.org.apache.kafka.common.utils.LoggingSignalHandler=info)
    if [ -f "$jars/classes.jsa" ]; then java+=("-XX:SharedArchiveFile=$jars/classes.jsa" -Xlog:cds=off -Xlog:cds+dynamic=off); fi
}

broker() { process_of "$data/broker.pid" "$data"; }

write_properties() {
    cat "$here/kafka/server.properties" - >"$data/server.properties" <<PROPERTIES

listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$1
advertised.listeners=PLAINTEXT://127.0.0.1:$port
controller.quorum.voters=1@127.0.0.1:$1
log.dirs=$data/log
$(printf '%s\n' "${settings[@]}")
PROPERTIES
}

# A new data folder gets an identity: 16 random bytes in base64 for URLs.
format() {
    [ -f log/meta.properties ] && return
    local identity
    identity=$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | tr -d =)
    "${java[@]}" -XX:TieredStopAtLevel=1 kafka.tools.StorageTool format --cluster-id="$identity" --config "$data/server.properties" \
        >format.log 2>&1 || fail "the data folder could not be prepared" "$data/format.log"
}

# Whether the broker answers a Metadata request (version 1, about no topics) and names one broker, itself: then it can be worked with.
answers() {
    local reply
    reply=$(
        exec 2>/dev/null 3<>"/dev/tcp/127.0.0.1/$port" || exit
        printf '\0\0\0\16\0\3\0\1\0\0\0\0\377\377\0\0\0\0' >&3
        timeout 2 head -c 12 <&3 | od -An -tx1
    )
    # Length and number of the answer, then how many brokers there are.
    [[ $reply == *" 00 00 00 00 00 00 00 01" ]]
}

start() { # [JVM-OPTION...]
    local pid log=$data/broker.log
    pid=$(broker)
    if [ -z "$pid" ]; then
        find_kafka
        make_data
        cd "$data"
        choose_port
        write_properties "$(free_port)"
        format
        setsid "${java[@]}" "-Xms${KAFKA_HEAP:-256m}" "-Xmx${KAFKA_HEAP:-256m}" "$@" kafka.Kafka "$data/server.properties" \
            </dev/null >>"$log" 2>&1 &
        pid=$!
        echo "$pid" >"$data/broker.pid"
    fi
    port=$(<"$data/port")
    await_ready "$pid" "$log" answers
    follow_owner "$pid" "$data" kill -KILL "$pid"
    echo "127.0.0.1:$port"
}

stop() {
    local pid
    pid=$(broker)
    [ -n "$pid" ] || return 0
    kill -TERM "$pid"
    await_end "$pid" "$data" && return
    kill -KILL "$pid"
    fail "the broker did not stop within $STOP_SECONDS s and was killed" "$data/broker.log"
}

kill_broker() {
    local pid
    pid=$(broker)
    [ -n "$pid" ] || return 0
    kill -KILL "$pid"
    await_end "$pid" "$data" || fail "the broker (process $pid) cannot be killed"
}

# An archive of prepared classes, made by a broker as it ends: with it the next ones start with half the work.
install_kafka() {
    find_kafka
    [ ! -f "$jars/classes.jsa" ] || return 0
    data=$(mktemp -d) port="" owner="" settings=()
    if (start "-XX:ArchiveClassesAtExit=$data/classes.jsa") >/dev/null 2>&1 && (stop) 2>/dev/null && [ -s "$data/classes.jsa" ]; then
        mv "$data/classes.jsa" "$jars/classes.jsa"
    fi
    rm -rf "$data"
}

tool() {
    local class
    case ${1:-} in
    topics) class=TopicCommand ;;
    groups) class=consumer.group.ConsumerGroupCommand ;;
    configs) class=kafka.admin.ConfigCommand ;;
    offsets) class=GetOffsetShell ;;
    consume) class=consumer.ConsoleConsumer ;;
    produce) class=ConsoleProducer ;;
    dump) class=DumpLogSegments ;;
    perf) class=ProducerPerformance ;;
    *) misused "'${1:-}' is not one of the tools" ;;
    esac
    [[ $class == kafka.* ]] || class=org.apache.kafka.tools.$class
    find_kafka
    exec "${java[@]}" -XX:TieredStopAtLevel=1 "$class" "${@:2}"
}

command=${1:-}
[ $# = 0 ] || shift
case $command in
start | stop | kill | wipe) parse "$@" ;;
esac
case $command in
install) install_kafka ;;
start) start ;;
stop) stop ;;
kill) kill_broker ;;
wipe)
    kill_broker
    remove_data
    ;;
tool) tool "$@" ;;
--help | -h | help) usage ;;
*) misused "'$command' is not a command" ;;
esac
