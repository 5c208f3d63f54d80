/* SPDX-License-Identifier: MIT */
/* zlib: a stream is deflated and inflated in pieces of random length. */
#include "soak.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { TEXT_MAX = 24 << 10, PACKED_MAX = TEXT_MAX + 1024 };

static size_t pack(struct soak_run *run, unsigned char *text, size_t bytes, unsigned char *packed)
{
	z_stream stream = { .next_out = packed, .avail_out = PACKED_MAX };
	size_t given = 0;
	int code = deflateInit(&stream, 1 + (int)soak_below(run, 9));

	while (code == Z_OK) {
		size_t piece = 1 + soak_below(run, 4096);

		if (piece > bytes - given)
			piece = bytes - given;
		stream.next_in = text + given;
		stream.avail_in = (uInt)piece;
		given += piece;
		code = deflate(&stream, given < bytes ? Z_NO_FLUSH : Z_FINISH);
	}
	if (code != Z_STREAM_END)
		soak_fail(run, "deflate: %d, %s", code, stream.msg != NULL ? stream.msg : "");
	deflateEnd(&stream);
	return stream.total_out;
}

static size_t unpack(struct soak_run *run, unsigned char *packed, size_t bytes, unsigned char *text)
{
	z_stream stream = { .next_in = packed, .avail_in = (uInt)bytes };
	int code = inflateInit(&stream);

	while (code == Z_OK && stream.total_out < TEXT_MAX) {
		size_t piece = 1 + soak_below(run, 2048);

		if (piece > TEXT_MAX - stream.total_out)
			piece = TEXT_MAX - stream.total_out;
		stream.next_out = text + stream.total_out;
		stream.avail_out = (uInt)piece;
		code = inflate(&stream, Z_NO_FLUSH);
	}
	if (code != Z_STREAM_END && code != Z_OK)
		soak_fail(run, "inflate: %d, %s", code, stream.msg != NULL ? stream.msg : "");
	inflateEnd(&stream);
	return stream.total_out;
}

static void round_trip(struct soak_run *run)
{
	size_t bytes = TEXT_MAX / 4 + soak_below(run, TEXT_MAX / 2), packed_bytes, back_bytes;
	unsigned char *text = malloc(TEXT_MAX), *packed = malloc(PACKED_MAX);
	unsigned char *back = malloc(TEXT_MAX);

	if (text == NULL || packed == NULL || back == NULL) {
		soak_fail(run, "no memory");
	} else {
		soak_text(run, (char *)text, bytes);
		packed_bytes = pack(run, text, bytes, packed);
		back_bytes = unpack(run, packed, packed_bytes, back);
		if (back_bytes != bytes || memcmp(text, back, bytes) != 0)
			soak_fail(run, "%zu bytes came back as %zu others", bytes, back_bytes);
		soak_add(run, packed, packed_bytes);
		soak_add_number(run, crc32(adler32(1, text, (uInt)bytes), back, (uInt)bytes));
	}
	free(back);
	free(packed);
	free(text);
}

const struct soak_operation soak_zlib = { "zlib", "deflate and inflate, in pieces",
					  .run = round_trip };
