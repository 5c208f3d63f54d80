/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <weft/weft.h>

#include "socket.example"

static int answer_first(void *arg)
{
	int fd = weft_accept(*(int *)arg);
	char text[10];

	if (fd < 0 || weft_read(fd, text, sizeof(text)) != 4)
		return 1;
	return weft_write_all(fd, "weft", 4) || weft_close(fd);
}

int main(void)
{
	int result, listener = weft_listen("127.0.0.1:0", 0);
	weft_thread *thread;
	char address[100], text[10];

	if (listener < 0 || weft_socket_address(listener, address, sizeof(address)) < 0 ||
	    weft_thread_spawn(answer_first, &listener, NULL, &thread) < 0)
		return 1;
	if (ask(address, "warp", text, sizeof(text), weft_now() + 10 * WEFT_SECOND) != 4 ||
	    memcmp(text, "weft", 4) != 0)
		return 1;
	weft_thread_join(thread, &result);
	/* nobody accepts any more, and nobody answers */
	return result ||
	       ask(address, "warp", text, sizeof(text), weft_now() + 10 * WEFT_MS) != -ETIMEDOUT;
}
