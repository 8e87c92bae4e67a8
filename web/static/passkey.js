// Passkeys, loaded only when a sensitive certificate is to be shown: register the first one, or use
// one. What goes over the wire is the JSON of WebAuthn Level 3; older browsers cannot read and write
// it themselves, so it is done here.
(function () {
  'use strict';
  const s = window.showcard, make = s.make, both = s.both, put = s.put, api = s.api;

  function bytes(text) {
    const plain = atob(text.replace(/-/g, '+').replace(/_/g, '/'));
    const out = new Uint8Array(plain.length);
    for (let i = 0; i < plain.length; i++) out[i] = plain.charCodeAt(i);
    return out;
  }

  function text(buffer) {
    let plain = '';
    new Uint8Array(buffer).forEach(function (b) { plain += String.fromCharCode(b); });
    return btoa(plain).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
  }

  // options makes what the browser takes of what the server sent.
  function options(o) {
    o.challenge = bytes(o.challenge);
    if (o.user) o.user.id = bytes(o.user.id);
    ['excludeCredentials', 'allowCredentials'].forEach(function (list) {
      (o[list] || []).forEach(function (c) { c.id = bytes(c.id); });
    });
    return { publicKey: o };
  }

  // answer makes what the server takes of what the device made.
  function answer(c) {
    const r = c.response, out = { clientDataJSON: text(r.clientDataJSON) };
    ['attestationObject', 'authenticatorData', 'signature', 'userHandle'].forEach(function (name) {
      if (r[name]) out[name] = text(r[name]);
    });
    if (r.getTransports) out.transports = r.getTransports();
    return { id: c.id, rawId: text(c.rawId), type: c.type, response: out, clientExtensionResults: c.getClientExtensionResults() };
  }

  async function register() {
    const begun = await api('POST', '/v1/me/passkeys/registration');
    const made = await navigator.credentials.create(options(begun.data.publicKey));
    const name = /Android|iPhone|Mobile/.test(navigator.userAgent) ? '手机 phone' : '电脑 computer';
    await api('POST', '/v1/me/passkeys', { body: { name: name, credential: answer(made) } });
  }

  async function use() {
    const begun = await api('POST', '/v1/me/step-up/challenge');
    const got = await navigator.credentials.get(options(begun.data.publicKey));
    await api('POST', '/v1/me/step-up', { body: { credential: answer(got) } });
  }

  // ask puts the question into a place of the page and calls done once it was she. The browser
  // wants a click of hers before it asks the device, so there is a button.
  async function ask(place, done) {
    const has = (await api('GET', '/v1/me/passkeys')).data.passkeys.length > 0;
    const said = make('p', 'small');
    said.setAttribute('role', 'status');
    // again leads to a sign-in at which she proves anew who she is, and back.
    const again = async function () {
      const me = (await api('GET', '/v1/me')).data;
      const a = make('a', 'button', both('重新登录', 'Sign in again'));
      a.href = '/v1/sign-in/' + encodeURIComponent(me.method.replace(/^oidc:/, '')) + '?fresh=true&return_to=/wallet';
      place.append(a);
    };
    const button = make('button', 'button main', has ? both('使用通行密钥', 'Use a passkey') : both('登记通行密钥', 'Register a passkey'));
    button.type = 'button';
    button.id = 'use-passkey';
    put(place, make('h3', '', both('请确认是您本人', 'Please confirm that it is you')),
      make('p', '', has ? both('这是敏感证照。请用指纹、面容或设备密码确认。', 'This certificate is sensitive. Use your fingerprint, face or the code of your device.') :
        both('这是敏感证照，需先在本设备登记通行密钥。', 'This certificate is sensitive: it needs a passkey on this device.')), button, said);
    s.show(place, true);
    button.focus();
    if (!window.PublicKeyCredential) {
      button.disabled = true;
      put(said, both('这台设备不支持通行密钥，请重新登录后再出示。', 'This device has no passkeys: sign in again and then show it.'));
      await again();
    }
    button.addEventListener('click', async function () {
      button.disabled = true;
      try {
        await (has ? use() : register());
        s.show(place, false);
        put(place);
        done();
      } catch (e) {
        button.disabled = false;
        if (e.title) s.tell(said, e);
        if (e.code === 'fresh-sign-in-required') await again();
        if (!e.title) put(said, both('没有完成，请重试。', 'It was not completed; please try again.'));
      }
    });
  }

  s.passkey = { ask: ask };
})();
