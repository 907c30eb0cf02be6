// Podman's own sentences, as 4.9 and 5.4 were heard to say them, and the codes that they give.

import { expect, test } from "vitest";
import { codeOfAnswer, codeOfPull, shortPullError } from "./podman-error.ts";

test.each([
  ["reading manifest 1 in 10.0.0.1:5000/nope: manifest unknown", "image-not-found"],
  ["reading manifest 2 in docker.io/library/nope: requested access to the resource is denied", "registry-denied"],
  ["unable to retrieve auth token: invalid username/password: unauthorized", "registry-denied"],
  [
    'pinging container registry r:5000: Get "https://r:5000/v2/": dial tcp 10.0.0.1:5000: connect: connection refused',
    "registry-unreachable",
  ],
  ['pinging container registry r: Get "https://r/v2/": dial tcp: lookup r on 10.0.0.1:53: no such host', "registry-unreachable"],
  ['pinging container registry r: Get "https://r/v2/": http: server gave HTTP response to HTTPS client', "registry-unreachable"],
  ["copying system image from manifest list: reading blob sha256:a: unexpected EOF", "registry-unreachable"],
  [
    'choosing an image from manifest list docker://r/x:1: no image found in image index for architecture "arm64", variant "v8", OS "linux"',
    "wrong-architecture",
  ],
  ['writing blob: adding layer with blob "sha256:a": processing tar file(write /x: no space left on device): exit status 1', "disk-full"],
  ['parsing reference "UPPER": repository name must be lowercase', "image-name-invalid"],
  [
    "initializing source docker://nginx:alpine: reading manifest alpine in docker.io/library/nginx: toomanyrequests: You have reached your pull rate limit.",
    "registry-busy",
  ],
  ["received unexpected HTTP status: 429 Too Many Requests", "registry-busy"],
  [
    'pinging container registry r:5000: Get "https://r:5000/v2/": tls: failed to verify certificate: x509: certificate signed by unknown authority',
    "registry-untrusted",
  ],
  ["Running image docker://r:5000/hello:1 is rejected by policy.", "image-not-trusted"],
  ["Source image rejected: A signature was required, but no signature exists", "image-not-trusted"],
  [
    "copying system image: cryptographic signature verification failed: invalid signature when validating ASN.1 encoded signature",
    "image-not-trusted",
  ],
  ["something else", "failed"],
])("of a pull: %s", (text, code) => {
  expect(codeOfPull(text)).toBe(code);
});

test.each([
  [404, "no such container", "not-found"],
  [404, "image not known no such image: localhost/nope:1: image not known", "image-not-found"],
  [500, 'that name is already in use creating container storage: the container name "a_b" is already in use by 7d2d', "conflict"],
  [409, "network already used", "conflict"],
  [500, "pasta failed with exit code 1: Failed to bind port 8080 (Address already in use) for option '-t 8080-8080:80-80'", "port-in-use"],
  [500, 'rootless netns: mount resolv.conf to "/etc/resolv.conf": no such file or directory', "network-half-made"],
  [500, "rootlessport listen tcp 0.0.0.0:8080: bind: address already in use", "port-in-use"],
  [500, "write /home/x: no space left on device", "disk-full"],
  [
    500,
    "mounting storage for container 3c3d: readlink /home/iot-agent/.local/share/containers/storage/overlay/l/S3WFZB7TL2VOXZ4GSMW4CKNQO7: invalid argument",
    "damaged",
  ],
  [500, "failed in inspect image r/hello:1: layer not known", "damaged"],
  [500, "mounting storage for container 3c3d: recreating the missing symlinks: 1 error occurred:", "damaged"],
  [
    500,
    "mounting storage for container 3c3d: creating overlay mount to /home/iot-agent/.local/share/containers/storage/overlay/f25626b07c80a5a18777d2a0ea012951b1187ce87e16434e2731bbc2c6a29cfe/merged, mount_data=: no such file or directory",
    "damaged",
  ],
  [
    500,
    "faccessat /home/iot-agent/.local/share/containers/storage/overlay/f25626b07c80a5a18777d2a0ea012951b1187ce87e16434e2731bbc2c6a29cfe: no such file or directory",
    "damaged",
  ],
  [
    500,
    "creating resolv.conf for container 3c3d: open /run/user/1000/containers/overlay-containers/f25626b07c80a5a18777d2a0ea012951b1187ce87e16434e2731bbc2c6a29cfe/userdata/resolv.conf: no such file or directory",
    "damaged",
  ],
  [500, "Download config.json digest sha256:e3b0 does not match expected sha256:86ca", "damaged"],
  [
    500,
    "reading blob sha256:f25626b07c80a5a18777d2a0ea012951b1187ce87e16434e2731bbc2c6a29cfe: file integrity checksum failed for ./bin/busybox",
    "damaged",
  ],
  [500, "reading blob sha256:f25626b07c80a5a18777d2a0ea012951b1187ce87e16434e2731bbc2c6a29cfe: EOF", "damaged"],
  [500, "runtime error: invalid memory address or nil pointer dereference", "damaged"],
  [500, "statfs /srv/data: no such file or directory", "source-missing"],
  [
    500,
    "crun: cannot stat `/dev/serial/by-id/usb-ACME_Meter-if00`: No such file or directory: OCI runtime attempted to invoke a command that was not found",
    "source-missing",
  ],
  [
    500,
    "pasta failed with exit code 1: Failed to bind port 8081 (Cannot assign requested address) for option '-t 10.77.0.9/8081-8081:80-80'",
    "address-missing",
  ],
  [500, "rootlessport listen tcp 10.77.0.9:8081: bind: cannot assign requested address", "address-missing"],
  [500, "pasta failed with exit code 1: Couldn't set IPv4 route(s) in guest: Invalid argument", "routes-refused"],
  [409, "image used by 3c3d: image is in use by a container: consider listing external containers and force-removing image", "conflict"],
  [
    500,
    "crun: executable file `/no/such` not found: No such file or directory: OCI runtime attempted to invoke a command that was not found",
    "failed",
  ],
])("of an answer %d: %s", (status, text, code) => {
  expect(codeOfAnswer(status, text)).toBe(code);
});

test.each([
  [
    'pinging container registry r: Get "https://r/v2/": dial tcp: lookup r on 10.0.0.1:53: read udp 10.0.0.2:49942->10.0.0.1:53: read: connection refused',
    "lookup r on 10.0.0.1:53: connection refused",
  ],
  ['pinging container registry r: Get "https://r/v2/": dial tcp 10.0.0.1:5000: connect: connection refused', "connect: connection refused"],
  ["reading manifest 1 in r/nope: manifest unknown", "reading manifest 1 in r/nope: manifest unknown"],
])("of %s a person reads %s, the same each time", (text, short) => {
  expect(shortPullError(text)).toBe(short);
});
