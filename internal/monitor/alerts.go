package monitor

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/showcard/showcard/internal/httpd/problem"
)

// rule says when an alert is raised.
type rule struct {
	code        string
	title, next problem.Text
	when        func(*view) bool
}

// Shares of the requests of a minute that are too many, and how few are too few to tell.
const (
	fewRefused = 10
	fewFailed  = 5
	fewScans   = 20
	slowScan   = 500 // ms, of 99 in 100
	lagging    = 5   // s: then a standby is asked nothing any more
)

// many says that a part is one in a hundred at least, and not just a few.
func many(part, all, few uint64) bool { return part >= few && part*100 >= all }

// rules is the table of alerts. Codes are stable: pages and pagers go by them.
func rules() []rule {
	return []rule{
		{
			"database-away",
			problem.Text{ZH: "数据库没有应答。", EN: "The database does not answer."},
			problem.Text{ZH: "此时不能签发、不能核验；请检查数据库和到数据库的网络。", EN: "Nothing is issued or checked now: look at the database and the way to it."},
			func(v *view) bool { return !v.Database.OK },
		},
		{
			"database-slow",
			problem.Text{ZH: "数据库应答缓慢。", EN: "The database is slow."},
			problem.Text{ZH: "请检查数据库的磁盘、锁等待和连接数。", EN: "Look at its disk, its locks and its connections."},
			func(v *view) bool { return v.Database.OK && v.slowLooks >= slowLooks },
		},
		{
			"database-replica-behind",
			problem.Text{ZH: "数据库从库落后，已暂不使用。", EN: "A standby of the database is behind and is not asked."},
			problem.Text{ZH: "查询改由主库应答；请检查从库的复制。", EN: "The primary answers for it: look at its replication."},
			func(v *view) bool { return v.Database.ReplicaLag != nil && *v.Database.ReplicaLag > lagging },
		},
		{
			"volatile-away",
			problem.Text{ZH: "缓存服务没有应答。", EN: "The volatile store does not answer."},
			problem.Text{ZH: "此时不能出示、不能核验；请检查 Redis 和到 Redis 的网络。", EN: "Nothing is shown or checked now: look at Redis and the way to it."},
			func(v *view) bool { return !v.Volatile.OK },
		},
		{
			"status-old",
			problem.Text{ZH: "证照状态过旧，核验结果为“无法确定”。", EN: "Statuses are too old: checks are indeterminate."},
			problem.Text{ZH: "请检查数据库、Redis，以及是否有进程在更新状态列表。", EN: "Look at the database, at Redis, and whether any process publishes the lists."},
			func(v *view) bool { return v.Status.Lists > 0 && v.Status.MaxAge > 0 && v.Status.Age > v.Status.MaxAge },
		},
		{
			"overloaded",
			problem.Text{ZH: "请求过多，部分请求被拒绝。", EN: "There are more requests than this process can take: some are refused."},
			problem.Text{ZH: "请增加进程，或查明哪一类请求增多。", EN: "Add processes, or find out which class of requests has grown."},
			func(v *view) bool { return many(v.overloaded, v.minute.count, fewRefused) },
		},
		{
			"errors-rising",
			problem.Text{ZH: "服务端错误增多。", EN: "Errors of the server are rising."},
			problem.Text{ZH: "请按请求编号在日志中查看最近的错误。", EN: "Look at the last errors in the log; each has the id of its request."},
			func(v *view) bool { return many(v.minute.failed, v.minute.count, fewFailed) },
		},
		{
			"scans-slow",
			problem.Text{ZH: "窗口核验变慢。", EN: "Checks at the counters are slow."},
			problem.Text{ZH: "请查看数据库、Redis 和处理器的负载。", EN: "Look at the load of the database, of Redis and of the processors."},
			func(v *view) bool {
				return v.scans.count-v.scans.refused >= fewScans && v.scans.percentile(.99) > slowScan
			},
		},
		{
			"indeterminate-rising",
			problem.Text{ZH: "“无法确定”的核验结果增多。", EN: "Many checks end as indeterminate."},
			problem.Text{ZH: "请查看证照状态是否过旧，以及签发方的密钥和信任列表。", EN: "Look at the age of statuses, at the issuers' keys and at the trust list."},
			func(v *view) bool {
				all := v.Verifications.Valid + v.Verifications.Invalid + v.Verifications.Indeterminate
				return v.Verifications.Indeterminate >= fewFailed && v.Verifications.Indeterminate*20 >= all
			},
		},
		{
			"limiter-broken",
			problem.Text{ZH: "限流计数失败，请求未经计数即放行。", EN: "Requests are not counted: the limiter fails, and lets all through."},
			problem.Text{ZH: "请检查 Redis；在此期间单个调用方不受限制。", EN: "Look at Redis; until then no caller is held to a limit."},
			func(v *view) bool { return v.uncounted > 0 },
		},
		{
			"trust-list-ending",
			problem.Text{ZH: "信任列表即将到期，未能重新签署。", EN: "The trust list is about to end and was not signed anew."},
			problem.Text{ZH: "到期后所有核验结果为“无法确定”；请检查签名密钥和签名服务。", EN: "After that every check is indeterminate: look at the list's key and the signer."},
			func(v *view) bool {
				return v.TrustList != nil && v.At.After(v.TrustList.Expires.Add(-v.TrustList.Expires.Sub(v.trustIssued)/4)) // it is signed anew at half of its life
			},
		},
		{
			"sm2-disagreement",
			problem.Text{ZH: "两种 SM2 实现的验签结果不一致。", EN: "Two implementations of SM2 disagree on a signature."},
			problem.Text{ZH: "请设置 sm2_tables: off 并重启，保留日志并上报。", EN: "Set sm2_tables: off and start anew; keep the log and report it."},
			func(v *view) bool { return v.differences > 0 },
		},
	}
}

// raise notes which rules hold.
func (m *Monitor) raise(v *view) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range rules() {
		switch old := m.raised[r.code]; {
		case r.when(v) && old == nil:
			m.raised[r.code] = &raised{since: v.At, last: v.At}
		case r.when(v):
			old.last = v.At
		case old != nil && v.At.Sub(old.last) >= calmFor:
			delete(m.raised, r.code)
		}
	}
}

// told lists the alerts, the oldest first.
func (m *Monitor) told() []Alert {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := []Alert{}
	for _, r := range rules() {
		if up := m.raised[r.code]; up != nil {
			out = append(out, Alert{Code: r.code, Since: up.since.UTC().Truncate(time.Millisecond), Title: r.title, Next: r.next})
		}
	}
	slices.SortStableFunc(out, func(a, b Alert) int { return cmp.Or(a.Since.Compare(b.Since), strings.Compare(a.Code, b.Code)) })
	return out
}
