package schemas

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var today = time.Date(2026, 11, 21, 4, 0, 0, 0, time.UTC)

var jpegBytes = []byte("\xff\xd8\xff\xe0 picture \xff\xd9")

func idRow() Row {
	return Row{Key: "K1", Type: "resident-id", Holder: HolderRef{"111", "430102198803129911", "张示例"}, Region: "430102",
		IssuedOn: "2020-05-18", ValidFrom: "2020-05-18", ValidUntil: "2040-05-18", Portrait: jpegBytes,
		Claims: Claims{"name": "张示例", "sex": "1", "ethnicity": "01", "birth_date": "1988-03-12", "address": "湖南省长沙市芙蓉区虚构路12号",
			"id_number": "430102198803129911", "issuing_authority": "芙蓉区公安机关"}}
}

func licenceRow() Row {
	return Row{Key: "K2", Type: "drivers-licence", Holder: HolderRef{"111", "430102198803129911", "张示例"}, Region: "430100",
		IssuedOn: "2022-05-20", ValidFrom: "2022-06-01", ValidUntil: "2032-06-01", Portrait: jpegBytes,
		Claims: Claims{"name": "张示例", "sex": "1", "nationality": "CHN", "birth_date": "1988-03-12", "address": "湖南省长沙市", "id_number": "430102198803129911",
			"first_issue_date": "2010-06-01", "vehicle_classes": "C1D", "file_number": "430112345678", "issuing_authority": "交警支队"}}
}

func vehicleRow() Row {
	return Row{Key: "K3", Type: "vehicle-licence", Holder: HolderRef{"111", "430102198803129911", "张示例"}, Region: "430100",
		IssuedOn: "2023-04-11", ValidFrom: "2023-04-11",
		Claims: Claims{"plate_number": "湘AD12345", "plate_type": "52", "vehicle_type": "小型轿车", "owner": "张示例", "address": "湖南省长沙市", "vehicle_use": "A",
			"brand_model": "样例牌SC7100EV", "vin": "1M8GDM9AXKP042788", "engine_number": "A1", "registration_date": "2023-04-11", "file_number": "430112345678",
			"approved_passengers": json.Number("5"), "outline_dimensions": "4680×1850×1450", "issuing_authority": "交警支队"}}
}

func companyRow() Row {
	return Row{Key: "K4", Type: "business-licence", Holder: HolderRef{"001", "91330106MA27Y4U47R", "杭州样本有限公司"}, Region: "430102",
		IssuedOn: "2023-04-11", ValidFrom: "2023-04-11", ValidUntil: "long-term",
		Representatives: []HolderRef{{"111", "430102198803129911", "张示例"}},
		Claims: Claims{"name": "杭州样本有限公司", "unified_social_credit_code": "91330106MA27Y4U47R", "company_type": "有限责任公司", "principal": "张示例",
			"principal_role": "1", "registered_capital": "1000.5", "domicile": "样本路1号", "business_scope": "软件开发", "established_on": "2016-05-01", "issuing_authority": "市场监管局"}}
}

func codes(problems []Problem) []string {
	var list []string
	for _, p := range problems {
		s := p.Code + " " + p.Pointer
		if p.Warning {
			s += " (warning)"
		}
		list = append(list, s)
	}
	return list
}

