/* SPDX-License-Identifier: MIT */
/*
 * preempt.pml: hold and wish, the tick, its arming (src/arch/hold.h, src/sched/preempt.c, monitor.c).
 *
 * NT user threads take turns on NC carriers, each with its processor.  A thread holds (hold > 0) while it has
 * a spin lock; the tick handler runs on the stack of the thread that it interrupted, at any step, and that
 * thread takes none until the handler returns.  Who switches away inside the handler goes on there, on
 * whatever carrier picks it.  Carrier, thread and handler on one kernel thread see each other's stores in order, so
 * there are no store buffers; monitor and carrier meet in armed[] and asleep, see below.
 *
 *   weft__hold_raise         hold++
 *   weft__hold_release       hold--; then wish? and hold == 0: fulfil
 *   weft__hold_fulfil        fulfil: hold++, wish = 0, into the queue and away; then the same again
 *   the handler              nobody waits: stop the timer, then say so (armed = 0; ARMED).
 *                            hold > 0, or in libc (at most DEFERS times): wish = 1.
 *                            Else hold++, ticks let in, into the queue and away; back on another carrier:
 *                            wish = 0, ticks shut out, hold--, return, which lets them in.  That hold ends
 *                            without a release: a wish that it left is stale, for the next tick comes.
 *   the monitor              looks now and then while anything runs: a thread overran, others wait, not
 *                            armed: armed = 1, then start the timer.  Nothing runs: asleep = 1, looks
 *                            once more, sleeps; who begins to run (running++) then reads asleep and rings (ASLEEP).
 *   weft__owner_return       a thread that is back from a call takes an idle carrier's processor: it begins to run, too
 *
 * A tick is blocked (shut) on the carrier from the handler's begin, by the kernel, to its end, but for the time
 * that the thread is switched away and holds.  So a tick on top of the handler finds a hold, and is the last.
 *
 * "Now and then" is: whenever there is something to do, some day.  Threads are made from outside at any moment and
 * may compute for ever (hog).
 *
 * Claims
 *   who has the spin lock is not switched away by force;
 *   a tick that found a hold is fulfilled when that hold ends;
 *   a tick on top of the handler never switches away: two frames on a stack at most;
 *   the handler returns with the alternate stack and the mask of the carrier that it is on;
 *   at rest no timer runs on a carrier that runs no thread;
 *   at rest nobody waits in the queue: no hog keeps a carrier while others want it, no thread spins for one that
 *   was stopped.
 *
 * Broken variants (-D)
 *   IN_CARRIER      the counter is the carrier's
 *   WISH_FIRST      release reads wish before it lowers the counter
 *   SWITCH_HELD     the handler switches away in spite of a hold
 *   NODEFER         ticks are never shut out: handlers pile up on a stack
 *   NOT_MOVED       the handler returns with what it found on the carrier that it was interrupted on
 *   SHUT_AWAY       it switches away with ticks shut out: the next thread on that carrier has none
 *   NO_RELOOK       no periodic look: makers ring the monitor if they see no timer armed
 *   ARM_FIRST       the monitor starts the timer, and then says that it runs
 *   FLAG_FIRST      the handler says that the timer is stopped, and then stops it
 *   IDLE_TICKS      a tick that finds the carrier's loop leaves the timer as it is
 *   SLEEP_BLIND     the monitor sleeps without a second look
 *   RING_FIRST      who begins to run reads asleep before it counts
 *   RETURN_SILENT   who is back from a call tells nobody
 */
#ifndef NC
#define NC	2
#endif
#ifndef NT
#define NT	2
#endif
#ifndef HOLDS
#define HOLDS	1	/* sections with a spin lock, each thread */
#endif
#ifndef DEFERS
#define DEFERS	1
#endif
#ifndef LEVELS
#define LEVELS	2	/* handlers on top of each other that are looked for */
#endif
#ifndef RETURNS
#define RETURNS	0	/* threads that come back from a call: the last */
#endif
#ifndef HOGS
#define HOGS	NT	/* threads that compute for ever: those below */
#endif

