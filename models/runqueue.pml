/* SPDX-License-Identifier: MIT */
/*
 * runqueue.pml: a processor's run queue: the ring that grows, the steal, the hot slot (src/sched/runq.h, runq.c).
 *
 * Processor 0's owner pushes items 1 .. ITEMS into its ring or its hot slot, and pops; thieves, the owners
 * of processors 1 and 2, steal the older half, from it and from each other, and pop what they stole.
 * Indices count modulo MODULUS, which is more than the largest ring, and start just before it comes round
 * (in the engine they have 64 bits and never do).  Ring 0 holds 1, ring 1 2, ring 2 4 items; 3 and 4 are the
 * thieves' and hold 4.
 *
 *   weft__runq_push   push         weft__runq_steal      steal
 *   weft__runq_grow   grow         weft__runq_hot_put    hot_put
 *   weft__runq_pop    pop          weft__runq_hot_steal  hot_steal
 *
 * No store here is followed by a load that must not pass it, so a store buffer is only a delay and is not
 * modelled.
 *
 * Claim: every item is taken exactly once.
 *
 * -DALONE: one processor, no thieves, and the owner pops by plain stores.
 *
 * Broken variants (-D)
 *   RING_FIRST        a thief reads the ring before the tail, and takes more than that ring holds
 *   RING_FREED        the old ring is freed when it has grown
 *   TAIL_BEFORE_SLOT  the owner publishes the tail, then writes the slot
 *   OWNER_STORES      the owner moves the head by a plain store though there are thieves
 *   PUBLISH_FIRST     a thief publishes its own tail, and takes it back if its claim fails
 *   HEAD_LAST         a thief reads the tail before the head
 *   HOT_STORES        a thief empties the hot slot by a plain store
 *   SMALL_MODULUS     indices come round at the size of the ring
 */
#ifndef ITEMS
#define ITEMS	4
#endif
#ifndef HOTS
#define HOTS	0		/* how many of them may go through the hot slot */
#endif
#ifndef STEALS
#define STEALS	1		/* attempts of a thief */
#endif
#ifdef ALONE
#define THIEVES	0
#define OWNER_STORES
#endif
#ifndef THIEVES
#define THIEVES	2
#endif
#ifdef SMALL_MODULUS
#define MODULUS	4
#else
#define MODULUS	8
#endif
#define START	(MODULUS - 2)

#define COUNT(tail, head)	((tail + MODULUS - head) % MODULUS)
#define SIZE(r)			((r) == 0 -> 1 : ((r) == 1 -> 2 : 4))
#define AT(r, i)		(((r) == 0 -> 0 : ((r) == 1 -> 1 : 3 + 4 * ((r) - 2))) + (i) % SIZE(r))

byte slots[15];
byte head[3] = START, tail[3] = START;
byte ring[3];
byte hot;
bit freed[5];
byte taken[ITEMS + 1];		/* ghost */
byte finished;			/* ghost */

inline take(item)
{
	d_step { assert(item != 0 && taken[item] == 0); taken[item]++; item = 0 }
}

/* Into a ring of twice the size. */
inline grow()
{
	h = head[0];
	do
	:: h != tail[0] ->
		slots[AT(ring[0] + 1, h)] = slots[AT(ring[0], h)];
		h = (h + 1) % MODULUS
	:: else -> break
	od;
	h = 0;
#ifdef RING_FREED
	freed[ring[0]] = 1;
#endif
	ring[0] = ring[0] + 1
}

inline push(it)
{
	h = head[0];
	if
	:: COUNT(tail[0], h) >= SIZE(ring[0]) && ring[0] < 2 ->
		grow()
	:: else
	fi;
#ifdef TAIL_BEFORE_SLOT
	tail[0] = (tail[0] + 1) % MODULUS;
	slots[AT(ring[0], (tail[0] + MODULUS - 1) % MODULUS)] = it;
#else
	slots[AT(ring[0], tail[0])] = it;
	tail[0] = (tail[0] + 1) % MODULUS;
#endif
	h = 0
}

