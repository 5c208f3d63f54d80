/* SPDX-License-Identifier: MIT */
/*
 * Ticks by a perf event: a clock of the kernel thread's own computing, which sends the signal when
 * it runs out while the processor is in user mode. So it never breaks a system call off.
 *
 * The signal tells the event's descriptor; a table finds the watch. It is address space for the
 * highest number there may be, of which a page is touched for every 512 numbers in use.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/atomic.h"
#include "sys/linux/watch.h"

#define FDS_MAX (1 << 20)
#define TABLE_BYTES (FDS_MAX * sizeof(void *))
#define NEVER_NS INT64_C(1000000000000) /* until it is armed */

static struct weft__watch **watches; /* atomic; by descriptor, each atomic */

static struct weft__watch **table(void)
{
	struct weft__watch **at = atomic_load_acquire(&watches), **seen = NULL;
	void *fresh;

	if (at != NULL)
		return at;
	if (weft__sys_reserve(TABLE_BYTES, WEFT__PAGE, &fresh) != 0)
		return NULL;
	if (atomic_cas_acq_rel(&watches, &seen, fresh))
		return fresh;
	weft__sys_unreserve(fresh, TABLE_BYTES);
	return seen;
}

struct weft__watch *weft__tick_event_of(int fd)
{
	struct weft__watch **at = atomic_load_acquire(&watches);
	struct weft__watch *watch;

	if (at == NULL || fd < 0 || fd >= FDS_MAX)
		return NULL;
	watch = atomic_load_acquire(&at[fd]);
	return watch;
}

static int send_signal_to(int fd, int tid)
{
	struct f_owner_ex owner = { .type = F_OWNER_TID, .pid = tid };

	if (fcntl(fd, F_SETOWN_EX, &owner) != 0 || fcntl(fd, F_SETSIG, SIGURG) != 0 ||
	    fcntl(fd, F_SETFL, O_ASYNC | O_NONBLOCK) != 0)
		return -errno;
	return 0;
}

int weft__tick_event_open(struct weft__watch *watch)
{
	struct perf_event_attr event = {
		.size = sizeof event,
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_TASK_CLOCK,
		.sample_period = (uint64_t)NEVER_NS,
		.wakeup_events = 1,
		.exclude_kernel = 1,
		.exclude_hv = 1,
		.disabled = 1,
	};
	struct weft__watch **at = table();
	int fd, rc;

	if (at == NULL)
		return -ENOMEM;
	fd = weft__perf_open(&event, watch->tid);
	if (fd < 0)
		return fd;
	rc = fd < FDS_MAX ? send_signal_to(fd, watch->tid) : -EMFILE;
	if (rc != 0) {
		weft__own_fd_close(fd);
		return rc;
	}
	watch->tick_fd = fd;
	watch->period_ns = NEVER_NS;
	atomic_store_release(&at[fd], watch);
	return 0;
}

void weft__tick_event_set(struct weft__watch *watch, int64_t every_ns)
{
	uint64_t period = (uint64_t)every_ns;

	if (every_ns == 0) {
		ioctl(watch->tick_fd, PERF_EVENT_IOC_DISABLE, 0);
		return;
	}
	if (every_ns != watch->period_ns) {
		watch->period_ns = every_ns;
		ioctl(watch->tick_fd, PERF_EVENT_IOC_PERIOD, &period);
	}
	ioctl(watch->tick_fd, PERF_EVENT_IOC_ENABLE, 0);
}

void weft__tick_event_close(struct weft__watch *watch)
{
	atomic_store_release(&table()[watch->tick_fd], NULL);
	weft__own_fd_close(watch->tick_fd);
}
