#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A real Kubernetes of one node on this machine, for tests and for people who want to try the charts.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
program=${0##*/}
cache=${FDP_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/fdp}/kubernetes
bin=$cache/bin

usage() {
    cat <<'HELP'
Runs Kubernetes: one node, in a network namespace of its own; needs root. tools/install.sh cluster brings what it consists of.

  cluster.sh up                   starts it and waits until it can be worked with, about 10 s
      --owner PID                 take it down when this process ends
      --replace                   take down one that runs, rather than refuse
  cluster.sh down                 ends it and removes all that it kept and changed; does nothing when nothing is there
  cluster.sh load ARCHIVE...      gives it images: it has no registry to pull from
  cluster.sh run COMMAND...       runs a command with kubectl, helm, helm4 and helmfile on the PATH and pointed at it
  cluster.sh env                  prints what `run` sets: export $(tests/cluster/cluster.sh env)
  cluster.sh kubelet ACTION       stop, start or restart, of the node's agent alone; pods go on

There is one at a time. Its files are in /var/lib/fdp-k8s, its processes' numbers and logs in /run/fdp-k8s. This machine reaches pods and
services by their addresses; pods reach each other, and nothing outside. Images have tags and are never pulled (IfNotPresent). NetworkPolicies
are accepted, but nothing enforces them. Example:

  tests/cluster/cluster.sh up
  tests/cluster/cluster.sh run kubectl get pods --all-namespaces
  tests/cluster/cluster.sh down
HELP
}

var=/var/lib/fdp-k8s run=/run/fdp-k8s
namespace=fdpk8s link=fdpk8s0 node=fdp-node # of the network, its end on the host, and the node
host_ip=10.95.0.1 node_ip=10.95.0.2
pods=10.244.0.0/24 services=10.96.0.0/16 api_ip=10.96.0.1 dns_ip=10.96.0.10
pki=$var/pki socket=$run/containerd.sock
# Where kubelet, containerd and the network plugins keep something whatever they are told: the cluster has its own there.
private="/var/lib/kubelet /var/lib/cni /run/containerd /var/log/containers"
tunables="vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops kernel/keys/root_maxkeys kernel/keys/root_maxbytes"
# From the outermost to the innermost: they are stopped in the other direction.
daemons="containerd etcd apiserver controller-manager scheduler kubelet kube-proxy local-path"

environment() {
    cat <<ENVIRONMENT
PATH=$bin:$cache/debian/usr/bin:$cache/debian/usr/sbin:$PATH
KUBECONFIG=$var/admin.kubeconfig
HELM_PLUGINS=$cache/helm-plugins
HELM_CACHE_HOME=$cache/helm/cache
HELM_CONFIG_HOME=$cache/helm/config
HELM_DATA_HOME=$cache/helm/data
HELMFILE_UPGRADE_NOTICE_DISABLED=1
FDP_CLUSTER_PARTS=$cache
ENVIRONMENT
}

fail() {
    echo "$program: $1" >&2
    exit 1
}

misused() {
    echo "$program: $1; $program --help explains" >&2
    exit 2
}

say() { # TEXT, after the seconds since `up` began
    local tenths=$(((${EPOCHREALTIME/./} - began) / 100000))
    printf '[%3d.%d s] %s\n' $((tenths / 10)) $((tenths % 10)) "$1"
}

# --- Processes. Numbers are given out again: a process is ours only while it began when ours did.

# Prints when a process began, in ticks since the machine did; nothing for one that ended.
birth() {
    local state
    state=$(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null) || return 0
    if [[ $state != Z* ]]; then cut -d' ' -f20 <<<"$state"; fi
}

# The number of one of our daemons, if it runs.
process_of() { # NAME
    local pid born
    if [ -f "$run/pid/$1" ]; then
        read -r pid born <"$run/pid/$1"
        if [ "$(birth "$pid")" = "$born" ]; then echo "$pid"; fi
    fi
}

start() { # NAME COMMAND...: in the namespaces of the cluster
    local name=$1
    shift
    setsid nsenter --net="/run/netns/$namespace" --mount="$run/namespace/mounts" -- "$@" </dev/null >>"$run/log/$name.log" 2>&1 &
    echo "$! $(birth $!)" >"$run/pid/$name"
}

stop() { # NAME SIGNAL
    local pid
    pid=$(process_of "$1")
    if [ -n "$pid" ]; then
        kill "-$2" "$pid" 2>/dev/null || true
        for _ in {1..100}; do
            [ -n "$(process_of "$1")" ] || break
            sleep 0.05
        done
        if [ -n "$(process_of "$1")" ]; then kill -KILL "$pid" || true; fi
    fi
    rm -f "$run/pid/$1"
}

await() { # SECONDS WHAT COMMAND...
    local end=$((SECONDS + $1)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || fail "not in time: $what"
        sleep 0.1
    done
    say "$what"
}

runs() { for daemon in $daemons; do if [ -n "$(process_of "$daemon")" ]; then return 0; fi; done; return 1; }

ctr() { "$cache/debian/usr/bin/ctr" --address "$socket" --namespace k8s.io "$@"; }
kubectl() { "$bin/kubectl" --kubeconfig "$var/admin.kubeconfig" "$@"; }

# --- Parts of `up`.

# All daemons are in one network namespace, joined to the host by a pair of interfaces: the host's own tables and routes are not touched,
# and nothing of the cluster gets out.
make_network() {
    local inside="ip -n $namespace"
    ip netns add $namespace
    ip link add $link type veth peer name eth0 netns $namespace
    ip addr add $host_ip/30 dev $link
    ip link set $link up
    $inside link set lo up
    $inside addr add $node_ip/30 dev eth0
    $inside link set eth0 up
    # Calls of services that nobody answers end at an interface that leads nowhere; what is meant for elsewhere is refused at once.
    $inside link add svc0 type veth peer name svc1
    $inside link set svc0 up
    $inside link set svc1 up
    $inside route add $services dev svc0 src $node_ip
    $inside route add unreachable default
    ip route add $pods via $node_ip dev $link
    ip route add $services via $node_ip dev $link
    modprobe --all --quiet overlay br_netfilter 2>/dev/null || true
    nsenter --net=/run/netns/$namespace -- sh -c \
        'echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables' 2>/dev/null || true
}

# All mounts of pods are in one mount namespace, which ends with the last process in it: nothing of them is seen or left on the host.
make_mounts() {
    local folder
    mkdir "$run/namespace"
    mount --bind "$run/namespace" "$run/namespace"
    mount --make-private "$run/namespace"
    touch "$run/namespace/mounts"
    for folder in $private; do
        if [ ! -d "$folder" ]; then
            mkdir "$folder"
            echo "$folder" >>"$run/folders"
        fi
        mkdir -p "$run/private$folder"
    done
    # shellcheck disable=SC2016,SC2086 # the inner shell's words
    unshare --mount="$run/namespace/mounts" --propagation slave -- \
        sh -ec 'run=$1; shift; for folder; do mount --bind "$run/private$folder" "$folder"; done' sh "$run" $private
}

new_key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"; }

new_authority() { # NAME
    new_key "$1"
    openssl req -x509 -new -key "$1.key" -subj "/CN=$1" -days 3650 -out "$1.crt" -addext basicConstraints=critical,CA:TRUE \
        -addext keyUsage=critical,keyCertSign,cRLSign,digitalSignature
}

new_certificate() { # NAME SUBJECT AUTHORITY clientAuth|serverAuth [ALTERNATIVE-NAMES]
    new_key "$1"
    openssl req -new -key "$1.key" -subj "$2" |
        openssl x509 -req -CA "$3.crt" -CAkey "$3.key" -CAcreateserial -days 3650 -out "$1.crt" -extfile <(
            printf 'keyUsage=critical,digitalSignature\nextendedKeyUsage=%s\n' "$4"
            if [ -n "${5:-}" ]; then echo "subjectAltName=$5"; fi
        )
}

kubeconfig() { # NAME: of that certificate, on stdout
    cat <<YAML
apiVersion: v1
kind: Config
clusters: [{name: fdp, cluster: {server: "https://$node_ip:6443", certificate-authority-data: $(base64 -w0 ca.crt)}}]
users: [{name: $1, user: {client-certificate-data: $(base64 -w0 "$1.crt"), client-key-data: $(base64 -w0 "$1.key")}}]
contexts: [{name: fdp, context: {cluster: fdp, user: $1}}]
current-context: fdp
YAML
}

make_certificates() {
    local name
    mkdir -p "$pki"
    cd "$pki"
    umask 077
    new_authority ca
    new_authority front-proxy-ca
    new_certificate apiserver /CN=kube-apiserver ca serverAuth "DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,\
DNS:kubernetes.default.svc.cluster.local,DNS:localhost,IP:$api_ip,IP:$node_ip,IP:127.0.0.1"
    new_certificate kubelet-server "/CN=$node" ca serverAuth "DNS:$node,IP:$node_ip"
    new_certificate apiserver-kubelet-client /O=system:masters/CN=apiserver-kubelet-client ca clientAuth
    new_certificate front-proxy-client /CN=front-proxy-client front-proxy-ca clientAuth
    new_certificate admin /O=system:masters/CN=kubernetes-admin ca clientAuth
    new_certificate controller-manager /CN=system:kube-controller-manager ca clientAuth
    new_certificate scheduler /CN=system:kube-scheduler ca clientAuth
    new_certificate kube-proxy /CN=system:kube-proxy ca clientAuth
    new_certificate kubelet "/O=system:nodes/CN=system:node:$node" ca clientAuth
    openssl genrsa -out sa.key 2048
    openssl rsa -in sa.key -pubout -out sa.pub
    for name in controller-manager scheduler kube-proxy kubelet; do kubeconfig $name >$name.kubeconfig; done
    kubeconfig admin >"$var/admin.kubeconfig"
}

start_containerd() {
    cat >"$run/containerd.toml" <<TOML
version = 2
root = "$var/containerd"
state = "$run/containerd"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs",
    "io.containerd.snapshotter.v1.devmapper"]
[grpc]
  address = "$socket"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "docker.io/library/fdp-pause:1"
  disable_tcp_service = true
  restrict_oom_score_adj = true # where this machine is a container itself, scores cannot be lowered
  netns_mounts_under_state_dir = true
  enable_unprivileged_ports = true
  enable_unprivileged_icmp = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "$cache/debian/usr/lib/cni"
    conf_dir = "$run/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
TOML
    cat >"$run/cni/10-fdp.conflist" <<JSON
{"cniVersion": "1.0.0", "name": "fdp-pods", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isGateway": true, "isDefaultGateway": true, "hairpinMode": true, "ipMasq": false,
   "ipam": {"type": "host-local", "dataDir": "$run/cni-addresses", "ranges": [[{"subnet": "$pods"}]]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
JSON
    start containerd containerd -c "$run/containerd.toml"
}

start_etcd() {
    start etcd "$bin/etcd" --name fdp --data-dir "$var/etcd" --unsafe-no-fsync --log-level warn \
        --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
        --listen-peer-urls http://127.0.0.1:2380 --initial-advertise-peer-urls http://127.0.0.1:2380 \
        --initial-cluster fdp=http://127.0.0.1:2380
}

start_apiserver() {
    start apiserver "$bin/kube-apiserver" --etcd-servers=http://127.0.0.1:2379 --advertise-address=$node_ip --secure-port=6443 \
        --tls-cert-file=$pki/apiserver.crt --tls-private-key-file=$pki/apiserver.key --client-ca-file=$pki/ca.crt \
        --kubelet-client-certificate=$pki/apiserver-kubelet-client.crt --kubelet-client-key=$pki/apiserver-kubelet-client.key \
        --kubelet-certificate-authority=$pki/ca.crt --kubelet-preferred-address-types=InternalIP \
        --service-account-issuer=https://kubernetes.default.svc.cluster.local --service-account-key-file=$pki/sa.pub \
        --service-account-signing-key-file=$pki/sa.key --service-cluster-ip-range=$services \
        --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction --allow-privileged=true \
        --requestheader-client-ca-file=$pki/front-proxy-ca.crt --requestheader-allowed-names=front-proxy-client \
        --requestheader-extra-headers-prefix=X-Remote-Extra- --requestheader-group-headers=X-Remote-Group \
        --requestheader-username-headers=X-Remote-User --enable-aggregator-routing=true \
        --proxy-client-cert-file=$pki/front-proxy-client.crt --proxy-client-key-file=$pki/front-proxy-client.key
}

start_controllers() {
    start controller-manager "$bin/kube-controller-manager" --kubeconfig=$pki/controller-manager.kubeconfig --leader-elect=false \
        --kube-api-qps=300 --kube-api-burst=500 --allocate-node-cidrs=true --cluster-cidr=$pods --service-cluster-ip-range=$services \
        --use-service-account-credentials=true --service-account-private-key-file=$pki/sa.key --root-ca-file=$pki/ca.crt \
        --cluster-signing-cert-file=$pki/ca.crt --cluster-signing-key-file=$pki/ca.key --bind-address=127.0.0.1
    start scheduler "$bin/kube-scheduler" --kubeconfig=$pki/scheduler.kubeconfig --leader-elect=false --bind-address=127.0.0.1
}

start_kubelet() {
    : >"$run/resolv.conf"
    # Nothing can be pulled again, so no image is ever removed; and pods are evicted only when a disk is really full.
    cat >"$run/kubelet.yaml" <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
failCgroupV1: false
cgroupDriver: cgroupfs
failSwapOn: false
containerRuntimeEndpoint: unix://$socket
address: $node_ip
tlsCertFile: $pki/kubelet-server.crt
tlsPrivateKeyFile: $pki/kubelet-server.key
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $pki/ca.crt}}
authorization: {mode: Webhook}
clusterDomain: cluster.local
clusterDNS: [$dns_ip]
resolvConf: $run/resolv.conf
volumePluginDir: $var/kubelet/volumeplugins
podLogsDir: $var/logs
serializeImagePulls: false
registryPullQPS: 0
eventRecordQPS: 0
syncFrequency: 10s
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
evictionHard: {memory.available: 100Mi, nodefs.available: 200Mi, imagefs.available: 200Mi, nodefs.inodesFree: 1%}
YAML
    start kubelet "$bin/kubelet" --config="$run/kubelet.yaml" --kubeconfig=$pki/kubelet.kubeconfig --hostname-override=$node \
        --node-ip=$node_ip --root-dir="$var/kubelet"
}

start_proxy() {
    start kube-proxy "$bin/kube-proxy" --kubeconfig=$pki/kube-proxy.kubeconfig --hostname-override=$node --cluster-cidr=$pods \
        --bind-address=$node_ip --proxy-mode=iptables --conntrack-max-per-core=0 --conntrack-tcp-timeout-established=0 \
        --conntrack-tcp-timeout-close-wait=0
}

start_volumes() {
    start local-path env POD_NAMESPACE=local-path-storage "$bin/local-path-provisioner" start --kubeconfig "$var/admin.kubeconfig" \
        --namespace local-path-storage --configmap-name local-path-config --helper-image docker.io/library/fdp-tools:1
}

node_ready() { [ "$(kubectl get node $node -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}')" = True ]; }

# What this API server says of its objects, for kubeconform; once for each version.
keep_schemas() {
    local version
    version=$(kubectl get --raw /version | sed -n 's/.*"gitVersion": "\(v[0-9.]*\)".*/\1/p')
    if [ -d "$cache/schemas/$version-standalone-strict" ]; then return; fi
    kubectl get --raw /openapi/v2 | "$here/schemas.py" "$cache/schemas/$version-standalone-strict"
}

# Takes the cluster down when a process ends without having done so: a test run that is killed leaves none behind.
follow() { # PID BIRTH IDENTITY
    local identity=$run/identity
    while [ "$(birth "$1")" = "$2" ] && [ "$(cat "$identity" 2>/dev/null)" = "$3" ]; do sleep 1; done
    if [ "$(cat "$identity" 2>/dev/null)" = "$3" ]; then exec "$here/$program" down; fi
}

up() {
    local replace="" owner="" born="" tunable image
    while [ $# -gt 0 ]; do
        case $1=${2:-} in
        --replace=*) replace=yes ;;
        --owner=*[!0-9]* | --owner=) misused "--owner needs the number of a process" ;;
        --owner=*)
            owner=$2 born=$(birth "$2")
            [ -n "$born" ] || misused "there is no process $owner"
            shift
            ;;
        *) misused "'$1' is not an option of up" ;;
        esac
        shift
    done
    "$here/install.sh" --cached cluster || fail "parts are missing; tools/install.sh cluster builds them"
    if runs && [ -z "$replace" ]; then
        fail "a cluster runs already$([ ! -f "$run/owner" ] || echo ", of process $(<"$run/owner")"); $program down ends it, up --replace replaces it"
    fi
    down
    mkdir -p "$run"/{pid,log,cni} "$var"
    cat /proc/sys/kernel/random/uuid >"$run/identity"
    if [ -n "$owner" ]; then
        echo "$owner" >"$run/owner"
        setsid "$here/$program" follow "$owner" "$born" "$(<"$run/identity")" </dev/null >/dev/null 2>&1 &
    fi
    # What does not start as a whole is taken down as a whole.
    trap 'failed' EXIT
    for tunable in $tunables; do echo "$tunable $(<"/proc/sys/$tunable")"; done >"$run/tunables"
    make_network
    make_mounts
    (make_certificates 2>"$run/log/certificates.log")
    say "network, mounts and certificates"
    start_containerd
    start_etcd
    start_apiserver
    await 30 "containerd answers" ctr version
    for image in pause coredns tools; do ctr images import --snapshotter overlayfs "$cache/images/$image.tar" >>"$run/log/images.log"; done
    await 90 "API server answers" kubectl get --raw /readyz
    start_controllers
    start_kubelet
    start_proxy
    kubectl apply -f "$here/addons.yaml" >"$run/log/addons.log"
    start_volumes
    keep_schemas
    await 120 "node is ready" node_ready
    kubectl -n kube-system rollout status deployment/coredns --timeout=120s >/dev/null
    await 30 "DNS answers, pods can be made" kubectl get serviceaccount default
    trap - EXIT
}

