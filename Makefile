# The entry points of this project; `make help` prints them from these comments. CI runs the same verbs.
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
.DEFAULT_GOAL := help
FUZZ_SECONDS ?= 10
export FUZZ_SECONDS FUZZ_TARGET FUZZ_SEED
.PHONY: help prerequisites build run test unit conformance fuzz sim sim-mutants oracles bench bench-stub lint clean

RID ?= linux-x64
DOTNET ?= dotnet
# Where the real etcd binaries are (folders 3.4, 3.5-old, 3.5). ORACLE=none leaves the tests that need them out on purpose.
ORACLE_DIR ?= $(CURDIR)/.cache/oracles
export ORACLE_DIR
export DOTNET_CLI_TELEMETRY_OPTOUT=1
export DOTNET_NOLOGO=1

help: ## print this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-15s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

prerequisites: ## look for what a build needs, and install it or say how
	@packaging/prerequisites

build: prerequisites ## bin/etcd, bin/etcdctl (Native AOT) and bin/etcdutl
	@echo "building bin/etcd and bin/etcdctl (Native AOT, a minute or two)"
	@$(DOTNET) publish cmd/etcd -c Release -r $(RID) -o bin -v q --nologo
	@$(DOTNET) publish cmd/etcdctl -c Release -r $(RID) -o bin -v q --nologo
	@ln -sf etcdctl bin/etcdutl
	@ls -l bin/etcd bin/etcdctl bin/etcdutl | awk '{print $$5, $$9, $$10, $$11}'

run: build ## start a member on 127.0.0.1:2379 with its data in ./default.etcd
	@exec bin/etcd

test: ## everything that decides a build: unit, model, fuzz, sim, conformance with the real etcd
	@tests/run

unit: prerequisites ## the fast tests alone
	@tests/run unit

conformance: ## the tests beside the real etcd alone
	@tests/run conformance

fuzz: prerequisites ## hostile bytes into every decoder, FUZZ_SECONDS=10 each; FUZZ_TARGET=name FUZZ_SEED=n repeat
	@tests/Fuzz/run

sim: prerequisites ## whole members from fixed seeds on one thread; SEED=n repeats one (VERBOSE=1 prints everything)
	@tests/Simulation/run seeds

sim-mutants: prerequisites ## faults put in on purpose, each of which the simulator must find
	@tests/Simulation/run mutants

oracles: ## bring the real etcd binaries into .cache/oracles
	@tests/Oracles/fetch "$(ORACLE_DIR)"

bench: build oracles ## ours beside a real etcd 3.5 in the same run; BENCH_PAIRS=1 and others: tests/Bench/run --help
	@tests/Bench/run

bench-stub: prerequisites oracles ## the network stack alone beside a real etcd 3.5
	@tests/Bench/run stub

lint: prerequisites ## formatting and analyzers
	@$(DOTNET) format EtcdAot.sln --verify-no-changes --exclude-diagnostics IDE0130 -v q
	@$(DOTNET) build EtcdAot.sln --nologo -v q

clean: ## remove what was built
	@rm -rf bin out; find . -type d \( -name obj -o -name bin \) -not -path './.cache/*' -prune -exec rm -rf {} +
