/* SPDX-License-Identifier: MIT */
/*
 * cancel.pml: cancellation is one waker more (src/sched/cancel.h, cancel.c; park.c).
 *
 * One thread waits up to WAITS times on a semaphore of its own, each time openly or firmly: outside, inside a scope, inside a
 * shield in that scope, or after one of them.  A poster gives POSTS units.  One canceller cancels the thread, another the
 * scope, at any time, once or never.  Whether a scope or the thread is cancelled, and what encloses what, is guarded by
 * the thread's cancel lock; `flag` is their sum, which the thread reads without it.
 * The thread's and the cancellers' stores pass through a store buffer each, in order; a locked instruction waits until it
 * is empty, membarrier until each has been, and a load may overtake them.  Flag and park word are what is written by one and
 * read by the other without a common lock; what is under a lock is written at once, for the store that unlocks comes after
 * it.  A park word is epoch, code, OPEN, state.
 *
 *   weft__waitq_add      links, then arms: a plain store    sum_up                 with the cancel lock held, at each
 *   weft__cancel_self    the look before the park           weft_scope_cancel      canceller(SCOPE): one section
 *   weft__waitq_park     and_unlink                         weft_thread_cancel     canceller(THREAD): mark, barrier, claim
 *
 * With FENCED the thread arms before it takes the queue's lock, and looks under it: that lock is the fence then, and the
 * canceller needs none but its own.  Such a thread may find its thing when it is armed already, and even claimed.
 *
 * Claims
 *   at rest no thread that is cancelled waits openly;
 *   a wait that ends as cancelled was open, and the thread or a scope around it that no shield covers is cancelled;
 *   no unit is lost or made; who was claimed ARMED is not made ready.
 *
 * Broken variants (-D)
 *   NO_BARRIER       the canceller reads the park word while its flag is on its way
 *   NO_MEMBARRIER    while the waiter's park word is
 *   NO_FENCE_WAITER  (FENCED) the waiter reads the flag while its park word is on its way
 *   LOOK_FIRST       it looks at the flag, and then arms
 *   NO_LOOK          it does not look
 *   CLAIMS_FIRM      the canceller does not look at OPEN
 *   READY_ARMED      it makes ready also whom it claimed while it still ran
 *   CLAIMED_ONCE     it does not try again when ARMED has become PARKED meanwhile
 *   CLAIM_UNLOCKED   it reads and claims after it has given the cancel lock back
 *   NO_RELOOK        in its second section it does not look whether the flag still stands
 *   FLAG_ONCE        it takes the flag down again when it has claimed
 *   STAYS_FLAGGED    leaving a scope does not sum up
 *   SHIELD_SILENT    nor leaving a shield
 *   SHIELD_BLIND     the canceller sets the flag of a shielded thread
 */
#ifndef WAITS
#define WAITS	2
#endif
#ifndef POSTS
#define POSTS	1
#endif

#define SCOPE	0
#define THREAD	1	/* who cancels, and what */
#define ME	2
#define POSTER	3	/* it has no store buffer of interest */

/* locations */
#define WORD	0
#define FLAG	1
#define CANCEL_LOCK	2
#define QUEUE_LOCK	3

/* states; of NOTIFIED, bit 3 is the code */
#define RUNNING	0
#define ARMED	1
#define PARKED	2
#define NOTIFIED	3
#define OPEN	4
#define CANCELLED	8
#define EPOCH	16
#define STATE(w)	((w) & 3)
#define EPOCH_OF(w)	((w) / EPOCH * EPOCH)

#define LOCATIONS 4

byte mem[LOCATIONS];
chan sb[4] = [4] of { byte, byte };

/* guarded by the queue's lock */
bit linked;
byte ticket, units;

/* guarded by the cancel lock */
bit in_scope, in_shield, scope_cancelled, thread_cancelled;

bit go, asleep, all_posted;	/* asleep and what follows: ghosts */
byte given, taken;

#define IS_CANCELLED	(!in_shield && (thread_cancelled || in_scope && scope_cancelled))

inline lock(c, which)
{
	atomic { !mem[which] && empty(sb[c]) -> mem[which] = 1 }
}

inline unlock(c, which)
{
	sb[c]!which,0
}

/* ---- the thread */

inline see_flag()	/* its own stores that are on their way, then memory */
{
	seen = (sb[ME]??[FLAG,1] -> 1 : (sb[ME]??[FLAG,0] -> 0 : mem[FLAG]))
}