failed() {
    local log
    echo "$program: the cluster did not start" >&2
    for log in "$run"/log/*.log; do
        if [ -s "$log" ]; then tail -n 5 "$log" | sed "s|^|  ${log##*/}: |" >&2; fi
    done
    down
}

# --- Parts of `down`.

# The processes of pods: children of the shims that were started for our containerd.
kill_pods() {
    local shim
    { grep -lsaF -- "$socket" /proc/[0-9]*/cmdline || true; } | while read -r shim; do
        shim=${shim%/cmdline}
        if [[ $(readlink "$shim/exe") == */containerd-shim-runc-v2 ]]; then
            # shellcheck disable=SC2046 # numbers
            kill -KILL $(cat "$shim"/task/*/children) "${shim#/proc/}" || true
        fi
    done 2>/dev/null
}

# The groups of processes that our kubelet made. They are empty once the last of their processes is gone.
remove_cgroups() {
    local group
    for _ in {1..50}; do
        for group in /sys/fs/cgroup/kubepods /sys/fs/cgroup/*/kubepods; do
            if [ -d "$group" ]; then find "$group" -depth -type d -exec rmdir {} \; 2>/dev/null || true; fi
        done
        [ -n "$(find /sys/fs/cgroup -maxdepth 2 -name kubepods)" ] || return 0
        sleep 0.1
    done
}

down() {
    local daemon tunable value
    [ -e "$run" ] || [ -e "$var" ] || return 0
    # Their state is thrown away, so they need not end in order.
    for daemon in $(tr ' ' '\n' <<<"$daemons" | tac); do stop "$daemon" KILL; done
    kill_pods
    if mountpoint --quiet "$run/namespace/mounts"; then umount "$run/namespace/mounts"; fi
    if mountpoint --quiet "$run/namespace"; then umount "$run/namespace"; fi
    if [ -e /run/netns/$namespace ]; then ip netns del $namespace; fi
    if ip link show $link >/dev/null 2>&1; then ip link del $link; fi
    remove_cgroups
    if [ -f "$run/tunables" ]; then
        while read -r tunable value; do echo "$value" >"/proc/sys/$tunable" 2>/dev/null || true; done <"$run/tunables"
    fi
    if [ -f "$run/folders" ]; then xargs rmdir <"$run/folders" || true; fi
    rm -rf "$var" "$run"
}

# --- The commands.

command=${1:-}
[ $# = 0 ] || shift
case $command in
up | down | load | kubelet) [ "$(id -u)" = 0 ] || fail "this needs root" ;;
esac
case $command in
up | down)
    # One at a time; the lock is not for the daemons.
    if [ -z "${FDP_CLUSTER_LOCKED:-}" ]; then FDP_CLUSTER_LOCKED=yes exec flock --close /run/fdp-k8s.lock "$0" "$command" "$@"; fi
    unset FDP_CLUSTER_LOCKED
    ;;
run | load | kubelet) runs || fail "no cluster runs; $program up starts one" ;;
esac
began=${EPOCHREALTIME/./}
while IFS= read -r line; do export "${line?}"; done < <(environment)
case $command in
up) up "$@" ;;
down) down ;;
load)
    [ $# -gt 0 ] || misused "load wants archives of images"
    for archive; do ctr images import --snapshotter overlayfs "$archive"; done
    ;;
run) exec "$@" ;;
env) environment ;;
follow) follow "$@" ;;
kubelet)
    case ${1:-} in
    stop) stop kubelet TERM ;;
    start | restart)
        if [ "$1" = restart ]; then stop kubelet TERM; fi
        if [ -z "$(process_of kubelet)" ]; then start_kubelet; fi
        await 60 "kubelet answers" kubectl get --raw "/api/v1/nodes/$node/proxy/healthz"
        ;;
    *) misused "'${1:-}' is not stop, start or restart" ;;
    esac
    ;;
--help | -h | help) usage ;;
*) misused "'$command' is not a command" ;;
esac
