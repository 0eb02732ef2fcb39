package main

import (
	"bytes"
	crand "crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/libs/protoio"
	"github.com/cometbft/cometbft/p2p"
	"github.com/cometbft/cometbft/p2p/conn"
	p2pproto "github.com/cometbft/cometbft/proto/tendermint/p2p"
)

const (
	ephemeralMessageLen = 35   // uvarint 34, BytesValue tag, length 32, the key
	sealedFrameLen      = 1044 // 4 + 1024 + the 16 bytes of the Poly1305 tag
)

// handshakeEnd is one side of a recorded handshake: what it knew and what it
// sent. RecvKey and SendKey are its own view.
type handshakeEnd struct {
	EphemeralSecret  hexBytes `json:"ephemeral_secret"`
	EphemeralPublic  hexBytes `json:"ephemeral_public"`
	IdentitySeed     hexBytes `json:"identity_seed"`
	IdentityPublic   hexBytes `json:"identity_public"`
	PeerID           string   `json:"peer_id"`
	IsLower          bool     `json:"is_lower"`
	RecvKey          hexBytes `json:"recv_key"`
	SendKey          hexBytes `json:"send_key"`
	EphemeralMessage hexBytes `json:"ephemeral_message"`
	AuthMessage      hexBytes `json:"auth_message"`
	AuthFrame        hexBytes `json:"auth_frame"`
}

// sentMessage is one Write after the handshake. CometBFT reuses its frame
// buffer, so what follows the data in a frame is zero only until a shorter
// message comes; zero_padding says which.
type sentMessage struct {
	From        string     `json:"from"`
	Plaintext   hexBytes   `json:"plaintext"`
	ZeroPadding bool       `json:"zero_padding"`
	Frames      []hexBytes `json:"frames"`
}

type handshakeCase struct {
	Name      string        `json:"name"`
	A         handshakeEnd  `json:"a"`
	B         handshakeEnd  `json:"b"`
	DHSecret  hexBytes      `json:"dh_secret"`
	Challenge hexBytes      `json:"challenge"`
	Messages  []sentMessage `json:"messages"`
}

func handshakeCases() []handshakeCase {
	var cases []handshakeCase
	for i := range 6 {
		cases = append(cases, recordHandshake(fmt.Sprintf("handshake %d", i)))
	}
	return cases
}

// recordHandshake runs the real handshake between two ends over a pipe. The
// only randomness in it is the ephemeral secret, 32 bytes of rand.Reader each.
func recordHandshake(name string) handshakeCase {
	pipeA, pipeB := net.Pipe()
	a := newEnd(name+" a", pipeA)
	b := newEnd(name+" b", pipeB)

	var done sync.WaitGroup
	// b starts after a has drawn its secret: the reader is one for the process.
	for _, end := range []*end{a, b} {
		crand.Reader = bytes.NewReader(end.ephemeral)
		done.Add(1)
		go func() {
			defer done.Done()
			var err error
			end.conn, err = conn.MakeSecretConnection(end.wire, end.identity)
			must(err)
		}()
		<-end.wire.started
	}
	done.Wait()

	ab, ba := exchange(a.ephemeral, publicOf(b.ephemeral)), exchange(b.ephemeral, publicOf(a.ephemeral))
	out := handshakeCase{
		Name: name, A: a.describe(ab), B: b.describe(ba),
		DHSecret: ab.DHSecret, Challenge: ab.Challenge,
	}
	// Never shorter than what went before, until the last but one: the padding
	// of all others is zero.
	ends := map[string]*end{"a": a, "b": b}
	for _, step := range []struct {
		from, to string
		n        int
	}{{"a", "b", 150}, {"b", "a", 300}, {"a", "b", 1023}, {"b", "a", 1024}, {"a", "b", 2048}, {"b", "a", 1025}, {"a", "b", 3}} {
		plaintext := pattern(step.n)
		out.Messages = append(out.Messages, send(ends[step.from], ends[step.to], step.from, plaintext))
	}
	return out
}

