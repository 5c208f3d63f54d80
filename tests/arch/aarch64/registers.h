/* SPDX-License-Identifier: MIT */
/* The registers that probe.S watches, in its order. */
#define RED_ZONE_BYTES 0
#define FLOATING_REGISTER "w"

static const struct watched_register watched[] = {
	{ "x19", ~0ull, 0, 1 },
	{ "x20", ~0ull, 0, 1 },
	{ "x21", ~0ull, 0, 1 },
	{ "x22", ~0ull, 0, 1 },
	{ "x23", ~0ull, 0, 1 },
	{ "x24", ~0ull, 0, 1 },
	{ "x25", ~0ull, 0, 1 },
	{ "x26", ~0ull, 0, 1 },
	{ "x27", ~0ull, 0, 1 },
	{ "x28", ~0ull, 0, 1 },
	{ "x29", ~0ull, 0, 1 },
	{ "d8", ~0ull, 0, 1 },
	{ "d9", ~0ull, 0, 1 },
	{ "d10", ~0ull, 0, 1 },
	{ "d11", ~0ull, 0, 1 },
	{ "d12", ~0ull, 0, 1 },
	{ "d13", ~0ull, 0, 1 },
	{ "d14", ~0ull, 0, 1 },
	{ "d15", ~0ull, 0, 1 },
	/* Rounding, flushing to zero, default NaN. */
	{ "fpcr", 0x03c00000, 0, 0 },
};