/* from ARMED; ok: it was */
inline cas_armed(to)
{
	atomic {
		empty(sb[ME]);
		ok = (mem[WORD] == mine);
		mem[WORD] = (ok -> to : mem[WORD]);
		asleep = (ok && STATE(to) == PARKED)
	}
}

#define RESULT(code)	(EPOCH_OF(mine) + (code) + NOTIFIED)

/* Where it is: 0 outside, 1 in the scope, 2 in the shield as well, 3 in the scope, 4 outside. */
proctype thread()
{
	byte mine, waits, place;
	bit seen, ok;

again:	if
	:: place < 4 ->
		lock(ME, CANCEL_LOCK);
		atomic {
			place++;
			in_scope = (place > 0 && place < 4);
			in_shield = (place == 2)
		}
#ifdef STAYS_FLAGGED
		if
		:: place == 4 -> skip
		:: else -> sb[ME]!FLAG,IS_CANCELLED
		fi;
#else
#ifdef SHIELD_SILENT
		if
		:: place == 3 -> skip
		:: else -> sb[ME]!FLAG,IS_CANCELLED
		fi;
#else
		sb[ME]!FLAG,IS_CANCELLED;		/* sum_up */
#endif
#endif
		unlock(ME, CANCEL_LOCK);
		goto again
	:: waits < WAITS -> waits++; mine = EPOCH_OF(mine) + EPOCH + ARMED + OPEN
	:: waits < WAITS -> waits++; mine = EPOCH_OF(mine) + EPOCH + ARMED
	:: true -> goto over
	fi;
#ifdef FENCED
	sb[ME]!WORD,mine;
#ifdef NO_FENCE_WAITER
	atomic { !mem[QUEUE_LOCK] -> mem[QUEUE_LOCK] = 1 }
#else
	lock(ME, QUEUE_LOCK);
#endif
	if
	:: units > 0 ->
		atomic { units--; taken++ }
		unlock(ME, QUEUE_LOCK);
		sb[ME]!WORD,EPOCH_OF(mine);		/* disarm: perhaps over a canceller's claim */
		goto again
	:: else -> atomic { linked = 1; ticket = mine }
	fi;
	see_flag();
	if
	:: seen && (mine & OPEN) -> cas_armed(RESULT(CANCELLED))
	:: else
	fi;
	unlock(ME, QUEUE_LOCK);
#else
	lock(ME, QUEUE_LOCK);
	if
	:: units > 0 ->
		atomic { units--; taken++ }
		unlock(ME, QUEUE_LOCK);
		goto again
	:: else -> atomic { linked = 1; ticket = mine }
	fi;
#ifdef LOOK_FIRST
	see_flag();
#endif
	sb[ME]!WORD,mine;				/* arm */
	unlock(ME, QUEUE_LOCK);
#if !defined LOOK_FIRST && !defined NO_LOOK
	see_flag();
#endif
	if
	:: seen && (mine & OPEN) -> cas_armed(RESULT(CANCELLED))
	:: else
	fi;
#endif
	cas_armed(mine - ARMED + PARKED);		/* park */
	if
	:: ok ->
end_parked:	atomic { go -> go = 0; asleep = 0 }
	:: else
	fi;
	if
	:: mem[WORD] == RESULT(CANCELLED) ->
		assert((mine & OPEN) && IS_CANCELLED);
		lock(ME, QUEUE_LOCK);
		linked = 0;
		unlock(ME, QUEUE_LOCK)
	:: else ->
		assert(mem[WORD] == RESULT(0) && !linked);
		taken++
	fi;
	sb[ME]!WORD,EPOCH_OF(mine);
	atomic { seen = 0; ok = 0 }
	goto again;
over:	skip
}

/* ---- wakers */

/* w: as ARMED. A locked instruction. won: 1: it ran; 2: it was parked */
inline cas_word(c, from, how, as)
{
	atomic {
		empty(sb[c]);
		won = (mem[WORD] == from -> as : 0);
		mem[WORD] = (won -> EPOCH_OF(from) + how + NOTIFIED : mem[WORD])
	}
}

