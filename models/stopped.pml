/* SPDX-License-Identifier: MIT */
/*
 * stopped.pml: a light thread that overran stops with its carrier (src/sched/stopped.c, carrier.c, preempt.c,
 * handoff.c).
 *
 * NC carriers, NP processors, NT light threads, the monitor.  The owner protocol is that of ownership.pml, without store
 * buffers: here is who names whom, and when.  Of the engine's idle protocol only the result is here: a carrier
 * that sleeps with its processor wakes when a thread is queued.  What happens under the scheduler's lock is one step.
 *
 *   weft__stop_here        stop: offers its processor to a spare; none: gives it to a carrier that is stopped already, whose
 *                          thread it takes out of the queue (swap_with_stopped); none: runs on.  Marks the thread
 *                          (with[t] = me), clears stop_word, queues the thread, sleeps until stop_word (GRANT); then has
 *                          what it was granted
 *   weft__stopped_grant    grant: forgets its processor, granted[c] = p, owner RUNNING(me) -> RUNNING(c),
 *                          stop_word[c] = 1, wakes c; and is a spare
 *   run_threads            loop: who picks a marked thread grants, who picks another runs it
 *   the monitor            revokes at any moment, REVOCATIONS times; not from a carrier that is inside.  To a spare;
 *                          none: to a stopped carrier, the processor nobody's meanwhile (grant_to_stopped).  Somebody
 *                          else has picked its thread: it stays nobody's, until there is a spare or a stopped one
 *                          (weft__adopt)
 *
 * A thread may yield, end, or be found to have overrun (STOPS times in all), with or without a processor: who lost it
 * is an extra runner until then.  A tick may fall on a carrier that sleeps with its thread, which holds: it leaves
 * a wish.
 *
 * Claims
 *   a stopped thread goes on on its own carrier, and runs before it stops again;
 *   who uses a processor owns it;
 *   at rest all threads have ended, and so has every carrier: no processor is lost, nobody is left asleep.
 *
 * Broken variants (-D)
 *   DIRECT        who picks a stopped thread switches to it
 *   MARK_LATE     the thread is queued, and then marked
 *   MARK_KEPT     the mark stays when it goes on: picked again some day, its carrier is granted what it does not wait for
 *   QUEUED_FIRST  the thread is queued before its carrier has offered its processor: it has two then, or keeps one for
 *                 want of a spare, and the thread is both queued and running
 *   WORD_LATE     stop_word is cleared when the thread is queued already: the grant is lost
 *   SLEEP_BLIND   the stopped carrier sleeps without a look at stop_word
 *   WAKE_FIRST    stop_word is set before the processor is stored
 *   NAMED_LATE    stop_word is set before the owner word names the carrier
 *   NOT_INSIDE    the stopped carrier sleeps outside: the monitor takes from it what it was granted, and it does not know
 *   STALE_WISH    a tick that fell while it slept stops it again before it has run
 *   STAYS         who granted a processor goes on as if it had it
 *   STAYS_NAMED   the monitor grants what is still REVOKED(c): c comes back and takes it
 *   LEFT_ALONE    what is nobody's is not adopted
 */
#ifndef NC
#define NC	3
#endif
#ifndef NP
#define NP	1
#endif
#ifndef NT
#define NT	2
#endif
#ifndef STOPS
#define STOPS	3
#endif
#ifndef YIELDS
#define YIELDS	1
#endif
#ifndef REVOCATIONS
#define REVOCATIONS	0
#endif

#define NONE		255
#define RUNNING(c)	(1 + (c))
#define IDLE(c)		(1 + NC + (c))
#define REVOKED(c)	(1 + 2 * NC + (c))
#define NOBODY		254	/* idle */
#define BETWEEN		253	/* revoked, and nobody's */
#define IS_RUNNING(w)	((w) >= RUNNING(0) && (w) < IDLE(0))
#define IS_MINE(p)	(owner[p] == RUNNING(me) || owner[p] == REVOKED(me))

chan queue[NP + 1] = [NT] of { byte };	/* of the processors; the last: the global one */
#define GLOBAL	NP
byte owner[NP];
bit inside[NC] = 1;		/* a carrier's loop always is */
byte given[NC] = NONE;
bit awake[NC], spare[NC];
byte with[NT] = NONE;		/* stopped_with */
bit stop_word[NC], slept[NC];	/* in the futex */
byte granted[NC];
bit wish[NC];			/* of the thread that it stopped with */
byte stops = STOPS, yields = YIELDS;
byte done, ended;
bit fresh[NT];			/* ghost: resumed, and has not run since */

#define STOPPING	(done == NT)
#if NP > 1
#define HAS_WORK	(len(queue[0]) > 0 || len(queue[1]) > 0 || len(queue[GLOBAL]) > 0)
#else
#define HAS_WORK	(len(queue[0]) > 0 || len(queue[GLOBAL]) > 0)
#endif

