/* SPDX-License-Identifier: MIT */
#include <stdbool.h>
#include <stdio.h>
#include <weft/version.h>

#include "version.example"

int main(void)
{
	return is_new_enough() ? 0 : 1;
}
