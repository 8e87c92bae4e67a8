'use strict';
// The camera: what it reads, and every way in which there is none.
const assert = require('node:assert/strict');
const { person, openDesk, verdict, film, withCamera } = require('../counter.js');

const desktop = { width: 1280, height: 800 };

module.exports = (story) => {
  story('counter: a camera sees a phone with a code of the server', async (w) => {
    const who = await person(w, 'person-01');
    const shown = await who.show('resident-id', 'identity');
    const file = await film(w, await who.picture(shown.png));
    await withCamera(w, file, async (own) => {
      const desk = await own.page('/check', desktop);
      const sent = [];
      desk.on('request', (r) => { if (r.url().endsWith('/v1/verifications')) sent.push(r.postDataJSON().code); });
      await openDesk(desk);
      await desk.locator('#camera').click();
      assert.equal(await verdict(desk), 'valid');
      await desk.locator('#portrait img').waitFor();
      await w.accessible(desk, 'with a camera');
      await w.docs(desk, 'check-camera', true);
      console.log('      from a picture of the camera to the answer: ' + await desk.locator('#result').getAttribute('data-ms') + ' ms');
      assert.deepEqual(sent, [shown.code], 'a code that stays before the camera is one scan');
      await desk.locator('#camera').click();
      await desk.locator('video').waitFor({ state: 'detached' });
    });
  });

  story('counter: a camera that is refused, missing, or taken away', async (w) => {
    const none = await w.page('/check', desktop);
    await openDesk(none, 'changsha-service-hall', 'identity-check', { offline: false });
    await none.locator('#camera').click();
    await none.locator('.c-camera', { hasText: /没有找到摄像头[\s\S]*扫码枪/ }).waitFor();
    await w.accessible(none, 'no camera');
    await w.docs(none, 'check-nocamera');
    await withCamera(w, '', async (own) => {
      const desk = await own.page('/check', desktop, { permissions: ['camera'] });
      await openDesk(desk, 'changsha-service-hall', 'identity-check', { offline: false });
      await desk.locator('#camera').click();
      await desk.locator('.c-aim', { hasText: '对准' }).waitFor();
      await desk.context().clearPermissions();
      await desk.locator('.c-camera', { hasText: /摄像头断开了[\s\S]*检查接线或权限/ }).waitFor();
      await w.docs(desk, 'check-camera-gone');
      // Refused, in English; and allowed again, it goes on.
      await desk.context().grantPermissions(['notifications']); // this, and nothing else
      await desk.locator('.tool').last().click();
      await desk.locator('.c-camera .button', { hasText: 'Try again' }).click();
      await desk.locator('.c-camera', { hasText: /was not allowed[\s\S]*Allow the camera/ }).waitFor();
      await w.docs(desk, 'check-camera-refused');
      await desk.context().grantPermissions(['camera']);
      await desk.locator('.c-camera .button', { hasText: 'Try again' }).click();
      await desk.locator('.c-aim', { hasText: 'Hold the code' }).waitFor();
    }, { ask: true });
  });
};
