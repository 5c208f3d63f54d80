# SPDX-License-Identifier: MIT
#
# Who may include whom: down the floors freely, across only through a listed door, up never.
# Reads the sources of src/ (as paths from there on, "sched/park.c") and prints what breaks the rule.
#
# A quoted include is one of
#   "room/name.h"   a room of the table below
#   "weft/name.h"   a public header: allowed anywhere (as <weft/name.h> is)
#   "name.h"        from the file's own folder, or a variant: a header in a folder inside a room
#                   (arch/x86_64, base/real), of which the include path chooses one
# and never leads through "..".  The variants come as -v variants="base/real/atomic_point.h ...".

function door(from, to) {
	doors[from " " to] = 1
}

BEGIN {
	floor["base"] = 0
	floor["arch"] = floor["sys"] = 1
	floor["trace"] = floor["mem"] = 2
	floor["sched"] = 3
	floor["sync"] = floor["chan"] = 4
	floor["io"] = floor["fault"] = 5
	floor["pool"] = 6
	floor["serve"] = floor["shim"] = 7

	# Doors between rooms of one floor: who, and which header.
	door("sys", "arch/hold.h")	# spin locks and lists of libc's put preemption off
	door("chan", "sync/event.h")	# events are cases of a select
	door("sys", "arch/arch.h")	# how this processor pauses in a spin, and where its stack is

	# The room of each variant; of one that stands in several rooms, the lowest.
	n = split(variants, paths, " ")
	for (i = 1; i <= n; i++) {
		room = name = paths[i]
		sub(/\/.*/, "", room)
		sub(/.*\//, "", name)
		if (!(name in chosen) || floor[room] < floor[chosen[name]])
			chosen[name] = room
	}

	# Headers of libraries that a room is built on.
	foreign["serve llhttp.h"] = 1
}

function complain(text) {
	printf "src/%s:%d: %s\n", FILENAME, FNR, text
	bad++
}

FNR == 1 {
	room = FILENAME
	sub(/\/.*/, "", room)
	folder = FILENAME
	sub(/\/[^\/]*$/, "", folder)
	if (!(room in floor))
		complain("the room '" room "' is on no floor; tools/tidy/floors.awk lists them")
}

/^[ \t]*#[ \t]*include[ \t]*"/ {
	header = $0
	sub(/^[^"]*"/, "", header)
	sub(/".*/, "", header)

	if (header ~ /(^|\/)\.\.(\/|$)/) {
		complain("\"" header "\" climbs out of its folder")
		next
	}
	if (header !~ /\//) {
		path = folder "/" header
		if ((room " " header) in foreign)
			next
		if (header in chosen && floor[chosen[header]] <= floor[room])
			next
		if ((getline line < path) < 0)
			complain("\"" header "\" is not in this folder; name its room")
		close(path)
		next
	}
	to = header
	sub(/\/.*/, "", to)
	if (to == "weft" || to == room)
		next
	if (!(to in floor)) {
		complain("\"" header "\": there is no room '" to "'")
		next
	}
	if (room == "shim") {
		complain("\"" header "\": the shim is built on public headers alone")
		next
	}
	if (header ~ /\/.*\//) {
		complain("\"" header "\" is inside another room; include what the room shows")
		next
	}
	if (floor[to] > floor[room])
		complain("\"" header "\" is up the stairs: " room " is on floor " floor[room] \
			", " to " on floor " floor[to])
	else if (floor[to] == floor[room] && !((room " " header) in doors))
		complain("\"" header "\" is across the floor, and there is no door from " room)
}

# A private header in angle brackets would pass for a system's.
/^[ \t]*#[ \t]*include[ \t]*</ {
	header = $0
	sub(/^[^<]*</, "", header)
	sub(/>.*/, "", header)
	to = header
	sub(/\/.*/, "", to)
	if (to in floor && header ~ /\// && (getline line < header) >= 0)
		complain("<" header "> is ours: write it in quotes")
	close(header)
}

END {
	exit bad > 0
}
