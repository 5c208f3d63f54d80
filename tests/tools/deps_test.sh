#!/bin/sh
# SPDX-License-Identifier: MIT
# tools/deps.sh on machines that have everything, something, no sudo, no Debian: all of them faked.

root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/tests/tools/check.sh"

# A machine in ./bin: who the user is, which packages are there.  Calls are noted in ./calls.
machine() { # user id, installed packages...
	mkdir bin
	: >calls
	ln -s "$(command -v env)" bin/env
	printf '#!/bin/sh\necho %s\n' "$1" >bin/id
	shift
	printf '%s\n' "$@" >installed
	cat >bin/dpkg-query <<-'END'
		#!/bin/sh
		echo "dpkg-query" >>calls
		while read -r name; do
			case " $* " in *" $name "*) echo "ii $name" ;; esac
		done <installed
		exit 1
	END
	cat >bin/apt-get <<-'END'
		#!/bin/sh
		echo "apt-get $* (DEBIAN_FRONTEND=$DEBIAN_FRONTEND)" >>calls
		[ ! -f "fail-$1" ]
	END
	chmod +x bin/*
}

with_sudo() {
	cat >bin/sudo <<-'END'
		#!/bin/sh
		echo "sudo" >>calls
		exec "$@"
	END
	chmod +x bin/sudo
}

deps() { # expected status, arguments...
	expected=$1
	shift
	status=0
	PATH=$PWD/bin /bin/sh "$root/tools/deps.sh" "$@" >out 2>&1 || status=$?
	same "$status" "$expected"
}

# shellcheck disable=SC2046
whole_machine() {
	machine "$1" $("$root/tools/deps.sh" --list all)
}

a_machine_that_has_everything_is_asked_once() {
	whole_machine 1000
	deps 0 build test
	same "$(cat calls)" "dpkg-query"
	same "$(cat out)" ""
}

root_installs_what_is_missing_and_no_more() {
	machine 0 gcc libc6-dev pkgconf meson
	deps 0 build
	contains calls "apt-get update -qq"
	same "$(grep -c "DEBIAN_FRONTEND=noninteractive" calls)" 2
	contains calls "apt-get install -y --no-install-recommends ninja-build node-llhttp -qq"
	same "$(grep -c update calls)" 1
	same "$(grep -c install calls)" 1
	contains out "ninja-build node-llhttp"
}

a_user_with_sudo_is_told_and_then_served() {
	machine 1000 gcc libc6-dev pkgconf meson node-llhttp
	with_sudo
	deps 0 build
	contains out "'build' needs Debian packages that are not installed: ninja-build"
	contains out "sudo"
	same "$(grep -c sudo calls)" 2
	contains calls "apt-get install -y --no-install-recommends ninja-build -qq"
}

a_user_without_sudo_gets_the_exact_command() {
	machine 1000 gcc libc6-dev pkgconf meson node-llhttp
	deps 1 build
	contains out "    apt-get update && apt-get install -y --no-install-recommends ninja-build"
	lacks calls apt-get
}

an_installation_that_fails_stops_with_the_command() {
	machine 0 gcc libc6-dev pkgconf meson node-llhttp
	: >fail-install
	deps 1 build
	contains out "    apt-get update && apt-get install -y --no-install-recommends ninja-build"
}

an_index_that_cannot_be_refreshed_does_not_stop_it() {
	machine 0 gcc libc6-dev pkgconf meson node-llhttp
	: >fail-update
	deps 0 build
	contains calls "apt-get install"
}

a_half_installed_package_counts_as_missing() {
	machine 0
	cat >bin/dpkg-query <<-'END'
		#!/bin/sh
		printf 'iU gcc\nrc libc6-dev\nii pkgconf\nii meson\nii ninja-build\nii node-llhttp\n'
	END
	deps 0 build
	contains calls "--no-install-recommends gcc libc6-dev -qq"
}

a_package_of_two_groups_is_named_once() {
	machine 0
	deps 0 test bench
	same "$(grep -o 'g++' calls | wc -l | tr -d ' ')" 1
}

nothing_is_touched_when_switched_off() {
	machine 0
	WEFT_DEPS=off
	export WEFT_DEPS
	deps 0 all
	same "$(cat calls)" ""
}

another_system_is_left_to_its_owner() {
	machine 0
	rm bin/dpkg-query
	deps 0 build
	contains out "not a Debian system"
	contains out "node-llhttp"
	same "$(cat calls)" ""
}

an_unknown_group_is_refused() {
	machine 0
	deps 2 biuld
	contains out "no group 'biuld'"
	same "$(cat calls)" ""
}

every_package_has_its_reason_in_the_documents() {
	for name in $("$root/tools/deps.sh" --list all); do
		contains "$root/docs/dependencies.md" "\`$name\`"
	done
}

unset WEFT_DEPS
run_tests \
	a_machine_that_has_everything_is_asked_once \
	root_installs_what_is_missing_and_no_more \
	a_user_with_sudo_is_told_and_then_served \
	a_user_without_sudo_gets_the_exact_command \
	an_installation_that_fails_stops_with_the_command \
	an_index_that_cannot_be_refreshed_does_not_stop_it \
	a_half_installed_package_counts_as_missing \
	a_package_of_two_groups_is_named_once \
	nothing_is_touched_when_switched_off \
	another_system_is_left_to_its_owner \
	an_unknown_group_is_refused \
	every_package_has_its_reason_in_the_documents
