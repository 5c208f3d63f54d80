/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <weft/weft.h>

#include "event.example"

static int announce_one(void *arg)
{
	announce(*(int *)arg);
	return 0;
}

int main(void)
{
	weft_thread *thread;
	int number = 8080;

	if (await_port(0) != -ETIMEDOUT)
		return 1;
	if (weft_thread_spawn(announce_one, &number, NULL, &thread) != 0)
		return 1;
	if (await_port(WEFT_FOREVER) != number || await_port(0) != number)
		return 1;
	return weft_thread_join(thread, NULL);
}
