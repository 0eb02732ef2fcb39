package main

import (
	"bytes"
	"os"
	"path/filepath"

	"github.com/cometbft/cometbft/crypto"
	"github.com/cometbft/cometbft/crypto/secp256k1"
	"github.com/cometbft/cometbft/privval"
	privvalproto "github.com/cometbft/cometbft/proto/tendermint/privval"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
)

// stateCase is priv_validator_state.json as FilePV leaves it. Steps are
// CometBFT's: 0 none, 1 proposal, 2 prevote, 3 precommit.
type stateCase struct {
	Name      string   `json:"name"`
	KeyType   string   `json:"key_type"`
	Height    int64    `json:"height"`
	Round     int32    `json:"round"`
	Step      int8     `json:"step"`
	Signature hexBytes `json:"signature"`
	SignBytes hexBytes `json:"sign_bytes"`
	JSON      string   `json:"json"`
}

// answerCase is what FilePV answers to a request after it answered another one.
// Both are delimited privval messages. Error is empty if it signed; Timestamp is
// the one to send back.
type answerCase struct {
	Name               string     `json:"name"`
	First              hexBytes   `json:"first_request"`
	StateJSON          string     `json:"state_json"`
	Request            hexBytes   `json:"request"`
	Signature          hexBytes   `json:"signature"`
	ExtensionSignature hexBytes   `json:"extension_signature"`
	Timestamp          *timestamp `json:"timestamp"`
	Error              string     `json:"error"`
	StateChanged       bool       `json:"state_changed"`
}

func filePVStateFile(madeBy string) any {
	edKey := ed25519FromSeed(derive("file pv", 32))
	secpKey := secp256k1.PrivKey(derive("file pv secp256k1", 32))
	return struct {
		MadeBy  string       `json:"made_by"`
		ChainID string       `json:"chain_id"`
		Seed    hexBytes     `json:"ed25519_seed"`
		Secret  hexBytes     `json:"secp256k1_secret"`
		States  []stateCase  `json:"states"`
		Answers []answerCase `json:"answers"`
	}{madeBy, privvalChain, edKey.Bytes()[:32], secpKey.Bytes(), append(stateCases(edKey), stateCases(secpKey)...), answerCases(edKey)}
}

// signer is a FilePV on real files.
type signer struct {
	*privval.FilePV
	statePath string
}

func withSigner(key crypto.PrivKey, use func(signer)) {
	dir, err := os.MkdirTemp("", "vectors")
	must(err)
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "priv_validator_state.json")
	pv := privval.NewFilePV(key, filepath.Join(dir, "priv_validator_key.json"), path)
	pv.Save()
	use(signer{pv, path})
}

func (s signer) stateJSON() string {
	text, err := os.ReadFile(s.statePath)
	must(err)
	return string(text)
}

// ask hands a request to the same handler that CometBFT's signer uses.
func (s signer) ask(request *privvalproto.Message) *privvalproto.Message {
	// The handler writes into the request: give it a copy.
	encoded, err := request.Marshal()
	must(err)
	var own privvalproto.Message
	must(own.Unmarshal(encoded))
	reply, err := privval.DefaultValidationRequestHandler(s, own, privvalChain)
	if reply.Sum == nil {
		must(err)
	}
	return &reply
}

func stateCases(key crypto.PrivKey) []stateCase {
	var cases []stateCase
	withSigner(key, func(s signer) {
		record := func(name string) {
			last := s.LastSignState
			cases = append(cases, stateCase{
				Name: name, KeyType: key.Type(), Height: last.Height, Round: last.Round, Step: last.Step,
				Signature: last.Signature, SignBytes: hexBytes(last.SignBytes), JSON: s.stateJSON(),
			})
		}
		sign := func(name string, request *privvalproto.Message) {
			s.ask(request)
			record(name)
		}
		record("fresh")
		sign("after a proposal", proposalRequest(nil))
		sign("after a prevote", voteRequest(cmtproto.PrevoteType, nil))
		sign("after a precommit", voteRequest(cmtproto.PrecommitType, nil))
		sign("after a precommit for nil in a later round", voteRequest(cmtproto.PrecommitType, func(v *cmtproto.Vote) {
			v.Round, v.BlockID = 3, cmtproto.BlockID{}
		}))
		sign("after a precommit with an extension", voteRequest(cmtproto.PrecommitType, func(v *cmtproto.Vote) {
			v.Height, v.Round, v.Extension = 52, 0, []byte("extension")
		}))
		sign("largest height and round", voteRequest(cmtproto.PrecommitType, func(v *cmtproto.Vote) {
			v.Height, v.Round = 1<<63-1, 1<<31-1
		}))
	})
	return cases
}

// voteRequest is a request for height 51 round 2, changed as told.
func voteRequest(kind cmtproto.SignedMsgType, change func(*cmtproto.Vote)) *privvalproto.Message {
	vote := nodeVote(kind, block("vote"))
	if change != nil {
		change(vote)
	}
	return wrap(&privvalproto.SignVoteRequest{Vote: vote, ChainId: privvalChain})
}

func proposalRequest(change func(*cmtproto.Proposal)) *privvalproto.Message {
	proposal := nodeProposal()
	if change != nil {
		change(proposal)
	}
	return wrap(&privvalproto.SignProposalRequest{Proposal: proposal, ChainId: privvalChain})
}

func answer(key crypto.PrivKey, name string, first, request *privvalproto.Message, edit func(*privval.FilePVLastSignState)) (out answerCase) {
	withSigner(key, func(s signer) {
		s.ask(first)
		if edit != nil {
			edit(&s.LastSignState)
			s.LastSignState.Save()
		}
		before := s.stateJSON()
		out = answerCase{Name: name, First: delimited(first), StateJSON: before, Request: delimited(request)}
		out.fill(s.ask(request))
		out.StateChanged = !bytes.Equal([]byte(before), []byte(s.stateJSON()))
	})
	return out
}

func (a *answerCase) fill(reply *privvalproto.Message) {
	var remote *privvalproto.RemoteSignerError
	var at timestamp
	if r := reply.GetSignedVoteResponse(); r != nil {
		remote, at = r.Error, timestampOf(r.Vote.Timestamp)
		a.Signature, a.ExtensionSignature = r.Vote.Signature, r.Vote.ExtensionSignature
	}
	if r := reply.GetSignedProposalResponse(); r != nil {
		remote, at = r.Error, timestampOf(r.Proposal.Timestamp)
		a.Signature = r.Proposal.Signature
	}
	if remote != nil {
		a.Error = remote.Description
		return
	}
	a.Timestamp = &at
}
