'use strict';
// What a citizen does on her page; other stories use it too.
const { spawnSync } = require('node:child_process');
const { randomUUID } = require('node:crypto');
const path = require('node:path');
const { decode, until } = require('./stage.js');

// signIn goes to the identity provider and back.
async function signIn(page, login) {
  await page.locator('.w-providers a').first().click();
  await page.locator('.person', { hasText: login }).click();
  await page.locator('.w-pick, .w-care').first().waitFor();
}

async function choose(page, card, view) {
  await page.locator('.w-pick', { hasText: card }).first().click();
  await page.locator('.w-views, .notice.warn').first().waitFor();
  if (view !== undefined) await page.locator(`input[name=view][value="${view}"]`).check();
}

async function showCode(page) {
  await page.locator('.w-dock button').click();
  return nextCode(page, '');
}

// nextCode is the text below the picture, once it is another than the one given.
function nextCode(page, before, ms) {
  return until('a code on the page', async () => {
    const text = page.locator('.w-code');
    const t = await text.count() ? (await text.textContent({ timeout: 1000 }).catch(() => '')).replace(/\s/g, '') : '';
    const drawn = await page.locator('.w-picture svg.qr, .w-picture img').count();
    return t && t !== before && drawn && await page.evaluate(() => [...document.querySelectorAll('.w-picture img')].every((i) => i.complete)) ? t : '';
  }, ms);
}

// offlineCode is what a foreign scanner reads from a code that has no text.
function offlineCode(w, zbar, page, name, before = '') {
  return until('an offline code on the page', async () => {
    if (!await page.locator('.w-chip.off').count()) return '';
    const t = decode(zbar, await w.shot(page, name));
    return t.startsWith('SC2') && t !== before ? t : '';
  }, 20000);
}

// tool runs showcard, as whoever scripts it would.
function tool(w, ...args) {
  const r = spawnSync(process.env.SHOWCARD || path.join(w.demo.dir, 'showcard'), [...args, '--data', path.join(w.demo.dir, 'data')], { encoding: 'utf8' });
  return { code: r.status, said: r.stdout + r.stderr };
}

// scan checks a code as a program of a checker does: here the citizen's page matters, not the clerk's.
const tokens = new Map();
async function scan(w, code, { client = 'changsha-service-hall', purpose = 'identity-check', ...more } = {}) {
  const name = w.demo.base + client;
  if (!tokens.has(name)) tokens.set(name, tool(w, 'token', '--client', client).said.trim());
  const r = await fetch(w.demo.base + '/v1/verifications', {
    method: 'POST', headers: { 'Content-Type': 'application/json', Authorization: 'Bearer ' + tokens.get(name), 'Idempotency-Key': randomUUID() },
    body: JSON.stringify({ code, purpose, ...more }),
  });
  return { http: r.status, ...(await r.json()) };
}

// holder finds whose certificates are in a state, without opening a page for everybody.
async function holder(w, test) {
  for (const p of w.demo.people) {
    const r = await fetch(w.demo.base + '/v1/wallet/holdings', { headers: { Authorization: 'Bearer ' + tool(w, 'token', '--person', p.login).said.trim() } });
    if ((await r.json()).holdings.some(test)) return p.login;
  }
  throw new Error('nobody in the demo holds such a certificate');
}

// turnOn registers this device for offline codes and waits until it has some.
async function turnOn(page) {
  await page.goto(page.url().replace(/\/wallet.*/, '/wallet#devices'));
  await page.locator('#device-name').waitFor();
  await page.locator('form .button.main').click();
  await page.locator('.w-on').waitFor();
  await until('codes are kept', async () => /[1-9]/.test(await page.locator('.w-on').innerText()));
  await page.locator('.w-bar button').click();
  await page.locator('.w-tabs a').first().click();
  await page.locator('.w-pick').first().waitFor();
}

module.exports = { signIn, choose, showCode, nextCode, offlineCode, scan, tool, holder, turnOn };
