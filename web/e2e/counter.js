'use strict';
// What a counter does, and what stands in front of it: persons who show codes, without their pages (by the public API, as any wallet
// does it), phones that show codes without a network, and a camera that looks at a picture.
const assert = require('node:assert/strict');
const { randomBytes, webcrypto } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { chromium } = require('playwright-core');
const { tools } = require('./stage.js');

const b64u = (data) => Buffer.from(data).toString('base64url');
const base32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** A person who has signed in, over HTTP as a browser does it. */
class Person {
  constructor(world, login) {
    this.base = world.demo.base;
    this.holdings = world.demo.people.find((p) => p.login === login).holdings;
    this.login = login;
    this.cookies = new Map();
  }

  async step(url, options = {}) {
    const cookie = Array.from(this.cookies, ([k, v]) => k + '=' + v).join('; ');
    const r = await fetch(new URL(url, this.base), Object.assign({}, options, { redirect: 'manual', headers: Object.assign({ Cookie: cookie, Origin: this.base }, options.headers) }));
    for (const c of r.headers.getSetCookie()) {
      const [, k, v] = /^([^=]+)=([^;]*)/.exec(c);
      this.cookies.set(k, v);
    }
    return r;
  }

  async signIn() {
    const to = (await this.step('/v1/sign-in/demo')).headers.get('location');
    const form = /action="([^"]+)"/.exec(await (await this.step(to)).text())[1];
    const back = await this.step(form, { method: 'POST', headers: { 'Content-Type': 'application/x-www-form-urlencoded' }, body: 'login=' + this.login });
    await this.step(back.headers.get('location'));
    assert.ok(this.cookies.get('showcard_session'), this.login + ' is signed in');
    return this;
  }

  async call(method, url, body) {
    const r = await this.step(url, { method, headers: body ? { 'Content-Type': 'application/json' } : {}, body: body && JSON.stringify(body) });
    const data = r.status === 204 ? null : await r.json();
    assert.ok(r.ok, method + ' ' + url + ': ' + JSON.stringify(data));
    return data;
  }

  identifier(type) { return this.holdings.find((h) => h.type === type).identifier; }

  /** Shows a certificate: `{code, show, png, …}`. */
  show(type = 'resident-id', view = 'identity', more = {}) {
    return this.call('POST', '/v1/wallet/shows', Object.assign({ identifier: this.identifier(type) }, Array.isArray(view) ? { fields: view } : { view }, more));
  }

  async picture(url) { return Buffer.from(await (await this.step(url)).arrayBuffer()); }
}

async function person(w, login = 'person-01') { return new Person(w, login).signIn(); }

async function codeFromApi(w, login, type, view) { return (await (await person(w, login)).show(type, view)).code; }

// --- a phone without a network: docs/devices.md and docs/formats.md §3.2 -----------------------------

const head = (major, n) => {
  if (n < 24) return Buffer.of((major << 5) | n);
  if (n < 0x100) return Buffer.of((major << 5) | 24, n);
  if (n < 0x10000) return Buffer.of((major << 5) | 25, n >> 8, n & 0xff);
  const b = Buffer.alloc(5);
  b[0] = (major << 5) | 26;
  b.writeUInt32BE(n, 1);
  return b;
};
class Raw { constructor(data) { this.data = data; } }
function cbor(v) {
  if (v instanceof Raw) return v.data;
  if (typeof v === 'number') return v < 0 ? head(1, -1 - v) : head(0, v);
  if (typeof v === 'string') return Buffer.concat([head(3, Buffer.byteLength(v)), Buffer.from(v)]);
  if (v instanceof Uint8Array) return Buffer.concat([head(2, v.length), v]);
  if (Array.isArray(v)) return Buffer.concat([head(4, v.length), ...v.map(cbor)]);
  const entries = Object.entries(v);
  return Buffer.concat([head(5, entries.length), ...entries.flatMap(([k, one]) => [cbor(Number(k)), cbor(one)])]);
}

const ecdsa = { name: 'ECDSA', namedCurve: 'P-256' };
const signed = (key, data) => webcrypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, key, data);

/** A device with a key of its own and a stock of codes. */
class Phone {
  static async register(who) {
    const phone = new Phone();
    phone.who = who;
    phone.cwts = [];
    const pair = await webcrypto.subtle.generateKey(ecdsa, false, ['sign', 'verify']);
    phone.key = pair.privateKey;
    const { kty, crv, x, y } = await webcrypto.subtle.exportKey('jwk', pair.publicKey);
    const c = await who.call('POST', '/v1/wallet/devices/challenge', {});
    const lines = ['showcard device registration 1', c.origin, c.challenge, c.binding, b64u(await webcrypto.subtle.exportKey('raw', pair.publicKey))].join('\n');
    phone.id = (await who.call('POST', '/v1/wallet/devices', { name: '测试手机', key: { kty, crv, x, y }, challenge: c.challenge, signature: b64u(await signed(phone.key, Buffer.from(lines))) })).id;
    return phone;
  }

