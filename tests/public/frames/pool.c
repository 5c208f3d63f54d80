/* SPDX-License-Identifier: MIT */
#include <weft/weft.h>

#include "pool.example"

int main(void)
{
	long numbers[100];

	for (int i = 0; i < 100; i++)
		numbers[i] = i;
	if (square_all(numbers, 100) != 0)
		return 1;
	for (int i = 0; i < 100; i++)
		if (numbers[i] != (long)i * i)
			return 1;
	return 0;
}
