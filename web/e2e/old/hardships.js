'use strict';
// The hard ones: bad networks, small screens, weak eyes, no mouse.
const assert = require('node:assert/strict');
const zlib = require('node:zlib');
const { decode, until } = require('./stage.js');
const { signIn, choose, showCode, nextCode, openDesk, gun, verdict } = require('./world.js');

const phone = { width: 360, height: 740 };
const desktop = { width: 1280, height: 800 };

module.exports = function (story, zbar) {
  // A code that lives ten seconds shows in real time what a minute would.
  async function hurry(page, lifetime) {
    await page.route('**/v1/wallet/shows', async (route) => {
      const body = Object.assign(route.request().postDataJSON(), { lifetime });
      await route.continue({ postData: JSON.stringify(body) });
    });
  }

  story('codes renew themselves, overlap, and are never shown past their end', async (w) => {
    const page = await w.page('/wallet', phone);
    await hurry(page, 10);
    await signIn(page, 'person-02');
    await choose(page, '居民身份证', 'identity');
    let code = await showCode(page);
    const codes = [code];
    for (let i = 0; i < 2; i++) {
      code = await nextCode(page, code, 12000);
      assert.ok(!codes.includes(code));
      codes.push(code);
      assert.equal(decode(zbar, await w.shot(page, 'renewed')), code, 'readable after renewal');
    }
    // The network goes: the present code may stay until its end and not a moment longer.
    await page.context().setOffline(true);
    await page.locator('#trouble').waitFor({ timeout: 14000 });
    assert.match(await page.locator('#trouble').innerText(), /网络/);
    await until('the expired code is gone', async () => !await page.locator('#image').isVisible(), 14000);
    assert.equal(decode(zbar, await w.shot(page, 'offline-phone')), '', 'no code on the screen');
    assert.equal(await page.locator('#text').textContent(), '');
    assert.equal(await page.locator('#count').textContent(), '');
    await until('it says so', async () => /没有可用的码/.test(await page.locator('#trouble').innerText()));
    await w.accessible(page, 'offline');
    await page.context().setOffline(false);
    code = await nextCode(page, code, 15000);
    assert.equal(decode(zbar, await w.shot(page, 'online-again')), code);
    assert.ok(!await page.locator('#trouble').isVisible());
    // What a screenshot of the first code is worth by now:
    const desk = await w.page('/check', desktop);
    await openDesk(desk);
    await gun(desk, codes[0]);
    assert.equal(await verdict(desk), 'invalid');
    assert.match(await desk.locator('#reasons').innerText(), /已过期/);
  });

  story('overlapping codes of one show: the older one works, then all are spent', async (w) => {
    const page = await w.page('/wallet', phone);
    // The page is told to renew at once; the codes themselves live their minute.
    await page.route('**/v1/wallet/shows', async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, json: Object.assign(await response.json(), { renew_in: 2 }) });
    });
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
    await page.locator('#providers a').first().waitFor();
    const tabTo = async (p, selector) => {
      for (let i = 0; i < 60; i++) {
        if (await p.evaluate((s) => document.activeElement.matches(s), selector)) return;
        await p.keyboard.press('Tab');
      }
      assert.fail('Tab never reaches ' + selector);
    };
    await tabTo(page, '#providers a');
    await page.keyboard.press('Enter');
    await page.locator('.person').first().waitFor();
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
    let drawn = false;
    page.on('requestfinished', (r) => {
      if (drawn) return; // what comes after her code's picture has not kept her waiting
      drawn = /\/shows\/[^/]+\.svg/.test(r.url());
      answers.push((async () => {
        const url = new URL(r.url()).pathname, answer = await r.response();
        const sent = Math.max(0, (await r.sizes()).responseBodySize); // negative when the browser had it already
        // JSON leaves our server as it is and is compressed by the proxy in front.
        const packed = answer.headers()['content-encoding'] ? sent : Math.min(sent, answer.status() >= 300 && answer.status() < 400 ? sent : zlib.gzipSync(await answer.body()).length);
        return { url: url.replace(/\/shows\/.*/, '/shows/…'), sent, packed };
      })());
    });
    await page.goto(w.demo.base + '/wallet');
    await signIn(page, 'person-01');
    await choose(page, '居民身份证', 'identity');
    await showCode(page);
    assert.ok(drawn);
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
};
