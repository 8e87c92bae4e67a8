'use strict';
// What the stories share: browsers at work in one demo, and what people do on the pages.
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');

const axe = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

class World {
  constructor(demo, browser) {
    this.demo = demo;
    this.browser = browser;
    this.pictures = !!process.env.SHOTS;
    this.shots = process.env.SHOTS || path.join(demo.dir, 'shots');
    fs.mkdirSync(this.shots, { recursive: true });
    this.complaints = [];
    this.contexts = [];
  }

  async page(url, viewport, options) {
    const context = await this.browser.newContext(Object.assign({ viewport, locale: 'zh-CN', timezoneId: 'Asia/Shanghai' }, options));
    this.contexts.push(context);
    const page = await context.newPage();
    page.setDefaultTimeout(20000);
    page.on('console', (m) => {
      // A refused check and a first visit without sign-in are answers, not faults.
      if (m.type() === 'error' && !/status of (401|403|404|409|422)|ERR_INTERNET_DISCONNECTED|ERR_FAILED/.test(m.text())) this.complaints.push(url + ': ' + m.text());
    });
    page.on('pageerror', (e) => this.complaints.push(url + ': ' + e.message));
    await page.goto(this.demo.base + url);
    return page;
  }

  async tidy() {
    for (const c of this.contexts.splice(0)) await c.close();
    assert.deepEqual(this.complaints, [], 'the browser complained');
  }

  async shot(page, name, whole) {
    const file = path.join(this.shots, name + '.png');
    await page.screenshot({ path: file, fullPage: !!whole });
    return file;
  }

  // docs takes what is on the page now in both modes and both languages, for docs/img/pages: as chosen
  // in another tab, so that nothing on the page is touched. Only when SHOTS are asked for.
  async docs(page, name, whole) {
    if (!this.pictures) return;
    const choose = ([mode, language]) => page.evaluate((chosen) => {
      const was = { mode: document.documentElement.dataset.mode, language: document.documentElement.lang.slice(0, 2) };
      for (const [k, v] of Object.entries(chosen)) localStorage.setItem('showcard.' + k, v);
      dispatchEvent(new StorageEvent('storage', { key: 'showcard.mode' }));
      return was;
    }, { mode, language });
    let was;
    await page.mouse.move(0, 0); // nothing looks as if a hand were on it
    const size = page.viewportSize();
    for (const mode of ['standard', 'care']) {
      for (const language of ['zh', 'en']) {
        was = was ? (await choose([mode, language]), was) : await choose([mode, language]);
        // A part that is fetched for a mode comes a few frames later.
        await page.evaluate(() => new Promise((done) => {
          let height = 0, still = 0;
          const look = () => {
            const now = document.documentElement.scrollHeight;
            still = now === height ? still + 1 : 0;
            height = now;
            if (still < 12) requestAnimationFrame(look); else done();
          };
          look();
        }));
        // A whole page is taken on a screen as long as it is: what stands at the screen's end belongs at the end.
        if (whole) await page.setViewportSize({ width: size.width, height: Math.max(size.height, await page.evaluate(() => document.documentElement.scrollHeight)) });
        await page.screenshot({ path: path.join(this.shots, ['docs', name, mode, language].join('-') + '.png'), animations: 'disabled' });
        if (whole) await page.setViewportSize(size);
      }
    }
    await choose([was.mode, was.language]);
  }

  // look at a page the way somebody with a screen reader would.
  async accessible(page, where) {
    await page.evaluate(axe);
    const r = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
    const bad = r.violations.filter((v) => v.impact === 'serious' || v.impact === 'critical');
    assert.deepEqual(bad.map((v) => v.id + ': ' + v.nodes.map((n) => n.target.join(' ') + ' ' + n.failureSummary).join(' | ')), [], 'axe on ' + where);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.ok(wide <= 0, where + ' scrolls sideways by ' + wide + ' pixels');
  }
}

// gun types like a scanner: fast, into whatever has the focus.
async function gun(page, text, enter = true) {
  await page.keyboard.type(text, { delay: 2 });
  if (enter) await page.keyboard.press('Enter');
}

module.exports = { World, gun };
