/* SPDX-License-Identifier: MIT */
/*
 * Channel, as C++ writes it: of elements of one type. They are copied byte for byte, so the type is
 * trivially copyable; what is not travels as a pointer, which std::unique_ptr gives up (release) at
 * one end and takes again at the other.
 *
 *	weft::channel<int> numbers(16);
 *
 *	for (int number : numbers) // until it is closed and empty
 *		sum += number;
 *
 * weft::select waits for the first of several things, and does that one:
 *
 *	weft::selected done = weft::select(50ms, left.receiving(number), right.sending(seven),
 *					   weft::happening(stop), weft::ready(fd, WEFT_READABLE));
 */
#ifndef WEFT_CHAN_HPP
#define WEFT_CHAN_HPP

#include <cstddef>
#include <iterator>
#include <system_error>
#include <type_traits>

#include <weft/chan.h>
#include <weft/select.h>
#include <weft/time.hpp>

namespace weft
{

/* A capacity: a send never waits. */
inline constexpr std::size_t unbounded = WEFT_CHAN_UNBOUNDED;

template <class T> class channel
{
	static_assert(std::is_trivially_copyable_v<T>,
		      "an element is copied byte for byte: send a pointer to what cannot be");
	static_assert(sizeof(T) <= WEFT_CHAN_ELEMENT_MAX, "send a pointer to what is so large");

      public:
	/* Throws std::system_error: no memory. */
	explicit channel(std::size_t capacity_ = 0)
	{
		int failed = weft_chan_create(sizeof(T), capacity_, &chan);

		if (failed < 0)
			throw std::system_error(error_of(failed), "weft::channel");
	}
	/* Nobody waits in it any more. */
	~channel()
	{
		weft_chan_destroy(chan);
	}
	channel(const channel &) = delete;
	channel &operator=(const channel &) = delete;

	void close() noexcept
	{
		weft_chan_close(chan);
	}

	/* std::errc::broken_pipe: closed. */
	std::error_code send(const T &element) noexcept
	{
		return error_of(weft_chan_send(chan, &element));
	}
	std::error_code send_try(const T &element) noexcept
	{
		return error_of(weft_chan_send_try(chan, &element));
	}
	std::error_code send_until(const T &element, deadline until) noexcept
	{
		return error_of(weft_chan_send_until(chan, &element, until.ns()));
	}

	/* std::errc::broken_pipe: closed and empty. */
	std::error_code recv(T &out_element) noexcept
	{
		return error_of(weft_chan_recv(chan, &out_element));
	}
	std::error_code recv_try(T &out_element) noexcept
	{
		return error_of(weft_chan_recv_try(chan, &out_element));
	}
	std::error_code recv_until(T &out_element, deadline until) noexcept
	{
		return error_of(weft_chan_recv_until(chan, &out_element, until.ns()));
	}

	/* Cases for weft::select; what they name is the caller's until that has returned. */
	weft_case sending(const T &element) noexcept
	{
		return WEFT_SEND(chan, &element);
	}
	weft_case sending(const T &&) = delete;
	weft_case receiving(T &out_element) noexcept
	{
		return WEFT_RECV(chan, &out_element);
	}

	std::size_t count() const noexcept
	{
		return weft_chan_count(chan);
	}
	std::size_t capacity() const noexcept
	{
		return weft_chan_capacity(chan);
	}
	weft_chan *native_handle() const noexcept
	{
		return chan;
	}

	/* Receives until nothing more comes: closed and empty, or the thread is cancelled. */
	class iterator
	{
	      public:
		using iterator_category = std::input_iterator_tag;
		using value_type = T;
		using difference_type = std::ptrdiff_t;
		using pointer = const T *;
		using reference = const T &;

		iterator() = default;
		explicit iterator(channel &from_) : from(&from_)
		{
			++*this;
		}
		reference operator*() const noexcept
		{
			return element;
		}
		iterator &operator++() noexcept
		{
			if (from->recv(element))
				from = nullptr;
			return *this;
		}
		bool operator!=(const iterator &other) const noexcept
		{
			return from != other.from;
		}
		bool operator==(const iterator &other) const noexcept
		{
			return from == other.from;
		}

	      private:
		channel *from = nullptr;
		T element{};
	};

	iterator begin()
	{
		return iterator(*this);
	}
	iterator end() noexcept
	{
		return iterator();
	}

      private:
	weft_chan *chan = nullptr;
};

/* Cases of weft::select that are no channel's: it is set; it is ready (what for:
 * selected.ready). */
inline weft_case happening(weft_event &event) noexcept
{
	return WEFT_EVENT(&event);
}
inline weft_case ready(int fd, int wanted) noexcept
{
	return WEFT_FD(fd, wanted);
}

/* What a select has done. */
struct selected {
	int which;             /* the case, counted from 0; -1: none */
	std::error_code error; /* of that case, or why there is none */
	int ready;             /* of a descriptor: what it is ready for; else 0 */
};

/* Waits until one of the cases can happen, and does it. std::errc::timed_out,
 * operation_canceled. */
template <class... Cases> selected select(deadline until, const Cases &...cases) noexcept
{
	weft_case list[] = { cases... };
	int which = weft_select(list, sizeof...(Cases), until.ns());
	int result = which < 0 ? which : list[which].result;

	return { which < 0 ? -1 : which, error_of(result), result < 0 ? 0 : result };
}

} // namespace weft

#endif
