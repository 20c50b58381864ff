// A login service: panva's certified oidc-provider, where whoever says `?as=` at the question who they are is that
// person. It writes a line when it listens; a line on its standard input replaces what it knows of people.
import { createServer } from 'node:http';
import { generateKeyPairSync } from 'node:crypto';
import { createInterface } from 'node:readline';
import { Provider } from 'oidc-provider';

const given = JSON.parse(process.argv[2]);
let people = given.people;

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const signing = { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256', kid: 'first' };

const server = createServer();
await new Promise((listening) => server.listen(given.port ?? 0, '127.0.0.1', listening));
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(issuer, {
  clients: given.clients,
  cookies: { keys: ['only tests use this'] },
  jwks: { keys: [signing] },
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'], groups: ['groups'] },
  features: { devInteractions: { enabled: false } },
  interactions: { url: (_ctx, interaction) => `/who/${interaction.uid}` },
  pkce: { required: () => true },
  findAccount: (_ctx, id) => people[id] && { accountId: id, claims: () => ({ sub: id, ...people[id] }) },
  async loadExistingGrant({ oidc }) {
    const grant = new oidc.provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId });
    grant.addOIDCScope('openid email profile groups');
    await grant.save();
    return grant;
  },
});
const answer = provider.callback();

server.on('request', async (request, response) => {
  const url = new URL(request.url, issuer);
  if (!url.pathname.startsWith('/who/')) return answer(request, response);
  const who = url.searchParams.get('as');
  const result = people[who]
    ? { login: { accountId: who } }
    : { error: 'access_denied', error_description: 'nobody of that name' };
  await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
});

createInterface({ input: process.stdin }).on('line', (line) => {
  people = JSON.parse(line);
  process.stdout.write('{"known":true}\n');
});
process.stdout.write(`${JSON.stringify({ issuer })}\n`);
