package main

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// What a call answers: a body, or a status and a message as gRPC's gateway has them.
type answer struct {
	body    any
	status  int
	message string
}

var codes = map[int]int{http.StatusBadRequest: 3, http.StatusNotFound: 5, http.StatusConflict: 6, http.StatusUnauthorized: 16}

type call func(r *http.Request, decode func(into any) error) answer

func refuse(status int, message string) answer { return answer{status: status, message: message} }

// The calls of Zitadel's management that an enrolment service makes, and some of an administrator's. Bodies
// are as protojson takes them: bytes are base64, and a field that is not known is refused.
func (s *state) management(administrator string) http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, do call) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			s.mutex.Lock()
			defer s.mutex.Unlock()
			said := refuse(http.StatusUnauthorized, "auth header missing")
			if r.Header.Get("Authorization") == "Bearer "+administrator {
				decoder := json.NewDecoder(r.Body)
				decoder.DisallowUnknownFields()
				said = do(r, decoder.Decode)
			}
			w.Header().Set("Content-Type", "application/json")
			if said.message != "" {
				w.WriteHeader(said.status)
				said.body = map[string]any{"code": codes[said.status], "message": said.message, "details": []any{}}
			} else {
				s.save()
			}
			_ = json.NewEncoder(w).Encode(said.body)
		})
	}
	handle("POST /management/v1/users/machine", s.addMachine)
	handle("POST /v2/users/new", s.addMachineByV2)
	handle("POST /management/v1/users/{id}/keys", s.ofUser(s.addKey))
	handle("DELETE /management/v1/users/{id}/keys/{key}", s.ofUser(func(m *machine, r *http.Request, _ func(any) error) answer {
		delete(m.Keys, r.PathValue("key"))
		return answer{body: map[string]any{}}
	}))
	handle("POST /management/v1/users/{id}/keys/_search", s.searchKeys)
	handle("DELETE /management/v1/users/{id}", s.ofUser(func(m *machine, _ *http.Request, _ func(any) error) answer {
		delete(s.Machines, m.ID)
		return answer{body: map[string]any{}}
	}))
	handle("GET /management/v1/users/{id}", s.ofUser(func(m *machine, _ *http.Request, _ func(any) error) answer {
		state := "USER_STATE_ACTIVE"
		if m.Inactive {
			state = "USER_STATE_INACTIVE"
		}
		return answer{body: map[string]any{"user": map[string]any{"id": m.ID, "userName": m.UserName, "state": state}}}
	}))
	handle("POST /management/v1/users/{id}/_deactivate", s.ofUser(func(m *machine, _ *http.Request, _ func(any) error) answer {
		if m.Inactive {
			return refuse(http.StatusBadRequest, "Errors.User.AlreadyInactive")
		}
		m.Inactive = true
		return answer{body: map[string]any{}}
	}))
	handle("POST /management/v1/users/{id}/_reactivate", s.ofUser(func(m *machine, _ *http.Request, _ func(any) error) answer {
		if !m.Inactive {
			return refuse(http.StatusBadRequest, "Errors.User.NotInactive")
		}
		m.Inactive = false
		return answer{body: map[string]any{}}
	}))
	handle("POST /management/v1/users/{id}/grants", s.ofUser(s.addGrant))
	handle("POST /management/v1/users/grants/_search", s.searchGrants)
	handle("PUT /admin/v1/settings/oidc", s.setLifetime)
	handle("POST /v2/web_keys", func(*http.Request, func(any) error) answer {
		return answer{body: map[string]any{"id": s.addWebKey()}}
	})
	handle("POST /v2/web_keys/{id}/activate", func(r *http.Request, _ func(any) error) answer {
		s.Active = r.PathValue("id")
		return answer{body: map[string]any{}}
	})
	handle("DELETE /v2/web_keys/{id}", func(r *http.Request, _ func(any) error) answer {
		s.WebKeys = slices.DeleteFunc(s.WebKeys, func(key webKey) bool { return key.ID == r.PathValue("id") })
		return answer{body: map[string]any{}}
	})
	return mux
}

func (s *state) ofUser(do func(m *machine, r *http.Request, decode func(any) error) answer) call {
	return func(r *http.Request, decode func(any) error) answer {
		m, isUser := s.Machines[r.PathValue("id")]
		if !isUser {
			return refuse(http.StatusNotFound, "Errors.User.NotFound")
		}
		return do(m, r, decode)
	}
}

func (s *state) add(m machine) answer {
	if m.ID == "" {
		m.ID = s.id()
	}
	for _, other := range s.Machines {
		if other.ID == m.ID || other.UserName == m.UserName {
			return refuse(http.StatusConflict, "Errors.User.AlreadyExisting")
		}
	}
	m.Keys, m.Grants = map[string]machineKey{}, map[string]userGrant{}
	s.Machines[m.ID] = &m
	return answer{body: map[string]any{"id": m.ID, "userId": m.ID}}
}