// end is one side while it runs.
type end struct {
	ephemeral []byte
	identity  ed25519.PrivKey
	wire      *recorder
	conn      *conn.SecretConnection
	sendKey   []byte
	sent      uint64
}

func newEnd(label string, pipe net.Conn) *end {
	return &end{
		ephemeral: derive(label+" ephemeral", 32),
		identity:  ed25519.GenPrivKeyFromSecret([]byte(label + " identity")),
		wire:      &recorder{Conn: pipe, started: make(chan struct{})},
	}
}

// recorder keeps what its side writes.
type recorder struct {
	net.Conn
	started chan struct{}
	once    sync.Once
	written bytes.Buffer
}

func (r *recorder) Write(p []byte) (int, error) {
	r.once.Do(func() { close(r.started) })
	r.written.Write(p)
	return r.Conn.Write(p)
}

// take returns what was written since the last call.
func (r *recorder) take() []byte {
	out := bytes.Clone(r.written.Bytes())
	r.written.Reset()
	return out
}

func (e *end) describe(x exchangeCase) handshakeEnd {
	written := e.wire.take()
	if len(written) != ephemeralMessageLen+sealedFrameLen {
		panic(fmt.Sprintf("a handshake wrote %d bytes", len(written)))
	}
	e.sendKey = x.SendKey
	frame := written[ephemeralMessageLen:]
	message, zero := e.open(frame)
	if !zero {
		panic("the padding of the first frame is not zero")
	}
	var auth p2pproto.AuthSigMessage
	must(protoio.UnmarshalDelimited(message, &auth))
	public := e.identity.PubKey()
	if !public.VerifySignature(x.Challenge, auth.Sig) {
		panic("the challenge is not what the real handshake signed")
	}
	return handshakeEnd{
		EphemeralSecret: e.ephemeral, EphemeralPublic: x.LocalPublic,
		IdentitySeed: hexBytes(e.identity.Bytes()[:32]), IdentityPublic: public.Bytes(), PeerID: string(p2p.PubKeyToID(public)),
		IsLower: x.LocalIsLower, RecvKey: x.RecvKey, SendKey: x.SendKey,
		EphemeralMessage: written[:ephemeralMessageLen], AuthMessage: message, AuthFrame: frame,
	}
}

// open decrypts the next frame of this end with the derived key, which proves
// the key, and says whether the padding is zero.
func (e *end) open(frame []byte) (data []byte, zeroPadding bool) {
	aead, err := chacha20poly1305.New(e.sendKey)
	must(err)
	nonce := make([]byte, chacha20poly1305.NonceSize)
	binary.LittleEndian.PutUint64(nonce[4:], e.sent)
	e.sent++
	plain, err := aead.Open(nil, nonce, frame, nil)
	must(err)
	n := binary.LittleEndian.Uint32(plain)
	data, padding := plain[4:4+n], plain[4+n:]
	return data, len(bytes.Trim(padding, "\x00")) == 0
}

func send(from, to *end, label string, plaintext []byte) sentMessage {
	received := make([]byte, len(plaintext))
	done := make(chan error, 1)
	go func() {
		_, err := io.ReadFull(to.conn, received)
		done <- err
	}()
	_, err := from.conn.Write(plaintext)
	must(err)
	must(<-done)
	if !bytes.Equal(received, plaintext) {
		panic("the other end read something else")
	}

	out := sentMessage{From: label, Plaintext: plaintext, ZeroPadding: true}
	for rest := from.wire.take(); len(rest) > 0; rest = rest[sealedFrameLen:] {
		frame := rest[:sealedFrameLen]
		_, zero := from.open(frame)
		out.ZeroPadding = out.ZeroPadding && zero
		out.Frames = append(out.Frames, frame)
	}
	return out
}
