// One Deployment as a workload developer writes it.

export function workload(name: string, options: { image?: string; devices?: readonly string[]; namespace?: string } = {}): string {
  const { image = "docker.io/library/nginx:1", devices = ["pi-1"], namespace } = options;
  return `apiVersion: iot.nationtech.io/v1alpha1
kind: Deployment
metadata: { name: ${name}${namespace === undefined ? "" : `, namespace: ${namespace}`} }
spec:
  targetDevices: [${devices.join(", ")}]
  score:
    type: PodmanV0
    data:
      services:
        - name: web
          image: ${image}
`;
}
