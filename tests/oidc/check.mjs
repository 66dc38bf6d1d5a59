// People of a real identity provider and a real service: signing in, joining a tenant, the provider's new keys, the
// provider away.
//
// Usage: node check.mjs BINARY

import assert from "node:assert/strict";
import { createHmac, createPublicKey } from "node:crypto";

import { IdentityProvider, tokenFrom } from "./provider.mjs";
import { Service } from "./service.mjs";

/** The service asks for new keys at most every 30 s. */
const KEYS_NOTICED_MS_MAX = 45_000;

const people = {
  "ann-rs256": {},
  "ann-es256": {},
  "bob-es256": { tenant: "acme" },
  "operator-rs256": { engram_operator: true },
};
const provider = await IdentityProvider.start(people);
const service = await Service.start(process.argv[2], provider.issuer);
const audience = `${service.url}/v1/mcp`;
const tokenOf = (person) => tokenFrom(provider.issuer, person, audience);

try {
  await step("a client finds the provider by itself", async () => {
    const refused = await service.ask(null, "POST", "/v1/mcp", { body: { jsonrpc: "2.0", id: 1, method: "ping" } });
    assert.equal(refused.status, 401);
    const [, document] = /resource_metadata="([^"]+)"/.exec(refused.headers.get("www-authenticate"));
    const metadata = await (await fetch(document)).json();
    assert.equal(metadata.resource, audience);
    const token = await tokenFrom(metadata.authorization_servers[0], "ann-rs256", metadata.resource);
    // Known, and a member of nothing yet.
    expect(await service.ask(token, "GET", "/v1/memories"), 400, "tenant_required");
  });

  await step("an operator makes a tenant, which its people join by invite", async () => {
    const operator = await tokenOf("operator-rs256");
    expect(await service.ask(operator, "POST", "/tenants", { body: { slug: "acme" } }), 201);
    expect(await service.ask(operator, "GET", "/v1/memories", { tenant: "acme" }), 403, "forbidden");
    for (const person of ["ann-rs256", "ann-es256", "bob-es256"]) {
      const role = person.startsWith("ann") ? "member" : "viewer";
      const invite = await service.ask(operator, "POST", "/invites", { body: { tenant: "acme", role } });
      expect(invite, 201);
      const body = { token: invite.body.token };
      const token = await tokenOf(person);
      const joined = await service.ask(token, "POST", "/invites/accept", { body });
      expect(joined, 200);
      assert.equal(joined.body.user_id, person);
      expect(await service.ask(token, "POST", "/invites/accept", { body }), 409, "invite_spent");
    }
  });

  for (const person of ["ann-rs256", "ann-es256"]) {
    await step(`${person} writes and finds, over REST and MCP`, async () => {
      const token = await tokenOf(person);
      const [header] = token.split(".");
      assert.equal(JSON.parse(Buffer.from(header, "base64url")).alg, person.endsWith("es256") ? "ES256" : "RS256");
      const body = { content: `${person} likes the quiet hours` };
      expect(await service.ask(token, "POST", "/v1/memories", { body }), 201);
      const called = await service.callTool(token, "memory_search", { query: `${person} quiet hours` });
      expect(called, 200);
      assert.match(JSON.stringify(called.body.result), new RegExp(`${person} likes`));
      expect(await service.ask(token, "GET", "/members"), 403, "forbidden");
    });
  }

  await step("a viewer reads and does not write; the claim names the tenant", async () => {
    const token = await tokenOf("bob-es256");
    expect(await service.ask(token, "GET", "/v1/memories"), 200);
    expect(await service.ask(token, "POST", "/v1/memories", { body: { content: "no" } }), 403, "forbidden");
    expect(await service.ask(token, "GET", "/v1/memories", { tenant: "default" }), 403, "tenant_mismatch");
  });

  await step("tokens for somebody else, forged ones and none at all", async () => {
    const elsewhere = await tokenFrom(provider.issuer, "ann-rs256", "https://elsewhere.example/");
    expect(await service.ask(elsewhere, "GET", "/v1/memories"), 401, "unauthorized");
    expect(await service.callTool(elsewhere, "memory_search", { query: "x" }), 401);
    const token = await tokenOf("ann-rs256");
    for (const forged of await forgeries(token)) {
      expect(await service.ask(forged, "GET", "/v1/memories"), 401, "unauthorized");
      expect(await service.callTool(forged, "memory_search", { query: "x" }), 401);
    }
    for (const reason of ["wrong_audience", "algorithm_refused", "bad_signature"]) {
      assert.ok((await service.metric(`engram_auth_failures_total{reason="${reason}"}`)) >= 1, reason);
    }
  });

  await step("the provider's new keys are noticed, and its old ones end", async () => {
    const old = await tokenOf("ann-es256");
    expect(await service.ask(old, "GET", "/v1/memories"), 200);
    provider.rotate();
    const renewed = await tokenOf("ann-es256");
    const started = Date.now();
    const before = provider.fetches;
    let answer = await service.ask(renewed, "GET", "/v1/memories");
    while (answer.status === 401 && Date.now() - started < KEYS_NOTICED_MS_MAX) {
      await new Promise((resolve) => setTimeout(resolve, 250));
      answer = await service.ask(renewed, "GET", "/v1/memories");
    }
    expect(answer, 200);
    assert.equal(provider.fetches - before, 1, "however many asked");
    expect(await service.ask(await tokenOf("ann-rs256"), "GET", "/v1/memories"), 200);
    expect(await service.ask(old, "GET", "/v1/memories"), 401, "unauthorized");
  });

  await step("the provider goes away, and those it signed in stay", async () => {
    const known = await tokenOf("ann-rs256");
    const fresh = await tokenOf("ann-es256");
    expect(await service.ask(known, "GET", "/v1/memories"), 200);
    await provider.stop();
    for (const token of [known, fresh]) {
      for (let count = 0; count < 50; count += 1) expect(await service.ask(token, "GET", "/v1/memories"), 200);
    }
  });
} catch (error) {
  console.error(service.log.split("\n").slice(-30).join("\n"));
  throw error;
} finally {
  await service.stop();
  if (provider.server.listening) await provider.stop();
}

async function step(name, work) {
  const started = Date.now();
  await work();
  console.log(`ok ${name} (${Date.now() - started} ms)`);
}

function expect(answer, status, code) {
  assert.equal(answer.status, status, JSON.stringify(answer.body));
  if (code) assert.equal(answer.body.error, code);
}

/** What an attacker with a valid token of their own, and the public keys, would try. */
async function forgeries(token) {
  const [header, payload, signature] = token.split(".");
  const read = (part) => JSON.parse(Buffer.from(part, "base64url"));
  const written = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const { keys } = await (await fetch(`${provider.issuer}/jwks`)).json();
  const key = keys.find((key) => key.kid === read(header).kid);
  const pem = createPublicKey({ key, format: "jwk" }).export({ type: "spki", format: "pem" });
  const promoted = written({ ...read(payload), engram_operator: true });
  const hmac = written({ ...read(header), alg: "HS256" });
  const hmacSignature = createHmac("sha256", pem).update(`${hmac}.${promoted}`).digest("base64url");
  return [
    `${header}.${promoted}.${signature}`,
    `${written({ ...read(header), alg: "none" })}.${promoted}.`,
    `${hmac}.${promoted}.${hmacSignature}`,
    `${header}.${payload}.`,
    `${header}.${payload}.${signature.slice(0, -8)}`,
  ];
}
