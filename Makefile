# SPDX-License-Identifier: Apache-2.0
# The front door: each target first installs what it needs and misses (tools/install.sh), then lets Meson, Ninja and scripts do the work.

BUILD ?= build
SOURCE ?= simulator:
# More arguments for the program: make run ARGS='--data /tmp/d --set simulator.rate=1000'
ARGS ?=

# Quiet when it works.
configure = [ -f $(BUILD)/build.ninja ] || { out=$$(meson setup $(BUILD) 2>&1) || { echo "$$out"; exit 1; }; }

.DEFAULT_GOAL := build
.PHONY: all build run run-kafka test check lint fuzz bench soak asan ubsan tsan image cluster-test install generate clean help

build: | build-tools ## Builds build/fdp (the default)
	@$(configure)
	@ninja -C $(BUILD) fdp

all: | build-tools ## Builds everything, tests too
	@$(configure)
	@ninja -C $(BUILD)

run: build ## Runs the whole pipeline with the built-in market; SOURCE=yahoo: for the real one; Ctrl-C stops it
	@exec $(BUILD)/fdp up --set ingestion.source=$(SOURCE) $(ARGS)

run-kafka: build | kafka-tools ## The same on a real Kafka and PostgreSQL, which it installs and starts; Ctrl-C stops them all
	@exec tools/run-kafka.sh $(BUILD)/fdp --set ingestion.source=$(SOURCE) $(ARGS)

test: | build-tools test-tools ## Runs all tests; the last line is "N passed, N failed"
	@tests/run.py

check: | build-tools $(if $(FDP_CHECK_ALL),server-tools) ## Runs the fast tests, in seconds: unit tests and the fuzz corpora; FDP_CHECK_ALL=1: on real servers too
	@tests/run.py --fast $(if $(FDP_CHECK_ALL),--servers)

lint: | build-tools lint-tools ## Checks layout, rules, documents, and that two compilers have nothing to say
	@tools/lint.sh

fuzz: | build-tools fuzz-tools ## Fuzzes every target for TIME=60; TARGETS='config ...' picks some
	@tools/fuzz.sh $(or $(TIME),60) $(TARGETS)

bench: build | server-tools ## Measures throughput and latency, embedded and on a real Kafka and PostgreSQL
	@$(BUILD)/fdp bench $(ARGS)
	@ninja -C $(BUILD) --quiet tests/bench/bench_copy tests/bench/bench_produce
	@tests/bench/scaled.py $(BUILD)

soak: build | server-tools ## Kills the pipeline 200 times under load (KILLS=200) and counts that nothing is lost or doubled
	@FDP_KILLS=$(or $(KILLS),200) tests/run.py --pytest tests/fault

asan: | build-tools ## Builds with the address and undefined behaviour sanitizers into build-asan and runs the unit tests there
	@tests/run.py --variant asan

ubsan: | build-tools ## The same with the undefined behaviour sanitizer alone, into build-ubsan
	@tests/run.py --variant ubsan

tsan: | build-tools ## The same with the thread sanitizer, into build-tsan
	@tests/run.py --variant tsan

image: build | image-tools ## Makes fdp's image without a daemon, as an archive: build/image/fdp-VERSION.tar
	@deploy/image/build.py --binary $(BUILD)/fdp --output $(BUILD)/image

cluster-test: build | cluster-tools ## Runs the charts on a real Kubernetes, which it builds the first time (15 minutes) and starts on this machine
	@tests/run.py --pytest tests/cluster

install: build ## Installs the program and its manual pages (DESTDIR and meson's prefix are honoured)
	@meson install -C $(BUILD) --no-rebuild

generate: all | lint-tools ## Writes the files that are made from others: options, values of the charts, the dashboard
	@tools/generate.sh $(BUILD)
	@tools/chart_documents.py
	@tools/dashboard.py

clean: ## Removes all build folders
	rm -rf build build-*

help: ## Shows this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build-tools server-tools test-tools kafka-tools lint-tools fuzz-tools image-tools cluster-tools
build-tools:
	@tools/install.sh build
server-tools: | build-tools
	@tools/install.sh test
test-tools: | build-tools
	@tools/install.sh test charts
kafka-tools: | build-tools
	@tools/install.sh kafka
lint-tools: | build-tools
	@tools/install.sh lint
fuzz-tools: | build-tools
	@tools/install.sh fuzz
image-tools: | build-tools
	@tools/install.sh image
cluster-tools: | build-tools
	@tools/install.sh image cluster
