/* SPDX-License-Identifier: MIT */
/*
 * Once: an initialisation that runs exactly once, whoever comes first; the others wait until it is
 * done. All-zero: not yet run. The memory may go away when every call has returned.
 *
 * Example:
 *
 *	static weft_once once = WEFT_ONCE_INIT;
 *	static int log_fd;
 *
 *	static int open_log(void *path)
 *	{
 *		int fd = weft_open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
 *
 *		if (fd < 0)
 *			return fd; // the next caller tries again
 *		log_fd = fd;
 *		return 0;
 *	}
 *
 *	int log_text(char *path, const char *text)
 *	{
 *		int failed = weft_once_run(&once, open_log, path);
 *
 *		return failed < 0 ? failed : weft_write_all(log_fd, text, strlen(text));
 *	}
 */
#ifndef WEFT_ONCE_H
#define WEFT_ONCE_H

#include <weft/api.h>
#include <weft/mutex.h>
#include <weft/thread.h>

WEFT_API_BEGIN

typedef struct weft_once {
	uint32_t state;
	weft__waitq waiters;
} weft_once;

#define WEFT_ONCE_INIT { 0, { 0, 0, 0 } }

/* The end of a once; nothing to give back. One whose function runs: stops the program. */
WEFT_API void weft_once_fini(weft_once *once);

/* Runs function(arg) unless it has run; waits while another runs it. If it returns a negative value
 * it counts as not run, and that is returned to its caller; one of those who waited runs its own.
 * The function may wait.
 * Returns 0: it has run. _try: -EBUSY while another runs it. _until: -ETIMEDOUT; both
 * waiting forms -ECANCELED: the caller was cancelled while another ran it. (The function's own
 * waits can be cancelled too; if it then fails, it has not run.) A function that calls its own once
 * waits for itself for ever. */
WEFT_API int weft_once_run(weft_once *once, weft_function *function, void *arg);
WEFT_API int weft_once_run_try(weft_once *once, weft_function *function, void *arg);
WEFT_API int weft_once_run_until(weft_once *once, weft_function *function, void *arg,
				 int64_t deadline_ns);

WEFT_API_END

#endif
