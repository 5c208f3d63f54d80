/* SPDX-License-Identifier: MIT */
/*
 * ownership.pml: which carrier owns a processor (src/sched/enter.h, owner.c, engine.h, idle.c, blocking.c, carrier.c).
 *
 * NC carriers, NP processors, one monitor, one global queue (gq).  A processor's owner word is
 *   RUNNING(c)  carrier c runs with it
 *   IDLE(c)     c sleeps in the poller and would like it back, or is a spare that it is offered to
 *   REVOKED(c)  the monitor is about to take it from c
 * A carrier sets `inside` with a plain store on every entry into the runtime and then reads the owner word
 * again; both words pass through its FIFO store buffer sb[c] (TSO).  Compare-and-swap drains the buffer of
 * who executes it; membarrier drains everybody's, one after the other.  What happens under the scheduler's
 * lock is one step.
 *
 * A carrier without a processor that runs no thread is a spare and in the list of spares, from which it takes
 * itself when it wakes.  It sleeps on its own word; or still in the poller, if its processor was taken from it
 * there (in_poller), and then nobody wakes it for an offer: the processor is just idle.
 *
 *   monitor         RUNNING(c) -> REVOKED(c), membarrier, inside[c]?  no: -> IDLE(spare), yes: -> RUNNING(c)
 *   enter           (weft__enter, weft__owner_regain) RUNNING(me): mine.  REVOKED(me): CAS back; if it fails look again.  Else lost.
 *   blocking_begin  RUNNING(me) -> IDLE(spare), a plain store: only an owner inside may do that
 *   await_processor IDLE(me) -> RUNNING(me) by CAS, or another was quicker
 *   blocking_end    IDLE(any) -> RUNNING(me) by CAS, and its sleeper is a spare; none: queue the thread
 *   sleep_idle      RUNNING(me) -> IDLE(me), a plain store; on waking IDLE(me) -> RUNNING(me) by CAS
 *   stop_here       a light thread that overran: offers its processor, or gives it as who picks it; is queued with its
 *                   carrier, which sleeps inside
 *   stopped_give    by who picked it: RUNNING(me) -> RUNNING(c), then c's stop_word, plain stores
 *   grant_to_stopped  the monitor, for want of a spare: REVOKED(c) -> BETWEEN by CAS, and on to RUNNING(d), or NOBODY if
 *                   another has picked the last; NOBODY is taken as an idle one is, or adopted
 *
 * Threads are counted, not named: on a carrier, in gq, or done.  A thread may keep its carrier for ever
 * (stuck).  The monitor makes a fixed number of revocations at any moment, a superset of what it does.  So a thread
 * that comes back from a call without its processor is here as one that is outside when that happens: it runs on
 * (user), and at its next entry, or at a tick, which enters as a yield does, it takes an idle processor or queues.
 * How the monitor chooses, where spares come from and how they end: handoff.pml.  Which thread stops, and when it runs
 * again: stopped.pml.
 *
 * Claims
 *   acting[p] <= 1: two carriers never act as owner of one processor inside the runtime;
 *   at rest no processor is idle while a thread is queued, none is revoked, none is held by a carrier that
 *   does not know it, and no thread is lost (see init).
 *
 * Broken variants (-D)
 *   NO_MEMBARRIER   the monitor does without it
 *   READ_FIRST      enter reads the owner word before it sets inside
 *   CAS_ONCE        a carrier whose CAS back fails takes the processor for lost; the monitor gave it back
 *   NO_CAS_BACK     a carrier that finds REVOKED(me) stores RUNNING(me)
 *   BARE_REVOKED    REVOKED does not name the carrier it was taken from
 *   NO_IDLE_CAS     a woken carrier stores RUNNING(me)
 *   EVENTS_FIRST    a woken carrier puts what an event readied into its queue, and takes its processor back then
 *   DROP_TOKEN      a woken carrier that lost its processor forgets the ring
 *   GIVE_BY_STORE   the monitor gives the processor away, or back, by a plain store
 *   NO_SPARE_MADE   who takes a sleeper's processor does not make it a spare: it can be offered nothing again
 *   WORD_FIRST      stop_word is set before the owner word names the carrier
 *   SLEEPS_OUTSIDE  a stopped carrier sleeps outside: what it was granted is taken from it before it has woken
 *   STAYS_NAMED     the monitor grants what is still REVOKED(c): c comes back, and takes it
 *   BETWEEN_IS_IDLE who needs a processor takes one that is on its way to a stopped carrier
 *   NOT_ADOPTED     what is nobody's stays so
 */
