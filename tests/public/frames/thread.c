/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <weft/weft.h>

#include "thread.example"

int main(void)
{
	return longer_of("warp", "shuttle") != 7 || longer_of("heddles", "weft") != 7;
}
