#!/bin/sh
# SPDX-License-Identifier: MIT
# The check of the floors refuses what it must and lets the rest pass.

root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/tests/tools/check.sh"

file() { # path, include lines
	mkdir -p "$(dirname "src/$1")"
	printf '%s\n' "$2" >"src/$1"
}

floors() { # expected status
	status=0
	"$root/tools/tidy/floors.sh" src >out 2>&1 || status=$?
	same "$status" "$1"
}

down_the_stairs_is_free() {
	file base/list.h ''
	file base/real/atomic_point.h ''
	file sched/park.h '#include "base/list.h"'
	file sched/park.c '#include "sched/park.h"
#include "park.h"
#include "sys/sys.h"
#include "weft/thread.h"
#include <weft/thread.h>
#include <sys/socket.h>
#include "atomic_point.h"'
	file serve/http.c '#include "pool/pool.h"
#include "llhttp.h"'
	floors 0
}

up_the_stairs_is_refused() {
	file base/list.c '
	#  include "sched/park.h"'
	floors 1
	contains out 'src/base/list.c:2: "sched/park.h" is up the stairs'
}

across_the_floor_needs_a_door() {
	file trace/ring.c '#include "mem/slab.h"'
	floors 1
	contains out 'src/trace/ring.c:1: "mem/slab.h" is across the floor'
}

climbing_out_of_the_folder_is_refused() {
	file sched/park.c '#include "../base/list.h"'
	floors 1
	contains out 'climbs out'
}

a_room_that_is_on_no_floor_is_refused() {
	file cellar/rat.c ''
	floors 1
	contains out "the room 'cellar' is on no floor"
}

an_include_of_no_room_is_refused() {
	file sched/park.c '#include "cellar/rat.h"'
	floors 1
	contains out "there is no room 'cellar'"
}

the_inside_of_another_room_is_refused() {
	file sched/park.c '#include "sys/linux/futex.h"'
	floors 1
	contains out 'is inside another room'
}

a_private_header_in_angle_brackets_is_refused() {
	file base/list.h ''
	file sched/park.c '#include <base/list.h>'
	floors 1
	contains out '<base/list.h> is ours'
}

a_variant_is_refused_up_the_stairs() {
	file sched/plain/fiber.h ''
	file base/list.c '#include "fiber.h"'
	floors 1
	contains out '"fiber.h" is not in this folder'
}

the_shim_sees_public_headers_alone() {
	file shim/mutex.c '#include "base/list.h"'
	floors 1
	contains out 'public headers alone'
}

a_header_without_a_room_is_in_the_same_folder() {
	file sched/park.c '#include "list.h"'
	floors 1
	contains out '"list.h" is not in this folder'
}

run_tests \
	down_the_stairs_is_free \
	up_the_stairs_is_refused \
	across_the_floor_needs_a_door \
	climbing_out_of_the_folder_is_refused \
	a_room_that_is_on_no_floor_is_refused \
	an_include_of_no_room_is_refused \
	the_inside_of_another_room_is_refused \
	a_private_header_in_angle_brackets_is_refused \
	a_variant_is_refused_up_the_stairs \
	the_shim_sees_public_headers_alone \
	a_header_without_a_room_is_in_the_same_folder