#ifndef NC
#define NC	3
#endif
#ifndef NP
#define NP	1
#endif
#ifndef REVOCATIONS
#define REVOCATIONS	1
#endif
#ifndef SPAWNS
#define SPAWNS	1
#endif
#ifndef BLOCKS
#define BLOCKS	1	/* blocking calls, in all */
#endif
#ifndef EVENTS
#define EVENTS	0	/* I/O events that wake a sleeper, each readies a thread */
#endif

#ifndef STOPS
#define STOPS	0	/* light threads that are stopped with their carrier, in all */
#endif

#define NONE		255
#define INSIDE		NP	/* a location in a store buffer; 0 .. NP - 1 are the owner words */
#define STOP_WORD(c)	(NP + 1 + (c))
#define NOBODY		0	/* idle */
#define RUNNING(c)	(1 + (c))
#define IDLE(c)		(1 + NC + (c))
#ifdef BARE_REVOKED
#define REVOKED(c)	(1 + 2 * NC)
#else
#define REVOKED(c)	(1 + 2 * NC + (c))
#endif
#define BETWEEN		(1 + 3 * NC)	/* revoked, and nobody's */
#define IS_RUNNING(w)	((w) >= RUNNING(0) && (w) < IDLE(0))
#define IS_IDLE(w)	((w) >= IDLE(0) && (w) < REVOKED(0))
#ifdef BETWEEN_IS_IDLE
#define MAY_TAKE(w)	(IS_IDLE(w) || (w) == NOBODY || (w) == BETWEEN)
#else
#define MAY_TAKE(w)	(IS_IDLE(w) || (w) == NOBODY)
#endif

chan sb[NC] = [2] of { byte, byte };
byte owner[NP];
bit inside[NC];
byte given[NC];		/* offered, and not yet looked at; NONE: nothing */
bit awake[NC];		/* wake_word */
bit spare[NC];		/* in the list of spares */
bit in_poller[NC];	/* of a spare: it sleeps there, not on its own word */
bit stopped[NC];	/* queued together with its thread */
bit stop_word[NC];
byte stopped_count;	/* those that are not in the queue yet too */
byte granted[NC];	/* with stop_word, and through the same buffer before it */
byte gq, idle, searching;
bit edge;
byte spawns = SPAWNS, blocks = BLOCKS, events = EVENTS, stops = STOPS;
byte total, done, acting[NP];	/* ghosts */
bit stuck[NC], asleep[NC];	/* ghosts */

inline lands(c)
{
	if
	:: loc < NP -> owner[loc] = val
	:: loc == INSIDE -> inside[c] = val
	:: else -> stop_word[loc - STOP_WORD(0)] = val
	fi;
	loc = 0;
	val = 0
}

inline drain(c)
{
	d_step {
		do
		:: sb[c]?loc,val -> lands(c)
		:: empty(sb[c]) -> break
		od
	}
}

inline cas_owner(x, from, to)
{
	atomic {
		drain(me);
		ok = (owner[x] == from);
		owner[x] = (ok -> to : owner[x])
	}
}

/* With the scheduler's lock held.  One that was offered a processor is free when that was taken back; not when it has it,
 * though the monitor may be about to revoke that. */
#define FREE(c)	(spare[c] && !(given[c] != NONE && (owner[given[c]] == IDLE(c) || owner[given[c]] == RUNNING(c) || \
		owner[given[c]] == REVOKED(c))))

inline find_spare()
{
	s = 0;
	do
	:: s < NC && FREE(s) && !in_poller[s] -> break
	:: s < NC && !(FREE(s) && !in_poller[s]) -> s++
	:: s >= NC -> break
	od;
	if
	:: s >= NC -> s = 0;
		do
		:: s < NC && FREE(s) -> break
		:: s < NC && !FREE(s) -> s++
		:: s >= NC -> s = NONE; break
		od
	:: else
	fi
}

#define ANY_STOPPED	(stopped[0] || stopped[1] || stopped[NC - 1])
#define WORK		(gq > 0 || ANY_STOPPED)

/* There is one. */
inline take_stopped()
{
	s = 0;
	do
	:: stopped[s] -> stopped[s] = 0; break
	:: !stopped[s] -> s++
	od
}

