/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <weft/weft.h>

#include "cancel.example"

static int answer(void *arg)
{
	char text[10];
	int fd = *(int *)arg;

	return weft_read(fd, text, 4) == 4 ? weft_write_all(fd, "weft", 4) : 1;
}

int main(void)
{
	int fds[2], result = 1;
	weft_thread *thread;
	char text[10];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0 ||
	    weft_thread_spawn(answer, &fds[1], NULL, &thread) < 0)
		return 1;
	if (exchange(fds[0], "warp", text, sizeof(text), weft_now() + 10 * WEFT_SECOND) != 4 ||
	    memcmp(text, "weft", 4) != 0)
		return 1;
	weft_thread_join(thread, &result);
	/* nobody answers any more */
	return result ||
	       exchange(fds[0], "warp", text, sizeof(text), weft_now() + WEFT_MS) != -ETIMEDOUT;
}
