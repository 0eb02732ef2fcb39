package main

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
)

// hexBytes is written as lower-case hex, empty as "".
type hexBytes []byte

func (b hexBytes) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(b)), nil }

// timestamp is a protobuf Timestamp: seconds may be negative, nanos never is.
type timestamp struct {
	Seconds int64 `json:"seconds"`
	Nanos   int32 `json:"nanos"`
}

func timestampOf(t time.Time) timestamp {
	return timestamp{Seconds: t.Unix(), Nanos: int32(t.Nanosecond())}
}

// blockID is absent (null) for a nil vote.
type blockID struct {
	Hash      hexBytes `json:"hash"`
	Total     uint32   `json:"parts_total"`
	PartsHash hexBytes `json:"parts_hash"`
}

func blockIDOf(id cmtproto.BlockID) *blockID {
	if len(id.Hash) == 0 && id.PartSetHeader.Total == 0 && len(id.PartSetHeader.Hash) == 0 {
		return nil
	}
	return &blockID{Hash: id.Hash, Total: id.PartSetHeader.Total, PartsHash: id.PartSetHeader.Hash}
}

// derive gives n fixed bytes for a label: every "random" input comes from here.
func derive(label string, n int) []byte {
	var out []byte
	for counter := byte(0); len(out) < n; counter++ {
		block := sha256.Sum256(append([]byte(label), counter))
		out = append(out, block[:]...)
	}
	return out[:n]
}

// pattern is the long extension: byte i is (31*i + 7) mod 256, so that a reader
// of the vectors can rebuild it without storing a mebibyte.
func pattern(n int) []byte {
	out := make([]byte, n)
	for i := range out {
		out[i] = byte(31*i + 7)
	}
	return out
}

func block(label string) cmtproto.BlockID {
	return cmtproto.BlockID{
		Hash:          derive(label+" hash", 32),
		PartSetHeader: cmtproto.PartSetHeader{Total: 3, Hash: derive(label+" parts", 32)},
	}
}

var (
	heights = []int64{0, 1, 1 << 31, 1<<63 - 1}
	rounds  = []int32{0, 1, 1<<31 - 1}

	chainIDs = []string{"", "test_chain_id", strings.Repeat("chain-5678", 5)}

	times = []struct {
		name string
		at   time.Time
	}{
		{"year 1", time.Time{}},
		{"epoch", time.Unix(0, 0).UTC()},
		{"last nanosecond", time.Unix(1700000000, 999999999).UTC()},
		{"before 1970", time.Unix(-2, 500000000).UTC()},
		{"one second before 1970", time.Unix(-1, 0).UTC()},
		{"ordinary", time.Unix(1515151515, 123456789).UTC()},
		{"year 9999", time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC)},
	}
)
