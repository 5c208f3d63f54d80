/* SPDX-License-Identifier: MIT */
/*
 * idle.pml: how a carrier goes to sleep, and how work wakes one (src/sched/idle.c, queue.c).
 *
 * N carriers with a processor each, and a foreign kernel thread that fills the global queue.  Queues are
 * counters: q[j] is what everybody sees of processor j's ring, pend[j] what its owner has stored and its
 * store buffer still holds (TSO); hot[j] is its hot slot; g the global queue (who fills it makes a full
 * barrier).  A locked instruction drains the buffer of who executes it, membarrier drains everybody's, one
 * after the other.  The bell is one bit: a ring sets it, exactly one sleeper, or a poll, takes it.
 * A carrier that moves threads from one queue to another has them in its hands for a moment (moved).
 *
 *   weft__wake_idle      maybe_wake        weft__global_take   take_global
 *   weft__wake_slow      ring              weft__runq_steal    steal
 *   weft__search_end     search_end        sleep_idle          refuse, sleep
 *
 * A busy carrier may run its thread for ever (hog), so nothing may be left for it to see.
 *
 * Claims
 *   at rest no thread is queued while a carrier sleeps (proctype quiet);
 *   searching never falls below 0, and never more than one ring is under way.
 *
 * Broken variants (-D)
 *   NO_BARRIER      no membarrier between idle++ and the second look
 *   NO_SECOND_LOOK  searching-- before idle++, then sleeps
 *   NO_LAST_WAKE    the last searcher that found work wakes nobody
 *   REFUSED_ALONE   who was refused sleep, for there is work, looks for it without counting as a searcher
 *   MOVE_SILENT     threads moved from the global queue to a ring wake nobody
 *   YIELD_SILENT    a thread that yields is put back into the ring and wakes nobody
 *   POLL_DROPS      a busy carrier's poll takes the ring and forgets it
 *   LOOK_FIRST      who makes work reads idle and searching before it publishes
 *   HOT_UNSEEN      the second look does not look at hot slots
 *   HOT_SILENT      filling a hot slot wakes nobody
 */
#ifndef N
#define N	2		/* carriers */
#endif
#ifndef MADE
#define MADE	2		/* threads readied by carriers, in all */
#endif
#ifndef FOREIGN
#define FOREIGN	2		/* threads pushed to the global queue from outside */
#endif
#ifndef EVENTS
#define EVENTS	1		/* I/O or timer events that wake a sleeper */
#endif

byte q[N], pend[N], g;
bit hot[N];
byte idle, searching, made, events = EVENTS;
bit bell;
byte asleep;			/* ghost */

/* A locked instruction of `w`. */
inline drain(w)
{
	d_step { q[w] = q[w] + pend[w]; pend[w] = 0 }
}

inline heavy_barrier()
{
	j = 0;
#ifndef NO_BARRIER
	do
	:: j < N -> drain(j); j++
	:: else -> j = 0; break
	od
#endif
}

inline ring()
{
	atomic {
		ok = (searching == 0);
		searching = (ok -> 1 : searching)
	}
	if
	:: ok -> atomic { ok = 0; assert(!bell); bell = 1 }
	:: else
	fi
}

/* Two plain loads, no fence. */
inline maybe_wake()
{
	if
	:: idle > 0 ->
		if
		:: searching == 0 -> atomic { drain(me); ok = 0 } ring()
		:: else
		fi
	:: else
	fi
}

inline search_end()
{
	atomic { drain(me); assert(searching > 0); searching--; last = (searching == 0) }
#ifndef NO_LAST_WAKE
	if
	:: last && idle > 0 -> ring()
	:: else
	fi;
#endif
	last = 0
}

/* Publish n threads in the own ring, then look. */
inline publish(n)
{
#ifdef LOOK_FIRST
	ok = (idle > 0 && searching == 0);
	pend[me] = pend[me] + n;
	if
	:: ok -> drain(me); ring()
	:: else
	fi
#else
	pend[me] = pend[me] + n;
	maybe_wake()
#endif
}

/* A fair share: one to run, the others into the own ring. */
inline take_global()
{
	if
	:: atomic { g > 0 -> drain(me); moved = g / N; g = g - moved - 1; found = 1 }
		if
		:: moved > 0 ->
#ifdef MOVE_SILENT
			pend[me] = pend[me] + moved;
#else
			publish(moved);
#endif
			moved = 0
		:: else
		fi
	:: else
	fi
}

