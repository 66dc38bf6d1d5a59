// The console in a real browser at a real service, with a real OpenID provider.
//
// Usage: check.mjs BINARY [FOLDER]
//
// Prints a line for each check, then what each page weighed; exits 1 if a check fails. With a folder, pictures go there.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { createServer } from "node:http";
import { once } from "node:events";

import { LOOKS, complaints, cramped, launch, newPage, overflow, seriousFindings, weigh } from "./browser.mjs";
import { freePort, start, stop, temporaryFolder } from "./processes.mjs";

/** The bounds that pages keep, in a build without optimisation too. */
const BYTES_MAX = 100_000;
const SERVER_MS_MAX = 100;

const NASTY = `</textarea><script>document.title = "owned"</script><img src=x onerror="document.title='owned'"> שלום ‮olleh 🐈 & "quotes"`;

const [binary, pictures] = process.argv.slice(2);
if (pictures) mkdirSync(pictures, { recursive: true });

const issuerPort = await freePort();
const port = await freePort();
const issuer = `http://127.0.0.1:${issuerPort}`;
const url = `http://127.0.0.1:${port}`;
const set = Object.entries({
  "jwt.issuer": issuer,
  "jwt.audience": "urn:engram",
  "jwt.jwks_url": `${issuer}/jwks`,
  "jwt.algorithms": "ES256",
  "console.client_id": "console",
  "console.client_secret": "secret",
  sign_up: "open",
}).flatMap(([name, value]) => ["--set", `${name}=${value}`]);

const provider = await start(process.execPath, [
  new URL("provider.mjs", import.meta.url).pathname,
  issuerPort,
  "urn:engram",
  `${url}/console/sign-in/callback`,
]);
const data = `${temporaryFolder()}/data`;
const service = await start(binary, ["serve", "--json-ready", "--listen", `127.0.0.1:${port}`, "--data-dir", data, ...set]);
const key = service.ready.api_key;
const browser = await launch();

/** A request to the API. */
async function api(method, path, body, bearer = key) {
  const headers = { authorization: `Bearer ${bearer}`, ...(body && { "content-type": "application/json" }) };
  const answer = await fetch(`${url}${path}`, { method, headers, body: body && JSON.stringify(body) });
  const text = await answer.text();
  return { status: answer.status, body: text && JSON.parse(text) };
}

let checks = 0;
let failed = 0;
/** One check; the others go on if it fails. */
async function check(what, test) {
  checks += 1;
  try {
    await test();
    console.log(`ok      ${what}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${what}: ${error.message}`);
  }
}

/** A page that is signed in with one click. */
async function signedIn(as = "tenant", look = LOOKS.light, expected = []) {
  const page = await newPage(browser, look, expected);
  await page.goto(`${url}/console`);
  await page.click(`button[value=${as}]`);
  await page.waitForURL((now) => !now.pathname.startsWith("/console/sign-in"));
  return page;
}

const text = (page, selector) => page.textContent(selector);

