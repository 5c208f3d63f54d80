#!/bin/sh
# SPDX-License-Identifier: MIT
#
# backtrace_test.sh PROGRAM KIND
#
# Stops PROGRAM (backtrace_program.c) in a thread of that kind.  Its backtrace goes up to where its stack
# begins and ends there; a carrier that runs nothing, while a thread of its scheduler is parked,
# shows its own loop and no thread.
set -eu

if ! command -v gdb >/dev/null; then
	echo "skipped: there is no gdb"
	exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cat >"$work/commands" <<'EOF'
set pagination off
set confirm off
set width 0
set print frame-arguments none
break weft_test_stop
run
printf "\nAT thread\n"
backtrace
printf "\nAT all\n"
thread apply all -q backtrace
printf "\nEND\n"
kill
EOF

gdb -nx -batch -x "$work/commands" --args "$1" "$2" >"$work/output" 2>&1 </dev/null || true

if grep -q -E 'Could not trace|Operation not permitted' "$work/output"; then
	echo "skipped: gdb may not trace here"
	exit 77
fi

awk '
function finish_stack() {
	if (frames != "")
		stacks[++count] = frames
	frames = ""
}
/^AT / || /^END/ || /^$/ || /^#0 / { finish_stack() }
/^AT / { where = $2 }
/^END/ { ended = 1; where = "" }
where != "" && /^#[0-9]/ {
	name = $2 ~ /^0x/ ? $4 : $2
	sub(/^weft[.]/, "weft__", name)		# gdb takes a name without debug information for Ada
	frames = frames " " name
	if (where == "thread")
		thread = thread " " name
}
where != "" && /Backtrace stopped|corrupt/ { print; bad = 1 }
where == "thread" && /\?\?/ { print; bad = 1 }
END {
	if (thread != " weft_test_stop weft_test_middle weft_test_thread light_main weft__arch_start") {
		print "the running thread:" thread
		bad = 1
	}
	for (i = 1; i <= count; i++) {
		asleep += stacks[i] ~ / weft__find_work .*carrier_main /
		if (stacks[i] ~ / carrier_main / && stacks[i] ~ / weft_test_/) {
			print "a thread on the own stack of a carrier:" stacks[i]
			bad = 1
		}
	}
	if (!ended || asleep < 1) {
		print "no carrier asleep in its loop"
		bad = 1
	}
	if (bad)
		exit 1
	print count " stacks, each whole"
}' "$work/output" || {
	cat "$work/output"
	exit 1
}