/* The older half of another's ring; one to run, the others into the own ring. */
inline steal()
{
	j = 0;
	do
	:: j < N && !found ->
		if
		:: atomic { j != me && q[j] > 0 -> drain(me); moved = (q[j] - 1) / 2; q[j] = q[j] - moved - 1; found = 1 }
			pend[me] = pend[me] + moved;
			moved = 0
		:: atomic { j != me && q[j] == 0 && hot[j] -> drain(me); hot[j] = 0; found = 1 }
		:: else -> j++
		fi
	:: else -> j = 0; break
	od
}

proctype carrier(byte me)
{
	byte j, moved;
	bit ok, found, last, searcher, work, rung;

busy:						/* runs a thread; the processor's queues may hold more */
	found = 0;
	do
	:: atomic { made < MADE -> made++ } publish(1)
	:: atomic { made < MADE && !hot[me] -> made++; drain(me); hot[me] = 1 }
#ifndef HOT_SILENT
		maybe_wake()
#endif
	:: atomic { bell -> bell = 0 }		/* weft__look_around polls */
#ifndef POLL_DROPS
		search_end()
#endif
	:: take_global();			/* and looks at the global queue */
		if
		:: found -> found = 0; publish(1)
		:: else
		fi
	:: atomic { q[me] + pend[me] > 0 -> drain(me); q[me]-- }	/* its thread yields to the next */
#ifdef YIELD_SILENT
		pend[me]++
#else
		publish(1)
#endif
	:: goto find				/* its thread parked or ended */
	:: goto hog				/* its thread runs for ever */
	od;

find:						/* weft__find_work */
	if
	:: atomic { hot[me] -> drain(me); hot[me] = 0; found = 1 }
	:: atomic { !hot[me] && q[me] + pend[me] > 0 -> drain(me); q[me]--; found = 1 }
	:: else -> take_global()
	fi;
	if
	:: !found && !searcher && 2 * searching < N - idle ->
		atomic { drain(me); searching++; searcher = 1 }
	:: else
	fi;
	if
	:: !found && searcher -> steal()
	:: else
	fi;
	if
	:: found && searcher -> searcher = 0; search_end(); goto busy
	:: found && !searcher -> goto busy
	:: else
	fi;

#ifdef NO_SECOND_LOOK
	if
	:: searcher -> atomic { drain(me); searching--; searcher = 0 }
	:: else
	fi;
	atomic { drain(me); idle++ }
#else
	atomic { drain(me); idle++ }
	if
	:: searcher -> atomic { drain(me); assert(searching > 0); searching--; searcher = 0 }
	:: else
	fi;
	heavy_barrier();
	work = g > 0;
	do
	:: j < N && !work ->
		work = q[j] > 0;
#ifndef HOT_UNSEEN
		work = work || hot[j];
#endif
		j++
	:: else -> j = 0; break
	od;
	if
	:: work && searching == 0 ->		/* refused */
		work = 0;
#ifdef REFUSED_ALONE
		atomic { drain(me); idle-- }
#else
		atomic { drain(me); searching++; searcher = 1 }
		atomic { drain(me); idle-- }
#endif
		goto find
	:: else -> work = 0
	fi;
#endif
	asleep++;
end_asleep:
	if
	:: atomic { bell -> bell = 0; asleep--; rung = 1 }
	:: atomic { events > 0 -> events--; asleep-- }
	fi;
	atomic { drain(me); idle-- }
	if
	:: rung -> rung = 0; searcher = 1
	:: else -> publish(1)			/* what the event readied */
	fi;
	goto find;

hog:
end_hog:
	false
}	/* (never) */

proctype foreign()
{
	byte n;
	bit ok;

	do
	:: n < FOREIGN -> n++;
		atomic { g++ }
		if
		:: idle > 0 ->
			if
			:: searching == 0 -> ring()
			:: else
			fi
		:: else
		fi
	:: break
	od
}

/* Store buffers empty themselves some day. */
proctype memory()
{
end:	do
	:: atomic { pend[0] > 0 -> drain(0) }
	:: atomic { pend[1] > 0 -> drain(1) }
#if N > 2
	:: atomic { pend[2] > 0 -> drain(2) }
#endif
	od
}	/* (never) */

proctype quiet()
{
	byte i, queued;

end:	timeout ->
	do
	:: i < N -> queued = queued + q[i] + hot[i]; i++
	:: else -> queued = queued + g; break
	od;
	assert(queued == 0 || asleep == 0)
}

init {
	byte i;

	atomic {
		do
		:: i < N -> run carrier(i); i++
		:: else -> break
		od;
		run foreign();
		run memory();
		run quiet()
	}
}
