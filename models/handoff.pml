/* SPDX-License-Identifier: MIT */
/*
 * handoff.pml: the monitor and its carriers: blocked ones, those that come back, spares that are made and end
 * (src/sched/look.c, handoff.c, maker.c, owner.c, blocking.c, carrier.c).
 *
 * ownership.pml proves who owns a processor when the monitor revokes.  Here that is taken for granted (no store
 * buffers), and the question is whether the processor comes into good hands every time.  One processor, room for NC
 * carriers of which one is there at the start; threads are counted, in the queue of a processor (q), in the
 * global one (gq), or on a carrier.  What happens under the scheduler's lock is one step.
 *
 *   the monitor    sees a carrier blocked, its processor wanted: is there a spare that sleeps on its word?  Yes:
 *                  RUNNING(c) -> REVOKED(c); inside?  no: -> IDLE(spare), else back (hand_off).  No: asks the maker
 *                  for one; at the bound, rings who sleeps in the poller without a processor.  Then it looks again.
 *                  Sees a processor that is nobody's: the same, without anybody to take it from (adopt).
 *                  Sees a carrier that runs a thread without a processor: a tick (look_at_away).
 *                  Too many spares: takes one that was offered nothing out of the list (retire_spare).
 *   the maker      makes a carrier, which enters the list of spares by itself, when its kernel thread runs, and then says
 *                  that it is there.  If it cannot be made it is asked again some day.  Waits for the end of those that
 *                  retire, and puts their records aside.
 *   a thread       ends, yields, starts another, blocks in a call that weft does not know (blocked: it may
 *                  return or not), the same inside the engine (a page fault), blocks between brackets (to a spare, even
 *                  in the poller; none: leaves its processor behind, nobody's, if the maker may make one), computes
 *                  until a tick (hog).  Without its processor it goes on until it waits, or a tick: then it takes an
 *                  idle one or queues (weft__owner_return).
 *   a carrier      as in ownership.pml.  Who sleeps in the poller wakes when gq fills, or by a ring.  A thread that is
 *                  put into q of the only processor rings nobody.
 *
 * Ticks for threads that others wait for: preempt.pml.  Light threads: stopped.pml.
 *
 * Claims
 *   who uses a processor owns it; the monitor looks at no record that was put aside;
 *   at rest no thread is queued while a processor is idle, or is held by a blocked carrier although there is a carrier
 *   that sleeps or may be made; no processor is revoked or nobody's; no thread computes without one; what a processor was
 *   allowed to start without counting (credit) was given back when it is idle.
 *
 * Broken variants (-D)
 *   LISTED_FIRST      a new spare is in the list before its kernel thread is there: offered a processor, it never comes
 *   NO_ANSWER         that one could not be made is not told: nobody asks for another
 *   NO_ADOPTION       the monitor does not look at a processor that is nobody's
 *   RETIRE_OFFERED    a spare ends although it was offered a processor
 *   RETIRE_UNLOCKED   it is chosen under the lock, and taken out later
 *   RETIRE_SELF       it ends by itself, and its record goes with it
 *   NO_AWAY_TICK      no tick for who runs without a processor
 *   NO_BOUND_RING     at the bound those that sleep in the poller are left there
 *   GIVES_UP          at the bound the monitor reports, and does not look at that carrier again
 */
#ifndef NC
#define NC	3
#endif
#define NP	1
#ifndef BOUND
#define BOUND	NC
#endif
#ifndef SPAWNS
#define SPAWNS	1
#endif
#ifndef BLOCKS
#define BLOCKS	1
#endif
#ifndef FAULTS
#define FAULTS	0	/* blocks inside */
#endif
#ifndef BRACKETS
#define BRACKETS	1
#endif
#ifndef HOGS
#define HOGS	1
#endif
#ifndef FAILS
#define FAILS	0	/* kernel threads that cannot be made */
#endif
#ifndef RETIRES
#define RETIRES	0
#endif

