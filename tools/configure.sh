#!/bin/sh
# SPDX-License-Identifier: MIT
#
# configure.sh DIR [OPTION...]: a build directory set up with these options, and quiet about it.
#
# Options are remembered in DIR/.configured.  One that is new there (say -Dtests=enabled, after a
# build that had no need of the tests) is added to a directory that stands, and what meson said the
# first time about missing libraries is asked again.  WEFT_OPTIONS has further ones, from outside.

set -eu

dir=$1
shift
# shellcheck disable=SC2086 # options have no spaces
set -- "$@" ${WEFT_OPTIONS-}
log=$(mktemp)
trap 'rm -f "$log"' EXIT

quietly() {
	"$@" >"$log" 2>&1 || {
		cat "$log" >&2
		echo "configure: '$*' failed" >&2
		exit 1
	}
}

if [ ! -f "$dir/build.ninja" ]; then
	echo "configure: setting up $dir"
	quietly meson setup "$dir" "$@"
	printf '%s\n' "$@" >"$dir/.configured"
	exit 0
fi

# What the directory has for an option: the last that was said of its name.
standing() {
	awk -v name="${1%%=*}" '{ n = $0; sub(/=.*/, "", n) } n == name { last = $0 } END { print last }' \
		"$dir/.configured" 2>/dev/null || :
}

fresh=
for option; do
	[ "$(standing "$option")" = "$option" ] || fresh="$fresh $option"
done
if [ -n "$fresh" ]; then
	echo "configure: adding$fresh to $dir"
	# shellcheck disable=SC2086 # options have no spaces
	quietly meson setup --reconfigure "$dir" $fresh
	# shellcheck disable=SC2086
	printf '%s\n' $fresh >>"$dir/.configured"
fi
