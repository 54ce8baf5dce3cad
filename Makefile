# Entry points; each does what it needs first. The work itself is in CMakeLists.txt, scripts/ and examples/.
JOBS ?= 2
BUILD := build
FUZZ_RUNS ?= 20000

.DEFAULT_GOAL := help
.PHONY: setup setup-referee setup-bench build test test-arm64 demo bench referee fuzz clean help

help: ## show this
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 24

setup: ## install what the build needs (Debian 12 packages; no network when all is there)
	@scripts/setup build

setup-referee: setup ## install what the referee tests compare with, too
	@scripts/setup referee

build: setup ## build everything into build/; the command is build/skep
	@cmake --preset release $(if $(V),,--log-level=WARNING)
	@cmake --build $(BUILD) -j $(JOBS)

test: build ## build, then run all tests
	@scripts/run-tests $(BUILD)

test-arm64: ## build for arm64, then run the tests there with qemu-aarch64
	@scripts/test-arm64 $(JOBS)

demo: build ## build, then run an XDP program over a pcap
	@examples/demo/run.sh $(BUILD)

setup-bench: setup ## fetch what the benchmarks compare with, too
	@scripts/setup bench

bench: setup-bench build ## build, then run the benchmarks
	@scripts/bench $(BUILD)

referee: setup-referee build ## compare with the running kernel, libbpf and other tools (root)
	@scripts/run-tests $(BUILD) -L referee -E '^(referee_objects|verdicts.*|soundness_selftests)$$'
	@JOBS=$(JOBS) scripts/referee-objects $(BUILD)

fuzz: setup ## run every fuzzer, seeded, FUZZ_RUNS inputs each
	@scripts/fuzz $(FUZZ_RUNS) $(JOBS)

clean: ## remove build folders
	@rm -rf $(BUILD) $(BUILD)-asan $(BUILD)-tsan $(BUILD)-arm64
