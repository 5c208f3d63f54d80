/* SPDX-License-Identifier: MIT */
/* Loaded before zlib: a checksum that is another one each time, so that a soak must complain. */
#include <stddef.h>

unsigned long adler32(unsigned long adler, const unsigned char *bytes, unsigned count);

unsigned long adler32(unsigned long adler, const unsigned char *bytes, unsigned count)
{
	static unsigned long calls;

	(void)adler;
	(void)bytes;
	(void)count;
	return __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED);
}
