package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"time"

	privvalv1 "github.com/cometbft/cometbft/api/cometbft/privval/v1"
	typesv1 "github.com/cometbft/cometbft/api/cometbft/types/v1"
	"github.com/cosmos/gogoproto/proto"
	gogotypes "github.com/cosmos/gogoproto/types"

	"github.com/cometbft/cometbft/crypto"
	"github.com/cometbft/cometbft/libs/protoio"
	privvalproto "github.com/cometbft/cometbft/proto/tendermint/privval"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cometbft/cometbft/types"
)

// nodeVote is a vote as a node's consensus code hands it to the signer client:
// validator fields set, no signatures.
func nodeVote(kind cmtproto.SignedMsgType, id cmtproto.BlockID) *cmtproto.Vote {
	return &cmtproto.Vote{
		Type: kind, Height: 51, Round: 2, BlockID: id,
		Timestamp:        time.Unix(1700000000, 123456789).UTC(),
		ValidatorAddress: derive("validator address", 20), ValidatorIndex: 3,
	}
}

// nodeProposal has no proof-of-lock round, as in most rounds.
func nodeProposal() *cmtproto.Proposal {
	return &cmtproto.Proposal{
		Type: cmtproto.ProposalType, Height: 51, Round: 2, PolRound: -1,
		BlockID: block("proposal"), Timestamp: time.Unix(1700000000, 123456789).UTC(),
	}
}

func requests() []message {
	var out []message
	pubKey := func(name, chainID string) {
		out = append(out, message{Name: name, Wire: wireTendermint, Kind: "pub_key_request", ChainID: &chainID,
			Bytes: delimited(wrap(&privvalproto.PubKeyRequest{ChainId: chainID}))})
	}
	vote := func(name, chainID string, v *cmtproto.Vote) {
		m := message{Name: name, Wire: wireTendermint, Kind: "sign_vote_request", ChainID: &chainID,
			Bytes: delimited(wrap(&privvalproto.SignVoteRequest{Vote: v, ChainId: chainID}))}
		describeVote(&m, chainID, v)
		out = append(out, m)
	}
	proposal := func(name, chainID string, p *cmtproto.Proposal) {
		m := message{Name: name, Wire: wireTendermint, Kind: "sign_proposal_request", ChainID: &chainID,
			Bytes: delimited(wrap(&privvalproto.SignProposalRequest{Proposal: p, ChainId: chainID}))}
		if p != nil {
			m.Proposal = proposalFieldsOf(p)
			m.SignBytes = types.ProposalSignBytes(chainID, p)
		}
		out = append(out, m)
	}

	pubKey("public key", privvalChain)
	pubKey("public key, empty chain id", "")
	out = append(out, message{Name: "ping", Wire: wireTendermint, Kind: "ping_request",
		Bytes: delimited(wrap(&privvalproto.PingRequest{}))})

	whole := block("vote")
	vote("prevote for a block", privvalChain, nodeVote(cmtproto.PrevoteType, whole))
	vote("prevote for nil", privvalChain, nodeVote(cmtproto.PrevoteType, cmtproto.BlockID{}))
	vote("precommit for a block", privvalChain, nodeVote(cmtproto.PrecommitType, whole))
	vote("precommit for nil", privvalChain, nodeVote(cmtproto.PrecommitType, cmtproto.BlockID{}))

	v := nodeVote(cmtproto.PrecommitType, whole)
	v.Timestamp = time.Time{}
	vote("zero timestamp", privvalChain, v)

	v = nodeVote(cmtproto.PrecommitType, whole)
	v.Timestamp = time.Unix(0, 0).UTC()
	vote("epoch timestamp", privvalChain, v)

	for _, extension := range [][]byte{[]byte("extension"), pattern(1024)} {
		v = nodeVote(cmtproto.PrecommitType, whole)
		v.Extension = extension
		vote(fmt.Sprintf("precommit with extension of %d bytes", len(extension)), privvalChain, v)
	}

	v = nodeVote(cmtproto.PrecommitType, whole)
	v.Height, v.Round = 1<<63-1, 1<<31-1
	vote("largest height and round", privvalChain, v)

	v = nodeVote(cmtproto.PrevoteType, whole)
	v.Height, v.Round, v.ValidatorIndex, v.ValidatorAddress = 1, 0, 0, nil
	vote("height 1 round 0", "", v)

	p := nodeProposal()
	proposal("proposal", privvalChain, p)
	for _, polRound := range []int32{0, 1} {
		q := *p
		q.PolRound = polRound
		proposal(fmt.Sprintf("proposal with pol round %d", polRound), privvalChain, &q)
	}
	q := *p
	q.Timestamp = time.Time{}
	proposal("proposal with zero timestamp", privvalChain, &q)

	oddRequests(vote, proposal)
	out = append(out, withoutTimestamp(whole))
	return out
}

// oddRequests are requests that a signer has to refuse, or to survive.
func oddRequests(vote func(string, string, *cmtproto.Vote), proposal func(string, string, *cmtproto.Proposal)) {
	whole := block("vote")

	vote("odd: no vote", privvalChain, nil)
	vote("odd: empty vote", privvalChain, &cmtproto.Vote{})
	proposal("odd: no proposal", privvalChain, nil)
	proposal("odd: empty proposal", privvalChain, &cmtproto.Proposal{})

	v := nodeVote(cmtproto.PrecommitType, whole)
	v.Height = -1
	vote("odd: height -1", privvalChain, v)
	v = nodeVote(cmtproto.PrecommitType, whole)
	v.Round = -1
	vote("odd: round -1", privvalChain, v)
	vote("odd: vote type 0", privvalChain, nodeVote(cmtproto.UnknownType, whole))
	vote("odd: vote type 32", privvalChain, nodeVote(cmtproto.ProposalType, whole))
	vote("odd: vote type 99", privvalChain, nodeVote(cmtproto.SignedMsgType(99), whole))

	v = nodeVote(cmtproto.PrevoteType, whole)
	v.Extension = []byte("extension")
	vote("odd: prevote with an extension", privvalChain, v)
	v = nodeVote(cmtproto.PrecommitType, cmtproto.BlockID{})
	v.Extension = []byte("extension")
	vote("odd: nil precommit with an extension", privvalChain, v)

	p := nodeProposal()
	p.Height = -1
	proposal("odd: proposal height -1", privvalChain, p)
	p = nodeProposal()
	p.PolRound = -2
	proposal("odd: proposal pol round -2", privvalChain, p)
}

