package main

import "github.com/showcard/showcard/schemas"

// issuer is an issuing authority of the demonstration: what it may issue, and where.
type issuer struct {
	ID      string       `json:"id"`
	Name    schemas.Text `json:"name"`
	USCC    string       `json:"uscc"`
	Types   []string     `json:"types"`
	Regions []string     `json:"regions"`
}

func issuers() []issuer {
	hunan := []string{"430000"}
	return []issuer{
		{police, schemas.Text{ZH: "湖南省公安厅（演示）", EN: "Hunan Public Security Department (demo)"},
			uscc("11430000", "MB1D0001"), []string{"resident-id", "drivers-licence", "vehicle-licence"}, hunan},
		{hrss, schemas.Text{ZH: "湖南省人力资源和社会保障厅（演示）", EN: "Hunan Human Resources and Social Security Department (demo)"},
			uscc("11430000", "MB1D0002"), []string{"social-security-card"}, hunan},
		{insurance, schemas.Text{ZH: "湖南省医疗保障局（演示）", EN: "Hunan Medical Insurance Bureau (demo)"},
			uscc("11430000", "MB1D0003"), []string{"medical-insurance"}, hunan},
		{market, schemas.Text{ZH: "湖南省市场监督管理局（演示）", EN: "Hunan Market Supervision Administration (demo)"},
			uscc("11430000", "MB1D0004"), []string{"business-licence"}, hunan},
	}
}

// party is a checker of the demonstration, and what it is registered to see.
type party struct {
	ID       string       `json:"id"`
	Name     schemas.Text `json:"name"`
	Allow    []allowance  `json:"allow"`
	Portrait bool         `json:"portrait"`
}

// allowance permits the fields named, and all fields of the views named, for
// the purposes named.
type allowance struct {
	Type     string   `json:"type"`
	Fields   []string `json:"fields,omitempty"`
	Views    []string `json:"views,omitempty"`
	Purposes []string `json:"purposes"`
}

type purpose struct {
	Code string       `json:"code"`
	Name schemas.Text `json:"name"`
}

func purposes() []purpose {
	return []purpose{
		{"identity-check", schemas.Text{ZH: "核验身份", EN: "Identity check"}},
		{"account-opening", schemas.Text{ZH: "开立账户", EN: "Opening an account"}},
		{"medical-registration", schemas.Text{ZH: "挂号就医", EN: "Medical registration"}},
		{"traffic-inspection", schemas.Text{ZH: "道路交通检查", EN: "Traffic inspection"}},
		{"government-service", schemas.Text{ZH: "办理政务服务", EN: "Government service"}},
		{"hotel-check-in", schemas.Text{ZH: "旅馆住宿登记", EN: "Hotel check-in"}},
	}
}

func parties() []party {
	service := []string{"government-service", "identity-check"}
	bank := []string{"account-opening", "identity-check"}
	hospital := []string{"medical-registration", "identity-check"}
	traffic := []string{"traffic-inspection"}
	return []party{
		{"changsha-service-hall", schemas.Text{ZH: "长沙市政务服务大厅（演示）", EN: "Changsha Government Service Hall (demo)"}, []allowance{
			{Type: "resident-id", Views: []string{"full", "identity", "over-18", "over-60"}, Purposes: service},
			{Type: "social-security-card", Views: []string{"full", "identity", "service", "entitlement"}, Fields: []string{"card_state"}, Purposes: service},
			{Type: "medical-insurance", Views: []string{"full", "identity", "insured"}, Fields: []string{"insured_state"}, Purposes: service},
			{Type: "drivers-licence", Views: []string{"full", "identity", "may-drive-c1", "may-drive-c2"}, Fields: []string{"points", "licence_state"}, Purposes: service},
			{Type: "vehicle-licence", Views: []string{"full", "identity"}, Fields: []string{"vehicle_state", "inspection_valid_until"}, Purposes: service},
			{Type: "business-licence", Views: []string{"full", "identity", "tendering", "public"}, Fields: []string{"registration_state", "abnormal"}, Purposes: service},
		}, true},
		{"demo-bank", schemas.Text{ZH: "样例银行长沙分行（演示）", EN: "Sample Bank, Changsha Branch (demo)"}, []allowance{
			{Type: "resident-id", Views: []string{"identity", "over-18"}, Fields: []string{"address", "ethnicity", "sex", "issuing_authority"}, Purposes: bank},
			{Type: "business-licence", Views: []string{"identity", "tendering"}, Purposes: bank},
			{Type: "social-security-card", Fields: []string{"name", "social_security_number", "certificate_number", "not_expired"}, Purposes: bank},
		}, true},
		{"demo-hospital", schemas.Text{ZH: "示例医院（演示）", EN: "Sample Hospital (demo)"}, []allowance{
			{Type: "medical-insurance", Views: []string{"registration", "identity", "insured"}, Fields: []string{"business_token", "insured_state"}, Purposes: hospital},
			{Type: "resident-id", Views: []string{"identity", "over-60"}, Fields: []string{"birth_date", "sex"}, Purposes: hospital},
			{Type: "social-security-card", Views: []string{"identity", "entitlement"}, Purposes: hospital},
		}, false},
		{"traffic-squad", schemas.Text{ZH: "长沙市交警大队（演示）", EN: "Changsha Traffic Police Squad (demo)"}, []allowance{
			{Type: "drivers-licence", Views: []string{"roadside", "identity", "may-drive-c1", "may-drive-c2"}, Fields: []string{"points", "licence_state"}, Purposes: traffic},
			{Type: "vehicle-licence", Views: []string{"roadside", "identity", "parking"}, Fields: []string{"vehicle_state", "inspection_valid_until"}, Purposes: traffic},
			{Type: "resident-id", Views: []string{"identity"}, Purposes: traffic},
		}, true},
		{"demo-hotel", schemas.Text{ZH: "虚构大酒店（演示）", EN: "Fictional Grand Hotel (demo)"}, []allowance{
			{Type: "resident-id", Views: []string{"hotel", "identity", "over-18"}, Purposes: []string{"hotel-check-in"}},
		}, true},
	}
}
