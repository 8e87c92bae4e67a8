'use strict';
// A sensitive card is shown after a passkey.
const assert = require('node:assert/strict');
const http = require('node:http');
const { signIn, choose, nextCode, scan } = require('../citizen.js');
const { authenticator } = require('../authenticator.js');

const phone = { width: 390, height: 844 };

// call makes a call as the person of a page.
const call = (page, method, path, body) => page.evaluate(async ([m, p, b]) => {
  const r = await fetch(p, { method: m, headers: b ? { 'Content-Type': 'application/json' } : {}, body: b ? JSON.stringify(b) : undefined });
  return { status: r.status, data: r.status === 204 ? null : await r.json() };
}, [method, path, body]);

// answerOf has a page's device answer a challenge, as whatever script of that page would.
const answerOf = (page, publicKey) => page.evaluate(async (o) => {
  const bytes = (t) => Uint8Array.from(atob(t.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0));
  const text = (b) => btoa(String.fromCharCode(...new Uint8Array(b))).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
  o.challenge = bytes(o.challenge);
  (o.allowCredentials || []).forEach((c) => { c.id = bytes(c.id); });
  const c = await navigator.credentials.get({ publicKey: o }), r = c.response;
  return { id: c.id, rawId: text(c.rawId), type: c.type, clientExtensionResults: c.getClientExtensionResults(), response: { clientDataJSON: text(r.clientDataJSON), authenticatorData: text(r.authenticatorData), signature: text(r.signature) } };
}, publicKey);

module.exports = (story) => {
  story('wallet: a sensitive card asks for a passkey, one of another origin is refused, and passkeys are added and removed', async (w) => {
    const page = await w.page('/wallet', phone);
    const own = await authenticator(page);
    await signIn(page, 'person-08');
    await choose(page, '医保电子凭证', 'registration');
    await page.locator('.w-dock button').click();
    const prove = page.locator('.w-prove .button.main');
    await prove.waitFor();
    await w.accessible(page, 'register a passkey');
    await w.docs(page, 'wallet-passkey', true);
    await prove.click();
    const code = await nextCode(page, '');
    assert.equal((await own.credentials()).length, 1);
    const r = await scan(w, code, { client: 'demo-hospital', purpose: 'medical-registration' });
    assert.equal(r.outcome, 'valid');
    await page.locator('.w-done').waitFor();

    // A page of another origin, with her own device, answers a challenge that was meant for ours.
    const server = http.createServer((q, a) => { a.setHeader('Content-Type', 'text/html'); a.end('<!doctype html><title>evil</title>'); });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const evil = await page.context().newPage();
      await evil.goto('http://localhost:' + server.address().port + '/');
      const theirs = await authenticator(evil);
      for (const c of await own.credentials()) await theirs.add(c);
      const begun = await call(page, 'POST', '/v1/me/step-up/challenge');
      const relayed = await answerOf(evil, begun.data.publicKey);
      assert.equal((await call(page, 'POST', '/v1/me/step-up', { credential: relayed })).data.code, 'passkey-origin-wrong');
      await evil.close();
    } finally {
      server.close();
    }

    // The next session has not been stepped up: the same passkey is used, not registered again.
    await page.goto(w.demo.base + '/wallet#me');
    await page.locator('.w-menu button', { hasText: '退出登录' }).click();
    await signIn(page, 'person-08');
    await choose(page, '医保电子凭证', 'registration');
    await page.locator('.w-dock button').click();
    await own.verifies(false);
    await prove.click();
    await page.locator('.w-prove [role=status] .notice').waitFor();
    await own.verifies(true);
    await prove.click();
    assert.notEqual(await nextCode(page, ''), code);
    assert.equal((await own.credentials()).length, 1);
    await page.locator('.w-close').click();

    await page.goto(w.demo.base + '/wallet#passkeys');
    await page.locator('.w-list li').first().waitFor();
    await w.accessible(page, 'passkeys');
    await page.locator('.w-list .button.danger').click();
    await page.locator('.dialog .button.danger').click();
    await page.locator('.empty').waitFor();
  });
};
