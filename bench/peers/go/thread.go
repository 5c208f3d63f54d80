// SPDX-License-Identifier: MIT

// Goroutines that give way, end, sleep and wait.
package main

import (
	"bufio"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	batch  = 1000
	sleeps = 10
)

var ns = []result{{"", "ns"}}

var threadBenches = []bench{
	{"yield", 1, []result{{"2", "ns"}}, 5000000, yieldAmong(2), false},
	{"yield", 1, []result{{"1000", "ns"}}, 5000000, yieldAmong(1000), false},
	{"spawn-join", 1, ns, 1000000, runSpawnJoin, false},
	{"spawn-join", 2, []result{{"2p", "ns"}}, 500000, runSpawnJoin, false},
	{"spawn-batch", 1, ns, 1000, runSpawnBatch, false},
	{"sleep-100k", 1, []result{{"", "s"}}, 100000, runSleep, true},
	{"park-million", 1, []result{{"bytes", "bytes"}, {"count", "threads"}}, 1000000, runPark, true},
}

// What one operation cost, of count.
func each(start time.Time, count int) []float64 {
	return []float64{float64(time.Since(start).Nanoseconds()) / float64(count)}
}

func yieldAmong(threads int) func(int) []float64 {
	return func(count int) []float64 {
		var end sync.WaitGroup
		part := count / threads

		end.Add(threads)
		start := time.Now()
		for i := 0; i < threads; i++ {
			go func() {
				for n := part; n > 0; n-- {
					runtime.Gosched()
				}
				end.Done()
			}()
		}
		end.Wait()
		return each(start, part*threads)
	}
}

func runSpawnJoin(count int) []float64 {
	var end sync.WaitGroup
	returnAtOnce := func() { end.Done() } // made once, not by each go statement

	start := time.Now()
	for i := 0; i < count; i++ {
		end.Add(1)
		go returnAtOnce()
		end.Wait()
	}
	return each(start, count)
}

func runSpawnBatch(rounds int) []float64 {
	var end sync.WaitGroup
	returnAtOnce := func() { end.Done() }

	start := time.Now()
	for i := 0; i < rounds; i++ {
		end.Add(batch)
		for j := 0; j < batch; j++ {
			go returnAtOnce()
		}
		end.Wait()
	}
	return each(start, rounds*batch)
}

func cpuSeconds() float64 {
	var used syscall.Rusage

	syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	return float64(used.Utime.Nano()+used.Stime.Nano()) / 1e9
}

func runSleep(threads int) []float64 {
	var end sync.WaitGroup

	before := cpuSeconds()
	end.Add(threads)
	for i := 0; i < threads; i++ {
		go func() {
			for n := 0; n < sleeps; n++ {
				time.Sleep(10 * time.Millisecond)
			}
			end.Done()
		}()
	}
	end.Wait()
	return []float64{cpuSeconds() - before}
}

// Resident memory of the process and the page tables that map it.
func residentBytes() (bytes float64) {
	file, err := os.Open("/proc/self/status")
	if err != nil {
		return 0
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		words := strings.Fields(lines.Text())
		if words[0] == "VmRSS:" || words[0] == "VmPTE:" {
			kib, _ := strconv.ParseFloat(words[1], 64)
			bytes += kib * 1024
		}
	}
	return bytes
}

func runPark(count int) []float64 {
	var parked atomic.Int64
	never := make(chan struct{})

	before := residentBytes()
	for i := 0; i < count; i++ {
		go func() {
			parked.Add(1)
			<-never
		}()
	}
	for parked.Load() < int64(count) {
		time.Sleep(time.Millisecond)
	}
	return []float64{(residentBytes() - before) / float64(count), float64(count)}
}
