// Calls: turns what the page wants into requests of this very origin, of the emulator or of Twilio's own paths.

/** A call that was refused; the message says why in the server's words. */
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** Ask or tell the emulator: `admin("phones/send", {…})` posts, `admin("page")` gets. */
export async function admin(path, body = null, method = body === null ? "GET" : "POST") {
  const headers = body === null ? {} : { "Content-Type": "application/json" };
  return answered(await fetch(`/_emulator/${path}`, { method, headers, body: body && JSON.stringify(body) }));
}

/** Call Twilio as any client would; returns `{status, body}`. Raises Refused. */
export async function twilio(account, method, path, form = {}) {
  const headers = { Authorization: `Basic ${btoa(`${account.sid}:${account.token}`)}` };
  const body = method === "POST" ? new URLSearchParams(form) : undefined;
  const response = await fetch(`/v1/${path}`, { method, headers, body });
  return { status: response.status, body: await answered(response) };
}

async function answered(response) {
  const written = await response.text();
  let found = null;
  try {
    found = written ? JSON.parse(written) : null;
  } catch {
    throw new Refused(response.status, `${response.status}: ${written.slice(0, 200)}`);
  }
  if (response.ok) return found;
  const code = found?.code ? `${response.status}/${found.code}: ` : "";
  throw new Refused(response.status, `${code}${found?.message ?? response.statusText}`);
}
