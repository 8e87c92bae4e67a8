package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/showcard/showcard/crypto/statuslist"
	"github.com/showcard/showcard/crypto/trustlist"
)

// unpack reads the list of a token that nobody has verified, for counting only.
func unpack(payload map[string]any) *statuslist.List {
	list, _ := payload["status_list"].(map[string]any)
	num, _ := list["bits"].(json.Number)
	each, err := num.Int64()
	if err != nil {
		return nil
	}
	packed, err := base64.RawURLEncoding.DecodeString(textOf(list, "lst"))
	if err != nil {
		return nil
	}
	l, err := statuslist.Decompress(int(each), packed, statuslist.MaxEntries)
	if err != nil {
		return nil
	}
	return l
}

// statusToken explains a status list, with statistics when it could be unpacked.
func (n *inspector) statusToken(u *statuslist.Unverified, form string, list *statuslist.List) *finding {
	f := found("status-list", "状态列表：一份签名文件，按位记录许多证照的状态。", "A status list ("+form+"): one signed document with the states of many certificates.")
	f.add("list", "%s", u.Subject)
	f.add("issued", "%s", n.when(u.IssuedAt))
	f.add("kid", "%s", u.KeyID)
	f.note("未验证签名。", notVerified)
	if list == nil {
		f.note("没有统计：列表无法展开，或者是 CWT 格式。", "No statistics: the list does not unpack, or is in the CWT form.")
		return f
	}
	var counts [256]uint64
	for i := range list.Size() {
		if s, err := list.Get(i); err == nil {
			counts[s]++
		}
	}
	f.add("entries", "%d of %d bit(s)", list.Size(), list.Bits())
	for s, count := range counts {
		if count > 0 {
			f.add(statuslist.Status(s).String(), "%d", count)
		}
	}
	f.note("未使用的位置也显示为 VALID。", "Places that no certificate uses count as VALID too.")
	return f
}

// trustList summarises the payload of a trust list.
func (n *inspector) trustList(f *finding, payload map[string]any) {
	raw, err := json.Marshal(payload)
	if err != nil {
		return
	}
	type dated struct {
		JWK    json.RawMessage `json:"jwk"`
		Frozen bool            `json:"frozen"`
	}
	var l struct {
		Version int64 `json:"version"`
		Domains []struct {
			Code string         `json:"code"`
			Name trustlist.Name `json:"name"`
			Base string         `json:"base_url"`
		} `json:"domains"`
		Issuers []struct {
			ID      string         `json:"id"`
			Name    trustlist.Name `json:"name"`
			Types   []string       `json:"types"`
			Regions []string       `json:"regions"`
			Keys    []dated        `json:"keys"`
			Frozen  bool           `json:"frozen"`
		} `json:"issuers"`
		Providers []struct {
			ID     string         `json:"id"`
			Name   trustlist.Name `json:"name"`
			Keys   []dated        `json:"keys"`
			Frozen bool           `json:"frozen"`
		} `json:"providers"`
		Types []struct {
			ID      string `json:"id"`
			Version int    `json:"version"`
			VCT     string `json:"vct"`
			Frozen  bool   `json:"frozen"`
		} `json:"types"`
	}
	if err := json.Unmarshal(raw, &l); err != nil {
		f.note("内容不合规。", err.Error())
		return
	}
	frozen := map[bool]string{true: " FROZEN 已冻结"}
	f.add("version", "%d", l.Version)
	for _, d := range l.Domains {
		f.add("domain "+clean(d.Code), "%s %s, %s", d.Name.ZH, d.Name.EN, d.Base)
	}
	for _, i := range l.Issuers {
		stopped := 0
		for _, k := range i.Keys {
			if k.Frozen {
				stopped++
			}
		}
		keys := fmt.Sprintf("%d key(s)", len(i.Keys))
		if stopped > 0 {
			keys += fmt.Sprintf(", %d frozen", stopped)
		}
		f.add("issuer", "%s %s, %s; types %s; regions %s; %s%s", i.Name.ZH, i.Name.EN, i.ID, strings.Join(i.Types, " "), strings.Join(i.Regions, " "), keys, frozen[i.Frozen])
	}
	for _, p := range l.Providers {
		f.add("wallet provider", "%s %s, %s; %d key(s)%s", p.Name.ZH, p.Name.EN, p.ID, len(p.Keys), frozen[p.Frozen])
	}
	for _, t := range l.Types {
		f.add("type", "%s version %d, %s%s", t.ID, t.Version, t.VCT, frozen[t.Frozen])
	}
}
