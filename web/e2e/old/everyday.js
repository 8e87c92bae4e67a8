'use strict';
// The everyday stories: a code is shown and checked.
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const acorn = require('acorn');
const { root, decode, until, pause } = require('./stage.js');
const { signIn, choose, showCode, nextCode, openDesk, gun, verdict } = require('./world.js');

const phone = { width: 360, height: 740 };
const desktop = { width: 1280, height: 800 };

module.exports = function (story, zbar) {
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
    await wallet.locator('#providers a').first().waitFor();
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
          assert.ok(!await page.locator('#show').isVisible());
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
};