#define NONE		255
#define NOBODY		0
#define RUNNING(c)	(1 + (c))
#define IDLE(c)		(1 + NC + (c))
#define REVOKED(c)	(1 + 2 * NC + (c))
#define IS_RUNNING(w)	((w) >= RUNNING(0) && (w) < IDLE(0))
#define IS_IDLE(w)	((w) >= IDLE(0) && (w) < REVOKED(0))
#define NAMES(w, c)	((w) == RUNNING(c) || (w) == IDLE(c) || (w) == REVOKED(c))
#define IS_MINE(p)	(owner[p] == RUNNING(me) || owner[p] == REVOKED(me))

byte owner[NP], q[NP], gq;
bit credit[NP];
bit inside[NC] = 1;
byte given[NC] = NONE;
bit awake[NC], spare[NC], in_poller[NC];
bit is_there[NC];		/* the record is in use */
bit born[NC], retired[NC], aside[NC];	/* its kernel thread is made; shall end; has ended, the record is put aside */
byte count;			/* carriers */
byte asked;			/* a carrier, of the maker: 1; it is at it: 2; it has failed: 3 */
byte dying = NONE;		/* out of the list, to be waited for */
bit bell;
bit blocked[NC];		/* what the kernel tells of it */
bit runs[NC];			/* it computes: a thread that looks at nothing */
bit ticked[NC];
bit given_up[NC];
byte spawns = SPAWNS, blocks = BLOCKS, faults = FAULTS, brackets = BRACKETS, hogs = HOGS, fails = FAILS,
	retires = RETIRES;
byte total, done, on_carrier;	/* ghosts; on_carrier: stuck there for ever */
bit asleep[NC], stuck[NC];	/* ghosts */

/* With the lock held. */
#define FREE(c)		(spare[c] && !(given[c] != NONE && NAMES(owner[given[c]], c)))
#define ON_WORD(c)	(FREE(c) && !in_poller[c])
#if NC > 2
#define ANY(P)		(P(0) || P(1) || P(2))
#else
#define ANY(P)		(P(0) || P(1))
#endif
#define SLEEPS(c)	(spare[c] || asleep[c])
#define SLEEPS_THERE(c)	(spare[c] && in_poller[c])

/* (A macro, for an inline takes no macro.) */
#define find(POOL) \
	s = 0; \
	do \
	:: s < NC && POOL(s) -> break \
	:: s < NC && !POOL(s) -> s++ \
	:: s >= NC -> s = NONE; break \
	od

#define UNUSED(c)	(!is_there[c])
#define MAY_MAKE	(count < BOUND && ANY(UNUSED))
#define ASK		asked = (MAY_MAKE && asked == 0 -> 1 : asked)	/* weft__maker_ask */

/* A record for a carrier that is to be. (Those of retired ones are not used again here.) */
inline find_record()
{
	find(UNUSED);
	is_there[s] = 1;
	count++
}

/* Its kernel thread could not be made. */
inline drop_record(c)
{
	spare[c] = 0;
	given[c] = NONE;
	is_there[c] = 0;
	count--
}

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

/* Inside, a thread in hand: an idle processor, or the queue. */
inline take_idle()
{
	d_step {
		x = 0;
		do
		:: x < NP && owner[x] == NOBODY -> owner[x] = RUNNING(me); p = x; break
		:: x < NP && IS_IDLE(owner[x]) ->
			s = owner[x] - IDLE(0);
			owner[x] = RUNNING(me);
			p = x;
			if
			:: !spare[s] -> spare[s] = 1; in_poller[s] = 1
			:: else
			fi;
			break
		:: x < NP && owner[x] != NOBODY && !IS_IDLE(owner[x]) -> x++
		:: x >= NP -> break
		od;
		x = 0;
		s = 0
	}
}