  async fill(type, view, count) {
    const got = await this.who.call('POST', '/v1/wallet/devices/' + this.id + '/stock', { identifier: this.who.identifier(type), view, count });
    this.cwts.push(...got.cwts);
    return this;
  }

  /** The text of a code, made without asking anybody. */
  async show(audience = 'any', ago = 0) {
    const header = cbor({ 1: -7, 13: new Raw(Buffer.from(this.cwts.shift(), 'base64url')), 16: 294 });
    const proof = cbor({ 3: audience, 6: Math.floor(Date.now() / 1000) - ago, 7: randomBytes(8) });
    const signature = Buffer.from(await signed(this.key, cbor(['Signature1', header, Buffer.alloc(0), proof])));
    const token = Buffer.concat([Buffer.of(0xd2), cbor([header, {}, proof, signature])]);
    const bits = Array.from(token, (b) => b.toString(2).padStart(8, '0')).join('');
    return 'SC2' + bits.match(/.{1,5}/g).map((g) => base32[parseInt(g.padEnd(5, '0'), 2)]).join('');
  }
}

// --- the counter ---------------------------------------------------------------------------------

/** Sets a workstation up, if it is not, and opens its desk. */
async function openDesk(page, party = 'changsha-service-hall', purpose = 'identity-check', { extra, offline = true, counter } = {}) {
  await page.locator('#enrol-as, #purpose').first().waitFor();
  if (await page.locator('#enrol-as').count()) {
    await page.locator('#enrol-as').selectOption(party);
    await page.locator('form button[type=submit]').click();
  }
  await page.locator('#purpose').selectOption(purpose);
  if (counter) await page.locator('#counter').fill(counter);
  if (offline !== await page.locator('#offline-use').isChecked()) await page.locator('#offline-use').click();
  if (offline) await page.locator('#fingerprint').waitFor();
  if (extra) {
    await page.locator('.c-extra summary').click();
    await page.locator('#extra-type').selectOption(extra.type);
    for (const f of extra.fields) await page.locator('#extra-fields input[value="' + f + '"]').check();
  }
  await page.locator('.c-setup button[type=submit]').click();
  await page.locator('#scan').waitFor();
}

async function verdict(page) { return page.locator('#result').getAttribute('data-outcome'); }

/** The verdict about something just scanned: the answer before it is gone. */
async function nextVerdict(page, act) {
  const before = await page.locator('#result').count() ? await page.locator('#result').elementHandle() : null;
  await act();
  if (before) await before.waitForElementState('hidden');
  return verdict(page);
}

// --- a camera --------------------------------------------------------------------------------------

/** Makes a film of one picture (PNG): what a camera sees that a phone is held before. JPEG after JPEG is a film to Chromium. */
async function film(w, png, { size = 420, name = 'film', turned = 4 } = {}) {
  const page = await w.page('/', { width: 400, height: 300 });
  const jpeg = await page.evaluate(async ([data, wide, degrees]) => {
    const image = await createImageBitmap(new Blob([Uint8Array.from(atob(data), (c) => c.charCodeAt(0))], { type: 'image/png' }));
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [640, 480];
    const g = canvas.getContext('2d');
    g.fillStyle = '#8a8f96';
    g.fillRect(0, 0, 640, 480);
    g.translate(320, 240);
    g.rotate(degrees * Math.PI / 180); // nobody holds a phone straight
    g.imageSmoothingEnabled = false;
    g.drawImage(image, -wide / 2, -wide / 2, wide, wide);
    return canvas.toDataURL('image/jpeg', 0.85).split(',')[1];
  }, [png.toString('base64'), size, turned]);
  await page.context().close();
  w.contexts = w.contexts.filter((c) => c !== page.context());
  const file = path.join(w.demo.dir, name + '.mjpeg');
  fs.writeFileSync(file, Buffer.concat(Array(3).fill(Buffer.from(jpeg, 'base64'))));
  return file;
}

/** A browser of its own whose camera looks at a film. With `ask` its person has not been asked yet: the context's permissions tell. */
async function withCamera(w, file, run, { ask = false } = {}) {
  const root = process.getuid && process.getuid() === 0 ? ['--no-sandbox'] : [];
  const browser = await chromium.launch({ executablePath: tools().chromium, args: [...root, '--use-fake-device-for-media-stream',
    ...(ask ? [] : ['--use-fake-ui-for-media-stream']), ...(file ? ['--use-file-for-fake-video-capture=' + file] : [])] });
  const own = Object.create(w, { browser: { value: browser } });
  try { return await run(own); } finally {
    w.contexts = w.contexts.filter((c) => c.browser() !== browser);
    await browser.close();
  }
}

module.exports = { Person, Phone, person, codeFromApi, openDesk, verdict, nextVerdict, film, withCamera };
