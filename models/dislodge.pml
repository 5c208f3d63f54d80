/* SPDX-License-Identifier: MIT */
/*
 * dislodge.pml: more threads wait for a lock of the program than there can be carriers, and its holder was switched away
 * (src/sched/handoff.c, look.c, preempt.c, blocking.c).
 *
 * One processor, NC carriers and no more to be had, NT user threads.  Each takes the lock, may be switched away while it
 * has it, gives it back, ends.  The lock is a word in the kernel's hands, of which weft knows nothing: who wants it
 * waits there, with its carrier.  So all carriers may wait there, and the holder is in the queue.  The queue is first in
 * first out.  Who owns the processor, and how it changes hands, is one step here: ownership.pml, handoff.pml.
 *
 *   the monitor    sees a carrier blocked, threads queued: gives its processor to a spare.  None: dislodges the thread
 *                  that it is blocked with; or, if that cannot be, or was in vain, one that is away: blocked, without a
 *                  processor (weft__relieve).  A processor that is nobody's: the same (weft__adopt)
 *   dislodge       a tick: the thread goes into the queue, and others run.  One without a processor takes an idle
 *                  one, or its carrier is a spare from then on (weft__owner_return).  When it goes on the kernel
 *                  begins its call anew
 *
 * The last FIRM threads cannot be switched away while they wait (they hold, or what they run on forbids it), and the
 * monitor does not know it.  STUCK threads, any, block in another call for ever: the kernel does not
 * begin that anew, so they are left alone.  (A tick that comes too late, when the thread has gone into such a call meanwhile,
 * breaks it off all the same. That is not looked for.)
 *
 * Claims
 *   at rest all threads have ended that are not stuck;
 *   the holder does not wait for ever: from one turn of it to the next there are at most LIMIT dislodgings.
 *
 * Broken variants (-D)
 *   NEVER          nobody is dislodged
 *   NOT_OTHERS     only who is blocked with the processor is dislodged
 *   ONE_FOR_EVER   the same one is dislodged again and again, though it was in vain
 *   TO_THE_FRONT   who was dislodged is the next, too
 *   IN_ANY_CALL    who is stuck in another call is dislodged
 */
#ifndef NC
#define NC	2
#endif
#ifndef NT
#define NT	3
#endif
#ifndef PREEMPTIONS
#define PREEMPTIONS	2	/* of holders */
#endif
#ifndef BRACKETS
#define BRACKETS	1	/* the holder leaves its processor behind, nobody's */
#endif
#ifndef FIRM
#define FIRM	0
#endif
#ifndef STUCK
#define STUCK	0
#endif
#ifndef LIMIT
#define LIMIT	(NT + 1)
#endif

#define NONE		255
#define NOBODY		NC		/* left behind */
#define ASLEEP		(NC + 1)	/* with a carrier in the poller, which wakes when a thread is queued */

chan queue = [NT] of { byte };
byte owner;			/* a carrier, or the above */
byte on[NC] = NONE;		/* the thread that it runs; NONE: a spare */
bit blocked[NC];		/* for the lock */
bit in_call[NC];		/* another call */
bit tick[NC];
byte tried[NC] = NONE;		/* whom the monitor dislodged there, in this turn */
byte lock = NONE;		/* who has it */
byte preemptions = PREEMPTIONS, brackets = BRACKETS, stuck = STUCK;
byte done, gone, dislodged;	/* ghosts */

#define IS_FIRM(t)	((t) >= NT - FIRM)

/* The processor's next, on me. */
inline pick()
{
	if
	:: queue?t -> on[me] = t; owner = me; dislodged = (t == lock -> 0 : dislodged); t = 0
	:: empty(queue) -> on[me] = NONE; owner = ASLEEP
	fi;
	tried[me] = NONE
}

/* me and its thread, without a processor: the idle one, or the queue. */
inline come_back()
{
	if
	:: owner == NOBODY || owner == ASLEEP -> owner = me
	:: owner < NC -> queue!on[me]; on[me] = NONE
	fi;
	tried[me] = NONE	/* in the code: some time later */
}

