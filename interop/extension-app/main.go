// Command extension-app is the kvstore application with vote extensions, served
// over a socket for nodes from CometBFT 0.38 on.
//
//	extension-app -addr tcp://127.0.0.1:PORT [-size N] [-log FILE]
//
// The genesis file turns extensions on: consensus_params.abci (in 1.0 .feature)
// .vote_extensions_enable_height = "1". A line of FILE is
//
//	height=5 round=0 votes=1 extensions=1 signatures=1 extension_bytes=32
//
// and counts the precommits for height 4 that the proposer of height 5 holds.
//
// One process serves one node. Its memory is its only storage: when it starts
// again, the node replays the chain into it.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/cometbft/cometbft/abci/server"
)

func main() {
	addr := flag.String("addr", "", "where to listen: tcp://127.0.0.1:PORT or unix://PATH")
	size := flag.Int("size", 32, "length of each vote extension in bytes, at least 1")
	logPath := flag.String("log", "", "append one line per PrepareProposal to this file")
	flag.Parse()
	log.SetFlags(0)
	if *addr == "" || *size < 1 || flag.NArg() != 0 {
		flag.Usage()
		os.Exit(2)
	}

	record := io.Discard
	if *logPath != "" {
		file, err := os.OpenFile(*logPath, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			log.Fatal(err)
		}
		defer file.Close()
		record = file
	}
	if err := serve(*addr, newApp(*size, record)); err != nil {
		log.Fatal(err)
	}
}

// serve runs until SIGINT or SIGTERM. "listening" on standard output means that
// a node may be started.
func serve(addr string, app *extensionApp) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	srv := server.NewSocketServer(addr, app)
	if err := srv.Start(); err != nil {
		return err
	}
	fmt.Println("listening on", addr)
	<-ctx.Done()
	return srv.Stop()
}
