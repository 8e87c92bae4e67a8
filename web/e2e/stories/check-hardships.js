'use strict';
// What goes wrong at a counter, and who cannot use a mouse, or sees badly.
const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const path = require('node:path');
const { until } = require('../stage.js');
const { gun } = require('../world.js');
const { person, codeFromApi, openDesk, verdict, nextVerdict } = require('../counter.js');

const phone = { width: 360, height: 740 };
const desktop = { width: 1280, height: 800 };

// What somebody of the demo may do whom no browser stands for.
function token(w, client) {
  const binary = process.env.SHOWCARD || path.join(w.demo.dir, 'showcard');
  const r = spawnSync(binary, ['token', '--client', client, '--data', path.join(w.demo.dir, 'data')], { encoding: 'utf8' });
  assert.equal(r.status, 0, r.stderr);
  return r.stdout.trim();
}

module.exports = (story) => {
  story('counter: two scanners race for one code, and a queue loses nothing', async (w) => {
    const who = await person(w, 'person-02');
    const [left, right] = [await w.page('/check', desktop), await w.page('/check', phone)];
    await openDesk(left, 'changsha-service-hall', 'identity-check', { offline: false });
    await openDesk(right, 'demo-bank', 'account-opening', { offline: false });
    const { code } = await who.show();
    await Promise.all([left, right].map((desk) => gun(desk, code)));
    assert.deepEqual((await Promise.all([left, right].map(verdict))).sort(), ['invalid', 'valid'], 'one of them, and only one');

    // Codes of one show overlap: the older one works, then all are spent; and what she closed is closed.
    const [first, closed] = [await who.show(), await who.show('resident-id', 'over-18')];
    const second = await who.call('POST', '/v1/wallet/shows/' + first.show + '/codes', {});
    await who.call('DELETE', '/v1/wallet/shows/' + closed.show);
    for (const [text, outcome, says] of [[first.code, 'valid', /^$/], [second.code, 'invalid', /已经用过/], [closed.code, 'invalid', /已关闭/]]) {
      assert.equal(await nextVerdict(right, () => gun(right, text)), outcome);
      if (outcome === 'invalid') assert.match(await right.locator('#reasons').innerText(), says);
    }

    await w.docs(right, 'check-closed', true);

    // While one is checked the next are scanned, and one of them twice.
    const codes = [(await who.show()).code, (await who.show('resident-id', 'over-18')).code];
    let open, sent = [];
    const gate = new Promise((resolve) => { open = resolve; });
    await left.route('**/v1/verifications', async (route) => { sent.push(route.request().postDataJSON().code); await gate; await route.continue(); });
    await gun(left, codes[0]);
    await gun(left, codes[1]);
    await gun(left, '6901234567892');
    await gun(left, codes[1]);
    await left.locator('#queued', { hasText: '2 个码在排队' }).waitFor();
    await left.locator('#note', { hasText: '只算一次' }).waitFor();
    await w.docs(left, 'check-queue');
    await w.accessible(left, 'a queue');
    open();
    await left.locator('#reasons', { hasText: '商品条码' }).waitFor();
    assert.deepEqual(sent, codes);
    assert.equal(await left.locator('.c-past li').count(), 3, 'what came before stays in sight, without names');
    assert.doesNotMatch(await left.locator('main').innerText(), /李样本/);
  });

  story('counter: what a customer showed is cleared after a minute', async (w) => {
    const desk = await w.page('/check', phone, { hasTouch: true });
    await desk.clock.install();
    await desk.reload();
    await openDesk(desk, 'changsha-service-hall', 'identity-check', { offline: false });
    await gun(desk, await codeFromApi(w, 'person-01'));
    assert.equal(await verdict(desk), 'valid');
    await w.docs(desk, 'check-phone', true);
    await desk.clock.runFor(30_000);
    assert.ok(await desk.locator('#result').isVisible());
    await desk.clock.runFor(32_000);
    await desk.locator('#result').waitFor({ state: 'detached' });
    assert.doesNotMatch(await desk.locator('body').innerText(), /张示例/);
  });

  story('counter: by keyboard alone, from enrolment to the clerk\'s word', async (w) => {
    const desk = await w.page('/check', desktop);
    const tabTo = async (selector) => {
      for (let i = 0; i < 60; i++) {
        if (await desk.evaluate((s) => document.activeElement.matches(s), selector)) return;
        await desk.keyboard.press('Tab');
      }
      assert.fail('Tab never reaches ' + selector);
    };
    await desk.locator('#enrol-as option').first().waitFor({ state: 'attached' });
    await tabTo('#enrol-as');
    await desk.keyboard.press('Home');
    await tabTo('form button[type=submit]');
    await desk.keyboard.press('Enter');
    await desk.locator('#fingerprint').waitFor();
    await tabTo('#counter');
    await desk.keyboard.type('Window 3');
    await tabTo('.c-setup button[type=submit]');
    await desk.keyboard.press('Enter');
    await desk.locator('#scan').waitFor();
    assert.ok(await desk.evaluate(() => document.activeElement.id === 'scan'), 'the cursor is where the gun types');
    await gun(desk, await codeFromApi(w, 'person-01'));
    await desk.locator('#same').waitFor();
    assert.ok(await desk.evaluate(() => document.activeElement.id === 'scan'), 'and stays there');
    await tabTo('#same');
    await desk.keyboard.press('Enter');
    await desk.locator('#person-done').waitFor();
    await tabTo('#next');
    await desk.keyboard.press('Enter');
    await desk.locator('#result').waitFor({ state: 'detached' });
    assert.ok(await desk.evaluate(() => document.activeElement.id === 'scan'));
  });

  story('counter: suspended, signed out, and suspended certificates', async (w) => {
    const held = w.demo.people.filter((p) => p.login !== 'person-01');
    const desk = await w.page('/check', desktop);
    await openDesk(desk, 'changsha-service-hall', 'identity-check', { offline: false });
    // A licence that its authority suspends says so.
    const owner = held.find((p) => p.holdings.some((h) => h.type === 'drivers-licence'));
    const who = await person(w, owner.login);
    const police = { Authorization: 'Bearer ' + token(w, 'hunan-police'), 'Content-Type': 'application/json' };
    const at = w.demo.base + '/v1/certificates/' + who.identifier('drivers-licence');
    const squad = await w.page('/check', phone);
    await openDesk(squad, 'traffic-squad', 'traffic-inspection', { offline: false });
    const { code } = await who.show('drivers-licence', 'full');
    assert.ok((await fetch(at + '/suspend', { method: 'POST', headers: police, body: '{}' })).ok);
    await gun(squad, code);
    assert.equal(await verdict(squad), 'invalid');
    assert.match(await squad.locator('#reasons').innerText(), /暂扣|已关闭/);
    await fetch(at + '/reinstate', { method: 'POST', headers: police, body: '{}' });

    // What has ended by itself says so; a company's licence is shown whole.
    const boss = await person(w, w.demo.people.find((p) => p.holdings.some((h) => h.type === 'business-licence')).login);
    await gun(desk, (await boss.show('business-licence', 'full')).code);
    assert.equal(await verdict(desk), 'valid');
    await w.docs(desk, 'check-company', true);
    let expired;
    for (const p of held.filter((one) => one.holdings.some((h) => h.type === 'drivers-licence'))) {
      const holder = await person(w, p.login);
      const past = (await holder.call('GET', '/v1/wallet/holdings')).holdings.find((h) => h.type === 'drivers-licence' && h.valid_until < new Date().toISOString().slice(0, 10));
      if (past) { expired = await holder.call('POST', '/v1/wallet/shows', { identifier: past.identifier, view: 'identity' }); break; }
    }
    assert.ok(expired, 'somebody\'s licence has expired');
    assert.equal(await nextVerdict(squad, () => gun(squad, expired.code)), 'invalid');
    assert.match(await squad.locator('#reasons').innerText(), /有效期/);

    // The workstation is suspended: it is told, and may be set up anew.
    const id = await desk.evaluate(() => new Promise((done) => {
      indexedDB.open('showcard').onsuccess = (e) => { e.target.result.transaction('keys').objectStore('keys').get('workstation').onsuccess = (f) => done(f.target.result.clientId); };
    }));
    const operator = { Authorization: 'Bearer ' + token(w, 'demo-operator'), 'Content-Type': 'application/json' };
    const frozen = await fetch(w.demo.base + '/v1/registry/freezes', { method: 'POST', headers: operator, body: JSON.stringify({ kind: 'client', id, frozen: true, urgent: true, reason: 'lost' }) });
    assert.ok(frozen.ok, await frozen.text());
    await gun(desk, (await who.show('resident-id', 'over-18')).code);
    assert.equal(await verdict(desk), 'refused');
    assert.match(await desk.locator('#reasons').innerText(), /停用[\s\S]*联系/);
    await w.accessible(desk, 'suspended');
    await w.docs(desk, 'check-suspended', true);
    // Signed out in another tab: this one does not go on.
    const other = await squad.context().newPage();
    await other.goto(w.demo.base + '/check');
    await other.locator('#change').click();
    await other.locator('.c-setup .button.danger').click();
    await w.accessible(other, 'signing out');
    await w.docs(other, 'check-leave');
    await other.locator('[role=dialog] .button.danger').click();
    await other.locator('#enrol-as').waitFor();
    await squad.evaluate(() => window.dispatchEvent(new Event('focus')));
    await squad.locator('#enrol-as').waitFor();
  });

  story('counter: both languages, care mode, the smallest phone, and twice as large', async (w) => {
    // One counter goes through all of them; the everyday stories have the fourth.
    const desk = await w.page('/check', { width: 320, height: 640 });
    const [care, other] = [desk.locator('.tool').first(), desk.locator('.tool').last()];
    await care.click();
    await w.accessible(desk, 'enrolment in care mode');
    await openDesk(desk, 'changsha-service-hall', 'identity-check', {});
    await desk.locator('#bundle').waitFor();
    const each = async (view) => {
      for (const [where, turn] of [['care-zh', null], ['care-en', other], ['standard-en', care]]) {
        if (turn) await turn.click();
        await w.accessible(desk, view + ' ' + where);
        if (where === 'standard-en') assert.doesNotMatch(await desk.locator('main').innerText(), /核验|通过|设置|请/);
      }
      await care.click();
      await other.click();
      await w.docs(desk, 'check-small-' + view, true);
    };
    await each('ready');
    await gun(desk, await codeFromApi(w, 'person-01'));
    assert.equal(await verdict(desk), 'valid');
    await desk.locator('#portrait img').waitFor();
    await desk.locator('#checks-part summary').click();
    await each('valid');
    await desk.locator('#change').click();
    await desk.locator('#fingerprint').waitFor();
    await desk.locator('#counter').fill('');
    await each('setup');
    // 200 % of a desktop is half as many pixels to it.
    const large = await w.page('/check', { width: 640, height: 400 }, { deviceScaleFactor: 2 });
    await openDesk(large, 'changsha-service-hall', 'identity-check', { offline: false });
    await gun(large, await codeFromApi(w, 'person-02'));
    assert.equal(await verdict(large), 'valid');
    await w.accessible(large, '200 %');
    await until('the word is in sight', () => large.evaluate(() => { const r = document.getElementById('word').getBoundingClientRect(); return r.top >= 0 && r.bottom <= innerHeight; }));
  });
};
