# What a developer runs. The work itself is in Cargo.toml, build.gradle and scripts/.

export PATH := $(PATH):$(HOME)/.cargo/bin:/usr/local/sbin:/usr/sbin
GRADLE ?= gradle
GRADLE_RUN = $(GRADLE) --no-daemon --console=plain

.PHONY: help deps build test interop deny fuzz demo examples natives test-natives test-jdks test-brokers release bench bench-docs classpath publish clean

help:
	@echo 'make deps       install what building and testing needs (Debian, Ubuntu), or say what is missing'
	@echo 'make build      the Java package in build/libs, with the native library inside'
	@echo 'make test       every check and test; the last line counts them'
	@echo 'make interop    the exchange of messages with SINETStream for Python (from PyPI); part of make test'
	@echo 'make fuzz       every decoder with random input, a minute each (SECONDS=N for others)'
	@echo 'make deny       vulnerabilities, licences, duplicates and sources of the crates; needs GitHub'
	@echo 'make demo       password authentication played with Mosquitto, the examples and one YAML file'
	@echo 'make examples   every small example in both languages, with a Mosquitto of its own; part of make test'
	@echo 'make natives    the native library for every platform that can be built here, with Zig as the linker'
	@echo 'make test-natives  tries what make natives has built: under QEMU, under Wine, with musl'
	@echo 'make test-jdks     the JUnit tests on Java 11, 17, 21, 25 and every JDK of this machine'
	@echo 'make test-brokers  the other brokers: later Mosquittos, Aedes, Mochi MQTT, Moquette, Artemis; Kafka'
	@echo 'make release    the Maven artifacts, the crate and the commands, in build/release'
	@echo 'make bench      the comparison with other MQTT clients; see bench/README.md'
	@echo 'make bench-docs the tables of the last make bench, and its graphs in docs/bench'
	@echo 'make classpath  print the class path of the built Java package, on one line'
	@echo 'make publish    put the Java package into the local Maven repository (~/.m2)'
	@echo 'make clean      remove what was built'

deps:
	@scripts/deps

build:
	$(GRADLE_RUN) build

test: deps
	@scripts/test

interop: deps
	@scripts/interop

deny:
	@scripts/deny

fuzz: deps
	@scripts/fuzz $(or $(SECONDS),60)

demo: deps
	@scripts/demo

examples: deps
	@scripts/examples

natives:
	@scripts/deps natives
	@scripts/natives

test-natives:
	@scripts/deps natives
	@scripts/test-natives

test-brokers: deps
	@scripts/test-brokers

test-jdks: deps
	@scripts/test-jdks

release:
	@scripts/deps natives
	@NATIVES="$(NATIVES)" scripts/release

bench: deps
	@bench/run

bench-docs:
	@bench/report $(or $(RESULTS),build/bench/results.jsonl) docs/bench

classpath:
	@$(GRADLE_RUN) -q classpath >/dev/null
	@cat build/classpath.txt

publish:
	$(GRADLE_RUN) publishToMavenLocal

clean:
	$(GRADLE_RUN) clean
	cargo clean
