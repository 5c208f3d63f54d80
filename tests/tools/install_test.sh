#!/bin/sh
# SPDX-License-Identifier: MIT
# install_test.sh BUILD: a stranger's program builds and runs with what is installed, and no more.

build=$1
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/tests/tools/check.sh"

installed() {
	meson install -C "$build" --no-rebuild --quiet --destdir "$PWD/dest" >log 2>&1 ||
		fail "$(cat log)"
	pc=$(find dest -name weft.pc)
	[ -n "$pc" ] || fail "no weft.pc"
	PKG_CONFIG_PATH=$PWD/$(dirname "$pc")
	PKG_CONFIG_SYSROOT_DIR=$PWD/dest
	export PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR
	cat >program.c <<-'END'
		#include <stdio.h>
		#include <weft/weft.h>
		#include <weft/version.h>
		int main(void)
		{
			puts(weft_version());
			return 0;
		}
	END
}

a_program_links_the_shared_library() {
	installed
	# shellcheck disable=SC2046
	cc -o program program.c $(pkg-config --cflags --libs weft) || fail "it does not build"
	LD_LIBRARY_PATH=$(dirname "$(find "$PWD/dest" -name libweft.so)") ./program >out ||
		fail "it does not run"
	same "$(cat out)" "$(pkg-config --modversion weft)"
}

a_program_links_the_static_library() {
	installed
	# shellcheck disable=SC2046
	cc -o program program.c $(pkg-config --cflags weft) "$(find "$PWD/dest" -name libweft.a)" \
		-pthread || fail "it does not build"
	./program >out || fail "it does not run"
	same "$(cat out)" "$(pkg-config --modversion weft)"
}

the_manual_is_where_man_looks() {
	installed
	manual=$(find "$PWD/dest" -path '*/man/man7/weft.7')
	[ -n "$manual" ] || fail "no manual"
	man -M "${manual%/man7/weft.7}" -P cat 3 weft_mutex_lock_until >out 2>&1 ||
		fail "man does not find it: $(cat out)"
	contains out "weft/mutex.h"
}

run_tests a_program_links_the_shared_library a_program_links_the_static_library \
	the_manual_is_where_man_looks
