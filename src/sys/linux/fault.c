/* SPDX-License-Identifier: MIT */
/*
 * Faults: SIGSEGV and SIGBUS that an instruction of the program caused go to one handler, on the
 * alternate stack. If it does not settle the matter, what was there before goes on: an earlier
 * handler is called; the default action is put back and the instruction runs into it again, so that
 * the process dies where it failed.
 */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fault_context.h"
#include "sys/sys.h"

#define STACK_BYTES ((size_t)65536)

static weft__sys_fault_handler *fault_handler;   /* atomic; set once */
static struct sigaction before_segv, before_bus; /* constant once a handler is installed */

static void go_on_as_before(int number, siginfo_t *info, void *context)
{
	const struct sigaction *before = number == SIGBUS ? &before_bus : &before_segv;
	struct sigaction usual = { .sa_handler = SIG_DFL };

	if (before->sa_flags & SA_SIGINFO) {
		before->sa_sigaction(number, info, context);
		return;
	}
	if (before->sa_handler != SIG_DFL && before->sa_handler != SIG_IGN) {
		before->sa_handler(number);
		return;
	}
	if (before->sa_handler == SIG_IGN && info->si_code <= 0)
		return;
	sigaction(number, &usual, NULL);
	if (info->si_code <= 0) /* somebody sent it: no instruction will bring it again */
		syscall(SYS_tgkill, getpid(), gettid(), number);
}

static void on_fault(int number, siginfo_t *info, void *context)
{
	int saved = errno;
	weft__sys_fault_handler *handler = atomic_load_acquire(&fault_handler);
	bool settled = false;

	if (info->si_code > 0 && handler != NULL)
		settled = handler(info->si_addr, weft__fault_pc(context), weft__fault_sp(context));
	if (!settled)
		go_on_as_before(number, info, context);
	errno = saved;
}

int weft__sys_fault_install(weft__sys_fault_handler *handler)
{
	static weft__sys_fault_handler *claimed;
	struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	weft__sys_fault_handler *nobody = NULL;

	if (!atomic_cas_acq_rel(&claimed, &nobody, handler))
		return 0;
	sigemptyset(&action.sa_mask);
	/* What is there is read first: a fault may come as soon as the handler stands. */
	if (sigaction(SIGSEGV, NULL, &before_segv) != 0 ||
	    sigaction(SIGBUS, NULL, &before_bus) != 0)
		return -errno;
	atomic_store_release(&fault_handler, handler);
	if (sigaction(SIGSEGV, &action, NULL) != 0 || sigaction(SIGBUS, &action, NULL) != 0)
		return -errno;
	return 0;
}

/*
 * One that is there stays: the sanitizers unmap whatever they find when their thread ends. Ours has
 * a guard page of its own below it.
 */
int weft__sys_fault_stack(void **out_stack)
{
	stack_t now, ours = { .ss_size = STACK_BYTES };
	char *at;

	if (sigaltstack(NULL, &now) == 0 && !(now.ss_flags & SS_DISABLE)) {
		*out_stack = NULL;
		return 0;
	}
	at = mmap(NULL, WEFT__PAGE + STACK_BYTES, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (at == MAP_FAILED)
		return -errno;
	ours.ss_sp = at + WEFT__PAGE;
	if (mprotect(at, WEFT__PAGE, PROT_NONE) != 0 || sigaltstack(&ours, NULL) != 0) {
		int error = errno;

		munmap(at, WEFT__PAGE + STACK_BYTES);
		return -error;
	}
	*out_stack = at;
	return 0;
}

void weft__sys_fault_stack_drop(void *stack)
{
	stack_t none = { .ss_flags = SS_DISABLE };

	if (stack == NULL)
		return;
	sigaltstack(&none, NULL);
	munmap(stack, WEFT__PAGE + STACK_BYTES);
}
