# Thin on purpose: the work is in .ci/. Everything that these make lies below this directory, except Debian packages.
.DEFAULT_GOAL := help
.PHONY: help setup install uninstall demo test check conformance bench-receive bench-deliver bench-queue bench-hostile bench-vault bench-idle reload-storm man sensor-lab bench-sensor fuzz crash-states kills power-cut vm-test delivery-faults clean fresh-test

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

setup: ## install what is missing (Debian packages, .venv, npm's age-encryption); the others do it when needed
	@.ci/setup

install: ## as root: the command and the units onto this machine, or a new version of them (systemd/README.md)
	@systemd/install

uninstall: ## as root: take that away again; configuration, keys and what is stored stay
	@systemd/install --remove

demo: ## a study travels from a modality to a PACS, sealed in between; strangers are noticed. ARGS="--help" for more
	@.ci/setup --if-needed
	@.venv/bin/appliance demo $(ARGS)

test: ## check, then the whole test suite
	@.ci/setup --if-needed
	@.ci/test $(ARGS)

check: ## lint, format, types, layering, unit files: before a commit
	@.ci/setup --if-needed
	@.ci/check

conformance: ## write the tables of docs/conformance.md anew from the code
	@PYTHONPATH=. .venv/bin/python docs/conformance.py

bench-receive: ## ours beside storescp, pynetdicom, Orthanc; CPU, memory; targets met or missed. ARGS="--help" for more
	@.ci/setup --if-needed
	@.venv/bin/python -m tests.bench.receive $(ARGS)

bench-deliver: ## from the sealed vault to storescp beside storescu; memory; targets met or missed. ARGS="--help" for more
	@.ci/setup --if-needed
	@.venv/bin/python -m tests.bench.deliver $(ARGS)

bench-queue: ## what a lease costs behind 100,000 deliveries, and what new instances wait there. ARGS="--help" for more
	@.ci/setup --if-needed
	@.venv/bin/python -m tests.bench.queue $(ARGS)

bench-hostile: ## what a modality notices of 1400 stallers, a flood and 64 that never release. ARGS="--help" for more
	@.ci/setup --if-needed
	@.venv/bin/python -m tests.bench.hostile $(ARGS)

bench-vault: ## a ledger of a million objects beside an empty one: insert, lease, start, status, memory; met or missed
	@.ci/setup --if-needed
	@.venv/bin/python -m tests.vault.million $(ARGS)

sensor-lab: ## as root: each rule of the sensor against real tools on a bridge of its own, as a table. ARGS="D05 D38" for some
	@.ci/setup --if-needed
	@.venv/bin/python -m tests.sensor_lab.run $(ARGS)

bench-sensor: ## as root: 1 Gbit/s through a veth, beside tshark and scapy, half-open flows, time to an alert. ARGS="--help"
	@.ci/setup --if-needed
	@.venv/bin/python -m tests.bench.sensor $(ARGS)

bench-idle: ## start-up of each program, memory of all at rest, and a panel that hangs; met or missed. ARGS="--runs 3"
	@.ci/setup --if-needed
	@.venv/bin/python -m tests.bench.whole_box $(ARGS)

reload-storm: ## 500 changes of the configuration under load: nothing dropped, nothing lost, memory flat. ARGS="--reloads 50"
	@.ci/setup --if-needed
	@.venv/bin/python -m tests.bench.reload_storm $(ARGS)

man: ## build/man/appliance.1, the manual page, from the commands themselves
	@.ci/setup --if-needed
	@.venv/bin/python docs/manual.py build/man/appliance.1

fuzz: ## every parser of strangers' bytes, FUZZ_SECONDS in all (600); coverage-guided where atheris has a wheel
	@.ci/setup --if-needed
	@.venv/bin/python -m tests.fuzz.run

delivery-faults: ## upstreams that refuse, abort, crash, lie; lines that break; forward killed 100 times: what came of each
	@.ci/setup --if-needed
	@.venv/bin/python -m tests.delivery_lab.run $(ARGS)

crash-states: ## what any power cut may leave of the vault, in full: every flush needed, every order. ARGS="one instance"
	@.ci/setup --if-needed
	@.venv/bin/python -m tests.vault.crash.run $(if $(ARGS),"$(ARGS)")

kills: ## 200 kill -9 while instances come in, 60 amid a rewrap of 10,000 objects: what was acknowledged is whole
	@.ci/setup --if-needed
	@.venv/bin/python -m tests.vault.kills $(ARGS)

power-cut: ## a machine that receives loses its power, 50 times and 50 more with its drive's cache. ARGS="--cuts 5"
	@.ci/setup --if-needed
	@.venv/bin/python -u -m tests.vm.power_cut.run $(ARGS)

vm-test: ## an arm64 machine with real lamps boots Debian 13 and the units: studies, kills, hangs, reloads. ARGS="kills" for some
	@.ci/setup --if-needed --for-vm-test
	@.venv/bin/python -u -m tests.vm.box.run $(ARGS)

clean: ## remove all that the others made here (.venv too); Debian packages stay
	rm -rf .venv .setup build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find appliance tests -type d -name __pycache__ -prune -exec rm -rf {} +

fresh-test: ## as root: the README's set-up, demo and test in fresh Debian 12 and 13 roots, as root and as a plain user
	@.ci/fresh-test $(ARGS)
