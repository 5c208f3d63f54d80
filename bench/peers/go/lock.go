// SPDX-License-Identifier: MIT

// Package sync: Mutex, RWMutex, Cond; and what a Go program makes of them where it needs a
// semaphore (a channel with room for one) or a barrier (a Mutex, a Cond and a count).
package main

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	rwThreads      = 4
	barrierThreads = 8
)

var (
	one   = []result{{"1p", "ns"}}
	two   = []result{{"2p", "ns"}}
	reads = func(p string) []result { return []result{{p + "-read", "ns"}} }
	mixed = func(p string) []result { return []result{{p + "-write", "ns"}} }
	share = func(name string) []result {
		return []result{{name, "M/s"}, {name + "-least", "of mean"}}
	}
)

var lockBenches = []bench{
	{"mutex", 1, ns, 20000000, runMutex, false},
	{"mutex-contended", 1, share("1p-2"), 300, contend(2), false},
	{"mutex-contended", 1, share("1p-8"), 1000, contend(8), false},
	{"mutex-contended", 1, share("1p-64"), 1500, contend(64), false},
	{"mutex-contended", 2, share("2p-2"), 300, contend(2), false},
	{"mutex-contended", 2, share("2p-8"), 1000, contend(8), false},
	{"mutex-contended", 2, share("2p-64"), 1500, contend(64), false},
	{"rwlock", 1, reads("1p"), 10000000, readAndWrite(100), false},
	{"rwlock", 1, mixed("1p"), 10000000, readAndWrite(2), false},
	{"rwlock", 2, reads("2p"), 5000000, readAndWrite(100), false},
	{"rwlock", 2, mixed("2p"), 2000000, readAndWrite(2), false},
	{"semaphore", 1, ns, 1000000, runSemaphore, false},
	{"semaphore", 2, two, 500000, runSemaphore, false},
	{"condvar", 1, one, 1000000, runCond, false},
	{"condvar", 2, two, 300000, runCond, false},
	{"barrier", 1, one, 1000000, runBarrier, false},
	{"barrier", 2, two, 300000, runBarrier, false},
}

func runMutex(count int) []float64 {
	var m sync.Mutex

	start := time.Now()
	for i := 0; i < count; i++ {
		m.Lock()
		m.Unlock()
	}
	return each(start, count)
}

// What all threads write stands apart from what all of them read.
type contention struct {
	m     sync.Mutex
	taken int // guarded by m
	_     [128]byte
	stop  atomic.Bool
}

func (c *contention) take() (times int) {
	for !c.stop.Load() {
		c.m.Lock()
		c.taken++
		c.m.Unlock()
		times++
	}
	return times
}

func contend(threads int) func(int) []float64 {
	return func(milliseconds int) []float64 {
		var end sync.WaitGroup
		c := new(contention)
		times := make([]int, threads)

		end.Add(threads)
		start := time.Now()
		for i := range times {
			i := i
			go func() {
				times[i] = c.take()
				end.Done()
			}()
		}
		time.Sleep(time.Duration(milliseconds) * time.Millisecond)
		c.stop.Store(true)
		seconds := time.Since(start).Seconds()
		end.Wait()
		sum, least := 0, times[0]
		for _, n := range times {
			sum += n
			if n < least {
				least = n
			}
		}
		if sum != c.taken {
			return fail("mutex-contended: %d were in, %d were counted", sum, c.taken)
		}
		return []float64{float64(sum) / seconds / 1e6,
			float64(least) * float64(threads) / float64(sum)}
	}
}

// Two halves of one thing, which a reader must find equal.
type pair struct {
	lock        sync.RWMutex
	left, right int
}

func (p *pair) use(count, every, next int) (torn int) {
	for ; count > 0; count-- {
		if next--; next > 0 {
			p.lock.RLock()
			if p.left != p.right {
				torn++
			}
			p.lock.RUnlock()
			continue
		}
		next = every
		p.lock.Lock()
		p.left++
		p.right++
		p.lock.Unlock()
	}
	return torn
}

// Of each thread's operations every n-th is a write; which ones differs from thread to thread.
func readAndWrite(every int) func(int) []float64 {
	return func(count int) []float64 {
		var end sync.WaitGroup
		var torn atomic.Int64
		p := new(pair)
		part := count / rwThreads

		end.Add(rwThreads)
		start := time.Now()
		for i := 0; i < rwThreads; i++ {
			next := 1 + every*i/rwThreads
			go func() {
				torn.Add(int64(p.use(part, every, next)))
				end.Done()
			}()
		}
		end.Wait()
		out := each(start, part*rwThreads)
		if torn.Load() != 0 || p.left != p.right {
			return fail("rwlock: a reader and a writer were in together")
		}
		return out
	}
}

func runSemaphore(count int) []float64 {
	ping, pong := make(chan struct{}, 1), make(chan struct{}, 1)

	go func() {
		for n := count; n > 0; n-- {
			<-ping
			pong <- struct{}{}
		}
	}()
	start := time.Now()
	for i := 0; i < count; i++ {
		ping <- struct{}{}
		<-pong
	}
	return each(start, count)
}

// Whose turn it is; each waits for its own and gives it to the other.
type turns struct {
	m       sync.Mutex
	changed *sync.Cond
	turn    int // guarded by m
}

func (t *turns) take(me, count int) {
	for ; count > 0; count-- {
		t.m.Lock()
		for t.turn != me {
			t.changed.Wait()
		}
		t.turn = 1 - me
		t.changed.Signal()
		t.m.Unlock()
	}
}

func runCond(count int) []float64 {
	var end sync.WaitGroup
	t := new(turns)
	t.changed = sync.NewCond(&t.m)

	end.Add(1)
	start := time.Now()
	go func() {
		t.take(1, count)
		end.Done()
	}()
	t.take(0, count)
	end.Wait()
	return each(start, count)
}

type barrier struct {
	m      sync.Mutex
	opened *sync.Cond
	all    int
	here   int // guarded by m
	round  int // guarded by m
}

func (b *barrier) wait() {
	b.m.Lock()
	round := b.round
	if b.here++; b.here == b.all {
		b.here = 0
		b.round++
		b.opened.Broadcast()
	}
	for b.round == round {
		b.opened.Wait()
	}
	b.m.Unlock()
}

func runBarrier(count int) []float64 {
	var end sync.WaitGroup
	b := &barrier{all: barrierThreads}
	b.opened = sync.NewCond(&b.m)
	rounds := (count + barrierThreads - 1) / barrierThreads

	end.Add(barrierThreads)
	start := time.Now()
	for i := 0; i < barrierThreads; i++ {
		go func() {
			for n := rounds; n > 0; n-- {
				b.wait()
			}
			end.Done()
		}()
	}
	end.Wait()
	if b.round != rounds {
		return fail("barrier: opened %d times of %d", b.round, rounds)
	}
	return each(start, rounds*barrierThreads)
}
