// An OpenID provider (oidc-provider) that gives machines access tokens as JWTs; its keys are new at every start.
//
// Usage: provider.mjs PORT AUDIENCE..
//
// Every client gets tokens by its id and the secret "secret" (client_credentials). A token is for one resource: an
// AUDIENCE, which must be a URL or URN. Its key is RSA; with "?alg=ES256" behind the resource it is the one on P-256.

import { generateKeyPairSync, randomUUID } from "node:crypto";

import Provider, { errors } from "oidc-provider";

/** Who asks for tokens, and what theirs say beside the usual. */
const CLIENTS = {
  ann: { tenant: "acme", email: "ann@example.com", email_verified: true },
  bob: {},
  operator: { engram_operator: true },
  boaster: { engram_operator: "true" },
};
const TOKEN_SECONDS = 600;

const [port, ...audiences] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;

/** A private key for signatures. */
function key(alg, type, options) {
  const { privateKey } = generateKeyPairSync(type, options);
  return { ...privateKey.export({ format: "jwk" }), kid: randomUUID(), use: "sig", alg };
}

/** What a token for a resource is. */
function resourceServer(ctx, indicator) {
  const [audience, alg = "RS256"] = indicator.split("?alg=");
  if (!audiences.includes(audience)) throw new errors.InvalidTarget();
  return {
    audience,
    scope: "memories",
    accessTokenFormat: "jwt",
    accessTokenTTL: TOKEN_SECONDS,
    jwt: { sign: { alg } },
  };
}

const provider = new Provider(issuer, {
  clients: Object.keys(CLIENTS).map((client_id) => ({
    client_id,
    client_secret: "secret",
    grant_types: ["client_credentials"],
    response_types: [],
    redirect_uris: [],
  })),
  jwks: { keys: [key("RS256", "rsa", { modulusLength: 2048 }), key("ES256", "ec", { namedCurve: "P-256" })] },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: { enabled: true, getResourceServerInfo: resourceServer },
  },
  scopes: ["memories"],
  extraTokenClaims: (ctx, token) => CLIENTS[token.clientId],
});

provider.on("server_error", (ctx, error) => console.error(error));
provider.listen(Number(port), "127.0.0.1", () => console.log(JSON.stringify({ issuer })));
