/* SPDX-License-Identifier: MIT */
#include <weft/weft.h>

#include "barrier.example"

int main(void)
{
	struct field field = { .barrier = WEFT_BARRIER_INIT(3) };
	weft_thread *threads[2];

	for (int i = 0; i < 2; i++)
		if (weft_thread_spawn(sweep, &field, NULL, &threads[i]) != 0)
			return 1;
	sweep(&field);
	for (int i = 0; i < 2; i++)
		weft_thread_join(threads[i], NULL);
	return field.sweeps == 30 && field.rounds == 10 ? 0 : 1;
}
