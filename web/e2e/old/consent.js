'use strict';
// A counter wants more than is shown: the holder is asked on her phone and says yes, no, or nothing.
const assert = require('node:assert/strict');
const { signIn, choose, showCode, openDesk, gun, verdict } = require('./world.js');

const phone = { width: 360, height: 740 };
const desktop = { width: 1280, height: 800 };

module.exports = function (story) {
  // both sides as they are when the holder is being asked
  async function asked(w, name) {
    const wallet = await w.page('/wallet', phone);
    await signIn(wallet, 'person-01');
    await choose(wallet, '居民身份证', 'identity');
    const code = await showCode(wallet);
    const desk = await w.page('/check', desktop);
    await openDesk(desk);
    await desk.locator('#extra summary').click();
    await desk.locator('#extra-type').selectOption('resident-id');
    await desk.locator('#extra-fields input[value="address"]').check();
    assert.match(await desk.locator('#extra-n').textContent(), /1/);
    await w.accessible(desk, 'what else is asked for');
    await desk.locator('#scan').focus();
    await gun(desk, code);
    await wallet.locator('#ask-yes').waitFor();
    const text = await wallet.locator('#ask').innerText();
    assert.match(text, /长沙市政务服务大厅[\s\S]*还想看[\s\S]*住址[\s\S]*身份核验|长沙市政务服务大厅[\s\S]*住址[\s\S]*姓名/);
    await w.accessible(wallet, 'the ask');
    await w.shot(wallet, 'ask-phone-' + name, true);
    await desk.locator('#busy', { hasText: '征求持证人同意' }).waitFor(); // her phone may know before the desk does
    await w.shot(desk, 'waiting-desktop-' + name, true);
    assert.equal(await desk.locator('#claims').textContent(), '', 'nothing before the answer');
    return { wallet, desk };
  }

  async function told(w, { wallet, desk }, words, address, name) {
    assert.equal(await verdict(desk), 'valid');
    assert.match(await desk.locator('#consent').innerText(), words);
    assert.equal(/住址/.test(await desk.locator('#claims').innerText()), address);
    await w.accessible(desk, 'the answer after ' + name);
    await w.shot(desk, 'asked-desktop-' + name, true);
    await wallet.locator('#done').waitFor();
    assert.equal(/住址/.test(await wallet.locator('#done-what').innerText()), address);
  }

  story('a counter asks for more, and she agrees', async (w) => {
    const both = await asked(w, 'yes');
    await both.wallet.locator('#ask-yes').click();
    await told(w, both, /持证人已同意：\s*住址/, true, 'yes');
  });

  story('a counter asks for more, and she does not agree', async (w) => {
    const both = await asked(w, 'no');
    await both.wallet.locator('#ask-no').click();
    await told(w, both, /没有同意：\s*住址/, false, 'no');
  });

  story('a counter asks for more, and she says nothing', async (w) => {
    const both = await asked(w, 'silence');
    await both.desk.locator('#result').waitFor({ timeout: 30000 });
    await told(w, both, /没有回答：\s*住址/, false, 'silence');
  });
};
