/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include <weft/weft.h>

#include "inspect.example"

static weft_sem never;

static int wait_there(void *arg)
{
	(void)arg;
	return weft_sem_wait(&never);
}

static int app(void *arg)
{
	char text[1000] = "";
	FILE *out = fmemopen(text, sizeof(text), "w");

	(void)arg;
	if (weft_thread_spawn(wait_there, NULL, &(weft_thread_options){ .name = "patient" }, NULL) <
	    0)
		return 1;
	weft_yield(); /* it is the only processor: the thread has run, and waits */
	if (out == NULL || who_waits(out) != 0)
		return 1;
	fclose(out);
	weft_sem_wake(&never);
	return strstr(text, "patient waits for: semaphore\n") == NULL;
}

int main(void)
{
	return weft_run(app, NULL, &(weft_sched_options){ .processors = 1 });
}
