'use strict';
// A citizen's everyday: sign in, show, be checked, look who looked.
const assert = require('node:assert/strict');
const fs = require('node:fs');
const { decode, until } = require('../stage.js');
const { signIn, choose, showCode, nextCode, scan, holder } = require('../citizen.js');

const phone = { width: 390, height: 844 };

module.exports = (story, zbar) => {
  story('wallet: signing in leads to a provider and back, and nothing of it stays in the address', async (w) => {
    const page = await w.page('/wallet', phone);
    await page.locator('.w-providers a').first().waitFor();
    await w.accessible(page, 'sign-in');
    await w.docs(page, 'wallet-signin');
    await page.locator('.w-providers a').first().click();
    await page.locator('.person').first().waitFor();
    assert.match(new URL(page.url()).pathname, /^\/demo\/idp\/authorize/);
    assert.match(await page.innerText('.demo'), /演示 DEMO[\s\S]*虚构[\s\S]*fictitious/);
    await w.accessible(page, 'identity provider');
    await page.locator('.cancel').click(); // and it can be left
    await page.locator('#code').waitFor();
    assert.equal(await page.innerText('#code'), 'sign-in-denied');
    await w.accessible(page, 'refused sign-in');
    await w.shot(page, 'wallet-signin-refused');
    await page.locator('main a').click();
    const back = [];
    page.on('request', (r) => { if (r.url().includes('/callback?')) back.push(r.url()); });
    await signIn(page, 'person-01');
    assert.equal(new URL(page.url()).pathname + new URL(page.url()).search, '/wallet');
    await page.locator('h1', { hasText: '张示例' }).waitFor();
    const cookies = await page.context().cookies();
    const session = cookies.find((c) => c.name === 'showcard_session');
    assert.ok(session.httpOnly && session.sameSite === 'Strict');
    for (const c of cookies.filter((one) => one.name.startsWith('showcard_signin_'))) assert.ok(c.httpOnly && c.sameSite === 'Lax');
    await page.reload();
    await page.locator('h1', { hasText: '张示例' }).waitFor();
    await page.goto(back[0]);
    assert.equal(await page.innerText('#code'), 'sign-in-replayed');
    const stranger = await w.page('/', phone);
    await stranger.goto(back[0]);
    assert.equal(await stranger.innerText('#code'), 'sign-in-state-unknown');
    w.complaints = w.complaints.filter((c) => !/status of 400/.test(c)); // that refusal, as it must be
  });

  story('wallet: a code is shown, read by a foreign scanner, told within a second, and stands in the history', async (w) => {
    const page = await w.page('/wallet', phone);
    await signIn(page, 'person-01');
    await page.locator('.w-card-number').first().waitFor();
    assert.match(await page.locator('.w-card').first().innerText(), /居民身份证[\s\S]*有效[\s\S]*张\*\*[\s\S]*4\*+1/, 'masked');
    assert.match(await page.locator('.w-card', { hasText: '营业执照' }).innerText(), /您代表该单位/);
    await w.accessible(page, 'cards');
    await w.docs(page, 'wallet-cards', true);
    await choose(page, '居民身份证', 'identity');
    await page.locator('#purpose').selectOption('identity-check');
    assert.match(await page.locator('label', { hasText: '身份核验' }).innerText(), /姓名、公民身份号码/);
    await w.accessible(page, 'choose');
    await w.docs(page, 'wallet-choose', true);
    const code = await showCode(page);
    await page.locator('.w-named', { hasText: '核验身份' }).waitFor();
    await w.accessible(page, 'code');
    assert.equal(decode(zbar, await w.shot(page, 'wallet-code')), code, 'zbarimg reads what the page says');
    await w.docs(page, 'wallet-code');
    assert.match(await page.locator('.w-told').innerText(), /对方会看到[\s\S]*姓名/);
    const answer = await scan(w, code);
    const told = Date.now();
    assert.equal(answer.outcome, 'valid');
    await page.locator('.w-done').waitFor();
    assert.ok(Date.now() - told < 1500, 'within a second, and the browser\'s own time');
    assert.match(await page.locator('.w-done').innerText(), /长沙市政务服务大厅（演示） 已核验[\s\S]*有效[\s\S]*核验身份[\s\S]*姓名/);
    await w.accessible(page, 'done');
    await w.docs(page, 'wallet-done', true);
    assert.equal((await scan(w, code)).outcome, 'invalid', 'used up');

    await page.locator('.w-tabs a').nth(1).click();
    const line = page.locator('.w-looks li', { hasText: '长沙市政务服务大厅' }).first();
    await line.waitFor();
    await w.accessible(page, 'history');
    await w.docs(page, 'wallet-history');
    await line.locator('a').click();
    await page.locator('.facts').waitFor();
    assert.match(await page.locator('.w-look').innerText(), /核验身份[\s\S]*看到的内容[\s\S]*姓名/);
    const file = page.waitForEvent('download');
    await page.locator('button', { hasText: '保存回执' }).click();
    assert.match(fs.readFileSync(await (await file).path(), 'utf8'), /^[\w-]+\.[\w-]+\.[\w-]+$/);
    await page.locator('button', { hasText: '提出异议' }).click();
    await page.locator('#dispute').fill('这不是我本人。');
    await page.reload(); // what is being written outlives it
    assert.equal(await page.locator('#dispute').inputValue(), '这不是我本人。');
    await page.locator('form button[type=submit]', { hasText: '提交异议' }).click();
    await page.locator('.notice', { hasText: '异议处理中' }).waitFor();
    await w.accessible(page, 'one look');
    await w.docs(page, 'wallet-look', true);
    await page.locator('button', { hasText: '这条记录有错' }).click();
    await page.locator('#says').fill('时间不对。');
    await page.locator('form .button.main').click();
    await page.locator('.notice.good', { hasText: '最迟' }).waitFor();
    await page.locator('article', { hasText: '等待处理' }).waitFor();
    await w.accessible(page, 'corrections');
  });

  story('wallet: her own choice of fields, for one purpose only; everything in full; what it says of a company', async (w) => {
    const page = await w.page('/wallet', phone);
    await signIn(page, 'person-01');
    await choose(page, '居民身份证', '');
    await page.locator('.w-fields input[value=sex]').check();
    await page.locator('.w-fields input[value=over_18]').check();
    await page.locator('#purpose').selectOption('account-opening');
    await w.accessible(page, 'own choice');
    await w.docs(page, 'wallet-choose-own', true);
    let code = await showCode(page);
    assert.match(await page.locator('.w-told').innerText(), /性别、已满18周岁/);
    const wrong = await scan(w, code);
    assert.equal(wrong.code, 'purpose-not-chosen');
    const right = await scan(w, code, { client: 'demo-bank', purpose: 'account-opening' });
    assert.deepEqual([right.outcome, Object.keys(right.claims || {}).includes('address')], ['valid', false]);
    await page.locator('.w-done .button.main').click();
    await choose(page, '营业执照', 'full');
    await page.locator('.w-contents summary').click();
    await page.locator('.w-contents button').click();
    await until('whole values', async () => /何虚名|张示例|[\u4e00-\u9fff]{2,}/.test(await page.locator('.w-contents .facts').innerText()) && !(await page.locator('.w-contents .facts').innerText()).includes('**'));
    await w.accessible(page, 'contents');
    await w.docs(page, 'wallet-contents', true);
    code = await showCode(page);
    assert.equal((await scan(w, code)).outcome, 'valid');
    await page.locator('.w-done').waitFor();
    await page.locator('.w-done .button.quiet').click();
    assert.notEqual(await nextCode(page, code), code, 'shown again');
  });

  story('wallet: what is suspended, expired or ended says so, and what has ended is not shown', async (w) => {
    const today = new Date().toISOString().slice(0, 10);
    const states = {
      suspended: (h) => h.state === 'suspended',
      expired: (h) => h.state === 'valid' && h.valid_until < today,
      ended: (h) => !['valid', 'suspended'].includes(h.state),
    };
    for (const [state, test] of Object.entries(states)) {
      const page = await w.page('/wallet', phone);
      await signIn(page, await holder(w, test));
      await page.locator('.w-pick', { has: page.locator('.w-badge.' + state) }).first().click();
      await page.locator('.notice.warn').first().waitFor();
      await w.accessible(page, state + ' card');
      await w.docs(page, 'wallet-choose-' + state, true);
      if (state === 'ended') {
        assert.equal(await page.locator('.w-dock').count(), 0);
        continue;
      }
      assert.equal((await scan(w, await showCode(page))).outcome, 'invalid');
      await page.locator('.w-done', { hasText: '无效' }).waitFor();
      await page.locator('.w-done .facts', { hasText: /原因.*(暂扣|过期|有效期)/ }).waitFor(); // and why
      await w.accessible(page, state + ' result');
      await w.docs(page, 'wallet-done-' + state, true);
    }
  });

  story('wallet: a counter asks for more; she says yes, no, and nothing', async (w) => {
    const page = await w.page('/wallet', phone);
    await signIn(page, 'person-01');
    for (const [say, answer] of [['yes', 'yes'], ['no', 'no'], ['', 'lapsed']]) {
      await choose(page, '居民身份证', 'identity');
      const code = await showCode(page);
      const asked = scan(w, code, { fields: ['address'], wait: 20 });
      await page.locator('#ask-yes').waitFor();
      assert.match(await page.locator('.w-sheet').innerText(), /长沙市政务服务大厅（演示） 还想看[\s\S]*住址[\s\S]*核验身份[\s\S]*姓名/);
      await until('the focus is on the question', () => page.evaluate(() => document.querySelector('.w-sheet').contains(document.activeElement)));
      if (say === 'yes') {
        await w.accessible(page, 'the ask');
        await w.docs(page, 'wallet-ask');
      }
      if (say) await page.locator('#ask-' + say).click();
      const r = await asked;
      assert.deepEqual([r.http, r.consent.answer], [200, answer]);
      assert.equal('address' in (r.claims || {}), say === 'yes');
      await page.locator('.w-done').waitFor();
      assert.equal(/住址/.test(await page.locator('.w-done .facts').innerText()), say === 'yes');
      await page.locator('.w-done .button.main').click();
    }
    // What she agreed to, and taking it back.
    await page.goto(w.demo.base + '/wallet#consents');
    await page.locator('.w-answer').first().waitFor();
    await w.accessible(page, 'consents');
    await w.docs(page, 'wallet-consents', true);
    await page.locator('article button', { hasText: '撤回' }).first().click();
    await w.accessible(page, 'withdraw');
    await w.docs(page, 'wallet-withdraw');
    await page.locator('.dialog .button.danger').click();
    await page.locator('.w-list button', { hasText: '恢复' }).click();
    await until('it is lifted', async () => await page.locator('.w-list button').count() === 0);
  });

  story('wallet: a review after a check, once, where reviews are offered', async (w) => {
    const page = await w.page('/wallet', phone);
    await signIn(page, 'person-03');
    await choose(page, '居民身份证', 'identity');
    assert.equal((await scan(w, await showCode(page))).outcome, 'valid');
    await page.locator('.w-done').waitFor();
    const there = await page.evaluate(() => fetch('/v1/wallet/reviews').then((r) => r.status));
    if (there === 404) {
      assert.equal(await page.locator('.w-rate').count(), 0, 'not offered, so nothing is said of it');
    } else {
      await page.locator('.w-rate label', { hasText: '不满意' }).first().click();
      await page.locator('#rate-text').fill('等了很久。');
      await w.accessible(page, 'review');
      await w.docs(page, 'wallet-review', true);
      await page.locator('.w-rate button[type=submit]').click();
      await page.locator('.notice.good', { hasText: '最迟' }).waitFor();
      await w.docs(page, 'wallet-rated', true);
    }
    await page.goto(w.demo.base + '/wallet#reviews');
    await page.locator(there === 404 ? '.empty' : 'article').first().waitFor();
    if (there !== 404) assert.match(await page.locator('article').first().innerText(), /不满意[\s\S]*等了很久/);
    await w.accessible(page, 'reviews');
    await w.docs(page, 'wallet-reviews', true);
  });
};
