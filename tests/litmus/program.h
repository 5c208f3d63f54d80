/* SPDX-License-Identifier: MIT */
/*
 * A litmus program: two to four threads of a few operations each, and what must never come of it.
 * Read from text (the classic shape of store buffering, say):
 *
 *	program of two that store and look
 *	start x=0 y=0
 *	thread first
 *		store_relaxed x 1
 *		full_fence
 *		a = load_relaxed y
 *	thread second
 *		store_relaxed y 1
 *		full_fence
 *		b = load_relaxed x
 *	never a=0 and b=0
 *
 * x and y are variables, all of which `start` names with their first values; a and b are registers,
 * each of one thread; who names both (`never`) sees what they are at the end. The operations have
 * their names from base/atomic.h; read and write are plain accesses.
 *
 * Several `never` lines: none of them. A data race on plain accesses is never allowed. `can` is the
 * opposite: it must be possible, and so must `can race` (for programs that test the checker).
 *
 *	b = cas_acq_rel x 0 a+1		b: what was seen; stored if that was 0. An operand is a
 *					number, a register, or a register and a number
 *	when a!=0 write x 1		on a condition
 *	stop when a=0			the thread ends here
 *	handler tick in first		a thread that is a signal in that one: it runs once or
 *					never, between any two operations, and to its end
 *
 * Each order, or half of an acq_rel, must be needed: left out, it must make the outcome possible.
 * One that the source has for another reason is marked, and then must not be needed:
 *
 *	b = swap_acq_rel x 1 | spare acquire
 *	full_fence | spare
 */
#ifndef TESTS_LITMUS_PROGRAM_H
#define TESTS_LITMUS_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>

enum {
	THREADS = 4,
	OPS = 16,
	VARIABLES = 8,
	REGISTERS = 16,
	CONDITIONS = 6,
	OUTCOMES = 4,
	UNSET = 127, /* a register that was not reached: no condition on it holds */
};

enum kind {
	READ,
	WRITE,
	LOAD,
	STORE,
	SWAP,
	CAS,
	ADD,
	SUB,
	OR,
	AND,
	STOP,
	FENCE,
	HEAVY,
	LIGHT,
	COMPILER,
	KINDS,
};

struct operand {
	int reg, number; /* reg: -1 is none */
};

struct condition {
	bool is_variable, differs;
	int which, value;
};

struct op {
	enum kind kind;
	bool acquire, release, acquires_in_vain; /* the last: a CAS that fails */
	bool spare_acquire, spare_release;
	int variable, to; /* to: a register, or -1 */
	bool has_condition;
	struct condition condition;
	struct operand first, second;
	int line;
};

struct thread {
	char name[32];
	int op_count, host; /* host: whose handler it is, or -1 */
	struct op ops[OPS];
};

struct outcome {
	int count;
	struct condition all[CONDITIONS];
};

struct program {
	const char *file;
	char title[96];
	int line, thread_count, variable_count, register_count, outcome_count;
	bool can, can_race; /* the outcomes must be possible; a race must be */
	char variables[VARIABLES][24], registers[REGISTERS][24];
	int register_owner[REGISTERS];
	int8_t start[VARIABLES];
	struct thread threads[THREADS];
	struct outcome outcomes[OUTCOMES];
};

/* For each program in the file, or in all *.litmus of the folder. Text that cannot be read ends the
 * process. Returns how many. */
int program_each(const char *path, void (*use)(const struct program *program, void *arg),
		 void *arg);

bool condition_holds(const struct condition *condition, const int8_t *registers,
		     const int8_t *variables);
bool outcome_is(const struct program *program, const int8_t *registers, const int8_t *variables);
int8_t operand_value(const struct operand *operand, const int8_t *registers);
const char *kind_name(enum kind kind);

static inline bool op_reads(const struct op *op)
{
	return op->kind == READ || op->kind == LOAD || (op->kind >= SWAP && op->kind <= AND);
}

static inline bool op_is_barrier(const struct op *op)
{
	return op->kind >= FENCE;
}

/* What a read-modify-write makes of what it saw. */
int8_t op_modified(const struct op *op, int8_t seen, const int8_t *registers);

#endif