#define NONE	255
#ifdef IN_CARRIER
#define HOME(t)	on[t]
#else
#define HOME(t)	(t)
#endif
#ifdef SWITCH_HELD
#define FREE_TO_GO(k)	true
#else
#define FREE_TO_GO(k)	(hold[k] == 0)
#endif

chan ready = [NT] of { byte };
byte on[NT] = NONE;		/* the carrier that the thread runs on */
byte current[NC] = NONE;
bit begins[NC];			/* its loop has found something */
byte frames[NT];		/* handlers on its stack */
byte hold[NT] = 1;		/* who is switched to is in the engine, and leaves it */
bit wish[NT];
bit timer[NC], armed[NC], shut[NC];
byte lock;			/* who has it, + 1 */
bit asleep, bell, look;
byte running;			/* carriers that run a thread */
bit owed[NT];			/* ghost: its wish came from a hold that lasts */

/* t, on c, which stays counted in running if there is another thread. One step: it holds, and its successor
 * sees to what must be done for it (switch.c). */
inline leave_carrier(t)
{
	on[t] = NONE;
	if
	:: nempty(ready) -> ready?n; current[c] = n; on[n] = c; n = 0
	:: empty(ready) -> current[c] = NONE; running--
	fi
}

inline switch_away(t)
{
	d_step {
		c = on[t];
		ready!t;
		leave_carrier(t);
		c = 0
	}
}

inline fulfil(t)
{
	k = HOME(t);
	hold[k]++;
	d_step { wish[k] = 0; owed[t] = 0 }
	if
	:: nempty(ready) -> switch_away(t)
	:: empty(ready)
	fi
}

inline release(t)
{
	do
	:: k = HOME(t);
		assert(hold[k] > 0);
#ifdef WISH_FIRST
		seen = wish[k];
		hold[k]--;
#else
		hold[k]--;
		seen = wish[k];
#endif
		if
		:: seen && hold[k] == 0 -> seen = 0; fulfil(t)
		:: else -> seen = 0; break
		fi
	od;
	k = 0
}

/* A provided clause knows no parameters: init starts these in order, and _pid says which. */
#define ME	(_pid - 1)
proctype thread() provided (on[ME] != NONE && frames[ME] == 0)
{
	byte me = ME;
	byte c, k, n, sections;
	bit seen;

	release(me);			/* the end of the switch to it */
	do
	:: sections < HOLDS -> sections++;
		k = HOME(me);
		hold[k]++;
		atomic { lock == 0 -> lock = me + 1 }
		lock = 0;
		release(me);
		assert(!owed[me])
	:: break
	od;
	if
	:: me < HOGS -> goto hog
	:: true
	fi;
	k = HOME(me);
	hold[k]++;
	d_step { c = on[me]; leave_carrier(me) }	/* it ends */
end_done:
	false;
hog:
end_hog:
	false
}	/* (never) */

/* The handler on t's stack; level 1: on top of another one. */
#define LEVEL	((_pid - 1 - NT) / NT)
#define ITS	((_pid - 1) % NT)
proctype handler() provided (on[ITS] != NONE && (frames[ITS] == LEVEL || frames[ITS] == LEVEL + 1))
{
	byte t = ITS, level = LEVEL, c, k, n, frame, deferred;

end:	do
	:: atomic { frames[t] == level && timer[on[t]] && !shut[on[t]] ->
			frames[t]++;
			frame = on[t];		/* whose alternate stack and mask the frame has */
#ifndef NODEFER
			shut[frame] = 1
#endif
		}
		k = HOME(t);
		if
		:: empty(ready) ->
#ifdef FLAG_FIRST
			armed[on[t]] = 0;
			timer[on[t]] = 0
#else
			timer[on[t]] = 0;
			armed[on[t]] = 0
#endif
		:: nempty(ready) && !FREE_TO_GO(k) -> d_step { wish[k] = 1; owed[t] = (level == 0) }
		:: nempty(ready) && FREE_TO_GO(k) && deferred < DEFERS ->
			deferred++;
			wish[k] = 1
		:: nempty(ready) && FREE_TO_GO(k) ->
			assert(lock != t + 1);
#if !defined NODEFER && !defined SWITCH_HELD
			assert(level == 0);
#endif
			deferred = 0;
			hold[k]++;
			d_step { wish[k] = 0; owed[t] = 0 }
#ifndef SHUT_AWAY
			shut[on[t]] = 0;
#endif
			if
			:: nempty(ready) -> switch_away(t)
			:: empty(ready)
			fi;
			k = HOME(t);
			wish[k] = 0;
#ifndef NODEFER
			shut[on[t]] = 1;
#endif
			assert(hold[k] > 0);
			hold[k]--;
#ifndef NOT_MOVED
			frame = on[t]
#endif
		fi;
		k = 0;
		d_step {
			assert(frame == on[t]);
			frame = 0;
#ifndef NODEFER
			shut[on[t]] = 0;
#endif
			frames[t]--
		}
	od
}	/* (never) */

