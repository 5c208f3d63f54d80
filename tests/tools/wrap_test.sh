#!/bin/sh
# SPDX-License-Identifier: MIT
# The wrapping of wide comments: what fits stays as it is, what does not keeps its words.

root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/tests/tools/check.sh"

words="one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"

wrap() {
	LC_ALL=C awk -f "$root/tools/tidy/wrap.awk" in >out
	LC_ALL=C awk -f "$root/tools/tidy/wrap.awk" out >again
	cmp -s out again || fail "wrapped twice it differs"
	same "$(tr -d '\n\t */' <out)" "$(tr -d '\n\t */' <in)"
}

what_fits_is_left_alone() {
	printf '/* short */\nint x; /* behind */\n/*\n * a list:\n *   - one\n */\n' >in
	wrap
	cmp -s in out || fail "it changed"
}

a_wide_comment_becomes_two_lines() {
	printf '\t/* %s and so on */\nint x;\n' "$words" >in
	wrap
	same "$(wc -l <out | tr -d ' ')" 3
	contains out '	 * '
}

a_line_that_goes_on_takes_the_rest() {
	printf '/*\n * %s and\n * so on.\n */\n' "$words" >in
	wrap
	same "$(wc -l <out | tr -d ' ')" 4
	contains out ' so on.'
}

a_label_keeps_its_line() {
	printf '/*\n * %s and\n * Returns 0.\n */\n' "$words" >in
	wrap
	grep -qx ' \* Returns 0.' out || fail "Returns was moved"
}

a_comment_behind_code_moves_above_it() {
	printf '\tint x; /* %s */\n' "$words" >words_in
	sed 's/ one/ one and more/' words_in >in
	LC_ALL=C awk -f "$root/tools/tidy/wrap.awk" in >out
	same "$(tail -n 1 out)" "	int x;"
}

the_end_of_a_comment_is_never_alone() {
	printf '/* %s ab */\n' "$words" >in
	wrap
	! grep -qx ' \* \*/' out || fail "it is"
}

a_wide_character_counts_as_one() {
	line='/* ……………………………………………………………………………………………………………………………………………………… */'
	printf '%s\n' "$line" >in
	wrap
	same "$(cat out)" "$line"
}

run_tests \
	what_fits_is_left_alone \
	a_wide_comment_becomes_two_lines \
	a_line_that_goes_on_takes_the_rest \
	a_label_keeps_its_line \
	a_comment_behind_code_moves_above_it \
	the_end_of_a_comment_is_never_alone \
	a_wide_character_counts_as_one
