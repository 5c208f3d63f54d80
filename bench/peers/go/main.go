// SPDX-License-Identifier: MIT

/*
The benchmarks on Go: goroutines, channels and package sync, as a Go program would use them. It is
called as the other peers are; ../peer.h has the protocol, docs/benchmarks.md what each one does.

  - A row of the table is measured in a process of its own. A Go program cannot fork, so this one
    starts itself again, as `go --row I`, which prints the values and nothing else.
  - GOMAXPROCS is the number of processors of the row, set from outside: the runtime starts with it.
  - One CPU: the whole process is kept to it, the runtime's own threads too. That has to be done
    before these exist, so it is the starter that pins itself. No row wires a goroutine to a thread.
  - Nothing runs beside a row: no timer (one that is pending costs a reading of the clock at every
    turn of Go's scheduler), no signal handler; the patience is the starter's. Nothing is allocated
    in a loop that is measured, so the collector rests, except where goroutines are what is made.
*/
package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

const (
	who      = "go"
	kind     = "light"
	runsMost = 1000
	patience = 180 * time.Second // for one process: long after all hope
)

type result struct {
	name, unit string
}

type bench struct {
	name       string
	processors int
	cases      []result
	count      int
	run        func(count int) []float64 // nil: it failed, and why stands on standard error
	population bool                      // each run in a process of its own; warm-up: a hundredth
}

var benches = concat(threadBenches, lockBenches, channelBenches)

func concat(tables ...[]bench) (all []bench) {
	for _, table := range tables {
		all = append(all, table...)
	}
	return all
}

func fail(format string, args ...any) []float64 {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
	return nil
}

// In the child: a warm-up, then the runs, a line each.
func measure(b *bench, runs int) int {
	part := b.count / 10
	if b.population {
		part = b.count / 100
	}
	if part < 1 {
		part = 1
	}
	if b.run(part) == nil {
		return 1
	}
	for i := 0; i < runs; i++ {
		values := b.run(b.count)
		if values == nil {
			return 1
		}
		fmt.Println(strings.Trim(fmt.Sprint(values), "[]"))
	}
	return 0
}

// A driver that sets WEFT_BENCH_CPUS has chosen the CPUs; a person at the prompt need not. What
// this thread starts inherits its CPUs; it is never unwired, so no goroutine comes to run on it.
func keepToOneCPU() {
	var all, one [128]uint64 // as many CPUs as Linux can have
	const bytes = unsafe.Sizeof(all)

	runtime.LockOSThread()
	syscall.RawSyscall(syscall.SYS_SCHED_GETAFFINITY, 0, bytes, uintptr(unsafe.Pointer(&all)))
	for i, word := range all {
		if word != 0 {
			one[i] = word & -word
			break
		}
	}
	syscall.RawSyscall(syscall.SYS_SCHED_SETAFFINITY, 0, bytes, uintptr(unsafe.Pointer(&one)))
}

// One child: adds what it printed to values, by case.
func start(row, runs int, values [][]float64) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	child := exec.CommandContext(ctx, "/proc/self/exe", "--row", strconv.Itoa(row),
		"--runs", strconv.Itoa(runs))
	child.Env = append(os.Environ(), "GOMAXPROCS="+strconv.Itoa(benches[row].processors))
	child.Stderr = os.Stderr
	child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	printed, err := child.Output()
	if err != nil {
		return err
	}
	for lines := bufio.NewScanner(strings.NewReader(string(printed))); lines.Scan(); {
		for c, word := range strings.Fields(lines.Text()) {
			value, err := strconv.ParseFloat(word, 64)
			if err != nil {
				return err
			}
			values[c] = append(values[c], value)
		}
	}
	return nil
}

func show(b *bench, c int, values []float64) {
	sort.Float64s(values)
	n := len(values)
	median := (values[(n-1)/2] + values[n/2]) / 2
	fmt.Printf(`{"bench":"%s","case":"%s","kind":"%s","who":"%s","value":%.9g,`+
		`"unit":"%s","runs":%d,"min":%.9g,"max":%.9g}`+"\n",
		b.name, b.cases[c].name, kind, who, median, b.cases[c].unit, n, values[0], values[n-1])
}

func measureRow(row, runs int) (failed bool) {
	b := &benches[row]
	values := make([][]float64, len(b.cases))
	each := runs
	if b.population {
		each = 1
	}
	for done := 0; done < runs; done += each {
		if err := start(row, each, values); err != nil {
			fmt.Fprintf(os.Stderr, "%s: a run failed (%v)\n", b.name, err)
			return true
		}
	}
	for c := range b.cases {
		show(b, c, values[c])
	}
	return false
}

// Rows on one CPU and rows on all may share a name, and a thread that was pinned stays so: each
// row's starter is a goroutine whose thread ends with it.
func measureNamed(name string, runs int) (known, failed bool) {
	for row := range benches {
		if benches[row].name != name {
			continue
		}
		known = true
		done := make(chan bool)
		go func() {
			if benches[row].processors == 1 && os.Getenv("WEFT_BENCH_CPUS") == "" {
				keepToOneCPU()
			}
			done <- measureRow(row, runs)
		}()
		failed = <-done || failed
	}
	return known, failed
}

func list() int {
	last := ""
	for _, b := range benches {
		if b.name != last {
			fmt.Println(b.name)
		}
		last = b.name
	}
	return 0
}

func usage() int {
	fmt.Fprintf(os.Stderr, "usage: %s BENCH... [--runs 1..%d] [--kind KIND]\n       %s --list\n",
		who, runsMost, who)
	return 2
}

func run(args []string) int {
	runs, row, status := 5, -1, 0
	var names []string

	for i := 0; i < len(args); i++ {
		more := i+1 < len(args)
		switch {
		case args[i] == "--list":
			return list()
		case args[i] == "--runs" && more:
			i++
			runs, _ = strconv.Atoi(args[i])
		case args[i] == "--row" && more:
			i++
			row, _ = strconv.Atoi(args[i])
		case args[i] == "--kind" && more:
			i++ // accepted, since the driver passes it on; there is one kind here
		default:
			names = append(names, args[i])
		}
	}
	if runs < 1 || runs > runsMost || len(names) == 0 && (row < 0 || row >= len(benches)) {
		return usage()
	}
	if row >= 0 {
		return measure(&benches[row], runs)
	}
	for _, name := range names {
		known, failed := measureNamed(name, runs)
		if !known {
			return usage()
		}
		if failed {
			status = 1
		}
	}
	return status
}

func main() {
	os.Exit(run(os.Args[1:]))
}
