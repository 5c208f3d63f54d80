/* SPDX-License-Identifier: MIT */
#include <weft/weft.h>

#include "sched.example"

int main(void)
{
	return run_on_two();
}
