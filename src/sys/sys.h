/* SPDX-License-Identifier: MIT */
/*
 * The kernel, on one page: everything that the engine asks of it. sys/linux fulfils this with
 * system calls, sys/sim from a seed. A new system needs these functions and nothing else.
 *
 * All return 0 or more, or a negative errno value; outputs are untouched on failure. Deadlines are
 * absolute nanoseconds of weft__sys_now; WEFT_FOREVER waits without end. Memory addresses and sizes
 * are multiples of WEFT__PAGE.
 */
#ifndef WEFT_SYS_H
#define WEFT_SYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/atomic.h"
#include "base/compiler.h"

#define WEFT__PAGE ((size_t)4096)

/* ---- clock, CPUs */
int64_t weft__sys_now(void);
unsigned weft__sys_cpu_count(void); /* that this process may use; at least 1 */
/* how many kernel threads the system's limits (RLIMIT_NPROC, pids.max) let this process have */
unsigned weft__sys_thread_limit(void);

/* ---- memory */
/*
 * Address space, not committed, without huge pages, readable and writable, zero, aligned to `align`
 * (a power of two). -ENOMEM: none left, or the limit on mappings; -EAGAIN: the limit on locked
 * memory.
 */
int weft__sys_reserve(size_t bytes, size_t align, void **out_at);
void weft__sys_unreserve(void *at, size_t bytes);
/*
 * Makes [at, at+bytes) trap, checked by its effect; it stays so through weft__sys_discard. Returns
 * how: 0, or 1 where each guard costs a mapping of the kernel's limited number; weft__sys_unguard,
 * given the same, takes it back (memory whose guards answered 1 needs that before
 * weft__sys_unreserve). -ENOMEM: no memory; -EAGAIN: too many mappings; -ENOTSUP: the kernel's
 * pages are larger than that.
 */
int weft__sys_guard(void *at, size_t bytes);
void weft__sys_unguard(void *at, size_t bytes, int how);
/* Gives the pages back; they read as zero afterwards. The range holds no guard. */
void weft__sys_discard(void *at, size_t bytes);
/* The same for several ranges of equal length; cheaper a piece. */
#define WEFT__DISCARD_MAX 32
void weft__sys_discard_each(void *const at[], size_t bytes, int count);

/* ---- kernel threads */
typedef struct weft__sys_thread {
	uintptr_t handle;
} weft__sys_thread;
/* -EAGAIN, -ENOMEM. stack_bytes 0: the system's default; name: its first 15 bytes, NULL: the
 * creator's. */
int weft__sys_thread_start(void *(*function)(void *), void *arg, size_t stack_bytes,
			   const char *name, weft__sys_thread *out_thread);
void weft__sys_thread_join(weft__sys_thread thread);
void weft__sys_thread_detach(weft__sys_thread thread);
void weft__sys_thread_exit(void) __attribute__((noreturn)); /* the calling one */
void weft__sys_thread_name(const char *name);               /* the calling one, first 15 bytes */
void weft__sys_thread_yield(void);
int weft__sys_thread_tid(void);
void weft__sys_thread_stack(void **out_low, size_t *out_bytes); /* the calling one's */
/*
 * Calls function(arg) when the calling kernel thread ends; one slot per kernel thread, a later call
 * replaces it. It may be called again from within, and then comes once more. -ENOMEM
 */
int weft__sys_thread_at_exit(void (*function)(void *), void *arg);
/* What fork calls: in the parent before and after, in the child after, each by the thread that
 * forks. -ENOMEM */
int weft__sys_at_fork(void (*prepare)(void), void (*in_parent)(void), void (*in_child)(void));

/* ---- waiting on a word, as futex */
/* 0: woken (or for no reason); -EAGAIN: *word was not `expected`; -ETIMEDOUT; -EINTR */
int weft__sys_wait(uint32_t *word, uint32_t expected, int64_t deadline_ns);
void weft__sys_wake(uint32_t *word, int count);

/* ---- order: a light barrier here and a heavy one there order a store before a load on both
 * sides */
/* false: the light one is a full fence. Constant from before main. */
extern bool weft__sys_has_heavy_barrier;
void weft__sys_heavy_barrier(void);
void weft__sys_full_fence(void); /* this CPU alone; used where there is no heavy barrier */
static inline void weft__sys_full_barrier(void) /* for a pair of equals */
{
	atomic_full_fence();
	weft__atomic_point();
}
static inline void weft__sys_light_barrier(void)
{
	atomic_compiler_barrier();
	if (unlikely(!weft__sys_has_heavy_barrier))
		weft__sys_full_fence();
	weft__atomic_point();
}

/* ---- pollers: a set of descriptors, edge triggered; several kernel threads may wait in one, each
 * event goes to one of them */
#define WEFT__POLL_READ 1u  /* can be read, or at its end, or has an error */
#define WEFT__POLL_WRITE 2u /* can be written, or has an error */
#define WEFT__POLL_END 4u   /* with READ: the peer will send no more. A hint, which need not come */
struct weft__sys_event {
	uint64_t tag;
	uint32_t ready;
};
int weft__sys_poller_open(void); /* closed by weft__sys_close */
/* Both directions, edge triggered; what is ready now is the first edge. -EEXIST; -EPERM: a kind
 * that cannot be waited for (a regular file): always ready. */
