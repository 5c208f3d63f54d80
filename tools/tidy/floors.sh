#!/bin/sh
# SPDX-License-Identifier: MIT
# floors.sh [SRC]: does every include in SRC (default: src) go only down the floors?

set -eu
here=$(cd "$(dirname "$0")" && pwd)
cd "${1:-$here/../../src}"
variants=$(find . -mindepth 3 -name '*.h' | sed 's|^\./||' | sort)
# shellcheck disable=SC2046 # names have no spaces
awk -v variants="$(echo $variants)" -f "$here/floors.awk" $(find . \( -name '*.c' -o -name '*.h' -o -name '*.S' \) | sed 's|^\./||' |
	sort) || {
	echo "floors: includes go down the floors, or across through a door; never up" >&2
	exit 1
}