/* The owner of `me`. found: it took one. */
inline pop(me)
{
	h = head[me];
	do
	:: h == tail[me] -> found = 0; break
	:: else ->
		item = slots[AT(ring[me], h)];
#ifdef OWNER_STORES
		head[me] = (h + 1) % MODULUS;
		take(item);
		found = 1;
		break
#else
		if
		:: atomic { head[me] == h -> head[me] = (h + 1) % MODULUS } take(item); found = 1; break
		:: else -> h = head[me]
		fi
#endif
	od;
	item = 0;
	h = 0
}

inline steal(me, from)
{
#ifdef HEAD_LAST
	t = tail[from];
	h = head[from];
	r = ring[from];
#else
#ifdef RING_FIRST
	r = ring[from];
	h = head[from];
	t = tail[from];
#else
	h = head[from];
	t = tail[from];
	r = ring[from];
#endif
#endif
	n = (COUNT(t, h) + 1) / 2;
#ifndef RING_FIRST
	n = (n > SIZE(r) -> 0 : n);
#endif
	k = 0;
	do
	:: k < n ->
		assert(!freed[r]);
		slots[AT(ring[me], (tail[me] + k) % MODULUS)] = slots[AT(r, (h + k) % MODULUS)];
		k++
	:: else -> k = 0; break
	od;
#ifdef PUBLISH_FIRST
	tail[me] = (tail[me] + n) % MODULUS;
	if
	:: atomic { n > 0 && head[from] == h -> head[from] = (h + n) % MODULUS }
	:: else -> tail[me] = (tail[me] + MODULUS - n) % MODULUS
	fi;
#else
	if
	:: n == 0
	:: atomic { n > 0 && head[from] == h -> head[from] = (h + n) % MODULUS }
		tail[me] = (tail[me] + n) % MODULUS
	:: n > 0 && head[from] != h
	fi;
#endif
	h = 0; t = 0; r = 0; n = 0
}

proctype owner()
{
	byte i, h, item, hots;
	bit found;

	do
	:: i < ITEMS -> i++;
		if
		:: push(i)
		:: hots < HOTS -> hots++;		/* hot_put */
			if
			:: hot == 0 -> hot = i
			:: else -> atomic { item = hot; hot = i }
				if
				:: item != 0 -> push(item); item = 0
				:: else
				fi
			fi
		fi
	:: pop(0)
	:: atomic { hot != 0 -> item = hot; hot = 0 } take(item)
	:: i == ITEMS -> break
	od;
	do
	:: pop(0);
		if
		:: found
		:: else -> break
		fi
	od;
	if
	:: atomic { hot != 0 -> item = hot; hot = 0 } take(item)
	:: else
	fi;
	finished++
}

proctype thief(byte me)
{
	byte from, tries, h, t, r, n, k, item;
	bit found;

	do
	:: tries < STEALS && me == 2 -> tries++; steal(me, 1)
	:: tries < STEALS -> tries++; steal(me, 0)
	:: tries < STEALS && hot != 0 ->
		tries++;
		item = hot;
		if
		:: item == 0
		:: item != 0 ->
#ifdef HOT_STORES
			hot = 0;
			take(item)
#else
			if
			:: atomic { hot == item -> hot = 0 } take(item)
			:: else -> item = 0
			fi
#endif
		fi
	:: tries == STEALS -> break
	od;
	do
	:: pop(me);
		if
		:: found
		:: else -> break
		fi
	od;
	finished++
}

init {
	byte i;

	atomic {
		ring[1] = 3;
		ring[2] = 4;
		run owner();
		if
		:: THIEVES > 0 -> run thief(1)
		:: else
		fi;
		if
		:: THIEVES > 1 -> run thief(2)
		:: else
		fi
	}
	finished == 1 + THIEVES;
	d_step {
		i = 1;
		do
		:: i <= ITEMS -> assert(taken[i] == 1); i++
		:: else -> break
		od
	}
}
