#!/bin/sh
# SPDX-License-Identifier: MIT
# Every label in the sources has a program in labels/, and every program there a label. What stands
# on a label's own line is in its program: so who makes an order weaker must do so there too.

root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/tests/tools/check.sh"

# Named rules of models/idle.pml, beside operations that order for another reason.
rules='DUTY|REFUSED'

# Those of the simulated kernel are states.
sources() { # folder
	find "$1/src" "$1/include" -name '*.[ch]' ! -path '*/sys/sim/*'
}

labels() { # folder, mode of labels.awk
	sources "$1" | xargs awk -v "mode=$2" -f "$root/tests/litmus/labels.awk"
}

compare() { # folder with src, include; folder of programs
	labels "$1" '' >label
	labels "$1" operations >operation
	labels "$1" all >known
	awk -v "rules=$rules" -f "$root/tests/litmus/compare.awk" label operation known \
		"$2"/*.litmus
}

labels_and_programs_are_the_same() {
	compare "$root" "$root/tests/litmus/labels" >out
	[ ! -s out ] || fail "$(cat out)"
	[ "$(find "$root/tests/litmus/labels" -name '*.litmus' | wc -l)" -ge 40 ] || fail 'few programs'
}

every_fence_has_a_label() {
	labels "$root" fences >out
	[ ! -s out ] || fail "without a label: $(cat out)"
}

small_tree() {
	mkdir -p src/sched include labels
	printf '%s\n' "$1" >src/sched/park.c
	: >include/weft.h
	printf '\tstore_release word 1\n' >labels/OLD.litmus
	printf '\tatomic_store_release(word, 1); /* OLD */\n' >src/sched/old.c
}

a_new_label_needs_a_program() {
	small_tree '	atomic_store_release(word, 1); /* FRESH: last */'
	compare . labels >out
	contains out './src/sched/park.c:1: FRESH has no program FRESH.litmus'
	lacks out OLD
}

it_may_stand_in_the_comment_before() {
	small_tree '	/* Why, in two
	 * lines. (FRESH) */
	return atomic_load_acquire(word);'
	compare . labels >out
	contains out './src/sched/park.c:2: FRESH has no program'
}

a_weaker_order_needs_another_program() {
	small_tree '	atomic_store_relaxed(word, 1); /* OLD */'
	compare . labels >out
	contains out './src/sched/park.c:1: OLD.litmus has no store_relaxed'
	lacks out old.c
}

a_fence_without_a_label_is_found() {
	small_tree '	word = 1; /* FRESH: but that is far away */








	weft__sys_full_barrier();
	weft__sys_heavy_barrier(); /* NEW */'
	labels . fences >out
	contains out './src/sched/park.c:10'
	lacks out ':11'
}

a_state_is_no_label() {
	small_tree ' *   (ARMED, e) -> (PARKED, e)
enum { ARMED, PARKED /* PARKED */ };'
	compare . labels >out
	[ ! -s out ] || fail "$(cat out)"
}

a_program_needs_its_label() {
	small_tree ''
	echo 'program gone' >labels/GONE.litmus
	compare . labels >out
	contains out 'labels/GONE.litmus: no label in the sources'
}

run_tests \
	labels_and_programs_are_the_same \
	every_fence_has_a_label \
	a_new_label_needs_a_program \
	it_may_stand_in_the_comment_before \
	a_weaker_order_needs_another_program \
	a_fence_without_a_label_is_found \
	a_state_is_no_label \
	a_program_needs_its_label
