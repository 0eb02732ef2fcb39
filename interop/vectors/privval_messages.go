package main

import (
	"bytes"
	"fmt"

	"github.com/cosmos/gogoproto/proto"

	"github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/libs/protoio"
	privvalproto "github.com/cometbft/cometbft/proto/tendermint/privval"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cometbft/cometbft/types"
)

// Which protobuf package wrote a message. The wire numbers are shared; 1.0 adds
// fields and message kinds.
const (
	wireTendermint = "tendermint.privval"
	wireV1         = "cometbft.privval.v1"
)

const privvalChain = "test_chain_id"

type voteFields struct {
	Type               int32     `json:"type"`
	Height             int64     `json:"height"`
	Round              int32     `json:"round"`
	BlockID            *blockID  `json:"block_id"`
	Timestamp          timestamp `json:"timestamp"`
	ValidatorAddress   hexBytes  `json:"validator_address"`
	ValidatorIndex     int32     `json:"validator_index"`
	Signature          hexBytes  `json:"signature"`
	Extension          hexBytes  `json:"extension"`
	ExtensionSignature hexBytes  `json:"extension_signature"`
}

type proposalFields struct {
	Type      int32     `json:"type"`
	Height    int64     `json:"height"`
	Round     int32     `json:"round"`
	POLRound  int32     `json:"pol_round"`
	BlockID   *blockID  `json:"block_id"`
	Timestamp timestamp `json:"timestamp"`
	Signature hexBytes  `json:"signature"`
}

type errorFields struct {
	Code        int32  `json:"code"`
	Description string `json:"description"`
}

type pubKeyFields struct {
	Type  string   `json:"type"`
	Bytes hexBytes `json:"bytes"`
}

// message is one delimited privval message and the values it decodes to. The
// fields of other kinds are left out.
type message struct {
	Name                 string          `json:"name"`
	Wire                 string          `json:"wire"`
	Kind                 string          `json:"kind"`
	ChainID              *string         `json:"chain_id,omitempty"`
	Vote                 *voteFields     `json:"vote,omitempty"`
	Proposal             *proposalFields `json:"proposal,omitempty"`
	SkipExtensionSigning *bool           `json:"skip_extension_signing,omitempty"`
	Value                hexBytes        `json:"value,omitempty"`
	PubKey               *pubKeyFields   `json:"pub_key,omitempty"`
	Error                *errorFields    `json:"error,omitempty"`
	SignBytes            hexBytes        `json:"sign_bytes,omitempty"`
	ExtensionSignBytes   hexBytes        `json:"extension_sign_bytes,omitempty"`
	Bytes                hexBytes        `json:"bytes"`
}

// longMessage is too big to store: bytes = prefix + pattern(extension_len) + suffix.
type longMessage struct {
	Name               string   `json:"name"`
	ExtensionLen       int      `json:"extension_len"`
	Prefix             hexBytes `json:"prefix"`
	Suffix             hexBytes `json:"suffix"`
	Len                int      `json:"len"`
	SHA256             hexBytes `json:"sha256"`
	ExtensionSignLen   int      `json:"extension_sign_bytes_len"`
	ExtensionSignSHA   hexBytes `json:"extension_sign_bytes_sha256"`
	ExtensionSignature hexBytes `json:"extension_signature"`
}

func privvalMessagesFile(madeBy string) any {
	key := ed25519.GenPrivKeyFromSecret([]byte("privval messages"))
	return struct {
		MadeBy   string        `json:"made_by"`
		ChainID  string        `json:"chain_id"`
		Seed     hexBytes      `json:"signer_ed25519_seed"`
		Requests []message     `json:"requests"`
		Long     []longMessage `json:"long_requests"`
		Replies  []message     `json:"replies"`
	}{
		madeBy + " (1.0 messages: " + cometModule + "/api " + moduleVersion(cometModule+"/api") + ")", privvalChain, key.Bytes()[:32],
		append(requests(), requestsV1()...), longRequests(key), replies(key),
	}
}

// delimited writes a message the way both ends of privval do.
func delimited(msg proto.Message) []byte {
	var out bytes.Buffer
	_, err := protoio.NewDelimitedWriter(&out).WriteMsg(msg)
	must(err)
	return out.Bytes()
}

func wrap(sum any) *privvalproto.Message {
	switch m := sum.(type) {
	case *privvalproto.PubKeyRequest:
		return &privvalproto.Message{Sum: &privvalproto.Message_PubKeyRequest{PubKeyRequest: m}}
	case *privvalproto.SignVoteRequest:
		return &privvalproto.Message{Sum: &privvalproto.Message_SignVoteRequest{SignVoteRequest: m}}
	case *privvalproto.SignProposalRequest:
		return &privvalproto.Message{Sum: &privvalproto.Message_SignProposalRequest{SignProposalRequest: m}}
	case *privvalproto.PingRequest:
		return &privvalproto.Message{Sum: &privvalproto.Message_PingRequest{PingRequest: m}}
	}
	panic(fmt.Sprintf("no wrapper for %T", sum))
}

// field is a length-delimited protobuf field with a number below 16.
func field(number byte, content []byte) []byte {
	return append([]byte{number<<3 | 2}, lengthPrefixed(content)...)
}

func lengthPrefixed(content []byte) []byte {
	return append(proto.EncodeVarint(uint64(len(content))), content...)
}

func describeVote(m *message, chainID string, v *cmtproto.Vote) {
	if v == nil {
		return
	}
	m.Vote = voteFieldsOf(v)
	m.SignBytes = types.VoteSignBytes(chainID, v)
	if v.Type == cmtproto.PrecommitType && !types.ProtoBlockIDIsNil(&v.BlockID) {
		m.ExtensionSignBytes = types.VoteExtensionSignBytes(chainID, v)
	}
}

func voteFieldsOf(v *cmtproto.Vote) *voteFields {
	return &voteFields{
		Type: int32(v.Type), Height: v.Height, Round: v.Round, BlockID: blockIDOf(v.BlockID),
		Timestamp: timestampOf(v.Timestamp), ValidatorAddress: v.ValidatorAddress, ValidatorIndex: v.ValidatorIndex,
		Signature: v.Signature, Extension: v.Extension, ExtensionSignature: v.ExtensionSignature,
	}
}

func proposalFieldsOf(p *cmtproto.Proposal) *proposalFields {
	return &proposalFields{
		Type: int32(p.Type), Height: p.Height, Round: p.Round, POLRound: p.PolRound,
		BlockID: blockIDOf(p.BlockID), Timestamp: timestampOf(p.Timestamp), Signature: p.Signature,
	}
}
