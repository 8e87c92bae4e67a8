package main

import (
	"fmt"
	"time"

	"github.com/showcard/showcard/schemas"
)

const (
	police    = "hunan-police"
	hrss      = "hunan-hrss"
	insurance = "hunan-medical-insurance"
	market    = "hunan-market-supervision"
)

type generator struct {
	rows map[string][]schemas.Row // by issuer
	live []liveRow
}

// liveRow is what an authority answers to a live look-up.
type liveRow struct {
	Key    string         `json:"key"`
	Type   string         `json:"type"`
	Values schemas.Claims `json:"values"`
}

// stateRow is a change of state that follows the push. State is "suspended" or
// "revoked-" with the kind of ending; Code is that of table certificate-states.
type stateRow struct {
	Key    string       `json:"key"`
	Type   string       `json:"type"`
	State  string       `json:"state"`
	Code   string       `json:"code"`
	Reason schemas.Text `json:"reason"`
}

func (g *generator) push(issuer string, r schemas.Row) {
	r.Issuer = issuer
	g.rows[issuer] = append(g.rows[issuer], r)
}

// places names the regions that people live in, as on an address.
func place(region string) (full, county string, err error) {
	on := time.Date(2020, 12, 31, 0, 0, 0, 0, time.UTC)
	r, ok := schemas.Regions().Lookup(region, on)
	if !ok {
		return "", "", fmt.Errorf("no region %s", region)
	}
	return schemas.Regions().FullName(region, on), r.Name, nil
}

func (p person) number() string {
	sequence := 990
	if p.sex == male {
		sequence = 991
	}
	return citizenID(p.region, p.birth, sequence)
}

func (g *generator) person(n int, p person) error {
	full, county, err := place(p.lives)
	if err != nil {
		return err
	}
	address := full + p.road
	portrait, err := drawPortrait(p.look)
	if err != nil {
		return err
	}
	holder := schemas.HolderRef{Type: schemas.HolderCitizenID, Number: p.number(), Name: p.name}
	g.push(police, schemas.Row{
		Key: fmt.Sprintf("GA-SFZ-%04d", n), Type: "resident-id", Holder: holder, Region: p.lives,
		IssuedOn: p.issued, ValidFrom: p.issued, ValidUntil: term(p.until), Portrait: portrait,
		Claims: schemas.Claims{"name": p.name, "sex": p.sex, "ethnicity": p.ethnicity, "birth_date": p.birth,
			"address": address, "id_number": p.number(), "issuing_authority": county + "公安机关（演示）"},
	})
	g.socialSecurity(n, p, holder, address)
	g.medical(n, p, holder)
	if d := p.driver; d != nil {
		g.drivers(n, p, *d, holder, address, portrait)
	}
	if v := p.vehicle; v != nil {
		g.vehicle(fmt.Sprintf("GA-XSZ-%04d", n), *v, holder, p.lives, address)
	}
	return nil
}

func (g *generator) socialSecurity(n int, p person, holder schemas.HolderRef, address string) {
	key := fmt.Sprintf("RS-SBK-%04d", n)
	card, _ := time.Parse(time.DateOnly, p.card)
	claims := schemas.Claims{
		"social_security_number": p.number(), "name": p.name, "sex": p.sex, "ethnicity": p.ethnicity, "birth_date": p.birth,
		"card_identifier": "430100" + chars(key+"/id", hexits, 26), "card_category": "3", "specification_version": "3.00",
		"initialising_institution": "915600000243010000000001", "card_region": "430100",
		"household_category": "30", "birth_place": p.region, "address": address, "issuing_authority": "长沙市社会保障卡中心（演示）",
	}
	if len([]rune(p.name)) > 6 {
		claims["extended_name"] = p.name
	}
	until := schemas.LongTerm
	if n%3 != 0 {
		// A card whose first ten years are about to end was renewed for twenty.
		until = card.AddDate(20, 0, 0).Format(time.DateOnly)
	}
	g.push(hrss, schemas.Row{Key: key, Type: "social-security-card", Holder: holder, Region: "430100",
		Number: "A" + chars(key+"/number", digits, 8), IssuedOn: p.card, ValidFrom: p.card, ValidUntil: until, Claims: claims})
	g.live = append(g.live, liveRow{key, "social-security-card",
		schemas.Claims{"card_state": "01", "pension_drawing": p.birth < "1966"}})
}

func (g *generator) medical(n int, p person, holder schemas.HolderRef) {
	key := fmt.Sprintf("YB-DZPZ-%04d", n)
	from := max(p.card, "2021-07-01")
	g.push(insurance, schemas.Row{Key: key, Type: "medical-insurance", Holder: holder, Region: "430100",
		Number: "43" + chars(key+"/number", digits, 18), IssuedOn: from, ValidFrom: from, ValidUntil: schemas.LongTerm,
		Claims: schemas.Claims{"id_number": p.number(), "id_type": schemas.HolderCitizenID, "name": p.name, "sex": p.sex,
			"birth_date": p.birth, "nationality": "CHN", "insured_region": "430100", "insurance_type": p.insurance,
			"index_number": fmt.Sprintf("%03d", n), "issuing_authority": "长沙市医疗保障局（演示）"}})
	g.live = append(g.live, liveRow{key, "medical-insurance",
		schemas.Claims{"insured_state": "1", "business_token": chars(key+"/token", digits+"ABCDEFGHJKLMNPQRSTUVWXYZ", 40)}})
}

