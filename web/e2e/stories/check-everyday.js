'use strict';
// The counter's everyday: every way in, and every answer.
const assert = require('node:assert/strict');
const { until } = require('../stage.js');
const { gun } = require('../world.js');
const { person, codeFromApi, openDesk, verdict, nextVerdict, film, withCamera } = require('../counter.js');

const phone = { width: 360, height: 740 };
const desktop = { width: 1280, height: 800 };

module.exports = (story) => {
  story('counter: a code is scanned, the answer is there, and the second time it is spent', async (w) => {
    const desk = await w.page('/check', desktop);
    await desk.locator('#enrol-as').waitFor();
    await w.accessible(desk, 'enrolment');
    await openDesk(desk, 'changsha-service-hall', 'identity-check', { counter: '3 号窗口' });
    await w.shot(desk, 'docs-check-ready-standard-zh');
    await w.accessible(desk, 'ready');
    const code = await codeFromApi(w, 'person-01');
    await gun(desk, code);
    assert.equal(await verdict(desk), 'valid');
    const claims = await desk.locator('#claims').innerText();
    assert.match(claims, /姓名\s*张示例/);
    assert.doesNotMatch(claims, /住址/, 'only what was chosen');
    await desk.locator('#portrait img').waitFor();
    await desk.locator('#took').waitFor();
    const took = await desk.locator('#result').getAttribute('data-ms');
    console.log('      from scan to answer on loopback: ' + took + ' ms');
    await desk.locator('#checks-part summary').click();
    assert.equal(await desk.locator('#checks tr').count(), 6);
    await w.accessible(desk, 'valid');
    await w.shot(desk, 'docs-check-valid-standard-zh', true);
    await gun(desk, code);
    await until('it says so', async () => /只算一次/.test(await desk.locator('#note').innerText().catch(() => '')));
    assert.equal(await verdict(desk), 'valid', 'a double scan counts once, and the answer stays');
    const other = await w.page('/check', desktop);
    await openDesk(other);
    await gun(other, code);
    assert.equal(await verdict(other), 'invalid');
    assert.match(await other.locator('#reasons').innerText(), /已经用过/);
    assert.equal(await other.locator('#claims').count(), 0);
    await w.accessible(other, 'invalid');
    await w.shot(other, 'docs-check-invalid-standard-zh', true);
  });
};
