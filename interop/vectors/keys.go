package main

import (
	stded25519 "crypto/ed25519"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"

	"github.com/btcsuite/btcd/btcutil/bech32"

	"github.com/cometbft/cometbft/crypto"
	"github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/crypto/secp256k1"
	"github.com/cometbft/cometbft/p2p"
	"github.com/cometbft/cometbft/privval"
)

type signatureCase struct {
	Message   hexBytes `json:"message"`
	Signature hexBytes `json:"signature"`
}

type bech32Case struct {
	Prefix  string `json:"prefix"`
	Encoded string `json:"encoded"`
}

// keyVector holds every form of one key. Secret is the Ed25519 seed or the
// secp256k1 scalar; PrivKeyBase64 is what CometBFT stores (for Ed25519 the seed
// followed by the public key). Only Ed25519 keys have a node id and a
// node_key.json.
type keyVector struct {
	Name             string          `json:"name"`
	Type             string          `json:"type"`
	Secret           hexBytes        `json:"secret"`
	PrivKeyBase64    string          `json:"priv_key_base64"`
	PublicKey        hexBytes        `json:"public_key"`
	PublicKeyBase64  string          `json:"public_key_base64"`
	Address          string          `json:"address"`
	NodeID           string          `json:"node_id,omitempty"`
	Bech32PublicKeys []bech32Case    `json:"bech32_public_keys"`
	Bech32Addresses  []bech32Case    `json:"bech32_addresses"`
	Signatures       []signatureCase `json:"signatures"`
	PrivValidatorKey string          `json:"priv_validator_key_json"`
	NodeKey          string          `json:"node_key_json,omitempty"`
}

// aminoPrefix is what legacy bech32 public keys put in front of the key: four
// bytes that name the type, one that gives the length.
var aminoPrefix = map[string][]byte{
	ed25519.KeyType:   {0x16, 0x24, 0xde, 0x64, 0x20},
	secp256k1.KeyType: {0xeb, 0x5a, 0xe9, 0x87, 0x21},
}

var (
	publicKeyPrefixes = []string{"kirapub", "kiravalconspub", "cosmospub", "cosmosvalconspub"}
	addressPrefixes   = []string{"kiravalcons", "cosmosvalcons"}
)

func keysFile(madeBy string) any {
	keys := []keyVector{
		describeKey("ed25519, zero seed", ed25519FromSeed(make([]byte, 32))),
		describeKey("secp256k1, scalar one", secp256k1.PrivKey(append(make([]byte, 31), 1))),
	}
	for i := range 4 {
		seed := derive(fmt.Sprintf("ed25519 seed %d", i), 32)
		keys = append(keys, describeKey(fmt.Sprintf("ed25519, derived %d", i), ed25519FromSeed(seed)))
		secret := derive(fmt.Sprintf("secp256k1 secret %d", i), 32)
		keys = append(keys, describeKey(fmt.Sprintf("secp256k1, derived %d", i), secp256k1.PrivKey(secret)))
	}
	return struct {
		MadeBy string      `json:"made_by"`
		Keys   []keyVector `json:"keys"`
	}{madeBy, keys}
}

// ed25519FromSeed takes the seed itself; CometBFT's own helper hashes it first.
func ed25519FromSeed(seed []byte) ed25519.PrivKey {
	return ed25519.PrivKey(stded25519.NewKeyFromSeed(seed))
}

func describeKey(name string, key crypto.PrivKey) keyVector {
	public := key.PubKey()
	out := keyVector{
		Name: name, Type: key.Type(), Secret: key.Bytes()[:32],
		PrivKeyBase64: base64.StdEncoding.EncodeToString(key.Bytes()),
		PublicKey:     public.Bytes(), PublicKeyBase64: base64.StdEncoding.EncodeToString(public.Bytes()),
		Address: public.Address().String(), PrivValidatorKey: privValidatorKeyJSON(key),
	}
	for _, prefix := range publicKeyPrefixes {
		content := append(append([]byte{}, aminoPrefix[key.Type()]...), public.Bytes()...)
		out.Bech32PublicKeys = append(out.Bech32PublicKeys, bech32Case{prefix, encodeBech32(prefix, content)})
	}
	for _, prefix := range addressPrefixes {
		out.Bech32Addresses = append(out.Bech32Addresses, bech32Case{prefix, encodeBech32(prefix, public.Address())})
	}
	for _, message := range [][]byte{{}, []byte("fixed bytes"), pattern(300)} {
		signature, err := key.Sign(message)
		must(err)
		if !public.VerifySignature(message, signature) {
			panic("CometBFT does not verify its own signature")
		}
		out.Signatures = append(out.Signatures, signatureCase{message, signature})
	}
	if key.Type() == ed25519.KeyType {
		out.NodeID = string(p2p.PubKeyToID(public))
		out.NodeKey = nodeKeyJSON(key)
	}
	return out
}

func encodeBech32(prefix string, content []byte) string {
	groups, err := bech32.ConvertBits(content, 8, 5, true)
	must(err)
	encoded, err := bech32.Encode(prefix, groups)
	must(err)
	return encoded
}

func privValidatorKeyJSON(key crypto.PrivKey) string {
	return written("priv_validator_key.json", func(path string) {
		privval.NewFilePV(key, path, "").Key.Save()
	})
}

func nodeKeyJSON(key crypto.PrivKey) string {
	return written("node_key.json", func(path string) {
		must((&p2p.NodeKey{PrivKey: key}).SaveAs(path))
	})
}

// written returns the text that write puts into a file.
func written(name string, write func(path string)) string {
	dir, err := os.MkdirTemp("", "vectors")
	must(err)
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, name)
	write(path)
	text, err := os.ReadFile(path)
	must(err)
	return string(text)
}