func TestValidate(t *testing.T) {
	c := catalogue(t)
	for _, row := range []func() Row{idRow, licenceRow, vehicleRow, companyRow} {
		for _, mode := range []Mode{Strict, Import} {
			_, problems := c.Validate(row(), today, mode)
			require.Empty(t, problems, row().Type)
		}
	}
	long := strings.Repeat("长", 201)
	set := func(name string, v any) func(*Row) { return func(r *Row) { r.Claims[name] = v } }
	number := func(n string) func(*Row) {
		return func(r *Row) { r.Claims["id_number"], r.Holder.Number = n, n }
	}
	for name, tc := range map[string]struct {
		row    func() Row
		change func(*Row)
		strict []string
		loose  []string // what import says; nil: the same
	}{
		"empty key":        {idRow, func(r *Row) { r.Key = "" }, []string{"key-format /key"}, nil},
		"long key":         {idRow, func(r *Row) { r.Key = strings.Repeat("k", 129) }, []string{"key-format /key"}, nil},
		"key with newline": {idRow, func(r *Row) { r.Key = "a\nb" }, []string{"key-format /key"}, nil},
		"unknown field":    {idRow, set("fingerprint", "x"), []string{"field-unknown /claims/fingerprint"}, nil},
		"set from the row": {idRow, set("valid_until", "2040-05-18"), []string{"field-from-row /claims/valid_until"}, nil},
		"missing":          {idRow, func(r *Row) { delete(r.Claims, "ethnicity") }, []string{"field-missing /claims/ethnicity"}, nil},
		"required, empty":  {idRow, set("address", ""), []string{"field-missing /claims/address"}, nil},
		"optional, empty":  {vehicleRow, set("remarks", ""), []string{"field-format /claims/remarks"}, nil},
		"type of value":    {idRow, set("address", json.Number("1")), []string{"field-type /claims/address"}, nil},
		"null":             {idRow, set("address", nil), []string{"field-type /claims/address"}, nil},
		"nested":           {idRow, set("address", map[string]any{}), []string{"field-type /claims/address"}, nil},
		"too long":         {idRow, set("address", long), []string{"field-too-long /claims/address"}, nil},
		"bidi override":    {idRow, set("address", "a\u202eb"), []string{"field-format /claims/address"}, nil},
		"zero width":       {idRow, set("address", "a\u200bb"), []string{"field-format /claims/address"}, nil},
		"newline":          {idRow, set("address", "a\nb"), []string{"field-format /claims/address"}, nil},
		"blank at the end": {idRow, set("address", "a "), []string{"field-format /claims/address"}, nil},
		"private use":      {idRow, set("address", "a\ue123"), []string{"field-format /claims/address"}, []string{"field-format /claims/address (warning)"}},
		"private use in a name": {idRow, func(r *Row) { r.Holder.Name, r.Claims["name"] = "张\ue863", "张\ue863" },
			[]string{"field-format /holder/name", "field-format /claims/name"},
			[]string{"field-format /holder/name (warning)", "field-format /claims/name (warning)"}},
		"invalid UTF-8":     {idRow, set("address", "\xff"), []string{"row-not-utf8 /claims/address"}, nil},
		"sex":               {idRow, set("sex", "3"), []string{"code-not-in-table /claims/sex"}, nil},
		"ethnicity":         {idRow, set("ethnicity", "99"), []string{"code-not-in-table /claims/ethnicity"}, nil},
		"other sex":         {idRow, set("sex", "2"), []string{"sex-contradicts-number /claims/sex"}, nil},
		"other birth date":  {idRow, set("birth_date", "1988-03-13"), []string{"birth-date-contradicts-number /claims/birth_date"}, nil},
		"no such date":      {idRow, set("birth_date", "1988-02-30"), []string{"date-format /claims/birth_date"}, nil},
		"date of one digit": {idRow, set("birth_date", "1988-3-12"), []string{"date-format /claims/birth_date"}, nil},
		"checksum":          {idRow, number("430102198803129912"), []string{"id-number-checksum /holder/number", "id-number-checksum /claims/id_number"}, nil},
		"lower-case x":      {idRow, number("11010519491231002x"), []string{"id-number-format /holder/number", "id-number-format /claims/id_number"}, nil},
		"number from nowhere": {idRow, func(r *Row) {
			number("34052419800101001X")(r)
			r.Claims["birth_date"] = "1980-01-01"
		}, []string{"id-number-region /holder/number", "id-number-region /claims/id_number"},
			[]string{"id-number-region /holder/number (warning)", "id-number-region /claims/id_number (warning)"}},
		"abolished county": {idRow, func(r *Row) {
			number(withCheck("43012319880312991"))(r)
		}, nil, nil},
		"born in the future": {idRow, func(r *Row) {
			number(withCheck("43010220270312991"))(r)
			r.Claims["birth_date"] = "2027-03-12"
		}, []string{"id-number-date /holder/number", "date-in-future /claims/birth_date", "id-number-date /claims/id_number"}, nil},
		"another holder":     {idRow, func(r *Row) { r.Holder.Number = "11010519491231002X" }, []string{"holder-contradicts-claims /claims/id_number"}, nil},
		"another name":       {idRow, func(r *Row) { r.Holder.Name = "李样本" }, []string{"holder-contradicts-claims /claims/name"}, nil},
		"no name":            {idRow, func(r *Row) { r.Holder.Name = "" }, []string{"field-missing /holder/name", "holder-contradicts-claims /claims/name"}, nil},
		"company holds ID":   {idRow, func(r *Row) { r.Holder.Type = "001" }, []string{"holder-type /holder/type"}, nil},
		"holder type":        {idRow, func(r *Row) { r.Holder.Type = "112" }, []string{"holder-type /holder/type"}, nil},
		"certificate number": {idRow, func(r *Row) { r.Number = "11010519491231002X" }, []string{"fields-contradict /number"}, nil},
		"region":             {idRow, func(r *Row) { r.Region = "439999" }, []string{"region-unknown /region"}, []string{"region-unknown /region (warning)"}},
		"region malformed":   {idRow, func(r *Row) { r.Region = "43" }, []string{"region-unknown /region"}, nil},
		"issued in future":   {idRow, func(r *Row) { r.IssuedOn = "2026-11-22" }, []string{"date-in-future /issued_on"}, nil},
		"issued today":       {idRow, func(r *Row) { r.IssuedOn = "2026-11-21" }, nil, nil},
		"not a date":         {idRow, func(r *Row) { r.IssuedOn = "18.5.2020" }, []string{"date-format /issued_on"}, nil},
		"no beginning":       {idRow, func(r *Row) { r.ValidFrom = "x" }, []string{"date-format /valid_from"}, nil},
		"no end":             {idRow, func(r *Row) { r.ValidUntil = "forever" }, []string{"date-format /valid_until"}, nil},
		"ends before": {idRow, func(r *Row) { r.ValidUntil = "2019-05-18" }, []string{"dates-order /valid_until", "validity-period /valid_until"},
			[]string{"dates-order /valid_until", "validity-period /valid_until (warning)"}},
		"begins before birth": {idRow, func(r *Row) { r.IssuedOn, r.ValidFrom, r.ValidUntil = "1980-01-01", "1980-01-01", "1985-01-01" },
			[]string{"dates-order /issued_on"}, nil},
		"long-term at 32":  {idRow, func(r *Row) { r.ValidUntil = "" }, []string{"validity-period /valid_until"}, []string{"validity-period /valid_until (warning)"}},
		"ten years at 32":  {idRow, func(r *Row) { r.ValidUntil = "2030-05-18" }, []string{"validity-period /valid_until"}, []string{"validity-period /valid_until (warning)"}},
		"the day before":   {idRow, func(r *Row) { r.ValidUntil = "2040-05-17" }, nil, nil},
		"no portrait":      {idRow, func(r *Row) { r.Portrait = nil }, []string{"portrait-missing /portrait"}, []string{"portrait-missing /portrait (warning)"}},
		"huge portrait":    {idRow, func(r *Row) { r.Portrait = make([]byte, MaxPortrait+1) }, []string{"portrait-too-large /portrait"}, nil},
		"PNG portrait":     {idRow, func(r *Row) { r.Portrait = []byte("\x89PNG\r\n\x1a\n 12345") }, []string{"portrait-format /portrait"}, nil},
		"cut portrait":     {idRow, func(r *Row) { r.Portrait = r.Portrait[:9] }, []string{"portrait-format /portrait"}, nil},
		"WebP portrait":    {idRow, func(r *Row) { r.Portrait = []byte("RIFF\x16\x00\x00\x00WEBPVP8 \x0a\x00\x00\x000123456789") }, nil, nil},
		"surplus portrait": {vehicleRow, func(r *Row) { r.Portrait = jpegBytes }, []string{"portrait-not-allowed /portrait"}, nil},
		"agents of a person": {idRow, func(r *Row) { r.Representatives = []HolderRef{{"111", "430102198803129911", "张示例"}} },
			[]string{"representatives-not-allowed /representatives"}, nil},

		"insured":       {medicalRow, set("nationality", "CHN"), nil, nil},
		"document type": {medicalRow, set("id_type", "516"), []string{"holder-contradicts-claims /claims/id_type"}, nil},
		"e-mail":        {medicalRow, set("email", "a b@c"), []string{"field-format /claims/email"}, nil},

		"class":            {licenceRow, set("vehicle_classes", "C7"), []string{"vehicle-class /claims/vehicle_classes"}, nil},
		"class twice":      {licenceRow, set("vehicle_classes", "C1C1"), []string{"vehicle-class /claims/vehicle_classes"}, nil},
		"seven years":      {licenceRow, func(r *Row) { r.ValidUntil = "2029-06-01" }, []string{"validity-period /valid_until"}, []string{"validity-period /valid_until (warning)"}},
		"six years":        {licenceRow, func(r *Row) { r.ValidUntil = "2028-06-01" }, nil, nil},
		"licence for good": {licenceRow, func(r *Row) { r.ValidUntil = "" }, nil, nil},
		"licence at birth": {licenceRow, set("first_issue_date", "1980-01-01"), []string{"dates-order /claims/first_issue_date"}, nil},
		"flag":             {licenceRow, set("hearing_aid", "yes"), []string{"field-type /claims/hearing_aid"}, nil},
		"true flag":        {licenceRow, set("hearing_aid", true), nil, nil},
		"points signed":    {licenceRow, set("points", json.Number("3")), []string{"field-unknown /claims/points"}, nil},
		"permit holder": {licenceRow, func(r *Row) {
			r.Holder.Type, r.Holder.Number, r.Claims["id_number"] = "516", "H12345678", "H12345678"
		}, nil, nil},
		"permit malformed": {licenceRow, func(r *Row) {
			r.Holder.Type, r.Holder.Number, r.Claims["id_number"] = "516", "h 1", "h 1"
		}, []string{"field-format /holder/number", "field-format /claims/id_number"}, nil},

		"company's car": {vehicleRow, func(r *Row) {
			r.Holder, r.Claims["owner"] = HolderRef{"001", "91330106MA27Y4U47R", "杭州样本有限公司"}, "杭州样本有限公司"
		}, nil, nil},
		// Only the register of companies says who may act for one.
		"company's car names an agent": {vehicleRow, func(r *Row) {
			r.Holder, r.Claims["owner"] = HolderRef{"001", "91330106MA27Y4U47R", "杭州样本有限公司"}, "杭州样本有限公司"
			r.Representatives = []HolderRef{{"111", "430102198803129911", "张示例"}}
		}, []string{"representatives-not-allowed /representatives"}, nil},
		"plate":             {vehicleRow, set("plate_number", "湘I12345"), []string{"plate-format /claims/plate_number"}, nil},
		"plate of its type": {vehicleRow, set("plate_number", "湘A12345"), []string{"plate-format /claims/plate_number"}, nil},
		"VIN":               {vehicleRow, set("vin", "1M8GDM9AXKP04278I"), []string{"vin-format /claims/vin"}, nil},
		"VIN check digit":   {vehicleRow, set("vin", "1M8GDM9A0KP042788"), []string{"vin-checksum /claims/vin"}, []string{"vin-checksum /claims/vin (warning)"}},
		"persons":           {vehicleRow, set("approved_passengers", json.Number("0")), []string{"field-range /claims/approved_passengers"}, nil},
		"half a person":     {vehicleRow, set("approved_passengers", json.Number("1.5")), []string{"field-type /claims/approved_passengers"}, nil},
		"float":             {vehicleRow, set("approved_passengers", 5.0), []string{"field-type /claims/approved_passengers"}, nil},
		"size":              {vehicleRow, set("outline_dimensions", "4680x1850x1450"), []string{"field-format /claims/outline_dimensions"}, nil},
		"issued before":     {vehicleRow, set("registration_date", "2023-04-12"), []string{"dates-order /issued_on"}, nil},

		"amount":           {companyRow, set("registered_capital", "1,000"), []string{"field-format /claims/registered_capital"}, nil},
		"amount, zeros":    {companyRow, set("registered_capital", "0100"), []string{"field-format /claims/registered_capital"}, nil},
		"amount, exponent": {companyRow, set("registered_capital", "1e9"), []string{"field-format /claims/registered_capital"}, nil},
		"USCC format": {companyRow, func(r *Row) { r.Holder.Number, r.Claims["unified_social_credit_code"] = "1", "1" },
			[]string{"uscc-format /holder/number", "uscc-format /claims/unified_social_credit_code"}, nil},
		"USCC": {companyRow, func(r *Row) {
			r.Holder.Number, r.Claims["unified_social_credit_code"] = "91330106MA27Y4U47T", "91330106MA27Y4U47T"
		}, []string{"uscc-checksum /holder/number", "uscc-checksum /claims/unified_social_credit_code"}, nil},
		"early Fujian": {companyRow, func(r *Row) {
			r.Holder.Number, r.Claims["unified_social_credit_code"] = "91350100M0001TGQXM", "91350100M0001TGQXM"
		}, []string{"uscc-checksum /holder/number", "uscc-checksum /claims/unified_social_credit_code"},
			[]string{"uscc-checksum /holder/number (warning)", "uscc-checksum /claims/unified_social_credit_code (warning)"}},
		"company as agent": {companyRow, func(r *Row) { r.Representatives[0].Type = "001" }, []string{"holder-type /representatives/0/type"}, nil},
		"agent's number":   {companyRow, func(r *Row) { r.Representatives[0].Number = "1" }, []string{"id-number-format /representatives/0/number"}, nil},
		"many agents":      {companyRow, func(r *Row) { r.Representatives = make([]HolderRef, 21) }, []string{"field-too-long /representatives"}, nil},
		"term turned round": {companyRow, func(r *Row) {
			r.Claims["business_term_from"], r.Claims["business_term_until"] = "2030-01-01", "2020-01-01"
		}, []string{"dates-order /claims/business_term_until"}, nil},
		"person as company": {companyRow, func(r *Row) { r.Holder.Type = "111" }, []string{"holder-type /holder/type", "representatives-not-allowed /representatives"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			row := tc.row()
			tc.change(&row)
			_, problems := c.Validate(row, today, Strict)
			require.Equal(t, tc.strict, codes(problems))
			if tc.loose == nil {
				tc.loose = tc.strict
			}
			_, problems = c.Validate(row, today, Import)
			require.Equal(t, tc.loose, codes(problems))
			for _, p := range problems {
				for _, secret := range []string{row.Holder.Number, row.Holder.Name} {
					if len(secret) > 1 {
						require.NotContains(t, p.Detail, secret, "a problem quotes no value")
					}
				}
			}
		})
	}
}

