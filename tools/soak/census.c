/* SPDX-License-Identifier: MIT */
#include "census.h"

#include <dirent.h>
#include <stdio.h>

static int count(const char *folder)
{
	DIR *dir = opendir(folder);
	int entries = 0;

	if (dir == NULL)
		return -1;
	for (const struct dirent *entry; (entry = readdir(dir)) != NULL;)
		entries += entry->d_name[0] != '.';
	closedir(dir);
	return entries;
}

void soak_census_take(struct soak_census *out_census)
{
	FILE *file = fopen("/proc/self/status", "re");
	char line[128];

	out_census->resident_kb = 0;
	while (file != NULL && fgets(line, sizeof line, file) != NULL)
		if (sscanf(line, "VmRSS: %ld", &out_census->resident_kb) == 1)
			break;
	if (file != NULL)
		fclose(file);
	out_census->threads = count("/proc/self/task");
	out_census->fds = count("/proc/self/fd") - 1; /* the one that counts */
}
