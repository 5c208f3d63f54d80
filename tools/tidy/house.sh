#!/bin/sh
# SPDX-License-Identifier: MIT
#
# house.sh [ROOT]: small rules of the house that no other tool knows.
#
#   every source says its licence on the first line (a script: on the second)
#   no file of src/ has more than 600 lines, no assembly more than 120
#   atomics of src/ go through base/atomic.h, whose names say the order (not the simulated kernel's
#   own: under it those are places where another thread may run)
#   no include leads through ".."
#   no header of src/ hides one of the system's (src/sys/poll.h would hide <sys/poll.h>)
#   every link in a document leads to a file

set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "${1:-$root}" || exit 1
bad=0

complain() {
	echo "$*"
	bad=1
}

files() { # patterns
	git ls-files --cached --others --exclude-standard -- "$@" 2>/dev/null | sort -u |
		while read -r file; do [ -f "$file" ] && echo "$file"; done
}

for file in $(files '*.c' '*.h' '*.cpp' '*.hpp' '*.S' '*.sh' '*.awk' '*.pml' '*meson.build'); do
	head -n 2 "$file" | grep -q 'SPDX-License-Identifier: MIT' ||
		complain "$file:1: no SPDX line"
done

for file in $(files 'src/*.c' 'src/*.h' 'src/*.S'); do
	lines=$(($(wc -l <"$file")))
	[ "$lines" -le 600 ] || complain "$file:600: $lines lines; split it by noun"
	case $file in
	*.S) [ "$lines" -le 120 ] || complain "$file:120: $lines lines of assembly; at most 120" ;;
	src/base/atomic.h | src/sys/sim/*) ;;
	*)
		found=$(grep -nE '\b__(atomic|sync)_[a-z]|stdatomic\.h' "$file" /dev/null) &&
			complain "$found: atomics go through base/atomic.h"
		;;
	esac
done

# shellcheck disable=SC2046 # names have no spaces
set -- $(files '*.c' '*.h' '*.cpp' '*.hpp' '*.S')
if [ $# -gt 0 ]; then
	found=$(grep -nE '^[[:space:]]*#[[:space:]]*include.*\.\./' "$@" /dev/null) &&
		complain "$found: climbs out of its folder"
fi

for file in $(files 'src/*.h'); do
	name=${file#src/}
	echo "#include <$name>" | cc -E -x c - >/dev/null 2>&1 &&
		complain "$file: hides the system's <$name>"
done

for file in $(files '*.md'); do
	folder=$(dirname "$file")
	for link in $(grep -oE '\]\([^)#: ]+[)#]' "$file" | sed 's/^](//; s/[)#]$//'); do
		[ -e "$folder/$link" ] || complain "$file: the link to $link leads nowhere"
	done
done

exit $bad
