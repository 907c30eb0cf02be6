package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/crypto"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// As Zitadel's server has them: how old an assertion may be, and how far ahead.
const (
	oldestAssertion = time.Hour
	aheadOfClock    = time.Second
)

type issuer struct {
	op.UnimplementedServer
	*state
	url string
}

func (i *issuer) Health(context.Context, *op.Request[struct{}]) (*op.Response, error) {
	return op.NewResponse(op.Status{Status: "ok"}), nil
}

func (i *issuer) Discovery(context.Context, *op.Request[struct{}]) (*op.Response, error) {
	return op.NewResponse(&oidc.DiscoveryConfiguration{
		Issuer:                           i.url,
		TokenEndpoint:                    i.url + "/oauth/v2/token",
		JwksURI:                          i.url + "/oauth/v2/keys",
		AuthorizationEndpoint:            i.url + "/oauth/v2/authorize",
		GrantTypesSupported:              []oidc.GrantType{oidc.GrantTypeBearer},
		ResponseTypesSupported:           []string{"code"},
		SubjectTypesSupported:            []string{"public"},
		IDTokenSigningAlgValuesSupported: []string{"RS256"},
	}), nil
}

func (i *issuer) Keys(context.Context, *op.Request[struct{}]) (*op.Response, error) {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	set := &jose.JSONWebKeySet{}
	for _, key := range i.WebKeys {
		public := &key.private().PublicKey
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: public, KeyID: key.ID, Algorithm: "RS256", Use: "sig"})
	}
	response := op.NewResponse(set)
	response.Header.Set("Cache-Control", "max-age=300, must-revalidate")
	return response, nil
}

// The keys of machine users, for the library that verifies an assertion. It keeps whose it was.
type assertionKeys struct {
	*state
	of *machine
}

func (k *assertionKeys) GetKeyByIDAndClientID(_ context.Context, keyID, userID string) (*jose.JSONWebKey, error) {
	user, isUser := k.Machines[userID]
	if !isUser {
		return nil, errors.New("Errors.User.NotFound")
	}
	key, isKey := user.Keys[keyID]
	if !isKey || !k.isRead(key.WrittenAt) {
		return nil, errors.New("Errors.AuthNKey.NotFound")
	}
	if !key.Expires.IsZero() && key.Expires.Before(time.Now()) {
		return nil, errors.New("Errors.AuthNKey.NotFound: it has expired")
	}
	public, err := x509.ParsePKIXPublicKey(key.DER)
	if err != nil {
		return nil, err
	}
	k.of = user
	return &jose.JSONWebKey{KeyID: keyID, Use: "sig", Key: public}, nil
}

func (i *issuer) JWTProfile(ctx context.Context, r *op.Request[oidc.JWTProfileGrantRequest]) (*op.Response, error) {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	keys := &assertionKeys{state: i.state}
	verifier := op.NewJWTProfileVerifier(keys, i.url, oldestAssertion, aheadOfClock)
	if _, err := op.VerifyJWTAssertion(ctx, r.Data.Assertion, verifier); err != nil {
		return nil, oidc.ErrInvalidRequest().WithDescription("%s", err.Error()).WithParent(err)
	}
	if keys.of.Inactive {
		return nil, oidc.ErrInvalidGrant().WithDescription("Errors.User.NotActive")
	}
	token, err := i.accessToken(keys.of, r.Data.Scope)
	if err != nil {
		return nil, err
	}
	return op.NewResponse(&oidc.AccessTokenResponse{
		AccessToken: token,
		TokenType:   oidc.BearerToken,
		ExpiresIn:   uint64(i.TokenLifetime.Seconds()),
	}), nil
}

func (i *issuer) accessToken(user *machine, scopes []string) (string, error) {
	id := i.id()
	i.save()
	// A machine that v2 of the interface made has no type of token, and gets one that nobody can read.
	if user.AccessTokenType != "ACCESS_TOKEN_TYPE_JWT" {
		return "opaque-" + id, nil
	}
	var audience []string
	for _, scope := range scopes {
		// Whoever asks gets this audience: it permits nothing.
		if rest, isProject := strings.CutPrefix(scope, "urn:zitadel:iam:org:project:id:"); isProject {
			audience = append(audience, strings.TrimSuffix(rest, ":aud"))
		}
	}
	claims := oidc.NewAccessTokenClaims(i.url, user.ID, audience, time.Now().Add(i.TokenLifetime), "V2_"+id+"-at_"+id, user.UserName, 0)
	claims.Claims = map[string]any{}
	if roles := i.roles(user); len(roles) > 0 && slices.Contains(scopes, "urn:zitadel:iam:org:projects:roles") && slices.Contains(audience, project) {
		given := map[string]any{}
		for _, role := range roles {
			given[role] = map[string]string{organisation: organisationDomain}
		}
		claims.Claims[fmt.Sprintf("urn:zitadel:iam:org:project:%s:roles", project)] = given
		claims.Claims["urn:zitadel:iam:org:project:roles"] = given
	}
	at := slices.IndexFunc(i.WebKeys, func(key webKey) bool { return key.ID == i.Active })
	signing := jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: i.WebKeys[at].private(), KeyID: i.Active}}
	signer, err := jose.NewSigner(signing, nil)
	if err != nil {
		return "", err
	}
	return crypto.Sign(claims, signer)
}
