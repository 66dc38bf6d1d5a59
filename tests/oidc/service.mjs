// The service under test: the real binary, on a free port and a folder of its own, that takes a provider's tokens.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export class Service {
  /** Starts it; resolves once it listens. */
  static async start(binary, issuer) {
    // The audience holds the address, so the port is chosen before the service is.
    const url = `http://127.0.0.1:${await freePort()}`;
    const folder = mkdtempSync(join(tmpdir(), "engram-oidc-"));
    const settings = {
      "jwt.issuer": issuer,
      "jwt.jwks_url": `${issuer}/jwks`,
      "jwt.audience": `${url}/v1/mcp,${url}`,
      public_url: url,
    };
    const named = Object.entries(settings).flatMap(([name, value]) => ["--set", `${name}=${value}`]);
    const listen = ["--listen", new URL(url).host, "--data-dir", join(folder, "data")];
    const child = spawn(binary, ["serve", ...listen, "--json-ready", ...named]);
    const self = new Service(child, url, folder);
    await Promise.race([
      once(child.stdout, "data"),
      once(child, "exit").then(() => {
        throw new Error(`the service does not start:\n${self.log}`);
      }),
    ]);
    return self;
  }

  constructor(child, url, folder) {
    this.child = child;
    this.url = url;
    this.folder = folder;
    this.log = "";
    child.stderr.on("data", (text) => (this.log += text));
  }

  /** A request with a token; the answer is its status and its body. */
  async ask(token, method, path, { body, tenant } = {}) {
    const headers = {};
    if (token) headers.authorization = `Bearer ${token}`;
    if (tenant) headers["x-engram-tenant"] = tenant;
    if (body) headers["content-type"] = "application/json";
    const response = await fetch(this.url + path, { method, headers, body: body && JSON.stringify(body) });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text ? JSON.parse(text) : null };
  }

  /** A call of an MCP tool. */
  async callTool(token, name, tool_arguments) {
    const params = { name, arguments: tool_arguments };
    const body = { jsonrpc: "2.0", id: 1, method: "tools/call", params };
    return this.ask(token, "POST", "/v1/mcp", { body });
  }

  /** One number of `/metrics`, labels included in the name. */
  async metric(name) {
    const text = await (await fetch(`${this.url}/metrics`)).text();
    const line = text.split("\n").find((line) => line.startsWith(`${name} `));
    return line ? Number(line.split(" ").at(-1)) : undefined;
  }

  async stop() {
    if (this.child.exitCode === null) {
      this.child.kill("SIGTERM");
      await once(this.child, "exit");
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

async function freePort() {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}
