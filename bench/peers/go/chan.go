// SPDX-License-Identifier: MIT

// Channels and select. What is sent is a number, and all of them are added up at the other end.
package main

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	slots       = 128
	mpmcThreads = 4 // on each side
)

var channelBenches = []bench{
	{"channel-pingpong", 1, one, 1000000, runPingpong, false},
	{"channel-pingpong", 2, two, 500000, runPingpong, false},
	{"channel-stream", 1, one, 5000000, runStream, false},
	{"channel-stream", 2, two, 3000000, runStream, false},
	{"channel-mpmc", 1, one, 5000000, runMPMC, false},
	{"channel-mpmc", 2, two, 2000000, runMPMC, false},
	{"select", 1, one, 1000000, runSelect, false},
	{"select", 2, two, 500000, runSelect, false},
}

// 0 + 1 + … + (count - 1)
func sumOf(count int) int {
	return count * (count - 1) / 2
}

func runPingpong(count int) []float64 {
	ping, pong := make(chan int), make(chan int)
	sum := 0

	go func() {
		for v := range ping {
			pong <- v
		}
	}()
	start := time.Now()
	for i := 0; i < count; i++ {
		ping <- i
		sum += <-pong
	}
	out := each(start, count)
	close(ping)
	if sum != sumOf(count) {
		return fail("channel-pingpong: wrong numbers came back")
	}
	return out
}

func runStream(count int) []float64 {
	items := make(chan int, slots)
	sum := 0

	start := time.Now()
	go func() {
		for i := 0; i < count; i++ {
			items <- i
		}
		close(items)
	}()
	for v := range items {
		sum += v
	}
	out := each(start, count)
	if sum != sumOf(count) {
		return fail("channel-stream: wrong numbers came out")
	}
	return out
}

func runMPMC(count int) []float64 {
	var producers, consumers sync.WaitGroup
	var sum atomic.Int64
	items := make(chan int, slots)
	part := count / mpmcThreads

	producers.Add(mpmcThreads)
	consumers.Add(mpmcThreads)
	start := time.Now()
	for t := 0; t < mpmcThreads; t++ {
		go func() {
			for i := 0; i < part; i++ {
				items <- i
			}
			producers.Done()
		}()
		go func() {
			mine := 0
			for v := range items {
				mine += v
			}
			sum.Add(int64(mine))
			consumers.Done()
		}()
	}
	producers.Wait()
	close(items)
	consumers.Wait()
	out := each(start, part*mpmcThreads)
	if sum.Load() != int64(mpmcThreads*sumOf(part)) {
		return fail("channel-mpmc: wrong numbers came out")
	}
	return out
}

// Four that send, each into a channel of its own, and one that takes from whichever is ready.
func runSelect(count int) []float64 {
	var from [4]chan int
	part := count / len(from)
	sum := 0

	for t := range from {
		from[t] = make(chan int)
	}
	start := time.Now()
	for t := range from {
		to := from[t]
		go func() {
			for i := 0; i < part; i++ {
				to <- i
			}
		}()
	}
	for n := part * len(from); n > 0; n-- {
		select {
		case v := <-from[0]:
			sum += v
		case v := <-from[1]:
			sum += v
		case v := <-from[2]:
			sum += v
		case v := <-from[3]:
			sum += v
		}
	}
	out := each(start, part*len(from))
	if sum != len(from)*sumOf(part) {
		return fail("select: wrong numbers came out")
	}
	return out
}
