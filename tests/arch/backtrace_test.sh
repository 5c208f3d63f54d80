#!/bin/sh
# SPDX-License-Identifier: MIT
#
# backtrace_test.sh PROGRAM REGISTER...
#
# Walks through six switches of PROGRAM (backtrace_program.c) with gdb, an instruction at a time.
# At each the backtrace must be whole and end where the context began, and the registers must unwind
# to the same values in its last frame as at each other instruction on the same side of that switch.
set -eu

if ! command -v gdb >/dev/null; then
	echo "skipped: there is no gdb"
	exit 77
fi
program=$1
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cat >"$work/commands" <<EOF
set pagination off
set confirm off
set width 0
set print frame-arguments none
break *weft__arch_swap
run
set \$round = 0
while \$round < 6
	while \$pc >= (long)weft__arch_swap && \$pc < (long)weft__arch_start + 16
		printf "\nAT %d %#lx\n", \$round, \$pc
		backtrace
		up-silently 99
		info registers $*
		down-silently 99
		stepi
	end
	printf "\nAT %d left\n", \$round
	backtrace
	set \$round = \$round + 1
	if \$round < 6
		continue
	end
end
printf "\nEND\n"
kill
EOF

gdb -nx -batch -x "$work/commands" "$program" >"$work/output" 2>&1 </dev/null || true

awk -v wanted=$# '
function finish_place() {
	if (where == "")
		return
	places++
	if (!(frames in shape)) {
		print "bad backtrace at " where ": " frames
		bad = 1
	}
	shape[frames]++
	if (where !~ /left/) {
		side = round " " last
		if (count != wanted || (side in values && values[side] != registers)) {
			print "registers changed at " where ", " last ":\n" registers
			bad = 1
		}
		values[side] = registers
	}
}
BEGIN {
	shape[" weft__arch_swap visit_context main"] = 0
	shape[" weft__arch_swap weft__arch_start"] = 0
	shape[" weft__arch_start"] = 0
	shape[" weft__arch_swap leave_context run_context weft__arch_start"] = 0
	shape[" run_context weft__arch_start"] = 0
	shape[" leave_context run_context weft__arch_start"] = 0
	shape[" visit_context main"] = 0
}
/^AT / || /^END/ {
	finish_place()
	where = $2 " " $3; round = $2; frames = ""; registers = ""; count = 0
}
/^END/ { ended = 1; where = "" }
where != "" && /^#[0-9]/ {
	name = $2 ~ /^0x/ ? $4 : $2
	sub(/^weft[.]/, "weft__", name)		# gdb takes a name without debug information for Ada
	last = name
	if (name != "weft__arch_switch")
		frames = frames " " name
}
where != "" && /^[a-z][a-z0-9]+ +0x/ { registers = registers $1 "=" $2 " "; count++ }
where != "" && /Backtrace stopped|corrupt|\?\?/ { print; bad = 1 }
END {
	for (s in shape)
		if (shape[s] == 0) {
			print "never seen:" s
			bad = 1
		}
	if (!ended || bad)
		exit 1
	print places " places, each with a whole backtrace"
}' "$work/output" || {
	cat "$work/output"
	exit 1
}
