/* SPDX-License-Identifier: MIT */
#include <weft/weft.h>

#include "cond.example"

static int take(void *arg)
{
	(void)arg;
	return take_letter(WEFT_FOREVER);
}

int main(void)
{
	weft_thread *thread;
	int result = 1;

	if (take_letter(weft_now() + WEFT_MS) != -ETIMEDOUT)
		return 1;
	if (weft_thread_spawn(take, NULL, NULL, &thread) < 0)
		return 1;
	put_letter();
	weft_thread_join(thread, &result);
	put_letter();
	return result != 0 || take_letter(0) != 0 || letters != 0;
}