/* p, inside, to the carrier s */
inline give()
{
	acting[p]--;
	atomic { drain(me); stopped_count-- }
	granted[s] = p;
#ifdef WORD_FIRST
	sb[me]!STOP_WORD(s),1;
	sb[me]!p,RUNNING(s);
#else
	sb[me]!p,RUNNING(s);
	sb[me]!STOP_WORD(s),1;
#endif
	s = 0;
	p = NONE
}

inline act()
{
	atomic { acting[p]++; assert(acting[p] == 1) }
}

inline enter()
{
#ifdef READ_FIRST
	w = (p == NONE -> 0 : owner[p]);
	sb[me]!INSIDE,1;
#else
	sb[me]!INSIDE,1;
	w = (p == NONE -> 0 : owner[p]);
#endif
	do
	:: w == RUNNING(me) -> ok = 1; break
	:: w == REVOKED(me) ->
#ifdef NO_CAS_BACK
		sb[me]!p,RUNNING(me);
		ok = 1;
		break
#else
		cas_owner(p, REVOKED(me), RUNNING(me));
		if
		:: ok -> break
#ifdef CAS_ONCE
		:: else -> break
#else
		:: else -> w = owner[p]		/* given away, or back to me */
#endif
		fi
#endif
	:: else -> ok = 0; break
	od;
	w = 0;
	if
	:: ok -> act()
	:: else -> p = NONE
	fi
}

inline leave()
{
	acting[p]--;
	sb[me]!INSIDE,0
}

inline leave_without()
{
	sb[me]!INSIDE,0
}

/* Idle protocol: idle.pml proves it, here it is only its consequences for owners. */
inline maybe_wake()
{
	if
	:: idle > 0 && searching == 0 ->
		atomic {
			drain(me);
			if
			:: searching == 0 -> searching = 1; edge = 1
			:: else
			fi
		}
	:: else
	fi
}

inline drop_token()
{
	atomic { drain(me); assert(searching > 0); searching--; token = 0 }
	maybe_wake()
}

inline heavy_barrier()
{
	x = 0;
	do
	:: x < NC -> drain(x); x++
	:: else -> x = 0; break
	od
}

inline queue_thread()
{
	atomic { drain(me); gq++ }
	maybe_wake()
}

