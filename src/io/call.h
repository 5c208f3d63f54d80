/* SPDX-License-Identifier: MIT */
/* Call: looks whether it is cancelled, tries, waits, tries again. What every call that may wait has
 * in common. */
#ifndef WEFT_IO_CALL_H
#define WEFT_IO_CALL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "io/table.h"
#include "sys/sys.h"

struct weft__call {
	/* One attempt that does not wait. Returns what the call shall return; -EAGAIN: wait for
	 * `wanted`, -EINTR: try again. It may be made many times and keep its progress in arg. */
	ssize_t (*attempt)(struct weft__use *use, void *arg);
	void *arg;
	const char *reason;
	int64_t deadline_ns;
	uint32_t wanted;
	/* there is no other way to make the attempt where the kernel cannot wait: -EPERM is what is
	 * returned then */
	bool is_plain;
};

ssize_t weft__call(int fd, const struct weft__call *call);

/* The same on a descriptor that is in use already. */
ssize_t weft__call_with(struct weft__use *use, const struct weft__call *call);

#endif
