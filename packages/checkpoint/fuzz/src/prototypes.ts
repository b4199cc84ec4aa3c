/** Finds out whether a file has changed what all objects share. */

const SHARED = [Object, Array, Map, Set, String, Number, Function, Promise, Uint8Array].map(
  ({ prototype }) => prototype,
);

const describe = (): string => SHARED.map((prototype) => Reflect.ownKeys(prototype).map(String).join()).join(";");

const before = describe();

/** Throws where a prototype has got, or lost, a property. */
export function checkPrototypes(): void {
  if (describe() !== before) throw new Error("a prototype was changed");
}