/* Its loop, on its own stack, when it runs no thread. */
proctype carrier(byte c)
{
	byte n;
	bit ring;

end:	do
#ifndef IDLE_TICKS
	:: current[c] == NONE && timer[c] ->	/* a tick that finds the loop */
		timer[c] = 0;
		armed[c] = 0
#endif
	:: atomic { current[c] == NONE && nempty(ready) ->
			begins[c] = 1;
#ifdef RING_FIRST
			ring = asleep
		}
		running++;
#else
			running++
		}
		ring = asleep;
#endif
		if
		:: ring -> bell = 1
		:: else
		fi;
		ring = 0;
		d_step {
			begins[c] = 0;
			if
			:: nempty(ready) -> ready?n; current[c] = n; on[n] = c; n = 0
			:: empty(ready) -> running--
			fi
		}
	od
}	/* (never) */

/* On a carrier of its own, which has the processor of carrier 0 from then on, if that is idle. */
inline returns(t)
{
	atomic {
		if
		:: current[0] == NONE && !begins[0] -> current[0] = t; on[t] = 0; running++; taken = 1
		:: else -> ready!t
		fi
	}
#ifndef RETURN_SILENT
	if
	:: taken && asleep -> bell = 1
	:: else
	fi;
#endif
	taken = 0
}

proctype maker()
{
	byte t;
	bit taken;

	do
	:: t < NT ->
		if
		:: t >= NT - RETURNS -> returns(t)
		:: t < NT - RETURNS -> ready!t
		fi;
		t++;
#ifdef NO_RELOOK
		if
		:: !armed[0] -> look = 1
		:: else
		fi
#endif
	:: else -> break
	od
}

#ifdef NO_RELOOK
#define LOOKS	look
#else
#define LOOKS	true
#endif
#define OVERRAN(c)	(LOOKS && current[c] != NONE && nempty(ready) && !armed[c])

proctype monitor()
{
end:	do
#ifdef ARM_FIRST
	:: OVERRAN(0) -> timer[0] = 1; armed[0] = 1; look = 0
#else
	:: OVERRAN(0) -> armed[0] = 1; timer[0] = 1; look = 0
#endif
#if NC > 1
	:: OVERRAN(1) -> armed[1] = 1; timer[1] = 1; look = 0
#endif
	:: running == 0 ->
		asleep = 1;
#ifndef SLEEP_BLIND
		if
		:: running > 0 -> asleep = 0; goto end
		:: else
		fi;
#endif
end_asleep:	bell;
		atomic { bell = 0; asleep = 0 }
	od
}	/* (never) */

init {
	byte i;

	atomic {
		do
		:: i < NT -> run thread(); i++
		:: else -> break
		od;
		do
		:: i < (1 + LEVELS) * NT -> run handler(); i++
		:: else -> break
		od;
		i = 0;
		do
		:: i < NC -> run carrier(i); i++
		:: else -> break
		od;
		i = 0;
		run maker();
		run monitor()
	}
	timeout;
	assert(empty(ready));
	assert(!timer[0] || current[0] != NONE);
	assert(lock == 0)
}
