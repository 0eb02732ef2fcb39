package main

import (
	"bytes"
	"os"
	"path/filepath"

	privvalv1 "github.com/cometbft/cometbft/api/cometbft/privval/v1"
	"github.com/cometbft/cometbft/crypto"
	"github.com/cometbft/cometbft/crypto/ed25519"
	cryptoenc "github.com/cometbft/cometbft/crypto/encoding"
	"github.com/cometbft/cometbft/crypto/secp256k1"
	"github.com/cometbft/cometbft/libs/protoio"
	"github.com/cometbft/cometbft/privval"
	privvalproto "github.com/cometbft/cometbft/proto/tendermint/privval"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
)

// replies come from CometBFT's own signer (FilePV behind the handler of its
// SignerServer), so a signer with the same seed must produce the same
// signatures. Each sign request meets a fresh state.
func replies(key ed25519.PrivKey) []message {
	dir, err := os.MkdirTemp("", "vectors")
	must(err)
	defer os.RemoveAll(dir)
	fresh := func(key crypto.PrivKey) *privval.FilePV {
		return privval.NewFilePV(key, filepath.Join(dir, "key.json"), filepath.Join(dir, "state.json"))
	}

	var out []message
	answer := func(name string, pv *privval.FilePV, chainID string, request *privvalproto.Message) {
		reply, err := privval.DefaultValidationRequestHandler(pv, *request, privvalChain)
		if err != nil && reply.Sum == nil {
			must(err)
		}
		out = append(out, describeReply(name, chainID, &reply))
	}

	whole := block("vote")
	answer("ping", fresh(key), privvalChain, wrap(&privvalproto.PingRequest{}))
	answer("public key, ed25519", fresh(key), privvalChain, wrap(&privvalproto.PubKeyRequest{ChainId: privvalChain}))
	secp := secp256k1.GenPrivKeySecp256k1([]byte("privval messages"))
	answer("public key, secp256k1", fresh(secp), privvalChain, wrap(&privvalproto.PubKeyRequest{ChainId: privvalChain}))
	answer("public key, wrong chain", fresh(key), "other", wrap(&privvalproto.PubKeyRequest{ChainId: "other"}))

	vote := func(name string, pv *privval.FilePV, chainID string, v *cmtproto.Vote) {
		answer(name, pv, chainID, wrap(&privvalproto.SignVoteRequest{Vote: v, ChainId: chainID}))
	}
	vote("signed prevote", fresh(key), privvalChain, nodeVote(cmtproto.PrevoteType, whole))
	vote("signed prevote for nil", fresh(key), privvalChain, nodeVote(cmtproto.PrevoteType, cmtproto.BlockID{}))
	vote("signed precommit, empty extension", fresh(key), privvalChain, nodeVote(cmtproto.PrecommitType, whole))
	vote("signed precommit for nil", fresh(key), privvalChain, nodeVote(cmtproto.PrecommitType, cmtproto.BlockID{}))
	extended := nodeVote(cmtproto.PrecommitType, whole)
	extended.Extension = []byte("extension")
	vote("signed precommit with extension", fresh(key), privvalChain, extended)
	vote("vote, wrong chain", fresh(key), "other", nodeVote(cmtproto.PrevoteType, whole))

	answer("signed proposal", fresh(key), privvalChain, wrap(&privvalproto.SignProposalRequest{Proposal: nodeProposal(), ChainId: privvalChain}))
	answer("proposal, wrong chain", fresh(key), "other", wrap(&privvalproto.SignProposalRequest{Proposal: nodeProposal(), ChainId: "other"}))

	pv := fresh(key)
	must(pv.SignVote(privvalChain, nodeVote(cmtproto.PrevoteType, whole)))
	lower := nodeVote(cmtproto.PrevoteType, whole)
	lower.Height--
	vote("vote refused: height regression", pv, privvalChain, lower)
	vote("vote refused: conflicting block", pv, privvalChain, nodeVote(cmtproto.PrevoteType, block("other")))

	return append(out, repliesV1(key)...)
}