async function walks() {
  // Browsers name the answer to a form that is not filled in well an error of their own.
  const page = await signedIn("tenant", LOOKS.light, ["status of 400"]);
  await check("one click opens the development tenant, and its first page says how to begin", async () => {
    assert.match(await text(page, "main"), /Store the first memory/);
    await page.click("[data-copy]");
    assert.match(await page.evaluate(() => navigator.clipboard.readText()), /^curl http.*\/v1\/memories/);
  });
  await check("a memory is written, found with the picture of its score, and everything in it is text", async () => {
    await page.goto(`${url}/console/memories/new`);
    await page.fill("#content", NASTY);
    await page.fill("#tags", "<b>tag</b>, zweite");
    await page.click("form.form button.primary");
    await page.waitForURL(/\/console\/memories\/\d+\?done=created/);
    assert.equal((await text(page, ".memory-content .text")).trim(), NASTY);
    await page.keyboard.press("/");
    await page.waitForURL(/\/console\/search/);
    await page.waitForFunction(() => document.activeElement?.id === "q");
    await page.keyboard.type("quotes olleh");
    await page.keyboard.press("Enter");
    await page.waitForSelector(".hit");
    assert.equal((await text(page, ".hit .content")).trim(), NASTY);
    assert.ok((await page.$$(".hit .signals svg.amount")).length >= 2, "a bar for each signal");
    assert.match(await page.title(), /^Search/, "no script ran");
    assert.equal(await page.$("main script, main img"), null);
  });
  await check("a change is kept as a version, shown as a difference, and taken back", async () => {
    const { body: memory } = await api("POST", "/v1/memories", { content: "Anna prefers tea to coffee.", kind: "preference" });
    await page.goto(`${url}/console/memories/${memory.id}`);
    await page.click("a.button.primary");
    await page.fill("#content", "Anna prefers green tea to coffee.");
    await page.fill("#importance", "much");
    await page.click("form.form button.primary");
    assert.match(await text(page, ".notice.bad"), /importance/);
    assert.equal(await page.inputValue("#content"), "Anna prefers green tea to coffee.");
    await page.fill("#importance", "0.9");
    await page.click("form.form button.primary");
    await page.waitForURL(/done=updated/);
    assert.equal((await text(page, ".diff ins")).trim(), "green");
    await page.click("text=Revert to this");
    await page.waitForURL(/done=reverted/);
    assert.equal((await text(page, ".memory-content .text")).trim(), "Anna prefers tea to coffee.");
    await page.click("text=Delete this memory");
    await page.click("text=Delete for ever");
    await page.waitForURL(/done=deleted/);
    assert.equal((await api("GET", `/v1/memories/${memory.id}`)).status, 404);
  });
  await check("lists are filtered and paged", async () => {
    const memories = Array.from({ length: 60 }, (_, at) => ({ content: `Fact number ${at}`, kind: "fact", workspace: "many" }));
    await api("POST", "/v1/memories/batch", { memories });
    await page.goto(`${url}/console/memories?workspace=many`);
    assert.equal((await page.$$(".memory")).length, 25);
    await page.click("text=Next page");
    await page.click("text=Next page");
    assert.equal((await page.$$(".memory")).length, 10);
    await page.goto(`${url}/console/memories?kind=nothing-like-it`);
    assert.match(await text(page, ".empty"), /No memory matches/);
  });
  await check("a session reads as the conversation that it was", async () => {
    for (const content of ["first word", "second word"]) {
      await api("POST", "/v1/memories", { content, actor: "Bo", session_id: "<b>walk</b> 1" });
    }
    await page.goto(`${url}/console/sessions`);
    await page.click("text=<b>walk</b> 1");
    assert.deepEqual(await page.$$eval(".said .text", (said) => said.map((one) => one.textContent)), ["first word", "second word"]);
  });
  await check("a key is made, opens, and opens no more when it is revoked", async () => {
    await page.goto(`${url}/console/keys`);
    await page.fill("#name", "<i>agent</i>");
    await page.click("text=Make the key");
    const made = await text(page, ".notice.good code");
    assert.equal((await api("GET", "/v1/stats", undefined, made)).status, 200);
    const row = page.locator(".row-card", { hasText: "<i>agent</i>" });
    await row.getByText("Revoke", { exact: true }).click();
    await row.getByText("Revoke for ever").click();
    await page.waitForURL(/done=revoked/);
    assert.equal((await api("GET", "/v1/stats", undefined, made)).status, 401);
  });
  await check("the theme that was chosen stays", async () => {
    const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await background();
    await page.click("button.to-dark");
    await page.waitForSelector("html[data-theme=dark]");
    assert.notEqual(await background(), light);
    await page.goto(`${url}/console`);
    await page.click("button.to-light");
    await page.waitForSelector("html[data-theme=light]");
    assert.equal(await background(), light);
  });
  await check("everything is reached by keyboard: the skip link, the menu, a deed that asks first", async () => {
    await page.goto(`${url}/console/keys`);
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.className), "skip");
    await page.keyboard.press("Enter");
    assert.equal(await page.evaluate(() => document.activeElement.id), "main");
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.tagName), "SUMMARY");
    await page.keyboard.press("Enter");
    assert.ok(await page.isVisible("text=Make its successor"));
  });
  await check("signing out ends the session; signing in again leads back", async () => {
    await page.click("text=Sign out");
    await page.waitForURL(/sign-in/);
    await page.goto(`${url}/console/memories?workspace=many`);
    await page.fill("#key", key);
    await page.keyboard.press("Enter");
    await page.waitForURL(`${url}/console/memories?workspace=many`);
  });
  await page.context().close();
}

/** The run that restored a tenant. */
let restored = "none";