proctype carrier(byte me; byte p)
{
	byte s, x;
	bit new = 1;

	if
	:: p != NONE -> new = 0; goto loop
	:: else
	fi;

end_unborn:
	born[me];
await:
	atomic {
		spare[me] = 0;
		p = given[me];
		given[me] = NONE;
		if
		:: p != NONE && owner[p] == IDLE(me) -> owner[p] = RUNNING(me)
		:: else ->
			p = NONE;
			if
			:: retired[me] -> goto gone
			:: else ->
				spare[me] = 1;
				in_poller[me] = 0;
				awake[me] = 0;
				asked = (new -> 0 : asked);	/* be_there */
				new = 0
			fi
		fi
	}
	if
	:: p != NONE -> goto loop
	:: else
	fi;
end_spare:
	if
	:: awake[me] -> goto await
#ifdef RETIRE_SELF
	:: atomic { retires > 0 && FREE(me) -> retires--; spare[me] = 0; count--; p = NONE; goto gone }
#endif
	fi;

loop:						/* inside, owner of p */
	assert(IS_MINE(p));
	credit[p] = 1;
	if
	:: atomic { q[p] > 0 -> q[p]-- }
	:: atomic { gq > 0 -> gq-- }
	:: else ->
		credit[p] = 0;			/* sleep_idle */
		atomic { asleep[me] = 1; owner[p] = IDLE(me) }
end_asleep:	if
		:: gq > 0
		:: bell -> bell = 0
		:: q[p] > 0 && owner[p] == IDLE(me)	/* its own work: the offerer rings */
		fi;
		atomic {
			asleep[me] = 0;
			if
			:: owner[p] == IDLE(me) -> owner[p] = RUNNING(me)
			:: else -> p = NONE
			fi
		}
		if
		:: p == NONE -> goto await
		:: else
		fi;
#ifndef NOT_KEPT
		d_step {
			if
			:: spare[me] -> spare[me] = 0; given[me] = NONE		/* weft__carrier_keep */
			:: else
			fi
		}
#endif
		goto loop
	fi;
	leave();

user:						/* outside, runs a thread, may have lost p */
	if
	:: enter();				/* it ends */
		done++;
		if
		:: p != NONE -> goto loop
		:: else -> goto await
		fi
	:: enter();				/* it yields */
		if
		:: p != NONE -> assert(IS_MINE(p)); q[p]++; goto loop
		:: else -> goto owner_return
		fi
	:: atomic { spawns > 0 -> spawns--; total++ }
		enter();
		if
		:: p != NONE -> assert(IS_MINE(p)); q[p]++
		:: else -> gq++
		fi;
		leave();
		goto user
	:: atomic { blocks > 0 -> blocks--; blocked[me] = 1 }
		if
		:: atomic { blocked[me] = 0; given_up[me] = 0 } goto user
		:: stuck[me] = 1; goto for_ever
		fi
	:: atomic { faults > 0 -> faults-- }
		enter();
		blocked[me] = 1;
		blocked[me] = 0;
		assert(p == NONE || IS_MINE(p));
		leave();
		goto user
	:: atomic { hogs > 0 -> hogs--; runs[me] = 1 }
end_hog:	atomic { ticked[me] -> ticked[me] = 0; runs[me] = 0 }
		enter();
		if
		:: p != NONE -> q[p]++; goto loop
		:: else -> goto owner_return
		fi
	:: atomic { brackets > 0 -> brackets-- }
		enter();
		if
		:: p != NONE ->
			atomic {		/* weft__offer */
				find(ON_WORD);
				if
				:: s == NONE -> find(FREE)
				:: else
				fi;
				if
				:: s != NONE && !in_poller[s] -> given[s] = p; owner[p] = IDLE(s); awake[s] = 1; p = NONE
				:: s != NONE && in_poller[s] ->
					credit[p] = 0;
					given[s] = p;
					owner[p] = IDLE(s);
					bell = (q[p] > 0 -> 1 : bell);
					p = NONE
				:: s == NONE ->
					ASK;
					if
					:: asked == 1 || asked == 2 ->	/* leave_behind */
						credit[p] = 0;
						bell = (q[p] > 0 && ANY(SLEEPS_THERE) -> 1 : bell);
						owner[p] = NOBODY;
						p = NONE
					:: else			/* it keeps it */
					fi
				fi
			}
			s = 0
		:: else
		fi;
		leave();
		if
		:: true
		:: atomic { blocks > 0 -> blocks--; blocked[me] = 1; stuck[me] = 1 } goto for_ever
		fi;
		enter();
		if
		:: p != NONE -> leave(); goto user
		:: else -> goto owner_return
		fi
	fi;

owner_return:					/* inside, without a processor, with a thread */
	take_idle();
	if
	:: p != NONE -> leave(); goto user
	:: else -> gq++; goto await
	fi;

for_ever:
end_for_ever:
	false;

gone:
	aside[me] = 1;
	assert(!spare[me] && p == NONE)
}