int weft__sys_poller_add(int poller, int fd, uint64_t tag);
int weft__sys_poller_remove(int poller, int fd);
/* Descriptors that weft does not own: reports once, adding it when it is not there. `wanted`:
 * WEFT__POLL_ bits. */
int weft__sys_poller_once(int poller, int fd, uint32_t wanted, uint64_t tag);
/* How many events; 0: the deadline has passed (one in the past: looks only); -EINTR. */
int weft__sys_poller_wait(int poller, struct weft__sys_event *out_events, int max,
			  int64_t deadline_ns);
/* A descriptor for weft__sys_poller_add that brings one event for every weft__sys_bell_ring
 * (several may become one) without being read. Adding it may bring one more. */
int weft__sys_bell_open(void);
void weft__sys_bell_ring(int bell); /* async-signal-safe */
void weft__sys_bell_clear(int bell);
/*
 * Waits until fd (-1: none) is ready for `wanted` or the bell (-1: none) has rung and was not
 * cleared. WEFT__POLL_ bits; 0: only the bell; -ETIMEDOUT; -EBADF. For kernel threads.
 */
int weft__sys_poll(int fd, uint32_t wanted, int bell, int64_t deadline_ns);

/* ---- descriptors: the calls of those names. -EINTR may come. */
int weft__sys_open(const char *path, int flags, unsigned mode); /* close-on-exec */
int weft__sys_close(int fd);                                    /* -EINTR: closed all the same */
int weft__sys_nonblock(int fd);
bool weft__sys_is_socket(int fd);
bool weft__sys_is_nonblock(int fd);
bool weft__sys_is_file(int fd);     /* regular: always ready */
int weft__sys_pipe(int out_fds[2]); /* non-blocking, close-on-exec */
/* Sockets: never wait, whatever O_NONBLOCK says (-EAGAIN); no SIGPIPE. */
ssize_t weft__sys_recv(int fd, void *out, size_t bytes);
ssize_t weft__sys_send(int fd, const void *from, size_t bytes);
ssize_t weft__sys_recvv(int fd, const struct iovec *parts, int count);
ssize_t weft__sys_sendv(int fd, const struct iovec *parts, int count);
/* What is no socket: these wait if the descriptor is a blocking one (SIGPIPE: as the system
 * does). */
ssize_t weft__sys_read(int fd, void *out, size_t bytes);
ssize_t weft__sys_write(int fd, const void *from, size_t bytes);
ssize_t weft__sys_readv(int fd, const struct iovec *parts, int count);
ssize_t weft__sys_writev(int fd, const struct iovec *parts, int count);
/* The same for blocking descriptors, files excepted: -EAGAIN where the plain call would wait, as
 * far as the kernel can tell. Where it cannot, writev_now writes at most 4,096 bytes. */
ssize_t weft__sys_readv_now(int fd, const struct iovec *parts, int count);
ssize_t weft__sys_writev_now(int fd, const struct iovec *parts, int count);
/* *offset moves on by what is returned; no SIGPIPE. out_fd must be non-blocking. */
ssize_t weft__sys_sendfile(int out_fd, int in_fd, off_t *offset, size_t bytes);
int weft__sys_socket(int domain, int type, int protocol); /* non-blocking, close-on-exec */
int weft__sys_bind(int fd, const struct sockaddr *address, socklen_t bytes);
int weft__sys_listen(int fd, int backlog);
int weft__sys_accept(int fd); /* the new one: non-blocking, close-on-exec */
int weft__sys_connect(int fd, const struct sockaddr *address, socklen_t bytes);
int weft__sys_shutdown(int fd, int how);
/* a Unix socket's file; -ENOTSOCK: it is something else */
int weft__sys_unlink_socket(const char *path);
int weft__sys_socket_error(int fd); /* takes SO_ERROR: 0 or -errno */
int weft__sys_socket_option(int fd, int level, int option, int value);
int weft__sys_socket_name(int fd, struct sockaddr_storage *out_address, socklen_t *out_bytes);
int weft__sys_fd_limit(void); /* one above the highest number that a descriptor may ever have */

/* ---- faults: SIGSEGV and SIGBUS of the program's own instructions, on the alternate stack */
/* True: go on as if nothing had been; false: what was there before the handler goes on. */
typedef bool weft__sys_fault_handler(void *address, void *program_counter, void *stack_pointer);
/* Once per process; later calls do nothing. */
int weft__sys_fault_install(weft__sys_fault_handler *handler);
/* Gives the calling kernel thread an alternate stack; NULL: it had one and keeps it. -ENOMEM,
 * -EAGAIN */
int weft__sys_fault_stack(void **out_stack);
void weft__sys_fault_stack_drop(void *stack); /* by the same kernel thread; NULL: nothing to do */

#endif
