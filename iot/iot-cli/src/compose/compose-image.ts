// The image of a service, by its full name: what Docker adds to a short one is written out.

import { type ComposeMap, take, type TakeNote, textOf } from "./notes.ts";

export function imageOf(compose: ComposeMap, name: string, at: string, note: TakeNote): string {
  const image = take(compose["image"], textOf, `${at}.image`, note) ?? null;
  const placeholder = `registry.example/${name}:latest`;
  if (compose["build"] !== undefined) {
    note(
      `${at}.build`,
      `is not taken over: build and push the image${image === null ? `, and put its name in place of ${placeholder}` : ""}`,
    );
  } else if (image === null) note(`${at}.image`, `is missing: put the image's name in place of ${placeholder}`);
  return image === null ? placeholder : fullName(image);
}

/** `nginx` is docker.io/library/nginx to Docker, and `a/b` docker.io/a/b. */
export function fullName(image: string): string {
  const [first = "", ...rest] = image.split("/");
  if (rest.length === 0) return image === "" ? image : `docker.io/library/${image}`;
  if (first === "docker.io" || first === "index.docker.io") return `docker.io/${rest.length === 1 ? "library/" : ""}${rest.join("/")}`;
  return /[.:A-Z]/.test(first) || first === "localhost" ? image : `docker.io/${image}`;
}

export function pullOf(compose: ComposeMap, at: string, note: TakeNote): string | undefined {
  const policy = take(compose["pull_policy"], textOf, `${at}.pull_policy`, note);
  if (policy === undefined || policy === "missing" || policy === "if_not_present") return undefined;
  if (policy === "never") return policy;
  if (policy === "always") return "newer";
  note(`${at}.pull_policy`, `${policy} is not taken over: write pull: missing, newer or never`);
  return undefined;
}
