/* SPDX-License-Identifier: MIT */
/*
 * litmus FILE...: of each program, that what must never be is impossible, and that each order and
 * barrier is needed for that: left out, it is possible. With -v how it comes about then.
 */
#include <stdlib.h>
#include <string.h>

#include "search.h"

struct tally {
	int programs, orders, failures;
	long states;
	bool verbose;
};

static bool has_kind(const struct program *program, enum kind kind)
{
	for (int i = 0; i < program->thread_count; i++)
		for (int j = 0; j < program->threads[i].op_count; j++)
			if (program->threads[i].ops[j].kind == kind)
				return true;
	return false;
}

static void fail(struct tally *tally, const struct program *program, int line, const char *text,
		 const char *what)
{
	printf("%s:%d: %s: %s%s\n", program->file, line, program->title, text, what);
	tally->failures++;
}

static void check_weaker(struct tally *tally, const struct program *program,
			 const struct weaker *weaker, bool fenced)
{
	static struct search found;
	const char *how = fenced ? " (without membarrier)" : "";

	search(&weaker->program, fenced, &found);
	tally->states += found.states;
	tally->orders++;
	if (found.found == NOTHING && !weaker->is_spare) {
		fail(tally, program, weaker->op->line, weaker->what, " is not needed here");
	} else if (found.found != NOTHING && weaker->is_spare) {
		fail(tally, program, weaker->op->line, weaker->what,
		     " is needed, and said to be spare");
		search_print(&weaker->program, &found, stdout);
	} else if (tally->verbose && !weaker->is_spare) {
		printf("  line %d, %s left out%s:\n", weaker->op->line, weaker->what, how);
		search_print(&weaker->program, &found, stdout);
	}
}

/* Without membarrier, whose fences order more than it does, only those fences are left out. */
static void check_program(struct tally *tally, const struct program *program, bool fenced)
{
	static struct search found;
	static struct weaker weaker;
	int needed = 0;

	search(program, fenced, &found);
	tally->states += found.states;
	if (found.found != NOTHING) {
		fail(tally, program, program->line, "what must never be is possible",
		     fenced ? " (without membarrier)" : "");
		search_print(program, &found, stdout);
		return;
	}
	for (int i = 0; search_weaker(program, i, &weaker); i++) {
		needed += !weaker.is_spare;
		if (!fenced || (weaker.is_barrier && weaker.op->kind != COMPILER))
			check_weaker(tally, program, &weaker, fenced);
	}
	if (needed == 0)
		fail(tally, program, program->line, "none of its orders is needed", "");
}

static void check(const struct program *program, void *arg)
{
	static struct search found;
	struct tally *tally = arg;

	tally->programs++;
	if (tally->verbose)
		printf("%s:%d: %s\n", program->file, program->line, program->title);
	if (program->thread_count < 2 || (program->outcome_count == 0 && !program->can_race &&
					  !has_kind(program, READ) && !has_kind(program, WRITE)))
		fail(tally, program, program->line, "it asks for nothing", "");
	if (program->can) {
		search(program, false, &found);
		if (found.found != (program->can_race ? RACE : OUTCOME))
			fail(tally, program, program->line, "what can be is not found", "");
		return;
	}
	check_program(tally, program, false);
	if (has_kind(program, HEAVY) || has_kind(program, LIGHT))
		check_program(tally, program, true);
}

int main(int argc, char **argv)
{
	struct tally tally = { .verbose = argc > 1 && strcmp(argv[1], "-v") == 0 };

	for (int i = 1 + tally.verbose; i < argc; i++)
		program_each(argv[i], check, &tally);
	printf("%d programs, %d orders left out, %ld states; %d wrong\n", tally.programs,
	       tally.orders, tally.states, tally.failures);
	return tally.programs == 0 || tally.failures != 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
