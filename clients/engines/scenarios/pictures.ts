import { NotThere, type Scenario } from "./scenario.ts";

export const PICTURES: Scenario = {
  name: "pictures: six views look as they did",
  async run(stage) {
    if (stage.engine !== "Chromium") throw new NotThere("taken in Chromium alone");
    // Its packages are not there for the short set.
    const { compare } = await import("../pictures/compare.ts");
    await compare(stage);
  },
};