func (s *state) addMachine(_ *http.Request, decode func(any) error) answer {
	var body struct{ UserId, UserName, Name, Description, AccessTokenType string }
	if err := decode(&body); err != nil || body.UserName == "" || body.Name == "" {
		return refuse(http.StatusBadRequest, fmt.Sprint("invalid AddMachineUserRequest: ", err))
	}
	said := s.add(machine{ID: body.UserId, UserName: body.UserName, Name: body.Name, AccessTokenType: body.AccessTokenType})
	if said.message == "" {
		said.body = map[string]any{"userId": said.body.(map[string]any)["userId"]}
	}
	return said
}

// This call has no field for the type of token.
func (s *state) addMachineByV2(_ *http.Request, decode func(any) error) answer {
	var body struct {
		OrganizationId, UserId, Username string
		Machine                          *struct{ Name, Description string }
	}
	if err := decode(&body); err != nil || body.Machine == nil {
		return refuse(http.StatusBadRequest, fmt.Sprint("invalid CreateUserRequest: ", err))
	}
	return s.add(machine{ID: body.UserId, UserName: body.Username, Name: body.Machine.Name})
}

func (s *state) addKey(m *machine, _ *http.Request, decode func(any) error) answer {
	var body struct {
		Type           string
		PublicKey      []byte
		ExpirationDate time.Time
	}
	if err := decode(&body); err != nil || len(body.PublicKey) == 0 || body.Type != "KEY_TYPE_JSON" {
		return refuse(http.StatusBadRequest, fmt.Sprint("invalid AddMachineKeyRequest: ", err))
	}
	block, _ := pem.Decode(body.PublicKey)
	if block == nil {
		return refuse(http.StatusBadRequest, "Errors.Internal: publicKey is no PEM")
	}
	if _, err := x509.ParsePKIXPublicKey(block.Bytes); err != nil {
		return refuse(http.StatusBadRequest, err.Error())
	}
	id := s.id()
	m.Keys[id] = machineKey{DER: block.Bytes, Expires: body.ExpirationDate, WrittenAt: time.Now()}
	return answer{body: map[string]any{"keyId": id}}
}

// A user that is not there has no keys.
func (s *state) searchKeys(r *http.Request, _ func(any) error) answer {
	result := []any{}
	if m, isUser := s.Machines[r.PathValue("id")]; isUser {
		for id, key := range m.Keys {
			if s.isRead(key.WrittenAt) {
				result = append(result, map[string]any{"id": id, "type": "KEY_TYPE_JSON"})
			}
		}
	}
	return answer{body: map[string]any{"result": result}}
}

func (s *state) addGrant(m *machine, _ *http.Request, decode func(any) error) answer {
	var body struct {
		ProjectId string
		RoleKeys  []string
	}
	if err := decode(&body); err != nil || body.ProjectId != project {
		return refuse(http.StatusBadRequest, fmt.Sprint("Errors.Project.NotFound: ", err))
	}
	for _, grant := range m.Grants {
		if grant.ProjectID == body.ProjectId {
			return refuse(http.StatusConflict, "Errors.UserGrant.AlreadyExists")
		}
	}
	id := s.id()
	m.Grants[id] = userGrant{ProjectID: body.ProjectId, RoleKeys: body.RoleKeys, WrittenAt: time.Now()}
	return answer{body: map[string]any{"userGrantId": id}}
}

func (s *state) searchGrants(_ *http.Request, decode func(any) error) answer {
	var body struct {
		Queries []struct{ UserIdQuery struct{ UserId string } }
	}
	if err := decode(&body); err != nil || len(body.Queries) != 1 {
		return refuse(http.StatusBadRequest, fmt.Sprint("invalid ListUserGrantRequest: ", err))
	}
	result := []any{}
	if m, isUser := s.Machines[body.Queries[0].UserIdQuery.UserId]; isUser {
		for id, grant := range m.Grants {
			if s.isRead(grant.WrittenAt) {
				result = append(result, map[string]any{"id": id, "userId": m.ID, "projectId": grant.ProjectID, "roleKeys": grant.RoleKeys})
			}
		}
	}
	return answer{body: map[string]any{"result": result}}
}

func (s *state) setLifetime(_ *http.Request, decode func(any) error) answer {
	var body struct{ AccessTokenLifetime, IdTokenLifetime, RefreshTokenIdleExpiration, RefreshTokenExpiration string }
	if err := decode(&body); err != nil {
		return refuse(http.StatusBadRequest, err.Error())
	}
	lifetime, err := time.ParseDuration(body.AccessTokenLifetime)
	if err != nil {
		return refuse(http.StatusBadRequest, err.Error())
	}
	s.TokenLifetime = lifetime
	return answer{body: map[string]any{}}
}
