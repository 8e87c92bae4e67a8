'use strict';
// One sheet of a page: both modes, both languages, of what World.docs took. `node sheets.js FROM TO` makes
// TO/NAME.webp of FROM/docs-NAME-{standard,care}-{zh,en}.png, and TO/NAME.png as well with PNG=1.
const fs = require('node:fs');
const path = require('node:path');
const { tools } = require('./stage.js');

const [from, to] = process.argv.slice(2);
const variants = ['standard-zh', 'standard-en', 'care-zh', 'care-en'];

(async () => {
  const { chromium } = tools();
  const names = [...new Set(fs.readdirSync(from).map((f) => (/^docs-(.+)-standard-zh\.png$/.exec(f) || [])[1]).filter(Boolean))];
  const whole = names.filter((n) => variants.every((v) => fs.existsSync(path.join(from, `docs-${n}-${v}.png`))));
  if (!whole.length) throw new Error('no page in both modes and languages in ' + from);
  fs.mkdirSync(to, { recursive: true });
  const browser = await require('playwright-core').chromium.launch({ executablePath: chromium, args: process.getuid && process.getuid() === 0 ? ['--no-sandbox'] : [] });
  try {
    const page = await browser.newPage();
    for (const name of whole) {
      const images = variants.map((v) => 'data:image/png;base64,' + fs.readFileSync(path.join(from, `docs-${name}-${v}.png`)).toString('base64'));
      const made = await page.evaluate(async (images) => {
        const loaded = await Promise.all(images.map((src) => new Promise((done, no) => { const i = new Image(); i.onload = () => done(i); i.onerror = no; i.src = src; })));
        const wide = loaded[0].width > 700; // of a counter or an office: two by two
        const columns = wide ? 2 : 4, gap = 12, width = wide ? 660 : 320;
        const heights = loaded.map((i) => Math.round(i.height * width / i.width));
        const rows = wide ? [Math.max(heights[0], heights[1]), Math.max(heights[2], heights[3])] : [Math.max(...heights)];
        const c = document.createElement('canvas');
        c.width = columns * (width + gap) + gap;
        c.height = rows.reduce((a, b) => a + b + gap, gap);
        const g = c.getContext('2d');
        g.imageSmoothingQuality = 'high';
        g.fillStyle = '#8a929c';
        g.fillRect(0, 0, c.width, c.height);
        loaded.forEach((i, n) => g.drawImage(i, gap + (n % columns) * (width + gap), gap + (n >= columns ? rows[0] + gap : 0), width, heights[n]));
        return { webp: c.toDataURL('image/webp', 0.3), png: c.toDataURL('image/png') };
      }, images);
      const put = (kind) => fs.writeFileSync(path.join(to, name + '.' + kind), Buffer.from(made[kind].split(',')[1], 'base64'));
      put('webp');
      if (process.env.PNG) put('png');
    }
  } finally {
    await browser.close();
  }
  console.log(whole.length + ' sheets in ' + to);
})().catch((e) => { console.error(e.message || e); process.exit(1); });