// repliesV1 also holds the one reply that every version reads: a public key in
// the old field and in the two new ones.
func repliesV1(key crypto.PrivKey) []message {
	pub := key.PubKey()
	fields := &pubKeyFields{Type: pub.Type(), Bytes: pub.Bytes()}
	v1 := &privvalv1.PubKeyResponse{PubKeyBytes: pub.Bytes(), PubKeyType: pub.Type()}
	out := []message{{Name: "1.0 public key, ed25519", Wire: wireV1, Kind: "pub_key_response", PubKey: fields,
		Bytes: delimited(&privvalv1.Message{Sum: &privvalv1.Message_PubKeyResponse{PubKeyResponse: v1}})}}

	out = append(out, message{Name: "public key for every version", Wire: wireTendermint + " and " + wireV1,
		Kind: "pub_key_response", PubKey: fields, Bytes: bothPubKeys(pub, v1)})

	signature, err := key.Sign([]byte("raw bytes to sign"))
	must(err)
	signed := &privvalv1.SignBytesResponse{Signature: signature}
	return append(out,
		message{Name: "1.0 signed bytes", Wire: wireV1, Kind: "sign_bytes_response", Value: signature,
			Bytes: delimited(&privvalv1.Message{Sum: &privvalv1.Message_SignBytesResponse{SignBytesResponse: signed}})},
		message{Name: "1.0 sign bytes refused", Wire: wireV1, Kind: "sign_bytes_response",
			Error: &errorFields{Description: "raw signing is off"},
			Bytes: delimited(&privvalv1.Message{Sum: &privvalv1.Message_SignBytesResponse{
				SignBytesResponse: &privvalv1.SignBytesResponse{Error: &privvalv1.RemoteSignerError{Description: "raw signing is off"}}}})})
}

func describeReply(name, chainID string, reply *privvalproto.Message) message {
	m := message{Name: name, Wire: wireTendermint, ChainID: &chainID, Bytes: delimited(reply)}
	switch {
	case reply.GetPingResponse() != nil:
		m.Kind, m.ChainID = "ping_response", nil
	case reply.GetPubKeyResponse() != nil:
		r := reply.GetPubKeyResponse()
		m.Kind, m.Error = "pub_key_response", errorFieldsOf(r.Error)
		if r.Error == nil {
			pub, err := cryptoenc.PubKeyFromProto(r.PubKey)
			must(err)
			m.PubKey = &pubKeyFields{Type: pub.Type(), Bytes: pub.Bytes()}
		}
	case reply.GetSignedVoteResponse() != nil:
		r := reply.GetSignedVoteResponse()
		m.Kind, m.Error = "signed_vote_response", errorFieldsOf(r.Error)
		if r.Error == nil {
			describeVote(&m, chainID, &r.Vote)
		}
	case reply.GetSignedProposalResponse() != nil:
		r := reply.GetSignedProposalResponse()
		m.Kind, m.Error = "signed_proposal_response", errorFieldsOf(r.Error)
		if r.Error == nil {
			m.Proposal = proposalFieldsOf(&r.Proposal)
		}
	}
	return m
}

func errorFieldsOf(e *privvalproto.RemoteSignerError) *errorFields {
	if e == nil {
		return nil
	}
	return &errorFields{Code: e.Code, Description: e.Description}
}

// bothPubKeys joins the old and the new answer to a PubKeyRequest and proves
// that each decoder finds its own fields in it. Joining two encodings of one
// protobuf message is the encoding of the merged message.
func bothPubKeys(pub crypto.PubKey, v1 *privvalv1.PubKeyResponse) []byte {
	key, err := cryptoenc.PubKeyToProto(pub)
	must(err)
	first, err := (&privvalproto.PubKeyResponse{PubKey: key}).Marshal()
	must(err)
	second, err := v1.Marshal()
	must(err)
	whole := lengthPrefixed(field(2, append(first, second...)))

	var asOld privvalproto.Message
	must(protoio.UnmarshalDelimited(whole, &asOld))
	read, err := cryptoenc.PubKeyFromProto(asOld.GetPubKeyResponse().PubKey)
	must(err)
	var asNew privvalv1.Message
	must(protoio.UnmarshalDelimited(whole, &asNew))
	if !read.Equals(pub) || !bytes.Equal(asNew.GetPubKeyResponse().PubKeyBytes, pub.Bytes()) {
		panic("the joined public key reply does not decode in both versions")
	}
	return whole
}
