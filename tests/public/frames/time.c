/* SPDX-License-Identifier: MIT */
#include <weft/weft.h>

#include "time.example"

static int beats;

static void count_beat(void)
{
	beats++;
}

int main(void)
{
	int64_t begun_ns = weft_now();

	beat_evenly(count_beat, WEFT_MS, 20);
	return beats != 20 || weft_now() - begun_ns < 20 * WEFT_MS;
}
