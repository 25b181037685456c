package main

// Messages go over Go's own channels.

func pairs(pairs int) {
	joins := make([]chan struct{}, pairs)
	for i := range joins {
		ping, pong, join := make(chan int, 1), make(chan int, 1), make(chan struct{}, 1)
		joins[i] = join
		go func() { pong <- <-ping + 1 }()
		go func(i int) {
			ping <- i
			check(<-pong == i+1)
			join <- struct{}{}
		}(i)
	}
	for _, join := range joins {
		<-join
	}
}

func pingPong(messages int) {
	ping, pong := make(chan int, 1), make(chan int, 1)
	go func() {
		for message := range ping {
			pong <- message
		}
		close(pong)
	}()
	for message := 0; message < messages; message++ {
		ping <- message
		check(<-pong == message)
	}
	close(ping)
	<-pong
}

func fanIn(size int) {
	const producers = 8
	messages := size / producers
	channel := make(chan int, 100)
	left := newCountdown(producers)
	for i := 0; i < producers; i++ {
		go func() {
			for message := 0; message < messages; message++ {
				channel <- message
			}
			left.count()
		}()
	}
	go func() {
		<-left.done
		close(channel)
	}()
	received := 0
	for range channel {
		received++
	}
	check(received == producers*messages)
}

// The rows of channels. Go's always have a limit, so those without one are missing.

func channelPair(messages int) {
	channel, received := make(chan int, 100), make(chan int, 1)
	go countAll(channel, received)
	for message := 0; message < messages; message++ {
		channel <- message
	}
	close(channel)
	check(<-received == messages)
}

func channelFanOut(messages int) {
	const consumers = 8
	channel, received := make(chan int, 100), make(chan int, consumers)
	for i := 0; i < consumers; i++ {
		go countAll(channel, received)
	}
	for message := 0; message < messages; message++ {
		channel <- message
	}
	close(channel)
	sum := 0
	for i := 0; i < consumers; i++ {
		sum += <-received
	}
	check(sum == messages)
}

func countAll(channel chan int, received chan int) {
	count := 0
	for range channel {
		count++
	}
	received <- count
}
