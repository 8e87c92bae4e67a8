'use strict';
// Without a network: the page opens, and shows a code that a counter without one believes.
const assert = require('node:assert/strict');
const path = require('node:path');
const { until } = require('../stage.js');
const { signIn, choose, showCode, nextCode, offlineCode, scan, tool, turnOn } = require('../citizen.js');

const phone = { width: 390, height: 844 };
const taken = (page) => until('the page is kept on the device', () => page.evaluate(async () => Boolean(await caches.match('/wallet'))));

module.exports = (story, zbar) => {
  story('wallet: the network goes, the code becomes an offline one that a counter without network believes, and comes back', async (w) => {
    const page = await w.page('/wallet', phone);
    await page.clock.install();
    await page.goto(w.demo.base + '/wallet');
    await signIn(page, 'person-02');
    await page.locator('.w-offer').click();
    await page.locator('#device-name').waitFor();
    await w.accessible(page, 'offline codes, off');
    await w.docs(page, 'wallet-devices-off', true);
    await turnOn(page);
    await page.locator('.w-card-note', { hasText: '离线可用' }).first().waitFor();
    const bundle = path.join(w.demo.dir, 'counter.bundle');
    assert.equal(tool(w, 'bundle', bundle, '--client', 'changsha-service-hall').code, 0);

    // The network is gone when she wants to show.
    await page.context().setOffline(true);
    await choose(page, '居民身份证', 'identity');
    await page.locator('.w-dock button').click();
    const first = await offlineCode(w, zbar, page, 'wallet-code-offline');
    await page.locator('.w-pane .notice', { hasText: /没有连上系统，已自动换成离线码[\s\S]*打码/ }).waitFor();
    await w.accessible(page, 'offline code');
    await w.docs(page, 'wallet-code-offline');
    const checked = tool(w, 'verify', first, '--bundle', bundle, '--scene', 'service-hall');
    assert.equal(checked.code, 0, checked.said);
    assert.match(checked.said, /李\*\*/);
    await page.context().setOffline(false);
    assert.equal((await scan(w, await nextCode(page, ''))).outcome, 'valid', 'online again by itself');
    await page.locator('.w-done').waitFor();

    // A counter without network and a phone with one: she chooses it, for one scene.
    await page.locator('.w-done .button.main').click();
    await choose(page, '居民身份证', 'identity');
    await page.locator('#purpose').selectOption('hotel-check-in');
    await showCode(page);
    await page.locator('.w-link', { hasText: '换离线码' }).click();
    const chosen = await offlineCode(w, zbar, page, 'wallet-offline-chosen', first);
    await w.docs(page, 'wallet-code-chosen-offline');
    assert.equal(tool(w, 'verify', chosen, '--bundle', bundle, '--scene', 'hotel-check-in').code, 0);
    assert.equal(tool(w, 'verify', chosen, '--bundle', bundle).code, 1, 'made out to somebody else');
    await page.locator('.w-link', { hasText: '换回在线码' }).click();
    await nextCode(page, '');

    // It goes while a code is shown: that one stays until its end, then the other kind takes its place, signed anew again and again.
    await page.context().setOffline(true);
    await page.clock.fastForward(58_000);
    const second = await offlineCode(w, zbar, page, 'wallet-fallen-back', chosen);
    await page.clock.fastForward(16_000);
    await offlineCode(w, zbar, page, 'wallet-signed-anew', second);
    await page.context().setOffline(false);
    await page.clock.fastForward(16_000);
    await nextCode(page, '');
    await page.locator('.w-close').click();
  });

  story('wallet: opens without a network, shows the certificates last seen and a code; what is not at hand says so', async (w) => {
    const page = await w.page('/wallet', phone);
    await signIn(page, 'person-04');
    await turnOn(page);
    await taken(page);
    await page.context().setOffline(true);
    await page.goto('about:blank');
    await page.goto(w.demo.base + '/wallet');
    await page.locator('.notice', { hasText: '上次看到的证照' }).waitFor();
    await page.locator('.w-card-note', { hasText: '离线可用' }).first().waitFor();
    await w.accessible(page, 'cards without a network');
    await w.docs(page, 'wallet-cards-offline', true);
    const kept = await page.evaluate(() => new Promise((done) => { const r = indexedDB.open('showcard'); r.onsuccess = () => { const q = r.result.transaction('wallet').objectStore('wallet').get('seen'); q.onsuccess = () => done(JSON.stringify(q.result)); }; }));
    assert.doesNotMatch(kept, /赵演示|"value":"\d{17}[\dX]"|"field":"(address|birth_date)"/, 'no more than the face shows');
    await choose(page, '居民身份证');
    assert.ok(await page.locator('input[name=view][value=full]').isDisabled());
    await page.locator('.w-dock button').click();
    const code = await offlineCode(w, zbar, page, 'wallet-started-offline');
    await page.locator('.w-close').click();
    await page.locator('.w-tabs a').nth(1).click();
    await page.locator('.notice', { hasText: '要联网才能看' }).waitFor();
    await w.docs(page, 'wallet-needs-network');
    await page.context().setOffline(false);
    await page.locator('.w-switch, .empty').first().waitFor({ timeout: 20000 }); // by itself
    await page.locator('.w-switch button').nth(1).click();
    await page.locator('.w-looks li').first().waitFor();
    await w.accessible(page, 'what a device was given');
    await w.docs(page, 'wallet-history-all', true);

    // The device is killed: what it has is revoked, and gone.
    const bundle = path.join(w.demo.dir, 'killed.bundle');
    assert.equal(tool(w, 'bundle', bundle, '--client', 'demo-bank').code, 0);
    assert.equal(tool(w, 'verify', code, '--bundle', bundle).code, 0);
    await page.goto(w.demo.base + '/wallet#devices');
    await page.locator('.w-on').waitFor();
    await w.docs(page, 'wallet-devices', true);
    await page.locator('.w-list .button.danger').click();
    await w.accessible(page, 'kill a device');
    await w.docs(page, 'wallet-kill-device');
    await page.locator('.dialog .button.danger').click();
    await page.locator('.w-list li.over').waitFor();
    await w.docs(page, 'wallet-devices-killed', true);
    assert.equal(tool(w, 'bundle', bundle, '--client', 'demo-bank').code, 0);
    const dead = tool(w, 'verify', code, '--bundle', bundle);
    assert.equal(dead.code, 1, dead.said);
    const left = () => page.evaluate(() => new Promise((done) => { const r = indexedDB.open('showcard'); r.onsuccess = () => { const q = r.result.transaction(['keys', 'wallet']); let n = 0; q.objectStore('keys').count('device').onsuccess = (e) => { n += e.target.result; }; q.objectStore('wallet').getAllKeys().onsuccess = (e) => { n += e.target.result.filter((k) => String(k).startsWith('stock/')).length; }; q.oncomplete = () => done(n); }; }));
    await until('key and codes are gone', async () => await left() === 0);
  });

  story('wallet: storage is full, and the page says so and shows online codes all the same', async (w) => {
    const page = await w.page('/wallet', phone);
    await page.addInitScript(() => {
      IDBObjectStore.prototype.put = function () { throw new DOMException('full', 'QuotaExceededError'); };
      const set = Storage.prototype.setItem;
      Storage.prototype.setItem = function (name, value) {
        if (!window.forPictures) throw new DOMException('full', 'QuotaExceededError');
        set.call(this, name, value);
      };
    });
    await page.reload();
    await signIn(page, 'person-05');
    await page.goto(w.demo.base + '/wallet#devices');
    await page.locator('form .button.main').click();
    await page.locator('.notice.bad', { hasText: '存储空间满了' }).waitFor();
    await w.accessible(page, 'storage full');
    await page.evaluate(() => { window.forPictures = true; });
    await w.docs(page, 'wallet-storage-full', true);
    await page.evaluate(() => { window.forPictures = false; });
    assert.match(await page.locator('.notice.bad').innerText(), /联网亮码不受影响/);
    await page.locator('.w-tabs a').first().click();
    await choose(page, '居民身份证', 'identity');
    assert.match(await showCode(page), /^SC1/);
  });
};
