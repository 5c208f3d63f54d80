/* SPDX-License-Identifier: MIT */
/* All executions of a program, by depth first; a state that was seen is not walked through
 * again. */
#ifndef TESTS_LITMUS_SEARCH_H
#define TESTS_LITMUS_SEARCH_H

#include <stdio.h>

#include "machine.h"

enum found { NOTHING, OUTCOME, RACE };

struct search {
	enum found found;
	long states;
	int length;
	struct step trace[THREADS * OPS * 2];
};

/* Until one of the outcomes, or a race, is found. */
void search(const struct program *program, bool fenced, struct search *out_search);

/* How it came about, a line an operation. */
void search_print(const struct program *program, const struct search *search, FILE *stream);

/*
 * The program with one thing left out: an acquire, a release, a barrier. One after the other, by
 * `which` from 0; false behind the last. Light and compiler barriers are left out by exchanging
 * their neighbours.
 */
struct weaker {
	struct program program;
	const struct op *op; /* of the program that it comes from */
	const char *what;
	bool is_spare, is_barrier;
};

bool search_weaker(const struct program *program, int which, struct weaker *out_weaker);

#endif
