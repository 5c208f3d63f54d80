/* SPDX-License-Identifier: MIT */
/*
 * litmus-cpu SECONDS FILE...: the programs on the CPU, with the operations of base/atomic.h, a
 * kernel thread each, again and again: what must never be is never seen. A CPU shows some of what
 * C11 allows, so this proves little about a program; it shows that the model's programs and the
 * compiler's are the same. To show that it would see something, each program is also run with its
 * barriers left out, one at a time, and what was seen of that is told (on x86-64 store buffering
 * shows that way, where two CPUs are free).
 *
 * Programs with a handler are for the model alone, and so is what asks for no value.
 */
#include <stdlib.h>
#include <string.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "search.h"
#include "sys/sys.h"

#define INSTANCES 64
#define SPINS 400 /* for the others: they may have no CPU */

struct cell {
	int32_t value weft__aligned(WEFT__CACHE_LINE);
};

struct instance {
	struct cell cells[VARIABLES];
	int32_t registers[REGISTERS];
};

struct player {
	uint32_t at weft__aligned(WEFT__CACHE_LINE); /* which instance it is about to run, ever */
	uint32_t round;
	const struct thread *thread;
	uint32_t random;
};

static struct {
	struct instance instances[INSTANCES];
	struct player players[THREADS];
	int count;
	uint32_t round weft__aligned(WEFT__CACHE_LINE); /* UINT32_MAX: the end */
} game;

struct tally {
	int failures, programs;
	long games, seen_without;
	int64_t slice_ns;
};

/* ---- operations */
static int32_t value_of(const struct operand *operand, const int32_t *registers)
{
	return (operand->reg >= 0 ? registers[operand->reg] : 0) + operand->number;
}

static bool holds(const struct condition *condition, const int32_t *registers)
{
	int32_t value = registers[condition->which];

	return value != UNSET && (value == condition->value) != condition->differs;
}

static int32_t compare_and_swap(const struct op *op, int32_t *at, int32_t seen, int32_t value)
{
	if (op->acquire && op->release)
		(void)atomic_cas_acq_rel(at, &seen, value);
	else if (op->acquire)
		(void)atomic_cas_acquire(at, &seen, value);
	else
		(void)atomic_cas_release(at, &seen, value);
	return seen;
}

static int32_t modify(const struct op *op, int32_t *at, const int32_t *registers)
{
	int32_t value = value_of(&op->first, registers);

	switch (op->kind) {
	case SWAP:
		return op->release ? atomic_swap_acq_rel(at, value)
				   : atomic_swap_acquire(at, value);
	case CAS:
		return compare_and_swap(op, at, value, value_of(&op->second, registers));
	case ADD:
		return op->release ? atomic_add_acq_rel(at, value) : atomic_add_relaxed(at, value);
	case SUB:
		return atomic_sub_acq_rel(at, value);
	case OR:
		return atomic_or_acq_rel(at, value);
	default:
		fprintf(stderr, "litmus-cpu: no operation for %s\n", kind_name(op->kind));
		abort();
	}
}

static int32_t access_cell(const struct op *op, int32_t *at, const int32_t *registers)
{
	switch (op->kind) {
	case READ:
		return *at;
	case WRITE:
		*at = value_of(&op->first, registers);
		return 0;
	case LOAD:
		return op->acquire ? atomic_load_acquire(at) : atomic_load_relaxed(at);
	case STORE:
		if (op->release)
			atomic_store_release(at, value_of(&op->first, registers));
		else
			atomic_store_relaxed(at, value_of(&op->first, registers));
		return 0;
	default:
		return modify(op, at, registers);
	}
}

static void pass_barrier(enum kind kind)
{
	switch (kind) {
	case FENCE:
		weft__sys_full_barrier();
		break;
	case HEAVY:
		weft__sys_heavy_barrier();
		break;
	case LIGHT:
		weft__sys_light_barrier();
		break;
	default:
		atomic_compiler_barrier();
		break;
	}
}

/* A thread's registers are its own: they are copied out at the end. */
static void run_thread(const struct thread *thread, struct instance *instance)
{
	int32_t registers[REGISTERS];

	for (int i = 0; i < REGISTERS; i++)
		registers[i] = UNSET;
	for (int i = 0; i < thread->op_count; i++) {
		const struct op *op = &thread->ops[i];
		int32_t seen;

		if (op->has_condition && !holds(&op->condition, registers))
			continue;
		if (op->kind == STOP)
			break;
		if (op_is_barrier(op)) {
			pass_barrier(op->kind);
			continue;
		}
		seen = access_cell(op, &instance->cells[op->variable].value, registers);
		if (op->to >= 0)
			registers[op->to] = seen;
	}
	for (int i = 0; i < REGISTERS; i++)
		if (registers[i] != UNSET)
			instance->registers[i] = registers[i];
}

/* ---- the game */

/* They start an instance together where they can, a little apart: who is first changes. */
static void meet(struct player *self, uint32_t at)
{
	atomic_store_relaxed(&self->at, at);
	for (int i = 0; i < game.count; i++)
		for (int spins = 0; spins < SPINS; spins++)
			if ((int32_t)(atomic_load_relaxed(&game.players[i].at) - at) >= 0)
				break;
	self->random = self->random * 1664525u + 1013904223u;
	for (uint32_t i = self->random >> 27; i > 0; i--)
		atomic_compiler_barrier();
}

