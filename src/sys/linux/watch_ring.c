/* SPDX-License-Identifier: MIT */
/*
 * A ring of context switches: a perf event that counts nothing, whose record of each switch of its
 * kernel thread lies in memory that we read. A record is 16 bytes: a header, which tells "out" from
 * "in" and "out because it went to sleep" from "out because another wanted the CPU", and the time.
 * The ring is overwritten, never emptied: only the last record counts.
 *
 * The event is on from its making; while nobody attends, its output is stopped. That takes a call
 * of 0.2 us from any kernel thread, where switching the event itself needs an interrupt on the
 * other's CPU (15 to 30 us on a virtual machine). Each record that is written also wakes whoever
 * waits for the descriptor, which costs the watched thread 7 us there: the reason to attend only
 * while it matters.
 */
#include <errno.h>
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/atomic.h"
#include "sys/linux/watch.h"
#include "sys/spin.h"

#define RING_BYTES WEFT__PAGE /* behind the page that describes it */

struct record {
	struct perf_event_header header;
	uint64_t at_ns;
};

static int map_ring(struct weft__watch *watch)
{
	/* Not writable: so it is overwritten. */
	void *at = mmap(NULL, WEFT__PAGE + RING_BYTES, PROT_READ, MAP_SHARED, watch->ring_fd, 0);

	if (at == MAP_FAILED)
		return -errno;
	weft__spin_lock(&watch->ring_lock);
	watch->ring = at;
	weft__spin_unlock(&watch->ring_lock);
	return 0;
}

int weft__watch_ring_open(struct weft__watch *watch)
{
	struct perf_event_attr event = {
		.size = sizeof event,
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_DUMMY,
		.sample_type = PERF_SAMPLE_TIME,
		.sample_id_all = 1,
		.context_switch = 1,
		.use_clockid = 1,
		.clockid = CLOCK_MONOTONIC,
		.watermark = 1,
		.wakeup_watermark = 1,
		.exclude_kernel = 1,
		.exclude_hv = 1,
	};
	int rc;

	watch->ring_fd = weft__perf_open(&event, watch->tid);
	if (watch->ring_fd < 0)
		return watch->ring_fd;
	rc = map_ring(watch);
	if (rc == 0 && ioctl(watch->ring_fd, PERF_EVENT_IOC_PAUSE_OUTPUT, 1) == 0)
		return 0;
	weft__watch_ring_close(watch);
	return rc != 0 ? rc : -ENOTSUP;
}

/* fork's child has the descriptor, and not the mapping: something else may lie there. Nor has it
 * who held the lock. */
void weft__watch_ring_close(struct weft__watch *watch)
{
	void *ring = watch->ring;

	if (weft__watch_is_ours(watch)) {
		weft__spin_lock(&watch->ring_lock);
		watch->ring = NULL;
		weft__spin_unlock(&watch->ring_lock);
		if (ring != NULL)
			munmap(ring, WEFT__PAGE + RING_BYTES);
	} else {
		watch->ring = NULL;
		watch->ring_lock = 0;
	}
	weft__own_fd_close(watch->ring_fd);
}

void weft__watch_ring_write(struct weft__watch *watch, bool on)
{
	ioctl(watch->ring_fd, PERF_EVENT_IOC_PAUSE_OUTPUT, on ? 0 : 1);
}

uint64_t weft__watch_ring_head(const struct weft__watch *watch)
{
	return atomic_load_acquire(&watch->ring->data_head);
}

/* The kernel writes there while we read: the head says whether it came round. */
static weft__racy struct record last_record(const struct weft__watch *watch, uint64_t head)
{
	const char *records = (const char *)watch->ring + WEFT__PAGE;

	return *(const volatile struct record *)(records +
						 (head - sizeof(struct record)) % RING_BYTES);
}

bool weft__watch_ring_is_out(const struct weft__watch *watch, uint64_t base, int64_t *out_at_ns)
{
	uint64_t head = weft__watch_ring_head(watch), again;
	struct record record;

	for (;;) {
		if (head == base)
			return false;
		record = last_record(watch, head);
		again = weft__watch_ring_head(watch);
		if (again == head)
			break;
		head = again;
	}
	if (record.header.type != PERF_RECORD_SWITCH ||
	    !(record.header.misc & PERF_RECORD_MISC_SWITCH_OUT) ||
	    (record.header.misc & PERF_RECORD_MISC_SWITCH_OUT_PREEMPT))
		return false;
	*out_at_ns = (int64_t)record.at_ns;
	return true;
}
