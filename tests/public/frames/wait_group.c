/* SPDX-License-Identifier: MIT */
#include <weft/weft.h>

#include "wait_group.example"

int main(void)
{
	int items[50] = { 0 };

	if (work_on_all(items, 50) != 0)
		return 1;
	for (int i = 0; i < 50; i++)
		if (items[i] != 1)
			return 1;
	return 0;
}
