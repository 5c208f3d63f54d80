/* SPDX-License-Identifier: MIT */
/*
 * idle.pml: how a carrier goes to sleep, and how work wakes one (src/sched/idle.c).
 *
 * N carriers and one foreign kernel thread share a scheduler.  Every queue is a counter: q[j] is what
 * everybody sees, pend[j] what its only writer has stored and its store buffer still holds (TSO).
 * Queue N is the global queue, filled here by the foreign thread.  A locked instruction drains the
 * buffer of who executes it, membarrier drains everybody's, one after the other.  The eventfd is one
 * bit: a write sets it, exactly one sleeper (or a busy carrier's poll) takes it.  hot[] is the slot
 * that a thief may empty only when it saw the same value there for a while.
 *
 * A busy carrier may run its thread for ever (hog), so nothing may be left for it to see.
 *
 * Claims
 *   at rest nothing is queued while a carrier sleeps (proctype quiet);
 *   searching never falls below 0 and there is never more than one wake token.
 *
 * Broken variants (-D)
 *   NO_BARRIER       no membarrier between idle++ and the second look
 *   NO_RECHECK       searching-- before idle++, no second look
 *   NO_LAST_WAKE     the last searcher that found work wakes nobody
 *   NO_RECHECK_WAKE  a carrier that found work in its second look wakes nobody
 *   POLL_DROPS       a busy carrier's poll swallows the token and forgets it
 *   LOOK_FIRST       the producer looks at idle and searching before it publishes
 *   HOT_UNTIMED      a carrier that saw a hot slot in its second look sleeps without a time limit
 *   HOT_SILENT       filling a hot slot wakes nobody
 */
#ifndef N
#define N	2		/* carriers */
#endif
#ifndef ITEMS
#define ITEMS	3		/* threads readied by carriers and the foreign thread together */
#endif
#ifndef EVENTS
#define EVENTS	1		/* I/O or timer events that wake a sleeper */
#endif
#ifndef LIMIT
#define LIMIT	1		/* searchers at once */
#endif

byte q[N + 1], pend[N + 1];
bit hot[N];
byte idle, searching, made, events = EVENTS;
bit edge;			/* the eventfd has an edge that nobody has taken */
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
	:: j <= N -> drain(j); j++
	:: else -> j = 0; break
	od
#endif
}

inline add_token(w)
{
	atomic {
		drain(w);
		won = (searching == 0);
		searching = (won -> 1 : searching)
	}
	if
	:: won -> atomic { won = 0; assert(!edge); edge = 1 }
	:: else
	fi
}

/* weft__idle_wake: the light side. Two plain loads, no fence. */
inline maybe_wake(w)
{
	if
	:: idle > 0 ->
		if
		:: searching == 0 -> add_token(w)
		:: else
		fi
	:: else
	fi
}

inline drop_search(w, last)
{
	atomic { drain(w); assert(searching > 0); searching--; last = (searching == 0) }
}

/* Ready a thread: publish, then look. */
inline publish(w)
{
#ifdef LOOK_FIRST
	won = (idle > 0 && searching == 0);
	pend[w]++;
	if
	:: won -> add_token(w)
	:: else
	fi
#else
	pend[w]++;
	maybe_wake(w)
#endif
}

/* Take one item from any ring or the global queue: one pass, each queue at its own moment. */
inline look()
{
	j = 0;
	do
	:: j > N || found -> j = 0; break
	:: else ->
		if
		:: atomic { q[j] + (j == me -> pend[j] : 0) > 0 -> drain(me); q[j]--; found = 1 }
		:: else -> j++
		fi
	od
}

proctype carrier(byte me)
{
	byte j;
	bit won, found, last, token, stale;

busy:
	found = 0; token = 0; stale = 0;
	do
	:: atomic { made < ITEMS -> made++ }; publish(me)
#ifdef HOT
	:: atomic { made < ITEMS && !hot[me] -> made++; drain(me); hot[me] = 1 };
#ifndef HOT_SILENT
		maybe_wake(me)
#endif
#endif
	:: atomic { edge -> edge = 0 };			/* its occasional poll without waiting */
#ifndef POLL_DROPS
		drop_search(me, last);
		maybe_wake(me)
#endif
	:: goto next					/* its thread parked or ended */
	:: goto hog					/* its thread runs for ever */
	od;

next:
#ifdef HOT
	if
	:: atomic { hot[me] -> drain(me); hot[me] = 0 } goto busy
	:: else
	fi;
#endif
	if
	:: atomic { q[me] + pend[me] > 0 -> drain(me); q[me]-- } goto busy
	:: else
	fi;
	if
	:: searching < LIMIT -> atomic { drain(me); searching++ } goto search
	:: else -> goto sleepy				/* enough of them search */
	fi;

search:
	token = 1;					/* counted in searching */
	look();
	if
	:: found ->
		drop_search(me, last);
#ifndef NO_LAST_WAKE
		if
		:: last -> maybe_wake(me)
		:: else
		fi;
#endif
		goto busy
	:: else
	fi;

sleepy:
#ifdef NO_RECHECK
	if
	:: token -> drop_search(me, last)
	:: else
	fi;
	atomic { drain(me); idle++ }
#else
	atomic { drain(me); idle++ }
	if
	:: token -> drop_search(me, last)
	:: else
	fi;
	heavy_barrier();
	do
	:: j > N -> j = 0; break
	:: else ->
		if
		:: q[j] > 0 ->				/* seen; may be gone a moment later */
			atomic { drain(me); idle-- }
			if
			:: atomic { q[j] > 0 -> drain(me); q[j]--; j = 0 }
#ifndef NO_RECHECK_WAKE
				maybe_wake(me);
#endif
				goto busy
			:: else -> j = 0; token = 0; goto next
			fi
#ifdef HOT
		:: q[j] == 0 && j < N && hot[j] -> stale = 1; j++
#endif
		:: else -> j++
		fi
	od;
#endif
	token = 0;
	asleep++;
end_asleep:
	if
	:: atomic { edge -> edge = 0; asleep--; token = 1 }
	:: atomic { events > 0 -> events--; asleep-- }
#ifdef HOT
#ifndef HOT_UNTIMED
	:: atomic { stale -> asleep-- }			/* its time limit */
#endif
#endif
	fi;
	atomic { drain(me); idle-- }
	if
	:: token -> stale = 0; goto search
	:: !token && !stale -> publish(me); goto next	/* what the event readied */
#ifdef HOT
	:: !token && stale ->
		stale = 0;
		j = 0;
		do
		:: j >= N -> j = 0; goto next
		:: j < N && hot[j] -> 
			if
			:: atomic { hot[j] -> drain(me); hot[j] = 0; j = 0 } maybe_wake(me); goto busy
			:: else -> j++
			fi
		:: else -> j++
		od
#endif
	fi;

hog:
end_hog:
	false
}

proctype foreign()
{
	bit won;

	do
	:: atomic { made < ITEMS -> made++ } publish(N)
	:: break
	od
}

/* Store buffers empty themselves some day. */
proctype memory()
{
	byte i;

end:	do
	:: atomic { pend[0] > 0 -> drain(0) }
	:: atomic { pend[1] > 0 -> drain(1) }
	:: atomic { pend[2] > 0 -> drain(2) }
#if N > 2
	:: atomic { pend[3] > 0 -> drain(3) }
#endif
	od
}

proctype quiet()
{
	byte i, queued;

end:	timeout ->
	do
	:: i < N -> queued = queued + q[i] + hot[i]; i++
	:: else -> queued = queued + q[N]; break
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
