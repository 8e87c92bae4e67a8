'use strict';
// The pages in a real Chromium against the real demo. One story after the other; what differs from
// what must be makes the exit code 1. SHOTS=DIR keeps the screenshots, SHOWCARD=FILE takes a built
// binary, and an argument runs only the stories whose name contains it.
const fs = require('node:fs');
const path = require('node:path');
const { tools, startDemo, stop } = require('./stage.js');

async function main() {
  const { chromium, zbar } = tools();
  const { World } = require('./world.js'); // after tools: it needs what npm ci brings
  const stories = [];
  const story = (name, run) => stories.push({ name, run });
  for (const file of fs.readdirSync(path.join(__dirname, 'stories')).sort()) require('./stories/' + file)(story, zbar);
  const only = process.argv[2];
  const demo = await startDemo();
  const browser = await require('playwright-core').chromium.launch({ executablePath: chromium, args: [...(process.getuid && process.getuid() === 0 ? ['--no-sandbox'] : []), '--use-fake-ui-for-media-stream'] });
  let failed = 0;
  try {
    const w = new World(demo, browser);
    for (const { name, run } of stories) {
      if (only && !name.includes(only)) continue;
      const started = Date.now();
      try {
        await run(w);
        await w.tidy();
        console.log('ok    ' + name + ' (' + ((Date.now() - started) / 1000).toFixed(1) + ' s)');
      } catch (e) {
        failed++;
        console.log('FAIL  ' + name + '\n' + (e.stack || e));
        let i = 0;
        for (const c of w.contexts.splice(0)) {
          for (const p of c.pages()) await w.shot(p, 'failed-' + failed + '-' + i++).catch(() => {});
          await c.close();
        }
        w.complaints = [];
      }
    }
  } finally {
    await browser.close();
    await demo.end();
  }
  if (failed) stop(failed + ' of ' + stories.length + ' stories failed.');
}

main().catch((e) => { console.error(e); process.exit(1); });