proctype carrier(byte me; byte p)
{
	byte loc, val, w, x, s;
	bit ok, token, again, event;

	if
	:: p == NONE -> goto no_processor
	:: else -> goto user
	fi;

no_processor:					/* await_processor */
	sb[me]!INSIDE,1;
	atomic {
		drain(me);
		spare[me] = 0;
		p = given[me];
		given[me] = NONE;
		ok = 0;
		if
		:: p != NONE -> cas_owner(p, IDLE(me), RUNNING(me))
		:: else
		fi;
		if
		:: ok
		:: else -> p = NONE; spare[me] = 1; in_poller[me] = 0; awake[me] = 0
		fi
	}
	if
	:: ok -> act(); goto loop
	:: else -> leave_without()
	fi;
end_spare:
	awake[me];
	goto no_processor;

loop:						/* inside, owner of p */
	if
	:: atomic { gq > 0 -> drain(me); gq-- }
		if
		:: token -> drop_token()
		:: !token && again -> maybe_wake()
		:: else
		fi;
		again = 0;
		leave();
		goto user
	:: atomic { ANY_STOPPED -> drain(me); take_stopped() }
		if
		:: token -> drop_token()
		:: !token && again -> maybe_wake()
		:: else
		fi;
		again = 0;
		give();				/* run_threads */
		leave_without();
		goto no_processor
	:: else -> again = 0
	fi;
	atomic { drain(me); idle++ }
	if
	:: token -> atomic { drain(me); assert(searching > 0); searching--; token = 0 }
	:: else
	fi;
	heavy_barrier();
	if
	:: WORK -> atomic { drain(me); idle--; again = 1 } goto loop
	:: else
	fi;
	acting[p]--;
	sb[me]!p,IDLE(me);
	sb[me]!INSIDE,0;
	asleep[me] = 1;
end_asleep:
	if
	:: atomic { edge -> edge = 0; token = 1; asleep[me] = 0 }
	:: atomic { events > 0 -> events--; total++; event = 1; asleep[me] = 0 }
	fi;
	sb[me]!INSIDE,1;
#ifdef EVENTS_FIRST
	if
	:: event -> act(); atomic { acting[p]--; event = 0; gq++ } maybe_wake()
	:: else
	fi;
#endif
	atomic { drain(me); idle-- }
#ifdef NO_IDLE_CAS
	sb[me]!p,RUNNING(me);
	ok = 1;
#else
	cas_owner(p, IDLE(me), RUNNING(me));
#endif
	if
	:: event -> event = 0; queue_thread()
	:: else
	fi;
	if
	:: ok -> act();
		if
		:: spare[me] -> atomic { drain(me); spare[me] = 0; given[me] = NONE }	/* weft__carrier_keep */
		:: else
		fi;
		goto loop
	:: else
	fi;
	p = NONE;
#ifndef DROP_TOKEN
	if
	:: token -> drop_token()
	:: else
	fi;
#endif
	token = 0;
	leave_without();
	goto no_processor;

user:						/* outside, runs a thread, may have lost p */
	if
	:: enter(); done++;			/* the thread ends */
		if
		:: ok -> goto loop
		:: else -> leave_without(); goto no_processor
		fi
	:: enter();				/* it yields */
		if
		:: ok -> queue_thread(); goto loop
		:: else -> goto take_or_queue
		fi
	:: atomic { spawns > 0 -> spawns--; total++ }
		enter();			/* a call that does not wait: with or without processor */
		queue_thread();
		if
		:: ok -> leave()
		:: else -> leave_without()
		fi;
		goto user
	:: atomic { blocks > 0 -> blocks-- }
		enter();
		if
		:: ok ->
			atomic {		/* offer */
				drain(me);
				find_spare();
				if
				:: s != NONE -> acting[p]--; given[s] = p; owner[p] = IDLE(s); p = NONE
				:: else
				fi
			}
			if
			:: s == NONE -> leave()	/* no spare: it keeps the processor */
			:: s != NONE && !in_poller[s] -> awake[s] = 1; sb[me]!INSIDE,0
			:: s != NONE && in_poller[s] -> sb[me]!INSIDE,0
			fi;
			s = 0
		:: else -> leave_without()
		fi;
		enter();			/* blocking_end */
		if
		:: ok -> leave(); goto user
		:: else -> goto take_or_queue
		fi
	:: atomic { stops > 0 -> stops-- }
		enter();
		if
		:: ok ->
			atomic {		/* offer; else swap_with_stopped */
				drain(me);
				find_spare();
				s = (s != NONE && in_poller[s] -> NONE : s);
				if
				:: s != NONE -> acting[p]--; given[s] = p; owner[p] = IDLE(s); p = NONE
				:: s == NONE && ANY_STOPPED -> take_stopped()
				:: s == NONE && !ANY_STOPPED
				fi
			}
			if
			:: p == NONE -> awake[s] = 1; s = 0
			:: p != NONE && s != NONE -> give()
			:: p != NONE && s == NONE -> s = 0; leave(); goto user	/* it runs on */
			fi
		:: else
		fi;
		sb[me]!STOP_WORD(me),0;
		atomic { drain(me); stopped_count++ }
		atomic { drain(me); stopped[me] = 1 }
#ifdef SLEEPS_OUTSIDE
		sb[me]!INSIDE,0;
#endif
		maybe_wake();
end_stopped:	stop_word[me];
#ifdef SLEEPS_OUTSIDE
		sb[me]!INSIDE,1;
#endif
		p = granted[me];
		act();
		leave();
		goto user
	:: stuck[me] = 1; goto kept
	fi;

take_or_queue:					/* inside, without processor, with a thread */
	x = 0;
	do
	:: x >= NP -> break
	:: else ->
		w = owner[x];
		if
		:: MAY_TAKE(w) ->
			atomic {		/* take */
				cas_owner(x, w, RUNNING(me));
				if
#ifndef NO_SPARE_MADE
				:: ok && IS_IDLE(w) && !spare[w - IDLE(0)] ->
					spare[w - IDLE(0)] = 1;
					in_poller[w - IDLE(0)] = 1
#endif
				:: else
				fi;
				w = 0
			}
			if
			:: ok -> p = x; x = 0; act(); leave(); goto user
			:: else -> x++
			fi
		:: else -> w = 0; x++
		fi
	od;
	x = 0;
	queue_thread();
	leave_without();
	goto no_processor;

kept:
end_kept:
	false
}	/* (never) */

