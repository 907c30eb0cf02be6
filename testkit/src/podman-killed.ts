// Ends a device's Podman at a moment that no test could hit from outside: when it has just started
// pasta, a container's network, and has not yet recorded that. Podman is given a pasta that does
// it.

export interface PodmanKilled {
  /** Ends Podman so at the next start of a network. */
  arm(): Promise<void>;
  /** Gives Podman its own pasta again. */
  undo(): Promise<void>;
}

/** `shell`: runs a script on the device as root. `uid`: the uid of Podman's user. */
export async function podmanKilledAfterPasta(shell: (script: string) => Promise<unknown>, uid: number): Promise<PodmanKilled> {
  const [pasta, conf, armed] = ["/opt/killing/pasta", "/etc/containers/containers.conf.d/killing.conf", `/run/user/${uid}/kill-podman`];
  // Podman reads where its helpers are when it starts.
  const stop = "systemctl --user --machine=iot-agent@ stop podman.service";
  await shell(`mkdir -p $(dirname ${pasta}) $(dirname ${conf})
    cat > ${pasta} <<'END'
#!/bin/sh
/usr/bin/pasta "$@" || exit
# Podman asks it for its version too.
case "$*" in *--netns*) if rm ${armed} 2>/dev/null; then kill -KILL $PPID; fi ;; esac
END
    chmod 755 ${pasta}
    printf '[engine]\\nhelper_binaries_dir = ["${pasta.replace("/pasta", "")}", "/usr/libexec/podman", "/usr/lib/podman"]\\n' > ${conf}
    ${stop}`);
  return {
    arm: async () => void (await shell(`touch ${armed}`)),
    undo: async () => void (await shell(`rm ${conf}; ${stop}`)),
  };
}
