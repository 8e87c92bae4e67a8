'use strict';
// A sensitive card is shown after a passkey. The device is Chromium's virtual authenticator.
const assert = require('node:assert/strict');
const http = require('node:http');
const { signIn, choose, nextCode, openDesk, gun, verdict } = require('./world.js');

const phone = { width: 360, height: 740 };
const desktop = { width: 1280, height: 800 };
const device = { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true };

// authenticator gives a page a device of its own.
async function authenticator(page) {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send('WebAuthn.enable');
  const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', { options: device });
  return {
    credentials: async () => (await cdp.send('WebAuthn.getCredentials', { authenticatorId })).credentials,
    add: (credential) => cdp.send('WebAuthn.addCredential', { authenticatorId, credential }),
    verifies: (isUserVerified) => cdp.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified })
  };
}

// call makes a call as the person of a page.
function call(page, method, path, body) {
  return page.evaluate(async ([m, p, b]) => {
    const r = await fetch(p, { method: m, headers: b ? { 'Content-Type': 'application/json' } : {}, body: b ? JSON.stringify(b) : undefined });
    return { status: r.status, data: r.status === 204 ? null : await r.json() };
  }, [method, path, body]);
}

// answerOf has a page's device answer a challenge, as whatever script of that page would.
function answerOf(page, publicKey) {
  return page.evaluate(async (o) => {
    const bytes = (t) => Uint8Array.from(atob(t.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0));
    const text = (b) => btoa(String.fromCharCode(...new Uint8Array(b))).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
    o.challenge = bytes(o.challenge);
    (o.allowCredentials || []).forEach((c) => { c.id = bytes(c.id); });
    const c = await navigator.credentials.get({ publicKey: o }), r = c.response;
    return {
      id: c.id, rawId: text(c.rawId), type: c.type, clientExtensionResults: c.getClientExtensionResults(),
      response: { clientDataJSON: text(r.clientDataJSON), authenticatorData: text(r.authenticatorData), signature: text(r.signature) }
    };
  }, publicKey);
}

module.exports = function (story) {
  story('a sensitive card asks for a passkey, and one of another origin is refused', async (w) => {
    const wallet = await w.page('/wallet', phone);
    const loaded = [];
    wallet.on('request', (r) => loaded.push(new URL(r.url()).pathname));
    const own = await authenticator(wallet);
    await signIn(wallet, 'person-01');
    await choose(wallet, '医保电子凭证', 'registration');
    assert.ok(!loaded.some((p) => p.startsWith('/assets/passkey.')), 'loaded only when it is needed');
    await wallet.locator('#show').click();
    await wallet.locator('#use-passkey').waitFor();
    await w.accessible(wallet, 'register a passkey');
    await w.shot(wallet, 'passkey-phone', true);
    await wallet.locator('#use-passkey').click();
    const code = await nextCode(wallet, '');
    assert.equal((await own.credentials()).length, 1);

    const desk = await w.page('/check', desktop);
    await openDesk(desk, 'demo-hospital', 'medical-registration');
    await gun(desk, code);
    assert.equal(await verdict(desk), 'valid');
    await wallet.locator('#done').waitFor();

    // A page of another origin, with her own device, answers a challenge that was meant for ours.
    const server = http.createServer((q, a) => { a.setHeader('Content-Type', 'text/html'); a.end('<!doctype html><title>evil</title>'); });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const evil = await wallet.context().newPage();
      await evil.goto('http://localhost:' + server.address().port + '/');
      const theirs = await authenticator(evil);
      for (const c of await own.credentials()) await theirs.add(c);
      const begun = await call(wallet, 'POST', '/v1/me/step-up/challenge');
      const relayed = await answerOf(evil, begun.data.publicKey);
      const refused = await call(wallet, 'POST', '/v1/me/step-up', { credential: relayed });
      assert.equal(refused.data.code, 'passkey-origin-wrong');
      await evil.close();
    } finally {
      server.close();
    }

    // The next session has not been stepped up: the same passkey is used, not registered again.
    await wallet.locator('#done .back').click();
    await wallet.locator('#signout').click();
    await signIn(wallet, 'person-01');
    await choose(wallet, '医保电子凭证', 'registration');
    await wallet.locator('#show').click();
    await own.verifies(false);
    await wallet.locator('#use-passkey').click();
    await wallet.locator('#prove [role=status]').filter({ hasText: /./ }).waitFor();
    await own.verifies(true);
    await wallet.locator('#use-passkey').click();
    assert.notEqual(await nextCode(wallet, ''), code);
    assert.equal((await own.credentials()).length, 1);
  });
};
