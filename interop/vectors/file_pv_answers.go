package main

import (
	"time"

	"github.com/cometbft/cometbft/crypto"
	"github.com/cometbft/cometbft/privval"
	privvalproto "github.com/cometbft/cometbft/proto/tendermint/privval"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
)

// answerCases asks FilePV twice. It is the reference for what may be signed
// again, not for every choice of ours.
func answerCases(key crypto.PrivKey) []answerCase {
	type vote = cmtproto.Vote
	type proposal = cmtproto.Proposal
	const prevote, precommit = cmtproto.PrevoteType, cmtproto.PrecommitType
	later := time.Unix(1700000001, 5).UTC()

	var cases []answerCase
	add := func(name string, first, request *privvalproto.Message) {
		cases = append(cases, answer(key, name, first, request, nil))
	}

	add("same prevote again", voteRequest(prevote, nil), voteRequest(prevote, nil))
	add("same precommit again", voteRequest(precommit, nil), voteRequest(precommit, nil))
	add("same proposal again", proposalRequest(nil), proposalRequest(nil))
	add("prevote, other timestamp", voteRequest(prevote, nil), voteRequest(prevote, func(v *vote) { v.Timestamp = later }))
	add("precommit, other timestamp", voteRequest(precommit, nil), voteRequest(precommit, func(v *vote) { v.Timestamp = later }))
	add("proposal, other timestamp", proposalRequest(nil), proposalRequest(func(p *proposal) { p.Timestamp = later }))
	add("precommit, other extension", voteRequest(precommit, nil), voteRequest(precommit, func(v *vote) { v.Extension = []byte("extension") }))
	add("prevote, other validator index", voteRequest(prevote, nil), voteRequest(prevote, func(v *vote) { v.ValidatorIndex++ }))

	other := func(v *vote) { v.BlockID = block("other") }
	none := func(v *vote) { v.BlockID = cmtproto.BlockID{} }
	add("prevote, other block", voteRequest(prevote, nil), voteRequest(prevote, other))
	add("prevote, nil after a block", voteRequest(prevote, nil), voteRequest(prevote, none))
	add("prevote, block after nil", voteRequest(prevote, none), voteRequest(prevote, nil))
	add("precommit, other block", voteRequest(precommit, nil), voteRequest(precommit, other))
	add("precommit, other parts", voteRequest(precommit, nil), voteRequest(precommit, func(v *vote) { v.BlockID.PartSetHeader.Total++ }))
	add("proposal, other block", proposalRequest(nil), proposalRequest(func(p *proposal) { p.BlockID = block("other") }))
	add("proposal, other pol round", proposalRequest(nil), proposalRequest(func(p *proposal) { p.PolRound = 1 }))

	add("precommit for another block than the prevote", voteRequest(prevote, nil), voteRequest(precommit, other))
	add("prevote after proposal", proposalRequest(nil), voteRequest(prevote, nil))
	add("precommit after proposal", proposalRequest(nil), voteRequest(precommit, nil))
	add("proposal after prevote", voteRequest(prevote, nil), proposalRequest(nil))
	add("prevote after precommit", voteRequest(precommit, nil), voteRequest(prevote, nil))

	add("lower round", voteRequest(prevote, nil), voteRequest(precommit, func(v *vote) { v.Round-- }))
	add("lower height", voteRequest(prevote, nil), voteRequest(precommit, func(v *vote) { v.Height--; v.Round = 9 }))
	add("later round", voteRequest(precommit, nil), voteRequest(prevote, func(v *vote) { v.Round++ }))
	add("later height, round 0", voteRequest(precommit, nil), proposalRequest(func(p *proposal) { p.Height++; p.Round = 0 }))

	forget := func(last *privval.FilePVLastSignState) { last.SignBytes, last.Signature = nil, nil }
	cases = append(cases,
		answer(key, "mark without sign bytes, same step", voteRequest(prevote, nil), voteRequest(prevote, nil), forget),
		answer(key, "mark without sign bytes, later step", voteRequest(prevote, nil), voteRequest(precommit, nil), forget))
	return cases
}
