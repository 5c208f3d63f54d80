/* SPDX-License-Identifier: MIT */
/* The unwinder of exceptions and of backtrace() goes to the start of a context, and ends there. */
#include "arch/arch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unwind.h>

#include <cmocka.h>

#define FRAMES_MAX 32

struct trace {
	uintptr_t place[FRAMES_MAX];
	size_t count;
	_Unwind_Reason_Code end;
};

static char stack[64 * 1024] weft__aligned(64);
static void *home_sp, *away_sp;

static _Unwind_Reason_Code note_frame(struct _Unwind_Context *context, void *arg)
{
	struct trace *trace = arg;
	uintptr_t place = (uintptr_t)_Unwind_GetIP(context);

	/* libgcc's tells of the end as if it were one frame more. */
	if (place == 0)
		return _URC_NO_REASON;
	if (trace->count == FRAMES_MAX)
		return _URC_NORMAL_STOP;
	trace->place[trace->count++] = place;
	return _URC_NO_REASON;
}

static weft__noinline void take_trace(struct trace *trace)
{
	trace->count = 0;
	trace->end = _Unwind_Backtrace(note_frame, trace);
}

/* Takes a trace, is switched away from, and takes another. */
static void trace_twice(void *arg)
{
	struct trace *traces = arg;

	take_trace(&traces[0]);
	weft__arch_switch(&away_sp, home_sp);
	take_trace(&traces[1]);
	weft__arch_switch(&away_sp, home_sp);
}

static int is_in(uintptr_t place, const void *function, size_t bytes)
{
	return place > (uintptr_t)function && place <= (uintptr_t)function + bytes;
}

static void a_trace_ends_at_the_start_of_its_context(void **state)
{
	struct trace traces[2];

	(void)state;
	away_sp = weft__arch_context(stack + sizeof(stack), trace_twice, traces);
	weft__arch_switch(&home_sp, away_sp);
	weft__arch_switch(&home_sp, away_sp);
	for (int i = 0; i < 2; i++) {
		struct trace *t = &traces[i];

		/* take_trace, trace_twice, weft__arch_start. */
		assert_int_equal(t->end, _URC_END_OF_STACK);
		assert_int_equal(t->count, 3);
		assert_true(is_in(t->place[1], (const void *)(uintptr_t)trace_twice, 512));
		assert_true(is_in(t->place[2], weft__arch_start, 16));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_trace_ends_at_the_start_of_its_context),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
