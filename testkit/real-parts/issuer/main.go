// The issuer of the tests: it gives tokens as Zitadel does, by the library that Zitadel is built on
// (github.com/zitadel/oidc/v3), with the same two durations for an assertion as Zitadel's server.
// Beside that it has the calls of Zitadel's management that an enrolment service makes. What it is
// given it keeps in one file, so that it can be killed and started again.
//
// It is no Zitadel. It has one organisation and one administrator, its errors are shorter, and what
// is written is read again after -lag, for everything alike.
package main

import (
	"encoding/json"
	"flag"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/zitadel/oidc/v3/pkg/op"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:9998", "address and port")
	stateFile := flag.String("state", "", "the file that keeps users and keys")
	tls := flag.String("tls", "", "another address and port, over TLS: then that is the issuer")
	cert := flag.String("cert", "", "PEM, with -tls")
	key := flag.String("key", "", "PEM, with -tls")
	lag := flag.Duration("lag", 0, "how long after a write it is not read yet")
	flag.Parse()
	administrator := os.Getenv("ISSUER_PAT")
	if administrator == "" || *stateFile == "" {
		log.Fatal("set ISSUER_PAT to the token of the administrator, and name a file with -state")
	}
	s, err := openState(*stateFile, *lag)
	if err != nil {
		log.Fatal(err)
	}
	url := "http://" + *listen
	if *tls != "" {
		url = "https://" + *tls
	}
	endpoints := op.Endpoints{Token: op.NewEndpoint("/oauth/v2/token"), JwksURI: op.NewEndpoint("/oauth/v2/keys")}
	management := s.management(administrator)
	root := http.NewServeMux()
	for _, path := range []string{"/v2/", "/management/", "/admin/"} {
		root.Handle(path, management)
	}
	root.Handle("/", op.RegisterServer(&issuer{state: s, url: url}, endpoints))
	if *tls != "" {
		go func() { log.Fatal(http.ListenAndServeTLS(*tls, *cert, *key, root)) }()
	}
	log.Printf("gives tokens at %s", url)
	log.Fatal(http.ListenAndServe(*listen, root))
}

// What the issuer keeps. Everything in it is written as one file at each change.
type stored struct {
	Machines map[string]*machine
	WebKeys  []webKey
	// The id of the web key that signs.
	Active        string
	LastID        int64
	TokenLifetime time.Duration
}

type machine struct {
	ID, UserName, Name, AccessTokenType string
	Inactive                            bool
	Keys                                map[string]machineKey
	// By the id of the grant.
	Grants map[string]userGrant
}

type machineKey struct {
	// SubjectPublicKeyInfo.
	DER       []byte
	Expires   time.Time
	WrittenAt time.Time
}

type userGrant struct {
	ProjectID string
	RoleKeys  []string
	WrittenAt time.Time
}

type webKey struct {
	ID string
	// PKCS #1.
	DER []byte
}

func (s *state) save() {
	text, err := json.Marshal(s.stored)
	if err == nil {
		err = os.WriteFile(s.file+".new", text, 0o600)
	}
	if err == nil {
		err = os.Rename(s.file+".new", s.file)
	}
	if err != nil {
		log.Fatal(err)
	}
}
