#!/bin/sh
# SPDX-License-Identifier: MIT
#
# run.sh BUILD [--fix]: every check of the house, each on its own line; "make tidy" is the door.
# With --fix the sources are formatted first.

set -u
cd "$(dirname "$0")/../.."
build=$1
shift
[ "${1-}" != --fix ] || tools/tidy/format.sh --fix

log=$(mktemp)
trap 'rm -f "$log"' EXIT
failed=

check() { # name, command...
	name=$1
	shift
	printf '%-12s' "$name"
	if "$@" >"$log" 2>&1; then
		echo ok
	else
		echo FAILED
		sed 's/^/    /' "$log" | head -n 200
		failed="$failed $name"
	fi
}

check floors tools/tidy/floors.sh
check house tools/tidy/house.sh
check headers tools/tidy/headers.sh
check format tools/tidy/format.sh
check cppcheck tools/tidy/cppcheck.sh
check clang-tidy tools/tidy/lint.sh "$build"

if [ -n "$failed" ]; then
	echo "tidy: failed:$failed" >&2
	exit 1
fi
