// The server's routes; docs/web.md describes them.

export class ServerError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

const sleep = (seconds) => new Promise((done) => setTimeout(done, 1000 * seconds));

// JSON of a request; where the server is busy (503), asked again when it says.
export async function ask(path, options = {}) {
  for (;;) {
    let response;
    try {
      response = await fetch(path, options);
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new ServerError(0, "The server does not answer. Is `limelight serve` still running?");
    }
    if (response.status === 503) {
      await sleep(Number(response.headers.get("retry-after") ?? 1));
      options.signal?.throwIfAborted();
      continue;
    }
    const body = await response.json();
    if (!response.ok) throw new ServerError(response.status, body.error?.message ?? response.statusText);
    return body;
  }
}

export const send = (blob, signal) =>
  ask("/api/images", {
    method: "POST",
    body: blob,
    headers: { "content-type": blob.type.startsWith("image/") ? blob.type : "application/octet-stream" },
    signal,
  });

// Explain, and tell `shown(job)` whenever there is news; the last job is returned. Aborting the
// signal stops the work on the server too.
export async function explain(question, shown, signal) {
  let job = await ask("/api/explain", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ ...question, wait: 0.5 }),
  });
  try {
    for (;;) {
      signal.throwIfAborted();
      shown(job);
      if (!["waiting", "running"].includes(job.state)) return job;
      job = await ask(`/api/jobs/${job.id}?wait=0.25`, { signal });
    }
  } catch (error) {
    if (signal.aborted) await ask(`/api/jobs/${job.id}`, { method: "DELETE" });
    throw error;
  }
}
