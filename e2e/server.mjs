// An authorization server that somebody else wrote (oidc-provider), and one
// protected route, for the tests of this folder. The tests decide who its
// clients are; what it saw is told at /test/seen.
//
// The environment has CLIENTS, the clients' metadata as JSON, and CERT and KEY,
// in PEM, for the https listener. The first line of stdout is JSON too: the
// URLs of the http and of the https listener, on ports the system chose.
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';

import Provider from 'oidc-provider';

// An orphan would keep its ports: the test that started this process holds its stdin.
process.stdin.on('end', () => process.exit()).resume();

const plain = http.createServer().listen(0, '127.0.0.1');
// Certificates prove who a client is by their keys (RFC 8705 section 2.2), so no authority has to have signed them.
const tls = https.createServer({
  cert: process.env.CERT, key: process.env.KEY, requestCert: true, rejectUnauthorized: false,
}).listen(0, '127.0.0.1');
await Promise.all([once(plain, 'listening'), once(tls, 'listening')]);
const issuer = `http://127.0.0.1:${plain.address().port}`;
const issuerTLS = `https://127.0.0.1:${tls.address().port}`;

const lifetime = (ctx, token, client) => client['access_token_ttl'] ?? 3600;

const provider = new Provider(issuer, {
  clients: JSON.parse(process.env.CLIENTS),
  extraClientMetadata: { properties: ['access_token_ttl'] },
  scopes: ['openid', 'offline_access', 'read', 'write'],
  cookies: { keys: ['only for tests'] },
  clientAuthMethods: [
    'none', 'client_secret_basic', 'client_secret_post', 'client_secret_jwt', 'private_key_jwt', 'self_signed_tls_client_auth',
  ],
  clockTolerance: 0, // a token that has expired is refused at once
  rotateRefreshToken: true, // always; a refresh token that comes back a second time takes its whole family with it
  ttl: { AccessToken: lifetime, ClientCredentials: lifetime },
  findAccount: (ctx, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
  features: {
    clientCredentials: { enabled: true },
    deviceFlow: { enabled: true },
    devInteractions: { enabled: true },
    introspection: { enabled: true },
    revocation: { enabled: true },
    mTLS: {
      enabled: true,
      selfSignedTlsClientAuth: true,
      getCertificate: (ctx) => {
        const { raw } = ctx.socket.getPeerCertificate?.() ?? {};
        return raw && new X509Certificate(raw);
      },
    },
  },
});

const seen = {
  tokenRequests: [], // {at, client, grant, auth, status, error}, in the order of their ends
  revokedGrants: 0, //  families that ended: a refresh token was used twice, or revoked
  api: { served: 0, rejected: 0 },
  slowDowns: 0, //      device polls that were told to slow down
  hasty: 0, //          device polls that came sooner than the server had asked for
};
provider.on('grant.revoked', () => { seen.revokedGrants += 1; });

// How a client said who it is. The server accepts a secret wherever it comes, so the tests look for themselves.
function authOf(ctx) {
  const { client_assertion: assertion, client_secret: secret } = ctx.oidc.params ?? {};
  if (ctx.headers.authorization) return 'basic';
  if (assertion) return `jwt ${JSON.parse(Buffer.from(assertion.split('.')[0], 'base64url')).alg}`;
  if (secret) return 'post';
  return ctx.socket.getPeerCertificate?.().raw ? 'tls' : 'none';
}

// oidc-provider leaves the interval of RFC 8628 to the client's default of 5 s
// and never says slow_down. Here the interval is 1 s, the first poll is told to
// slow down, and each poll is held against the interval it was given.
const polls = new Map(); // by device code: when it was polled last, and the interval in ms
function device(ctx) {
  const { device_code: code } = ctx.oidc.params ?? {};
  if (ctx.oidc.route === 'device_authorization' && ctx.status === 200) {
    ctx.body.interval = 1;
    polls.set(ctx.body.device_code, { at: Date.now(), interval: 1000, told: false });
  } else if (ctx.oidc.route === 'token' && polls.has(code)) {
    const poll = polls.get(code);
    if (Date.now() - poll.at < poll.interval) seen.hasty += 1;
    poll.at = Date.now();
    if (ctx.body.error === 'authorization_pending' && !poll.told) {
      poll.told = true;
      poll.interval += 5000;
      seen.slowDowns += 1;
      ctx.body = { error: 'slow_down' };
      ctx.status = 400;
    }
  }
}

async function api(ctx) {
  const [, token] = /^Bearer (.+)$/.exec(ctx.headers.authorization ?? '') ?? [];
  if (await provider.AccessToken.find(token) ?? await provider.ClientCredentials.find(token)) {
    seen.api.served += 1;
    ctx.body = { ok: true };
    return;
  }
  seen.api.rejected += 1;
  ctx.status = 401;
  ctx.set('WWW-Authenticate', token ? 'Bearer error="invalid_token"' : 'Bearer');
}

provider.use(async (ctx, next) => {
  if (ctx.path === '/api') {
    await api(ctx);
    return;
  }
  if (ctx.path === '/test/seen') {
    ctx.body = seen;
    return;
  }
  const at = Date.now();
  await next();
  if (!ctx.oidc) return;
  device(ctx);
  if (ctx.oidc.route === 'token') {
    const { client_id: id, grant_type: grant } = ctx.oidc.params ?? {};
    seen.tokenRequests.push({
      at, client: ctx.oidc.client?.clientId ?? id, grant, auth: authOf(ctx), status: ctx.status, error: ctx.body?.error,
    });
  }
});
provider.on('server_error', (ctx, err) => console.error(err));

const handle = provider.callback();
plain.on('request', handle);
tls.on('request', handle);
console.log(JSON.stringify({ issuer, issuerTLS }));
