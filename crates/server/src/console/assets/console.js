// What pages do beyond links and forms: copying, jumping to the search, keeping charts up to date. All of it is extra.

for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const text = button.parentElement.querySelector("code").textContent;
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      // Pages over plain HTTP have no clipboard: select the text, so that one key copies it.
      getSelection().selectAllChildren(button.parentElement.querySelector("code"));
      button.textContent = "Selected";
    }
    setTimeout(() => (button.textContent = "Copy"), 1600);
  });
}

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, [contenteditable]");
  if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  const field = document.querySelector("[data-focus]");
  if (field) field.select();
  else if (document.querySelector('a[href="/console/search"]')) location.assign("/console/search?focus=1");
});
if (new URLSearchParams(location.search).has("focus")) document.querySelector("[data-focus]")?.focus();

const live = document.querySelector("[data-live]");
if (live) {
  const refresh = async () => {
    // What is over changes no more, nobody looks at a hidden page, and what somebody reads or has selected stays as it is.
    if (live.querySelector("[data-over]")) return clearInterval(turns);
    if (document.hidden || live.contains(document.activeElement)) return;
    try {
      const answer = await fetch(live.dataset.live, { redirect: "error" });
      if (answer.ok) live.innerHTML = await answer.text();
    } catch {
      // The service restarts, or the session is over: the next turn or the next click tells.
    }
  };
  const turns = setInterval(refresh, Number(live.dataset.every));
}
