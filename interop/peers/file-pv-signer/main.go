// Command file-pv-signer serves CometBFT's FilePV through its SignerServer, which dials the
// nodes. CometBFT has the parts and a command for one chain on one node; this one takes any
// number of both, to be measured beside the other signers.
//
//	file-pv-signer -key priv_validator_key.json -state DIRECTORY -nodes FILE
//
// FILE names one node per line: the chain id, a space, the address (tcp://HOST:PORT or
// unix:///PATH). The chains share the key; each has its own state in DIRECTORY.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/libs/log"
	cmtnet "github.com/cometbft/cometbft/libs/net"
	"github.com/cometbft/cometbft/privval"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cometbft/cometbft/types"
)

const dialTimeout = 3 * time.Second

func main() {
	key := flag.String("key", "", "the node's private key file")
	state := flag.String("state", "", "directory for the state files")
	nodes := flag.String("nodes", "", "file with the nodes")
	flag.Parse()
	if err := run(*key, *state, *nodes); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	select {}
}

func run(key, state, nodes string) error {
	file, err := os.Open(nodes)
	if err != nil {
		return err
	}
	defer file.Close()
	validators := map[string]types.PrivValidator{}
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		chain, address, found := strings.Cut(lines.Text(), " ")
		if !found {
			return fmt.Errorf("%s: %q is not a chain id and an address", nodes, lines.Text())
		}
		if validators[chain] == nil {
			validators[chain] = load(key, filepath.Join(state, chain+".json"))
		}
		if err := serve(chain, address, validators[chain]); err != nil {
			return fmt.Errorf("%s: %w", address, err)
		}
	}
	return lines.Err()
}

func serve(chain, address string, validator types.PrivValidator) error {
	dialer, err := dialer(address)
	if err != nil {
		return err
	}
	logger := log.NewTMLogger(log.NewSyncWriter(os.Stdout))
	endpoint := privval.NewSignerDialerEndpoint(logger, dialer)
	return privval.NewSignerServer(endpoint, chain, validator).Start()
}

func dialer(address string) (privval.SocketDialer, error) {
	switch protocol, rest := cmtnet.ProtocolAndAddress(address); protocol {
	case "tcp":
		return privval.DialTCPFn(rest, dialTimeout, ed25519.GenPrivKey()), nil
	case "unix":
		return privval.DialUnixFn(rest), nil
	default:
		return nil, fmt.Errorf("unknown protocol %q", protocol)
	}
}

// load reads the state, or begins one: FilePV itself exits without it.
func load(key, state string) types.PrivValidator {
	if _, err := os.Stat(state); err == nil {
		return &serialised{PrivValidator: privval.LoadFilePV(key, state)}
	}
	validator := privval.LoadFilePVEmptyState(key, state)
	validator.LastSignState.Save()
	return &serialised{PrivValidator: validator}
}

// serialised lets several servers share a FilePV, which has no lock of its own.
type serialised struct {
	types.PrivValidator
	mutex sync.Mutex
}

func (s *serialised) SignVote(chain string, vote *cmtproto.Vote) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.PrivValidator.SignVote(chain, vote)
}

func (s *serialised) SignProposal(chain string, proposal *cmtproto.Proposal) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.PrivValidator.SignProposal(chain, proposal)
}