#define ON_WORD(c)	(FREE(c) && !in_poller[c])
#define SPARE_ON_WORD	(ON_WORD(0) || ON_WORD(1) || ON_WORD(NC - 1))

proctype monitor()
{
	byte loc, val, w, x, s, p, n;
	bit ok;

end:	do
#ifndef NOT_ADOPTED
	:: atomic { owner[0] == NOBODY && (stopped_count > 0 || SPARE_ON_WORD) ->	/* weft__adopt */
			p = 0;
			find_spare();
			s = (s != NONE && in_poller[s] -> NONE : s);
			if
			:: s != NONE -> owner[0] = IDLE(s); given[s] = 0; awake[s] = 1; s = 0
			:: s == NONE -> s = 0; owner[0] = (stopped_count > 0 -> BETWEEN : NOBODY)
			fi
		}
		if
		:: owner[0] == BETWEEN -> goto grant_one
		:: else
		fi
#endif
	:: n < REVOCATIONS ->
		n++;
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
			atomic {
				ok = (owner[p] == RUNNING(w));
				owner[p] = (ok -> REVOKED(w) : owner[p])
			}
			if
			:: ok ->
#ifndef NO_MEMBARRIER
				heavy_barrier();
#endif
				x = inside[w];
				atomic {		/* under the scheduler's lock */
					if
					:: !x -> find_spare()
					:: else -> s = NONE
					fi;
#ifdef GIVE_BY_STORE
					ok = 1;
#else
					ok = (owner[p] == REVOKED(w));
#endif
					if
					:: ok && s == NONE && !x && stopped_count > 0 ->
#ifndef STAYS_NAMED
						owner[p] = BETWEEN;
#endif
						w = 0;
						x = 0;
						s = 0;
						goto grant_one
					:: ok && s == NONE && !(!x && stopped_count > 0) -> owner[p] = RUNNING(w)
					:: ok && s != NONE -> owner[p] = IDLE(s); given[s] = p
					:: !ok
					fi
				}
				if
				:: ok && s != NONE && !in_poller[s] -> awake[s] = 1
				:: else
				fi;
				s = 0;
				x = 0
			:: else
			fi
		:: else
		fi;
		w = 0
	od;

grant_one:					/* give_to_stopped */
	if
	:: atomic { ANY_STOPPED -> take_stopped(); stopped_count--; granted[s] = p }
		owner[p] = RUNNING(s);
		stop_word[s] = 1
	:: !ANY_STOPPED -> owner[p] = NOBODY
	fi;
	s = 0;
	goto end
}	/* (never) */

proctype memory()
{
	byte loc, val;

end:	do
	:: atomic { sb[0]?loc,val -> lands(0) }
	:: atomic { sb[1]?loc,val -> lands(1) }
#if NC > 2
	:: atomic { sb[2]?loc,val -> lands(2) }
#endif
	od
}	/* (never) */

#if NP > 1
#define HOLDS_ONE(c)	(owner[0] == IDLE(c) || owner[1] == IDLE(c))
#else
#define HOLDS_ONE(c)	(owner[0] == IDLE(c))
#endif

init {
	byte i, n;

	atomic {
		do
		:: i < NC ->
			given[i] = NONE;
			if
			:: i < NP -> owner[i] = RUNNING(i); run carrier(i, i)
			:: else -> run carrier(i, NONE)
			fi;
			i++
		:: else -> break
		od;
		gq = 1;
		total = NP + 1;
		run monitor();
		run memory();
		i = 0
	}
	timeout;
	atomic {
		do
		:: i < NC -> n = n + stuck[i]; 
			n = n + stopped[i];
			assert(stuck[i] || spare[i] || stopped[i] || (asleep[i] && HOLDS_ONE(i)));
			i++
		:: else -> break
		od;
		assert(gq + n + done == total);
		i = 0;
		do
		:: i < NP ->
			assert(IS_RUNNING(owner[i]) || IS_IDLE(owner[i]));
			assert(!IS_RUNNING(owner[i]) || stuck[owner[i] - RUNNING(0)]);
			assert(!IS_IDLE(owner[i]) || (!WORK && asleep[owner[i] - IDLE(0)]));
			i++
		:: else -> break
		od
	}
}
