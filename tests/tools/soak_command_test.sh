#!/bin/sh
# SPDX-License-Identifier: MIT
# soak_command_test.sh WEFT LIAR: what `weft soak` says, and that it finds out what goes wrong.

weft=$(realpath "$1")
liar=$(realpath "$2")
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/tests/tools/check.sh"

soak() { # expected status, arguments...
	expected=$1
	shift
	status=0
	"$weft" soak "$@" >out 2>err || status=$?
	same "$status" "$expected"
}

a_library_that_errs_is_found_out() {
	LD_PRELOAD=$liar soak 1 --kind kernel --only zlib --threads 4 --seconds 1 --seed 1
	contains err "DIFFERENCE in zlib: seed"
	contains err "seed 1"
	lacks out "differences         0"
}

what_does_not_err_is_not_blamed() {
	soak 0 --kind kernel --only zlib,wait --threads 4 --seconds 1
	contains out "differences         0"
}

the_seed_is_printed_when_nobody_chose_it() {
	soak 0 --kind kernel --only errno --threads 1 --seconds 1
	grep -qE 'seed [0-9]+' err || fail "$(cat err)"
}

an_unknown_operation_is_refused() {
	soak 2 --only zlib,zilb
	contains err "--only cannot be 'zlib,zilb'"
}

an_unknown_option_is_refused() {
	soak 2 --tread 4
	contains err "there is no option '--tread'"
}

a_command_without_its_program_says_what_is_missing() {
	cp "$weft" weft
	status=0
	./weft soak >out 2>err || status=$?
	same "$status" 1
	contains err "there is no $PWD/weft-soak"
}

run_tests \
	a_library_that_errs_is_found_out \
	what_does_not_err_is_not_blamed \
	the_seed_is_printed_when_nobody_chose_it \
	an_unknown_operation_is_refused \
	an_unknown_option_is_refused \
	a_command_without_its_program_says_what_is_missing
