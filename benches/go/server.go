package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// services are those of ../src/server/mod.rs; each goes on as long as the process.
var services = map[string]func() (string, error){
	"http":       serveHTTP,
	"echo":       overTCP(func() []byte { return make([]byte, 64<<10) }),
	"echo-small": overTCP(func() []byte { return make([]byte, 64) }),
	"udp":        serveUDP,
	"unix":       serveUnix,
}

// serve begins to serve, and says at which address.
func serve(service string) string {
	begin, known := services[service]
	if !known {
		return fmt.Sprintf("error there is no service '%s' in Go", service)
	}
	address, err := begin()
	if err != nil {
		return fmt.Sprintf("error '%s' cannot be served: %v", service, err)
	}
	return "ok " + address
}

// cpu is the microseconds of CPU time of the process.
func cpu() string { return fmt.Sprintf("ok %d", cpuTime().Microseconds()) }

// memory is its resident bytes.
func memory() string {
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return fmt.Sprintf("error the resident memory is not known: %v", err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(statm))[1])
	if err != nil {
		return fmt.Sprintf("error the resident memory is not known: %v", err)
	}
	return fmt.Sprintf("ok %d", pages*os.Getpagesize())
}

func serveHTTP() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	go func() { panic(http.Serve(listener, http.HandlerFunc(hello))) }()
	return listener.Addr().String(), nil
}

func hello(w http.ResponseWriter, request *http.Request) {
	switch request.URL.Path {
	case "/block":
		left := syscall.NsecToTimespec(int64(100 * time.Millisecond))
		for syscall.Nanosleep(&left, &left) == syscall.EINTR {
		}
	case "/compute":
		runtime.KeepAlive(compute(1, 50_000*stepsPerMicro))
	case "/announced":
		// There is nothing to announce.
		runtime.KeepAlive(compute(1, 20*stepsPerMicro))
	}
	// The others do not guess the type of the answer either.
	w.Header()["Content-Type"] = nil
	io.WriteString(w, "Hello, world!\n")
}

func overTCP(buffer func() []byte) func() (string, error) {
	return func() (string, error) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return "", err
		}
		go echoAll(listener, buffer)
		return listener.Addr().String(), nil
	}
}

var unixNames int

func serveUnix() (string, error) {
	name := fmt.Sprintf("benches-%d-%d.sock", os.Getpid(), unixNames)
	unixNames++
	path := filepath.Join(os.TempDir(), name)
	listener, err := net.Listen("unix", path)
	if err != nil {
		return "", err
	}
	go echoAll(listener, func() []byte { return make([]byte, 64<<10) })
	return path, nil
}

func echoAll(listener net.Listener, buffer func() []byte) {
	for {
		connection, err := listener.Accept()
		if err != nil {
			panic(err)
		}
		go echo(connection, buffer())
	}
}

// echo goes on until the other side ends, in whichever way.
func echo(connection net.Conn, buffer []byte) {
	defer connection.Close()
	for {
		read, err := connection.Read(buffer)
		if err != nil {
			return
		}
		if _, err := connection.Write(buffer[:read]); err != nil {
			return
		}
	}
}

func serveUDP() (string, error) {
	socket, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return "", err
	}
	go func() {
		buffer := make([]byte, 64<<10)
		for {
			length, from, err := socket.ReadFromUDPAddrPort(buffer)
			if err != nil {
				panic(err)
			}
			if _, err := socket.WriteToUDPAddrPort(buffer[:length], from); err != nil {
				panic(err)
			}
		}
	}()
	return socket.LocalAddr().String(), nil
}
