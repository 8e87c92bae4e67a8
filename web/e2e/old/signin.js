'use strict';
// Signing in with an identity provider: the way there, the way back, and what can come between.
const assert = require('node:assert/strict');
const { signIn } = require('./world.js');

const phone = { width: 360, height: 740 };

module.exports = function (story) {
  story('signing in leads to a provider marked as a demo, and back', async (w) => {
    const page = await w.page('/wallet', phone);
    await page.locator('#providers a').first().waitFor();
    await w.accessible(page, 'sign-in');
    await page.locator('#providers a').first().click();
    await page.locator('.person').first().waitFor();
    assert.match(new URL(page.url()).pathname, /^\/demo\/idp\/authorize/);
    assert.match(await page.innerText('.demo'), /演示 DEMO[\s\S]*虚构[\s\S]*fictitious/);
    await w.accessible(page, 'identity provider');
    await w.shot(page, 'provider-phone', true);
    await page.locator('.person', { hasText: 'person-01' }).click();
    await page.locator('#cards').waitFor();
    assert.equal(new URL(page.url()).pathname, '/wallet');
    assert.equal(new URL(page.url()).search, '', 'nothing of the sign-in stays in the address');
    assert.match(await page.innerText('#who'), /张示例/);
    const cookies = await page.context().cookies();
    const session = cookies.find((c) => c.name === 'showcard_session');
    assert.ok(session.httpOnly && session.sameSite === 'Strict');
    for (const c of cookies.filter((one) => one.name.startsWith('showcard_signin_'))) assert.ok(c.httpOnly && c.sameSite === 'Lax');
    await page.reload();
    await page.locator('#cards').waitFor();
    assert.match(await page.innerText('#who'), /张示例/, 'the name comes with the session');
  });

  story('cancelling and coming back too often are told on a page, with a way on', async (w) => {
    const page = await w.page('/wallet', phone);
    await page.locator('#providers a').first().click();
    await page.locator('.cancel').click();
    await page.locator('#code').waitFor();
    assert.equal(await page.innerText('#code'), 'sign-in-denied');
    assert.match(await page.innerText('main'), /登录已取消[\s\S]*cancelled/);
    await w.accessible(page, 'refused sign-in');
    await w.shot(page, 'signin-refused', true);
    await page.locator('main a').click();
    await signIn(page, 'person-02');

    const back = [];
    page.on('request', (r) => { if (r.url().includes('/callback?')) back.push(r.url()); });
    await page.locator('#signout').click();
    await signIn(page, 'person-03');
    await page.goto(back[0]);
    assert.equal(await page.innerText('#code'), 'sign-in-replayed');
    const stranger = await w.page('/', phone);
    await stranger.goto(back[0]);
    assert.equal(await stranger.innerText('#code'), 'sign-in-state-unknown');
    w.complaints = w.complaints.filter((c) => !/status of 400/.test(c)); // that refusal, as it must be
  });

  story('two tabs sign in at once; signing out everywhere ends both browsers', async (w) => {
    const one = await w.page('/wallet', phone);
    await one.locator('#providers a').first().click();
    await one.locator('.person').first().waitFor();
    const two = await one.context().newPage();
    await two.goto(w.demo.base + '/wallet');
    await signIn(two, 'person-04');
    await one.locator('.person', { hasText: 'person-04' }).click();
    await one.locator('#cards').waitFor();
    const laptop = await w.page('/wallet', phone);
    await signIn(laptop, 'person-04');
    await one.locator('#everywhere').click();
    await one.locator('#providers a').first().waitFor();
    await laptop.waitForTimeout(1000); // other processes believe a session for a second
    await laptop.reload();
    await laptop.locator('#providers a').first().waitFor();
  });
};
