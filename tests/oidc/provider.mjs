// An identity provider on a free port of this machine: oidc-provider, which is certified for OpenID Connect.
//
// Its clients are the people of the test: `ann-rs256` is signed by RS256, `ann-es256` by ES256, and so on; a token's
// `sub` is the client's id. Whoever asks for a token of a resource gets one that is meant for that resource.

import { generateKeyPairSync, randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import Provider from "oidc-provider";

const CLIENT_SECRET = "only-for-this-test";

export class IdentityProvider {
  /** Listens; `people` are the clients, each with the claims its tokens have beside the usual ones. */
  static async start(people) {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new IdentityProvider(server, people);
  }

  constructor(server, people) {
    this.server = server;
    this.people = people;
    this.issuer = `http://127.0.0.1:${server.address().port}`;
    this.fetches = 0;
    this.rotate();
    server.on("request", (request, response) => this.answer(request, response));
  }

  /** Signs with new keys from now on, and publishes no others. */
  rotate() {
    const made = (type, options, alg) => {
      const jwk = generateKeyPairSync(type, options).privateKey.export({ format: "jwk" });
      return { ...jwk, kid: randomUUID(), use: "sig", alg };
    };
    const keys = [made("rsa", { modulusLength: 2048 }, "RS256"), made("ec", { namedCurve: "P-256" }, "ES256")];
    const algorithmOf = (client) => (client.clientId.endsWith("es256") ? "ES256" : "RS256");
    const provider = new Provider(this.issuer, {
      jwks: { keys },
      clients: Object.keys(this.people).map((id) => ({
        client_id: id,
        client_secret: CLIENT_SECRET,
        grant_types: ["client_credentials"],
        redirect_uris: [],
        response_types: [],
      })),
      ttl: { ClientCredentials: 600 },
      extraTokenClaims: (_, token) => this.people[token.clientId],
      features: {
        devInteractions: { enabled: false },
        clientCredentials: { enabled: true },
        resourceIndicators: {
          enabled: true,
          getResourceServerInfo: (_, resource, client) => ({
            audience: resource,
            scope: "",
            accessTokenFormat: "jwt",
            accessTokenTTL: 600,
            jwt: { sign: { alg: algorithmOf(client) } },
          }),
        },
      },
    });
    this.handle = provider.callback();
  }

  answer(request, response) {
    if (request.url === "/jwks") this.fetches += 1;
    this.handle(request, response);
  }

  async stop() {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, "close");
  }
}

/** A token for a resource, by the way an OAuth client takes: discovery, then the token endpoint. */
export async function tokenFrom(issuer, client, resource) {
  const discovered = await (await fetch(`${issuer}/.well-known/openid-configuration`)).json();
  const response = await fetch(discovered.token_endpoint, {
    method: "POST",
    headers: { authorization: `Basic ${btoa(`${client}:${CLIENT_SECRET}`)}` },
    body: new URLSearchParams({ grant_type: "client_credentials", resource }),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(`the provider refused: ${JSON.stringify(answer)}`);
  return answer.access_token;
}
