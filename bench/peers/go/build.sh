#!/bin/sh
# SPDX-License-Identifier: MIT
#
# build.sh GO OUTPUT: builds this folder's module with that tool, from what is on this machine alone.
#
# Nothing is fetched, and nothing is left in the user's home: what the tool keeps for the next time
# stands beside the program. No -trimpath: it would not use the standard library as Debian built it.

set -eu
GO111MODULE=on
GOFLAGS=-mod=mod
GOPROXY=off
GOTOOLCHAIN=local
GOWORK=off
CGO_ENABLED=0
GOCACHE=$2.cache
export GO111MODULE GOFLAGS GOPROXY GOTOOLCHAIN GOWORK CGO_ENABLED GOCACHE
unset GOOS GOARCH
cd "$(dirname "$0")"
exec "$1" build -buildvcs=false -o "$2" .
