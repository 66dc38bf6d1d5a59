// A browser to test with: what its pages complained about, what they weighed, and how long the service took for them.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

import { chromium } from "playwright-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";

export const LOOKS = {
  light: { colorScheme: "light", viewport: { width: 1280, height: 860 } },
  dark: { colorScheme: "dark", viewport: { width: 1280, height: 860 } },
  phone: { colorScheme: "light", viewport: { width: 390, height: 844 }, deviceScaleFactor: 2 },
};

/** What pages complained about: errors in the browser's console, exceptions of scripts. */
export const complaints = [];

export const launch = () => chromium.launch({ executablePath, args: ["--no-sandbox"] });

/** A page of a browser that nobody used before. */
export async function newPage(browser, look = LOOKS.light, expected = []) {
  const context = await browser.newContext({ ...look, permissions: ["clipboard-read", "clipboard-write"] });
  const page = await context.newPage();
  const complain = (text) => {
    if (!expected.some((part) => text.includes(part))) complaints.push(`${page.url()}: ${text}`);
  };
  page.on("console", (message) => message.type() === "error" && complain(message.text()));
  page.on("pageerror", (error) => complain(String(error)));
  return page;
}

/** What axe finds serious or critical on the page. The script is put in past the page's own policy. */
export async function seriousFindings(page) {
  const client = await page.context().newCDPSession(page);
  await client.send("Runtime.evaluate", { expression: axe });
  const { result } = await client.send("Runtime.evaluate", {
    expression: "axe.run(document, { resultTypes: ['violations'] }).then((found) => JSON.stringify(found.violations))",
    awaitPromise: true,
    returnByValue: true,
  });
  await client.detach();
  const grave = JSON.parse(result.value).filter(({ impact }) => ["serious", "critical"].includes(impact));
  return grave.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map(({ html }) => html.slice(0, 160)).join(" | ")}`);
}

/** Opens a page with an empty cache: bytes over the wire, everything included, and the service's own milliseconds. */
export async function weigh(page, url) {
  const client = await page.context().newCDPSession(page);
  await client.send("Network.enable");
  await client.send("Network.setCacheDisabled", { cacheDisabled: true });
  let bytes = 0;
  client.on("Network.loadingFinished", ({ encodedDataLength }) => (bytes += encodedDataLength));
  const response = await page.goto(url, { waitUntil: "networkidle" });
  await client.detach();
  const timing = response.headers()["server-timing"] ?? "";
  return { bytes, ms: Number(timing.match(/dur=([\d.]+)/)?.[1]), status: response.status() };
}

/** By how many pixels the page is wider than the window. */
export const overflow = (page) => page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);

/** Ids and names that a table breaks into many short lines. */
export const cramped = (page) =>
  page.$$eval("td .break, td code", (all) =>
    all.filter(({ offsetWidth, offsetHeight }) => offsetWidth < 120 && offsetHeight > 90).map(({ textContent }) => textContent),
  );
