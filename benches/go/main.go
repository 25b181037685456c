// The workloads of the comparison in Go, with the standard library alone.
//
// The protocol is that of ../src/child.rs: a line "run <workload> <size> <repeats>" on standard
// input is answered by "ok <figure> ...", each the median over the repeats, or "error <why>".
// "serve <service>", "cpu" and "memory" are those of the programs with sockets. GOMAXPROCS is the number of workers.
package main

import (
	"bufio"
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"
	"time"
)

// workloads are those of ../src/workload/table.rs; the size means the same, and so do the figures.
var workloads = map[string]func(size int) []float64{
	"spawn-join":         perOperation(spawnJoin),
	"one-at-a-time-task": perOperation(oneAtATime),
	"detached":           perOperation(detached),
	"outside":            perOperation(outside),
	"chained":            perOperation(chained),
	"skynet":             milliseconds(skynet),
	"yields":             perOperation(yields),
	"pairs":              perOperation(pairs),
	"ping-pong":          perOperation(pingPong),
	"fan-in":             perOperation(fanIn),
	"forks":              perOperation(forks),
	"pipeline":           perOperation(pipeline),
	"wake-parked":        wakeParked,
	"idle-cpu":           idleCPU,
	"speed-up":           milliseconds(cpuBound),
	"ticker-asleep":      tickerAsleep,
	"ticker-spinning":    tickerSpinning,
	"sleeps":             sleeps(100),
	"million-sleeps":     sleeps(1000),
	"lone-sleep":         loneSleeps,
	"abandoned-sleep-1":  perOperation(abandoned(1)),
	"abandoned-sleep-2":  perOperation(abandoned(2)),
	"abandoned-sleep-8":  perOperation(abandoned(8)),
	"timeout":            perOperation(keptLimits),
	"rss-pending":        pendingTasks,
	"rss-sleeping":       sleepingTasks,
	"rss-sleeping-fewer": sleepingTasks,
	"waitgroup-1":        perOperation(hammer(1)),
	"waitgroup-2":        perOperation(hammer(2)),
	"waitgroup-8":        perOperation(hammer(8)),
	"channel-pair":       perOperation(channelPair),
	"channel-ping-pong":  perOperation(pingPong),
	"channel-fan-in":     perOperation(fanIn),
	"channel-fan-out":    perOperation(channelFanOut),

	// A goroutine has nothing to announce: this is how a service in Go computes.
	"service-inline-5us-64":    service(5, 64),
	"service-inline-5us-256":   service(5, 256),
	"service-inline-20us-64":   service(20, 64),
	"service-inline-20us-256":  service(20, 256),
	"service-inline-100us-64":  service(100, 64),
	"service-inline-100us-256": service(100, 256),
	"service-inline-1ms-64":    service(1000, 64),
	"service-inline-1ms-256":   service(1000, 256),
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		fmt.Println(answer(lines.Text()))
	}
}

func answer(line string) string {
	words := strings.Fields(line)
	if len(words) == 2 && words[0] == "serve" {
		return serve(words[1])
	}
	switch line {
	case "cpu":
		return cpu()
	case "memory":
		return memory()
	}
	if len(words) != 4 || words[0] != "run" {
		return fmt.Sprintf("error not understood: '%s'", line)
	}
	work, known := workloads[words[1]]
	if !known {
		return fmt.Sprintf("error there is no workload '%s' in Go", words[1])
	}
	size, badSize := strconv.Atoi(words[2])
	repeats, badRepeats := strconv.Atoi(words[3])
	if badSize != nil || badRepeats != nil || size < 1 || repeats < 1 {
		return fmt.Sprintf("error not positive numbers: '%s'", line)
	}
	var runs [][]float64
	for i := 0; i < repeats; i++ {
		runs = append(runs, work(size))
	}
	text := "ok"
	for figure := range runs[0] {
		values := make([]float64, repeats)
		for i, run := range runs {
			values[i] = run[figure]
		}
		text += " " + strconv.FormatFloat(quantile(values, 0.5), 'g', -1, 64)
	}
	return text
}

// perOperation makes nanoseconds for each of size operations of a workload.
func perOperation(work func(size int)) func(int) []float64 {
	return func(size int) []float64 {
		start := time.Now()
		work(size)
		return []float64{float64(time.Since(start).Nanoseconds()) / float64(size)}
	}
}

// milliseconds makes milliseconds of a workload.
func milliseconds(work func(size int)) func(int) []float64 {
	return func(size int) []float64 {
		start := time.Now()
		work(size)
		return []float64{time.Since(start).Seconds() * 1e3}
	}
}

// quantile interpolates, as stats.rs does.
func quantile(values []float64, q float64) float64 {
	sort.Float64s(values)
	place := q * float64(len(values)-1)
	below := int(place)
	above := below
	if float64(below) < place {
		above++
	}
	return values[below] + (values[above]-values[below])*(place-float64(below))
}
