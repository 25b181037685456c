package main

import "time"

// spin burns the CPU for so long.
func spin(duration time.Duration) {
	for start := time.Now(); time.Since(start) < duration; {
	}
}

func work() { spin(5 * time.Microsecond) }

func forks(tasks int) {
	const atOnce = 8
	for i := 0; i < tasks/atOnce; i++ {
		var joins [atOnce]chan struct{}
		for i := range joins {
			join := make(chan struct{}, 1)
			joins[i] = join
			go func() {
				work()
				join <- struct{}{}
			}()
		}
		for _, join := range joins {
			<-join
		}
	}
}

func pipeline(messages int) {
	channel, received := make(chan int, 1), make(chan int)
	go func() {
		for message := 0; message < messages; message++ {
			work()
			channel <- message
		}
		close(channel)
	}()
	go func() {
		count := 0
		for range channel {
			work()
			count++
		}
		received <- count
	}()
	check(<-received == messages)
}
