#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Checks the models: each good one must hold, each broken variant must fail.
#
#   models/run.sh [--long] [--jobs N] [MODEL...]
#
#   --long     the larger configurations as well (several minutes, 4 GB)
#   --jobs N   how many at once (default: the number of CPUs)
#
# A row of the table below is: kind, model, options of the preprocessor.
#   good    must hold.  Statements that no good row of a model reaches are reported, unless
#           their line says "(never)": what a model never does, it does not prove.
#   also    must hold; another shape of the model, not counted for what is reached
#   bad     must fail: the model sees the error that the variant makes
#   long    must hold; only with --long
#
# Exit status: 0 if all is as it must be.

set -u
cd "$(dirname "$0")" || exit 2

table='
good park      -DLIGHT_WAITS=2
good park      -DLIGHT_WAITS=0 -DKERNEL_WAITS=2
good park      -DLIGHT_WAITS=1 -DKERNEL_WAITS=1
bad  park      -DPARKED_BEFORE_SWITCH
bad  park      -DNO_EPOCH
bad  park      -DCLAIM_UNLOCKED
bad  park      -DARM_LATE
bad  park      -DPARK_CAS_IGNORED
bad  park      -DREADY_RUNNING
bad  park      -DLOST_COUNTS -DLIGHT_WAITS=1
bad  park      -DNOTIFIED_GOES -DLIGHT_WAITS=0 -DKERNEL_WAITS=1
bad  park      -DTIMER_FORGOTTEN
good ownership -DSPAWNS=0
good ownership -DREVOCATIONS=0 -DBLOCKS=2 -DEVENTS=1 -DSPAWNS=0
good ownership -DBLOCKS=0
good ownership -DSTOPS=1 -DBLOCKS=0 -DSPAWNS=0
good ownership -DSTOPS=2 -DBLOCKS=0 -DSPAWNS=0 -DNC=2
good ownership -DSTOPS=1 -DREVOCATIONS=2 -DBLOCKS=0 -DSPAWNS=0 -DNC=2
bad  ownership -DNO_MEMBARRIER -DBLOCKS=0 -DSPAWNS=0
bad  ownership -DREAD_FIRST -DBLOCKS=0 -DSPAWNS=0
bad  ownership -DCAS_ONCE -DBLOCKS=0 -DSPAWNS=0
bad  ownership -DNO_CAS_BACK -DBLOCKS=0 -DSPAWNS=0
bad  ownership -DBARE_REVOKED -DREVOCATIONS=2 -DBLOCKS=0 -DSPAWNS=0
bad  ownership -DGIVE_BY_STORE -DBLOCKS=0 -DSPAWNS=0
bad  ownership -DNO_IDLE_CAS
bad  ownership -DEVENTS_FIRST -DREVOCATIONS=0 -DBLOCKS=1 -DEVENTS=1 -DSPAWNS=0
bad  ownership -DDROP_TOKEN -DREVOCATIONS=0 -DBLOCKS=2
bad  ownership -DNO_SPARE_MADE -DREVOCATIONS=0
bad  ownership -DWORD_FIRST -DSTOPS=1 -DREVOCATIONS=0 -DBLOCKS=0 -DSPAWNS=0
bad  ownership -DSLEEPS_OUTSIDE -DSTOPS=1 -DBLOCKS=0 -DSPAWNS=0
bad  ownership -DSTAYS_NAMED -DSTOPS=1 -DREVOCATIONS=2 -DBLOCKS=0 -DSPAWNS=0 -DNC=2
bad  ownership -DBETWEEN_IS_IDLE -DSTOPS=1 -DREVOCATIONS=2 -DBLOCKS=0 -DSPAWNS=0 -DNC=2
bad  ownership -DNOT_ADOPTED -DSTOPS=1 -DREVOCATIONS=2 -DBLOCKS=0 -DSPAWNS=0 -DNC=2
good handoff   -DRETIRES=1 -DHOGS=0
good handoff   -DFAULTS=1 -DBRACKETS=0
good handoff   -DFAILS=1
good handoff   -DNC=2 -DBLOCKS=2 -DSPAWNS=2
bad  handoff   -DNO_ADOPTION
bad  handoff   -DLISTED_FIRST -DFAILS=1
bad  handoff   -DNO_ANSWER -DFAILS=1
bad  handoff   -DRETIRE_OFFERED -DRETIRES=1 -DBLOCKS=2 -DBRACKETS=0 -DHOGS=0
bad  handoff   -DRETIRE_UNLOCKED -DRETIRES=1 -DHOGS=0
bad  handoff   -DRETIRE_SELF -DRETIRES=1 -DBRACKETS=2
bad  handoff   -DNO_AWAY_TICK
bad  handoff   -DNO_BOUND_RING -DNC=2
bad  handoff   -DGIVES_UP -DNC=2 -DBLOCKS=2
good dislodge
good dislodge  -DNC=3 -DNT=4
good dislodge  -DFIRM=1
good dislodge  -DNC=3 -DNT=4 -DFIRM=2
good dislodge  -DNC=3 -DNT=4 -DSTUCK=1
bad  dislodge  -DNEVER
bad  dislodge  -DNOT_OTHERS -DFIRM=1
bad  dislodge  -DONE_FOR_EVER -DFIRM=1
bad  dislodge  -DTO_THE_FRONT
bad  dislodge  -DIN_ANY_CALL -DSTUCK=1
good maker     -DSEEN=0
good maker     -DSEEN=1 -DASKS=1
good maker     -DASKS=0
bad  maker     -DCOUNT_LATE -DSEEN=0
bad  maker     -DRING_FIRST -DSEEN=0
bad  maker     -DASK_BY_STORE -DSEEN=0
bad  maker     -DNO_ANSWER -DSEEN=0
bad  maker     -DARG_FIRST -DASKS=0
bad  maker     -DTAKE_BY_STORE -DASKS=0
bad  maker     -DADD_SILENT -DSEEN=0
bad  maker     -DREMOVE_SILENT -DSEEN=0
bad  maker     -DGONE_AT_ONCE -DSEEN=0
good preempt   -DNC=1
good preempt   -DHOLDS=0 -DDEFERS=0 -DHOGS=1
good preempt   -DNC=1 -DNT=3 -DHOLDS=0 -DDEFERS=0 -DHOGS=1 -DLEVELS=1
good preempt   -DNC=1 -DRETURNS=1 -DHOLDS=0
bad  preempt   -DIN_CARRIER -DNT=3
bad  preempt   -DWISH_FIRST -DNC=1
bad  preempt   -DSWITCH_HELD -DNC=1
bad  preempt   -DNODEFER -DHOLDS=0 -DDEFERS=0 -DHOGS=1
bad  preempt   -DNOT_MOVED
bad  preempt   -DSHUT_AWAY -DNC=1
bad  preempt   -DNO_RELOOK -DNC=1 -DNT=3 -DHOLDS=0 -DDEFERS=0 -DHOGS=1 -DLEVELS=1
bad  preempt   -DARM_FIRST -DNC=1 -DNT=3 -DHOLDS=0 -DDEFERS=0 -DHOGS=1 -DLEVELS=1
bad  preempt   -DFLAG_FIRST -DNC=1 -DNT=3 -DHOLDS=0 -DDEFERS=0 -DHOGS=1 -DLEVELS=1
bad  preempt   -DIDLE_TICKS -DNC=1 -DNT=3 -DHOLDS=0 -DDEFERS=0 -DHOGS=1 -DLEVELS=1
bad  preempt   -DSLEEP_BLIND -DNC=1 -DHOLDS=0 -DHOGS=1
bad  preempt   -DRING_FIRST -DNC=1 -DHOLDS=0 -DHOGS=1
bad  preempt   -DRETURN_SILENT -DNC=1 -DRETURNS=1 -DHOLDS=0
good stopped
good stopped   -DSTOPS=2 -DREVOCATIONS=1
good stopped   -DSTOPS=2 -DNP=2
good stopped   -DSTOPS=2 -DREVOCATIONS=2 -DNC=2
bad  stopped   -DDIRECT
bad  stopped   -DMARK_LATE
bad  stopped   -DMARK_KEPT
bad  stopped   -DQUEUED_FIRST -DNP=2
bad  stopped   -DWORD_LATE
bad  stopped   -DSLEEP_BLIND
bad  stopped   -DWAKE_FIRST
bad  stopped   -DNAMED_LATE
bad  stopped   -DNOT_INSIDE -DREVOCATIONS=1 -DSTOPS=2
bad  stopped   -DSTALE_WISH
bad  stopped   -DSTAYS
bad  stopped   -DSTAYS_NAMED -DSTOPS=2 -DREVOCATIONS=2 -DNC=2
bad  stopped   -DLEFT_ALONE -DSTOPS=2 -DREVOCATIONS=2 -DNC=2
good idle
bad  idle      -DNO_BARRIER
bad  idle      -DNO_SECOND_LOOK
bad  idle      -DNO_LAST_WAKE
bad  idle      -DREFUSED_ALONE -DN=3 -DMADE=0 -DEVENTS=0
bad  idle      -DMOVE_SILENT
bad  idle      -DYIELD_SILENT
bad  idle      -DPOLL_DROPS
bad  idle      -DLOOK_FIRST
bad  idle      -DHOT_UNSEEN
bad  idle      -DHOT_SILENT
good ended
bad  ended     -DPLAIN_SUM
bad  ended     -DNO_FLUSH
bad  ended     -DCOUNT_LATE
bad  ended     -DNO_LAST_LOOK
bad  ended     -DNO_END_FENCE
bad  ended     -DNO_CHAIN
good runqueue  -DTHIEVES=1 -DSTEALS=2
good runqueue  -DITEMS=3
good runqueue  -DITEMS=3 -DTHIEVES=1 -DHOTS=2
also runqueue  -DALONE -DHOTS=2
bad  runqueue  -DRING_FIRST
bad  runqueue  -DRING_FREED
bad  runqueue  -DTAIL_BEFORE_SLOT
bad  runqueue  -DOWNER_STORES
bad  runqueue  -DPUBLISH_FIRST
bad  runqueue  -DHEAD_LAST
bad  runqueue  -DHOT_STORES -DITEMS=3 -DTHIEVES=1 -DHOTS=2
bad  runqueue  -DSMALL_MODULUS
good waitq
good waitq     -DSETTLES=0
bad  waitq     -DLOST_COUNTS
bad  waitq     -DNOT_UNLINKED
bad  waitq     -DUNLINK_BLIND
bad  waitq     -DLOOK_OUTSIDE
bad  waitq     -DPUT_OUTSIDE
bad  waitq     -DTOUCHED_AFTER -DSETTLES=0
bad  waitq     -DREADY_RUNNING
bad  waitq     -DNO_SETTLE
good cancel    -DWAITS=1
good cancel    -DONLY=SCOPE
good cancel    -DONLY=THREAD
good cancel    -DFENCED -DONLY=SCOPE
bad  cancel    -DNO_BARRIER
bad  cancel    -DNO_BARRIER -DFENCED
bad  cancel    -DNO_MEMBARRIER
bad  cancel    -DNO_FENCE_WAITER -DFENCED
bad  cancel    -DLOOK_FIRST
bad  cancel    -DNO_LOOK
bad  cancel    -DCLAIMS_FIRM
bad  cancel    -DREADY_ARMED
bad  cancel    -DCLAIMED_ONCE
bad  cancel    -DCLAIM_UNLOCKED
bad  cancel    -DNO_RELOOK
bad  cancel    -DFLAG_ONCE -DPOSTS=0
bad  cancel    -DSTAYS_FLAGGED -DONLY=SCOPE
bad  cancel    -DSHIELD_SILENT
bad  cancel    -DSHIELD_BLIND
good mutex     -DTRIES=2
bad  mutex     -DFREED_BY_STORE
bad  mutex     -DMARK_OUTSIDE
bad  mutex     -DNO_MARK
bad  mutex     -DWOKEN_STAYS
bad  mutex     -DWOKEN_LEAVES
bad  mutex     -DWOKEN_FREED
bad  mutex     -DWOKEN_BLIND
bad  mutex     -DWAKES_MORE
bad  mutex     -DWOKEN_FORGOTTEN
bad  mutex     -DLOST_COUNTS
bad  mutex     -DWAITED_DROPPED
bad  mutex     -DNO_SETTLE
good cond
good cond      -DPUTS=1
bad  cond      -DENTER_LATE
bad  cond      -DARM_LATE
bad  cond      -DUNLOCK_WAITS
bad  cond      -DCHANGE_UNLOCKED
bad  cond      -DLOST_COUNTS -DPUTS=1
bad  cond      -DRELOCK_OPEN
bad  cond      -DNO_SETTLE
good chan
good chan      -DCAP=1
good chan      -DGONE -DSENDERS=1 -DRECVS=1 -DCLOSES=0
good chan      -DGONE -DSENDERS=1 -DRECVS=1 -DCLOSES=0 -DCAP=1
bad  chan      -DCOPY_FIRST
bad  chan      -DLOST_COUNTS
bad  chan      -DNO_SETTLE
bad  chan      -DSETTLE_BY_LOCK -DGONE -DSENDERS=1 -DRECVS=1 -DCLOSES=0
bad  chan      -DRESULT_FIRST -DGONE -DSENDERS=1 -DRECVS=1 -DCLOSES=0
bad  chan      -DNOT_REFILLED -DCAP=1
bad  chan      -DCLOSED_FIRST -DCAP=1
bad  chan      -DCLOSE_SILENT
bad  chan      -DCLOSE_OUTSIDE
good select
also select    -DSAME -DALONE
bad  select    -DLOOK_ONCE
bad  select    -DLOOK_OUTSIDE
bad  select    -DNO_WITHDRAW
bad  select    -DOTHER_FIRST
bad  select    -DWITHDRAWN_WINS
bad  select    -DNOT_LEFT
bad  select    -DLEFT_LATE
bad  select    -DNOT_NUMBERED
good group
bad  group     -DCOUNT_LATE
bad  group     -DENTER_BLIND
bad  group     -DMARKED_AFTER
bad  group     -DFAIL_SILENT
bad  group     -DENDS_LISTED
bad  group     -DCOUNT_UNLOCKED
bad  group     -DLAST_SILENT
bad  group     -DJOIN_LEAVES
bad  group     -DCANCEL_SILENT
long cancel
long mutex     -DTRIES=4
long select    -DSAME
long chan      -DCAP=1 -DSENDERS=3
long park      -DLIGHT_WAITS=3 -DKERNEL_WAITS=0
long ownership
long ownership -DREVOCATIONS=2 -DBLOCKS=0 -DSPAWNS=0
long handoff   -DRETIRES=1 -DBRACKETS=2
long handoff   -DFAILS=1 -DFAULTS=1 -DBLOCKS=2 -DHOGS=0
long preempt   -DDEFERS=0 -DLEVELS=1
long stopped   -DNP=2 -DNC=4 -DSTOPS=2
long idle      -DN=3 -DMADE=0 -DEVENTS=0
long maker
long dislodge  -DNC=3 -DNT=5 -DFIRM=1 -DSTUCK=1
long ended     -DSPAWNS=4
long runqueue
'

