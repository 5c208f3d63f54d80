/* SPDX-License-Identifier: MIT */
/*
 * The tick's signal: SIGURG, which nearly nobody uses, whose default is to be ignored, and which
 * debuggers pass on. It runs on the interrupted stack, not on the alternate one, because it
 * switches away from there; only around that the signal is not blocked, because what it switches to
 * must be interruptible too.
 *
 * Why it is blocked before and after: a tick that interrupts the handler itself could switch the
 * thread away and bring it back elsewhere, and the outer frame, which nobody has told, would give
 * that kernel thread the alternate stack of the first. Two would then run handlers on one stack.
 * And where signals are slow (under a debugger) frame would pile upon frame. For the same reason
 * nobody is switched away within a handler of the program's, as far as it can be told: by its
 * mask, or by its stack. One that blocks nothing, its own signal included, and runs on the thread's
 * stack looks like the thread itself.
 *
 * Whose it is, is told by what the signal brings: the mark that timers and weft__sys_watch_tick
 * send, or the descriptor of an event. (Not by a variable of the thread: user threads have their
 * own.) What brings neither is somebody else's, and goes to the handler that was there before; one
 * that comes too late, to a watch that is closed, goes nowhere.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/compiler.h"
#include "fault_context.h"
#include "signal_context.h"
#include "sys/linux/force.h"
#include "sys/linux/watch.h"

#define AUX_MINSIGSTKSZ 51 /* younger than some C libraries' headers */
/* Where the kernel does not say. (Not MINSIGSTKSZ, which may be several frames.) */
#define FRAME_BYTES ((size_t)5120)
/* on_signal, the engine's handler, a look around and a switch below them: 3,000 bytes by
 * -fstack-usage at -O2; 800 for a tick in between, which does not switch; the red zones; and room
 * for other compilers */
#define HANDLER_BYTES ((size_t)6144)
/* The kernel's signal set, which is shorter than the C library's: more must not be written into an
 * interrupted context, where other things follow it. */
#define MASK_BYTES 8

static weft__sys_tick_handler *tick_handler; /* atomic; set once */
static struct sigaction before;              /* constant once a handler is installed */
static const uint64_t tick_mask = UINT64_C(1) << (SIGURG - 1);

/* The thread may go on as another kernel thread's, and the compiler takes the address of errno for
 * a constant: so it is asked for in here. */
static weft__noinline int get_errno(void)
{
	atomic_compiler_barrier();
	return errno;
}

static weft__noinline void set_errno(int value)
{
	atomic_compiler_barrier();
	errno = value;
}

/* The interrupted context is told whose it is now. */
static void set_home(ucontext_t *interrupted)
{
	syscall(SYS_rt_sigprocmask, SIG_BLOCK, &tick_mask, &interrupted->uc_sigmask, MASK_BYTES);
	sigaltstack(NULL, &interrupted->uc_stack);
}

/* With SA_NODEFER ticks come within it, and it may end on another kernel thread. */
static weft__noinline void go_on_as_before(int number, siginfo_t *info, void *context)
{
	sigset_t blocked = before.sa_mask, mask;
	pid_t tid;

	if (before.sa_handler == SIG_DFL || before.sa_handler == SIG_IGN)
		return; /* both: nothing */
	tid = gettid();
	pthread_sigmask(SIG_BLOCK, &blocked, &mask);
	if (before.sa_flags & SA_NODEFER) {
		sigemptyset(&blocked);
		sigaddset(&blocked, number);
		pthread_sigmask(SIG_UNBLOCK, &blocked, NULL);
	}
	if (before.sa_flags & SA_SIGINFO)
		before.sa_sigaction(number, info, context);
	else
		before.sa_handler(number);
	if (gettid() == tid)
		pthread_sigmask(SIG_SETMASK, &mask, NULL);
	else
		set_home(context);
}

/* NULL: a stranger's. */
static struct weft__watch *find_watch(const siginfo_t *info)
{
	if (info->si_code == WEFT__TICK_CODE || info->si_code == SI_TIMER)
		return weft__tick_of_mark((uintptr_t)info->si_value.sival_ptr);
	if (info->si_code == POLL_IN || info->si_code == SI_SIGIO)
		return weft__tick_event_of(info->si_fd);
	return NULL;
}

/* A periodic tick that was on its way when it was disarmed is dropped. */
static bool is_wanted(const struct weft__watch *watch, const siginfo_t *info)
{
	if (atomic_load_acquire(&watch->state) != WEFT__WATCH_OPEN || watch->tid != gettid())
		return false;
	return info->si_code == WEFT__TICK_CODE || weft__latest_get(&watch->tick) != 0;
}

static uint64_t blocked_in(const ucontext_t *interrupted)
{
	uint64_t mask;

	memcpy(&mask, &interrupted->uc_sigmask, MASK_BYTES);
	return mask;
}

static void on_signal(int number, siginfo_t *info, void *interrupted)
{
	int saved = get_errno();
	struct weft__watch *watch = find_watch(info);
	struct weft__tick_context context;

	if (watch == NULL) {
		go_on_as_before(number, info, interrupted);
	} else if (is_wanted(watch, info)) {
		context = (struct weft__tick_context){
			.pc = weft__fault_pc(interrupted),
			.sp = weft__fault_sp(interrupted),
			.is_masked = (blocked_in(interrupted) & ~watch->mask) != 0,
			.broke_call = weft__signal_broke_call(interrupted),
			.restarts_call = weft__signal_restarts_call(interrupted),
			.is_in_libc = weft__tick_is_in_libc(weft__fault_pc(interrupted)),
			.handle = interrupted,
		};
		atomic_load_acquire (&tick_handler)(&context);
	}
	set_errno(saved);
}

int weft__sys_tick_install(weft__sys_tick_handler *handler)
{
	static weft__sys_tick_handler *claimed;
	struct sigaction action = { .sa_sigaction = on_signal,
				    .sa_flags = SA_SIGINFO | SA_RESTART };
	weft__sys_tick_handler *nobody = NULL;

	if (!atomic_cas_acq_rel(&claimed, &nobody, handler))
		return 0;
	weft__tick_libc_find();
	sigemptyset(&action.sa_mask);
	if (sigaction(SIGURG, NULL, &before) != 0)
		return -errno;
	atomic_store_release(&tick_handler, handler);
	return sigaction(SIGURG, &action, NULL) == 0 ? 0 : -errno;
}

/* Set, not only unblocked: a program whose own handler calls ours may have blocked more. */
void weft__sys_tick_leave(const struct weft__tick_context *context)
{
	uint64_t mask = blocked_in(context->handle) & ~tick_mask;

	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, MASK_BYTES);
}

/* Blocked first: from here on it is this kernel thread. The mask from before that is what the
 * return from the handler puts in force. */
void weft__sys_tick_moved(const struct weft__tick_context *context)
{
	set_home(context->handle);
}

size_t weft__sys_tick_stack_bytes(void)
{
	size_t frame = getauxval(AUX_MINSIGSTKSZ);

	if (weft__sys_force.frame_bytes != 0)
		frame = (size_t)weft__sys_force.frame_bytes;
	if (frame == 0)
		frame = FRAME_BYTES;
	return (2 * frame + HANDLER_BYTES + 255) / 256 * 256;
}
