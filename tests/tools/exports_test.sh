#!/bin/sh
# SPDX-License-Identifier: MIT
# exports_test.sh LIBRARY: what libweft.so shows is what the public headers declare, name for name.

library=$(realpath "$1")
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/tests/tools/check.sh"

shown() {
	nm -D --defined-only "$library" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort
}

# The name in a declaration stands before the first parenthesis or, of an object, at the end.
declared() {
	for header in "$root"/include/weft/*.h; do
		echo "#include \"$header\""
	done | cc -x c -E -P -I"$root/include" - | tr '\n' ' ' | tr ';}' '\n\n' |
		grep 'visibility("default")' | sed 's/__attribute__ *((visibility("default")))//' |
		sed 's/__attribute__.*//; s/[[(].*//; s/[ \t]*$//; s/.*[ *]//' | sort -u
}

what_is_shown_is_what_is_declared() {
	declared >declared.names
	shown >shown.names
	[ -s declared.names ] || fail "no declaration found"
	diff declared.names shown.names >out || {
		sed -n 's/^</    declared, not in the library:/p; s/^>/    in the library, not declared:/p' out
		fail "the library and its headers disagree"
	}
}

the_soname_has_the_number() {
	readelf -d "$library" >out
	contains out "[libweft.so.0]"
}

run_tests what_is_shown_is_what_is_declared the_soname_has_the_number