kinds='good also bad'
jobs=$(nproc 2>/dev/null || echo 2)
only=''
while [ $# -gt 0 ]; do
	case $1 in
	--long) kinds="$kinds long" ;;
	--jobs) jobs=$2; shift ;;
	-h | --help) sed -n '4,20s/^# \{0,1\}//p' "$0"; exit 0 ;;
	-*) echo "models/run.sh: unknown option $1 (see --help)" >&2; exit 2 ;;
	*)
		[ -f "${1%.pml}.pml" ] || { echo "models/run.sh: no model $1" >&2; exit 2; }
		only="$only ${1%.pml} "
		;;
	esac
	shift
done
for tool in spin gcc; do
	command -v "$tool" >/dev/null || { echo "models/run.sh: $tool is not installed" >&2; exit 2; }
done

here=$PWD
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT

# One row, in a directory of its own. Leaves verdict, states, seconds and what failed in `line`.
check() {
	local dir=$1 kind=$2 model=$3 level=-O1 memory=2000 hash=-w22 from states failed
	shift 3
	cd "$dir" || return
	# Reversed: a search for an error finds most of these sooner; it is short, so what takes time is
	# the compiler, and the pages of a large hash table.
	[ "$kind" = bad ] && level="-O0 -DREVERSE -DT_REVERSE" hash=-w20
	[ "$kind" = long ] && level=-O2 memory=8000 hash=
	if ! spin -a "$@" "$here/$model.pml" >spin.out 2>&1 ||
		! gcc $level -w -DSAFETY -DMEMLIM=$memory -o pan pan.c >gcc.out 2>&1; then
		echo "does not compile|-|-|" >line
		return
	fi
	from=$(date +%s%N)
	./pan -m200000 $hash >pan.out 2>&1
	from=$((($(date +%s%N) - from) / 10000000))
	rm -f pan pan.?
	states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' pan.out | awk '{ printf "%d", $1 }')
	failed=$(sed -n 's/^pan:[0-9]*: \(.*\) (at depth.*/\1/p' pan.out | head -n 1)
	if grep -q 'errors: 0$' pan.out && ! grep -qE 'not completed|depth too small|MEMLIM' pan.out; then
		echo "holds|$states|$from|" >line
	elif grep -q 'errors: [1-9]' pan.out; then
		echo "fails|$states|$from|$failed" >line
	else
		echo "not finished|$states|$from|" >line
	fi
	# proctype, file:line, state, statement
	awk '/^unreached in / { where = $NF }
	     /^\t.*, state / { sub(/^\t[^:]*:/, ""); print where ":" $0 }' pan.out | sort >unreached
}

