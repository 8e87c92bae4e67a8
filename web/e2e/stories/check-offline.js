'use strict';
// A counter whose network is gone: what it can say, what it writes down, and what becomes of that.
const assert = require('node:assert/strict');
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { until } = require('../stage.js');
const { gun } = require('../world.js');
const { Phone, person, codeFromApi, openDesk, verdict, nextVerdict } = require('../counter.js');

// enter is faster than a gun, which needs seconds for five hundred characters.
async function enter(desk, code) {
  await desk.locator('#scan').fill(code);
  await desk.keyboard.press('Enter');
}

const desktop = { width: 1280, height: 800 };

module.exports = (story) => {
  story('counter: without a network it checks offline codes, and settles when it is back', async (w) => {
    const who = await person(w, 'person-01');
    const mobile = await (await Phone.register(who)).fill('resident-id', 'identity', 4);
    const lost = await (await Phone.register(who)).fill('resident-id', 'over-18', 1);
    const desk = await w.page('/check', desktop);
    await desk.locator('#enrol-as').waitFor();
    await openDesk(desk);
    await desk.locator('#bundle', { hasText: '刚刚更新' }).waitFor();
    // As docs/workstations.md has an office compute it: jq -j .payload roots.json | sha256sum
    const { payload } = JSON.parse(fs.readFileSync(path.join(w.demo.dir, 'data', 'roots.json'), 'utf8'));
    const fingerprint = createHash('sha256').update(payload).digest('hex');
    // With a network an offline code is checked by the server.
    let code = await mobile.show();
    await gun(desk, code);
    assert.equal(await verdict(desk), 'valid');
    assert.match(await desk.locator('#claims').innerText(), /张\*\*/);

    const ticket = await codeFromApi(w, 'person-02');
    const late = (await who.show('resident-id', 'over-18', { lifetime: 10 })).code;
    const shownAt = Date.now();
    await who.call('DELETE', '/v1/wallet/devices/' + lost.id); // stolen; the counter cannot know in a moment
    await desk.context().setOffline(true);
    await desk.locator('#line', { hasText: '断网' }).waitFor();
    await w.docs(desk, 'check-offline-ready');
    code = await mobile.show();
    assert.equal(await nextVerdict(desk, () => enter(desk, code)), 'valid');
    const text = await desk.locator('#result').innerText();
    assert.match(text, /离线核验：按 [\d: -]+ 的核验包[\s\S]*张\*\*[\s\S]*4\*+\d[\s\S]*联网后自动上报/);
    console.log('      from scan to answer without a network: ' + await desk.locator('#result').getAttribute('data-ms') + ' ms');
    await desk.locator('.c-waits .button').click();
    await desk.locator('#waiting', { hasText: '1 条' }).waitFor();
    await w.accessible(desk, 'valid, offline');
    await w.docs(desk, 'check-offline', true);
    await desk.locator('#next').click();
    const wrong = await mobile.show('hotel');
    assert.equal(await nextVerdict(desk, () => enter(desk, wrong)), 'invalid');
    assert.equal(await nextVerdict(desk, () => enter(desk, code)), 'invalid', 'a photograph of the first');
    assert.match(await desk.locator('#reasons').innerText(), /刚刚已出示过/);
    const stolen = await lost.show();
    assert.equal(await nextVerdict(desk, () => enter(desk, stolen)), 'valid', 'what happens meanwhile it cannot know');
    // An online code cannot be checked here: it says so, and what to do.
    assert.equal(await nextVerdict(desk, () => enter(desk, ticket)), 'refused');
    assert.match(await desk.locator('#reasons').innerText(), /没有连上系统[\s\S]*改出示离线码/);
    await w.accessible(desk, 'a ticket without a network');
    await w.docs(desk, 'check-ticket-offline', true);
    const waited = Number(/\d+/.exec(await desk.locator('#waiting').innerText())[0]);
    assert.ok(waited >= 2);

    // The network is back: the ticket is asked about under its own key, and what waited is settled.
    const told = desk.waitForRequest('**/v1/verifications/offline');
    await desk.context().setOffline(false);
    assert.equal((await told).postDataJSON().checks.length, waited);
    await desk.locator('#waiting').waitFor({ state: 'detached' });
    await desk.locator('#odd', { hasText: /核验时该离线码已被撤销/ }).waitFor();
    await w.accessible(desk, 'checks that are at odds');
    await w.docs(desk, 'check-odd', true);
    await desk.locator('#ask-again').click();
    await until('the ticket is valid', async () => await desk.locator('#result').count() && await verdict(desk) === 'valid');
    await until('the code has ended', () => Date.now() - shownAt > 11_000);
    assert.equal(await nextVerdict(desk, () => gun(desk, late)), 'invalid');
    assert.match(await desk.locator('#reasons').innerText(), /已过期/);
    // Her history has the check that was made without a network, and that the clerk compared her.
    const looks = (await who.call('GET', '/v1/wallet/history')).looks;
    assert.ok(looks.some((l) => l.via === 'offline' && l.settled_at && l.outcome === 'valid'));
    // What is at odds stays, also over a restart, until somebody has looked at it.
    await desk.reload();
    const odds = await (async () => { await desk.locator('#odd li').first().waitFor(); return desk.locator('#odd li').count(); })();
    for (let i = odds; i > 0; i--) {
      await desk.locator('#odd li .button').first().click();
      await until('one less', async () => await desk.locator('#odd li').count() === i - 1);
    }
    await desk.reload();
    await desk.locator('#bundle').waitFor();
    assert.equal(await desk.locator('#odd').count(), 0);
    await desk.locator('#change').click();
    assert.equal((await desk.locator('#fingerprint').innerText()).replace(/\s/g, ''), fingerprint);
    await w.docs(desk, 'check-setup', true);
  });

  story('counter: the age of its bundle, a full disk, and a server that is gone half way', async (w) => {
    const who = await person(w, 'person-02');
    const mobile = await (await Phone.register(who)).fill('resident-id', 'identity', 3);
    const desk = await w.page('/check', desktop);
    await openDesk(desk);
    await desk.locator('#bundle', { hasText: '刚刚更新' }).waitFor();

    // The answer is lost on its way: asked for again under the same key, it is the same answer.
    const keys = [];
    await desk.route('**/v1/verifications', async (route) => {
      keys.push(route.request().headers()['idempotency-key']);
      if (keys.length > 1) return route.continue();
      await route.fetch();
      return route.abort('connectionreset');
    });
    await gun(desk, (await who.show()).code);
    assert.equal(await verdict(desk), 'valid');
    assert.deepEqual([keys.length, new Set(keys).size], [2, 1]);
    await desk.unroute('**/v1/verifications');

    // The server, not the network: an offline code is checked here at once.
    await desk.route(/\/v1\/|\/oauth\//, (route) => route.abort('connectionrefused'));
    await desk.evaluate(() => { // browsers ask the disk only now and then: so it says at once what it would say
      window.put = IDBObjectStore.prototype.put;
      IDBObjectStore.prototype.put = () => { throw new DOMException('full', 'QuotaExceededError'); };
    });
    const code = await mobile.show();
    assert.equal(await nextVerdict(desk, () => enter(desk, code)), 'valid');
    await desk.locator('.notice.bad', { hasText: /存储已满[\s\S]*1 条[\s\S]*不要关闭本页面/ }).waitFor();
    assert.match(await desk.locator('#line').innerText(), /断网/);
    await w.docs(desk, 'check-full', true);
    await desk.evaluate(() => { IDBObjectStore.prototype.put = window.put; });
    const told = desk.waitForRequest('**/v1/verifications/offline');
    await desk.unroute(/\/v1\/|\/oauth\//);
    await desk.evaluate(() => window.dispatchEvent(new Event('online'))); // it would look by itself in a few seconds
    assert.equal((await told).postDataJSON().checks[0].code, code);
    await desk.locator('#line', { hasText: '联网' }).waitFor();
    await desk.locator('#waiting').waitFor({ state: 'detached' });

    // A counter that took nothing along can say nothing.
    const bare = await w.page('/check', desktop);
    await openDesk(bare, 'demo-bank', 'account-opening', { offline: false });
    await bare.context().setOffline(true);
    await bare.locator('.notice.bad', { hasText: '没有可用的核验包' }).waitFor();
    await enter(bare, await mobile.show());
    assert.equal(await verdict(bare), 'indeterminate');
    await w.accessible(bare, 'indeterminate');
    await w.docs(bare, 'check-indeterminate', true);

    // Two hours later it warns, and the next day it says nothing any more.
    await desk.context().setOffline(true);
    const now = Date.now();
    await desk.clock.setFixedTime(now + 2 * 3600_000);
    await desk.locator('#sound').click();
    await desk.locator('.notice', { hasText: '超过 1 小时' }).waitFor();
    assert.match(await desk.locator('#bundle').innerText(), /2 小时前/);
    await w.accessible(desk, 'an old bundle');
    await w.docs(desk, 'check-old');
    await desk.clock.setFixedTime(now + 25 * 3600_000);
    await desk.locator('#sound').click();
    await desk.locator('.notice.bad', { hasText: '超过 1 天' }).waitFor();
    await w.docs(desk, 'check-too-old');
    // A clock that is wrong is told as soon as there is a server to compare with.
    await desk.context().setOffline(false);
    await desk.locator('.notice', { hasText: /本机时钟快了约 1500 分钟[\s\S]*自动对时/ }).waitFor();
    await w.docs(desk, 'check-clock');
    w.complaints = w.complaints.filter((c) => !/ERR_CONNECTION_RE/.test(c)); // as it was to be
  });
};
