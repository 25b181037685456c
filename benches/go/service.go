package main

import "time"

// connection is the client's end; a server is behind the channels.
type connection struct {
	requests chan uint64
	answers  chan uint64
}

// openConnection starts the server, which computes in its goroutine until the requests end.
func openConnection(micros int) connection {
	c := connection{make(chan uint64, 1), make(chan uint64, 1)}
	go func() {
		for seed := range c.requests {
			c.answers <- compute(seed, micros*stepsPerMicro)
		}
	}()
	return c
}

// askAll has each connection make so many requests, one after another.
func askAll(connections []connection, requests int) {
	left := newCountdown(len(connections))
	for _, c := range connections {
		go func(c connection) {
			for seed := 0; seed < requests; seed++ {
				c.requests <- uint64(seed)
				<-c.answers
			}
			left.count()
		}(c)
	}
	<-left.done
}

// service makes microseconds for each of size requests, of atOnce connections.
func service(micros, atOnce int) func(size int) []float64 {
	return func(size int) []float64 {
		connections := make([]connection, atOnce)
		for i := range connections {
			connections[i] = openConnection(micros)
		}
		askAll(connections, 1)
		start := time.Now()
		askAll(connections, size/atOnce)
		took := time.Since(start)
		for _, c := range connections {
			close(c.requests)
		}
		return []float64{took.Seconds() * 1e6 / float64(size)}
	}
}
