package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/showcard/showcard/internal/qr/qrimage"
	"github.com/showcard/showcard/internal/retry"
	"github.com/showcard/showcard/testdata"
)

// The parts of the tour.
const (
	tourDepartment = "hunan-police"
	tourHall       = "changsha-service-hall"
	tourOther      = "traffic-squad"
	tourPurpose    = "government-service"
	tourType       = "drivers-licence"
	tourSeedRow    = "GA-JSZ-0001"
	tourReason     = "演示 tour"
)

// tour tells the story on a demo of its own, in a folder that is removed afterwards. Every
// step says what must happen and compares; one difference fails the tour.
type tour struct {
	*demo
	out        io.Writer
	department *client
	hall       *client
	other      *client
	citizen    *client
	identifier string
	step       int
	looks      int // recorded checks that the holder must find in her history
}

func runTour(e *env, c *demoCommand) error {
	folder, err := os.MkdirTemp("", "showcard-tour-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	began := time.Now()
	own := demoCommand{Addr: "127.0.0.1:0", Data: folder, Profile: c.Profile, Catalogue: c.Catalogue}
	err = own.start(e.ctx, func(ctx context.Context, d *demo) error {
		return (&tour{demo: d, out: e.stdout}).tell(ctx)
	}, e)
	if err != nil {
		return err
	}
	fmt.Fprintf(e.stdout, "\n  全部相符 everything happened as it must, in %.1f s\n\n", time.Since(began).Seconds())
	return nil
}

func (t *tour) tell(ctx context.Context) error {
	if err := t.cast(ctx); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{
		t.push, t.hold, t.showAndVerify, t.expire, t.suspend, t.reinstate, t.revoke, t.history,
	} {
		if err := step(ctx); err != nil {
			return fmt.Errorf("step %d: %w", t.step, err)
		}
	}
	return nil
}

// cast makes the four parties: a department, a service hall, another checker, a citizen.
func (t *tour) cast(ctx context.Context) (err error) {
	for id, to := range map[string]**client{tourDepartment: &t.department, tourHall: &t.hall, tourOther: &t.other} {
		if *to, err = t.client(id); err != nil {
			return err
		}
	}
	if t.citizen, err = newClientFor(t.base, "", "citizen", nil, &http.Client{}); err != nil {
		return err
	}
	token, _, err := signIn(ctx, t.base, t.people[0].Login, nil)
	if err != nil {
		return err
	}
	t.citizen.bearer, t.citizen.until = token, time.Now().Add(time.Hour)
	return nil
}

func (t *tour) say(zh, en string) {
	t.step++
	fmt.Fprintf(t.out, "\n%2d  %s\n    %s\n", t.step, zh, en)
}

func (t *tour) detail(format string, args ...any) {
	fmt.Fprintf(t.out, "      "+format+"\n", args...)
}

// must compares what happened with what must happen.
func (t *tour) must(what, got, want string) error {
	if got != want {
		return fmt.Errorf("%s is %q and must be %q", what, got, want)
	}
	if got == "" {
		got = "–"
	}
	t.detail("✓ %s: %s", what, got)
	return nil
}

// push: the department pushes one driver's licence, as a file of one line.
func (t *tour) push(ctx context.Context) error {
	t.say("部门推送一本驾驶证（SM2/SM3 签名，落库后才应答）", "A department pushes a driver's licence: signed with SM2/SM3, durable before the answer")
	row, err := tourRow()
	if err != nil {
		return err
	}
	resp, err := t.department.send(ctx, request{
		method: http.MethodPut, path: "/v1/pushes/tour", header: http.Header{"Content-Type": {"application/x-ndjson"}},
		body: func() (io.Reader, error) { return bytes.NewReader(row), nil },
	})
	if err != nil {
		return err
	}
	if err := resp.Body.Close(); err != nil {
		return err
	}
	if resp, err = t.department.send(ctx, request{method: http.MethodGet, path: "/v1/pushes/tour/results?from=1"}); err != nil {
		return err
	}
	defer resp.Body.Close()
	var r struct{ Key, Identifier, Code, Pointer string }
	if err := json.NewDecoder(resp.Body).Decode(&r); err != nil {
		return err
	}
	t.identifier = r.Identifier
	if err := t.must("refused for", r.Code, ""); err != nil {
		return err
	}
	t.detail("identifier (GB/T 36904) %s", r.Identifier)
	return nil
}

// tourRow is a row of the seed under another key: the same person gets a second licence.
func tourRow() ([]byte, error) {
	data, err := fs.ReadFile(testdata.Files, "push/"+tourDepartment+".ndjson")
	if err != nil {
		return nil, err
	}
	for line := range bytes.Lines(data) {
		var row map[string]any
		if err := json.Unmarshal(line, &row); err != nil {
			return nil, err
		}
		if row["key"] == tourSeedRow {
			row["key"] = "TOUR-0001"
			out, err := json.Marshal(row)
			return append(out, '\n'), err
		}
	}
	return nil, errors.New("the row of the tour is not in the seed")
}

// hold: the citizen finds it in her space.
func (t *tour) hold(ctx context.Context) error {
	t.say("持证人登录，证照已在她的空间里（字段默认遮盖）", "The holder signs in: it is in her space, masked by default")
	var got struct {
		Holdings []struct {
			Identifier, State string
			Fields            []struct {
				Label struct{ ZH string }
				Value any
			}
		}
	}
	if err := t.citizen.call(ctx, http.MethodGet, "/v1/wallet/holdings", nil, "", &got); err != nil {
		return err
	}
	for _, h := range got.Holdings {
		if h.Identifier != t.identifier {
			continue
		}
		for _, f := range h.Fields[:min(4, len(h.Fields))] {
			t.detail("%s %v", f.Label.ZH, f.Value)
		}
		return t.must("state", h.State, "valid")
	}
	return errors.New("it is not among her holdings")
}

// show opens a show and returns its code.
func (t *tour) show(ctx context.Context, lifetime int) (string, time.Time, error) {
	var got struct {
		Code      string
		ExpiresAt time.Time `json:"expires_at"`
	}
	body := map[string]any{"identifier": t.identifier, "view": "identity", "lifetime": lifetime}
	err := t.citizen.call(ctx, http.MethodPost, "/v1/wallet/shows", body, "", &got)
	return got.Code, got.ExpiresAt, err
}

// checked is what the tour reads of an answer.
type checked struct {
	Outcome string
	Reasons []struct {
		Code  string
		Title struct{ ZH, EN string }
	}
	Claims map[string]any
	Status struct{ Ending *struct{ State string } }
}

// check has a checker scan a code, and compares outcome and reason.
func (t *tour) check(ctx context.Context, who *client, code, outcome, reason string) (checked, error) {
	var got checked
	if err := who.call(ctx, http.MethodPost, "/v1/verifications", map[string]any{"code": code, "purpose": tourPurpose}, "", &got); err != nil {
		return got, err
	}
	first := ""
	if len(got.Reasons) > 0 {
		first = got.Reasons[0].Code
		t.detail("%s %s", got.Reasons[0].Title.ZH, got.Reasons[0].Title.EN)
	}
	return got, errors.Join(t.must("outcome", got.Outcome, outcome), t.must("reason", first, reason))
}

func (t *tour) showAndVerify(ctx context.Context) error {
	t.say("出示：选好字段，得到只活一分钟的动态码", "Show: fields chosen, then a code that lives for a minute")
	code, _, err := t.show(ctx, 60)
	if err != nil {
		return err
	}
	if image, err := qrimage.Terminal(code); err == nil {
		fmt.Fprintln(t.out, image)
	}
	t.detail("%s", code)
	t.say("大厅扫码核验：有效", "The service hall scans it: valid")
	got, err := t.check(ctx, t.hall, code, "valid", "")
	if err != nil {
		return err
	}
	t.looks++
	names := make([]string, 0, len(got.Claims))
	for name := range got.Claims {
		names = append(names, name)
	}
	slices.Sort(names)
	t.detail("disclosed: %s", strings.Join(names, ", "))
	t.say("第二个扫码器再扫同一个码：拒绝", "A second scanner scans the same code: refused")
	_, err = t.check(ctx, t.other, code, "invalid", "code-used")
	return err
}

func (t *tour) expire(ctx context.Context) error {
	t.say("过期的码（寿命设为 3 秒）：拒绝", "An old code (its lifetime set to 3 s): refused")
	code, expires, err := t.show(ctx, 3)
	if err != nil {
		return err
	}
	if err := retry.Wait(ctx, time.Until(expires)+10*time.Millisecond); err != nil {
		return err
	}
	_, err = t.check(ctx, t.hall, code, "invalid", "code-expired")
	return err
}

// change has the department change the state.
func (t *tour) change(ctx context.Context, verb string, body map[string]any) error {
	body["reason"] = tourReason
	return t.department.call(ctx, http.MethodPost, "/v1/certificates/"+url.PathEscape(t.identifier)+"/"+verb, body, "tour-"+verb, nil)
}

// verifyNow shows anew and has it checked.
func (t *tour) verifyNow(ctx context.Context, outcome, reason string) error {
	code, _, err := t.show(ctx, 60)
	if err != nil {
		return err
	}
	t.looks++
	_, err = t.check(ctx, t.hall, code, outcome, reason)
	return err
}

func (t *tour) suspend(ctx context.Context) error {
	t.say("部门暂扣，随即核验", "The department suspends it; the next check says so")
	if err := t.change(ctx, "suspend", map[string]any{}); err != nil {
		return err
	}
	return t.verifyNow(ctx, "invalid", "certificate-suspended")
}

func (t *tour) reinstate(ctx context.Context) error {
	t.say("部门发还，随即核验", "The department reinstates it; the next check says valid")
	if err := t.change(ctx, "reinstate", map[string]any{}); err != nil {
		return err
	}
	return t.verifyNow(ctx, "valid", "")
}

func (t *tour) revoke(ctx context.Context) error {
	t.say("已亮码，部门此时吊销：在途的码也不再有效", "A code is on the screen, the department revokes: the code in flight dies too")
	code, _, err := t.show(ctx, 60)
	if err != nil {
		return err
	}
	if err := t.change(ctx, "revoke", map[string]any{"kind": "revoked"}); err != nil {
		return err
	}
	t.looks++
	got, err := t.check(ctx, t.hall, code, "invalid", "certificate-ended")
	if err != nil {
		return err
	}
	if got.Status.Ending == nil {
		return errors.New("an authorised checker must learn how it ended")
	}
	return t.must("ending", got.Status.Ending.State, "revoked")
}

func (t *tour) history(ctx context.Context) error {
	t.say("持证人看到：谁、何时、为何、看了什么", "The holder sees who looked, when, why, at what")
	var got struct {
		Looks []struct {
			At        time.Time
			PartyName string `json:"party_name"`
			Purpose   string
			Outcome   string
		}
	}
	if err := t.citizen.call(ctx, http.MethodGet, "/v1/wallet/history", nil, "", &got); err != nil {
		return err
	}
	for _, l := range got.Looks {
		t.detail("%s  %s  %s  %s", l.At.Local().Format(time.TimeOnly), l.PartyName, l.Purpose, l.Outcome)
	}
	return t.must("looks", fmt.Sprint(len(got.Looks)), fmt.Sprint(t.looks))
}
