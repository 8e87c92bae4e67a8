package backing

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"syscall"
)

// account is whom a server runs as: PostgreSQL refuses to be root.
type account struct {
	other    bool
	uid, gid int
}

func serverAccount() (account, error) {
	if os.Getuid() != 0 {
		return account{}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.Atoi(u.Uid)
		if err != nil {
			return account{}, err
		}
		gid, err := strconv.Atoi(u.Gid)
		return account{other: true, uid: uid, gid: gid}, err
	}
	return account{}, fmt.Errorf("%w: an account postgres or nobody, for servers that refuse to run as root", ErrNotInstalled)
}

// take gives a folder to the account.
func (a account) take(folder string) error {
	if !a.other {
		return nil
	}
	return os.Chown(folder, a.uid, a.gid)
}

func (a account) apply(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGQUIT}
	if a.other {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}
	}
}

// killAll kills a process and its children. The process is stopped first, so that it starts no more.
func killAll(p *os.Process) {
	_ = p.Signal(syscall.SIGSTOP)
	children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", p.Pid, p.Pid))
	_ = p.Kill()
	for _, pid := range strings.Fields(string(children)) {
		if n, err := strconv.Atoi(pid); err == nil {
			_ = syscall.Kill(n, syscall.SIGKILL)
		}
	}
}
