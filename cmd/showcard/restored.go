package main

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// restoredCommand is the second half of a restore, for a PostgreSQL database that was put back with
// the server's own tools.
type restoredCommand struct {
	Config           string    `short:"c" required:"" placeholder:"FILE" help:"Configuration file of the deployment."`
	Backup           string    `required:"" placeholder:"NAME" help:"What was put back, for the record: the name of a dump, a point in time."`
	Taken            time.Time `required:"" placeholder:"TIME" help:"Up to when what was put back reaches, as 2026-11-22T03:00:00Z. Rather too early than too late."`
	TrustListVersion int64     `placeholder:"N" help:"The newest version of the trust list that anybody saw, when it is known."`
}

// Help is what --help prints below the flags.
func (restoredCommand) Help() string {
	return `After a dump or a point-in-time recovery, and before anybody serves. What happened since is lost in the
database, not in the world, so: status lists are closed and their sequences leap ahead, the trust list's
version leaps ahead, and everybody signs in again. After a failover that lost nothing there is no need.

  showcard restored -c showcard.yaml --backup record-2026-11-22.dump --taken 2026-11-22T03:00:00Z`
}

// Run makes the database fit to go on.
func (r restoredCommand) Run(e *env) (err error) {
	c, err := readConfig(r.Config)
	if err != nil {
		return err
	}
	if !strings.HasPrefix(c.Database, "postgres") {
		return fmt.Errorf("%w: database: a file is put back with `showcard restore`", errConfig)
	}
	if r.Taken.After(time.Now()) {
		return fmt.Errorf("%w: --taken lies ahead", errConfig)
	}
	if err := existing(c); err != nil {
		return err
	}
	unlock, err := lockServing(c.Data, true)
	if err != nil {
		return err
	}
	unlock() // build takes it as a server does
	a, err := build(e.ctx, c, quiet(e))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.close()) }()
	m := manifest{ID: r.Backup, TakenAt: r.Taken.UTC()}
	done, err := restoreCommand{TrustListVersion: r.TrustListVersion}.goOn(e, a, m)
	if err != nil {
		return err
	}
	tellRestored(e, m, done)
	return nil
}
