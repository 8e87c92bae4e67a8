'use strict';
// The stage: tools, the real demo on a port of its own, a real browser. Everything is taken down again.
const { spawn, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');

const root = path.resolve(__dirname, '..', '..');

// stop ends the run with a sentence that says what to do.
function stop(sentence) {
  console.error('e2e: ' + sentence);
  process.exit(1);
}

function inPath(names) {
  for (const name of names) {
    for (const dir of (process.env.PATH || '').split(path.delimiter)) {
      const file = path.join(dir, name);
      try { fs.accessSync(file, fs.constants.X_OK); return file; } catch (e) { /* next */ }
    }
  }
  return '';
}

function tools() {
  const chromium = process.env.CHROMIUM || inPath(['chromium', 'chromium-browser', 'google-chrome']);
  if (!chromium) stop('Chromium is missing. Install it (Debian: apt install chromium), or name it in the environment variable CHROMIUM.');
  const zbar = inPath(['zbarimg']);
  if (!zbar) stop('zbarimg is missing. Install it (Debian: apt install zbar-tools).');
  if (!process.env.SHOWCARD && !inPath(['go'])) stop('Go is missing. Install it, or name a built binary in the environment variable SHOWCARD.');
  const fonts = spawnSync('fc-list', [':lang=zh', 'family'], { encoding: 'utf8' });
  if (fonts.status !== 0 || !fonts.stdout.trim()) stop('No font for Chinese is installed. Install one (Debian: apt install fontconfig fonts-noto-cjk).');
  for (const name of ['playwright-core', 'axe-core', 'acorn']) {
    try { require.resolve(name); } catch (e) { stop(name + ' is missing. Run npm ci in web/e2e.'); }
  }
  return { chromium, zbar };
}

// freePort is below those that the system gives to callers: on one of theirs a server that starts a moment later may find one.
function freePort() {
  return new Promise((resolve, reject) => {
    const s = net.createServer();
    let tries = 0;
    const next = () => s.listen(15000 + Math.floor(Math.random() * 15000), '127.0.0.1');
    s.on('error', (e) => { if (++tries < 20) next(); else reject(e); });
    s.on('listening', () => { const { port } = s.address(); s.close(() => resolve(port)); });
    next();
  });
}

function pause(ms) { return new Promise((resolve) => setTimeout(resolve, ms)); }

// until waits for something to become true and says what it waited for if it does not.
async function until(what, test, ms = 15000) {
  const end = Date.now() + ms;
  for (;;) {
    const got = await test();
    if (got) return got;
    if (Date.now() > end) throw new Error('waited in vain: ' + what);
    await pause(50);
  }
}

function build(dir) {
  const binary = path.join(dir, 'showcard');
  const built = spawnSync('go', ['build', '-o', binary, './cmd/showcard'], { cwd: root, stdio: 'inherit' });
  if (built.status !== 0) stop('showcard does not build.');
  return binary;
}

async function startDemo() {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'showcard-e2e-'));
  const binary = process.env.SHOWCARD || build(dir);
  const port = await freePort();
  const data = path.join(dir, 'data');
  let demo, said, ended = true;
  const begin = async () => {
    if (!ended) return;
    said = '';
    ended = false;
    demo = spawn(binary, ['demo', '--addr', '127.0.0.1:' + port, '--data', data, '--consent-wait', '10s']);
    demo.stdout.on('data', (d) => { said += d; });
    demo.stderr.on('data', (d) => { said += d; });
    demo.on('exit', () => { ended = true; });
    await until('the demo starts', () => {
      if (ended) throw new Error('the demo ended:\n' + said);
      return fs.existsSync(path.join(data, 'demo.json')) && said.includes('/wallet');
    }, 30000);
  };
  // kill is for stories in which the server dies; begin brings it back, with what is on its disk.
  const kill = async () => {
    demo.kill('SIGKILL');
    await until('the demo is dead', () => ended);
  };
  const end = async () => {
    if (!ended) demo.kill('SIGINT');
    await until('the demo ends on SIGINT', () => ended);
    fs.rmSync(dir, { recursive: true, force: true });
  };
  try {
    await begin();
  } catch (e) {
    await end();
    throw e;
  }
  return { base: 'http://localhost:' + port, dir, data, binary, begin, kill, end, people: JSON.parse(fs.readFileSync(path.join(data, 'demo.json'), 'utf8')).people };
}

// decode reads the QR code in a picture the way a foreign scanner does.
function decode(zbar, file) {
  const r = spawnSync(zbar, ['--quiet', '--raw', '-Sdisable', '-Sqrcode.enable', file], { encoding: 'utf8' });
  return r.status === 0 ? r.stdout.trim() : '';
}

module.exports = { root, tools, build, startDemo, decode, until, pause, stop };