async function operators() {
  // Browsers name the answer to a form that is not filled in well an error of their own.
  const page = await signedIn("operator", LOOKS.light, ["status of 400"]);
  await check("an operator sees what was promised, and traffic as it is", async () => {
    for (let at = 0; at < 100; at += 1) await api("POST", "/v1/search", { query: "fact" });
    await page.goto(`${url}/console/service?last=15m`);
    assert.equal((await page.$$(".tile.kept")).length, 5, await text(page, ".promises"));
    assert.equal((await page.$$("figure.chart svg[role=img]")).length, 3);
    assert.match(await text(page, "main"), /\/v1\/search/);
    const before = Number((await text(page, "#live > .hint")).match(/([\d,]+) request/)[1]);
    await api("POST", "/v1/search", { query: "fact" });
    await page.waitForFunction(
      (known) => Number(document.querySelector("#live > .hint").textContent.match(/([\d,]+) request/)[1]) > known,
      before,
      { timeout: 30_000 },
    );
  });
  await check("a tenant is created, suspended and resumed", async () => {
    await page.goto(`${url}/console/service/tenants`);
    await page.fill("#slug", "globex");
    await page.fill("#name", "<b>Globex</b>");
    await page.click("text=Create");
    await page.waitForURL(/tenants\/globex\?done=created/);
    assert.equal(await text(page, "h1"), "<b>Globex</b>");
    await page.click("summary:has-text('Suspend')");
    await page.click("button:has-text('Suspend')");
    await page.waitForURL(/done=changed/);
    assert.match(await text(page, ".properties"), /suspended/);
    await page.click("text=Resume");
    await page.waitForURL(/done=changed/);
    await page.goto(`${url}/console/service/audit-log`);
    assert.match(await text(page, "main"), /create tenant/);
  });
  await check("a tenant is backed up, and restored once its name is typed, with progress that needs nobody", async () => {
    const stored = async () => (await api("GET", "/v1/stats")).body.memories;
    await page.goto(`${url}/console/service/backups/default`);
    await page.click("text=Back up now");
    await page.waitForSelector("[data-over] .notice.good");
    const before = await stored();
    await api("POST", "/v1/memories", { content: "Stored after the backup." });
    await page.click("text=Its backups");
    await page.click("text=Restore…");
    assert.match(await text(page, ".steps"), /refuse writes to default/);
    await page.fill("#confirm", "defaul");
    await page.click("text=Replace what is there");
    assert.match(await text(page, ".notice.bad"), /type default/);
    await page.fill("#confirm", "default");
    await page.click("text=Replace what is there");
    await page.waitForSelector("[data-over] .notice.good");
    restored = new URL(page.url()).pathname.split("/").at(-1);
    assert.equal(await stored(), before);
  });
  await check("what is wrong is told with its page of the playbook, and repaired by a click", async () => {
    await page.goto(`${url}/console/service/alerts`);
    assert.match(await text(page, "main"), /Error budgets/);
    await page.click("text=Look again");
    await page.waitForURL(/done=look/);
    await page.click("main >> text=Runbook: disk_space");
    assert.match(await text(page, "h1"), /disk_space/);
    assert.ok((await page.$$(".runbook pre")).length >= 1);
  });
  await check("without a script the progress of a run is shown all the same", async () => {
    const context = await browser.newContext({ javaScriptEnabled: false });
    const plain = await context.newPage();
    await plain.goto(`${url}/console/sign-in`);
    await plain.click("button[value=operator]");
    await plain.goto(`${url}/console/service/restore-tests`);
    await plain.click("text=A sample of all tenants");
    await plain.waitForSelector("[data-over] .notice.good");
    await plain.click("text=All restore tests");
    assert.match(await plain.textContent("main"), /passed/);
    await context.close();
  });
  await page.context().close();
}

/** Signs in at the provider's own pages. */
async function signInAtProvider(page, name) {
  await page.goto(`${url}/console/sign-in`);
  await page.click("text=Continue with single sign-on");
  await page.fill("input[name=login]", name);
  await page.fill("input[name=password]", "any");
  await page.click("button[type=submit]");
  await page.click("button[type=submit]");
  await page.waitForURL((now) => now.href.startsWith(`${url}/console`) && !now.pathname.includes("sign-in"));
}

