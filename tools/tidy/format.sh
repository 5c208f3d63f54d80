#!/bin/sh
# SPDX-License-Identifier: MIT
#
# format.sh [--fix] [FILE...]: are the C and C++ sources as clang-format writes them, and no line
# wider than 100 columns?  --fix makes them so.  Without files: all that git knows of, and what it
# does not ignore.
#
# Wide comments are wrapped by wrap.awk.  Macros that are initializers in braces are kept from
# clang-format: it takes them for blocks of code.

set -u
cd "$(dirname "$0")/../.."

fix=
if [ "${1-}" = --fix ]; then
	fix=yes
	shift
fi
if [ $# = 0 ]; then
	# shellcheck disable=SC2046 # names have no spaces
	set -- $(git ls-files --cached --others --exclude-standard '*.c' '*.h' '*.cpp' '*.hpp')
fi

LC_ALL=C
export LC_ALL

formatted() {
	awk -f tools/tidy/wrap.awk "$1" | awk '
		/^#define [A-Za-z_0-9]+(\([a-z_0-9, ]*\))? \{.*\}$/ {
			print "/* clang-format off */ // kept"
			print
			print "/* clang-format on */ // kept"
			next
		}
		{ print }
	' | clang-format --assume-filename="$1" | sed '/^\/\* clang-format o.* \*\/ \/\/ kept$/d'
}

bad=0
new=$(mktemp)
trap 'rm -f "$new"' EXIT
for file; do
	[ -f "$file" ] || continue
	formatted "$file" >"$new"
	cmp -s "$file" "$new" && continue
	if [ -n "$fix" ]; then
		cat "$new" >"$file"
		echo "formatted $file"
	else
		diff -u --label "$file" --label "$file, formatted" "$file" "$new" | head -n 12
		bad=$((bad + 1))
	fi
done
if [ $bad -gt 0 ]; then
	echo "format: $bad files differ; 'make tidy ARGS=--fix' formats them" >&2
	exit 1
fi
