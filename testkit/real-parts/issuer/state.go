package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"
)

// The one project and the one organisation, named as Zitadel names them: by numbers.
const (
	project            = "300000000000000001"
	organisation       = "200000000000000001"
	organisationDomain = "iot.localhost"
)

type state struct {
	stored
	mutex sync.Mutex
	file  string
	lag   time.Duration
}

func openState(file string, lag time.Duration) (*state, error) {
	s := &state{file: file, lag: lag, stored: stored{Machines: map[string]*machine{}, TokenLifetime: 12 * time.Hour}}
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		s.Active = s.addWebKey()
		s.save()
		return s, nil
	}
	if err != nil {
		return nil, err
	}
	return s, json.Unmarshal(text, &s.stored)
}

func (s *state) id() string {
	s.LastID++
	return fmt.Sprintf("3%017d", s.LastID+1)
}

func (s *state) addWebKey() string {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	id := s.id()
	s.WebKeys = append(s.WebKeys, webKey{ID: id, DER: x509.MarshalPKCS1PrivateKey(private)})
	return id
}

func (k webKey) private() *rsa.PrivateKey {
	private, err := x509.ParsePKCS1PrivateKey(k.DER)
	if err != nil {
		panic(err)
	}
	return private
}

// Whether what was written then is read by now: Zitadel answers from projections, which lag.
func (s *state) isRead(writtenAt time.Time) bool {
	return time.Since(writtenAt) >= s.lag
}

// The roles of a user as far as they are read by now.
func (s *state) roles(m *machine) []string {
	var roles []string
	for _, grant := range m.Grants {
		if s.isRead(grant.WrittenAt) {
			roles = append(roles, grant.RoleKeys...)
		}
	}
	return roles
}
