// The workload repository of the demo: two files, as a workload developer would have them.

export const README = `# hello-world

Edit this, git push, done.
What became of it: iot status, iot explain hello-world.
`;

export function deploymentYaml({
  name = "hello-world",
  device,
  image,
  port,
}: {
  name?: string;
  device: string;
  image: string;
  port: number;
}): string {
  return `apiVersion: iot.nationtech.io/v1alpha1
kind: Deployment
metadata:
  name: ${name}
spec:
  targetDevices:
    - ${device}
  score:
    type: PodmanV0
    data:
      services:
        - name: hello
          image: ${image}
          ports: ["${port}:80"]
  rollout:
    strategy: Immediate
`;
}
