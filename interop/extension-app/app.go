package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"github.com/cometbft/cometbft/abci/example/kvstore"
	"github.com/cometbft/cometbft/abci/types"
)

// extensionApp is the kvstore with a vote extension that depends on the height
// alone: every validator's application makes and expects the same bytes.
type extensionApp struct {
	*kvstore.Application
	size   int
	record io.Writer
}

func newApp(size int, record io.Writer) *extensionApp {
	return &extensionApp{kvstore.NewInMemoryApplication(), size, record}
}

// extension is the hash of the height, repeated to the wanted length.
func (app *extensionApp) extension(height int64) []byte {
	block := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(height)))
	return bytes.Repeat(block[:], app.size/len(block)+1)[:app.size]
}

// InitChain hides validators whose key the kvstore cannot read: 1.0 sends keys in
// new fields. The kvstore needs them only for transactions that change the
// validator set and for misbehaviour, so one binary serves every version.
func (app *extensionApp) InitChain(ctx context.Context, req *types.RequestInitChain) (*types.ResponseInitChain, error) {
	req.Validators = slices.DeleteFunc(req.Validators, func(v types.ValidatorUpdate) bool { return v.PubKey.Sum == nil })
	return app.Application.InitChain(ctx, req)
}

// ExtendVote is called before a precommit for a block, never for nil.
func (app *extensionApp) ExtendVote(_ context.Context, req *types.RequestExtendVote) (*types.ResponseExtendVote, error) {
	return &types.ResponseExtendVote{VoteExtension: app.extension(req.Height)}, nil
}

// VerifyVoteExtension is asked about the precommits of other validators.
func (app *extensionApp) VerifyVoteExtension(_ context.Context, req *types.RequestVerifyVoteExtension) (*types.ResponseVerifyVoteExtension, error) {
	status := types.ResponseVerifyVoteExtension_REJECT
	if bytes.Equal(req.VoteExtension, app.extension(req.Height)) {
		status = types.ResponseVerifyVoteExtension_ACCEPT
	}
	return &types.ResponseVerifyVoteExtension{Status: status}, nil
}

// PrepareProposal sees the precommits of the height before, with their
// extensions, and only if extensions were enabled for that height.
func (app *extensionApp) PrepareProposal(ctx context.Context, req *types.RequestPrepareProposal) (*types.ResponsePrepareProposal, error) {
	if err := app.recordCommit(req.Height, req.LocalLastCommit); err != nil {
		return nil, err
	}
	return app.Application.PrepareProposal(ctx, req)
}

// recordCommit counts, of the votes for the block before: extensions that are
// ours byte for byte, extension signatures, and bytes of extension in all. The node verified the
// signatures when it took the votes in.
func (app *extensionApp) recordCommit(height int64, commit types.ExtendedCommitInfo) error {
	expected := app.extension(height - 1)
	var extensions, signatures, total int
	for _, vote := range commit.Votes {
		if bytes.Equal(vote.VoteExtension, expected) {
			extensions++
		}
		total += len(vote.VoteExtension)
		if len(vote.ExtensionSignature) > 0 {
			signatures++
		}
	}
	_, err := fmt.Fprintf(app.record, "height=%d round=%d votes=%d extensions=%d signatures=%d extension_bytes=%d\n",
		height, commit.Round, len(commit.Votes), extensions, signatures, total)
	return err
}
