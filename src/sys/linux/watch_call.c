/* SPDX-License-Identifier: MIT */
/*
 * What a kernel thread of ours does in the kernel, by /proc/self/task/TID/syscall: "running";
 * "-1 …" in the kernel without a call, that is, in a page fault; else the number of the call. It
 * says "running" of one that waits for a CPU too. Where that file is missing, the letter in stat
 * tells as much, but not in what.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "old_calls.h"
#include "sys/linux/watch.h"

#define PATH_BYTES 48
#define TEXT_BYTES 256
#define KEPT_MAX 16

static int kept; /* atomic: descriptors that stay open */

/* Those in which a program may stay for long. */
#define CALLS(name)                                                                                           \
	name(accept) name(accept4) name(clock_nanosleep) name(connect) name(copy_file_range) name(            \
		epoll_pwait) name(epoll_pwait2) name(execve) name(exit) name(exit_group) name(fallocate)      \
		name(fcntl) name(fdatasync) name(flock) name(fsync) name(ftruncate) name(futex) name(         \
			futex_waitv) name(getdents64) name(getrandom) name(io_getevents) name(io_uring_enter) \
			name(ioctl) name(madvise) name(membarrier) name(mmap) name(mprotect) name(            \
				mq_timedreceive) name(mq_timedsend) name(msgrcv) name(msgsnd)                 \
				name(msync) name(munmap) name(nanosleep) name(newfstatat) name(               \
					openat) name(ppoll) name(pread64) name(preadv) name(preadv2)          \
					name(pselect6) name(pwrite64) name(pwritev) name(pwritev2) name(      \
						read) name(readv) name(recvfrom) name(recvmmsg)               \
						name(recvmsg) name(renameat2) name(rt_sigsuspend) name(       \
							rt_sigtimedwait) name(sched_yield) name(semop)        \
							name(semtimedop) name(sendfile) name(                 \
								sendmmsg) name(sendmsg) name(sendto)          \
								name(splice) name(statx) name(                \
									sync) name(syncfs) name(tee)          \
									name(unlinkat) name(vmsplice) name(   \
										wait4) name(waitid)           \
										name(write) name(             \
											writev)               \
											WEFT__ARCH_OLD_CALLS( \
												name)

static const struct {
	long number;
	const char *name;
} calls[] = {
#define CALL(name) { SYS_##name, #name },
	CALLS(CALL)
#undef CALL
};

/* Of its kernel thread; -1: it is not there, or it has ended. */
static int open_file(const struct weft__watch *watch, const char *file)
{
	char path[PATH_BYTES];

	snprintf(path, sizeof path, "/proc/self/task/%d/%s", watch->tid, file);
	return weft__own_fd_open(path);
}

/* Its one line, as of now; false: it has ended. */
static bool read_line(int fd, char out_text[TEXT_BYTES])
{
	ssize_t bytes = fd >= 0 ? weft__own_fd_read_line(fd, out_text, TEXT_BYTES - 1) : 0;

	out_text[bytes > 0 ? bytes : 0] = '\0';
	return bytes > 0;
}

/* Opening costs several times what reading costs, so a few stay open: the rest of the descriptors
 * is the program's. */
static bool read_call(struct weft__watch *watch, char out_text[TEXT_BYTES])
{
	int fd = watch->call_fd;
	bool is_read;

	if (fd < 0)
		fd = open_file(watch, "syscall");
	is_read = read_line(fd, out_text);
	if (fd < 0 || fd == watch->call_fd)
		return is_read;
	if (!is_read || atomic_add_relaxed(&kept, 1) >= KEPT_MAX) {
		if (is_read)
			atomic_sub_acq_rel(&kept, 1);
		weft__own_fd_close(fd);
		return is_read;
	}
	watch->call_fd = weft__own_fd_move_up(fd);
	if (watch->call_fd < 0) {
		watch->call_fd = -1;
		atomic_sub_acq_rel(&kept, 1);
	}
	return true;
}

void weft__watch_call_close(struct weft__watch *watch)
{
	if (watch->call_fd < 0)
		return;
	weft__own_fd_close(watch->call_fd);
	watch->call_fd = -1;
	atomic_sub_acq_rel(&kept, 1);
}

/* The letter stands behind the name, which is in brackets and may hold any character. */
static bool is_asleep(const struct weft__watch *watch)
{
	int fd = open_file(watch, "stat");
	char text[TEXT_BYTES];
	const char *bracket;
	bool is_read = read_line(fd, text);

	if (fd >= 0)
		weft__own_fd_close(fd);
	if (!is_read)
		return false;
	bracket = strrchr(text, ')');
	return bracket != NULL &&
	       (strncmp(bracket, ") S", 3) == 0 || strncmp(bracket, ") D", 3) == 0);
}

bool weft__watch_call_is_blocked(struct weft__watch *watch)
{
	char text[TEXT_BYTES];

	if (read_call(watch, text))
		return text[0] == '-' || (text[0] >= '0' && text[0] <= '9');
	return is_asleep(watch);
}

static const char *name_of(long number, char *room, size_t room_bytes)
{
	for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
		if (calls[i].number == number)
			return calls[i].name;
	snprintf(room, room_bytes, "call %ld", number);
	return room;
}

const char *weft__sys_watch_call(struct weft__watch *watch)
{
	char text[TEXT_BYTES];

	if (!read_call(watch, text))
		return "an unknown call";
	if (text[0] == '-')
		return "page fault";
	if (text[0] < '0' || text[0] > '9')
		return "nothing";
	return name_of(strtol(text, NULL, 10), watch->call, sizeof watch->call);
}