async function people() {
  const page = await newPage(browser);
  await check("a person signs in at the provider, makes a tenant and invites another", async () => {
    await signInAtProvider(page, "ann");
    await page.waitForURL(/console\/choose/);
    assert.match(await text(page, ".who"), /ann@example.com/);
    await page.fill("#slug", "acme");
    await page.click("button:has-text('Create')");
    await page.waitForURL(`${url}/console`);
    await page.goto(`${url}/console/people`);
    await page.click("text=Make the invite");
    const invite = await text(page, ".notice.good code");
    const other = await newPage(browser);
    await signInAtProvider(other, "bob");
    await other.fill("#token", invite);
    await other.click("text=Accept");
    await other.waitForURL(`${url}/console`);
    assert.match(await text(other, ".tenant"), /acme/);
    await other.context().close();
  });
  await check("an operator by claim gets the service's pages", async () => {
    const root = await newPage(browser);
    await signInAtProvider(root, "root");
    await root.goto(`${url}/console/service`);
    assert.match(await text(root, "h1"), /Health/);
    await root.context().close();
  });
  await check("a code that came with another state, issuer or browser signs nobody in", async () => {
    const guest = await newPage(browser);
    for (const query of ["code=x&state=0", `code=x&state=${"0".repeat(64)}`, "error=access_denied", "state=%00"]) {
      await guest.goto(`${url}/console/sign-in/callback?${query}`);
      assert.match(guest.url(), /sign-in\?ended=provider/);
    }
    await guest.goto(`${url}/console/memories`);
    assert.match(guest.url(), /sign-in/);
    await guest.context().close();
  });
  await page.context().close();
}

async function attacks() {
  const stored = async () => (await api("GET", "/v1/stats")).body.memories;
  // Another site: localhost is not 127.0.0.1.
  const hostile = createServer((request, response) => {
    response.setHeader("content-type", "text/html");
    response.end(
      request.url === "/frame"
        ? `<iframe src="${url}/console" width="800" height="600"></iframe>`
        : request.url === "/link"
        ? `<a href="${url}/console/memories">here</a>`
        : `<form method="post" action="${url}/console/memories"><input name="content" value="forged"></form><script>document.forms[0].submit()</script>`,
    );
  }).listen(0, "localhost");
  await once(hostile, "listening");
  const elsewhere = `http://localhost:${hostile.address().port}`;
  const page = await signedIn("tenant", LOOKS.light, ["frame-ancestors", "X-Frame-Options", "status of 403"]);
  await check("no other page can frame the console", async () => {
    await page.goto(`${elsewhere}/frame`);
    await page.waitForTimeout(500);
    const shown = await Promise.all(page.frames().slice(1).map((frame) => frame.content().catch(() => "")));
    assert.ok(!shown.some((html) => html.includes("Overview") || html.includes("Sign in")), "nothing of it is shown");
  });
  await check("a form of another page changes nothing", async () => {
    const before = await stored();
    await page.goto(`${elsewhere}/form`);
    await page.waitForURL(/console/);
    assert.equal(await stored(), before);
    await page.goto(`${url}/console`);
    assert.equal(await text(page, "h1"), "Overview", "the session itself is still there");
  });
  await check("a link on another page leads in, with the session", async () => {
    await page.goto(`${elsewhere}/link`);
    await page.click("a");
    await page.waitForFunction(() => document.querySelector("h1")?.textContent === "Memories");
  });
  await check("a form without the page's token changes nothing, though it comes from our own origin", async () => {
    const before = await stored();
    const status = await page.evaluate(async () => {
      const body = new URLSearchParams({ content: "forged" });
      return (await fetch("/console/memories", { method: "POST", body })).status;
    });
    assert.equal(status, 403);
    assert.equal(await stored(), before);
  });
  await check("no script reads the session, and a planted one is not adopted", async () => {
    assert.ok(!(await page.evaluate(() => document.cookie)).includes("engram_session"));
    const planted = { name: "engram_session", value: "planted", url };
    const victim = await newPage(browser);
    await victim.context().addCookies([planted]);
    await victim.goto(`${url}/console`);
    await victim.click("button[value=tenant]");
    await victim.waitForURL(`${url}/console`);
    const cookies = await victim.context().cookies(url);
    const session = cookies.find(({ name }) => name === "engram_session");
    assert.notEqual(session.value, "planted");
    assert.deepEqual([session.httpOnly, session.sameSite], [true, "Strict"]);
    const attacker = await newPage(browser);
    await attacker.context().addCookies([planted]);
    await attacker.goto(`${url}/console/memories`);
    assert.match(attacker.url(), /sign-in/);
    await victim.context().close();
    await attacker.context().close();
  });
  await page.context().close();
  hostile.close();
}

