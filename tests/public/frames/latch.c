/* SPDX-License-Identifier: MIT */
#include <weft/weft.h>

#include "latch.example"

int main(void)
{
	for (int i = 0; i < 3; i++)
		if (weft_thread_spawn(set_up_part, NULL, NULL, NULL) < 0)
			set_up_part(NULL);
	return await_parts() == 3 ? 0 : 1;
}
