// Reads what a server says that takes no more: which limit is reached, and how it is raised. While
// it is reached, the server refuses every write, also a smaller one in a larger one's place and a
// mark that something is gone; only a purge makes room. Pure.

const SERVER_LIMIT = [10_023, 10_028, 10_047];
const ACCOUNT_LIMIT = 10_002;
const BUCKET = "KV_";
const STREAM_STORE_FAILED = 10_077;

/** A clause with the cure; null: it is refused for another reason. */
export function whyFull(stream: string, code: number, description: string): string | null {
  if (SERVER_LIMIT.includes(code))
    return "the JetStream store of the NATS server is full: raise max_file_store under jetstream in its configuration, on a disk that has the room, and restart it";
  if (code === ACCOUNT_LIMIT)
    return "what JetStream may store for this account is full: raise max_file under jetstream of the account in the configuration of the NATS server, and reload it";
  if (code !== STREAM_STORE_FAILED) return null;
  if (/no space left/i.test(description)) return "the disk of the NATS server is full: free some of it, or give the server a larger one";
  if (!/^maximum (bytes|messages) exceeded/i.test(description)) return null;
  const called = stream.startsWith(BUCKET) ? `bucket "${stream.slice(BUCKET.length)}"` : `stream "${stream}"`;
  return `the ${called} is full: raise its limit (\`nats stream edit ${stream} --max-bytes=-1 --max-msgs=-1\` takes it off)`;
}
