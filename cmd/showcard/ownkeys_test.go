package main

import (
	"net/http"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/registry"
)

// ownKeys is a client that rotates its key.
func (j *judge) ownKeys(c *client) {
	bearer, err := c.authorization(j.t.Context())
	require.NoError(j.t, err)
	token := strings.TrimPrefix(bearer, "Bearer ")
	j.call(http.MethodGet, "/v1/clients/self", token, nil, http.StatusOK)
	own := j.call(http.MethodGet, "/v1/clients/self/usage?days=3", token, nil, http.StatusOK)
	require.Equal(j.t, c.id, own["party"])
	require.NotZero(j.t, own["checks"])
	j.call(http.MethodGet, "/v1/clients/self/usage?days=0", token, nil, http.StatusUnprocessableEntity)
	next, err := key.Generate(key.SM2)
	require.NoError(j.t, err)
	a, b, err := registry.SignKeyChange(c.signer, next, c.id, c.aud, time.Hour, time.Now())
	require.NoError(j.t, err)
	j.call(http.MethodPost, "/v1/clients/self/keys", token, map[string]any{"current": a, "next": a}, http.StatusUnprocessableEntity)
	j.call(http.MethodPost, "/v1/clients/self/keys", token, map[string]any{"current": a, "next": b}, http.StatusOK)
	j.call(http.MethodDelete, "/v1/clients/self/keys/"+next.Public().ID(), token, nil, http.StatusConflict)
	j.call(http.MethodDelete, "/v1/clients/self/keys/"+c.signer.Public().ID(), token, nil, http.StatusOK)
}
