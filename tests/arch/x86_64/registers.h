/* SPDX-License-Identifier: MIT */
/* The registers that probe.S watches, in its order. */
#define RED_ZONE_BYTES 128
#define FLOATING_REGISTER "x"

static const struct watched_register watched[] = {
	{ "rbx", ~0ull, 0, 1 },
	{ "rbp", ~0ull, 0, 1 },
	{ "r12", ~0ull, 0, 1 },
	{ "r13", ~0ull, 0, 1 },
	{ "r14", ~0ull, 0, 1 },
	{ "r15", ~0ull, 0, 1 },
	/* Rounding and flushing to zero; all exceptions masked, none raised. */
	{ "mxcsr", 0xe040, 0x1f80, 0 },
	/* Rounding. */
	{ "x87 control word", 0x0c00, 0x037f, 0 },
};
