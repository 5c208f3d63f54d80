/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <weft/weft.h>

#include "select.example"

int main(void)
{
	weft_chan *left, *right;
	int number = 7, got = 0;

	if (weft_chan_create(sizeof number, 1, &left) < 0 ||
	    weft_chan_create(sizeof number, 1, &right) < 0)
		return 1;
	if (next_of(left, right, &got) != -ETIMEDOUT || got != 0)
		return 1;
	weft_chan_send(right, &number);
	if (next_of(left, right, &got) != 0 || got != 7)
		return 1;
	weft_chan_close(left);
	if (next_of(left, right, &got) != -EPIPE)
		return 1;
	weft_chan_destroy(left);
	weft_chan_destroy(right);
	return 0;
}
