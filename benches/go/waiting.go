package main

import (
	"bytes"
	"os"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// wakeParked wakes from a goroutine with a thread of its own: when that blocks, its processor has
// to go to a parked thread.
func wakeParked(samples int) []float64 {
	const timeToPark = 500 * time.Microsecond
	signal := make(chan time.Time, 1)
	took := make(chan time.Duration, 1)
	values := make(chan []float64)
	go func() {
		for at := range signal {
			took <- time.Since(at)
		}
	}()
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		var micros []float64
		for sample := 0; sample <= samples; sample++ {
			time.Sleep(timeToPark)
			signal <- time.Now()
			wokenAfter := <-took
			// The first may find the goroutine on its way in.
			if sample > 0 {
				micros = append(micros, float64(wokenAfter.Nanoseconds())/1e3)
			}
		}
		close(signal)
		values <- micros
	}()
	micros := <-values
	return []float64{quantile(micros, 0.5), quantile(micros, 0.99)}
}

func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func idleCPU(millis int) []float64 {
	time.Sleep(20 * time.Millisecond)
	before, start := cpuTime(), time.Now()
	time.Sleep(time.Duration(millis) * time.Millisecond)
	used := cpuTime() - before
	return []float64{float64(used.Nanoseconds()) / 1e3 / time.Since(start).Seconds()}
}

func tickerAsleep(millis int) []float64 {
	return ticker(func() {
		left := syscall.NsecToTimespec(int64(millis) * int64(time.Millisecond))
		// Interrupted by the signals of the preemption, it goes on with what is left.
		for syscall.Nanosleep(&left, &left) == syscall.EINTR {
		}
	})
}

func tickerSpinning(millis int) []float64 {
	return ticker(func() { spin(time.Duration(millis) * time.Millisecond) })
}

func ticker(block func()) []float64 {
	const period = 5 * time.Millisecond
	stop, worst := make(chan struct{}), make(chan time.Duration)
	go func() {
		var most time.Duration
		for {
			select {
			case <-stop:
				worst <- most
				return
			default:
			}
			start := time.Now()
			time.Sleep(period)
			most = max64(most, time.Since(start)-period)
		}
	}()
	time.Sleep(4 * period)
	workers := runtime.GOMAXPROCS(0)
	done := newCountdown(workers)
	for i := 0; i < workers; i++ {
		go func() {
			block()
			done.count()
		}()
	}
	<-done.done
	time.Sleep(2 * period)
	close(stop)
	return []float64{(<-worst).Seconds() * 1e3}
}

func max64(x, y time.Duration) time.Duration {
	if x > y {
		return x
	}
	return y
}

// sleeps has tasks goroutines sleep for 1 to longest milliseconds.
func sleeps(longest int) func(int) []float64 {
	return func(tasks int) []float64 {
		late := make([]float64, tasks)
		before, start := cpuTime(), time.Now()
		done := newCountdown(tasks)
		for i := 0; i < tasks; i++ {
			go func(i int, duration time.Duration) {
				late[i] = tooLong(duration).Seconds() * 1e3
				done.count()
			}(i, time.Duration(i%longest+1)*time.Millisecond)
		}
		<-done.done
		took := time.Since(start)
		used := cpuTime() - before
		return []float64{
			took.Seconds() * 1e3,
			float64(used.Nanoseconds()) / float64(tasks),
			quantile(late, 0.5),
			quantile(late, 0.99),
		}
	}
}

func loneSleeps(times int) []float64 {
	var late []float64
	for i := 0; i < times; i++ {
		late = append(late, tooLong(time.Millisecond).Seconds()*1e6)
	}
	return []float64{quantile(late, 0.5), quantile(late, 0.99)}
}

func tooLong(duration time.Duration) time.Duration {
	start := time.Now()
	time.Sleep(duration)
	return time.Since(start) - duration
}

// abandoned has tasks goroutines start a timer and stop it, size times in all.
func abandoned(tasks int) func(int) {
	return func(size int) {
		done := newCountdown(tasks)
		for i := 0; i < tasks; i++ {
			go func() {
				for i := 0; i < size/tasks; i++ {
					time.NewTimer(30 * time.Second).Stop()
				}
				done.count()
			}()
		}
		<-done.done
	}
}

// keptLimits receives what is there, with a limit.
func keptLimits(times int) {
	ready := make(chan int, 1)
	for i := 0; i < times; i++ {
		ready <- i
		limit := time.NewTimer(30 * time.Second)
		select {
		case <-ready:
		case <-limit.C:
			panic("the limit came first")
		}
		limit.Stop()
	}
}

func pendingTasks(tasks int) []float64 {
	never := make(chan struct{})
	return perTask(tasks, func(polled *countdown) {
		polled.count()
		<-never
	})
}

func sleepingTasks(tasks int) []float64 {
	return perTask(tasks, func(polled *countdown) {
		polled.count()
		time.Sleep(time.Hour)
	})
}

// perTask measures in a process that is not used again: the goroutines stay.
func perTask(tasks int, wait func(polled *countdown)) []float64 {
	polled := newCountdown(tasks)
	before := resident()
	for i := 0; i < tasks; i++ {
		go wait(polled)
	}
	<-polled.done
	time.Sleep(50 * time.Millisecond)
	return []float64{float64(resident()-before) / float64(tasks)}
}

// resident is the resident memory in bytes.
func resident() int {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		panic(err)
	}
	pages, err := strconv.Atoi(string(bytes.Fields(text)[1]))
	if err != nil {
		panic(err)
	}
	return pages * os.Getpagesize()
}

// hammer has tasks goroutines add to one group and take away again, size times in all.
func hammer(tasks int) func(int) {
	return func(size int) {
		var group sync.WaitGroup
		group.Add(1)
		done := newCountdown(tasks)
		for i := 0; i < tasks; i++ {
			go func() {
				for i := 0; i < size/tasks; i++ {
					group.Add(1)
					group.Done()
				}
				done.count()
			}()
		}
		<-done.done
		group.Done()
		group.Wait()
	}
}
