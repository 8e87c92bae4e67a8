package verifierhttp

import (
	"context"
	"encoding/base64"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/httpd"
	"github.com/showcard/showcard/internal/qr"
	"github.com/showcard/showcard/internal/qr/qrimage"
)

// One picture takes seconds of a core and up to 150 MB: however many arrive, few are read at once,
// and who gives up while waiting costs nothing.
func TestFewPicturesAreReadAtOnce(t *testing.T) {
	payload, err := qr.FormatTicket("DEMO", [16]byte{1})
	require.NoError(t, err)
	picture, err := qrimage.PNG(payload, qrimage.Options{})
	require.NoError(t, err)
	text := base64.StdEncoding.EncodeToString(picture)
	a := &API{pictures: make(chan struct{}, 1)}

	got, err := a.readImage(t.Context(), text)
	require.NoError(t, err)
	require.Equal(t, payload, got)
	require.Empty(t, a.pictures, "the place is given back")

	a.pictures <- struct{}{}
	gone, hangUp := context.WithCancel(t.Context())
	hangUp()
	_, err = a.readImage(gone, text)
	require.ErrorIs(t, err, context.Canceled)
	<-a.pictures
	_, err = a.readImage(t.Context(), "!")
	require.Error(t, err)
	require.Empty(t, a.pictures)

	a.waiting.Store(mostPictures)
	_, err = a.readImage(t.Context(), text)
	var problem *httpd.Problem
	require.ErrorAs(t, err, &problem)
	require.Equal(t, httpd.CodeOverloaded, problem.Code, "the rest are told at once")
	require.EqualValues(t, mostPictures, a.waiting.Load())
}
