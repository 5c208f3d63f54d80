#!/bin/sh
# SPDX-License-Identifier: MIT
#
# valgrind_test.sh PROGRAM
#
# PROGRAM under memcheck: no access to memory that is not there, no decision on what was never
# written, nothing lost.  Nothing is suppressed.  A stack pointer that moves by more than
# --max-stackframe is taken for a switch of stacks; with the default of 2 MB a step from one thread's
# stack to its neighbour's, 64 KiB further, would be taken for a very large frame.
set -eu

if ! command -v valgrind >/dev/null; then
	echo "skipped: there is no valgrind"
	exit 77
fi
# It does not know the calls that perf events take.
export WEFT_FORCE_TICK=timer WEFT_FORCE_WATCH=clock
exec valgrind -q --max-stackframe=40000 --leak-check=full --errors-for-leak-kinds=definite \
	--error-exitcode=99 "$1"