// 居民身份证法 §5, at each side of each boundary.
func TestResidentIDValidity(t *testing.T) {
	typ, err := catalogue(t).Type("resident-id")
	require.NoError(t, err)
	for _, c := range []struct {
		birth, from, until string
		ok                 bool
	}{
		{"2010-06-15", "2026-06-14", "2031-06-14", true}, {"2010-06-15", "2026-06-14", "2036-06-14", false},
		{"2010-06-15", "2026-06-15", "2036-06-15", true}, {"2010-06-15", "2026-06-15", "2031-06-15", false},
		{"2000-06-15", "2026-06-14", "2036-06-13", true}, {"2000-06-15", "2026-06-15", "2046-06-14", true},
		{"1980-06-15", "2026-06-14", "2046-06-14", true}, {"1980-06-15", "2026-06-14", "", false},
		{"1980-06-15", "2026-06-15", "long-term", true}, {"1980-06-15", "2026-06-15", "2046-06-15", false},
		// Born on 29 February: sixteen in a leap year again; 21 March years are ordinary.
		{"2008-02-29", "2024-02-28", "2029-02-28", true}, {"2008-02-29", "2024-02-29", "2034-02-28", true},
		{"2008-02-29", "2024-02-29", "2034-03-01", true}, {"2008-02-29", "2024-02-29", "2034-02-27", true},
		{"2000-02-29", "2026-02-28", "2036-02-28", true}, {"2000-02-29", "2026-03-01", "2046-03-01", true},
		{"2010-06-15", "2026-06-15", "2036-06-16", false}, {"2010-06-15", "2026-06-15", "2036-06-13", false},
	} {
		row := idRow()
		number := withCheck("430102" + strings.ReplaceAll(c.birth, "-", "") + "991")
		row.Holder.Number, row.Claims["id_number"], row.Claims["birth_date"] = number, number, c.birth
		row.IssuedOn, row.ValidFrom, row.ValidUntil = c.from, c.from, c.until
		var want []string
		if !c.ok {
			want = []string{"validity-period /valid_until"}
		}
		require.Equal(t, want, codes(typ.Validate(row, today, Strict)), c)
	}
}