/* With the lock held. */
#define FREE(c)	(spare[c] && !(given[c] != NONE && (owner[given[c]] == IDLE(c) || owner[given[c]] == RUNNING(c) || \
		owner[given[c]] == REVOKED(c))))

inline find_spare()
{
	s = 0;
	do
	:: s < NC && FREE(s) -> break
	:: s < NC && !FREE(s) -> s++
	:: s >= NC -> s = NONE; break
	od
}

inline offer()
{
	d_step {
		find_spare();
		if
		:: s != NONE -> given[s] = p; owner[p] = IDLE(s); awake[s] = 1; p = NONE
		:: else
		fi
	}
}

/* See ownership.pml for what is in it. */
inline enter()
{
	inside[me] = 1;
	d_step {
		if
		:: p == NONE
		:: p != NONE && owner[p] == RUNNING(me)
		:: p != NONE && owner[p] == REVOKED(me) -> owner[p] = RUNNING(me)
		:: else -> p = NONE
		fi
	}
}

inline leave()
{
	inside[me] = 0
}

/* weft__stopped_take: one that others can find, in the queues of p and the global one */
inline take_stopped()
{
	d_step {
		n = 0;
		do
		:: queue[p]?n -> queue[GLOBAL]!n
		:: empty(queue[p]) -> break
		od;
		n = 0;
		do
		:: n < NT && with[n] != NONE && queue[GLOBAL]??[eval(n)] -> queue[GLOBAL]??eval(n); break
		:: n < NT && !(with[n] != NONE && queue[GLOBAL]??[eval(n)]) -> n++
		:: n >= NT -> n = NONE; break
		od
	}
}

/* weft__stopped_give: p, to the carrier of n */
inline give()
{
	c = with[n];
	n = 0;
#ifdef WAKE_FIRST
	d_step { stop_word[c] = 1; slept[c] = 0 }
	granted[c] = p;
	owner[p] = RUNNING(c);
#else
	granted[c] = p;
#ifdef NAMED_LATE
	d_step { stop_word[c] = 1; slept[c] = 0 }
	owner[p] = RUNNING(c);
#else
	owner[p] = RUNNING(c);
	stop_word[c] = 1;
	slept[c] = 0;			/* wakes it, if it sleeps */
#endif
#endif
	c = 0
}

inline push_marked()
{
#ifdef MARK_LATE
	queue[GLOBAL]!t;
	with[t] = me
#else
	with[t] = me;
#ifdef WORD_LATE
	queue[GLOBAL]!t;
	stop_word[me] = 0
#else
	stop_word[me] = 0;
	queue[GLOBAL]!t
#endif
#endif
}

inline stop()
{
	assert(!fresh[t]);
	wish[me] = 0;
#ifdef QUEUED_FIRST
	push_marked();
#endif
	if
	:: p != NONE -> offer();
		if
		:: s == NONE -> take_stopped();
			if
			:: n != NONE -> give();
				s = 0;
				p = NONE
			:: else -> n = 0
			fi
		:: else
		fi
	:: else -> s = 0
	fi;
	if
	:: s == NONE -> s = 0		/* no carrier for it: it runs on */
	:: else -> s = 0;
#ifndef QUEUED_FIRST
		push_marked();
#endif
#ifdef NOT_INSIDE
		inside[me] = 0;
#endif
		do
		:: stop_word[me] -> break
		:: !stop_word[me] ->
			d_step {		/* the kernel compares, and sleeps */
				if
#ifdef SLEEP_BLIND
				:: true -> slept[me] = 1
#else
				:: !stop_word[me] -> slept[me] = 1
				:: else
#endif
				fi
			}
			!slept[me]
		od;
		p = granted[me];
#ifdef NOT_INSIDE
		inside[me] = 1;
#endif
		granted[me] = 0;
		assert(IS_MINE(p));		/* what enter promises, and this is still the same entry */
#ifndef STALE_WISH
		wish[me] = 0;
#endif
#ifndef MARK_KEPT
		with[t] = NONE;
#endif
		fresh[t] = 1
	fi
}

inline grant()
{
	n = t;
	t = 0;
	give();
#ifndef STAYS
	p = NONE
#endif
}

