'use strict';
// A phone that loses its radio in the middle of an answer: the head has come, the rest never does.
const assert = require('node:assert/strict');
const http = require('node:http');
const { until } = require('../stage.js');
const { signIn, choose, showCode, nextCode, scan } = require('../citizen.js');

// between stands between the browser and the demo, as a proxy, and can let an answer stop after its first byte.
async function between() {
  let stalls = () => false;
  const held = [];
  const server = http.createServer((req, res) => {
    const onward = http.request(req.url, { method: req.method, headers: req.headers }, (answer) => {
      res.writeHead(answer.statusCode, answer.headers);
      if (!stalls(req)) return answer.pipe(res);
      answer.once('data', (d) => { held.push(req.url); res.write(d.subarray(0, 1)); answer.destroy(); });
    });
    onward.on('error', () => res.destroy());
    req.pipe(onward);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    held,
    stall: (test) => { stalls = test; },
    options: { proxy: { server: 'http://127.0.0.1:' + server.address().port, bypass: '<-loopback>' } },
    end: () => { server.closeAllConnections(); server.close(); },
  };
}

module.exports = (story) => {
  story('wallet: an answer that stops half way is given up, and asked for again', async (w) => {
    const line = await between();
    try {
      const page = await w.page('/wallet', { width: 390, height: 844 }, line.options);
      await page.clock.install();
      await page.goto(w.demo.base + '/wallet');
      await signIn(page, 'person-07');
      await choose(page, '居民身份证', 'identity');
      const old = await showCode(page);
      line.stall((req) => /\/codes$/.test(req.url));
      await page.clock.fastForward(46_000);
      await until('the next code stops half way', () => line.held.length === 1);
      await page.clock.fastForward(8_100);
      await page.locator('.notice', { hasText: '网络不稳' }).waitFor();
      line.stall(() => false);
      await page.clock.fastForward(2_500);
      const fresh = await nextCode(page, old);
      assert.equal((await scan(w, fresh)).outcome, 'valid');
      await page.locator('.w-done').waitFor();
      // Nor does the page wait for ever when it opens.
      line.stall((req) => /\/holdings/.test(req.url));
      await page.goto(w.demo.base + '/wallet');
      await page.reload();
      await until('the certificates stop half way', () => line.held.length > 1);
      await page.clock.fastForward(10_100);
      await page.locator('.notice.bad, .w-pick').first().waitFor();
    } finally {
      line.end();
    }
  });
};
