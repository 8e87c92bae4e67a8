package schemas

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
)

// The document of SD-JWT VC, "Type Metadata": vct, display and claims.
type typeMetadata struct {
	VCT         string          `json:"vct"`
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Display     []typeDisplay   `json:"display"`
	Claims      []claimMetadata `json:"claims"`
}

type typeDisplay struct {
	Locale      string    `json:"locale"`
	Name        string    `json:"name"`
	Description string    `json:"description"`
	Rendering   rendering `json:"rendering"`
}

type rendering struct {
	Simple struct {
		BackgroundColor string `json:"background_color"`
		TextColor       string `json:"text_color"`
	} `json:"simple"`
}

type claimMetadata struct {
	Path      []string       `json:"path"`
	Display   []claimDisplay `json:"display"`
	Mandatory bool           `json:"mandatory,omitempty"`
	SD        string         `json:"sd"`
	SVGID     string         `json:"svg_id,omitempty"`
}

type claimDisplay struct {
	Locale string `json:"locale"`
	Label  string `json:"label"`
}

const (
	localeZH = "zh-CN"
	localeEN = "en"
)

// Metadata is the SD-JWT VC type metadata of the type, as served at its vct.
// Every claim must be selectively disclosable; live fields are not claims.
func (t *Type) Metadata(publicURL string) ([]byte, error) {
	u, err := url.Parse(publicURL)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("schemas: %q is not a public URL", publicURL)
	}
	m := typeMetadata{
		VCT:         strings.TrimSuffix(publicURL, "/") + t.Path(),
		Name:        t.Name.EN,
		Description: t.Description.EN,
	}
	var look rendering
	look.Simple.BackgroundColor, look.Simple.TextColor = t.Card.Background, t.Card.TextColor
	m.Display = []typeDisplay{
		{localeZH, t.Name.ZH, t.Description.ZH, look},
		{localeEN, t.Name.EN, t.Description.EN, look},
	}
	claim := func(name string, label Text, mandatory bool) {
		m.Claims = append(m.Claims, claimMetadata{
			Path:      []string{name},
			Display:   []claimDisplay{{localeZH, label.ZH}, {localeEN, label.EN}},
			Mandatory: mandatory, SD: "always", SVGID: name,
		})
	}
	for _, f := range t.Fields {
		claim(f.Name, f.Label, f.Required)
	}
	for _, p := range t.Predicates {
		claim(p.Name, p.Label, false)
	}
	if t.Portrait {
		claim(PortraitClaim, Text{"相片摘要", "Portrait digest"}, false)
	}
	return json.MarshalIndent(m, "", "  ")
}