func TestClaimsOf(t *testing.T) {
	typ, err := catalogue(t).Type("resident-id")
	require.NoError(t, err)
	row := idRow()
	row.ValidUntil = ""
	all := typ.ClaimsOf(row)
	require.Equal(t, "2020-05-18", all["issue_date"])
	require.Equal(t, "430102", all["issuing_region"])
	require.Equal(t, LongTerm, all["valid_until"], "a missing end is said")
	require.NotContains(t, all, "certificate_number", "no number, no claim")
	require.NotContains(t, row.Claims, "issue_date", "the row is left alone")
	for name := range maps.Keys(all) {
		_, ok := typ.Field(name)
		require.True(t, ok, name)
	}
	all["name"] = "x"
	require.Equal(t, "张示例", row.Claims["name"])
}

func TestValidateLive(t *testing.T) {
	typ, err := catalogue(t).Type("drivers-licence")
	require.NoError(t, err)
	require.Empty(t, typ.ValidateLive(Claims{"points": 3, "licence_state": "BDJ"}, today))
	require.Equal(t, []string{"code-not-in-table /licence_state", "field-unknown /name", "field-range /points"},
		codes(typ.ValidateLive(Claims{"points": -1, "licence_state": "AB", "name": "x"}, today)))
	require.Equal(t, []string{"field-missing /points", "field-missing /licence_state"}, codes(typ.ValidateLive(Claims{}, today)))
}

