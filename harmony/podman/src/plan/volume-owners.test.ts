import { describe, expect, test } from "vitest";
import { container, desired, type Have, inWords, proved, snapshot, version } from "../../test/scene.ts";
import { plan } from "./planner.ts";

const MINE = "namespace shop of git:demo";
const OTHERS = "namespace default of git:demo";
const web = { services: [{ name: "web", image: "x:1", volumes: ["data:/data"] }] };
const plain = { services: [{ name: "web", image: "x:1" }] };
const stands: Have = { containers: [container("web", web)], images: ["x:1"], volumes: ["app_data"], ...proved(web) };
const owned = (volumes: Readonly<Record<string, string>>) => ({ volumes: { ...volumes } });

function planned(data: unknown, have: Have, owner?: string) {
  const { steps, blocked } = plan({ ...desired(data, { revision: "1" }), ...(owner === undefined ? {} : { owner }) }, snapshot(have));
  return { steps, words: steps.map(inWords), blocked };
}

describe("a deployment with a volume", () => {
  test.each<[string, Have, string[]]>([
    ["that nobody left gets it", { images: ["x:1"] }, ["create volume app_data", "create app_web", "start app_web"]],
    [
      "that an earlier agent left gets it: nothing says whose it is",
      { images: ["x:1"], volumes: ["app_data"] },
      ["create app_web", "start app_web"],
    ],
    [
      "that it left itself gets it back",
      { images: ["x:1"], volumes: ["app_data"], record: owned({ app_data: MINE }) },
      ["create app_web", "start app_web"],
    ],
    ["that another left is refused", { images: ["x:1"], volumes: ["app_data"], record: owned({ app_data: OTHERS }) }, []],
    [
      "that another left and a person removed is first written down",
      { images: ["x:1"], record: owned({ app_data: OTHERS }) },
      ["journal: whose its volumes are"],
    ],
    [
      "of which only another volume is another's gets its own",
      { images: ["x:1"], volumes: ["app_old"], record: owned({ app_old: OTHERS }) },
      ["create volume app_data", "create app_web", "start app_web"],
    ],
    ["that stands has it written down", stands, ["journal: whose its volumes are"]],
    [
      "that was taken over while it stood has that written down",
      { ...stands, record: { good: version(web), ...owned({ app_data: OTHERS }) } },
      ["journal: whose its volumes are"],
    ],
    ["of which all is written down is at rest", { ...stands, record: { good: version(web), ...owned({ app_data: MINE }) } }, []],
  ])("%s", (_, have, steps) => {
    expect(planned(web, have, MINE).words).toEqual(steps);
  });

  test("says whose the data is, and what would repair it", () => {
    const { blocked } = planned(web, { images: ["x:1"], volumes: ["app_data"], record: owned({ app_data: OTHERS }) }, MINE);
    expect(blocked).toMatchObject([{ subject: "web", reason: "VolumeOfAnother" }]);
    expect(blocked[0]?.message).toMatch(
      /^volume "app_data" of service "web" has the data of another deployment "app", of namespace default of git:demo/,
    );
    expect(blocked[0]?.message).toContain("podman volume rm app_data");
  });

  test("serves on while a change asks for another's volume", () => {
    const have: Have = {
      containers: [container("web", plain)],
      images: ["x:1"],
      volumes: ["app_data"],
      record: { good: version(plain), ...owned({ app_data: OTHERS }) },
    };
    expect(planned(web, have, MINE)).toMatchObject({ words: [], blocked: [{ reason: "VolumeOfAnother" }] });
  });

  test("of which nobody says whose it is, is planned as ever", () => {
    expect(planned(web, { images: ["x:1"], volumes: ["app_data"], record: owned({ app_data: OTHERS }) }).words).toEqual([
      "create app_web",
      "start app_web",
    ]);
    expect(planned(web, stands).words).toEqual([]);
  });
});

describe("a removal writes down whose the volumes are that it leaves", () => {
  const last = (have: Have, owner?: string) => planned(null, have, owner).steps.find(({ kind }) => kind === "journal");
  test.each<[string, Have, string | undefined, object | undefined]>([
    ["its own", stands, MINE, { volumes: { app_data: MINE } }],
    ["one of v0.1.0 when its containers are gone", { volumes: ["app_data"] }, MINE, { volumes: { app_data: MINE } }],
    [
      "another's stays another's",
      { volumes: ["app_data", "app_old"], record: owned({ app_old: OTHERS }) },
      MINE,
      { volumes: { app_data: MINE, app_old: OTHERS } },
    ],
    [
      "what is known, where it is not known whose it is",
      { volumes: ["app_data"], record: { good: version(web), ...owned({ app_data: OTHERS }) } },
      undefined,
      { volumes: { app_data: OTHERS }, good: null },
    ],
  ])("%s", (_, have, owner, record) => {
    expect(last(have, owner)).toMatchObject({ record });
  });

  test("once, and no more than that", () => {
    expect(last({ volumes: ["app_data"], record: owned({ app_data: MINE }) }, MINE)).toBeUndefined();
    expect(last({ record: { good: version(web), ...owned({ app_data: MINE }) } }, MINE)).toMatchObject({ record: null });
    expect(last({ volumes: ["app_data"] })).toBeUndefined();
  });
});
