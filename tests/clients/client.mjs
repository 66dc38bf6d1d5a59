// The official TypeScript SDK of MCP, asking everything a service of ours offers; exits 1 at the first surprise.
//
// Usage: client.mjs http URL KEY | client.mjs stdio COMMAND [ARGUMENT..]
//
// The SDK holds every answer of a tool against the tool's output schema, errors included.

import assert from "node:assert/strict";

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const TOOLS = [
  "memory_context", "memory_create", "memory_create_batch", "memory_delete", "memory_get", "memory_history", "memory_list",
  "memory_search", "memory_stats", "memory_update", "workspace_list",
];

/** Calls a tool that must succeed; returns its structured content. */
async function call(client, name, args = {}) {
  const result = await client.callTool({ name, arguments: args });
  assert.ok(!result.isError, `${name}: ${JSON.stringify(result)}`);
  assert.deepEqual(JSON.parse(result.content[0].text), result.structuredContent);
  return result.structuredContent;
}

/** Calls a tool that must fail in a way a model can mend; returns what the model reads. */
async function fail(client, name, args, code) {
  const result = await client.callTool({ name, arguments: args });
  assert.ok(result.isError, name);
  assert.equal(result.structuredContent.error, code);
  return result.content[0].text;
}

/** Everything once. */
async function use(client) {
  assert.equal(client.getServerVersion().name, "engram");
  assert.match(client.getInstructions(), /memory_search/);
  await client.ping();

  // Listing also compiles the output schemas, against which the SDK then holds every answer.
  const { tools } = await client.listTools();
  assert.deepEqual(tools.map((tool) => tool.name).sort(), TOOLS);
  for (const tool of tools) assert.ok(tool.description && tool.annotations && tool.outputSchema, tool.name);

  const before = (await call(client, "memory_stats")).memories;
  const workspace = "typescript";
  const memory = {
    content: "Caroline moved to Lisbon in May.", kind: "fact", tags: ["caroline"], metadata: { source: { page: 3 } },
    importance: 0.8, workspace, actor: "Caroline", event_time: "2023-05-08T10:00:00Z",
  };
  const { id } = await call(client, "memory_create", memory);
  const batch = [{ content: "Ben prefers tea." }, { content: "Water the plants.", tier: "daily" }];
  const { items } = await call(client, "memory_create_batch", { memories: batch });
  assert.equal(items.length, 2);

  const found = await call(client, "memory_search", { query: "where does Caroline live?", workspace, explain: true });
  assert.equal(found.items[0].memory.id, id);
  const changed = await call(client, "memory_update", { id, content: "Caroline moved to Porto in June.", version: 1 });
  assert.equal(changed.version, 2);
  assert.deepEqual(await call(client, "memory_get", { id }), changed);
  assert.deepEqual((await call(client, "memory_history", { id })).items.map((item) => item.version), [2, 1]);
  const page = await call(client, "memory_list", { workspace, filters: { "metadata.source.page": 3 } });
  assert.deepEqual(page.items.map((item) => item.id), [id]);
  assert.ok((await call(client, "workspace_list")).items.some((item) => item.name === workspace));

  assert.match(await fail(client, "memory_get", { id: 999_999 }, "memory_not_found"), /memory_search/);
  assert.match(await fail(client, "memory_create", { content: " ", colour: "red" }, "invalid_request"), /colour/);
  await fail(client, "memory_update", { id, content: "x", version: 1 }, "version_conflict");

  assert.deepEqual((await client.listResources()).resources.map((resource) => resource.uri), ["engram://stats"]);
  assert.equal((await client.listResourceTemplates()).resourceTemplates.length, 2);
  for (const uri of ["engram://stats", `engram://memory/${id}`, `engram://workspace/${workspace}`]) {
    assert.ok(JSON.parse((await client.readResource({ uri })).contents[0].text), uri);
  }
  await assert.rejects(client.readResource({ uri: "engram://memory/999999" }), { code: -32002 });

  assert.deepEqual((await client.listPrompts()).prompts.map((prompt) => prompt.name), ["recall_context"]);
  const prompt = await client.getPrompt({ name: "recall_context", arguments: { task: "visit Caroline", workspace } });
  assert.ok(prompt.messages[0].content.text.includes(`#${id} [fact] 2023-05-08 Caroline: Caroline moved to Porto in June.`));

  for (const one of [id, ...items.map((item) => item.id)]) {
    assert.deepEqual(await call(client, "memory_delete", { id: one }), { id: one, deleted: true });
  }
  assert.equal((await call(client, "memory_stats")).memories, before);
}

async function connected(transport, work) {
  const client = new Client({ name: "engram-client-test", version: "1.0.0" });
  await client.connect(transport);
  await work(client);
  await client.close();
}

const overHttp = (url, key) =>
  new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers: { Authorization: `Bearer ${key}` } } });

const [way, ...rest] = process.argv.slice(2);
if (way === "http") {
  const [url, key] = rest;
  await connected(overHttp(url, key), use);
  await assert.rejects(connected(overHttp(url, "eng_live_wrong"), use), /-32001|unauthorized/i);
} else {
  const [command, ...args] = rest;
  await connected(new StdioClientTransport({ command, args }), use);
}
console.log(`TypeScript SDK over ${way}: all tools, resources and the prompt`);
