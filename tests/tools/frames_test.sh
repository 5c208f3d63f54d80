#!/bin/sh
# SPDX-License-Identifier: MIT
#
# frames_test.sh LIBRARY [NAME...]
#
# The example in the head of each public header compiles without a warning, runs, and does what it
# shows. An example is a piece of a program; the rest is its frame, tests/public/frames/NAME.c, which
# includes it as "NAME.example", checks, and ends with status 0.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
library=$1
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$root/tools/man/man.py" --version 0 --examples --out "$work" "$root"/include/weft/*.h
[ $# -gt 0 ] || set -- $(cd "$root/include/weft" && ls -- *.h | sed 's/\.h$//')
count=0
for name; do
	header=include/weft/$name.h
	frame=$root/tests/public/frames/$name.c
	if [ ! -f "$work/$name.example" ]; then
		# a header without a call has nothing to show
		grep -qE '^(WEFT_API|static inline) ' "$root/$header" || continue
		echo "$header: there is no example in its head" >&2
		exit 1
	fi
	[ -f "$frame" ] || { echo "$header: its example has no frame, $frame" >&2; exit 1; }
	${CC:-cc} -O1 -Wall -Wextra -Werror -I"$root/include" -I"$work" "$frame" "$library" -lpthread \
		-o "$work/program" || { echo "$header: its example does not compile" >&2; exit 1; }
	timeout 20 "$work/program" || { echo "$header: its example ends with status $?" >&2; exit 1; }
	count=$((count + 1))
done
[ "$count" -ge 1 ] || { echo "no example was found" >&2; exit 1; }
echo "$count examples: ok"
