// An OpenID provider (oidc-provider) at which people sign in by any name: its own pages, authorization code with PKCE.
//
// Usage: provider.mjs PORT AUDIENCE REDIRECT_URI
//
// The one client is "console" with the secret "secret". Whoever signs in as "root" is an operator.

import { generateKeyPairSync } from "node:crypto";

import Provider from "oidc-provider";

const [port, audience, redirectUri] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });

const provider = new Provider(issuer, {
  clients: [{ client_id: "console", client_secret: "secret", redirect_uris: [redirectUri] }],
  jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), kid: "one", use: "sig", alg: "ES256" }] },
  clientDefaults: { id_token_signed_response_alg: "ES256" },
  cookies: { keys: ["for tests alone"] },
  pkce: { required: () => true },
  findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id, email: `${id}@example.com` }) }),
  claims: { email: ["email"] },
  extraTokenClaims: (ctx, token) => ({
    email: `${token.accountId}@example.com`,
    email_verified: true,
    engram_operator: token.accountId === "root",
  }),
  features: {
    devInteractions: { enabled: true },
    resourceIndicators: {
      enabled: true,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        audience,
        scope: "",
        accessTokenFormat: "jwt",
        accessTokenTTL: 600,
        jwt: { sign: { alg: "ES256" } },
      }),
    },
  },
});

provider.on("server_error", (ctx, error) => console.error(error));
provider.listen(Number(port), "127.0.0.1", () => console.log(JSON.stringify({ issuer })));
