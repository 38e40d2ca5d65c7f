// Where a file's stories happen: one shop, its people, and the owner at the desk. Each story's visitors leave before the next begins.

import { after, afterEach, before } from "node:test";
import { People } from "./people.mjs";
import { World } from "./world.mjs";

/** @type {World} */
export let world;
/** @type {People} */
export let people;
/** Signed in already, in the demo's shop. @type {import("./people.mjs").Owner} */
export let owner;

/** The demo's shop, open for business. */
export function theDemo() {
  set(() => World.demo(), async () => {
    owner = await people.owner();
    world.key = await people.key();
  });
}

/** A shop with nothing in it, into which nobody has signed in yet. @param {string} name */
export function anEmptyShop(name) {
  set(() => World.empty(name), async () => {});
}

/** @param {() => Promise<World>} open @param {() => Promise<void>} enter */
function set(open, enter) {
  before(async () => {
    world = await open();
    people = await People.meet(world);
    await enter();
  });
  afterEach(() => people.leave());
  after(async () => {
    await people?.end();
    await world?.end();
  });
}
