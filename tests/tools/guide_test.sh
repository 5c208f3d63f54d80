#!/bin/sh
# SPDX-License-Identifier: MIT
#
# guide_test.sh LIBRARY FILE...
#
# Every program in the documentation compiles without a warning, as a reader would compile it, runs,
# and ends with status 0. A program is a block of C that has a main.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
library=$1
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

count=0
for file in "$@"; do
	name=$(basename "$file" .md)
	awk -v stem="$work/$name" '
		/^```c$/ { path = sprintf("%s-%03d.c", stem, NR + 1); inside = 1; next }
		/^```/ { inside = 0 }
		inside { print >path }' "$file"
	for source in "$work/$name"-*.c; do
		[ -f "$source" ] || continue
		grep -q '^int main(' "$source" || continue
		line=${source##*-}
		at="$file:${line%.c}"
		${CC:-cc} -O2 -Wall -Wextra -Werror -I"$root/include" "$source" "$library" -lpthread \
			-o "$work/program" || { echo "$at: does not compile" >&2; exit 1; }
		timeout 20 "$work/program" >"$work/out" 2>&1 ||
			{ echo "$at: ends with status $?" >&2; cat "$work/out" >&2; exit 1; }
		count=$((count + 1))
	done
done
[ "$count" -ge 15 ] || { echo "only $count programs were found" >&2; exit 1; }
echo "$count programs: ok"