/* Somebody would gain. */
#define WANTED(p)	(q[p] + gq > 0)
#ifdef GIVES_UP
#define LOOKS_AT(c)	(!given_up[c])
#else
#define LOOKS_AT(c)	true
#endif
#ifdef NO_BOUND_RING
#define CAN_RING	false
#else
#define CAN_RING	(ANY(SLEEPS_THERE) && !bell)
#endif
/* There is something that it can do. */
#define HAS_MEANS	(ANY(ON_WORD) || (MAY_MAKE && asked == 0) || (!MAY_MAKE && CAN_RING))
#define BLOCKED(c)	(owner[0] == RUNNING(c) && blocked[c] && WANTED(0) && LOOKS_AT(c) && HAS_MEANS)
#define ORPHANED	(owner[0] == NOBODY && HAS_MEANS)
#define HAS(c)		(owner[0] == RUNNING(c) || owner[0] == REVOKED(c))
#define AWAY(c)		(runs[c] && !ticked[c] && !HAS(c))
/* others wait */
#define OVERRAN(c)	(runs[c] && !ticked[c] && HAS(c) && WANTED(0))

#ifdef RETIRE_OFFERED
#define RETIRABLE(c)	(spare[c] && !in_poller[c] && awake[c])
#else
#define RETIRABLE(c)	ON_WORD(c)
#endif

/* weft__have_spare: s, or else what can be done about it. */
inline have_spare()
{
	d_step {
		find(ON_WORD);
		if
		:: s == NONE && MAY_MAKE -> ASK
#ifndef NO_BOUND_RING
		:: s == NONE && !MAY_MAKE -> bell = (ANY(SLEEPS_THERE) -> 1 : bell)
#endif
		:: else
		fi
	}
}

