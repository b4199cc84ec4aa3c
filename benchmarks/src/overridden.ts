// A device with some of its methods in other hands.

import type { Device } from "@kindling/core";

/** `own` in front of `inner`; what `own` does not have is the device's. */
export const overridden = <T extends object>(inner: Device, own: T): Device & T =>
  new Proxy(inner, {
    get(_, name) {
      if (Reflect.has(own, name)) return Reflect.get(own, name);
      const value = Reflect.get(inner, name, inner);
      return typeof value === "function" ? value.bind(inner) : value;
    },
  }) as Device & T;