func TestEvaluate(t *testing.T) {
	c := catalogue(t)
	id, err := c.Type("resident-id")
	require.NoError(t, err)
	claims := Claims{"birth_date": "2008-11-21", "valid_until": "2034-01-10"}
	at := func(s string) time.Time {
		moment, err := time.Parse(time.RFC3339, s)
		require.NoError(t, err)
		return moment
	}
	got, changes := id.Evaluate(claims, at("2026-11-20T15:59:59Z"))
	require.Equal(t, map[string]bool{"over_16": true, "over_18": false, "over_60": false, "not_expired": true}, got)
	require.True(t, changes.Equal(at("2026-11-20T16:00:00Z")), "midnight in Beijing")
	got, changes = id.Evaluate(claims, at("2026-11-20T16:00:00Z"))
	require.True(t, got["over_18"])
	require.True(t, changes.Equal(at("2034-01-11T00:00:00+08:00")), "the last day is valid to its end")
	got, changes = id.Evaluate(claims, at("2034-01-11T00:00:00+08:00"))
	require.False(t, got["not_expired"])
	require.True(t, changes.Equal(at("2068-11-21T00:00:00+08:00")))
	got, changes = id.Evaluate(claims, at("2068-11-21T00:00:00+08:00"))
	require.True(t, got["over_60"])
	require.Zero(t, changes)

	got, _ = id.Evaluate(Claims{"birth_date": "2008-02-29", "valid_until": LongTerm}, at("2026-02-28T12:00:00+08:00"))
	require.False(t, got["over_18"], "born on 29 February: on 1 March")
	got, changes = id.Evaluate(Claims{}, today)
	require.Empty(t, got, "unknown is not false")
	require.Zero(t, changes)
	got, _ = id.Evaluate(Claims{"birth_date": "nonsense", "valid_until": 7}, today)
	require.Empty(t, got)

	licence, err := c.Type("drivers-licence")
	require.NoError(t, err)
	for classes, want := range map[string][3]bool{"C1": {true, true, false}, "C2": {false, true, false}, "A2D": {true, true, true}, "D": {}, "A3": {true, true, false}} {
		got, _ := licence.Evaluate(Claims{"vehicle_classes": classes}, today)
		require.Equal(t, want, [3]bool{got["may_drive_c1"], got["may_drive_c2"], got["may_drive_b2"]}, classes)
	}
	got, _ = licence.Evaluate(Claims{"vehicle_classes": "X9"}, today)
	require.NotContains(t, got, "may_drive_c1")
}

