// Talks to the node's API.

/** Parses JSON without rounding whole numbers that a double cannot hold. */
function parse(text) {
  return JSON.parse(text, (_, value, context) => {
    const exact = typeof value !== "number" || Number.isSafeInteger(value) || !/^-?\d+$/.test(context?.source ?? "");
    return exact ? value : BigInt(context.source);
  });
}

async function request(path, options) {
  const response = await fetch(`/api/${path}`, { headers: { accept: "application/json" }, ...options });
  const text = await response.text();
  if (response.ok) return parse(text);
  let message = `the node answered ${response.status}`;
  try {
    const { error, hint } = JSON.parse(text);
    message = hint ? `${error} (${hint})` : error;
  } catch {
    // Not from the node, as from a proxy: the status has to do.
  }
  throw new Error(message);
}

export const get = (path) => request(path);
export const post = (path) => request(path, { method: "POST" });

/**
 * Listens to the node's events and, when the connection breaks, tries again with growing pauses. A hidden page lets
 * go: a browser has few connections to a host, and the node sends the history again anyway.
 */
export function listen(handlers, onState) {
  let source = null;
  let timer = null;
  let failures = 0;

  const close = () => {
    clearTimeout(timer);
    source?.close();
    source = null;
  };
  const open = () => {
    close();
    source = new EventSource("/api/events");
    source.onopen = () => {
      failures = 0;
      onState("live");
    };
    source.onerror = () => {
      close();
      onState("reconnecting");
      const pause = Math.min(15000, 500 * 2 ** failures) * (0.75 + Math.random() / 2);
      failures += 1;
      timer = setTimeout(open, pause);
    };
    for (const [name, handle] of Object.entries(handlers)) {
      source.addEventListener(name, (event) => handle(parse(event.data)));
    }
  };

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) close();
    else if (!source) open();
  });
  addEventListener("online", () => !document.hidden && open());
  if (!document.hidden) open();
}
