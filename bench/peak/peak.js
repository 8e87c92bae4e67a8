// Eight o'clock, for k6 (https://k6.io): the same as `showcard bench --against URL`.
//
//   k6 run -e URL=https://cards.example.gov.cn -e CREDENTIALS=credentials.json -e RATE=100 peak.js
//
// Guangzhou showed 99.5 million codes in a day. RATE is new shows a second at the top; a whole city of that
// size has 4606: the day's average, 1152, times four in the hour of the morning peak.
import http from 'k6/http';
import { check, sleep } from 'k6';

const url = __ENV.URL;
const credentials = JSON.parse(open(__ENV.CREDENTIALS));
const rate = Number(__ENV.RATE || 4606);

export const options = {
  scenarios: {
    peak: {
      executor: 'ramping-arrival-rate', startRate: Math.ceil(rate / 10), timeUnit: '1s',
      preAllocatedVUs: Math.ceil(rate * 10), maxVUs: Math.ceil(rate * 60),
      stages: [{ target: rate, duration: '10m' }, { target: rate, duration: '20m' }],
    },
  },
  thresholds: { 'http_req_duration{kind:scan}': ['p(99)<500'], checks: ['rate>0.99'] },
};

const any = (list) => list[Math.floor(Math.random() * list.length)];

// ask sends a request, and again after Retry-After when it was refused for now.
function ask(kind, method, path, token, body) {
  let r;
  for (let i = 0; i < 4; i++) {
    r = http.request(method, url + path, body ? JSON.stringify(body) : null, {
      headers: Object.assign({ Authorization: 'Bearer ' + token }, body ? { 'Content-Type': 'application/json' } : {}), tags: { kind },
    });
    if (r.status !== 429 && r.status !== 503) break;
    sleep(Number(r.headers['Retry-After'] || 1));
  }
  check(r, { [kind + ' answered']: (a) => a.status < 300 });
  return r;
}

export default function () {
  const who = any(credentials.people), clerk = any(credentials.checkers);
  let r = ask('show', 'POST', '/v1/wallet/shows', who.token, { identifier: who.identifier, view: who.view });
  if (r.status >= 300) return;
  let code = r.json();
  ask('picture', 'GET', code.svg, who.token);
  let queue = -Math.log(1 - Math.random()) * 20;
  while (queue > code.renew_in) {
    sleep(code.renew_in);
    queue -= code.renew_in;
    r = ask('renewal', 'POST', '/v1/wallet/shows/' + code.show + '/codes', who.token);
    if (r.status >= 300) return;
    code = r.json();
    ask('picture', 'GET', code.svg, who.token);
  }
  sleep(queue);
  ask('scan', 'POST', '/v1/verifications', clerk.token, { code: code.code, purpose: clerk.purpose });
}
