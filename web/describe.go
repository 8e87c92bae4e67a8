package web

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/showcard/showcard/internal/httpd"
	"github.com/showcard/showcard/schemas"
)

// The pages get the catalogue in small documents: what fields are called and how their values
// are written. Texts are pairs [Chinese, English] and names are short, because a phone loads it.

type pair [2]string

type typeDescription struct {
	Name   pair               `json:"name"`
	Fields []fieldDescription `json:"fields"`
	Live   []fieldDescription `json:"live,omitempty"`
	// Face are the fields that tell one card of a type from another.
	Face []string `json:"face"`
	// Offline are the views that a device may take along; Sensitive types ask who shows them first.
	Offline   []string `json:"offline,omitempty"`
	Sensitive bool     `json:"sensitive,omitempty"`
}

type fieldDescription struct {
	Name  string       `json:"n"`
	Label pair         `json:"l"`
	Kind  schemas.Kind `json:"k"`
	Table string       `json:"t,omitempty"`
	Unit  *pair        `json:"u,omitempty"`
	// From is the member of a pushed row that the value is taken from.
	From schemas.RowMember `json:"f,omitempty"`
}

// catalogueDescription becomes two documents: before a code is shown a phone needs names of fields
// but no tables of codes, which are the larger part.
type catalogueDescription struct {
	types  map[string]typeDescription // by "id/version"
	tables map[string]map[string]pair
}

// kindYesNo is how predicates are shown; it is no kind of the catalogue, because nobody pushes one.
const kindYesNo schemas.Kind = "predicate"

// viewsTable and the id of a type name the table of its views.
const viewsTable = "views/"

func pairOf(t schemas.Text) pair { return pair{t.ZH, t.EN} }

func describe(c *schemas.Catalogue) (types, tables []byte, err error) {
	out := catalogueDescription{types: map[string]typeDescription{}, tables: map[string]map[string]pair{}}
	for _, t := range c.Types() {
		if !t.Published {
			continue
		}
		d := typeDescription{Name: pairOf(t.Name), Face: face(t), Offline: t.Offline.Views, Sensitive: t.Sensitive}
		if d.Fields, err = out.fields(c, t.Fields); err != nil {
			return nil, nil, err
		}
		if d.Live, err = out.fields(c, t.Live); err != nil {
			return nil, nil, err
		}
		for _, p := range t.Predicates {
			d.Fields = append(d.Fields, fieldDescription{Name: p.Name, Label: pairOf(p.Label), Kind: kindYesNo})
		}
		d.Fields = append(d.Fields, fieldDescription{Name: schemas.IdentifierClaim, Label: pair{"证照标识", "Certificate identifier"}, Kind: schemas.KindText})
		if t.Portrait {
			d.Fields = append(d.Fields, fieldDescription{Name: schemas.PortraitClaim, Label: pair{"相片", "Portrait"}, Kind: schemas.KindText})
		}
		views := make(map[string]pair, len(t.Views))
		for _, v := range t.Views {
			views[v.Name] = pairOf(v.Label)
		}
		out.tables[viewsTable+t.ID] = views
		out.types[t.Path()[len("/types/"):]] = d
	}
	if types, err = json.Marshal(out.types); err != nil {
		return nil, nil, err
	}
	tables, err = json.Marshal(out.tables)
	return types, tables, err
}

func (d *catalogueDescription) fields(c *schemas.Catalogue, fields []schemas.Field) ([]fieldDescription, error) {
	var out []fieldDescription
	for _, f := range fields {
		one := fieldDescription{Name: f.Name, Label: pairOf(f.Label), Kind: f.Kind, Table: f.Table, From: f.From}
		if f.Unit != nil {
			u := pairOf(*f.Unit)
			one.Unit = &u
		}
		out = append(out, one)
		if f.Table == "" || d.tables[f.Table] != nil {
			continue
		}
		table, err := c.Tables().Table(f.Table)
		if err != nil {
			return nil, err
		}
		names := make(map[string]pair, len(table.Codes))
		for _, code := range table.Codes {
			names[code.Code] = pairOf(code.Name)
		}
		d.tables[f.Table] = names
	}
	return out, nil
}

// face picks the first plain text (whose it is) and the first number of a person, company or
// vehicle (which one it is).
func face(t *schemas.Type) []string {
	var text, number string
	for _, f := range t.Fields {
		switch f.Kind {
		case schemas.KindText:
			if text == "" && f.Required {
				text = f.Name
			}
		case schemas.KindCitizenID, schemas.KindHolderNumber, schemas.KindUSCC, schemas.KindPlate:
			if number == "" {
				number = f.Name
			}
		default: // says neither whose nor which
		}
	}
	out := []string{}
	for _, name := range []string{text, number} {
		if name != "" {
			out = append(out, name)
		}
	}
	return out
}

// region names a region of GB/T 2260. The table is far too large for a phone, and a page needs one
// or two names of it.
func (p *Pages) region(c *gin.Context) (any, error) {
	name := p.catalogue.Tables().Regions().FullName(c.Param("code"), time.Now())
	if name == "" {
		return nil, &httpd.Problem{Code: httpd.CodeNotFound}
	}
	body, err := json.Marshal(struct {
		Name string `json:"name"`
	}{name})
	if err != nil {
		return nil, err
	}
	return httpd.Raw{
		Status: http.StatusOK, ContentType: "application/json", Body: body, CacheControl: "public, max-age=86400", ETag: httpd.ETag(body),
	}, nil
}
