#!/bin/sh
# SPDX-License-Identifier: MIT
#
# deps.sh GROUP...: the Debian packages of these groups, installed where they are missing.
#
#   deps.sh build test    install what is missing of two groups
#   deps.sh all           of every group
#   deps.sh --list GROUP  print the names only
#
# As root it installs.  Otherwise it says what it will do and why, and does it through sudo; where
# that is not to be had it prints the command to run and stops.  Where nothing is missing it costs
# one dpkg-query.  On other systems than Debian's it leaves the packages to you.
#
# docs/dependencies.md says what each package is for.

set -eu

packages_of() {
	case $1 in
	build) echo gcc libc6-dev pkgconf meson ninja-build node-llhttp ;;
	test)
		echo libcmocka-dev g++ gdb curl valgrind groff-base man-db
		echo zlib1g-dev libzstd-dev libsqlite3-dev libssl-dev libexpat1-dev
		;;
	models) echo spin ;;
	bench)
		echo g++ libboost-dev libboost-context-dev libboost-fiber-dev libst-dev libglib2.0-dev
		echo golang-go
		;;
	servers) echo nginx-light wrk ;;
	tidy) echo clang clang-tidy clang-format cppcheck ;;
	aarch64) echo gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user ;;
	all) for group in build test models bench servers tidy aarch64; do packages_of $group; done ;;
	*)
		echo "deps: no group '$1' (build, test, models, bench, servers, tidy, aarch64, all)" >&2
		exit 2
		;;
	esac
}

list=
if [ "${1-}" = --list ]; then
	list=yes
	shift
fi
[ $# -gt 0 ] || set -- build
wanted=
for group; do
	names=$(packages_of "$group")
	for name in $names; do
		case " $wanted " in *" $name "*) ;; *) wanted="$wanted $name" ;; esac
	done
done

if [ -n "$list" ]; then
	printf '%s\n' $wanted
	exit 0
fi
[ "${WEFT_DEPS:-on}" != off ] || exit 0
if ! command -v dpkg-query >/dev/null 2>&1; then
	echo "deps: not a Debian system; these packages, or what matches them, must be there:$wanted" >&2
	exit 0
fi

# "ii " before a name: installed, and nothing is wrong with it.
have=$(dpkg-query --show --showformat='${db:Status-Abbrev}${Package}\n' $wanted 2>/dev/null || :)
missing=
for name in $wanted; do
	case "
$have
" in
	*"
ii $name
"*) ;;
	*) missing="$missing $name" ;;
	esac
done
[ -n "$missing" ] || exit 0

update="apt-get update"
install="apt-get install -y --no-install-recommends$missing"

if [ "$(id -u)" = 0 ]; then
	echo "deps: installing for '$*':$missing"
	as_root=env
elif command -v sudo >/dev/null 2>&1; then
	echo "deps: '$*' needs Debian packages that are not installed:$missing"
	echo "deps: installing them through sudo (docs/dependencies.md says what each is for)"
	as_root="sudo env"
else
	echo "deps: '$*' needs Debian packages that are not installed:$missing" >&2
	echo "deps: neither root nor sudo is here; run this as root, then try again:" >&2
	echo "    $update && $install" >&2
	exit 1
fi

quiet="-qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=120"
# An index that could not be refreshed may still do; whether it does, the installation tells.
$as_root DEBIAN_FRONTEND=noninteractive $update $quiet >/dev/null ||
	echo "deps: '$update' failed; trying with the package index that is here" >&2
if ! $as_root DEBIAN_FRONTEND=noninteractive $install $quiet >/dev/null; then
	echo "deps: the packages could not be installed; as root, run:" >&2
	echo "    $update && $install" >&2
	exit 1
fi