// Between now and changesAt nothing turns over, and at changesAt something does.
func TestChangesAtIsTheNextChange(t *testing.T) {
	typ, err := catalogue(t).Type("resident-id")
	require.NoError(t, err)
	rapid.Check(t, func(t *rapid.T) {
		day := rapid.Custom(func(t *rapid.T) time.Time {
			return time.Date(rapid.IntRange(1900, 2100).Draw(t, "year"), 1, rapid.IntRange(1, 366).Draw(t, "day"), 0, 0, 0, 0, beijing)
		})
		claims := Claims{"birth_date": day.Draw(t, "birth").Format(time.DateOnly), "valid_until": day.Draw(t, "until").Format(time.DateOnly)}
		now := day.Draw(t, "now").Add(time.Duration(rapid.Int64Range(0, int64(24*time.Hour)-1).Draw(t, "moment")))
		before, changes := typ.Evaluate(claims, now)
		if changes.IsZero() {
			later, _ := typ.Evaluate(claims, now.AddDate(300, 0, 0))
			require.Equal(t, before, later)
			return
		}
		require.True(t, changes.After(now))
		still, same := typ.Evaluate(claims, changes.Add(-1))
		require.Equal(t, before, still)
		require.True(t, changes.Equal(same))
		after, _ := typ.Evaluate(claims, changes)
		require.NotEqual(t, before, after)
	})
}

