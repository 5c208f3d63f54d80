#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh NAME PROGRAM: runs an example and compares what it prints with what it must print.
set -eu
name=$1
program=$2
fail() { echo "$name: $*" >&2; exit 1; }

case $name in
hello)
	out=$("$program")
	out=$(echo "$out" | sort)
	[ "$(echo "$out" | wc -l)" -eq 4 ] || fail "four threads greet, but: $out"
	for who in shuttle warp weft; do
		echo "$out" | grep -Eqx "hello from (user|light) thread $who, with a stack of [0-9]+ KiB" || fail "no $who in: $out"
	done
	echo "$out" | grep -qx "hello from kernel thread heddle, with a stack of 8192 KiB" || fail "no heddle in: $out"
	;;
ping_pong)
	out=$("$program" 1000)
	echo "$out" | grep -q '^light threads: [0-9]* ns a round trip$' || fail "$out"
	echo "$out" | grep -q '^kernel threads: [0-9]* ns a round trip$' || fail "$out"
	if "$program" nonsense 2>/dev/null; then fail "takes nonsense for a number"; fi
	;;
producer_consumer)
	out=$("$program")
	[ "$out" = "40000 items, sum 200020000" ] || fail "$out"
	;;
count_words)
	want=$(cat README.md LICENSE examples/*.c | wc -w)
	out=$("$program" README.md LICENSE examples/*.c)
	echo "$out" | grep -qx " *$want in all" || fail "wc counts $want words: $out"
	if "$program" README.md /nonexistent >/dev/null 2>&1; then fail "does not mind a missing file"; fi
	;;
pipeline)
	want=$(tr a-z A-Z <README.md; echo "$(($(wc -l <README.md))) lines")
	out=$("$program" <README.md)
	[ "$out" = "$want" ] || fail "not what tr makes of it: $out"
	# Ctrl-C, while the input is open and a line has come through: the line that is not ended too
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	mkfifo "$work/in" "$work/out"
	"$program" <"$work/in" >"$work/out" &
	exec 3>"$work/in" 4<"$work/out"
	printf 'warp\nweft' >&3
	read -r out <&4
	[ "$out" = WARP ] || fail "$out"
	kill -INT $!
	out=$(cat <&4)
	wait $! || fail "it ends with status $?"
	[ "$out" = "WEFT2 lines, then it was stopped" ] || fail "$out"
	;;
*)
	exec "$program" --test
	;;
esac
echo "$name: ok"