proctype carrier(byte me; byte p)
{
	byte c, n, s, t;

	if
	:: p == NONE -> goto await
	:: else -> goto loop
	fi;

await:					/* await_processor, a spare */
	atomic {
		spare[me] = 0;
		p = given[me];
		given[me] = NONE;
		if
		:: p != NONE && owner[p] == IDLE(me) -> owner[p] = RUNNING(me)
		:: else -> p = NONE; spare[me] = 1; awake[me] = 0
		fi
	}
	if
	:: p != NONE -> goto loop
	:: else
	fi;
end_spare:
	if
	:: awake[me] -> goto await
	:: !awake[me] && STOPPING -> goto out
	fi;

loop:
	assert(IS_MINE(p));
	if
	:: queue[p]?t
	:: queue[GLOBAL]?t
#if NP > 1
	:: queue[1 - p]?t		/* steals it */
#endif
	:: !HAS_WORK && STOPPING -> goto out
	:: !HAS_WORK && !STOPPING ->	/* sleeps; nobody without a processor takes it here */
		owner[p] = IDLE(me);
end_asleep:	HAS_WORK || STOPPING;
		d_step { assert(owner[p] == IDLE(me)); owner[p] = RUNNING(me) }
		goto loop
	fi;
#ifndef DIRECT
	if
	:: with[t] != NONE -> grant();
#ifdef STAYS
		goto loop
#else
		goto await
#endif
	:: else
	fi;
#endif
	assert(with[t] == NONE || with[t] == me);

	leave();
compute:				/* outside; may have lost p */
	fresh[t] = 0;
	if
	:: enter();			/* it ends */
		fresh[t] = 0;
		t = 0;
		done++;
		if
		:: p == NONE -> goto await
		:: else -> goto loop
		fi
	:: atomic { yields > 0 -> yields-- }
		enter();
		if
		:: p == NONE -> queue[GLOBAL]!t; t = 0; goto await
		:: else -> assert(IS_MINE(p)); queue[p]!t; t = 0; goto loop
		fi
	:: atomic { stops > 0 -> stops-- }
overran:	enter();
		stop();
		leave();
		if
		:: wish[me] -> goto overran		/* (never) the last release fulfils it */
		:: else -> goto compute
		fi
	fi;

out:
	ended++
}

/* The means may be a clock that does not care whether the carrier sleeps. */
proctype ticks()
{
	do
	:: atomic { slept[0] && !wish[0] -> wish[0] = 1; break }
	:: atomic { slept[1] && !wish[1] -> wish[1] = 1; break }
	:: STOPPING -> break
	od
}

#define HAS_SPARE	(FREE(0) || FREE(1) || (NC > 2 && FREE(NC - 1)))
#define HAS_STOPPED	((with[0] != NONE && queue[GLOBAL]??[0]) || (NT > 1 && with[NT - 1] != NONE && queue[GLOBAL]??[eval(NT - 1)]))
#define ORPHANED(p)	(owner[p] == NOBODY && (HAS_SPARE || HAS_STOPPED))

proctype monitor()
{
	byte r, w, s, p, n, c;
	bit ok;

end:	do
	:: r < REVOCATIONS -> r++;
		if
		:: p = 0
#if NP > 1
		:: p = 1
#endif
		fi;
		w = owner[p];
		if
		:: IS_RUNNING(w) ->
			w = w - RUNNING(0);
			d_step {
				ok = (owner[p] == RUNNING(w));
				owner[p] = (ok -> REVOKED(w) : owner[p])
			}
			if
			:: ok -> goto revoked
			:: else
			fi
		:: else
		fi;
		w = 0
#ifndef LEFT_ALONE
	:: atomic { ORPHANED(0) -> p = 0 } goto adopt
#if NP > 1
	:: atomic { ORPHANED(1) -> p = 1 } goto adopt
#endif
#endif
	od;

revoked:
	ok = !inside[w];
	d_step {
		if
		:: ok -> find_spare()
		:: else -> s = NONE
		fi;
		if
		:: owner[p] == REVOKED(w) && s != NONE -> given[s] = p; owner[p] = IDLE(s); awake[s] = 1; ok = 0
		:: owner[p] == REVOKED(w) && s == NONE && !ok -> owner[p] = RUNNING(w)
		:: owner[p] == REVOKED(w) && s == NONE && ok ->
#ifndef STAYS_NAMED
			owner[p] = BETWEEN
#endif
		:: else -> ok = 0
		fi;
		s = 0;
		w = 0
	}
	if
	:: ok -> ok = 0; goto grant_one
	:: else -> goto end
	fi;

adopt:
	s = 0;
	d_step {
		find_spare();
		if
		:: owner[p] != NOBODY
		:: owner[p] == NOBODY && s != NONE -> given[s] = p; owner[p] = IDLE(s); awake[s] = 1
		:: owner[p] == NOBODY && s == NONE -> owner[p] = BETWEEN; ok = 1
		fi;
		s = 0
	}
	if
	:: ok -> ok = 0
	:: else -> goto end
	fi;

grant_one:				/* give_to_stopped */
	take_stopped();
	if
	:: n != NONE -> give()
	:: else -> n = 0; owner[p] = NOBODY
	fi;
	goto end
}	/* (never) */

init {
	byte i;

	atomic {
		do
		:: i < NT -> queue[GLOBAL]!i; i++
		:: else -> break
		od;
		i = 0;
		do
		:: i < NC ->
			if
			:: i < NP -> owner[i] = RUNNING(i); run carrier(i, i)
			:: else -> run carrier(i, NONE)
			fi;
			i++
		:: else -> break
		od;
		i = 0;
		run monitor();
		run ticks()
	}
	timeout;
	assert(done == NT);
	assert(ended == NC)
}
