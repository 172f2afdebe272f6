// Signs and judges with the JavaScript libraries of sigstore, without any network but loopback.
//   node sigstore.cjs make FILE...     prints, for each file, a keyless bundle of its bytes, with the authority and the log
//   node sigstore.cjs judge < CASES    CASES: [{bundle, key, content}]; prints [null | the reason for which it is refused]
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const http = require('http');

async function served(handlers) {
  const server = http.createServer((request, response) => {
    const parts = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', async () => {
      const handler = handlers.find((each) => request.url === each.path);
      const answer = await handler.fn(Buffer.concat(parts).toString());
      response.writeHead(answer.statusCode, { 'Content-Type': answer.contentType || 'text/plain' });
      response.end(answer.response);
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

const pem = (label, der) =>
  `-----BEGIN ${label}-----\n${der.toString('base64').match(/.{1,64}/g).join('\n')}\n-----END ${label}-----\n`;

async function make(files) {
  const mock = require('@sigstore/mock');
  const { FulcioSigner, MessageSignatureBundleBuilder, RekorWitness } = require('@sigstore/sign');
  const { bundleToJSON } = require('@sigstore/bundle');
  const pair = () => crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const ca = await mock.initializeCA(pair()); // no certificate log: this version writes malformed SCTs
  const log = await mock.initializeTLog('https://rekor.example', pair());
  const server = await served([mock.fulcioHandler(ca), mock.rekorHandler(log)]);
  const url = `http://127.0.0.1:${server.address().port}`;
  const claims = { sub: 'https://acme.example/release', iss: 'https://issuer.example', job_workflow_ref: 'acme/ci/w.yml' };
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const token = `${part({ alg: 'none' })}.${part(claims)}.`;
  const made = [];
  for (const file of files) {
    const signer = new FulcioSigner({ fulcioBaseURL: url, identityProvider: { getToken: async () => token } });
    const witnesses = [new RekorWitness({ rekorBaseURL: url })];
    const builder = new MessageSignatureBundleBuilder({ signer, witnesses });
    made.push(bundleToJSON(await builder.create({ data: fs.readFileSync(file) })));
  }
  server.close();
  return { bundles: made, fulcio: pem('CERTIFICATE', ca.rootCertificate), rekor: pem('PUBLIC KEY', log.publicKey) };
}

function judge(cases) {
  const { bundleFromJSON } = require('@sigstore/bundle');
  const { Verifier, toSignedEntity, toTrustMaterial } = require('@sigstore/verify');
  const root = { mediaType: '', tlogs: [], certificateAuthorities: [], ctlogs: [], timestampAuthorities: [] };
  return cases.map(({ bundle, key, content }) => {
    const publicKey = crypto.createPublicKey(key);
    const trusted = toTrustMaterial(root, () => ({ publicKey, validFor: () => true }));
    const verifier = new Verifier(trusted, { tlogThreshold: 0, ctlogThreshold: 0, tsaThreshold: 0, timestampThreshold: 0 });
    try {
      const data = content === null ? undefined : Buffer.from(content, 'base64');
      verifier.verify(toSignedEntity(bundleFromJSON(bundle), data));
      return null;
    } catch (error) {
      return String(error.message);
    }
  });
}

async function main([command, ...files]) {
  const result = command === 'make' ? await make(files) : judge(JSON.parse(fs.readFileSync(0, 'utf8')));
  process.stdout.write(JSON.stringify(result));
}

main(process.argv.slice(2)).catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});
