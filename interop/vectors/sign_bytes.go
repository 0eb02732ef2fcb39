package main

import (
	"fmt"
	"time"

	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cometbft/cometbft/types"
)

type voteCase struct {
	Name      string    `json:"name"`
	ChainID   string    `json:"chain_id"`
	Type      int32     `json:"type"`
	Height    int64     `json:"height"`
	Round     int32     `json:"round"`
	BlockID   *blockID  `json:"block_id"`
	Timestamp timestamp `json:"timestamp"`
	VoteProto hexBytes  `json:"vote_proto"`
	SignBytes hexBytes  `json:"sign_bytes"`
}

type proposalCase struct {
	Name          string    `json:"name"`
	ChainID       string    `json:"chain_id"`
	Height        int64     `json:"height"`
	Round         int32     `json:"round"`
	POLRound      int32     `json:"pol_round"`
	BlockID       *blockID  `json:"block_id"`
	Timestamp     timestamp `json:"timestamp"`
	ProposalProto hexBytes  `json:"proposal_proto"`
	SignBytes     hexBytes  `json:"sign_bytes"`
}

type extensionCase struct {
	Name      string   `json:"name"`
	ChainID   string   `json:"chain_id"`
	Height    int64    `json:"height"`
	Round     int32    `json:"round"`
	Extension hexBytes `json:"extension"`
	SignBytes hexBytes `json:"sign_bytes"`
}

func signBytesFile(madeBy string) any {
	return struct {
		MadeBy     string          `json:"made_by"`
		Votes      []voteCase      `json:"votes"`
		Proposals  []proposalCase  `json:"proposals"`
		Extensions []extensionCase `json:"vote_extensions"`
	}{madeBy, voteCases(), proposalCases(), extensionCases()}
}

var voteTypes = []cmtproto.SignedMsgType{cmtproto.PrevoteType, cmtproto.PrecommitType}

func voteCases() []voteCase {
	var cases []voteCase
	add := func(name, chainID string, vote cmtproto.Vote) {
		encoded, err := vote.Marshal()
		must(err)
		cases = append(cases, voteCase{
			Name: name, ChainID: chainID, Type: int32(vote.Type), Height: vote.Height, Round: vote.Round,
			BlockID: blockIDOf(vote.BlockID), Timestamp: timestampOf(vote.Timestamp),
			VoteProto: encoded, SignBytes: types.VoteSignBytes(chainID, &vote),
		})
	}

	for _, kind := range voteTypes {
		for _, target := range []struct {
			name string
			id   cmtproto.BlockID
		}{{"block", block("vote")}, {"nil", cmtproto.BlockID{}}} {
			// Every height with every round; time and chain id take turns.
			turn := 0
			for _, height := range heights {
				for _, round := range rounds {
					at := times[turn%len(times)]
					name := fmt.Sprintf("%s %s h %d r %d, %s", kindName(kind), target.name, height, round, at.name)
					add(name, chainIDs[turn%len(chainIDs)], cmtproto.Vote{
						Type: kind, Height: height, Round: round, BlockID: target.id, Timestamp: at.at,
					})
					turn++
				}
			}
			// Every time with every chain id.
			for _, at := range times {
				for _, chainID := range chainIDs {
					name := fmt.Sprintf("%s %s, %s, chain id of %d", kindName(kind), target.name, at.name, len(chainID))
					add(name, chainID, cmtproto.Vote{
						Type: kind, Height: 51, Round: 2, BlockID: target.id, Timestamp: at.at,
					})
				}
			}
		}
	}
	oddVotes(add)
	return cases
}

