#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what a task needs and is missing, on Debian 12, as root or through sudo: install.sh SET... (build, image, test, charts,
# cluster, kafka, lint, fuzz).
# Says what it installs and why; when everything is there it says nothing and takes a few milliseconds.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cache=${FDP_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/fdp}

# One package a line, with what it is for.
packages() {
    case $1 in
    build) cat <<'LIST' ;;
gcc                     compiles
libc6-dev               headers of the C library
make                    the front door: make run, make test
meson                   describes the build
ninja-build             builds
pkg-config              finds libraries
python3                 small scripts of the build
protobuf-c-compiler     makes C from the description of Yahoo's messages
libprotobuf-c-dev       Yahoo's messages
libwebsockets-dev       WebSocket, both ends
libmicrohttpd-dev       HTTP server
libcurl4-openssl-dev    HTTP client
libsqlite3-dev          the embedded log and store, SQL of the transforms
libyaml-dev             configuration
libjansson-dev          JSON
libssl-dev              TLS, SHA-256
zlib1g-dev              CRC-32
librdkafka-dev          Kafka's protocol
libpq-dev               PostgreSQL's protocol
libcmocka-dev           unit tests
LIST
    image) cat <<'LIST' ;;
binutils                strips the program
ca-certificates         certificate authorities, for the image
tzdata                  time zones, for the image
LIST
    charts) cat <<'LIST' ;;
python3-venv            a place of their own for Python packages
LIST
    cluster) cat <<'LIST' ;;
binutils                strips what goes into images
curl                    for the image of small tools
iproute2                the network of the cluster
iptables                its services
conntrack               their connections
libseccomp2             runc's filters of system calls
openssl                 certificates of the cluster
python3-venv            a place of their own for Python packages
openjdk-17-jdk-headless runs Kafka, and makes the small Java of its image
maven                   fetches Kafka
postgresql-15           for the image of PostgreSQL
tzdata                  time zones, for that image
LIST
    test) cat <<'LIST' ;;
curl                    asks the HTTP interfaces as people do
python3-venv            a place of their own for the Python packages of the tests
openjdk-17-jdk-headless Avro Java, which the Avro code is compared with, and a real Kafka
maven                   fetches Avro Java and Kafka
postgresql-15           a real PostgreSQL
LIST
    kafka) cat <<'LIST' ;;
openjdk-17-jre-headless runs Kafka
maven                   fetches Kafka
postgresql-15           PostgreSQL
LIST
    lint) cat <<'LIST' ;;
clang-14                the second compiler
clang-format-14         layout of the code
pmccabe                 length of functions
shellcheck              checks shell scripts
codespell               finds spelling mistakes
pyflakes3               checks Python
yamllint                checks YAML
mandoc                  checks manual pages
python3-yaml            makes the documents of the charts
LIST
    fuzz) cat <<'LIST' ;;
clang-14                compiler with libFuzzer
libclang-rt-14-dev      libFuzzer and the sanitizers
llvm-14                 names in sanitizer reports
LIST
    *)
        echo "install.sh: unknown set '$1'; there are build, image, test, charts, cluster, kafka, lint, fuzz" >&2
        exit 2
        ;;
    esac
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "install.sh: this needs root; run as root, or install sudo: $*" >&2
        exit 1
    fi
}

# Networks fail now and then; whoever else is installing just now is waited for. Silent unless it fails for good.
apt() {
    local try said
    for try in 1 2 3; do
        if said=$(as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3 \
            -o Dpkg::Use-Pty=0 "$@" 2>&1); then
            return
        fi
        echo "install.sh: apt-get $1 failed (try $try of 3)" >&2
        sleep $((try * 3))
    done
    echo "$said" >&2
    return 1
}

missing() { # the given packages that are not installed
    local installed
    installed=" $(dpkg-query -W -f='${db:Status-Abbrev} ${Package}\n' "$@" 2>/dev/null | sed -n 's/^.i *//p' | tr '\n' ' ') "
    for package; do
        [[ $installed == *" $package "* ]] || echo "$package"
    done
}

# Debian starts a server of its own as it installs the first PostgreSQL. Ours are started by tools/postgres.sh when they are needed; so
# while we install, and only then, Debian is told not to.
without_cluster() { # begin or end
    local folder=/etc/postgresql-common/createcluster.d
    case $1 in
    begin)
        as_root mkdir -p $folder
        as_root tee $folder/fdp.conf >/dev/null <<<"create_main_cluster = false"
        trap 'without_cluster end' EXIT
        ;;
    end) if [ -f $folder/fdp.conf ]; then as_root rm $folder/fdp.conf; fi ;;
    esac
}

install_packages() {
    local list names lacking
    list=$(for set; do packages "$set"; done)
    names=$(awk '{print $1}' <<<"$list" | sort -u)
    if ! command -v dpkg-query >/dev/null; then
        echo "install.sh: this is not Debian; these packages, or what they are called here, are needed:" "$names" >&2
        return
    fi
    # shellcheck disable=SC2086 # names of packages have no spaces
    lacking=$(missing $names)
    if [ -z "$lacking" ]; then return; fi
    echo "Installing:"
    for package in $lacking; do
        awk -v p="$package" '$1 == p { name = $1; $1 = ""; printf "  %-24s%s\n", name, $0; exit }' <<<"$list"
    done
    # Without lists of packages, or with old ones, the first try fails: then they are fetched.
    # shellcheck disable=SC2086
    if ! apt-cache show $lacking >/dev/null 2>&1; then apt update; fi
    case $lacking in
    *postgresql-15*) without_cluster begin ;;
    esac
    # shellcheck disable=SC2086
    apt install --no-install-recommends $lacking || { apt update && apt install --no-install-recommends $lacking; }
    without_cluster end
    echo "Installed."
}

# The Python packages of the tests, exactly as pinned, in a folder of their own.
install_venv() {
    local wanted venv=$cache/venv
    wanted=$(sha256sum <"$root/tests/requirements.txt")
    if [ "$(cat "$venv/.installed" 2>/dev/null)" = "$wanted" ]; then return; fi
    echo "Installing the Python packages of tests/requirements.txt into $venv"
    rm -rf "$venv"
    mkdir -p "$cache"
    /usr/bin/python3 -m venv "$venv"
    local try
    for try in 1 2 3; do
        if "$venv/bin/pip" install --quiet --disable-pip-version-check --retries 3 --timeout 60 --requirement "$root/tests/requirements.txt"; then
            echo "$wanted" >"$venv/.installed"
            return
        fi
        echo "install.sh: pip failed (try $try of 3)" >&2
    done
    return 1
}

if [ $# = 0 ]; then
    echo "usage: tools/install.sh SET... (build, image, test, charts, cluster, kafka, lint, fuzz)" >&2
    exit 2
fi
install_packages "$@"
for set; do
    case $set in
    test)
        install_venv
        "$root/tools/kafka.sh" install
        ;;
    charts)
        install_venv
        "$root/tools/prometheus.sh" >/dev/null
        "$root/tests/cluster/install.sh" tools
        ;;
    cluster)
        install_venv
        "$root/tools/kafka.sh" install
        "$root/tests/cluster/install.sh" cluster
        ;;
    kafka) "$root/tools/kafka.sh" install ;;
    esac
done
