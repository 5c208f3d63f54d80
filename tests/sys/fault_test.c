/* SPDX-License-Identifier: MIT */
/* Faults, each in a child: a handler is installed once per process, and most children die. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "proc.h"
#include "sys/sys.h"

static char *page; /* traps */

static struct {
	void *address, *program_counter, *stack_pointer;
	bool is_on_stack;
	int count;
} fault;

static stack_t alternate;

static bool is_inside(void *address, const stack_t *stack)
{
	return (char *)address >= (char *)stack->ss_sp &&
	       (char *)address < (char *)stack->ss_sp + stack->ss_size;
}

static void forget_sanitizer(void)
{
	stack_t none = { .ss_flags = SS_DISABLE };

	signal(SIGSEGV, SIG_DFL);
	signal(SIGBUS, SIG_DFL);
	sigaltstack(&none, NULL);
}

static __attribute__((noinline)) void touch(void)
{
	*(volatile char *)(page + 123) = 1;
}

static bool note(void *address, void *program_counter, void *stack_pointer)
{
	fault.address = address;
	fault.program_counter = program_counter;
	fault.stack_pointer = stack_pointer;
	fault.is_on_stack = is_inside(__builtin_frame_address(0), &alternate);
	fault.count++;
	return false;
}

static bool mend(void *address, void *program_counter, void *stack_pointer)
{
	note(address, program_counter, stack_pointer);
	return mprotect(page, WEFT__PAGE, PROT_READ | PROT_WRITE) == 0;
}

static void expect(bool holds, int code)
{
	if (!holds)
		_exit(code);
}

static void mend_and_go_on(void *arg)
{
	void *stack = NULL;

	(void)arg;
	forget_sanitizer();
	expect(weft__sys_fault_stack(&stack) == 0 && stack != NULL, 1);
	expect(sigaltstack(NULL, &alternate) == 0, 2);
	expect(proc_traps(stack), 3); /* the alternate stack has a guard */
	expect(weft__sys_fault_install(mend) == 0, 4);
	expect(weft__sys_fault_install(note) == 0, 5);
	touch();
	expect(page[123] == 1 && fault.count == 1, 6);
	expect(fault.address == page + 123, 7);
	expect(fault.is_on_stack && !is_inside(fault.stack_pointer, &alternate), 8);
	expect((char *)fault.program_counter >= (char *)(uintptr_t)touch &&
		       (char *)fault.program_counter < (char *)(uintptr_t)touch + 512,
	       9);
	weft__sys_fault_stack_drop(stack);
	expect(sigaltstack(NULL, &alternate) == 0 && (alternate.ss_flags & SS_DISABLE), 10);
	expect(proc_traps((char *)stack + WEFT__PAGE), 11);
}

static void a_settled_fault_goes_on_with_the_first_handler(void **state)
{
	(void)state;
	assert_int_equal(proc_in_child(mend_and_go_on, NULL), 0);
}

static void fault_unsettled(void *arg)
{
	forget_sanitizer();
	signal(SIGSEGV, arg);
	expect(weft__sys_fault_install(note) == 0, 1);
	touch();
}

static void an_unsettled_fault_dies_as_usual(void **state)
{
	(void)state;
	assert_int_equal(proc_in_child(fault_unsettled, (void *)SIG_DFL), -SIGSEGV);
	/* An instruction cannot ignore its fault: the kernel's own rule. */
	assert_int_equal(proc_in_child(fault_unsettled, (void *)SIG_IGN), -SIGSEGV);
}

static void leave(int number)
{
	_exit(number == SIGSEGV && fault.count == 1 ? 77 : 1);
}

static void leave_with_info(int number, siginfo_t *info, void *context)
{
	expect(info->si_addr == page + 123 && context != NULL, 1);
	leave(number);
}

static void fault_before_installed(void *arg)
{
	struct sigaction before = { .sa_sigaction = leave_with_info, .sa_flags = SA_SIGINFO };

	(void)arg;
	forget_sanitizer();
	sigaction(SIGSEGV, &before, NULL);
	expect(weft__sys_fault_install(note) == 0, 2);
	touch();
}

static void an_earlier_handler_gets_the_fault(void **state)
{
	(void)state;
	assert_int_equal(proc_in_child(fault_unsettled, (void *)leave), 77);
	assert_int_equal(proc_in_child(fault_before_installed, NULL), 77);
}

/* A signal that somebody sent has no address, and no instruction brings it again. */
static void send_signal(void *arg)
{
	forget_sanitizer();
	signal(SIGBUS, arg);
	expect(weft__sys_fault_install(note) == 0, 1);
	kill(getpid(), SIGBUS);
	expect(fault.count == 0, 2);
	_exit(5);
}

static void a_signal_that_was_sent_is_no_fault(void **state)
{
	(void)state;
	assert_int_equal(proc_in_child(send_signal, (void *)SIG_DFL), -SIGBUS);
	assert_int_equal(proc_in_child(send_signal, (void *)SIG_IGN), 5);
}

static void keep_alternate_stack(void *arg)
{
	static char bytes[65536];
	stack_t theirs = { .ss_sp = bytes, .ss_size = sizeof bytes }, now;
	void *stack = &stack;

	(void)arg;
	expect(sigaltstack(&theirs, NULL) == 0, 1);
	expect(weft__sys_fault_stack(&stack) == 0 && stack == NULL, 2);
	weft__sys_fault_stack_drop(stack);
	expect(sigaltstack(NULL, &now) == 0 && now.ss_sp == bytes, 3);
}

static void an_alternate_stack_that_is_there_stays(void **state)
{
	(void)state;
	assert_int_equal(proc_in_child(keep_alternate_stack, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_settled_fault_goes_on_with_the_first_handler),
		cmocka_unit_test(an_unsettled_fault_dies_as_usual),
		cmocka_unit_test(an_earlier_handler_gets_the_fault),
		cmocka_unit_test(a_signal_that_was_sent_is_no_fault),
		cmocka_unit_test(an_alternate_stack_that_is_there_stays),
	};

	page = mmap(NULL, WEFT__PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return page == MAP_FAILED ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