func medicalRow() Row {
	return Row{Key: "K5", Type: "medical-insurance", Holder: HolderRef{"111", "430102198803129911", "张示例"}, Region: "430100",
		IssuedOn: "2023-04-11", ValidFrom: "2023-04-11",
		Claims: Claims{"id_number": "430102198803129911", "id_type": "111", "name": "张示例", "sex": "1", "birth_date": "1988-03-12",
			"insured_region": "430100", "insurance_type": "310", "issuing_authority": "医保局"}}
}

func TestMask(t *testing.T) {
	typ, err := catalogue(t).Type("resident-id")
	require.NoError(t, err)
	for _, c := range []struct {
		field string
		value any
		want  any
	}{
		{"name", "张示例", "张**"}, {"name", "周𬱖例", "周**"}, {"name", "阿依努尔·样例木江·虚构古丽", "阿**"}, {"name", "李", "***"}, {"name", "", "***"},
		{"id_number", "430102198803129911", "4****************1"}, {"id_number", "4", "***"},
		{"birth_date", "1988-03-12", "1988-**-**"}, {"birth_date", "x", "***"}, {"birth_date", "一九八八年十月一", "***"},
		{"address", "湖南省长沙市芙蓉区虚构路12号", "湖南省长沙市*********"},
		{"ethnicity", "01", "***"}, {"sex", "1", "1"}, {"valid_until", "2040-05-18", "2040-05-18"},
		{"over_18", true, true}, {"name", nil, nil}, {"name", 5, "***"}, {"name", true, "***"}, {"no_such_field", "secret", "***"},
		{"name", map[string]any{"a": 1}, "***"},
	} {
		require.Equal(t, c.want, typ.Mask(c.field, c.value), "%s", c.field)
	}
	licence, err := catalogue(t).Type("medical-insurance")
	require.NoError(t, err)
	require.Equal(t, "***", licence.Mask("business_token", "TOKEN12345"), "live fields have masks too")
}

func TestModeAndProblemText(t *testing.T) {
	require.Equal(t, "strict import mode(7)", Strict.String()+" "+Import.String()+" "+Mode(7).String())
	p := Problem{Code: CodeVINChecksum, Pointer: "/claims/vin", Detail: "d", Warning: true}
	require.Equal(t, `warning vin-checksum at "/claims/vin": d`, p.String())
	require.False(t, Refused([]Problem{p}))
	require.True(t, slices.Contains(codes([]Problem{p}), "vin-checksum /claims/vin (warning)"))
}
