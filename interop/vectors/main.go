// Command vectors writes the JSON test vectors in this directory with the real
// CometBFT code, so that the signer is compared with what nodes do and not with
// itself.
//
//	cd interop/vectors && go run .          write the files
//	cd interop/vectors && go run . -check   fail if a file would change
//
// Every input is fixed: two runs give the same bytes.
package main

//go:generate go run .

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"runtime/debug"
)

const cometModule = "github.com/cometbft/cometbft"

// files lists each vector file with the function that makes its content.
var files = []struct {
	name string
	make func(madeBy string) any
}{
	{"sign_bytes.json", signBytesFile},
	{"privval_messages.json", privvalMessagesFile},
	{"secret_connection.json", secretConnectionFile},
	{"keys.json", keysFile},
	{"file_pv_state.json", filePVStateFile},
}

func main() {
	check := flag.Bool("check", false, "compare with the files instead of writing them")
	flag.Parse()
	log.SetFlags(0)

	madeBy := fmt.Sprintf("%s %s, command: cd interop/vectors && go run .", cometModule, moduleVersion(cometModule))
	for _, file := range files {
		content := encode(file.make(madeBy))
		if err := writeOrCompare(file.name, content, *check); err != nil {
			log.Fatal(err)
		}
	}
}

func writeOrCompare(name string, content []byte, check bool) error {
	if !check {
		return os.WriteFile(name, content, 0o644)
	}
	old, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if !bytes.Equal(old, content) {
		return fmt.Errorf("%s differs from what the generator makes: run `go run .` and look at the diff", name)
	}
	return nil
}

func encode(value any) []byte {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	must(encoder.Encode(value))
	return out.Bytes()
}

// moduleVersion reads the version from the build itself, so that a bump of
// go.mod cannot leave a stale "made_by" behind.
func moduleVersion(path string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		log.Fatal("built without module information")
	}
	for _, dep := range info.Deps {
		if dep.Path == path {
			return dep.Version
		}
	}
	log.Fatalf("module %s is not part of this build", path)
	return ""
}

// must stops the generator: a vector file is complete or not written.
func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
