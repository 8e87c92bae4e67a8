// What both pages share: two languages, large text, calls to the API, and how values are written.
// Classic script of ES2017, so that phones of 2017 run it. Nothing is ever written as HTML.
(function () {
  'use strict';

  const root = document.documentElement;

  // Preferences are kept on the device; tokens and names never are.
  const kept = {
    get: function (name) { try { return localStorage.getItem('showcard.' + name); } catch (e) { return null; } },
    set: function (name, v) { try { localStorage.setItem('showcard.' + name, v); } catch (e) { /* private mode */ } }
  };

  function byId(id) { return document.getElementById(id); }

  function put(parent) {
    while (parent.firstChild) parent.removeChild(parent.firstChild);
    for (let i = 1; i < arguments.length; i++) {
      if (arguments[i] !== null && arguments[i] !== undefined) parent.append(arguments[i]);
    }
    return parent;
  }

  function make(tag, className) {
    const e = document.createElement(tag);
    if (className) e.className = className;
    for (let i = 2; i < arguments.length; i++) if (arguments[i] !== null && arguments[i] !== undefined) e.append(arguments[i]);
    return e;
  }

  function option(v, label) {
    const o = make('option', '', label);
    o.value = v;
    return o;
  }

  // both is a text in Chinese and English; the style sheet shows the chosen one.
  function both(zh, en) {
    const f = document.createDocumentFragment();
    const a = make('span', 'zh', zh), b = make('span', 'en', en === undefined || en === '' ? zh : en);
    a.lang = 'zh-CN';
    b.lang = b.textContent === zh ? 'zh-CN' : 'en';
    f.append(a, ' ', b);
    return f;
  }

  function text(t) { return both(t.zh || '', t.en || t.zh || ''); }

  function show(e, on) { e.hidden = !on; }

  function language(v) {
    root.dataset.lang = v;
    root.lang = v === 'zh' ? 'zh-CN' : 'en';
  }

  function large(on) {
    root.classList.toggle('large', on);
    byId('large').setAttribute('aria-pressed', String(on));
  }

  language(kept.get('language') || (/^zh/i.test(navigator.language || 'zh') ? 'zh' : 'en'));
  large(kept.get('large') === 'yes');
  show(byId('language'), true);
  show(byId('large'), true);
  byId('language').addEventListener('click', function () {
    language(root.dataset.lang === 'zh' ? 'en' : 'zh');
    kept.set('language', root.dataset.lang);
  });
  byId('large').addEventListener('click', function () {
    large(!root.classList.contains('large'));
    kept.set('large', root.classList.contains('large') ? 'yes' : 'no');
  });

  // Trouble is every way a call can fail, told in two sentences that a person can act on.
  function Trouble(code, status, title, next, wait) {
    this.code = code;
    this.status = status; // 0: no answer at all
    this.title = title;
    this.next = next;
    this.wait = wait || 0; // seconds the server asked for
  }

  function noAnswer() {
    return new Trouble('offline', 0, { zh: '网络不通，没有连上系统。', en: 'The network is down or the system cannot be reached.' },
      { zh: '请检查网络。', en: 'Please check the network.' });
  }

  // api calls the server. It resolves to {data, date}, date being the server's clock, or rejects with a Trouble.
  async function api(method, path, o) {
    o = o || {};
    const headers = { Accept: o.accept || 'application/json' };
    if (o.body !== undefined) headers['Content-Type'] = 'application/json';
    if (o.token) headers.Authorization = 'Bearer ' + o.token;
    if (o.key) headers['Idempotency-Key'] = o.key;
    const abort = window.AbortController ? new AbortController() : null;
    let timer = 0;
    const late = new Promise(function (resolve, reject) {
      timer = setTimeout(function () { if (abort) abort.abort(); reject(noAnswer()); }, o.timeout || 15000);
    });
    try {
      return await Promise.race([late, call(method, path, o, headers, abort)]);
    } catch (e) {
      throw e instanceof Trouble ? e : noAnswer();
    } finally {
      clearTimeout(timer);
    }
  }

  async function call(method, path, o, headers, abort) {
    const r = await fetch(path, {
      method: method, headers: headers, credentials: o.token ? 'omit' : 'same-origin', cache: o.cache || 'no-store',
      body: o.body === undefined ? undefined : JSON.stringify(o.body), signal: abort ? abort.signal : undefined
    });
    if (r.ok) {
      const data = r.status === 204 ? null : o.blob ? await r.blob() : await r.json();
      return { data: data, date: Date.parse(r.headers.get('Date') || '') };
    }
    let p = {};
    try { p = await r.json(); } catch (e) { /* a proxy's own page */ }
    throw new Trouble(p.code || 'http-' + r.status, r.status,
      { zh: p.title_zh || '系统没有正常回答。', en: p.title || 'The system did not answer as it should.' },
      p.next || { zh: '请稍后再试。', en: 'Please try again later.' }, Number(r.headers.get('Retry-After')) || 0);
  }

  function tell(where, trouble) {
    put(where, text(trouble.title), ' ', text(trouble.next));
    show(where, true);
  }

  // The catalogue: what fields are called and how their values are written.
  // c.tables, the codes of sex, ethnicity and so on, comes only when values must be written.
  function loaded(name) {
    let promise = null;
    return function () {
      if (!promise) {
        promise = api('GET', document.body.dataset[name], { cache: 'default' }).then(function (r) { return r.data; });
        promise.catch(function () { promise = null; });
      }
      return promise;
    };
  }
  const loadTypes = loaded('types'), tables = loaded('tables');
  function types() { return loadTypes().then(function (t) { return { types: t, tables: {} }; }); }
  function full() { return Promise.all([loadTypes(), tables()]).then(function (r) { return { types: r[0], tables: r[1] }; }); }

  // typeOf finds a type by id and version; without a version, the newest.
  function typeOf(c, id, version) {
    if (version && c.types[id + '/' + version]) return c.types[id + '/' + version];
    let best = null, newest = 0;
    Object.keys(c.types).forEach(function (k) {
      const at = k.lastIndexOf('/');
      if (k.slice(0, at) === id && Number(k.slice(at + 1)) > newest) { newest = Number(k.slice(at + 1)); best = c.types[k]; }
    });
    return best;
  }

  function fieldOf(type, name) {
    const all = type ? type.fields.concat(type.live || []) : [];
    return all.find(function (f) { return f.n === name; }) || { n: name, l: [name, name], k: 'text' };
  }

  function names(type, list) {
    const f = document.createDocumentFragment();
    const order = type ? type.fields.map(function (one) { return one.n; }) : [];
    const labels = list.slice().sort(function (a, b) { return order.indexOf(a) - order.indexOf(b); }).map(function (n) { return fieldOf(type, n).l; });
    f.append(both(labels.map(function (l) { return l[0]; }).join('、'), labels.map(function (l) { return l[1]; }).join(', ')));
    return f;
  }

  // split takes combined codes apart (A1A2D), longer codes first.
  function split(table, v) {
    const codes = Object.keys(table).sort(function (a, b) { return b.length - a.length; });
    const out = [];
    while (v) {
      const c = codes.find(function (one) { return v.startsWith(one); });
      if (!c) return null;
      out.push(c);
      v = v.slice(c.length);
    }
    return out;
  }

  function value(c, field, v) {
    if (v === null || v === undefined || v === '') return '—';
    if (typeof v === 'boolean') return v ? both('✓ 是', '✓ yes') : both('✕ 否', '✕ no');
    const s = typeof v === 'object' ? JSON.stringify(v) : String(v);
    if (s.indexOf('*') >= 0) return s; // masked
    const table = c.tables[field.t];
    if (field.k === 'code' && table && table[s]) return both(table[s][0], table[s][1]);
    if ((field.k === 'letters' || field.k === 'classes') && table) {
      const codes = split(table, s);
      if (codes) {
        return both(codes.map(function (k) { return k + ' ' + table[k][0]; }).join('、'), codes.map(function (k) { return k + ' ' + table[k][1]; }).join(', '));
      }
    }
    if (s === 'long-term' && field.k === 'term') return both('长期', 'long-term');
    if (field.k === 'region') return region(s);
    if (field.u) return both(s + ' ' + field.u[0], s + ' ' + field.u[1]);
    return s;
  }

  function region(code) {
    const e = make('span', '', code);
    api('GET', '/assets/regions/' + encodeURIComponent(code), { cache: 'default' }).then(function (r) {
      put(e, r.data.name + '（' + code + '）');
    }, function () { /* the code itself stays */ });
    return e;
  }

  function row(dl, label, v) { dl.append(make('div', '', make('dt', '', label), make('dd', '', v))); }

  // when writes a time the same in both languages, on this device's clock.
  function when(t) {
    const d = new Date(t), two = function (n) { return (n < 10 ? '0' : '') + n; };
    if (isNaN(d)) return '—';
    return d.getFullYear() + '-' + two(d.getMonth() + 1) + '-' + two(d.getDate()) + ' ' + two(d.getHours()) + ':' + two(d.getMinutes()) + ':' + two(d.getSeconds());
  }

  // sign draws an outcome as a shape, because colour alone does not tell everybody.
  function sign(outcome) {
    const ns = 'http://www.w3.org/2000/svg';
    const svg = document.createElementNS(ns, 'svg');
    svg.setAttribute('viewBox', '0 0 64 64');
    const shapes = {
      valid: ['M32 3a29 29 0 1 0 .01 0z', 'M17 33l11 11 20-23'],
      invalid: ['M20 3h24l17 17v24L44 61H20L3 44V20z', 'M21 21l22 22M43 21L21 43'],
      indeterminate: ['M32 3l30 56H2z', 'M25 30c0-10 14-9 13 0-.5 4-6 5-6 11M32 49v3'],
      refused: ['M4 4h56v56H4z', 'M18 32h28']
    }[outcome];
    shapes.forEach(function (d, i) {
      const path = document.createElementNS(ns, 'path');
      path.setAttribute('d', d);
      path.setAttribute('class', i ? 'mark' : 'shape');
      svg.appendChild(path);
    });
    return svg;
  }

  // awake keeps the screen on while a code is shown or a queue waits; where the browser cannot
  // promise that, so be it.
  let lock = null, wanted = false;
  function awake(on) {
    wanted = on;
    if (!('wakeLock' in navigator)) return;
    if (!on) {
      if (lock) lock.release().catch(function () {});
      lock = null;
    } else if (!document.hidden) {
      navigator.wakeLock.request('screen').then(function (l) {
        if (lock) lock.release().catch(function () {});
        lock = l;
        if (!wanted) awake(false);
      }, function () {});
    }
  }
  document.addEventListener('visibilitychange', function () {
    if (wanted && !document.hidden) awake(true); // the browser let it go when the page was hidden
  });

  const outcomes = {
    valid: ['有效', 'VALID'], invalid: ['无效', 'INVALID'], indeterminate: ['无法确认', 'INDETERMINATE'], refused: ['未能核验', 'NOT CHECKED']
  };

  window.showcard = {
    byId: byId, put: put, make: make, option: option, both: both, text: text, show: show, api: api, tell: tell, types: types, full: full, typeOf: typeOf, fieldOf: fieldOf,
    names: names, value: value, row: row, when: when, sign: sign, outcomes: outcomes, kept: kept, Trouble: Trouble, awake: awake,
    demo: document.body && 'demo' in document.body.dataset,
    large: function () { return root.classList.contains('large'); }
  };
})();
