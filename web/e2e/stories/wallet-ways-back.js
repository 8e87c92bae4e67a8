'use strict';
// What still works when something is lost or late: a passkey that stayed on the old phone, a code past its end, a page reloaded.
const assert = require('node:assert/strict');
const { decode, until } = require('../stage.js');
const { signIn, choose, showCode, nextCode, scan } = require('../citizen.js');
const { authenticator } = require('../authenticator.js');

const phone = { width: 390, height: 844 };

// freshly signs in anew at the provider; with a tick that her face was compared, so with high assurance.
async function freshly(page, login, face) {
  await page.locator('.w-prove .button.quiet', { hasText: '重新登录' }).click();
  await page.locator('.person').first().waitFor();
  if (face) await page.locator('input[name=face]').check();
  await page.locator('.person', { hasText: login }).click();
  await page.locator('.w-views').waitFor(); // where she was: before the same card
}

module.exports = (story, zbar) => {
  story('wallet: her passkey is lost with the old phone; a fresh sign-in of high assurance stands in, or a new passkey', async (w) => {
    const hospital = { client: 'demo-hospital', purpose: 'medical-registration' };
    const old = await w.page('/wallet', phone);
    const mine = await authenticator(old);
    await signIn(old, 'person-12');
    await old.evaluate(async () => { // of a try before this one
      for (const p of (await (await fetch('/v1/me/passkeys')).json()).passkeys) await fetch('/v1/me/passkeys/' + p.id, { method: 'DELETE' });
    });
    await choose(old, '医保电子凭证', 'registration');
    await old.locator('.w-dock button').click();
    await old.locator('.w-prove .button.main').click();
    await scan(w, await nextCode(old, ''), hospital);
    assert.equal((await mine.credentials()).length, 1);

    // A new phone knows nothing of it.
    const page = await w.page('/wallet', phone);
    const own = await authenticator(page);
    await signIn(page, 'person-12');
    await choose(page, '医保电子凭证', 'registration');
    await page.locator('.w-dock button').click();
    await page.locator('.w-prove .button.main', { hasText: '指纹' }).click();
    await page.locator('.w-prove [role=status] .notice', { hasText: '没有完成' }).waitFor({ timeout: 90000 });
    assert.match(await page.innerText('.w-prove'), /换了手机[\s\S]*登记[\s\S]*重新登录/);
    await w.accessible(page, 'a passkey that is lost');
    await w.docs(page, 'wallet-passkey-lost', true);

    // Signing in again as before is not enough, and she is told so, and what is.
    await freshly(page, 'person-12', false);
    await page.locator('.w-dock button').click();
    await page.locator('.w-prove .notice.warn', { hasText: '保证等级不够高' }).waitFor();
    assert.equal(await page.locator('.w-prove button', { hasText: '重新登录' }).count(), 0, 'not in a circle');
    await w.accessible(page, 'a sign-in that is not enough');
    await w.docs(page, 'wallet-passkey-not-enough', true);
    await page.locator('.w-prove .button.quiet', { hasText: '登记通行密钥' }).click();
    const code = await nextCode(page, '');
    assert.equal((await own.credentials()).length, 1);
    assert.equal((await scan(w, code, hospital)).person.method, 'passkey');
    await page.goto(w.demo.base + '/wallet#passkeys');
    await until('the old one and the new', async () => await page.locator('.w-list li').count() === 2);
    await w.accessible(page, 'two passkeys');
    await w.docs(page, 'wallet-passkeys', true);
    await page.locator('.w-list .button.danger').last().click();
    await w.docs(page, 'wallet-passkey-remove');
    await page.locator('.dialog .button.danger').click();
    await until('one is left', async () => await page.locator('.w-list li').count() === 1);

    // A phone that makes none, and a sign-in of high assurance.
    const plain = await w.page('/wallet', phone);
    await plain.addInitScript(() => { delete window.PublicKeyCredential; });
    await plain.reload();
    await signIn(plain, 'person-12');
    await choose(plain, '医保电子凭证', 'registration');
    await plain.locator('.w-dock button').click();
    await plain.locator('.w-prove .notice.warn', { hasText: '不支持通行密钥' }).waitFor();
    await w.accessible(plain, 'no passkeys here');
    await w.docs(plain, 'wallet-passkey-none', true);
    await freshly(plain, 'person-12', true);
    const checked = await scan(w, await showCode(plain), hospital);
    assert.deepEqual([checked.outcome, checked.person.method], ['valid', 'oidc:demo'], 'told apart from a passkey');
  });

  story('wallet: a code past its end is refused, with its reason and what to do', async (w) => {
    const page = await w.page('/wallet', phone);
    // The shortest life that this deployment gives; and no renewal comes through.
    await page.route('**/v1/wallet/shows', (route) => route.continue({ postData: JSON.stringify({ ...route.request().postDataJSON(), lifetime: 3 }) }));
    await page.route('**/v1/wallet/shows/*/codes', (route) => route.abort());
    await signIn(page, 'person-14');
    await choose(page, '居民身份证', 'identity');
    const opened = page.waitForResponse((r) => r.url().endsWith('/v1/wallet/shows'));
    await page.locator('.w-dock button').click();
    const { expires_at: end } = await (await opened).json();
    const code = await until('a picture of it', async () => decode(zbar, await w.shot(page, 'wallet-short')));
    await until('its ring has run out', async () => await page.locator('.w-picture svg.qr, .w-picture img').count() === 0);
    await page.locator('.notice.bad', { hasText: /已过期|连不上系统/ }).waitFor();
    assert.equal(decode(zbar, await w.shot(page, 'wallet-short-over')), '');
    // The page takes a second off for what the network took; the server's own end comes after it.
    await until('its end on the server', async () => Date.parse((await fetch(w.demo.base + '/healthz')).headers.get('date')) > Date.parse(end));
    const late = await scan(w, code);
    assert.deepEqual(late.reasons.map((r) => r.code), ['code-expired']);
    assert.match(late.reasons[0].title.zh + late.reasons[0].next.zh, /过期[\s\S]*重新|刷新|新码/);
    assert.ok(!('claims' in late));
    await page.unroute('**/v1/wallet/shows/*/codes');
    const fresh = await nextCode(page, code);
    assert.equal((await scan(w, fresh)).outcome, 'valid', 'and the next one is good');
    await page.locator('.w-done').waitFor();
  });

  story('wallet: a reload leaves her where she was', async (w) => {
    const page = await w.page('/wallet', phone);
    await signIn(page, 'person-14');
    await choose(page, '机动车驾驶证');
    await page.reload();
    await page.locator('.w-views').waitFor();
    assert.match(await page.innerText('.w-face'), /机动车驾驶证/);
  });
};
