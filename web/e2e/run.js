'use strict';
// The pages in a real Chromium against the real demo. One story after the other; the first that
// differs from what must be ends the run with exit code 1. SHOTS=DIR keeps the screenshots.
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const zlib = require('node:zlib');
const { root, tools, startDemo, decode, until, pause, stop } = require('./stage.js');

const { chromium, zbar } = tools();
const playwright = require('playwright-core');
const acorn = require('acorn');
const axe = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

const phone = { width: 360, height: 740 };
const desktop = { width: 1280, height: 800 };
const stories = [];
const story = (name, run) => stories.push({ name, run });

// --- what the stories need ---------------------------------------------------------------------

class World {
  constructor(demo, browser) {
    this.demo = demo;
    this.browser = browser;
    this.shots = process.env.SHOTS || path.join(demo.dir, 'shots');
    fs.mkdirSync(this.shots, { recursive: true });
    this.complaints = [];
    this.contexts = [];
  }

  async page(url, viewport, options) {
    const context = await this.browser.newContext(Object.assign({ viewport, locale: 'zh-CN', timezoneId: 'Asia/Shanghai' }, options));
    this.contexts.push(context);
    const page = await context.newPage();
    page.setDefaultTimeout(10000);
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

async function signIn(page, login) {
  await page.locator('.person', { hasText: login }).click();
  await page.locator('#cards').waitFor();
}

async function choose(page, card, view) {
  await page.locator('#list .card', { hasText: card }).first().click();
  await page.locator('#choose').waitFor();
  if (view) await page.locator(`input[name=view][value="${view}"]`).check();
}

async function showCode(page) {
  await page.locator('#show').click();
  return nextCode(page, '');
}

// nextCode is the text under the picture, once it is another than the one given.
function nextCode(page, before, ms) {
  return until('a code on the page', async () => {
    const t = (await page.locator('#text').textContent()).replace(/\s/g, '');
    return t && t !== before && await page.locator('#image').isVisible() && await page.evaluate(() => document.getElementById('image').complete) ? t : '';
  }, ms);
}

async function openDesk(page, checker = 'changsha-service-hall', purpose = 'identity-check') {
  await page.locator('#checker option').first().waitFor({ state: 'attached' });
  await page.locator('#checker').selectOption(checker);
  await page.locator('#purpose').selectOption(purpose);
  await page.locator('#setup-form button').click();
  await page.locator('#desk').waitFor();
}

// gun types like a scanner: fast, into whatever has the focus.
async function gun(page, text, enter = true) {
  await page.keyboard.type(text, { delay: 2 });
  if (enter) await page.keyboard.press('Enter');
}

async function verdict(page) {
  await page.locator('#result').waitFor();
  return (await page.locator('#outcome').getAttribute('class')).replace('outcome ', '');
}

// --- the stories -------------------------------------------------------------------------------

story('scripts are JavaScript of 2017', async () => {
  for (const file of fs.readdirSync(path.join(root, 'web', 'static')).filter((f) => f.endsWith('.js'))) {
    acorn.parse(fs.readFileSync(path.join(root, 'web', 'static', file), 'utf8'), { ecmaVersion: 2017, sourceType: 'script' });
  }
});

story('the landing page leads to both', async (w) => {
  for (const [size, name] of [[phone, 'phone'], [desktop, 'desktop']]) {
    const page = await w.page('/', size);
    assert.match(await page.textContent('.demo'), /虚构/);
    await w.accessible(page, 'landing on ' + name);
    await w.shot(page, 'home-' + name, true);
    await page.locator('a[href="/check"]').click();
    await page.waitForURL('**/check');
  }
});

story('a code is shown, read by a foreign scanner, checked once, and refused the second time', async (w) => {
  const wallet = await w.page('/wallet', phone);
  await wallet.locator('.person').first().waitFor();
  await w.accessible(wallet, 'sign-in');
  await w.shot(wallet, 'signin-phone');
  await signIn(wallet, 'person-01');
  await w.accessible(wallet, 'cards');
  await w.shot(wallet, 'cards-phone', true);
  await choose(wallet, '居民身份证', 'identity');
  assert.match(await wallet.locator('.view', { hasText: '身份核验' }).textContent(), /姓名、公民身份号码/);
  await w.accessible(wallet, 'choose');
  await w.shot(wallet, 'choose-phone', true);
  const code = await showCode(wallet);
  await w.accessible(wallet, 'code');
  assert.equal(decode(zbar, await w.shot(wallet, 'code-phone')), code, 'zbarimg reads what the page says');

  const desk = await w.page('/check', desktop);
  await w.accessible(desk, 'setup');
  await w.shot(desk, 'setup-desktop');
  await openDesk(desk);
  await w.accessible(desk, 'desk');
  await w.shot(desk, 'desk-desktop');
  await gun(desk, code);
  assert.equal(await verdict(desk), 'valid');
  const claims = await desk.locator('#claims').textContent();
  assert.match(claims, /姓名/);
  assert.match(claims, /张示例/);
  assert.doesNotMatch(claims, /住址/, 'only what was chosen');
  await desk.locator('#portrait-image').waitFor();
  await desk.locator('#checks-part summary').click();
  assert.equal(await desk.locator('#checks tr').count(), 6);
  await w.accessible(desk, 'valid result');
  await w.shot(desk, 'valid-desktop', true);

  await wallet.locator('#done').waitFor();
  assert.match(await wallet.locator('#done').innerText(), /已核验：有效[\s\S]*长沙市政务服务大厅/);
  await w.accessible(wallet, 'done');
  await w.shot(wallet, 'done-phone', true);

  await desk.locator('#next').click();
  await gun(desk, code);
  assert.equal(await verdict(desk), 'invalid');
  assert.match(await desk.locator('#reasons').innerText(), /已经用过/);
  assert.equal(await desk.locator('#claims').textContent(), '');
  await w.accessible(desk, 'invalid result');
  await w.shot(desk, 'used-desktop', true);

  await wallet.locator('#done .back').click();
  await wallet.locator('#to-history').click();
  await wallet.locator('#looks li').first().waitFor();
  assert.match(await wallet.locator('#looks li').first().innerText(), /长沙市政务服务大厅[\s\S]*核验身份[\s\S]*姓名/);
  await w.accessible(wallet, 'history');
  await w.shot(wallet, 'history-phone');
});

story('a picture of the code, an input method, a silent gun and a double scan', async (w) => {
  const wallet = await w.page('/wallet', phone);
  await signIn(wallet, 'person-01');
  await choose(wallet, '居民身份证', 'over-18');
  let code = await showCode(wallet);
  const desk = await w.page('/check', desktop);
  let requests = 0;
  desk.on('request', (r) => { if (r.method() === 'POST' && r.url().endsWith('/v1/verifications')) requests++; });
  await openDesk(desk);
  await desk.locator('#picture').setInputFiles(await w.shot(wallet, 'code-upload'));
  assert.equal(await verdict(desk), 'valid');
  assert.match(await desk.locator('#claims').innerText(), /已满18周岁[\s\S]*是/);

  await wallet.locator('#again').click();
  code = await nextCode(wallet, code);
  requests = 0;
  await gun(desk, code, false); // no Enter at all: the silence submits
  await until('the silence submits', () => requests === 1);
  assert.equal(await verdict(desk), 'valid');
  await gun(desk, code); // the clerk pulls the trigger once more
  await gun(desk, code);
  await pause(600);
  assert.equal(requests, 1, 'a double scan counts once');
  assert.equal(await verdict(desk), 'valid', 'and the answer stays');
  assert.match(await desk.locator('#busy').innerText(), /只算一次/);

  await wallet.locator('#again').click();
  code = await nextCode(wallet, code);
  await desk.locator('#checks-part summary').focus(); // the focus was left somewhere else
  const wide = Array.from(code, (c) => String.fromCodePoint(c.codePointAt(0) + 0xfee0)).join('');
  await desk.locator('#scan').focus();
  await desk.keyboard.insertText(wide + '\u3000'); // as an input method widens it
  await desk.keyboard.press('Enter');
  await until('the wide code is checked', () => requests === 2);
  await desk.locator('#result').waitFor();
  assert.equal(await verdict(desk), 'valid');

  // Under a Chinese input method the gun's letters are a composition and Enter only ends it.
  await wallet.locator('#again').click();
  code = await nextCode(wallet, code);
  await desk.locator('#scan').focus();
  const keyboard = await desk.context().newCDPSession(desk);
  const typed = code.toLowerCase();
  for (let i = 1; i <= typed.length; i++) await keyboard.send('Input.imeSetComposition', { text: typed.slice(0, i), selectionStart: i, selectionEnd: i });
  await pause(500);
  assert.equal(requests, 2, 'nothing is sent while the input method composes');
  await keyboard.send('Input.insertText', { text: typed });
  await until('the composed code is checked', () => requests === 3);
  await desk.locator('#result').waitFor();
  assert.equal(await verdict(desk), 'valid');

  await desk.locator('#next').focus();
  await gun(desk, '6901234567892'); // a bottle of water
  await until('the bottle is refused', async () => await desk.locator('#result').isVisible() && await verdict(desk) === 'refused');
  assert.match(await desk.locator('#reasons').innerText(), /不是电子证照码/);
  await w.shot(desk, 'refused-desktop', true);
});

story('what is suspended or ended says so', async (w) => {
  const seen = {};
  for (const p of w.demo.people) {
    const page = await w.page('/wallet', phone);
    await signIn(page, p.login);
    for (const state of ['suspended', 'expired', 'ended']) {
      const card = page.locator('#list .card', { has: page.locator('.badge.' + state) }).first();
      if (seen[state] || await card.count() === 0) continue;
      seen[state] = true;
      await w.shot(page, 'cards-' + state, true);
      await card.click();
      await page.locator('#choose').waitFor();
      await w.accessible(page, state + ' card');
      if (state === 'ended') {
        assert.ok(await page.locator('#show').isDisabled());
        await w.shot(page, 'ended-phone', true);
        await page.locator('#choose .back').click();
        continue;
      }
      const code = await showCode(page);
      const desk = await w.page('/check', phone);
      await openDesk(desk);
      await gun(desk, code);
      assert.equal(await verdict(desk), 'invalid');
      assert.match(await desk.locator('#reasons').innerText(), state === 'suspended' ? /暂扣/ : /有效期/);
      await w.accessible(desk, state + ' result');
      await w.shot(desk, state + '-check-phone', true);
      await page.locator('#done').waitFor();
      await page.locator('#done .back').click();
      await page.locator('#cards').waitFor();
    }
    await w.tidy();
    if (seen.suspended && seen.expired && seen.ended) return;
  }
  assert.fail('the demo has no ' + ['suspended', 'expired', 'ended'].filter((s) => !seen[s]).join(', ') + ' certificate');
});

// A code that lives six seconds shows in real time what a minute would.
async function hurry(page, lifetime) {
  await page.route('**/v1/wallet/shows', async (route) => {
    const body = Object.assign(route.request().postDataJSON(), { lifetime });
    await route.continue({ postData: JSON.stringify(body) });
  });
}

story('codes renew themselves, overlap, and are never shown past their end', async (w) => {
  const page = await w.page('/wallet', phone);
  await hurry(page, 6);
  await signIn(page, 'person-02');
  await choose(page, '居民身份证', 'identity');
  let code = await showCode(page);
  const codes = [code];
  for (let i = 0; i < 2; i++) {
    code = await nextCode(page, code, 8000);
    assert.ok(!codes.includes(code));
    codes.push(code);
    assert.equal(decode(zbar, await w.shot(page, 'renewed')), code, 'readable after renewal');
  }
  // The network goes: the present code may stay until its end and not a moment longer.
  await page.context().setOffline(true);
  await page.locator('#trouble').waitFor();
  assert.match(await page.locator('#trouble').innerText(), /网络/);
  await until('the expired code is gone', async () => !await page.locator('#image').isVisible(), 8000);
  assert.equal(decode(zbar, await w.shot(page, 'offline-phone')), '', 'no code on the screen');
  assert.equal(await page.locator('#text').textContent(), '');
  assert.equal(await page.locator('#count').textContent(), '');
  await until('it says so', async () => /没有可用的码/.test(await page.locator('#trouble').innerText()));
  await w.accessible(page, 'offline');
  await page.context().setOffline(false);
  code = await nextCode(page, code, 15000);
  assert.equal(decode(zbar, await w.shot(page, 'online-again')), code);
  assert.ok(!await page.locator('#trouble').isVisible());
  // The code before the newest is still good: a clerk who aims slowly is not punished.
  const before = code;
  await nextCode(page, before, 8000);
  const desk = await w.page('/check', desktop);
  await openDesk(desk);
  await gun(desk, codes[0]);
  assert.equal(await verdict(desk), 'invalid');
  assert.match(await desk.locator('#reasons').innerText(), /已过期/);
});

story('overlapping codes of one show: the older one works, then all are spent', async (w) => {
  const page = await w.page('/wallet', phone);
  await hurry(page, 12);
  await signIn(page, 'person-02');
  await choose(page, '居民身份证', 'identity');
  const old = await showCode(page);
  const desk = await w.page('/check', desktop);
  await openDesk(desk);
  const fresh = await nextCode(page, old, 12000);
  await gun(desk, old);
  assert.equal(await verdict(desk), 'valid');
  await page.locator('#done').waitFor();
  await desk.locator('#next').click();
  await gun(desk, fresh);
  assert.equal(await verdict(desk), 'invalid');
  assert.match(await desk.locator('#reasons').innerText(), /已经用过/);
});

story('closing ends the show', async (w) => {
  const page = await w.page('/wallet', phone);
  await signIn(page, 'person-02');
  await choose(page, '居民身份证', 'identity');
  const code = await showCode(page);
  const closed = page.waitForResponse((r) => r.request().method() === 'DELETE');
  await page.locator('#close').click();
  assert.equal((await closed).status(), 204);
  const desk = await w.page('/check', desktop);
  await openDesk(desk);
  await gun(desk, code);
  assert.equal(await verdict(desk), 'invalid');
});

story('by keyboard alone, from sign-in to the code and from setup to the answer', async (w) => {
  const page = await w.page('/wallet', desktop);
  await page.locator('.person').first().waitFor();
  const tabTo = async (p, selector) => {
    for (let i = 0; i < 60; i++) {
      if (await p.evaluate((s) => document.activeElement.matches(s), selector)) return;
      await p.keyboard.press('Tab');
    }
    assert.fail('Tab never reaches ' + selector);
  };
  await tabTo(page, '.person');
  await page.keyboard.press('Enter');
  await page.locator('#cards').waitFor();
  await tabTo(page, '#list .card');
  await w.shot(page, 'cards-desktop', true);
  await page.keyboard.press('Enter');
  await page.locator('#choose').waitFor();
  await tabTo(page, 'input[name=view]');
  await page.keyboard.press('ArrowDown');
  await w.shot(page, 'choose-desktop', true);
  await tabTo(page, '#show');
  await page.keyboard.press('Enter');
  const code = await nextCode(page, '');
  assert.equal(decode(zbar, await w.shot(page, 'code-desktop')), code);

  const desk = await w.page('/check', desktop);
  await desk.locator('#checker option').first().waitFor({ state: 'attached' });
  await tabTo(desk, '#checker');
  await desk.keyboard.press('Home');
  await tabTo(desk, '#setup-form button');
  await desk.keyboard.press('Enter');
  await desk.locator('#desk').waitFor();
  assert.ok(await desk.evaluate(() => document.activeElement.id === 'scan'), 'the cursor is where the gun types');
  await gun(desk, code);
  assert.equal(await verdict(desk), 'valid');
  assert.ok(await desk.evaluate(() => document.activeElement.id === 'scan'), 'and comes back');
  await tabTo(desk, '#next');
  await desk.keyboard.press('Enter');
  assert.ok(!await desk.locator('#result').isVisible());
});

story('what a customer showed is cleared after a minute', async (w) => {
  const desk = await w.page('/check', phone, { hasTouch: true });
  await desk.clock.install();
  await desk.reload();
  await openDesk(desk);
  await gun(desk, 'SC1DEMO');
  assert.equal(await verdict(desk), 'refused');
  await w.shot(desk, 'refused-phone', true);
  await desk.clock.runFor(30_000);
  assert.ok(await desk.locator('#result').isVisible());
  await desk.clock.runFor(32_000);
  assert.ok(!await desk.locator('#result').isVisible());
});

story('large text, English, and the smallest phone', async (w) => {
  const page = await w.page('/wallet', { width: 320, height: 568 });
  await page.locator('#large').click();
  await signIn(page, 'person-01');
  await w.accessible(page, 'large cards');
  await w.shot(page, 'cards-large', true);
  await choose(page, '居民身份证', 'identity');
  const asked = page.waitForRequest((r) => r.method() === 'POST' && r.url().endsWith('/v1/wallet/shows'));
  const code = await showCode(page);
  assert.equal((await asked).postDataJSON().lifetime, 120, 'more time for whoever needs large text');
  await page.locator('#image').scrollIntoViewIfNeeded();
  assert.equal(decode(zbar, await w.shot(page, 'code-large', true)), code);
  await w.accessible(page, 'large code');
  await page.locator('#language').click();
  assert.match(await page.locator('#code').innerText(), /Turn the screen to full brightness/);
  assert.doesNotMatch(await page.locator('#code').innerText(), /对方/);
  await w.accessible(page, 'large code in English');
  await w.shot(page, 'code-large-english', true);

  const desk = await w.page('/check', phone, { locale: 'en-GB' });
  await openDesk(desk);
  await gun(desk, code);
  assert.equal(await verdict(desk), 'valid');
  assert.match(await desk.locator('#result').innerText(), /VALID[\s\S]*Name/);
  await w.accessible(desk, 'valid on a phone');
  await w.shot(desk, 'valid-phone-english', true);
});

story('a company\'s certificate and a driver\'s live points', async (w) => {
  const page = await w.page('/wallet', phone);
  const wanted = { 'business-licence': '营业执照', 'drivers-licence': '机动车驾驶证' };
  for (const [type, name] of Object.entries(wanted)) {
    const who = w.demo.people.filter((p) => p.holdings.some((h) => h.type === type));
    assert.ok(who.length, 'somebody holds a ' + type);
    let code = '';
    for (const p of who) {
      if (await page.locator('#signout').isVisible()) await page.locator('#signout').click();
      await signIn(page, p.login);
      const good = page.locator('#list .card', { hasText: name, has: page.locator('.badge.valid') }).first();
      if (await good.count() === 0) continue;
      await good.click();
      await page.locator('input[name=view][value=full]').check();
      await page.locator('#values summary').click();
      await page.locator('#all > div').first().waitFor();
      await page.locator('#reveal').click();
      await until('the values are whole', async () => !(await page.locator('#all').innerText()).includes('*'));
      await w.accessible(page, type + ' values');
      await w.shot(page, type + '-values', true);
      code = await showCode(page);
      break;
    }
    assert.ok(code, 'somebody holds a valid ' + type);
    const desk = await w.page('/check', desktop);
    await desk.locator('#checker option').first().waitFor({ state: 'attached' });
    await openDesk(desk, type === 'drivers-licence' ? 'traffic-squad' : 'changsha-service-hall', type === 'drivers-licence' ? 'traffic-inspection' : 'identity-check');
    await gun(desk, code);
    assert.equal(await verdict(desk), 'valid');
    if (type === 'drivers-licence') assert.match(await desk.locator('#live').innerText(), /累积记分[\s\S]*分/);
    await w.accessible(desk, type + ' result');
    await w.shot(desk, type + '-valid', true);
    await page.locator('#done').waitFor();
    await page.locator('#done .back').click();
    await page.locator('#cards').waitFor();
  }
});

story('everything before the code weighs at most 30,720 bytes', async (w) => {
  const context = await w.browser.newContext({ viewport: phone, locale: 'zh-CN' });
  w.contexts.push(context);
  const page = await context.newPage();
  const answers = [];
  page.on('requestfinished', (r) => {
    answers.push((async () => {
      const url = new URL(r.url()).pathname, answer = await r.response();
      const sent = Math.max(0, (await r.sizes()).responseBodySize); // negative when the browser had it already
      // JSON leaves our server as it is and is compressed by the proxy in front.
      const packed = answer.headers()['content-encoding'] ? sent : Math.min(sent, zlib.gzipSync(await answer.body()).length);
      return { url: url.replace(/\/shows\/.*/, '/shows/…'), sent, packed };
    })());
  });
  await page.goto(w.demo.base + '/wallet');
  await signIn(page, 'person-01');
  await choose(page, '居民身份证', 'identity');
  await showCode(page);
  const all = await Promise.all(answers);
  let sent = 0, packed = 0;
  for (const a of all) {
    console.log('      ' + String(a.sent).padStart(6) + ' sent ' + String(a.packed).padStart(6) + ' gzipped  ' + a.url);
    sent += a.sent;
    packed += a.packed;
  }
  console.log('      ' + String(sent).padStart(6) + ' sent ' + String(packed).padStart(6) + ' gzipped  in ' + all.length + ' answers');
  assert.ok(packed <= 30720);
});

// --- run ---------------------------------------------------------------------------------------

async function main() {
  const only = process.argv[2];
  const demo = await startDemo();
  const browser = await playwright.chromium.launch({ executablePath: chromium, args: process.getuid && process.getuid() === 0 ? ['--no-sandbox'] : [] });
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
