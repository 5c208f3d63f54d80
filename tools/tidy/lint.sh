#!/bin/sh
# SPDX-License-Identifier: MIT
#
# lint.sh BUILD [FILE...]: clang-tidy over the C sources, as BUILD compiles them.  What it looks for
# is in .clang-tidy.  Without files: those of the library, the command, and the examples.

set -u
cd "$(dirname "$0")/../.."
build=$1
shift

if [ $# = 0 ]; then
	# shellcheck disable=SC2046 # names have no spaces
	set -- $(git ls-files --cached --others --exclude-standard 'src/*.c' 'tools/*.c' 'bench/*.c' \
		'examples/*.c')
fi

# Only what this build compiles: not the other processor's, not a peer whose library is missing.
compiled=
for file; do
	grep -q "\"file\": \".*$file\"" "$build/compile_commands.json" && compiled="$compiled $file"
done
[ -n "$compiled" ] || exit 0

log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
# shellcheck disable=SC2086
printf '%s\n' $compiled |
	xargs -P "$(nproc)" -n 4 clang-tidy -p "$build" --quiet --extra-arg=-Wno-unknown-warning-option \
		>"$log" 2>&1 || status=1
grep -vE '^[0-9]+ warnings? (generated|treated)|^Suppressed |^Use -header-filter' "$log"
exit $status
