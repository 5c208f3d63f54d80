/* SPDX-License-Identifier: MIT */
/*
 * maker.pml: what the maker is asked for is done (src/sched/maker.c, look.c, carrier.c, monitor.c).
 *
 * It sleeps on a count of rings.  Whoever wants something of it writes that down, and rings; it reads the count, walks
 * through the schedulers, does what it finds, and sleeps if the count is still the one that it read.  The monitor and those
 * that ask are kernel threads of their own; what they write down is shown by locked instructions, or released before the
 * locked instruction that counts the ring, so there are no store buffers.
 *
 *   weft__maker_ask    ask: UNASKED -> ASKED by CAS, and rings if that was it.  Anyone, several at once
 *   make_spare         ASKED -> MADE by CAS; the carrier itself says UNASKED when it is there (be_there).  If it cannot be
 *                      made: FAILED, until the monitor says UNASKED (ask_again), and somebody asks once more
 *   tell_of            the monitor sees that a thread is blocked: its table, and then whom to tell (TELL); rings.  It may see the
 *                      next one there before the first was told: that one is not blocked any more, and is told of or not
 *   take_seen          swaps it with nobody, tells
 *   the walk           from the first scheduler to the next; if the one that it has just been at is taken out, it ends
 *                      there.  Who adds or takes out rings (weft__monitor_add, _remove).  Who takes out waits until the
 *                      maker is not at it
 *
 * Two schedulers in that order; the second is added late, the first is taken out after that at any time, or stays.
 *
 * Claims
 *   at rest no carrier is asked for, nobody waits to be told of who was seen last, but in the scheduler that is gone;
 *   one carrier is made at a time;
 *   who is told has a table; the maker is at no scheduler that is gone.
 *
 * Broken variants (-D)
 *   COUNT_LATE     the count of rings is read after the walk
 *   RING_FIRST     who asks rings, and then writes it down
 *   ASK_BY_STORE   it is written down by a plain store: over MADE
 *   NO_ANSWER      a failure is not told: nobody asks again
 *   ARG_FIRST      whom to tell is written before the table
 *   TAKE_BY_STORE  the maker reads whom to tell, tells, and then writes nobody
 *   ADD_SILENT     a scheduler is added, and nobody rings: who asked before was not heard
 *   REMOVE_SILENT  one is taken out, and nobody rings: the walk ended there, and the next were not seen
 *   GONE_AT_ONCE   who takes one out does not wait for the maker
 */
#ifndef ASKS
#define ASKS	2
#endif
#ifndef SEEN
#define SEEN	2
#endif
#ifndef FAILS
#define FAILS	1
#endif
#define NS	2
#define NONE	255

mtype = { UNASKED, ASKED, MADE, FAILED };

mtype asked[NS] = UNASKED;
byte rings;
bit slept;			/* in the futex */
bit watched[NS];		/* in the list */
bit is_gone;			/* 0: its memory is given back */
byte at = NONE;			/* where the maker is */
byte seen;			/* on one carrier of 1; 0: of none */
bit has_table;
byte asks = ASKS, fails = FAILS;
byte last_seen, told, making[NS];	/* ghosts */

inline ring()
{
	atomic { rings++; slept = 0 }
}

inline ask(x)
{
#ifdef RING_FIRST
	ring();
	atomic { asked[x] = (asked[x] == UNASKED -> ASKED : asked[x]) }
#else
#ifdef ASK_BY_STORE
	ok = (asked[x] == UNASKED);
	if
	:: ok -> asked[x] = ASKED; ring()
	:: else
	fi
#else
	atomic {
		ok = (asked[x] == UNASKED);
		asked[x] = (ok -> ASKED : asked[x])
	}
	if
	:: ok -> ring()
	:: else
	fi
#endif
#endif
}

/* They hold up nothing: whoever asks goes on, and asks again some day, as long as there is need. */
proctype asker()
{
	bit ok;

	do
	:: atomic { asks > 0 -> asks-- }
		if
		:: ask(1)
		:: watched[0] -> ask(0)
		fi
	:: break
	od
}

proctype monitor()
{
	byte n;

	do
	:: n < SEEN -> n++;
#ifdef ARG_FIRST
		atomic { seen = n; last_seen = n }
		has_table = 1;
#else
		has_table = 1;
		atomic { seen = n; last_seen = n }
#endif
		ring()
	:: n == SEEN -> break
	od;
end:	do
	:: atomic { asked[1] == FAILED -> asked[1] = UNASKED }
	:: atomic { asked[0] == FAILED && !is_gone -> asked[0] = UNASKED }
	od
}	/* (never) */

proctype user()
{
	watched[1] = 1;				/* weft__monitor_add */
#ifndef ADD_SILENT
	ring();
#endif
	if
	:: goto end
	:: true
	fi;
	watched[0] = 0;				/* weft__monitor_remove */
#ifndef REMOVE_SILENT
	ring();
#endif
#ifndef GONE_AT_ONCE
	at != 0;
#endif
	is_gone = 1;
end:	skip
}

/* On its way to be a spare. */
proctype carrier(byte x)
{
	making[x]--;
	asked[x] = UNASKED			/* be_there */
}

inline make_spare()
{
	atomic {
		ok = (asked[at] == ASKED);
		asked[at] = (ok -> MADE : asked[at])
	}
	if
	:: ok ->
		atomic { making[at]++; assert(making[at] == 1) }
		if
		:: atomic { run carrier(at) }
		:: atomic { fails > 0 -> fails-- }
			making[at]--;
#ifndef NO_ANSWER
			asked[at] = FAILED
#endif
		fi
	:: else
	fi
}

inline tell()
{
	do
	:: at != 1 || seen == 0 -> break
	:: at == 1 && seen != 0 ->
#ifdef TAKE_BY_STORE
		arg = seen;
		assert(has_table);
		told = arg;
		seen = 0
#else
		atomic { arg = seen; seen = 0 }
		assert(has_table);
		told = arg
#endif
	od;
	arg = 0
}

proctype maker()
{
	byte count, arg;
	bit ok;

walk:
#ifndef COUNT_LATE
	count = rings;
#endif
	at = (watched[0] -> 0 : (watched[1] -> 1 : NONE));
	do
	:: at == NONE -> break
	:: else ->
		assert(!(at == 0 && is_gone));
		tell();
		make_spare();
		assert(!(at == 0 && is_gone));
		/* weft__watched_next */
		d_step { at = (at == 0 && watched[0] && watched[1] -> 1 : NONE) }
	od;
#ifdef COUNT_LATE
	count = rings;
#endif
	atomic {
		if
		:: rings == count -> slept = 1
		:: else
		fi
	}
end_asleep:
	!slept;
	goto walk
}	/* (never) */

init {
	atomic {
		watched[0] = 1;
		run maker();
		run monitor();
		run user();
		run asker();
		run asker()
	}
	timeout;
	assert(asked[0] == UNASKED || is_gone);
	assert(asked[1] == UNASKED);
	assert(seen == 0 && told == last_seen)
}
