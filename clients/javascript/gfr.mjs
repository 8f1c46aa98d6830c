// A client of a gfr server, without dependencies: Node 18 and newer, Deno, Bun, browsers. ../README.md has the calls.

/** An answer that is no success: `status` (0: none came), and the server's own words. */
export class GfrError extends Error {
  constructor(status, message) {
    super(message);
    this.name = "GfrError";
    this.status = status;
  }
}

const AGAIN = new Set([408, 429, 502, 503, 504]);

export class Client {
  /**
   * @param {string} url of the server: "https://gfr.example:8080"
   * @param {{token?: string, timeoutMs?: number, retries?: number, fetch?: typeof fetch}} options `timeoutMs`: of a whole
   *   call with its retries.
   */
  constructor(url, { token = "", timeoutMs = 30_000, retries = 5, fetch: send = globalThis.fetch } = {}) {
    this.url = url.replace(/\/+$/, "");
    this.token = token;
    this.timeoutMs = timeoutMs;
    this.retries = retries;
    this.send = (...call) => send(...call);
  }

  /** Sends events, at most some thousands a call. Those without specversion, time or id get one. */
  async events(events) {
    const whole = events.map((e) => ({ specversion: "1.0", time: new Date().toISOString(), id: globalThis.crypto.randomUUID(), ...e }));
    // 400 with the list of what was refused is an answer too.
    return this.#call("POST", "/v1/events", whole, (status, json) => status === 202 || (status === 400 && Array.isArray(json?.rejected)));
  }

  /** A feed: {user_id, session_id, surface, context, size, candidates, ...}. Without a request_id it gets one. */
  async feed(request) {
    return this.#call("POST", "/v1/feed", { request_id: globalThis.crypto.randomUUID(), ...request });
  }

  /** A flag of OFREP: {key, value, variant, reason, metadata}. */
  async evaluate(flag, unit, context = {}) {
    return this.#call("POST", `/ofrep/v1/evaluate/flags/${encodeURIComponent(flag)}`, { context: { ...context, targetingKey: unit } });
  }

  /** What lay behind a feed; needs the admin token. */
  async explain(requestId) {
    return this.#call("GET", `/v1/explain/${encodeURIComponent(requestId)}`);
  }

  async status() {
    return this.#call("GET", "/v1/status");
  }

  async #call(method, path, body, isAnswer = (status) => status >= 200 && status < 300) {
    const end = Date.now() + this.timeoutMs;
    const headers = { ...(body && { "Content-Type": "application/json" }), ...(this.token && { Authorization: `Bearer ${this.token}` }) };
    for (let attempt = 0; ; ++attempt) {
      let status = 0, words = "", later = 0;
      try {
        const left = Math.max(1, end - Date.now());
        const response = await this.send(this.url + path, { method, headers, body: body && JSON.stringify(body), redirect: "error", signal: AbortSignal.timeout(left) });
        status = response.status;
        later = 1000 * Number(response.headers.get("Retry-After") ?? 0) || 0;
        words = await response.text();
        const json = parsed(words);
        if (isAnswer(status, json)) return json;
        words = json?.detail ?? json?.errorDetails ?? words;
      } catch (error) {
        [status, words] = [0, String(error.cause?.message ?? error.message)];
      }
      // Of two that wait equally long, one would come in the other's way again.
      const wait = Math.max(later, 100 * 2 ** attempt * (0.5 + Math.random()));
      if ((status !== 0 && !AGAIN.has(status)) || attempt >= this.retries || Date.now() + wait > end)
        throw new GfrError(status, `${method} ${path}: ${status || "no answer"}: ${words}`);
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function fnv1a32(text) {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; ++i) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return hash;
}

/** The bucket of a unit by a salt, from 0 to below 1 in steps of 1/10000: the same as every gfr server's. */
export function bucket(salt, unit) {
  return (fnv1a32(String(fnv1a32(salt + unit))) % 10_000) / 10_000;
}
