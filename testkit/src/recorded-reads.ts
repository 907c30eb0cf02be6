// Records which fields of a document somebody reads: `deployments.*.phase`. A copy, a spread and
// JSON.stringify read what they copy, so nothing is read past it.

/** `maps`: the paths of those whose keys are data. */
export function recordReads<Document extends object>(
  document: Document,
  maps: readonly string[],
): { document: Document; reads: Set<string> } {
  const reads = new Set<string>();
  const wrap = <Value extends object>(value: Value, path: string): Value =>
    new Proxy(value, {
      get: (target, key, receiver) => {
        const found: unknown = Reflect.get(target, key, receiver);
        if (typeof key === "symbol" || (Array.isArray(target) && !/^\d+$/.test(key))) return found;
        const isData = Array.isArray(target) || maps.includes(path);
        const at = `${path === "" ? "" : `${path}.`}${isData ? "*" : key}`;
        if (typeof found === "object" && found !== null) return wrap(found, at);
        if (typeof found !== "function" && key !== "toJSON") reads.add(at);
        return found;
      },
      ownKeys: (target) => {
        if (maps.includes(path)) reads.add(`${path}.*`);
        return Reflect.ownKeys(target);
      },
    });
  return { document: wrap(document, ""), reads };
}
