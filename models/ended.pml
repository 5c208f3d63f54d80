/* SPDX-License-Identifier: MIT */
/*
 * ended.pml: how a scheduler knows that its last thread has ended, and ends its carriers (src/sched/sched.c, carrier.c).
 *
 * `live` counts the threads and the credit that processors hold: threads they may start without counting.
 * A processor takes credit in blocks, gets one back when a thread ends on it, and returns all of it before it
 * sleeps.  N carriers have a processor each; kernel thread X runs a thread without one (its processor
 * was handed off while it blocked); a foreign kernel thread starts a thread from outside; and the destroyer
 * waits until live is 0.  Then carriers are rung: a ring wakes one sleeper, so each that leaves rings again.
 * Waking for work is idle.pml's matter; here a push rings when somebody is idle.
 *
 *   weft__live_start  live_start     weft__live_flush  flush        take_away, carrier_main  leave
 *   weft__live_end    live_end       live_give         give         wait_ended               destroyer
 *
 * Claims
 *   live is 0 only when no thread lives, and when the destroyer goes on none starts any more;
 *   when all threads have ended the destroyer goes on, and every carrier leaves.
 *
 * Broken variants (-D)
 *   PLAIN_SUM    each processor counts started minus ended in a plain word; who goes idle adds them up
 *   NO_FLUSH     a processor keeps its credit while it sleeps
 *   COUNT_LATE   a thread is put into the queue, then counted
 *   NO_LAST_LOOK who ends a thread without a processor leaves the looking to the idle
 *   NO_END_FENCE the destroyer's `ending` may wait in its store buffer while it reads live
 *   NO_CHAIN     a carrier that leaves does not ring again
 */
#define N	2
#define BLOCK	1
#ifndef SPAWNS
#define SPAWNS	2		/* threads that threads start */
#endif
#define RUNNING	3		/* threads that run at the start: on carrier 0, on X; and one in the queue */

short live = RUNNING;
short credit[N];		/* PLAIN_SUM: started minus ended */
byte q = 1, idle, spawns = SPAWNS;
bit bell, ending, ending_pending, told, stopping;
byte alive = RUNNING, left;	/* ghosts */
bit gone;			/* ghost: the destroyer went on */

inline tell()
{
	told = 1
}

inline give(n)
{
	atomic {
		live = live - n;
#ifndef PLAIN_SUM
		zero = (live == 0);
#endif
		assert(live >= 0 && (!zero || alive == 0))
	}
	if
	:: zero -> zero = 0; tell()
	:: else
	fi
}

inline publish()
{
	atomic { q++; alive++; assert(!gone) }
	if
	:: idle > 0 -> bell = 1
	:: else
	fi
}

inline live_start(me)
{
#ifdef PLAIN_SUM
	credit[me]++
#else
	if
	:: credit[me] == 0 -> live = live + BLOCK; credit[me] = BLOCK
	:: else
	fi;
	credit[me]--
#endif
}

inline live_end(me)
{
	alive--;
#ifdef PLAIN_SUM
	credit[me]--
#else
	credit[me]++;
	if
	:: credit[me] == 2 * BLOCK -> credit[me] = credit[me] - BLOCK; give(BLOCK)
	:: else
	fi
#endif
}

#ifdef PLAIN_SUM
inline add_up()
{
	sum = live;
	i = 0;
	do
	:: i < N -> sum = sum + credit[i]; i++
	:: else -> i = 0; break
	od;
	if
	:: sum == 0 -> assert(alive == 0); tell()
	:: else
	fi;
	sum = 0
}
#endif

/* Before a carrier sleeps. */
inline flush(me)
{
#ifdef PLAIN_SUM
	add_up()
#else
	n = credit[me];
#ifdef NO_FLUSH
	n = 0;
#endif
	if
	:: n > 0 -> credit[me] = 0; give(n); n = 0
	:: else
	fi
#endif
}

proctype carrier(byte me)
{
	byte i, n;
	short sum;
	bit zero;

	if
	:: me == 0
	:: me > 0 -> goto find
	fi;
busy:
	do
	:: atomic { spawns > 0 -> spawns-- }
#ifdef COUNT_LATE
		publish();
		live_start(me)
#else
		live_start(me);
		publish()
#endif
	:: live_end(me); break
	od;
find:
	if
	:: atomic { q > 0 -> q-- } goto busy
	:: stopping -> goto leave
	:: else
	fi;
	flush(me);
	idle++;
	if
	:: q > 0 || stopping -> idle--; goto find
	:: else
	fi;
	atomic { bell -> bell = 0 }		/* the poller */
	idle--;
	goto find;
leave:
#ifndef NO_CHAIN
	bell = 1;
#endif
	left++
}

/* X: runs a thread, has no processor. */
proctype without_processor()
{
	byte i;
	short sum;
	bit zero;

	do
	:: atomic { spawns > 0 -> spawns--; live++ } publish()
	:: break
	od;
	alive--;
#ifdef NO_LAST_LOOK
	live--
#else
	give(1);
#ifdef PLAIN_SUM
	add_up()
#endif
#endif
}

proctype foreign()
{
	bit zero;

	live++;					/* and a full fence */
	if
	:: !ending -> publish()
	:: ending -> give(1)			/* -ESHUTDOWN */
	fi
}

proctype destroyer()
{
#ifdef NO_END_FENCE
	ending_pending = 1;
#else
	ending = 1;
#endif
#ifdef PLAIN_SUM
	told;
#else
	do
	:: atomic { live == 0 -> told = 0 } break	/* seen under the lock of who tells */
	:: else -> atomic { told -> told = 0 }
	od;
#endif
	atomic { gone = 1; assert(alive == 0) }
	stopping = 1;
	bell = 1
}

proctype memory()
{
end:	do
	:: atomic { ending_pending -> ending_pending = 0; ending = 1 }	/* (never) but with NO_END_FENCE */
	od
}	/* (never) */

init {
	atomic {
		run carrier(0);
		run carrier(1);
		run without_processor();
		run foreign();
		run destroyer();
		run memory()
	}
	timeout;
	assert(alive == 0 && q == 0 && gone && left == N)
}
