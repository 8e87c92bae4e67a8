'use strict';
// The pages in a real Chromium against the real demo. What differs from what must be makes the exit
// code 1. SHOTS=DIR keeps the screenshots, SHOWCARD=FILE takes a built binary, and an argument runs
// only the stories whose name contains it. Without one the files of stories go over LANES processes,
// each with a demo and a browser of its own: a story mostly waits.
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { tools, build, startDemo, stop } = require('./stage.js');

const folder = path.join(__dirname, 'stories');

async function tell(files, only) {
  const { chromium, zbar } = tools();
  const { World } = require('./world.js'); // after tools: it needs what npm ci brings
  const stories = [];
  const story = (name, run) => stories.push({ name, run });
  for (const file of files) require(path.join(folder, file))(story, zbar);
  const demo = await startDemo();
  const browser = await require('playwright-core').chromium.launch({ executablePath: chromium, args: [...(process.getuid && process.getuid() === 0 ? ['--no-sandbox'] : []), '--use-fake-ui-for-media-stream'] });
  let failed = 0;
  try {
    const w = new World(demo, browser);
    for (const { name, run } of stories) {
      if (only && !name.includes(only)) continue;
      // A browser on a machine that others use is late now and then: a story has a second chance, and the first is told.
      for (let chance = 1; chance <= 2; chance++) {
        const started = Date.now();
        try {
          await run(w);
          await w.tidy();
          console.log('ok    ' + name + ' (' + ((Date.now() - started) / 1000).toFixed(1) + ' s)');
          break;
        } catch (e) {
          if (chance === 2) failed++;
          console.log((chance === 1 ? 'AGAIN ' : 'FAIL  ') + name + '\n' + (e.stack || e));
          let i = 0;
          for (const c of w.contexts.splice(0)) {
            for (const p of c.pages()) await w.shot(p, 'failed-' + files[0] + stories.findIndex((one) => one.name === name) + '-' + chance + '-' + i++).catch(() => {});
            await c.close();
          }
          w.complaints = [];
        }
      }
    }
  } finally {
    await browser.close();
    await demo.end();
  }
  if (failed) stop(failed + ' of ' + stories.length + ' stories failed.');
}

// all gives each lane the next file, the longest first.
async function all(files) {
  tools();
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'showcard-e2e-'));
  const binary = process.env.SHOWCARD || build(dir);
  const waiting = files.map((file) => ({ file, size: fs.statSync(path.join(folder, file)).size })).sort((a, b) => b.size - a.size).map((f) => f.file);
  const failed = [];
  const lane = async () => {
    for (let file = waiting.shift(); file; file = waiting.shift()) {
      const child = spawn(process.execPath, [__filename, '--file', file], { stdio: ['ignore', 'pipe', 'inherit'], env: Object.assign({}, process.env, { SHOWCARD: binary }) });
      let said = '';
      child.stdout.on('data', (d) => { said += d; });
      const code = await new Promise((resolve) => child.on('close', resolve));
      process.stdout.write(said); // of a file together
      if (code !== 0) failed.push(file);
    }
  };
  try {
    await Promise.all(Array.from({ length: Number(process.env.LANES) || 2 }, lane));
  } finally {
    fs.rmSync(dir, { recursive: true, force: true });
  }
  if (failed.length) stop('stories failed in ' + failed.join(', '));
}

const files = fs.readdirSync(folder).sort();
const [first, second] = process.argv.slice(2);
(first === '--file' ? tell([second]) : first ? tell(files, first) : all(files)).catch((e) => { console.error(e); process.exit(1); });
