'use strict';
// The hard ones: bad networks, sleeping phones, wrong clocks, other tabs, weak eyes, no mouse.
const assert = require('node:assert/strict');
const zlib = require('node:zlib');
const { decode, until } = require('../stage.js');
const { signIn, choose, showCode, nextCode, scan } = require('../citizen.js');

const phone = { width: 390, height: 844 };

module.exports = (story, zbar) => {
  story('wallet: codes renew themselves, overlap, and are never shown past their end', async (w) => {
    const page = await w.page('/wallet', phone);
    await page.clock.install();
    await page.goto(w.demo.base + '/wallet');
    await signIn(page, 'person-06');
    await choose(page, '居民身份证', 'identity');
    const old = await showCode(page);
    await page.clock.fastForward(50_000);
    const fresh = await nextCode(page, old);
    assert.equal(decode(zbar, await w.shot(page, 'wallet-renewed')), fresh, 'readable after renewal');
    // The network goes, and no offline code is kept: the present code stays until its end and not a moment longer.
    await page.context().setOffline(true);
    await page.clock.fastForward(50_000);
    await page.locator('.notice', { hasText: '网络不稳' }).waitFor();
    assert.equal(decode(zbar, await w.shot(page, 'wallet-unsteady')), fresh, 'still good');
    await w.docs(page, 'wallet-code-unsteady');
    await page.clock.fastForward(10_000);
    await until('the expired code is gone', async () => await page.locator('.w-picture svg.qr, .w-picture img').count() === 0);
    assert.equal(decode(zbar, await w.shot(page, 'wallet-nocode')), '', 'no code on the screen');
    assert.equal(await page.locator('.w-code').count(), 0);
    await page.locator('.notice', { hasText: /连不上系统|已过期/ }).waitFor();
    await w.accessible(page, 'without a code');
    await w.docs(page, 'wallet-nocode');
    await page.context().setOffline(false);
    await page.clock.fastForward(16_000);
    assert.equal((await scan(w, await nextCode(page, fresh))).outcome, 'valid');
    await page.locator('.w-done').waitFor();
  });

  story('wallet: a phone that slept or lay face down shows no dead code; the older code of a show works, then all are spent', async (w) => {
    const page = await w.page('/wallet', phone);
    await page.clock.install();
    await page.goto(w.demo.base + '/wallet');
    await signIn(page, 'person-06');
    await choose(page, '居民身份证', 'identity');
    const code = await showCode(page);
    // Hidden: nothing is drawn, so that the list of open apps has no picture of it.
    const hide = (on) => page.evaluate((h) => { Object.defineProperty(document, 'hidden', { configurable: true, get: () => h }); document.dispatchEvent(new Event('visibilitychange')); }, on);
    await hide(true);
    await until('it is put away', async () => await page.locator('.w-picture svg.qr, .w-picture img').count() === 0);
    await hide(false);
    await page.locator('.w-picture svg.qr, .w-picture img').waitFor();
    // Asleep for an hour: the first picture after it is none.
    await page.context().setOffline(true);
    await page.clock.fastForward(3_600_000);
    await until('no dead code', async () => await page.locator('.w-picture svg.qr, .w-picture img').count() === 0);
    await page.context().setOffline(false);
    assert.ok(code);
    await page.locator('.w-close').click();

    const two = await w.page('/wallet', phone);
    await two.route('**/v1/wallet/shows', async (route) => { const r = await route.fetch(); await route.fulfill({ response: r, json: { ...(await r.json()), renew_in: 1 } }); });
    await signIn(two, 'person-06');
    await choose(two, '居民身份证', 'over-18');
    const first = await showCode(two);
    const second = await nextCode(two, first);
    assert.equal((await scan(w, first)).outcome, 'valid');
    await two.locator('.w-done').waitFor();
    assert.equal((await scan(w, second)).outcome, 'invalid');
  });

  story('wallet: closing ends the show; so does the back button', async (w) => {
    const page = await w.page('/wallet', phone);
    await signIn(page, 'person-06');
    for (const leave of [() => page.locator('.w-close').click(), () => page.goBack()]) {
      await choose(page, '居民身份证', 'identity');
      const code = await showCode(page);
      const closed = page.waitForResponse((r) => r.request().method() === 'DELETE');
      await leave();
      assert.equal((await closed).status(), 204);
      assert.equal((await scan(w, code)).outcome, 'invalid');
      await page.goto(w.demo.base + '/wallet#');
      await page.locator('.w-pick').first().waitFor();
    }
  });

  story('wallet: signed out in another tab, on another device, and a clock that is wrong', async (w) => {
    const one = await w.page('/wallet', phone);
    await signIn(one, 'person-07');
    await choose(one, '居民身份证', 'identity');
    await showCode(one);
    const two = await one.context().newPage();
    await two.goto(w.demo.base + '/wallet#me');
    await two.locator('.w-menu button', { hasText: '退出登录' }).click();
    await two.locator('.w-providers').waitFor();
    await one.locator('.notice', { hasText: '另一个页面退出' }).waitFor(); // the code went with it
    assert.equal(await one.locator('.w-picture').count(), 0);
    await w.accessible(one, 'signed out elsewhere');
    await w.docs(one, 'wallet-signin-elsewhere');
    await two.close();
    await one.reload();

    await signIn(one, 'person-07');
    const laptop = await w.page('/wallet', phone);
    await signIn(laptop, 'person-07');
    await laptop.goto(w.demo.base + '/wallet#corrections');
    await laptop.locator('button', { hasText: '提一个更正申请' }).click();
    await laptop.locator('#says').fill('我的地址写错了。');
    await one.goto(w.demo.base + '/wallet#me');
    await one.locator('.w-menu button.bad').click();
    await w.accessible(one, 'sign out everywhere');
    await w.docs(one, 'wallet-everywhere');
    await one.locator('.dialog .button.danger').click();
    await one.locator('.w-providers').waitFor();
    await until('the other device is out as well', () => laptop.evaluate(() => fetch('/v1/me').then((r) => r.status === 401)));
    await laptop.locator('form .button.main').click();
    await laptop.locator('.notice', { hasText: '您写下的内容还在' }).waitFor();
    await w.docs(laptop, 'wallet-signin-over');
    await laptop.locator('.w-providers a').first().click();
    await laptop.locator('.person', { hasText: 'person-07' }).click();
    await laptop.locator('#says').waitFor(); // where she was, not her cards
    assert.equal(await laptop.locator('#says').inputValue(), '我的地址写错了。', 'nothing typed is lost');

    const late = await w.page('/wallet', phone);
    await late.clock.setSystemTime(new Date(Date.now() + 20 * 60_000));
    await late.goto(w.demo.base + '/wallet');
    await signIn(late, 'person-06');
    await late.locator('.notice', { hasText: '时钟不准，相差约 20 分钟' }).waitFor();
    await w.accessible(late, 'clock wrong');
    await w.docs(late, 'wallet-clock');
    await choose(late, '居民身份证', 'identity');
    assert.equal((await scan(w, await showCode(late))).outcome, 'valid', 'online codes do not care');
  });

  story('wallet: the server is gone in the middle, and the page says what to do', async (w) => {
    const page = await w.page('/wallet', phone);
    await signIn(page, 'person-06');
    await choose(page, '居民身份证', 'identity');
    await page.route('**/v1/wallet/shows', (route) => route.abort());
    await page.locator('.w-dock button').click();
    await page.locator('.notice.bad', { hasText: '没有连上系统' }).waitFor();
    await w.accessible(page, 'no answer');
    await w.docs(page, 'wallet-no-answer', true);
    await page.unroute('**/v1/wallet/shows');
    await showCode(page);
    await page.locator('.w-close').click();
    await page.route('**/v1/wallet/history*', (route) => route.fulfill({ status: 503, contentType: 'application/problem+json', headers: { 'Retry-After': '1' }, body: JSON.stringify({ code: 'overloaded', title: 'Busy.', title_zh: '系统繁忙。', next: { zh: '请稍后再试。', en: 'Try later.' } }) }));
    await page.locator('.w-tabs a').nth(1).click();
    await page.locator('.notice.bad', { hasText: '系统繁忙' }).waitFor();
    await w.docs(page, 'wallet-busy');
    await page.unroute('**/v1/wallet/history*');
    // The next answer takes its time, and the page says that it is coming.
    let come;
    const held = new Promise((resolve) => { come = resolve; });
    await page.route('**/v1/wallet/history*', async (route) => { await held; await route.continue(); });
    await page.locator('.notice.bad button').click();
    await page.locator('.loading').waitFor();
    await w.accessible(page, 'loading');
    await w.docs(page, 'wallet-loading');
    come();
    await page.locator('.w-looks li').first().waitFor();
    w.complaints = w.complaints.filter((c) => !/status of 503/.test(c));
  });

  story('wallet: by keyboard alone, from sign-in to the code and out again', async (w) => {
    const page = await w.page('/wallet', { width: 1280, height: 800 });
    await page.locator('.w-providers a').first().waitFor();
    const tabTo = async (selector) => {
      for (let i = 0; i < 60; i++) {
        if (await page.evaluate((s) => document.activeElement.matches(s), selector)) return;
        await page.keyboard.press('Tab');
      }
      assert.fail('Tab never reaches ' + selector);
    };
    await tabTo('.w-providers a');
    await page.keyboard.press('Enter');
    await page.locator('.person').first().waitFor();
    await tabTo('.person');
    await page.keyboard.press('Enter');
    await page.locator('.w-pick').first().waitFor();
    await tabTo('.w-pick');
    await w.shot(page, 'wallet-cards-desktop', true);
    await page.keyboard.press('Enter');
    await page.locator('.w-views').waitFor();
    await tabTo('input[name=view]');
    await page.keyboard.press('ArrowDown');
    await tabTo('.w-dock button');
    await page.keyboard.press('Enter');
    const code = await nextCode(page, '');
    assert.equal(decode(zbar, await w.shot(page, 'wallet-code-desktop')), code);
    await tabTo('.w-close');
    await page.keyboard.press('Enter');
    await page.locator('.w-pick').first().waitFor();
    await tabTo('.w-tabs a:nth-of-type(3)');
    await page.keyboard.press('Enter');
    await tabTo('.w-menu button.bad');
    await page.keyboard.press('Enter');
    await page.locator('[role=dialog]').waitFor();
    await page.keyboard.press('Escape');
    assert.equal(await page.locator('[role=dialog]').count(), 0);
    assert.ok(await page.evaluate(() => document.activeElement.matches('.w-menu button.bad')), 'the focus comes back');
  });

  story('wallet: what a phone loads before the first code', async (w) => {
    const page = await w.page('/', phone, { serviceWorkers: 'block' });
    const answers = [];
    let shown = false;
    page.on('requestfinished', (r) => {
      const url = new URL(r.url()).pathname;
      // What a code needs: the page and its head, what shows it, and the API's answers. The rest comes beside or after it.
      if (shown || !/^\/(wallet$|icon|manifest|assets\/(wallet|ui|values|code|show|moment)\.|v1\/(sign-in\/providers|wallet\/(holdings|shows)))/.test(url)) return;
      shown = url.endsWith('.svg') && url.includes('/shows/');
      // What is at hand already (304) is not sent, and has no body.
      const packed = r.response().then((answer) => answer.body()).then((body) => zlib.gzipSync(body).length, () => 0);
      answers.push(packed.then((n) => ({ url: url.replace(/\/shows\/.*/, '/shows/…'), packed: n })));
    });
    await page.goto(w.demo.base + '/wallet');
    await signIn(page, 'person-02');
    await choose(page, '居民身份证', 'identity');
    await showCode(page);
    assert.ok(shown);
    const seen = new Map();
    for (const a of await Promise.all(answers)) seen.set(a.url, Math.max(a.packed, seen.get(a.url) ?? 0));
    for (const [url, n] of seen) assert.ok(n > 0, url + ' was never sent');
    const sum = (test) => [...seen].filter(([u]) => test(u)).reduce((n, [, b]) => n + b, 0);
    const ours = sum((u) => !u.startsWith('/v1/')), api = sum((u) => u.startsWith('/v1/'));
    console.log(`      ${ours} bytes gzipped of page, script and style, and ${api} of the API's answers`);
    assert.ok(ours <= 30720);
  });
};
