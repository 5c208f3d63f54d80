/* SPDX-License-Identifier: MIT */
/* zstd: a frame with a checksum, packed at once and unpacked in pieces. */
#include "soak.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

enum { TEXT_MAX = 48 << 10 };

static void unpack(struct soak_run *run, const char *packed, size_t packed_bytes, char *text)
{
	ZSTD_DCtx *context = ZSTD_createDCtx();
	ZSTD_inBuffer in = { packed, 0, 0 };
	ZSTD_outBuffer out = { text, TEXT_MAX, 0 };
	size_t code = 1;

	while (context != NULL && code != 0 && !ZSTD_isError(code) && in.pos < packed_bytes) {
		in.size = in.pos + 1 + soak_below(run, 4096);
		if (in.size > packed_bytes)
			in.size = packed_bytes;
		code = ZSTD_decompressStream(context, &out, &in);
	}
	if (code != 0)
		soak_fail(run, "unpacked %zu bytes: %s", out.pos, ZSTD_getErrorName(code));
	ZSTD_freeDCtx(context);
}

static size_t pack(struct soak_run *run, const char *text, size_t bytes, char *packed, size_t room)
{
	ZSTD_CCtx *context = ZSTD_createCCtx();
	size_t packed_bytes = 0;

	if (context != NULL) {
		ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel,
				       1 + (int)soak_below(run, 4));
		ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
		packed_bytes = ZSTD_compress2(context, packed, room, text, bytes);
	}
	ZSTD_freeCCtx(context);
	return packed_bytes;
}

static void round_trip(struct soak_run *run)
{
	size_t bytes = TEXT_MAX / 4 + soak_below(run, TEXT_MAX / 2), packed_bytes;
	size_t room = ZSTD_compressBound(bytes);
	char *text = malloc(TEXT_MAX), *packed = malloc(room), *back = calloc(1, TEXT_MAX);

	if (text == NULL || packed == NULL || back == NULL) {
		soak_fail(run, "no memory");
	} else {
		soak_text(run, text, bytes);
		packed_bytes = pack(run, text, bytes, packed, room);
		if (ZSTD_isError(packed_bytes)) {
			soak_fail(run, "pack: %s", ZSTD_getErrorName(packed_bytes));
		} else {
			unpack(run, packed, packed_bytes, back);
			if (memcmp(text, back, bytes) != 0)
				soak_fail(run, "other bytes came back");
			soak_add(run, packed, packed_bytes);
		}
	}
	free(back);
	free(packed);
	free(text);
}

const struct soak_operation soak_zstd = { "zstd", "compress, and decompress in pieces",
					  .run = round_trip };
