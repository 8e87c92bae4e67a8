package backing

import (
	"errors"
	"os/exec"
	"runtime"
)

// running is a process that was started.
type running struct {
	cmd   *exec.Cmd
	ended chan struct{}
	err   error // once it has ended
}

// start starts a process and waits for its end on the thread that started it: Linux ends it when
// that thread does (prctl(2), PR_SET_PDEATHSIG), and Go gives back threads that nobody needs.
func start(cmd *exec.Cmd) (*running, error) {
	r := &running{cmd: cmd, ended: make(chan struct{})}
	began := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		began <- err
		if err == nil {
			r.err = cmd.Wait()
			if r.err == nil {
				r.err = errors.New("without an error")
			}
			close(r.ended)
		}
	}()
	return r, <-began
}

// kill ends the process and the processes that it started, and waits.
func (r *running) kill() {
	select {
	case <-r.ended:
		return
	default:
	}
	killAll(r.cmd.Process)
	<-r.ended
}
