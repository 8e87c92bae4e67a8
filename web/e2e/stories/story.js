'use strict';
// The whole story: a citizen with her phone, a clerk with a camera that sees it, an hour without a network.
const assert = require('node:assert/strict');
const { signIn, choose, showCode, turnOn, offlineCode } = require('../citizen.js');
const { openDesk, verdict, film, withCamera } = require('../counter.js');
const { until } = require('../stage.js');
const { gun } = require('../world.js');

const phone = { width: 390, height: 844 };
const desktop = { width: 1280, height: 800 };

module.exports = (story, zbar) => {
  story('the story: her page, the camera of the counter, her history, her review', async (w) => {
    const hers = await w.page('/wallet', phone);
    await signIn(hers, 'person-03');
    await choose(hers, '居民身份证', 'identity');
    const code = await showCode(hers);
    // Frames of the very code that her page shows.
    const file = await film(w, await hers.locator('.w-picture').screenshot(), { name: 'story' });
    await withCamera(w, file, async (own) => {
      const desk = await own.page('/check', desktop);
      const sent = [];
      desk.on('request', (r) => { if (r.url().endsWith('/v1/verifications')) sent.push(r.postDataJSON().code); });
      await openDesk(desk, 'changsha-service-hall', 'identity-check', { offline: false, counter: '3 号窗口' });
      await desk.locator('#camera').click();
      assert.equal(await verdict(desk), 'valid');
      assert.deepEqual(sent, [code]);
      await desk.locator('#portrait img').waitFor();
      const told = hers.locator('.w-done', { hasText: '长沙市政务服务大厅' });
      await told.waitFor();
      await desk.getByRole('button', { name: '本人', exact: true }).click();
      await desk.getByText('已记录：本人。').waitFor();
      await w.docs(hers, 'wallet-story');
      await w.docs(desk, 'check-story');
    });
    await hers.goto(hers.url().replace(/#.*/, '') + '#history');
    await hers.getByText('长沙市政务服务大厅').first().waitFor();
  });

  story('the story without a network: both fall back by themselves, and settle', async (w) => {
    const hers = await w.page('/wallet', phone);
    await signIn(hers, 'person-09');
    await turnOn(hers);
    const desk = await w.page('/check', desktop);
    await openDesk(desk);
    await desk.getByText('核验包 刚刚更新').waitFor();
    await until('the counter is kept on its device', () => desk.evaluate(async () => {
      for (const name of await caches.keys()) if (await (await caches.open(name)).match('/check')) return true;
      return false;
    }));
    await hers.context().setOffline(true);
    await desk.context().setOffline(true);
    await desk.reload(); // the clerk starts her computer anew
    await desk.locator('#scan').waitFor();
    await choose(hers, '居民身份证');
    await hers.locator('.w-dock button').click();
    const code = await offlineCode(w, zbar, hers, 'story-offline');
    await desk.locator('#scan').focus();
    await gun(desk, code);
    assert.equal(await verdict(desk), 'valid');
    await desk.getByText(/1 条待上报/).waitFor();
    await desk.context().setOffline(false);
    await desk.getByText(/1 条待上报/).waitFor({ state: 'detached' });
    await hers.context().setOffline(false);
    await until('her history has the check that was made offline', async () => {
      await hers.goto(hers.url().replace(/#.*/, '') + '#history');
      await hers.reload();
      await hers.getByRole('heading', { level: 1 }).waitFor();
      return await hers.getByText('长沙市政务服务大厅').count() > 0;
    }, 20000);
  });
};
