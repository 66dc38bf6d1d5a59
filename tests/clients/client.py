"""The official Python SDK of MCP, asking everything a service of ours offers; exits 1 at the first surprise.

Usage: client.py http URL KEY | client.py stdio COMMAND [ARGUMENT..]

The SDK holds every answer of a tool against the tool's output schema. It runs once for each way to connect: with the
handshake of the 2025 revisions, and with the newest revision, which has none.
"""

import json
import sys

import anyio
import httpx2
from mcp import MCPError
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client

TOOLS = {
    "memory_context",
    "memory_create",
    "memory_create_batch",
    "memory_get",
    "memory_update",
    "memory_delete",
    "memory_list",
    "memory_search",
    "memory_history",
    "memory_stats",
    "workspace_list",
}
# How to connect: the revision that is spoken then, and whether the service has introduced itself.
MODES = {"legacy": ("2025-11-25", True), "auto": ("2026-07-28", True), "2026-07-28": ("2026-07-28", False)}


async def call(client, tool, arguments):
    """Calls a tool that must succeed; returns its structured content."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, (tool, result)
    assert json.loads(result.content[0].text) == result.structured_content, (tool, result)
    return result.structured_content


async def fail(client, tool, arguments, code):
    """Calls a tool that must fail in a way a model can mend; returns what the model reads."""
    result = await client.call_tool(tool, arguments)
    assert result.is_error and result.structured_content["error"] == code, (tool, result)
    return result.content[0].text


async def refused(work, code):
    """Awaits what must end in this JSON-RPC error."""
    try:
        await work
    except MCPError as error:
        assert error.code == code, error
    else:
        raise AssertionError(f"no error {code}")


async def use(client, mode):
    """Everything once."""
    version, introduced = MODES[mode]
    assert client.protocol_version == version, client.protocol_version
    if introduced:
        assert client.server_info.name == "engram" and "memory_search" in client.instructions

    tools = (await client.list_tools()).tools
    assert {tool.name for tool in tools} == TOOLS
    for tool in tools:
        assert tool.description and tool.annotations and tool.output_schema, tool.name

    before = (await call(client, "memory_stats", {}))["memories"]
    memory = {
        "content": "Caroline moved to Lisbon in May.",
        "kind": "fact",
        "tags": ["caroline"],
        "metadata": {"source": {"page": 3}},
        "importance": 0.8,
        "workspace": f"python-{version}",
        "actor": "Caroline",
        "event_time": "2023-05-08T10:00:00Z",
    }
    first = (await call(client, "memory_create", memory))["id"]
    batch = {"memories": [{"content": "Ben prefers tea."}, {"content": "Water the plants.", "tier": "daily"}]}
    second, third = [item["id"] for item in (await call(client, "memory_create_batch", batch))["items"]]

    question = {"query": "where does Caroline live?", "workspace": memory["workspace"], "explain": True}
    found = await call(client, "memory_search", question)
    assert found["items"][0]["memory"]["content"] == memory["content"], found
    changed = await call(client, "memory_update", {"id": first, "content": "Caroline moved to Porto in June.", "version": 1})
    assert changed["version"] == 2 and changed["tags"] == ["caroline"], changed
    assert await call(client, "memory_get", {"id": first}) == changed
    versions = (await call(client, "memory_history", {"id": first}))["items"]
    assert [version["version"] for version in versions] == [2, 1], versions
    page = await call(client, "memory_list", {"filters": {"metadata.source.page": 3}, "workspace": memory["workspace"]})
    assert [item["id"] for item in page["items"]] == [first], page
    assert memory["workspace"] in [space["name"] for space in (await call(client, "workspace_list", {}))["items"]]

    assert "memory_search" in await fail(client, "memory_get", {"id": 999_999}, "memory_not_found")
    told = await fail(client, "memory_create", {"content": " ", "colour": "red"}, "invalid_request")
    assert "content" in told and "colour" in told, told
    await fail(client, "memory_update", {"id": first, "content": "x", "version": 1}, "version_conflict")

    assert [str(resource.uri) for resource in (await client.list_resources()).resources] == ["engram://stats"]
    assert len((await client.list_resource_templates()).resource_templates) == 2
    for uri in ["engram://stats", f"engram://memory/{first}", f"engram://workspace/{memory['workspace']}"]:
        assert json.loads((await client.read_resource(uri)).contents[0].text), uri
    await refused(client.read_resource("engram://memory/999999"), -32602 if version == "2026-07-28" else -32002)

    assert [prompt.name for prompt in (await client.list_prompts()).prompts] == ["recall_context"]
    prompt = await client.get_prompt("recall_context", {"task": "visit Caroline", "workspace": memory["workspace"]})
    assert f"#{first} [fact] 2023-05-08 Caroline: Caroline moved to Porto in June." in prompt.messages[0].content.text

    for id in [first, second, third]:
        assert await call(client, "memory_delete", {"id": id}) == {"id": id, "deleted": True}
    assert (await call(client, "memory_stats", {}))["memories"] == before


async def over_http(url, key):
    for mode in MODES:
        async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {key}"}) as http:
            async with Client(streamable_http_client(url, http_client=http), mode=mode) as client:
                await use(client, mode)
    async with httpx2.AsyncClient(headers={"Authorization": "Bearer eng_live_wrong"}) as http:
        answer = await http.post(url, json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
        assert answer.status_code == 401 and answer.json()["error"]["code"] == -32001, answer.text


async def over_stdio(command, arguments):
    server = StdioServerParameters(command=command, args=arguments)
    for mode in MODES:
        async with Client(stdio_client(server), mode=mode) as client:
            await use(client, mode)


def main():
    way, *rest = sys.argv[1:]
    if way == "http":
        anyio.run(over_http, *rest)
    else:
        anyio.run(over_stdio, rest[0], rest[1:])
    print(f"Python SDK over {way}: all tools, resources and the prompt, in every revision")


main()
