/* SPDX-License-Identifier: MIT */
/* The ways to block; see blockers.h. Calls of the C library, as a program makes them. */
#include "blockers.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { BLOCKED_US = 5000, PAGE = 4096, PAGES = 64 };

static void start_foreign(void *(*body)(void *))
{
	pthread_t thread;

	bench_must(-pthread_create(&thread, NULL, body, NULL), "pthread_create");
	pthread_detach(thread);
}

/* ---- pipe */
static int pipe_ends[2];

static void *feed_pipe(void *arg)
{
	do
		usleep(BLOCKED_US);
	while (write(pipe_ends[1], "x", 1) == 1);
	return arg;
}

static void open_pipe(void)
{
	bench_must(pipe(pipe_ends) == 0 ? 0 : -errno, "pipe");
	start_foreign(feed_pipe);
}

static void block_in_pipe(void)
{
	char byte;

	while (read(pipe_ends[0], &byte, 1) != 1)
		;
}

const struct bench_blocker bench_blocker_pipe = { open_pipe, block_in_pipe };

/* ---- mutex: two of them. The other side always holds one, and takes the next before it lets go:
 * so no luck at the moment of release decides whether there is something to wait for. */
static pthread_mutex_t mutexes[2] = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER };

static void *hold_in_turn(void *arg)
{
	int held = 0;

	pthread_mutex_lock(&mutexes[held]);
	for (;;) {
		usleep(BLOCKED_US);
		pthread_mutex_lock(&mutexes[!held]);
		pthread_mutex_unlock(&mutexes[held]);
		held = !held;
	}
	return arg;
}

static void open_mutex(void)
{
	start_foreign(hold_in_turn);
}

static void block_in_mutex(void)
{
	static int next;

	pthread_mutex_lock(&mutexes[next]);
	pthread_mutex_unlock(&mutexes[next]);
	next = !next;
}

const struct bench_blocker bench_blocker_mutex = { open_mutex, block_in_mutex };

/* ---- fault */
static int fault_fd;
static char *pages;

static void *bring_pages(void *arg)
{
	struct uffd_msg fault;

	while (read(fault_fd, &fault, sizeof fault) == (ssize_t)sizeof fault) {
		struct uffdio_zeropage zero = {
			.range = { fault.arg.pagefault.address & ~(uint64_t)(PAGE - 1), PAGE }
		};

		usleep(BLOCKED_US);
		ioctl(fault_fd, UFFDIO_ZEROPAGE, &zero);
	}
	return arg;
}

static void open_fault(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	if (sysconf(_SC_PAGESIZE) != PAGE)
		bench_skip("pages of another size");
	fault_fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
	if (fault_fd < 0 || ioctl(fault_fd, UFFDIO_API, &api) != 0)
		bench_skip("no userfaultfd here");
	pages = mmap(NULL, (size_t)PAGES * PAGE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bench_must(pages != MAP_FAILED ? 0 : -errno, "mmap");
	range.range.start = (uintptr_t)pages;
	range.range.len = (size_t)PAGES * PAGE;
	bench_must(ioctl(fault_fd, UFFDIO_REGISTER, &range) == 0 ? 0 : -errno, "userfaultfd");
	start_foreign(bring_pages);
}

static void block_in_fault(void)
{
	static int next;

	(void)*(volatile char *)(pages + (size_t)next * PAGE);
	next = (next + 1) % PAGES;
	if (next == 0)
		madvise(pages, (size_t)PAGES * PAGE, MADV_DONTNEED);
}

const struct bench_blocker bench_blocker_fault = { open_fault, block_in_fault };

/* ---- usleep */
static void open_nothing(void)
{
}

static void block_in_usleep(void)
{
	usleep(BLOCKED_US);
}

const struct bench_blocker bench_blocker_usleep = { open_nothing, block_in_usleep };
