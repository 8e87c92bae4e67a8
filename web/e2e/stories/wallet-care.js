'use strict';
// Care mode, two languages, the smallest phone, the largest letters.
const assert = require('node:assert/strict');
const { decode } = require('../stage.js');
const { signIn, choose, showCode, scan } = require('../citizen.js');

const phone = { width: 390, height: 844 };
const views = ['me', 'history', 'devices', 'consents', 'companies', 'corrections', 'reviews', 'passkeys', 'data'];

module.exports = (story, zbar) => {
  story('wallet: care mode has one card and one button, says what to do aloud, and gives three minutes', async (w) => {
    const page = await w.page('/wallet', phone);
    await page.addInitScript(() => {
      window.spoken = [];
      Object.defineProperty(window, 'speechSynthesis', { value: { speak: (u) => window.spoken.push([u.lang, u.text]), cancel: () => {} } });
      window.SpeechSynthesisUtterance = class { constructor(text) { this.text = text; } };
    });
    await page.reload();
    await page.locator('.tool', { hasText: '关怀版' }).click();
    await w.accessible(page, 'care sign-in');
    await signIn(page, 'person-01');
    await page.locator('.w-care .w-card-number').waitFor();
    assert.equal(await page.locator('.w-care .w-card').count(), 1);
    assert.equal(await page.locator('.w-care .button.main').count(), 1);
    assert.ok((await page.locator('.w-care .button.main').boundingBox()).height >= 96);
    assert.equal(await page.locator('details').count(), 0, 'nothing is hidden');
    assert.match(await page.locator('.w-care').innerText(), /对方会看到：姓名/);
    await w.accessible(page, 'care home');
    await page.locator('button', { hasText: '听一遍说明' }).click();
    assert.match((await page.evaluate(() => window.spoken.at(-1))).join(), /zh-CN,请按蓝色的大按钮“亮码”，出示居民身份证/);
    const asked = page.waitForRequest((r) => r.method() === 'POST' && r.url().endsWith('/v1/wallet/shows'));
    const code = await showCode(page);
    assert.equal((await asked).postDataJSON().lifetime, 180);
    await page.locator('.w-spoken').waitFor();
    assert.match((await page.evaluate(() => window.spoken.at(-1)))[1], /对着窗口的扫码口/);
    await w.accessible(page, 'care code');
    assert.equal(decode(zbar, await w.shot(page, 'wallet-code-care')), code);
    const asks = scan(w, code, { fields: ['address'], wait: 20 });
    await page.locator('#ask-yes').waitFor();
    assert.match((await page.evaluate(() => window.spoken.at(-1)))[1], /还想看：住址/);
    await w.accessible(page, 'care ask');
    await page.locator('#ask-no').click();
    assert.equal((await asks).outcome, 'valid');
    await page.locator('.w-done').waitFor();
    assert.match((await page.evaluate(() => window.spoken.at(-1)))[1], /核验完成。长沙市政务服务大厅/);
    await w.accessible(page, 'care done');
    await page.locator('.w-done .button.main').click();
    await page.locator('button', { hasText: '换一张证照' }).click();
    await w.accessible(page, 'care pick');
    await w.shot(page, 'wallet-care-pick', true);
    await page.locator('.w-pick', { hasText: '社会保障卡' }).click();
    await page.locator('h1', { hasText: '社会保障卡' }).waitFor();
    await page.locator('button', { hasText: '更多功能' }).click();
    await page.locator('.w-menu').first().waitFor();
    await w.accessible(page, 'care menu');
    await w.docs(page, 'wallet-me', true);
  });

  story('wallet: every view on 320 pixels, with letters twice as large, in both languages and modes', async (w) => {
    const page = await w.page('/wallet', { width: 320, height: 640 });
    await signIn(page, 'person-01');
    for (const mode of ['standard', 'care']) {
      if (mode === 'care') await page.locator('.tool').first().click();
      await page.goto(w.demo.base + '/wallet#');
      await page.locator('.w-pick, .w-care').first().waitFor();
      await w.accessible(page, mode + ' cards');
      if (mode === 'standard') {
        await choose(page, '机动车驾驶证');
        await page.locator('#purpose').waitFor();
        await w.accessible(page, mode + ' choose');
      }
      await page.locator('.tool').nth(1).click(); // English
      const code = await showCode(page);
      assert.doesNotMatch(await page.locator('.w-show').innerText(), /对方|窗口|离线/, 'all of it in English');
      await w.accessible(page, mode + ' code in English');
      assert.equal(decode(zbar, await w.shot(page, `wallet-code-${mode}-en`, true)), code);
      await page.locator('.w-close').click();
      for (const view of views) {
        await page.goto(w.demo.base + '/wallet#' + view);
        await page.locator('main h1').waitFor();
        await page.locator('.loading').waitFor({ state: 'detached' });
        await w.accessible(page, `${mode} ${view} in English`);
      }
      await page.locator('.tool').nth(1).click();
    }
    await page.locator('.tool').first().click();
    // Letters twice as large, as a reader's own setting makes them; the width is that of a small phone.
    await page.setViewportSize({ width: 360, height: 740 });
    await page.evaluate(() => document.documentElement.style.setProperty('font-size', '34px', 'important'));
    for (const view of ['', ...views]) {
      await page.evaluate((v) => { location.hash = v; }, view);
      await page.locator('main h1').waitFor();
      await page.locator('.loading').waitFor({ state: 'detached' });
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.ok(wide <= 0, `${view || 'cards'} scrolls sideways by ${wide} pixels at 200 %`);
    }
    await w.shot(page, 'wallet-200', true);
  });
};
