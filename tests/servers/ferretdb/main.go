// A MongoDB-compatible server for the tests: FerretDB on SQLite, at one address, in one directory.
//
//	ferretdb 127.0.0.1:27017 DIRECTORY [CERTIFICATE KEY]
//
// With ASSAY_SERVER_LOG=debug it writes down every command that it gets. With ASSAY_SERVER_GUARD set it ends when its standard
// input does, so that it cannot outlive whoever started it.
package main

import (
	"context"
	"io"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/FerretDB/FerretDB/ferretdb"
)

func main() {
	if len(os.Args) != 3 && len(os.Args) != 5 {
		log.Fatal("usage: ferretdb ADDRESS DIRECTORY [CERTIFICATE KEY]")
	}
	if os.Getenv("ASSAY_SERVER_LOG") == "debug" {
		slog.SetLogLoggerLevel(slog.LevelDebug)
	}
	directory, err := filepath.Abs(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	listener := ferretdb.ListenerConfig{TCP: os.Args[1]}
	if len(os.Args) == 5 {
		listener = ferretdb.ListenerConfig{TLS: os.Args[1], TLSCertFile: os.Args[3], TLSKeyFile: os.Args[4]}
	}
	server, err := ferretdb.New(&ferretdb.Config{
		Listener:  listener,
		Handler:   "sqlite",
		SQLiteURL: "file:" + directory + "/",
	})
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if os.Getenv("ASSAY_SERVER_GUARD") != "" {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			stop()
		}()
	}
	if err := server.Run(ctx); err != nil {
		log.Fatal(err)
	}
}
