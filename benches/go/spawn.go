package main

import (
	"fmt"
	"runtime"
	"sync/atomic"
)

// countdown is closed by the last of those it counts.
type countdown struct {
	left atomic.Int64
	done chan struct{}
}

func newCountdown(from int) *countdown {
	c := &countdown{done: make(chan struct{})}
	c.left.Store(int64(from))
	return c
}

func (c *countdown) count() {
	if c.left.Add(-1) == 0 {
		close(c.done)
	}
}

func check(ok bool) {
	if !ok {
		panic("a workload went wrong")
	}
}

// spawnJoin joins as a handle does: by a channel for each goroutine, which carries its result.
func spawnJoin(tasks int) {
	joins := make([]chan int, tasks)
	for i := range joins {
		join := make(chan int, 1)
		joins[i] = join
		go func(i int) { join <- i }(i)
	}
	for i, join := range joins {
		check(<-join == i)
	}
}

func oneAtATime(tasks int) {
	for i := 0; i < tasks; i++ {
		join := make(chan int, 1)
		go func(i int) { join <- i }(i)
		check(<-join == i)
	}
}

func detached(tasks int) {
	done := newCountdown(tasks)
	for i := 0; i < tasks; i++ {
		go done.count()
	}
	<-done.done
}

// outside spawns from a goroutine with a thread of its own, the nearest thing to a thread that the
// runtime does not know.
func outside(tasks int) {
	finished := make(chan struct{})
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		detached(tasks)
		close(finished)
	}()
	<-finished
}

func chained(tasks int) {
	done := make(chan struct{})
	var link func(left int)
	link = func(left int) {
		if left == 0 {
			close(done)
		} else {
			go link(left - 1)
		}
	}
	go link(tasks - 1)
	<-done
}

func skynet(leaves int) {
	sum := make(chan int, 1)
	go node(sum, 0, leaves)
	got := <-sum
	check(got == leaves*(leaves-1)/2)
}

func node(sum chan<- int, first, leaves int) {
	if leaves == 1 {
		sum <- first
		return
	}
	part := leaves / 10
	below := make(chan int, 10)
	for i := 0; i < 10; i++ {
		go node(below, first+i*part, part)
	}
	total := 0
	for i := 0; i < 10; i++ {
		total += <-below
	}
	sum <- total
}

func yields(size int) {
	const tasks = 200
	done := newCountdown(tasks)
	for i := 0; i < tasks; i++ {
		go func() {
			for i := 0; i < size/tasks; i++ {
				runtime.Gosched()
			}
			done.count()
		}()
	}
	<-done.done
}

// stepsPerMicro are as many as in ../src/workload/cpu.rs.
const stepsPerMicro = 430

// compute takes the same steps as there.
func compute(x uint64, steps int) uint64 {
	for i := 0; i < steps; i++ {
		x = (x^x>>32)*6364136223846793005 + 1442695040888963407
	}
	return x
}

func cpuBound(tasks int) {
	results := make(chan uint64, tasks)
	for seed := 0; seed < tasks; seed++ {
		go func(x uint64) {
			results <- compute(x, 1_500*stepsPerMicro)
		}(uint64(seed))
	}
	var all uint64
	for i := 0; i < tasks; i++ {
		all ^= <-results
	}
	if all == 0 {
		fmt.Println("error cannot be")
	}
}