const PAGES = {
  tenant: {
    overview: "/console",
    memories: "/console/memories",
    sessions: "/console/sessions",
    conversation: "/console/sessions?session_id=call-7",
    search: "/console/search?q=what+does+anna+drink",
    memory: "/console/memories/MEMORY",
    edit: "/console/memories/MEMORY/edit",
    quickstart: "/console/quickstart?for=python",
    keys: "/console/keys",
    people: "/console/people",
    usage: "/console/usage",
    "audit log": "/console/audit-log",
  },
  operator: {
    health: "/console/service?last=15m",
    tenants: "/console/service/tenants",
    tenant: "/console/service/tenants/default",
    backups: "/console/service/backups",
    "backups of a tenant": "/console/service/backups/default",
    restore: "/console/service/backups/default/restore?latest_verified=true",
    "restore tests": "/console/service/restore-tests",
    run: "/console/service/runs/RUN",
    alerts: "/console/service/alerts",
    runbook: "/console/service/runbooks/5xx_rate",
    "audit log of all": "/console/service/audit-log",
  },
};

/** A page as it weighs in; again, at most three times, while something else keeps the machine busy. */
async function fastest(page, address) {
  let best = await weigh(page, address);
  for (let tries = 1; tries < 3 && best.ms >= SERVER_MS_MAX / 2; tries += 1) {
    const next = await weigh(page, address);
    if (next.ms < best.ms) best = next;
  }
  return best;
}

/** Every page in every look: what axe says, how wide it is, what it weighs. */
async function looks() {
  const { body: memory } = await api("POST", "/v1/memories", {
    content: "Anna prefers tea to coffee, and drinks neither in the evening.",
    kind: "preference",
    actor: "Anna",
    tags: ["drinks", "anna"],
    metadata: { source: { call: "2026-11-20", minute: 12 } },
  });
  await api("PATCH", `/v1/memories/${memory.id}`, { content: "Anna prefers green tea to coffee.", importance: 0.8 });
  await api("POST", "/v1/memories", { content: "Anna drinks oolong on Sundays.", actor: "Anna" });
  for (const [actor, content] of [
    ["Anna", "I would like to move the tasting to Friday, if the room is free."],
    ["Agent", "The room is free on Friday from two to five."],
    ["Anna", "Friday at three, then. Please order the oolong from last time."],
  ]) {
    await api("POST", "/v1/memories", { content, actor, kind: "event", session_id: "call-7" });
  }
  await api("POST", "/v1/memories", { content: "Bo asked for the invoice again.", actor: "Bo", session_id: "call-8" });
  const figures = [];
  for (const [look, settings] of Object.entries(LOOKS)) {
    await check(`every page is accessible, fits and keeps its bounds: ${look}`, async () => {
      const wrong = [];
      for (const [as, pages] of Object.entries(PAGES)) {
        const guest = await newPage(browser, settings);
        const all = { "sign in": "/console/sign-in", ...pages };
        for (const [name, path] of Object.entries(all)) {
          const { bytes, ms, status } = await fastest(guest, url + path.replace("MEMORY", memory.id).replace("RUN", restored));
          figures.push({ look, name, bytes, ms });
          if (status !== 200) wrong.push(`${name}: ${status}`);
          if (bytes >= BYTES_MAX) wrong.push(`${name}: ${bytes} bytes`);
          if (!(ms < SERVER_MS_MAX)) wrong.push(`${name}: ${ms} ms`);
          for (const finding of await seriousFindings(guest)) wrong.push(`${name}: ${finding}`);
          if ((await overflow(guest)) > 0) wrong.push(`${name}: wider than the window`);
          for (const id of await cramped(guest)) wrong.push(`${name}: ${id} is broken into many lines`);
          if (pictures) await guest.screenshot({ path: `${pictures}/${look}-${name.replaceAll(" ", "-")}.png`, fullPage: true });
          if (name === "sign in") {
            await guest.click(`button[value=${as}]`);
            await guest.waitForURL((now) => !now.pathname.includes("sign-in"));
          }
        }
        await guest.context().close();
      }
      assert.deepEqual(wrong, []);
    });
  }
  return figures;
}

await walks();
await operators();
await people();
await attacks();
const figures = await looks();
await check("no page complained", () => {
  // What the provider's pages complain about is its own.
  assert.deepEqual(complaints.filter((told) => !told.startsWith(issuer)), []);
});

const of = (name) => figures.filter((figure) => figure.name === name);
for (const name of new Set(figures.map((figure) => figure.name))) {
  const most = (field) => Math.max(...of(name).map((figure) => figure[field]));
  console.log(`page    ${name}: ${(most("bytes") / 1000).toFixed(1)} kB, ${most("ms").toFixed(1)} ms`);
}
await browser.close();
await stop(service.child);
await stop(provider.child);
console.log(`${checks} checks, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
