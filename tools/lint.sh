#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Checks everything that a machine can judge without running the program. Goes through all checks, then fails if one of them did.
# lint.sh --format rewrites the C files as clang-format wants them.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

c_files() { find src tests tools -name '*.[ch]' | sort; }

if [ "${1:-}" = --format ]; then
    c_files | xargs clang-format-14 -i
    exit
fi

failed=()
# check NAME COMMAND...: shows what the command says only when it fails.
check() {
    local name=$1 out began=$SECONDS
    shift
    if out=$("$@" 2>&1); then
        printf '%-12s ok%s\n' "$name" "$([ $((SECONDS - began)) -lt 2 ] || echo " ($((SECONDS - began)) s)")"
    else
        printf '%-12s FAILED\n%s\n' "$name" "$out"
        failed+=("$name")
    fi
}

layout() { c_files | xargs clang-format-14 --dry-run --Werror --ferror-limit=1; }
scripts() { find . -path './build*' -prune -o -name '*.sh' -print0 | xargs -0 shellcheck --external-sources .ci/run; }
spelling() {
    codespell --ignore-words tools/codespell.txt --skip './build*,./.git,./tests/fuzz/corpus,./tests/case,*.tsv,*.pyc,*/go.mod,*/go.sum,LICENSE,./fdp-data'
}
yaml() { yamllint --strict -c tools/yamllint.yaml config deploy schemas tests/cluster tests/deploy tools/yamllint.yaml .clang-format; }
python() { find . -path './build*' -prune -o -name '*.py' -print0 | xargs -0 pyflakes3; }
manuals() {
    # Pages that are not installed here cannot be found: no fault of the page.
    local found
    found=$(mandoc -T lint docs/man/*.[0-9] | grep -v 'referenced manual not found')
    [ -z "$found" ] || { echo "$found"; return 1; }
}
# Builds everything with warnings as errors, into a folder of its own: build-lint-CC.
build_with() {
    local folder=build-lint-$1
    [ -f "$folder/build.ninja" ] || CC=$1 meson setup "$folder" --werror >/dev/null || return 1
    # Only what the compiler says, not the progress.
    ninja -C "$folder" | grep -Ev '^(\[[0-9]+/[0-9]+\]|ninja: )' >"$folder/said"
    local status=${PIPESTATUS[0]}
    if [ "$status" != 0 ]; then cat "$folder/said"; fi
    return "$status"
}

check layout layout
check includes tools/check_includes.py
check rules tools/check_source.py
check shell scripts
check python python
check spelling spelling
check yaml yaml
check manuals manuals
check gcc build_with gcc
check clang build_with clang-14
check generated tools/generate.sh --check build-lint-gcc

if [ ${#failed[@]} != 0 ]; then
    echo "lint: ${failed[*]} failed"
    exit 1
fi
echo "lint: clean"
