/** What is asked for, where, under which name, with which hash. */

import { ArgumentError } from "@kindling/core";
import { describe, expect, it } from "vitest";
import { resolveRequest } from "../../dist/hub/request.js";

const resnet = "resnet18-f37072fd.pth";
const pytorch = "https://download.pytorch.org/models/";

describe("addresses", () => {
  it("of a name are PyTorch's, or the mirrors' in order", () => {
    expect(resolveRequest(resnet, {}, undefined).urls).toEqual([pytorch + resnet]);
    expect(resolveRequest(resnet, {}, " ").urls).toEqual([pytorch + resnet]);
    expect(resolveRequest(resnet, {}, "https://a/x, https://b/\nhttp://c").urls).toEqual([
      `https://a/x/${resnet}`,
      `https://b/${resnet}`,
      `http://c/${resnet}`,
    ]);
    expect(resolveRequest(resnet, { mirrors: ["https://mine/"] }, "https://a").urls).toEqual([
      `https://mine/${resnet}`,
    ]);
    expect(resolveRequest(resnet, { mirrors: "https://mine" }, "https://a").urls).toEqual([`https://mine/${resnet}`]);
  });

  it("of PyTorch's are looked for on mirrors as well, others only where they are", () => {
    const quantized = `quantized/${resnet}`;
    expect(resolveRequest(pytorch + quantized, {}, "https://a")).toMatchObject({
      urls: [`https://a/${quantized}`],
      name: resnet,
    });
    expect(resolveRequest(new URL("https://example.org/x.pth"), {}, "https://a").urls).toEqual([
      "https://example.org/x.pth",
    ]);
  });

  it.each([
    ["file:///x.pth", {}],
    ["ftp://example.org/x.pth", {}],
    ["https://", {}],
    [resnet, { mirrors: "mirror.example.org" }],
    [resnet, { mirrors: "/srv/weights" }],
  ])("%s %o is refused", (source, options) => {
    expect(() => resolveRequest(source, options, undefined)).toThrow(ArgumentError);
  });
});

describe("the name", () => {
  it("is the last part of the address as it stands", () => {
    expect(resolveRequest("https://a/b/my%20net.pth?download=true#x", {}, undefined).name).toBe("my%20net.pth");
    expect(resolveRequest("https://a/b/x.pth", { fileName: "y.pth" }, undefined).name).toBe("y.pth");
  });

  it.each([
    ["https://a/b/", {}],
    ["https://a/x.pth", { fileName: "../x.pth" }],
    ["https://a/x.pth", { fileName: ".." }],
    ["https://a/x.pth", { fileName: "a\\x.pth" }],
  ])("of %s %o is refused", (source, options) => {
    expect(() => resolveRequest(source, options, undefined)).toThrow(/fileName/);
  });
});

describe("the hash", () => {
  const hashOf = (source: string, options = {}): string | undefined => resolveRequest(source, options, undefined).hash;

  it("is in the name, as torch.hub reads it, where it is asked for", () => {
    expect(hashOf(resnet)).toBeUndefined();
    expect(hashOf(resnet, { checkHash: true })).toBe("f37072fd");
    expect(hashOf("alexnet-owt-7be5be79.pth", { checkHash: true })).toBe("7be5be79");
    expect(hashOf("my-net.pth", { checkHash: true })).toBeUndefined();
    expect(hashOf("https://a/x.pth", { checkHash: true, fileName: "x-abcd.pth" })).toBe("abcd");
  });

  it("is the caller's before the registry's, and none if the caller wants none", () => {
    expect(hashOf(resnet, { hashPrefix: "F37072" })).toBe("f37072");
    expect(hashOf(resnet, { hashPrefix: "f37072", checkHash: "AB" })).toBe("ab");
    expect(hashOf(resnet, { hashPrefix: "f37072", checkHash: false })).toBeUndefined();
    expect(() => hashOf(resnet, { checkHash: "f37072fg" })).toThrow(ArgumentError);
    expect(() => hashOf(resnet, { checkHash: "" })).toThrow(ArgumentError);
  });
});
