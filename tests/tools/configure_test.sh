#!/bin/sh
# SPDX-License-Identifier: MIT
# tools/configure.sh asks meson as often as it must, and passes on what it says only when it fails.

root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/tests/tools/check.sh"

# A meson in ./bin that notes its calls in ./calls and fails where a file named fail stands.
fake_meson() {
	mkdir bin
	: >calls
	cat >bin/meson <<-'END'
		#!/bin/sh
		echo "$*" >>calls
		echo "meson has much to say"
		[ ! -f fail ] || exit 1
		for dir; do [ "$dir" != build ] || { mkdir -p build && : >build/build.ninja; }; done
	END
	chmod +x bin/meson
}

configure() { # expected status, arguments...
	expected=$1
	shift
	status=0
	PATH=$PWD/bin:$PATH "$root/tools/configure.sh" "$@" >out 2>&1 || status=$?
	same "$status" "$expected"
}

a_directory_is_set_up_once() {
	fake_meson
	configure 0 build -Da=b
	configure 0 build -Da=b
	configure 0 build
	same "$(cat calls)" "setup build -Da=b"
	lacks out "much to say"
}

a_new_option_is_added_to_what_stands() {
	fake_meson
	configure 0 build
	configure 0 build -Da=b -Dc=d
	configure 0 build -Dc=d -De=f
	configure 0 build -Da=b
	same "$(cat calls)" "setup build
setup --reconfigure build -Da=b -Dc=d
setup --reconfigure build -De=f"
}

an_option_that_changes_back_is_passed_on() {
	fake_meson
	configure 0 build -Da=b
	configure 0 build -Da=c
	configure 0 build -Da=b
	configure 0 build -Da=b
	same "$(cat calls)" "setup build -Da=b
setup --reconfigure build -Da=c
setup --reconfigure build -Da=b"
}

options_come_from_outside_too() {
	fake_meson
	WEFT_OPTIONS="-Da=b -Dc=d"
	export WEFT_OPTIONS
	configure 0 build -De=f
	same "$(cat calls)" "setup build -De=f -Da=b -Dc=d"
}

a_failure_says_what_meson_said_and_is_tried_again() {
	fake_meson
	: >fail
	configure 1 build
	contains out "much to say"
	rm fail
	configure 0 build
	: >fail
	configure 1 build -Da=b
	rm fail
	configure 0 build -Da=b
	same "$(tail -n 1 calls)" "setup --reconfigure build -Da=b"
}

unset WEFT_OPTIONS
run_tests \
	a_directory_is_set_up_once \
	a_new_option_is_added_to_what_stands \
	an_option_that_changes_back_is_passed_on \
	options_come_from_outside_too \
	a_failure_says_what_meson_said_and_is_tried_again
