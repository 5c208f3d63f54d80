# SPDX-License-Identifier: MIT
# What the shell tests share: sourced, never run.  A test is a function whose name says the
# behaviour; run_tests runs those named, each in a fresh folder, and counts.

set -u

fail() {
	echo "    $*"
	exit 1
}

contains() { # file, text
	grep -qF -e "$2" "$1" || {
		sed 's/^/    | /' "$1"
		fail "expected in $1: $2"
	}
}

lacks() { # file, text
	! grep -qF -e "$2" "$1" || {
		sed 's/^/    | /' "$1"
		fail "not expected in $1: $2"
	}
}

same() { # got, expected
	[ "$1" = "$2" ] || fail "got '$1', expected '$2'"
}

run_tests() {
	failures=0
	for name; do
		echo "[ RUN      ] $name"
		work=$(mktemp -d)
		if (cd "$work" && $name); then
			echo "[       OK ] $name"
		else
			echo "[  FAILED  ] $name"
			failures=$((failures + 1))
		fi
		rm -rf "$work"
	done
	if [ "$failures" -gt 0 ]; then
		echo "[  FAILED  ] $failures of $# test(s)."
		exit 1
	fi
	echo "[  PASSED  ] $# test(s)."
}
