#!/bin/sh
# SPDX-License-Identifier: MIT
# cppcheck.sh [FILE...]: cppcheck over the C sources; cppcheck.txt says what it may not complain of.

set -u
cd "$(dirname "$0")/../.."
if [ $# = 0 ]; then
	# shellcheck disable=SC2046 # names have no spaces
	set -- $(git ls-files --cached --others --exclude-standard 'src/*.c' 'tools/*.c' 'bench/*.c' \
		'examples/*.c')
fi
[ $# -gt 0 ] || exit 0
cppcheck --quiet --std=c11 --language=c --platform=unix64 --enable=warning,performance,portability \
	--inline-suppr --suppressions-list=tools/tidy/cppcheck.txt --error-exitcode=1 -j "$(nproc)" \
	-Iinclude -Isrc -Isrc/base/real -Isrc/arch/x86_64 -Ibench -D_GNU_SOURCE -D__linux__ \
	-D__x86_64__ -D__GNUC__=12 --template='{file}:{line}: {severity}: {message} [{id}]' "$@"
