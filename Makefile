# SPDX-License-Identifier: MIT
#
# The door: each target says in one word what meson is told at length.  "make help" lists them.
# Where a target needs Debian packages that are not installed, it installs them first (tools/deps.sh);
# WEFT_DEPS=off leaves the machine alone.

BUILD ?= build
ARGS ?=
LISTEN ?= 127.0.0.1:8080
ADMIN ?= 127.0.0.1:8081
SEEDS ?= 10000
STRESS_SECONDS ?= 600
SOAK_SECONDS ?= 60

DEPS = @tools/deps.sh
CONFIGURE = @tools/configure.sh
# Somebody who watches sees how far it is; a log has the errors alone.
NINJA = @ninja $(shell test -t 2 || echo --quiet)
TEST = meson test --no-rebuild --print-errorlogs
# What "make test" runs; the rest has targets of its own.
SUITES = --suite unit --suite sim --suite examples --suite bench-smoke
# gcc's thread sanitizer wants the address space where it was on older kernels.
NO_RANDOM = $(shell setarch -R true 2>/dev/null && echo "--wrapper='setarch -R'")

.PHONY: build run test bench tidy asan tsan aarch64 clang models seeds stress soak ci deps clean install help

build:
	$(DEPS) build
	$(CONFIGURE) $(BUILD)
	$(NINJA) -C $(BUILD)

run:
	$(DEPS) build
	$(CONFIGURE) $(BUILD)
	$(NINJA) -C $(BUILD) weft
	@exec $(BUILD)/weft serve examples/site --listen $(LISTEN) --admin $(ADMIN) $(ARGS)

test:
	$(DEPS) build test
	$(CONFIGURE) $(BUILD) -Dtests=enabled
	$(NINJA) -C $(BUILD)
	@$(TEST) -C $(BUILD) $(SUITES) $(ARGS)

bench:
	$(DEPS) build bench
	$(CONFIGURE) $(BUILD) -Dpeers=enabled
	$(NINJA) -C $(BUILD)
	@$(BUILD)/weft bench $(ARGS)

tidy:
	$(DEPS) build test tidy
	$(CONFIGURE) $(BUILD) -Dtests=enabled
	@tools/tidy/run.sh $(BUILD) $(ARGS)

# The address sanitizer and the one for undefined behaviour, together.
asan:
	$(DEPS) build test
	$(CONFIGURE) $(BUILD)-asan -Dtests=enabled -Dpeers=disabled -Db_sanitize=address,undefined \
		-Db_lundef=false -Dc_args=-fno-sanitize-recover=all
	$(NINJA) -C $(BUILD)-asan
	@ASAN_OPTIONS=abort_on_error=1:strict_string_checks=1 UBSAN_OPTIONS=print_stacktrace=1 \
		$(TEST) -C $(BUILD)-asan --timeout-multiplier 4 $(SUITES) $(ARGS)

tsan:
	$(DEPS) build test
	$(CONFIGURE) $(BUILD)-tsan -Dtests=enabled -Dpeers=disabled -Db_sanitize=thread \
		-Db_lundef=false
	$(NINJA) -C $(BUILD)-tsan
	@TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1 \
		$(TEST) -C $(BUILD)-tsan --timeout-multiplier 8 $(NO_RANDOM) $(SUITES) $(ARGS)

# The other processor, cross-built and run by qemu: it proves the switch, not the memory orders.
aarch64:
	$(DEPS) build aarch64
	$(CONFIGURE) $(BUILD)-aarch64 --cross-file tools/cross/aarch64.ini -Dpeers=disabled
	$(NINJA) -C $(BUILD)-aarch64
	@$(TEST) -C $(BUILD)-aarch64 --timeout-multiplier 6 --suite base --suite arch --suite mem \
		--suite sched --suite sync --suite tls $(ARGS)

# The other compiler, with every warning an error.
clang:
	$(DEPS) build test tidy
	@CC=clang CXX=clang++ tools/configure.sh $(BUILD)-clang -Dtests=enabled -Dpeers=disabled \
		-Dwerror=true
	$(NINJA) -C $(BUILD)-clang
	@$(TEST) -C $(BUILD)-clang $(SUITES) $(ARGS)

models:
	$(DEPS) build models
	$(CONFIGURE) $(BUILD)
	@$(TEST) -C $(BUILD) --logbase models --suite models $(ARGS)

seeds:
	$(DEPS) build test
	$(CONFIGURE) $(BUILD) -Dtests=enabled
	$(NINJA) -C $(BUILD)
	@WEFT_SEEDS=$(SEEDS) $(TEST) -C $(BUILD) --logbase seeds --timeout-multiplier 0 --suite sim $(ARGS)

stress:
	$(DEPS) build test
	$(CONFIGURE) $(BUILD) -Dtests=enabled
	$(NINJA) -C $(BUILD)
	@WEFT_STRESS_SECONDS=$(STRESS_SECONDS) $(TEST) -C $(BUILD) --logbase stress --timeout-multiplier 0 \
		--suite stress $(ARGS)

# Foreign libraries, unchanged, on many threads: a quarter of the time each with one and two
# processors, by the best means that the machine allows, and by those that every machine has.
SOAK = $(BUILD)/weft soak --seconds $$(($(SOAK_SECONDS) / 4)) --threads 5000 --slice-us 200 --carriers
soak:
	$(DEPS) build test
	$(CONFIGURE) $(BUILD) -Dtests=enabled
	$(NINJA) -C $(BUILD)
	@for carriers in 1 2; do \
		$(SOAK) $$carriers $(ARGS) && \
		WEFT_FORCE_TICK=timer WEFT_FORCE_WATCH=clock $(SOAK) $$carriers $(ARGS) || exit 1; \
	done

ci:
	@.ci/run

deps:
	$(DEPS) all

install:
	$(DEPS) build
	$(CONFIGURE) $(BUILD) $(if $(PREFIX),-Dprefix=$(PREFIX))
	$(NINJA) -C $(BUILD)
	@meson install -C $(BUILD) --no-rebuild $(if $(DESTDIR),--destdir $(abspath $(DESTDIR))) $(ARGS)
	@[ -n "$(DESTDIR)" ] || [ "$$(id -u)" != 0 ] || ldconfig	# programs find it at once

clean:
	@rm -rf $(BUILD) $(BUILD)-asan $(BUILD)-tsan $(BUILD)-aarch64 $(BUILD)-clang

help:
	@cat tools/help.txt
