/* SPDX-License-Identifier: MIT */
/*
 * weft, as C++17 writes it: a thin face. What must be given back is given back at the end of its
 * block; times are std::chrono's; locks are those that std::unique_lock takes. It is headers alone,
 * over the calls of <weft/weft.h>, which may be mixed with it and say what each does.
 *
 *   Errors    Constructors throw std::system_error. Every other call that may fail returns a
 *             std::error_code, whose value is that of C without its sign, and throws nothing, but
 *             for std::bad_alloc where it allocates.
 *   Threads   An exception does not leave a thread: it ends the program.
 */
#ifndef WEFT_WEFT_HPP
#define WEFT_WEFT_HPP

#include <weft/chan.hpp>
#include <weft/sync.hpp>
#include <weft/thread.hpp>
#include <weft/time.hpp>
#include <weft/weft.h>

#endif