// withoutTimestamp drops the timestamp field, which no node does. What the Go
// decoder makes of it (year 1) is what a signer has to make of it.
func withoutTimestamp(id cmtproto.BlockID) message {
	v := nodeVote(cmtproto.PrevoteType, id)
	v.ValidatorAddress, v.ValidatorIndex = nil, 0
	encoded, err := v.Marshal()
	must(err)
	stamp, err := proto.Marshal(&gogotypes.Timestamp{Seconds: v.Timestamp.Unix(), Nanos: int32(v.Timestamp.Nanosecond())})
	must(err)
	// The timestamp is the last field of a vote without validator and signatures.
	short, found := bytes.CutSuffix(encoded, field(5, stamp))
	if !found {
		panic("the vote does not end with its timestamp")
	}
	request := append(field(1, short), field(2, []byte(privvalChain))...)
	whole := lengthPrefixed(field(3, request))

	var decoded privvalproto.Message
	must(protoio.UnmarshalDelimited(whole, &decoded))
	got := decoded.GetSignVoteRequest().Vote
	if !got.Timestamp.IsZero() || got.Height != v.Height {
		panic("the request without a timestamp does not decode as intended")
	}
	chainID := privvalChain
	m := message{Name: "odd: no timestamp field (Go reads year 1)", Wire: wireTendermint, Kind: "sign_vote_request", ChainID: &chainID, Bytes: whole}
	describeVote(&m, chainID, got)
	return m
}

func requestsV1() []message {
	var out []message
	vote := func(name string, v *typesv1.Vote, skip bool) {
		chainID := privvalChain
		request := &privvalv1.SignVoteRequest{Vote: v, ChainId: chainID, SkipExtensionSigning: skip}
		m := message{Name: name, Wire: wireV1, Kind: "sign_vote_request", ChainID: &chainID, SkipExtensionSigning: &skip,
			Bytes: delimited(&privvalv1.Message{Sum: &privvalv1.Message_SignVoteRequest{SignVoteRequest: request}})}
		// The older code reads the same bytes: so the values have one source.
		var old privvalproto.Message
		must(protoio.UnmarshalDelimited(m.Bytes, &old))
		describeVote(&m, chainID, old.GetSignVoteRequest().Vote)
		out = append(out, m)
	}
	toV1 := func(v *cmtproto.Vote) *typesv1.Vote {
		encoded, err := v.Marshal()
		must(err)
		var converted typesv1.Vote
		must(converted.Unmarshal(encoded))
		return &converted
	}

	whole := block("vote")
	vote("1.0 precommit", toV1(nodeVote(cmtproto.PrecommitType, whole)), false)
	vote("1.0 precommit, extensions off", toV1(nodeVote(cmtproto.PrecommitType, whole)), true)
	vote("1.0 prevote, extensions off", toV1(nodeVote(cmtproto.PrevoteType, whole)), true)
	v := nodeVote(cmtproto.PrecommitType, whole)
	v.Extension = []byte("extension")
	vote("1.0 precommit with extension", toV1(v), false)

	value := []byte("raw bytes to sign")
	out = append(out, message{Name: "1.0 sign bytes", Wire: wireV1, Kind: "sign_bytes_request", Value: value,
		Bytes: delimited(&privvalv1.Message{Sum: &privvalv1.Message_SignBytesRequest{
			SignBytesRequest: &privvalv1.SignBytesRequest{Value: value}}})})

	forged := types.VoteSignBytes(privvalChain, nodeVote(cmtproto.PrecommitType, whole))
	out = append(out, message{Name: "1.0 sign bytes that are a precommit", Wire: wireV1, Kind: "sign_bytes_request", Value: forged,
		Bytes: delimited(&privvalv1.Message{Sum: &privvalv1.Message_SignBytesRequest{
			SignBytesRequest: &privvalv1.SignBytesRequest{Value: forged}}})})
	return out
}

func longRequests(key crypto.PrivKey) []longMessage {
	var out []longMessage
	for _, n := range []int{64 << 10, 1 << 20} {
		v := nodeVote(cmtproto.PrecommitType, block("vote"))
		v.Extension = pattern(n)
		encoded := delimited(wrap(&privvalproto.SignVoteRequest{Vote: v, ChainId: privvalChain}))
		at := bytes.Index(encoded, v.Extension)
		signBytes := types.VoteExtensionSignBytes(privvalChain, v)
		signature, err := key.Sign(signBytes)
		must(err)
		whole, extensionSHA := sha256.Sum256(encoded), sha256.Sum256(signBytes)
		out = append(out, longMessage{
			Name: fmt.Sprintf("precommit with extension of %d KiB", n>>10), ExtensionLen: n,
			Prefix: encoded[:at], Suffix: encoded[at+n:], Len: len(encoded), SHA256: whole[:],
			ExtensionSignLen: len(signBytes), ExtensionSignSHA: extensionSHA[:], ExtensionSignature: signature,
		})
	}
	return out
}