/* It may have become PARKED meanwhile, once. */
inline claim(c, how)
{
	cas_word(c, w, how, 1);
#ifndef CLAIMED_ONCE
	if
	:: !won -> cas_word(c, w - ARMED + PARKED, how, 2)
	:: else
	fi;
#else
	if
	:: !won && (how == 0 || seen == PARKED) -> cas_word(c, w - ARMED + PARKED, how, 2)
	:: else
	fi;
#endif
	w = 0
}

inline ready()
{
	atomic {
		if
		:: won == 2 -> assert(asleep && !go); go = 1
#ifdef READY_ARMED
		:: won == 1 -> assert(asleep && !go); go = 1
#endif
		:: else
		fi;
		won = 0
	}
}

inline barrier(c)
{
#ifdef NO_BARRIER
	skip
#else
	empty(sb[c]);
#if !defined FENCED && !defined NO_MEMBARRIER
	empty(sb[ME])
#endif
#endif
}

/* Its own flag is in memory, or the lock is its own. */
inline claim_locked()
{
	atomic { w = mem[WORD]; seen = STATE(w) }
	if
#if defined NO_RELOOK || defined CLAIM_UNLOCKED
	:: (seen == ARMED || seen == PARKED) && (w & OPEN) ->
#else
#ifdef CLAIMS_FIRM
	:: (seen == ARMED || seen == PARKED) && (mem[FLAG] || sb[me]??[FLAG,1]) ->
#else
	:: (seen == ARMED || seen == PARKED) && (w & OPEN) && (mem[FLAG] || sb[me]??[FLAG,1]) ->
#endif
#endif
		w = w - seen + ARMED;
		claim(me, CANCELLED)
	:: else
	fi
}

proctype canceller(byte me)
{
	byte w, won, seen;

	if
	:: true -> goto over				/* never */
	:: lock(me, CANCEL_LOCK)
	fi;
	if
	:: me == SCOPE && in_scope -> scope_cancelled = 1
	:: me == SCOPE && !in_scope -> goto covered
	:: me == THREAD -> thread_cancelled = 1
	fi;
#ifndef SHIELD_BLIND
	if
	:: in_shield -> goto covered
	:: else
	fi;
#endif
	sb[me]!FLAG,1;
#ifdef CLAIM_UNLOCKED
	unlock(me, CANCEL_LOCK);
	barrier(me);
	claim_locked();
	ready();
	goto over;
#endif
	if
	:: me == THREAD ->
		unlock(me, CANCEL_LOCK);
		barrier(me);
		lock(me, CANCEL_LOCK)
	:: else -> barrier(me)
	fi;
	claim_locked();
#ifdef FLAG_ONCE
	if
	:: won -> sb[me]!FLAG,0
	:: else
	fi;
#endif
covered:
	unlock(me, CANCEL_LOCK);
	ready();
over:	atomic { w = 0; seen = 0 }
}

proctype poster()
{
	byte n, won, w, seen;

	do
	:: n == POSTS -> break
	:: else -> n++;
		atomic { !mem[QUEUE_LOCK] -> mem[QUEUE_LOCK] = 1; given++ }
		if
		:: linked ->
			atomic { linked = 0; w = ticket }
			claim(POSTER, 0);
			if
			:: !won -> units++
			:: else
			fi
		:: else -> units++
		fi;
		mem[QUEUE_LOCK] = 0;
		ready()
	od;
	all_posted = 1
}

proctype memory()
{
	byte loc, val;

end:	do
	:: atomic { sb[SCOPE]?loc,val -> mem[loc] = val; loc = 0; val = 0 }
	:: atomic { sb[THREAD]?loc,val -> mem[loc] = val; loc = 0; val = 0 }
	:: atomic { sb[ME]?loc,val -> mem[loc] = val; loc = 0; val = 0 }
	od
}	/* (never) */

init {
	atomic {
		run thread();
#ifdef ONLY
		run canceller(ONLY);
#else
		run canceller(SCOPE);
		run canceller(THREAD);
#endif
		run poster();
		run memory()
	}
	timeout;
	atomic {
		assert(all_posted && !mem[CANCEL_LOCK] && !mem[QUEUE_LOCK]);
		assert(given == taken + units);
		assert(STATE(mem[WORD]) == RUNNING || STATE(mem[WORD]) == PARKED);
		assert(!(STATE(mem[WORD]) == PARKED && (mem[WORD] & OPEN) && IS_CANCELLED));
		assert(!(STATE(mem[WORD]) == PARKED && units > 0))
	}
}
