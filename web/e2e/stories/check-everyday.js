'use strict';
// The counter's everyday: every way in, and every answer.
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { until } = require('../stage.js');
const { gun } = require('../world.js');
const { person, codeFromApi, openDesk, verdict, nextVerdict } = require('../counter.js');

const phone = { width: 360, height: 740 };
const desktop = { width: 1280, height: 800 };

// What is sent to be checked, and what is played.
function watch(desk) {
  const sent = [];
  desk.on('request', (r) => { if (r.method() === 'POST' && r.url().endsWith('/v1/verifications')) sent.push(r.postDataJSON()); });
  return sent;
}
const listen = (desk) => desk.addInitScript(() => {
  window.played = [];
  const make = AudioContext.prototype.createOscillator;
  AudioContext.prototype.createOscillator = function () {
    const tone = make.call(this), start = tone.start.bind(tone);
    tone.start = (at) => { window.played.push(tone.type + Math.round(tone.frequency.value)); start(at); };
    return tone;
  };
});

module.exports = (story) => {
  story('counter: a code is scanned, the answer is there, and the second time it is spent', async (w) => {
    const desk = await w.page('/check', desktop);
    await desk.locator('#enrol-as').waitFor();
    await w.accessible(desk, 'enrolment');
    await w.docs(desk, 'check-enrol');
    await listen(desk);
    await desk.reload();
    await openDesk(desk, 'changsha-service-hall', 'identity-check', { counter: '3 号窗口' });
    await desk.locator('#bundle', { hasText: '刚刚更新' }).waitFor();
    await w.accessible(desk, 'ready');
    await w.docs(desk, 'check-ready');
    const code = await codeFromApi(w, 'person-01');
    await gun(desk, code);
    assert.equal(await verdict(desk), 'valid');
    const claims = await desk.locator('#claims').innerText();
    assert.match(claims, /姓名\s*张示例/);
    assert.doesNotMatch(claims, /住址/, 'only what was chosen');
    await desk.locator('#portrait img').waitFor();
    await desk.locator('#took').waitFor();
    console.log('      from scan to answer on loopback: ' + await desk.locator('#result').getAttribute('data-ms') + ' ms');
    await w.accessible(desk, 'valid');
    await w.docs(desk, 'check-valid', true);
    await desk.locator('#checks-part summary').click();
    assert.equal(await desk.locator('#checks tr').count(), 6);
    await w.accessible(desk, 'every check');
    await desk.evaluate(() => window.scrollTo(0, 0));
    await w.docs(desk, 'check-every-check', true);
    await gun(desk, code);
    await desk.locator('#note', { hasText: '只算一次' }).waitFor();
    await w.docs(desk, 'check-twice');
    assert.equal(await verdict(desk), 'valid', 'a double scan counts once, and the answer stays');

    // The receipt, and then the clerk's word: it is not the person, so the answer is red.
    const [download] = await Promise.all([desk.waitForEvent('download'), desk.locator('#receipt').click()]);
    const filed = JSON.parse(fs.readFileSync(await download.path(), 'utf8'));
    assert.match(filed.receipt, /^[\w-]+\.[\w-]+\.[\w-]+$/);
    assert.ok(filed.openings.fields.name);
    await desk.locator('#not-same').click();
    await desk.locator('#person-done', { hasText: '不是本人' }).waitFor();
    assert.equal(await verdict(desk), 'invalid');
    assert.ok(await desk.evaluate(() => document.activeElement.id === 'scan'), 'the cursor is where the gun types');
    await desk.locator('#checks-part summary').click();
    await desk.evaluate(() => window.scrollTo(0, 0));
    await w.docs(desk, 'check-not-same');

    const other = await w.page('/check', desktop);
    await openDesk(other, 'changsha-service-hall', 'identity-check', { offline: false });
    await gun(other, code);
    assert.equal(await verdict(other), 'invalid');
    assert.match(await other.locator('#reasons').innerText(), /已经用过/);
    assert.equal(await other.locator('#claims').count(), 0);
    await w.accessible(other, 'invalid');
    await w.docs(other, 'check-invalid', true);

    // The next customer: the same person as on the portrait. Nothing of the one before is left.
    await desk.locator('#next').click();
    assert.doesNotMatch(await desk.locator('main').innerText(), /张示例/);
    await gun(desk, await codeFromApi(w, 'person-02'));
    await desk.locator('#same').click();
    await desk.locator('#person-done', { hasText: '本人' }).waitFor();
    await w.docs(desk, 'check-same', true);
    assert.equal(await verdict(desk), 'valid');
    assert.match(await desk.locator('#today').innerText(), /2/);
    const played = await desk.evaluate(() => window.played);
    assert.deepEqual([played.includes('sine1320'), played.includes('square147')], [true, true], 'sounds that differ');
    await desk.locator('#sound').click();
    await gun(desk, '6901234567892');
    await until('the bottle is refused', async () => await verdict(desk) === 'refused');
    assert.equal((await desk.evaluate(() => window.played)).length, played.length, 'muted');
  });

  story('counter: guns without newline, under an input method, and what is not ours', async (w) => {
    const who = await person(w, 'person-01');
    const next = async () => (await who.show('resident-id', 'over-18')).code;
    const desk = await w.page('/check', desktop);
    const sent = watch(desk);
    await openDesk(desk);
    await gun(desk, await next(), false); // its last character says that it is whole
    assert.equal(await verdict(desk), 'valid');
    assert.match(await desk.locator('#claims').innerText(), /已满18周岁[\s\S]*是/);
    let code = await next();
    await desk.locator('#checks-part summary').focus(); // the focus was left somewhere else
    await nextVerdict(desk, () => gun(desk, code));
    assert.equal(sent[1].code, code);

    // As an input method widens it, with a blank behind.
    code = await next();
    await desk.locator('#scan').focus();
    await desk.keyboard.insertText(Array.from(code, (c) => String.fromCodePoint(c.codePointAt(0) + 0xfee0)).join('') + '\u3000');
    await desk.keyboard.press('Enter');
    await until('the wide code is checked', () => sent.length === 3);
    assert.equal(sent[2].code, code);

    // Under a Chinese input method the letters are a composition, and Enter only ends it.
    code = await next();
    await desk.locator('#scan').focus();
    const keyboard = await desk.context().newCDPSession(desk);
    const typed = code.toLowerCase();
    for (let i = 1; i <= typed.length; i++) await keyboard.send('Input.imeSetComposition', { text: typed.slice(0, i), selectionStart: i, selectionEnd: i });
    assert.equal(sent.length, 3, 'nothing is sent while the input method composes');
    await keyboard.send('Input.insertText', { text: typed });
    await until('the composed code is checked', () => sent.length === 4);
    assert.equal(sent[3].code, code);
    await until('it is valid', async () => await desk.locator('#result').count() && await verdict(desk) === 'valid');

    // Worse: it makes words of the letters, and takes the digits to choose them. The keys themselves tell.
    code = await next();
    await desk.locator('#scan').focus();
    for (const c of code) {
      const key = /\d/.test(c) ? { code: 'Digit' + c } : { code: 'Key' + c };
      await keyboard.send('Input.dispatchKeyEvent', Object.assign({ type: 'rawKeyDown', key: 'Process', windowsVirtualKeyCode: 229 }, key));
      await keyboard.send('Input.imeSetComposition', { text: '随处', selectionStart: 2, selectionEnd: 2 });
      await keyboard.send('Input.dispatchKeyEvent', Object.assign({ type: 'keyUp', key: 'Process', windowsVirtualKeyCode: 229 }, key));
    }
    await keyboard.send('Input.insertText', { text: '随处' });
    await until('the spoilt code is checked', () => sent.length === 5);
    assert.equal(sent[4].code, code);
    await until('it is valid', async () => await desk.locator('#result').count() && await verdict(desk) === 'valid');

    // What is not ours is not sent anywhere, and is said to be what it looks like.
    const foreign = {
      '6901234567892': /商品条码/, 'https://example.com/menu?id=7': /网址（example.com）/, 'https://qr.alipay.com/fkx0123456789': /付款码/, '134512345678901234': /付款码/,
      'https://hn.example.cn/jkm?u=1': /健康码/, 'WIFI:T:WPA;S=hall;P=secret;;': /无线网络/, '430102198803129911': /公民身份号码/, '13800138000': /电话/, '随便写的一段话': /一段文字/, 'SC1DEMO': /没有读全/,
    };
    for (const [text, says] of Object.entries(foreign)) {
      await desk.locator('#scan').fill(text);
      await desk.keyboard.press('Enter');
      await desk.locator('#reasons', { hasText: says }).waitFor();
      assert.equal(await verdict(desk), 'refused');
    }
    assert.equal(sent.length, 5, 'nothing was sent');
    // Nobody's newline: the silence ends it. What a busy machine types as slowly as people do is no gun, and is typed again.
    await until('the number of a product is recognised', async () => {
      await desk.locator('#scan').fill('');
      await gun(desk, '6901234567892', false);
      return desk.locator('#reasons', { hasText: /商品条码/ }).waitFor({ timeout: 1500 }).then(() => true, () => false);
    }, 30000);
    await w.accessible(desk, 'not ours');
    await w.docs(desk, 'check-foreign', true);
    // Pasted where nothing has the focus.
    code = await next();
    await desk.evaluate((text) => {
      document.activeElement.blur();
      const data = new DataTransfer();
      data.setData('text/plain', ' ' + text + '\n');
      document.body.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
    }, code);
    await until('what was pasted is checked', () => sent.length === 6);
    assert.equal(sent[5].code, code);
  });

  story('counter: pictures, read here, by plain JavaScript, and by the server; and files that are none', async (w) => {
    const who = await person(w, 'person-02');
    const picture = async () => { const s = await who.show('resident-id', 'over-18'); return { code: s.code, name: 'code.png', mimeType: 'image/png', buffer: await who.picture(s.png) }; };
    const desk = await w.page('/check', phone);
    const sent = watch(desk);
    const loaded = [];
    desk.on('request', (r) => loaded.push(path.basename(new URL(r.url()).pathname).replace(/\..*(?=\.\w+$)/, '')));
    await openDesk(desk, 'changsha-service-hall', 'identity-check', { offline: false });
    assert.ok(!loaded.some((f) => /zxing|jsqr/.test(f)), 'readers are loaded when they are needed');
    let p = await picture();
    await desk.locator('#picture').setInputFiles(p);
    assert.equal(await verdict(desk), 'valid');
    assert.equal(sent[0].code, p.code, 'read on this device');
    assert.ok(loaded.includes('zxing_reader.wasm') && !loaded.includes('jsqr.js'));
    await desk.locator('#picture').setInputFiles({ name: 'notes.pdf', mimeType: 'application/pdf', buffer: Buffer.from('%PDF-1.4 nothing') });
    await desk.locator('#reasons', { hasText: '不是能打开的图片' }).waitFor();
    await w.docs(desk, 'check-file', true);
    // A picture without a code: this device looks, then the server.
    const empty = await desk.evaluate(() => { const c = document.createElement('canvas'); c.width = c.height = 200; c.getContext('2d').fillRect(20, 20, 60, 90); return c.toDataURL('image/png').split(',')[1]; });
    await desk.locator('#picture').setInputFiles({ name: 'wall.png', mimeType: 'image/png', buffer: Buffer.from(empty, 'base64') });
    await desk.locator('#reasons', { hasText: '没有找到码' }).waitFor();
    assert.ok(sent[1].image, 'the server looked, too');
    await w.docs(desk, 'check-nothing-found', true);

    // Dropped on the page, where WebAssembly does not come: plain JavaScript reads it.
    const plain = await w.page('/check', desktop);
    const seen = watch(plain);
    await plain.route('**/*.wasm', (route) => route.abort());
    await openDesk(plain, 'changsha-service-hall', 'identity-check', { offline: false });
    p = await picture();
    await plain.evaluate((data) => {
      const files = new DataTransfer();
      files.items.add(new File([Uint8Array.from(atob(data), (c) => c.charCodeAt(0))], 'code.png', { type: 'image/png' }));
      document.body.dispatchEvent(new DragEvent('drop', { dataTransfer: files, bubbles: true, cancelable: true }));
    }, p.buffer.toString('base64'));
    assert.equal(await verdict(plain), 'valid');
    assert.equal(seen[0].code, p.code);
    w.complaints = w.complaints.filter((c) => !/wasm|ArrayBuffer/.test(c)); // what was to be seen
  });

  story('counter: it asks for more, with a countdown; a driver\'s live points', async (w) => {
    const who = await person(w, 'person-01');
    const desk = await w.page('/check', desktop);
    await openDesk(desk, 'changsha-service-hall', 'identity-check', { extra: { type: 'resident-id', fields: ['address'] } });
    assert.match(await desk.locator('.c-asking').innerText(), /住址/);
    // Another counter asks, and she says nothing: meanwhile the first asks twice.
    const silent = await w.page('/check', phone);
    await openDesk(silent, 'changsha-service-hall', 'identity-check', { offline: false, extra: { type: 'resident-id', fields: ['address'] } });
    await gun(silent, await codeFromApi(w, 'person-02'));
    await silent.locator('#pending').waitFor();
    for (const [answer, says] of [['yes', /持证人已同意：\s*住址/], ['no', /没有同意：\s*住址/]]) {
      const { code } = await who.show();
      if (await desk.locator('#next').count()) await desk.locator('#next').click();
      await gun(desk, code);
      await desk.locator('#pending', { hasText: /住址[\s\S]*还剩 \d+ 秒/ }).waitFor();
      assert.equal(await desk.locator('#claims').count(), 0, 'nothing before the answer');
      if (answer === 'yes') await w.docs(desk, 'check-pending');
      const [ask] = (await who.call('GET', '/v1/wallet/asks')).asks;
      await who.call('POST', '/v1/wallet/asks/' + ask.id, { answer });
      assert.equal(await verdict(desk), 'valid');
      assert.match(await desk.locator('#consent').innerText(), says);
      assert.equal(/住址/.test(await desk.locator('#claims').innerText()), answer === 'yes');
    }
    await w.accessible(desk, 'after her answer');
    await w.docs(desk, 'check-declined', true);
    await silent.locator('#consent', { hasText: /没有回答：\s*住址/ }).waitFor({ timeout: 20000 });
    assert.doesNotMatch(await silent.locator('#claims').innerText(), /住址/);

    const squad = await w.page('/check', phone, { locale: 'en-GB' });
    await openDesk(squad, 'traffic-squad', 'traffic-inspection', { offline: false });
    await gun(squad, await codeFromApi(w, 'person-02', 'drivers-licence', 'full'));
    assert.equal(await verdict(squad), 'valid');
    assert.match(await squad.locator('#live').innerText(), /Live information[\s\S]*points/i);
    await w.accessible(squad, 'a licence on a phone, in English');
    await w.docs(squad, 'check-live', true);
  });
};
