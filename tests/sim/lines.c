/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lines.h"

#define PLACE_BYTES 200

struct place {
	unsigned long offset;
	char text[PLACE_BYTES];
};

static struct place *places;
static size_t place_count, place_room;

static int compare_places(const void *a, const void *b)
{
	unsigned long left = ((const struct place *)a)->offset,
		      right = ((const struct place *)b)->offset;

	return left < right ? -1 : left > right;
}

static void add_place(unsigned long offset)
{
	if (place_count == place_room) {
		place_room = place_room * 2 + 256;
		places = realloc(places, place_room * sizeof *places);
		if (places == NULL)
			abort();
	}
	places[place_count++] = (struct place){ .offset = offset };
}

static void collect(const char *text)
{
	size_t kept = 0;

	place_count = 0;
	while ((text = strstr(text, "[+0x")) != NULL) {
		add_place(strtoul(text + 2, NULL, 16));
		text += 4;
	}
	qsort(places, place_count, sizeof *places, compare_places);
	for (size_t i = 0; i < place_count; i++)
		if (kept == 0 || places[kept - 1].offset != places[i].offset)
			places[kept++] = places[i];
	place_count = kept;
}

static struct place *find_place(unsigned long offset)
{
	struct place key = { .offset = offset };

	return place_count == 0 ? NULL
				: bsearch(&key, places, place_count, sizeof key, compare_places);
}

/* "function", "file:line" in turn, for each address and what it is inlined into. */
static void take_answer(FILE *answer)
{
	char line[512], function[512] = "";
	struct place *place = NULL;
	int is_function = 1;

	while (fgets(line, sizeof line, answer) != NULL) {
		line[strcspn(line, " \n")] = '\0';
		if (strncmp(line, "0x", 2) == 0) {
			place = find_place(strtoul(line, NULL, 16));
			is_function = 1;
		} else if (is_function) {
			snprintf(function, sizeof function, "%s", line);
			is_function = 0;
		} else {
			size_t used = place != NULL ? strlen(place->text) : 0;

			if (place != NULL && line[0] != '?')
				snprintf(place->text + used, sizeof place->text - used, "%s%s %s",
					 used > 0 ? " < " : "", line, function);
			is_function = 1;
		}
	}
}

static void ask(void)
{
	char command[256], name[] = "/tmp/weft-sim-XXXXXX";
	int fd = mkstemp(name);
	FILE *question = fd >= 0 ? fdopen(fd, "w") : NULL;
	FILE *answer;

	if (question == NULL)
		return;
	for (size_t i = 0; i < place_count; i++)
		fprintf(question, "0x%lx\n", places[i].offset);
	fclose(question);
	snprintf(command, sizeof command, "addr2line -s -a -i -f -e /proc/%d/exe <%s 2>/dev/null",
		 (int)getpid(), name);
	answer = popen(command, "r");
	if (answer != NULL) {
		take_answer(answer);
		pclose(answer);
	}
	unlink(name);
}

void lines_print(const char *text, FILE *out)
{
	const char *next;

	collect(text);
	ask();
	while ((next = strstr(text, "[+0x")) != NULL) {
		const char *end = strchr(next, ']');
		const struct place *place = find_place(strtoul(next + 2, NULL, 16));

		fwrite(text, 1, (size_t)(next - text), out);
		if (place != NULL && place->text[0] != '\0')
			fputs(place->text, out);
		else if (end != NULL)
			fwrite(next, 1, (size_t)(end + 1 - next), out);
		text = end != NULL ? end + 1 : next + 4;
	}
	fputs(text, out);
}