proctype carrier(byte me)
{
	byte t;

end:	do
	:: d_step { on[me] == NONE && owner == me -> pick() }
	:: d_step { on[me] == NONE && owner == ASLEEP && nempty(queue) -> pick() }
	:: on[me] != NONE && lock == on[me] -> goto holder
	:: d_step { on[me] != NONE && lock == NONE -> lock = on[me]; blocked[me] = 0 }
	:: d_step { on[me] != NONE && lock != NONE && lock != on[me] && !blocked[me] -> blocked[me] = 1 }
	:: d_step { tick[me] && on[me] != NONE && blocked[me] -> tick[me] = 0;		/* on_tick */
			if
			:: IS_FIRM(on[me])
#ifdef TO_THE_FRONT
			:: !IS_FIRM(on[me]) && owner == me -> blocked[me] = 0; tried[me] = NONE
#else
			:: !IS_FIRM(on[me]) && owner == me -> blocked[me] = 0; queue!on[me]; pick()
#endif
			:: !IS_FIRM(on[me]) && owner != me -> blocked[me] = 0; come_back()
			fi
		}
	:: d_step { tick[me] && (on[me] == NONE || !blocked[me]) -> tick[me] = 0 }	/* it came too late */
	:: atomic { stuck > 0 && !tick[me] && on[me] != NONE && lock != on[me] && !blocked[me] -> stuck--; gone++; in_call[me] = 1 }
end_stuck:	tick[me];		/* (never) */
		assert(false)			/* EINTR (never) */
	od;

holder:	if
	:: d_step { lock = NONE; done++;	/* and it ends */
			if
			:: owner == me -> pick()
			:: else -> on[me] = NONE; tried[me] = NONE
			fi
		}
	:: d_step { preemptions > 0 && owner == me && nempty(queue) -> preemptions--; queue!on[me]; pick() }
	:: d_step { preemptions > 0 && owner != me -> preemptions--; come_back() }
	:: atomic { brackets > 0 && owner == me -> brackets--; owner = NOBODY }
		d_step {
			if
			:: owner == me
			:: else -> come_back()
			fi
		}
	fi;
	goto end
}	/* (never) */

#if NC > 2
#define ANY(P)		(P(0) || P(1) || P(2))
#define NTH(P)		(P(0) -> 0 : (P(1) -> 1 : 2))
#else
#define ANY(P)		(P(0) || P(1))
#define NTH(P)		(P(0) -> 0 : 1)
#endif
#define SPARE(c)	(on[c] == NONE && owner != (c))
/* can_be_dislodged */
#ifdef IN_ANY_CALL
#define WAITS(c)	(blocked[c] || in_call[c])
#else
#define WAITS(c)	blocked[c]
#endif
#define CAN_BE(c)	(on[c] != NONE && WAITS(c) && !tick[c])
#ifdef ONE_FOR_EVER
#define CAN_BE_NOW(c)	CAN_BE(c)
#else
#define CAN_BE_NOW(c)	(CAN_BE(c) && tried[c] != on[c])
#endif
#ifdef NOT_OTHERS
#define AWAY(c)		false
#else
#define AWAY(c)		(CAN_BE_NOW(c) && owner != (c))
#endif

inline dislodge(c)
{
	tried[c] = on[c];
	tick[c] = 1;
	dislodged = (lock != NONE && queue??[eval(lock)] -> dislodged + 1 : 0);
	assert(dislodged <= LIMIT)
}

#define IS_BLOCKED(c)	(owner == (c) && (blocked[c] || in_call[c]))

proctype monitor()
{
	byte c;

end:	do
	:: d_step { ANY(IS_BLOCKED) && nempty(queue) && ANY(SPARE) -> c = NTH(SPARE); owner = c; c = 0 }
	:: d_step { owner == NOBODY && ANY(SPARE) -> c = NTH(SPARE); owner = c; c = 0 }
#ifndef NEVER
	:: d_step { ANY(IS_BLOCKED) && nempty(queue) && !ANY(SPARE) && (CAN_BE_NOW(owner) || ANY(AWAY)) ->
			c = (CAN_BE_NOW(owner) -> owner : NTH(AWAY));
			dislodge(c);
			c = 0
		}
	:: d_step { owner == NOBODY && !ANY(SPARE) && ANY(AWAY) -> c = NTH(AWAY); dislodge(c); c = 0 }
#endif
	od
}	/* (never) */

init {
	byte i;

	atomic {
		do
		:: i < NT -> queue!i; i++
		:: else -> break
		od;
		owner = ASLEEP;
		i = 0;
		do
		:: i < NC -> run carrier(i); i++
		:: else -> break
		od;
		run monitor()
	}
	timeout;
	assert(done + gone == NT);
	assert(lock == NONE)
}