# In the order of the table, as each is done.
bad=0
report() {
	local kind=$1 model=$2 line verdict states cs failed ok=yes
	local options=$3 dir=$4
	IFS='|' read -r verdict states cs failed <"$dir/line"
	case $kind:$verdict in
	bad:fails | good:holds | also:holds | long:holds) ;;
	*) ok=NO; bad=1 ;;
	esac
	[ "$kind" = bad ] && what=broken || what=good
	case $cs in
	-) ;;
	*) cs=$(printf '%d.%02d' $((cs / 100)) $((cs % 100))) ;;
	esac
	printf '%-9s  %-6s  %-56s  %-12s %10s %8s  %s\n' "$model" "$what" "${options//-D/}" "$verdict" "$states" "$cs" \
		"$([ $ok = yes ] && echo "${failed:0:48}" || echo '<-- WRONG')"
}

printf '%-9s  %-6s  %-56s  %-12s %10s %8s  %s\n' model '' configuration verdict states seconds 'what failed'
count=0
waiting=()
finish_oldest() {
	local row=${waiting[0]}
	waiting=("${waiting[@]:1}")
	wait "${row%%:*}"
	row=${row#*:}
	report "$(cat "$work/$row/kind")" "$(cat "$work/$row/model")" "$(cat "$work/$row/options")" "$work/$row"
}
while read -r kind model options; do
	[ -n "$kind" ] || continue
	case " $kinds " in *" $kind "*) ;; *) continue ;; esac
	[ -z "$only" ] || case $only in *" $model "*) ;; *) continue ;; esac
	count=$((count + 1))
	dir=$work/$count
	mkdir "$dir"
	echo "$kind" >"$dir/kind"
	echo "$model" >"$dir/model"
	echo "$options" >"$dir/options"
	[ ${#waiting[@]} -lt "$jobs" ] || finish_oldest
	# shellcheck disable=SC2086 # options are words
	(check "$dir" "$kind" "$model" $options) &
	waiting+=("$!:$count")
done <<<"$table"
while [ ${#waiting[@]} -gt 0 ]; do finish_oldest; done

# What no good row of a model reaches.
for model in park ownership handoff dislodge maker preempt stopped idle ended runqueue \
	waitq cancel mutex cond chan select group; do
	sets=()
	for dir in "$work"/*/; do
		[ "$(cat "$dir/kind")" = good ] && [ "$(cat "$dir/model")" = "$model" ] && sets+=("$dir/unreached")
	done
	[ ${#sets[@]} -gt 0 ] || continue
	sort "${sets[@]}" | uniq -c | awk -v all=${#sets[@]} '$1 == all { $1 = ""; print substr($0, 2) }' |
		while IFS=: read -r where at; do
			sed -n "${at%%,*}p" "$model.pml" | grep -q '(never)' && continue
			echo "$model.pml:${at%%,*}: in $where: never reached:${at#*state *,}"
		done >"$work/never"
	if [ -s "$work/never" ]; then
		cat "$work/never"
		bad=1
	fi
done
[ $bad = 0 ] && echo "all $count as they must be" || echo "not all as they must be"
exit $bad
