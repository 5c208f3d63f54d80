/* SPDX-License-Identifier: MIT */
/* expat: a document made from the seed is parsed in pieces. */
#include "soak.h"

#include <expat.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DOCUMENT = 24 << 10, DEPTH_MAX = 12 };

struct document {
	struct soak_run *run;
	size_t used;
	unsigned depth, elements;
	char text[DOCUMENT];
};

__attribute__((format(printf, 2, 3))) static void put(struct document *document, const char *format,
						      ...)
{
	va_list arguments;

	va_start(arguments, format);
	document->used += (size_t)vsnprintf(document->text + document->used,
					    DOCUMENT - document->used, format, arguments);
	va_end(arguments);
}

static void write_document(struct document *document)
{
	struct soak_run *run = document->run;
	unsigned open[DEPTH_MAX], depth = 0;
	char words[40];

	put(document, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<root>");
	while (document->used < DOCUMENT - 1024) {
		unsigned draw = soak_below(run, 8);

		soak_text(run, words, sizeof words);
		if (draw < 3 && depth < DEPTH_MAX) {
			open[depth] = soak_below(run, 100);
			put(document, "<n%u a=\"%s\" b='%u &amp; more'>", open[depth], words,
			    soak_below(run, 1000));
			depth++;
		} else if (draw < 5 && depth > 0) {
			depth--;
			put(document, "</n%u>", open[depth]);
		} else if (draw == 5) {
			put(document, "<!-- %s --><![CDATA[%s < %s]]>", words, words, words);
		} else {
			put(document, "%s &lt; &#x%x; \xc3\xa9<empty/>", words,
			    0x100 + soak_below(run, 0x700));
		}
	}
	while (depth > 0)
		put(document, "</n%u>", open[--depth]);
	put(document, "</root>\n");
}

static void started(void *data, const XML_Char *name, const XML_Char **attributes)
{
	struct document *document = data;

	document->depth++;
	document->elements++;
	soak_add(document->run, name, strlen(name));
	for (; *attributes != NULL; attributes++)
		soak_add(document->run, *attributes, strlen(*attributes));
}

static void ended(void *data, const XML_Char *name)
{
	struct document *document = data;

	document->depth--;
	soak_add(document->run, name, strlen(name));
}

/* Where a text is cut depends on the pieces, which the seed chose too. */
static void heard(void *data, const XML_Char *text, int bytes)
{
	struct document *document = data;

	soak_add(document->run, text, (size_t)bytes);
}

static void parse(struct document *document)
{
	XML_Parser parser = XML_ParserCreate(NULL);
	size_t given = 0, piece;

	if (parser == NULL) {
		soak_fail(document->run, "no memory");
		return;
	}
	/* Its own choice would be a random one. */
	XML_SetHashSalt(parser, 1 + (unsigned long)(soak_random(document->run) >> 1));
	XML_SetUserData(parser, document);
	XML_SetElementHandler(parser, started, ended);
	XML_SetCharacterDataHandler(parser, heard);
	while (given < document->used) {
		piece = 1 + soak_below(document->run, 3000);
		if (piece > document->used - given)
			piece = document->used - given;
		if (XML_Parse(parser, document->text + given, (int)piece,
			      given + piece == document->used) != XML_STATUS_OK) {
			soak_fail(document->run, "line %lu: %s", XML_GetCurrentLineNumber(parser),
				  XML_ErrorString(XML_GetErrorCode(parser)));
			break;
		}
		given += piece;
	}
	XML_ParserFree(parser);
}

static void work(struct soak_run *run)
{
	struct document *document = malloc(sizeof *document);

	if (document == NULL) {
		soak_fail(run, "no memory");
		return;
	}
	*document = (struct document){ .run = run };
	write_document(document);
	parse(document);
	if (document->depth != 0)
		soak_fail(run, "%u elements are open", document->depth);
	soak_add_number(run, document->elements);
	free(document);
}

const struct soak_operation soak_expat = { "expat", "a document parsed in pieces", .run = work };