proctype monitor()
{
	byte c, p, s;
	bit ok;

end:	do
	:: d_step { BLOCKED(0) -> c = 0 } goto blocked_one
	:: d_step { BLOCKED(1) -> c = 1 } goto blocked_one
#if NC > 2
	:: d_step { BLOCKED(2) -> c = 2 } goto blocked_one
#endif
	:: asked == 3 -> asked = 0		/* ask_again */
#ifndef NO_ADOPTION
	:: ORPHANED -> have_spare();		/* weft__adopt */
		d_step {
			if
			:: s != NONE -> find(ON_WORD)
			:: else
			fi;
			if
			:: s != NONE && owner[p] == NOBODY -> given[s] = p; owner[p] = IDLE(s); awake[s] = 1
			:: else
			fi;
			s = 0
		}
#endif
#ifndef NO_AWAY_TICK
	:: AWAY(0) -> ticked[0] = 1
	:: AWAY(1) -> ticked[1] = 1
#if NC > 2
	:: AWAY(2) -> ticked[2] = 1
#endif
#endif
	:: d_step { OVERRAN(0) -> ticked[0] = 1 }
	:: d_step { OVERRAN(1) -> ticked[1] = 1 }
#if NC > 2
	:: d_step { OVERRAN(2) -> ticked[2] = 1 }
#endif
#ifndef RETIRE_SELF
	:: retires > 0 && dying == NONE && ANY(RETIRABLE) -> retires--; goto retire
#endif
	od;

blocked_one:
	have_spare();
	if
	:: s == NONE -> d_step { s = 0; given_up[c] = !MAY_MAKE } goto end
	:: else
	fi;
	d_step {				/* hand_off: OWNER */
		ok = (owner[p] == RUNNING(c));
		owner[p] = (ok -> REVOKED(c) : owner[p]);
		s = 0
	}
	if
	:: ok ->
		ok = !inside[c];		/* INSIDE */
		assert(!aside[c]);
		d_step {
			if
			:: ok -> find(ON_WORD)
			:: else -> s = NONE
			fi;
			if
			:: owner[p] == REVOKED(c) && s != NONE ->
				given[s] = p;
				owner[p] = IDLE(s);
				awake[s] = 1
			:: owner[p] == REVOKED(c) && s == NONE -> owner[p] = RUNNING(c)
			:: else
			fi;
			s = 0;
			ok = 0
		}
	:: else
	fi;
	goto end;

retire:
	atomic {
		find(RETIRABLE);
#ifndef RETIRE_UNLOCKED
		if
		:: s != NONE -> spare[s] = 0; retired[s] = 1; count--; awake[s] = 1
		:: else
		fi
#endif
	}
#ifdef RETIRE_UNLOCKED
	if
	:: s != NONE -> d_step { spare[s] = 0; given[s] = NONE; retired[s] = 1; count--; awake[s] = 1 }
	:: else
	fi;
#endif
	d_step {
		dying = s;
		s = 0
	}
	goto end
}	/* (never) */

proctype maker()
{
	byte s;

end:	do
	:: asked == 1 ->
		d_step {
			asked = 2;
			find_record();
#ifdef LISTED_FIRST
			spare[s] = 1;
			in_poller[s] = 0;
			awake[s] = 1
#endif
		}
		if
		:: born[s] = 1
		:: d_step { fails > 0 -> fails--;
#ifndef NO_ANSWER
				asked = 3;
#endif
				drop_record(s)
			}
		fi;
		s = 0
	:: dying != NONE ->
end_bury:	aside[dying];			/* weft__carrier_bury */
		dying = NONE
	od
}	/* (never) */

init {
	byte i, n;

	atomic {
		do
		:: i < NC ->
			if
			:: i < NP -> owner[i] = RUNNING(i); is_there[i] = 1; count++; run carrier(i, i)
			:: else -> run carrier(i, NONE)
			fi;
			i++
		:: else -> break
		od;
		gq = NP + 1;
		total = gq;
		i = 0;
		run monitor();
		run maker()
	}
	timeout;
	atomic {
		do
		:: i < NC ->
			n = n + (stuck[i] || runs[i]);
			assert(!runs[i] || HAS(i));
			i++
		:: else -> i = 0; break
		od;
		n = n + gq;
		do
		:: i < NP ->
			n = n + q[i];
			assert(IS_RUNNING(owner[i]) || IS_IDLE(owner[i]));
			assert(!IS_RUNNING(owner[i]) || runs[owner[i] - RUNNING(0)] || stuck[owner[i] - RUNNING(0)]);
			assert(!IS_IDLE(owner[i]) || (q[i] + gq == 0 && !credit[i] && !aside[owner[i] - IDLE(0)]));
			assert(!(IS_RUNNING(owner[i]) && q[i] + gq > 0) ||
				(stuck[owner[i] - RUNNING(0)] && !ANY(SLEEPS) && !MAY_MAKE));
			i++
		:: else -> break
		od;
		assert(n + done == total)
	}
}
