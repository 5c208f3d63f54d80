/* SPDX-License-Identifier: MIT */
/* The first program: a kernel thread, then user threads on two processors. */
#include <stdio.h>
#include <weft/weft.h>

static const char *kind_of(const weft_thread *thread)
{
	switch (weft_thread_kind(thread)) {
	case WEFT_KERNEL:
		return "kernel";
	case WEFT_USER:
		return "user";
	default: /* where the C library has no room for user threads */
		return "light";
	}
}

static int greet(void *arg)
{
	weft_thread *self = weft_thread_self();
	char name[32];

	weft_thread_name(self, name, sizeof name);
	printf("hello from %s thread %s, with a stack of %zu KiB\n", kind_of(self), name,
	       weft_thread_stack_bytes(self) >> 10);
	return (int)(long)arg;
}

static int app(void *arg)
{
	weft_thread *threads[3];
	const char *names[3] = { "warp", "weft", "shuttle" };
	int sum = 0;

	(void)arg;
	for (long i = 0; i < 3; i++)
		if (weft_thread_spawn(greet, (void *)(i + 1),
				      &(weft_thread_options){ .name = names[i] }, &threads[i]) < 0)
			return 1;
	for (int i = 0; i < 3; i++) {
		int result;

		weft_thread_join(threads[i], &result);
		sum += result;
	}
	return sum == 6 ? 0 : 1;
}

int main(void)
{
	weft_thread *thread;

	if (weft_thread_spawn(greet, NULL, &(weft_thread_options){ .name = "heddle" }, &thread) < 0)
		return 1;
	weft_thread_join(thread, NULL);
	return weft_run(app, NULL, &(weft_sched_options){ .processors = 2 });
}
