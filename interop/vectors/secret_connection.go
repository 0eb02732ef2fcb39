package main

import (
	"bytes"
	"encoding/hex"
	"fmt"
	_ "unsafe" // for go:linkname

	"github.com/oasisprotocol/curve25519-voi/primitives/merlin"
	"golang.org/x/crypto/curve25519"
)

// The functions a handshake is made of are unexported; linking to them keeps
// the vectors CometBFT's own. Only the standard library restricts this, so no
// linker flag is needed.

//go:linkname deriveSecrets github.com/cometbft/cometbft/p2p/conn.deriveSecrets
func deriveSecrets(dhSecret *[32]byte, localIsLower bool) (recvKey, sendKey *[32]byte)

//go:linkname computeDHSecret github.com/cometbft/cometbft/p2p/conn.computeDHSecret
func computeDHSecret(remotePublic, localSecret *[32]byte) (*[32]byte, error)

//go:linkname sort32 github.com/cometbft/cometbft/p2p/conn.sort32
func sort32(a, b *[32]byte) (lower, upper *[32]byte)

// keyCase is one HKDF run: the two session keys for a shared secret and a role.
type keyCase struct {
	DHSecret     hexBytes `json:"dh_secret"`
	LocalIsLower bool     `json:"local_is_lower"`
	RecvKey      hexBytes `json:"recv_key"`
	SendKey      hexBytes `json:"send_key"`
}

// exchangeCase is everything that follows from two ephemeral keys.
type exchangeCase struct {
	LocalSecret  hexBytes `json:"local_ephemeral_secret"`
	LocalPublic  hexBytes `json:"local_ephemeral_public"`
	RemotePublic hexBytes `json:"remote_ephemeral_public"`
	DHSecret     hexBytes `json:"dh_secret"`
	LocalIsLower bool     `json:"local_is_lower"`
	RecvKey      hexBytes `json:"recv_key"`
	SendKey      hexBytes `json:"send_key"`
	Challenge    hexBytes `json:"challenge"`
}

// lowOrderCase is a remote key that CometBFT refuses.
type lowOrderCase struct {
	Name         string   `json:"name"`
	LocalSecret  hexBytes `json:"local_ephemeral_secret"`
	RemotePublic hexBytes `json:"remote_ephemeral_public"`
}

func secretConnectionFile(madeBy string) any {
	return struct {
		MadeBy     string          `json:"made_by"`
		Keys       []keyCase       `json:"derived_keys"`
		Exchanges  []exchangeCase  `json:"exchanges"`
		LowOrder   []lowOrderCase  `json:"low_order"`
		Handshakes []handshakeCase `json:"handshakes"`
	}{madeBy, keyCases(), exchangeCases(), lowOrderCases(), handshakeCases()}
}

func array32(b []byte) *[32]byte { return (*[32]byte)(b) }

func keyCases() []keyCase {
	var cases []keyCase
	for i := range 16 {
		dh := array32(derive(fmt.Sprintf("dh secret %d", i), 32))
		for _, lower := range []bool{true, false} {
			recv, send := deriveSecrets(dh, lower)
			cases = append(cases, keyCase{dh[:], lower, recv[:], send[:]})
		}
	}
	return cases
}

func exchangeCases() []exchangeCase {
	var cases []exchangeCase
	for i := range 16 {
		local := derive(fmt.Sprintf("local ephemeral %d", i), 32)
		remote := derive(fmt.Sprintf("remote ephemeral %d", i), 32)
		cases = append(cases, exchange(local, publicOf(remote)))
	}
	return cases
}

func exchange(localSecret, remotePublic []byte) exchangeCase {
	localPublic := publicOf(localSecret)
	lower, upper := sort32(array32(localPublic), array32(remotePublic))
	isLower := bytes.Equal(lower[:], localPublic)
	dh, err := computeDHSecret(array32(remotePublic), array32(localSecret))
	must(err)
	recv, send := deriveSecrets(dh, isLower)
	return exchangeCase{localSecret, localPublic, remotePublic, dh[:], isLower, recv[:], send[:], challenge(lower, upper, dh)}
}

// challenge repeats the transcript of the handshake, which has no function of
// its own in CometBFT. handshakeCases proves it: a challenge made here verifies
// the signatures that real handshakes sent.
func challenge(lower, upper, dh *[32]byte) []byte {
	transcript := merlin.NewTranscript("TENDERMINT_SECRET_CONNECTION_TRANSCRIPT_HASH")
	transcript.AppendMessage("EPHEMERAL_LOWER_PUBLIC_KEY", lower[:])
	transcript.AppendMessage("EPHEMERAL_UPPER_PUBLIC_KEY", upper[:])
	transcript.AppendMessage("DH_SECRET", dh[:])
	out := make([]byte, 32)
	transcript.ExtractBytes(out, "SECRET_CONNECTION_MAC")
	return out
}

func publicOf(secret []byte) []byte {
	public, err := curve25519.X25519(secret, curve25519.Basepoint)
	must(err)
	return public
}

// lowOrderPoints are the encodings of points of order 1, 2, 4 and 8, canonical
// and not (RFC 7748 section 6.1 asks to refuse the zero result they lead to).
var lowOrderPoints = []struct{ name, encoded string }{
	{"0", "0000000000000000000000000000000000000000000000000000000000000000"},
	{"1", "0100000000000000000000000000000000000000000000000000000000000000"},
	{"order 8, first", "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"},
	{"order 8, second", "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"},
	{"p-1", "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"},
	{"p", "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"},
	{"p+1", "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"},
}

func lowOrderCases() []lowOrderCase {
	secret := derive("low order", 32)
	var cases []lowOrderCase
	for _, point := range lowOrderPoints {
		encoded, err := hex.DecodeString(point.encoded)
		must(err)
		for _, topBit := range []byte{0, 0x80} {
			public := bytes.Clone(encoded)
			public[31] |= topBit
			name := point.name
			if topBit != 0 {
				name += ", top bit set"
			}
			if _, err := computeDHSecret(array32(public), array32(secret)); err == nil {
				panic("CometBFT accepts the low-order point " + name)
			}
			cases = append(cases, lowOrderCase{name, secret, public})
		}
	}
	return cases
}