static void *play(void *arg)
{
	struct player *self = arg;

	for (uint32_t round = 1;; round++) {
		uint32_t now;

		while ((now = atomic_load_acquire(&game.round)) < round)
			weft__sys_thread_yield();
		if (now == UINT32_MAX)
			return NULL;
		for (uint32_t i = 0; i < INSTANCES; i++) {
			meet(self, round * INSTANCES + i);
			run_thread(self->thread, &game.instances[i]);
		}
		atomic_store_release(&self->round, round);
	}
}

static void set_up(const struct program *program)
{
	for (int i = 0; i < INSTANCES; i++) {
		for (int j = 0; j < program->variable_count; j++)
			game.instances[i].cells[j].value = program->start[j];
		for (int j = 0; j < REGISTERS; j++)
			game.instances[i].registers[j] = UNSET;
	}
}

/* How often one of the outcomes was there. */
static long count_outcomes(const struct program *program)
{
	long count = 0;

	for (int i = 0; i < INSTANCES; i++) {
		int8_t registers[REGISTERS], variables[VARIABLES];

		for (int j = 0; j < REGISTERS; j++)
			registers[j] = (int8_t)game.instances[i].registers[j];
		for (int j = 0; j < program->variable_count; j++)
			variables[j] = (int8_t)game.instances[i].cells[j].value;
		count += outcome_is(program, registers, variables);
	}
	return count;
}

static long play_until(const struct program *program, int64_t until_ns, long *games)
{
	weft__sys_thread threads[THREADS];
	long count = 0;

	game.count = program->thread_count;
	atomic_store_relaxed(&game.round, 0u);
	for (int i = 0; i < game.count; i++) {
		game.players[i] =
			(struct player){ .thread = &program->threads[i], .random = (uint32_t)i };
		if (weft__sys_thread_start(play, &game.players[i], 0, "player", &threads[i]) < 0)
			abort();
	}
	for (uint32_t round = 1; round == 1 || weft__sys_now() < until_ns; round++) {
		set_up(program);
		atomic_store_release(&game.round, round);
		for (int i = 0; i < game.count; i++)
			while (atomic_load_acquire(&game.players[i].round) != round)
				weft__sys_thread_yield();
		count += count_outcomes(program);
		*games += INSTANCES;
	}
	atomic_store_release(&game.round, UINT32_MAX);
	for (int i = 0; i < game.count; i++)
		weft__sys_thread_join(threads[i]);
	return count;
}

static bool is_for_cpu(const struct program *program)
{
	for (int i = 0; i < program->thread_count; i++)
		if (program->threads[i].host >= 0)
			return false;
	return program->outcome_count != 0 && !program->can;
}

static void play_without(struct tally *tally, const struct program *program)
{
	static struct weaker weaker;
	long games = 0, count;

	for (int i = 0; search_weaker(program, i, &weaker); i++) {
		if (!weaker.is_barrier || weaker.is_spare)
			continue;
		count = play_until(&weaker.program, weft__sys_now() + tally->slice_ns / 4, &games);
		tally->seen_without += count;
		if (count != 0)
			printf("%s:%d: %s: without it, seen %ld times\n", program->file,
			       weaker.op->line, program->title, count);
	}
}

static void play_program(const struct program *program, void *arg)
{
	struct tally *tally = arg;
	bool has_heavy = weft__sys_has_heavy_barrier;
	long count;

	if (!is_for_cpu(program))
		return;
	tally->programs++;
	if (getenv("WEFT_SANITIZED") == NULL) /* it would see the race that comes of it */
		play_without(tally, program);
	for (int fenced = 0; fenced < 2; fenced++) {
		weft__sys_has_heavy_barrier = has_heavy && !fenced;
		count = play_until(program, weft__sys_now() + tally->slice_ns / 2, &tally->games);
		if (count != 0) {
			printf("%s:%d: %s: seen %ld times what must never be\n", program->file,
			       program->line, program->title, count);
			tally->failures++;
		}
	}
	weft__sys_has_heavy_barrier = has_heavy;
}

static void count_program(const struct program *program, void *arg)
{
	*(int *)arg += is_for_cpu(program);
}

int main(int argc, char **argv)
{
	struct tally tally = { 0 };
	int count = 0;

	for (int i = 2; i < argc; i++)
		program_each(argv[i], count_program, &count);
	if (count == 0) {
		fprintf(stderr, "usage: %s SECONDS FILE...\n", argv[0]);
		return EXIT_FAILURE;
	}
	tally.slice_ns = (int64_t)(strtod(argv[1], NULL) * 1e9) / count;
	for (int i = 2; i < argc; i++)
		program_each(argv[i], play_program, &tally);
	printf("%d programs, %ld games; %d wrong. Without a barrier: seen %ld times\n",
	       tally.programs, tally.games, tally.failures, tally.seen_without);
	return tally.failures != 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
