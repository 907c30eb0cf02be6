// A Score that uses every field of v0.1.0. What a device gets from it is recorded, so it stays as
// it is.

export const EVERY_FIELD = {
  services: [
    {
      name: "web",
      image: "registry.example/acme/web:1.2",
      pull: "newer",
      ports: ["8080:80", "127.0.0.1:8443:443", "5353:53/udp"],
      entrypoint: ["/bin/web"],
      command: "serve --title 'a b'",
      env: { PLAIN: "1", ID: { device: "id" }, SITE: { device: "labels.site" }, TOKEN: { secret: "token" } },
      volumes: ["data:/data", "cache:/cache:ro", "/srv/in:/in", "/srv/out:/out:ro"],
      tmpfs: ["/run", "/tmp:size=64m,mode=1777"],
      files: [
        { path: "/etc/web/web.toml", content: "a = 1\n" },
        { path: "/usr/bin/hook", content: "#!/bin/sh\n", mode: "0555" },
      ],
      secrets: [{ name: "key" }, { name: "key", path: "/etc/key" }],
      devices: ["/dev/meter:/dev/ttyUSB0"],
      restart: "on-failure:3",
      healthcheck: { test: "wget -q localhost", interval: "1m", timeout: "5s", retries: 2, startPeriod: "10s", onFailure: "restart" },
      stopTimeoutSeconds: 7,
      stopSignal: "SIGINT",
      init: true,
      resources: { memory: "64Mi", cpus: 0.5, pids: 100 },
      user: "1000:1000",
      workingDir: "/srv",
      capAdd: ["NET_ADMIN"],
      capDrop: ["ALL"],
      logging: { driver: "k8s-file", maxSize: "1Mi" },
      readOnly: true,
    },
    { name: "db", image: "db", restart: "unless-stopped", healthcheck: { test: ["CMD", "true"] }, logging: { driver: "journald" } },
    { name: "probe", image: "quay.io/acme/probe", network: "host", restart: "no" },
  ],
};
