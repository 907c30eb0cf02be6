// The list of attacks on a service that gives the tokens itself.

await import("./attacks.ts");
