# GFR: `make help` lists the targets. Everything is installed by tools/setup on first use; the build is CMake + Ninja.
SHELL := /bin/bash
BUILD ?= build/release
PREFIX ?= /usr/local
JOBS ?= $(shell nproc)
PYTHON := build/venv/bin/python
export CCACHE_BASEDIR := $(CURDIR)
export CCACHE_NOHASHDIR := 1
export CCACHE_SLOPPINESS := pch_defines,time_macros

.PHONY: help setup build demo test test-all bench lint format install package clean sanitize fuzz soak

help:  ## This list.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## */  \1\t/' | expand -t 14

setup: build/.setup  ## Install what is missing: apt packages and a Python environment under build/.

build/.setup: tools/setup tools/requirements.txt
	@tools/setup

$(BUILD)/build.ninja: build/.setup CMakeLists.txt
	@cmake -S . -B $(BUILD) -G Ninja -DCMAKE_BUILD_TYPE=Release -DPython_EXECUTABLE=$(CURDIR)/$(PYTHON)

build: $(BUILD)/build.ninja  ## Build build/release/gfr.
	@cmake --build $(BUILD) -j $(JOBS) --target gfr

# LOG=file FORMAT=trivago|ndjson|csv|parquet runs the road on a real log; without them the events are simulated.
LOG ?=
FORMAT ?= trivago
DEMO_DIR ?= demo
demo: build  ## The whole road on simulated events, or LOG=FILE FORMAT=trivago|ndjson|csv|parquet MAP=FILE: features, training, evaluation, serving.
	@$(BUILD)/gfr demo --trigger --project $(DEMO_DIR) $(if $(LOG),--log $(LOG) --format $(FORMAT) $(if $(MAP),--map $(MAP)))

test: $(BUILD)/build.ninja  ## Build and run every test.
	@tools/setup --test-peers
	@cmake --build $(BUILD) -j $(JOBS)
	@STRICT=$(STRICT) tools/run_tests $(BUILD) $(JOBS)

test-all: test  ## Every test again with all it has (GFR_TEST_ALL=1, PySpark, clients of protocols), and SEEDS seeds of the simulated world.
	@! command -v java >/dev/null || tools/setup --spark
	@tools/setup --clients
	@if command -v npm >/dev/null; then tools/setup --npm-peers; else echo "no npm: the clients for Node are skipped"; fi
	@cd $(BUILD) && GFR_TEST_ALL=1 ctest --output-on-failure --timeout 7200 -L e2e
	@$(MAKE) soak SOAK_MINUTES=10
	@cmake --build $(BUILD) -j $(JOBS) --target world_planted
	@$(PYTHON) tests/world/planted_bugs.py --find $(BUILD)/world_planted
	@$(BUILD)/failing_calls 2000 5000

bench: $(BUILD)/build.ninja  ## Benchmarks beside their peers, as ratios within one run.
	@cmake --build $(BUILD) -j $(JOBS)
	@failed=; for b in $(BUILD)/*_bench; do [ ! -x $$b ] || $$b || failed="$$failed $$b"; done; \
	for b in bench/*.py; do $(PYTHON) $$b --gfr $(BUILD)/gfr || failed="$$failed $$b"; done; \
	[ -z "$$failed" ] || { echo "failed:$$failed" >&2; exit 1; }

# A process per 50 seeds: killed threads of the simulation stay parked until theirs ends.
SEEDS ?= 500
SOAK_MINUTES ?= 120
soak: $(BUILD)/build.ninja  ## SEEDS=n of the simulated world, 20 of its loop of releases, then a real server under mixed traffic for SOAK_MINUTES=n (0: none).
	@cmake --build $(BUILD) -j $(JOBS) --target world --target world_loop --target gfr
	@failed=; for ((seed = 1; seed <= 20; ++seed)); do $(BUILD)/world_loop --seeds $$seed $$seed || failed=1; done; \
	for ((from = 1; from <= $(SEEDS); from += 50)); do \
	to=$$((from + 49 < $(SEEDS) ? from + 49 : $(SEEDS))); \
	$(BUILD)/world --seeds $$from $$to || failed=1; done; [ -z "$$failed" ]
	@[ $(SOAK_MINUTES) = 0 ] || $(PYTHON) tests/soak.py --minutes $(SOAK_MINUTES)

# End to end, each server runs in the build with sanitizers too: a report ends it, and its test fails. Python is not
# built so, and a library that is loaded before the system's would come before a sanitizer's: without tests of either.
SANITIZED_E2E := e2e/(server|readers|reload|swaps|tls|send|users|erasure|live_features|experiments|interleaving|bandits|automation|backup|openapi|model_server|served_equals_replayed)$$
sanitize: build/.setup  ## Unit tests, the world and servers end to end under address, undefined-behaviour and thread sanitizers.
	@tools/setup --test-peers
	@failed=; for kind in address,undefined thread; do dir=build/$${kind%%,*}; \
	cmake -S . -B $$dir -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DGFR_SANITIZE=$$kind -DPython_EXECUTABLE=$(CURDIR)/$(PYTHON) && \
	cmake --build $$dir -j $(JOBS) && (cd $$dir && export ASAN_OPTIONS=abort_on_error=1 \
	UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 TSAN_OPTIONS=halt_on_error=1:suppressions=$(CURDIR)/tests/thread_sanitizer.txt && \
	ctest --output-on-failure --timeout 3600 -LE e2e && ctest --output-on-failure --timeout 7200 -R '$(SANITIZED_E2E)') || failed=1; done; \
	[ -z "$$failed" ]

fuzz: build/.setup  ## Fuzz the parsers for FUZZ_SECONDS each (default 60).
	@tools/fuzz $(or $(FUZZ_SECONDS),60)

lint: $(BUILD)/build.ninja  ## clang-format, clang-tidy and the dependency check.
	@tools/lint

format:  ## Format the sources in place.
	@tools/setup clang-format-16
	@git ls-files '*.cc' '*.h' | xargs clang-format-16 -i

install: build  ## Install the binary and the libraries it needs under PREFIX.
	@cmake --install $(BUILD) --prefix $(PREFIX)

package: build  ## A Debian package, a tarball and a Python wheel in build/packages.
	@cpack --config $(BUILD)/CPackConfig.cmake -B build/packages
	@tools/make_wheel build/packages $(BUILD)

clean:  ## Remove what was built; the Python environment stays.
	@rm -rf build/release build/address build/thread
