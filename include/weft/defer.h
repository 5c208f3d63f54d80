/* SPDX-License-Identifier: MIT */
/*
 * Clean-up functions, run in reverse order.
 *
 *   WEFT_DEFER   when the block that it stands in is left, however: its end, return, break, goto.
 *   weft_defer   when the thread ends: its function returns, or weft_thread_exit.
 *
 * weft_thread_exit within a block runs what was deferred there too. Cancellation makes waits fail,
 * so a function that returns then runs its clean-up; one that must wait itself does so in a shield
 * (<weft/cancel.h>).
 *
 * Example:
 *
 *	static void close_it(void *fd)
 *	{
 *		weft_close(*(int *)fd);
 *	}
 *
 *	ssize_t read_first(const char *path, char *out_text, size_t bytes)
 *	{
 *		int fd = weft_open(path, O_RDONLY, 0);
 *
 *		if (fd < 0)
 *			return fd;
 *		WEFT_DEFER(close_it, &fd);
 *		return weft_read(fd, out_text, bytes); // then it is closed
 *	}
 */
#ifndef WEFT_DEFER_H
#define WEFT_DEFER_H

#include <stdint.h>

#include <weft/api.h>

WEFT_API_BEGIN

typedef void weft_clean_up(void *arg);

/* Private; here because it lies in the block. */
typedef struct weft_block_defer {
	struct weft_block_defer *next;
	weft_clean_up *function;
	void *arg;
	uint32_t is_heap;
} weft_block_defer;

WEFT_API void weft__defer_begin(weft_block_defer *record, weft_clean_up *function, void *arg);
WEFT_API void weft__defer_end(weft_block_defer *record);

#define WEFT__DEFER_JOIN(a, b) a##b
#define WEFT__DEFER_NAME(line) WEFT__DEFER_JOIN(weft__defer_, line)

/* function(arg) at the end of this block; arg is evaluated now. One a line. */
#define WEFT_DEFER(function, arg)                                                              \
	__attribute__((cleanup(weft__defer_end))) weft_block_defer WEFT__DEFER_NAME(__LINE__); \
	weft__defer_begin(&WEFT__DEFER_NAME(__LINE__), (function), (arg))

/* function(arg) at the end of the calling thread, before its thread-local objects go, while it can
 * still wait. Of a foreign kernel thread: when that ends. Returns 0; -EINVAL: no function; -ENOMEM.
 */
WEFT_API int weft_defer(weft_clean_up *function, void *arg);

WEFT_API_END

#endif
