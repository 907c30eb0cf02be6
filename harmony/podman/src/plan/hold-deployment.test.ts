// The planner while a person holds a deployment, and after.

import { testTable } from "../../test/planner-table.ts";
import { container } from "../../test/scene.ts";

const web = (image: string) => ({ services: [{ name: "web", image, ports: ["8080:80"] }] });
const v1 = web("x:1");
const pair = { services: [...v1.services, { name: "db", image: "db:1" }] };
const hold = { reason: "calibration", until: "2027-01-15T10:00:00Z" };

testTable({
  "a hold": [
    {
      name: "stops what runs",
      want: pair,
      more: { hold },
      have: { containers: [container("web", pair), container("db", pair, { state: "paused" })] },
      steps: ["journal: a person holds it", "stop app_web 300s", "unpause app_db", "stop app_db 300s"],
    },
    { name: "makes nothing", want: v1, more: { hold }, have: { absent: ["x:1"] }, steps: [] },
    {
      name: "leaves down what is down",
      want: web("x:2"),
      more: { hold },
      have: { images: ["x:2"], containers: [container("web", v1, { state: "exited" })] },
      steps: [],
    },
    {
      name: "that is over: what it stopped is started again",
      want: v1,
      have: { containers: [container("web", v1, { state: "exited", stoppedByUser: true })] },
      steps: ["start app_web"],
    },
    {
      name: "does not keep from a removal",
      want: null,
      more: { hold },
      have: { containers: [container("web", v1)] },
      steps: ["stop app_web 300s", "remove app_web"],
    },
  ],
});