func (g *generator) drivers(n int, p person, d driver, holder schemas.HolderRef, address string, portrait []byte) {
	key := fmt.Sprintf("GA-JSZ-%04d", n)
	claims := schemas.Claims{"name": p.name, "sex": p.sex, "nationality": "CHN", "address": address, "birth_date": p.birth,
		"id_number": p.number(), "first_issue_date": d.first, "vehicle_classes": d.classes,
		"file_number": "4301" + chars(key+"/file", digits, 8), "issuing_authority": "长沙市公安局交通警察支队（演示）"}
	if d.hearing {
		claims["hearing_aid"] = true
	}
	from := d.first
	if d.until != "" {
		// The period ends on the day of the year of the first issue.
		years := 10
		if d.until[:4] == "2024" {
			years = 6
		}
		until, _ := time.Parse(time.DateOnly, d.until)
		from = until.AddDate(-years, 0, 0).Format(time.DateOnly)
	} else {
		from = d.issued[:4] + d.first[4:]
	}
	g.push(police, schemas.Row{Key: key, Type: "drivers-licence", Holder: holder, Region: "430100",
		Number: "43" + chars(key+"/number", digits, 11), IssuedOn: d.issued, ValidFrom: from, ValidUntil: term(d.until),
		Claims: claims, Portrait: portrait})
	g.live = append(g.live, liveRow{key, "drivers-licence",
		schemas.Claims{"points": d.points, "licence_state": d.state, "points_reset_on": "2027" + d.first[4:]}})
}

func (g *generator) vehicle(key string, v vehicle, holder schemas.HolderRef, region, address string) {
	claims := schemas.Claims{"plate_number": v.plate, "plate_type": v.plateType, "vehicle_type": v.kind, "owner": holder.Name,
		"address": address, "vehicle_use": v.use, "brand_model": v.model, "vin": vin(key),
		"engine_number": chars(key+"/engine", digits+"ABCDEFGH", 8), "registration_date": v.registered,
		"file_number": "4301" + chars(key+"/file", digits, 8), "approved_passengers": v.passengers, "gross_mass": v.gross,
		"curb_mass": v.curb, "outline_dimensions": v.size, "inspection_record": "检验有效期至2029年" + v.registered[5:7] + "月 湘A",
		"issuing_authority": "长沙市公安局交通警察支队（演示）"}
	if v.load > 0 {
		claims["approved_load_mass"] = v.load
	}
	if v.remarks != "" {
		claims["remarks"] = v.remarks
	}
	g.push(police, schemas.Row{Key: key, Type: "vehicle-licence", Holder: holder, Region: "430100",
		Number: "43" + chars(key+"/number", digits, 11), IssuedOn: v.issued, ValidFrom: v.issued, ValidUntil: schemas.LongTerm,
		Claims: claims})
	g.live = append(g.live, liveRow{key, "vehicle-licence",
		schemas.Claims{"vehicle_state": v.state, "inspection_valid_until": "2029-" + v.registered[5:7] + "-28"}})
}

func (g *generator) company(n int, c company) error {
	key := fmt.Sprintf("SC-YYZZ-%04d", n)
	code := uscc(c.head, c.organisation)
	holder := schemas.HolderRef{Type: schemas.HolderUSCC, Number: code, Name: c.name}
	region := c.head[2:]
	_, county, err := place(region)
	if err != nil {
		return err
	}
	g.push(market, schemas.Row{Key: key, Type: "business-licence", Holder: holder, Region: region,
		Number: code[2:8] + "00" + chars(key+"/number", digits, 10), IssuedOn: c.issued, ValidFrom: c.established, ValidUntil: schemas.LongTerm,
		Claims: schemas.Claims{"name": c.name, "unified_social_credit_code": code, "company_type": c.kind, "principal": c.principal,
			"principal_role": c.role, "registered_capital": c.capital, "capital_currency": "CNY", "domicile": c.domicile,
			"business_scope": c.scope, "established_on": c.established, "approved_on": c.issued,
			"business_term_from": c.established, "business_term_until": schemas.LongTerm, "copy": "2",
			"issuing_authority": county + "市场监督管理局（演示）"},
		Representatives: c.representatives})
	state := "1"
	if n == 3 {
		state = "3"
	}
	g.live = append(g.live, liveRow{key, "business-licence", schemas.Claims{"registration_state": state, "abnormal": c.abnormal}})
	if c.vehicle != nil {
		g.vehicle(fmt.Sprintf("GA-XSZ-C%03d", n), *c.vehicle, holder, region, c.domicile)
	}
	return nil
}

func term(until string) string {
	if until == "" {
		return schemas.LongTerm
	}
	return until
}

func states() []stateRow {
	return []stateRow{
		{"GA-JSZ-0003", "drivers-licence", "suspended", "02", schemas.Text{ZH: "累积记分达到12分，驾驶证暂扣", EN: "Twelve points accumulated: licence suspended"}},
		{"GA-XSZ-0013", "vehicle-licence", "revoked-cancelled", "04", schemas.Text{ZH: "机动车报废，行驶证注销", EN: "Vehicle scrapped: licence cancelled"}},
		{"SC-YYZZ-0003", "business-licence", "revoked-revoked", "07", schemas.Text{ZH: "未按规定申报，营业执照吊销", EN: "Filings neglected: licence revoked"}},
	}
}
