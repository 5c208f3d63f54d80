#!/bin/sh
# SPDX-License-Identifier: MIT
#
# headers.sh [INCLUDE]: does every public header compile alone, without a warning, as C11 and as
# C++17, by gcc and by clang?  And is every one of them installed?

set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
include=${1:-$root/include}
bad=0

alone() { # compiler, language, standard, header
	# a declaration, for a header of macros alone is an empty program, which the standards forbid
	printf '#include <weft/%s>\nextern int weft_header_is_alone;\n' "$4" |
		"$1" -x "$2" "-std=$3" -pedantic -Wall -Wextra -Wshadow -Werror -fsyntax-only \
			-I"$include" - || {
		echo "headers: <weft/$4> does not compile alone: $1 -std=$3" >&2
		bad=1
	}
}

for header in "$include"/weft/*.h "$include"/weft/*.hpp; do
	[ -f "$header" ] || continue
	name=${header##*/}
	case $name in
	*.h)
		alone gcc c c11 "$name"
		alone clang c c11 "$name"
		;;
	esac
	alone g++ c++ c++17 "$name"
	alone clang++ c++ c++17 "$name"
	grep -q "'weft/$name'" "$include/meson.build" || {
		echo "headers: weft/$name is not in include/meson.build: it would not be installed" >&2
		bad=1
	}
done
exit $bad