// oddVotes are votes whose form is legal on the wire but that an honest node
// does not send. The sign bytes say what CometBFT would have signed.
func oddVotes(add func(name, chainID string, vote cmtproto.Vote)) {
	whole := block("vote")
	base := cmtproto.Vote{Type: cmtproto.PrecommitType, Height: 7, Round: 1, BlockID: whole, Timestamp: time.Unix(1700000000, 1).UTC()}

	vote := base
	vote.BlockID = cmtproto.BlockID{Hash: whole.Hash}
	add("odd: block hash without parts", "test_chain_id", vote)

	vote = base
	vote.BlockID = cmtproto.BlockID{PartSetHeader: whole.PartSetHeader}
	add("odd: parts without block hash", "test_chain_id", vote)

	vote = base
	vote.BlockID = cmtproto.BlockID{PartSetHeader: cmtproto.PartSetHeader{Total: 1}}
	add("odd: parts total alone", "test_chain_id", vote)

	vote = base
	vote.BlockID.PartSetHeader.Total = 1<<32 - 1
	add("odd: largest parts total", "test_chain_id", vote)

	vote = base
	vote.Height = -1
	add("odd: height -1", "test_chain_id", vote)

	vote = base
	vote.Round = -1
	add("odd: round -1", "test_chain_id", vote)

	vote = base
	vote.Type = cmtproto.UnknownType
	add("odd: vote type 0", "test_chain_id", vote)

	vote = base
	vote.Type = cmtproto.ProposalType
	add("odd: vote type 32", "test_chain_id", vote)

	vote = base
	vote.ValidatorAddress = derive("address", 20)
	vote.ValidatorIndex = 9
	vote.Signature = derive("signature", 64)
	vote.Extension = []byte("extension")
	vote.ExtensionSignature = derive("extension signature", 64)
	add("fields that are not signed", "test_chain_id", vote)

	add("chain id with non-ASCII letters", "chaîne-鎖", base)
}

func kindName(kind cmtproto.SignedMsgType) string {
	if kind == cmtproto.PrevoteType {
		return "prevote"
	}
	return "precommit"
}

func proposalCases() []proposalCase {
	var cases []proposalCase
	add := func(name, chainID string, proposal cmtproto.Proposal) {
		encoded, err := proposal.Marshal()
		must(err)
		cases = append(cases, proposalCase{
			Name: name, ChainID: chainID, Height: proposal.Height, Round: proposal.Round, POLRound: proposal.PolRound,
			BlockID: blockIDOf(proposal.BlockID), Timestamp: timestampOf(proposal.Timestamp),
			ProposalProto: encoded, SignBytes: types.ProposalSignBytes(chainID, &proposal),
		})
	}

	turn := 0
	for _, polRound := range []int32{-1, 0, 5, 1<<31 - 1} {
		for _, height := range heights {
			for _, round := range rounds {
				at := times[turn%len(times)]
				name := fmt.Sprintf("proposal h %d r %d pol %d, %s", height, round, polRound, at.name)
				add(name, chainIDs[turn%len(chainIDs)], cmtproto.Proposal{
					Type: cmtproto.ProposalType, Height: height, Round: round, PolRound: polRound,
					BlockID: block("proposal"), Timestamp: at.at,
				})
				turn++
			}
		}
	}
	for _, at := range times {
		for _, chainID := range chainIDs {
			name := fmt.Sprintf("proposal, %s, chain id of %d", at.name, len(chainID))
			add(name, chainID, cmtproto.Proposal{
				Type: cmtproto.ProposalType, Height: 51, Round: 0, PolRound: -1,
				BlockID: block("proposal"), Timestamp: at.at,
			})
		}
	}
	base := cmtproto.Proposal{Type: cmtproto.ProposalType, Height: 7, Round: 1, PolRound: -1, Timestamp: time.Unix(1700000000, 1).UTC()}
	add("odd: proposal without a block", "test_chain_id", base)
	base.BlockID = block("proposal")
	base.Type = cmtproto.PrecommitType
	add("odd: type field 2 is signed as 32", "test_chain_id", base)
	return cases
}

func extensionCases() []extensionCase {
	var cases []extensionCase
	add := func(name, chainID string, height int64, round int32, extension []byte) {
		vote := cmtproto.Vote{Type: cmtproto.PrecommitType, Height: height, Round: round, BlockID: block("vote"), Extension: extension}
		cases = append(cases, extensionCase{
			Name: name, ChainID: chainID, Height: height, Round: round,
			Extension: extension, SignBytes: types.VoteExtensionSignBytes(chainID, &vote),
		})
	}

	contents := []struct {
		name  string
		bytes []byte
	}{{"empty", nil}, {"short", []byte("extension")}, {"127 bytes", pattern(127)}, {"1 KiB", pattern(1024)}}

	turn := 0
	for _, content := range contents {
		for _, height := range heights {
			round := rounds[turn%len(rounds)]
			add(fmt.Sprintf("%s h %d r %d", content.name, height, round), chainIDs[turn%len(chainIDs)], height, round, content.bytes)
			turn++
		}
	}
	for _, chainID := range chainIDs {
		add(fmt.Sprintf("short, chain id of %d", len(chainID)), chainID, 51, 2, []byte("extension"))
		add(fmt.Sprintf("empty, chain id of %d", len(chainID)), chainID, 51, 2, nil)
	}
	return cases
}
