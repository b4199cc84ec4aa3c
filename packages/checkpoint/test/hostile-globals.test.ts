/** Code that a pickle would run, in every disguise: refused by name before anything is done, or as no pickle of data. */

import { CheckpointError, load } from "@kindling/checkpoint";
import { describe, expect, it } from "vitest";
import { archive, ascii, storage } from "./archive.js";
import { outcome } from "./outcome.js";

/** The refusal of a program. */
async function refusal(program: string): Promise<CheckpointError> {
  const error: unknown = await load(await archive(ascii(program), { "0": new Uint8Array(16) })).then(
    (value) => value,
    (reason: unknown) => reason,
  );
  expect(error, program).toBeInstanceOf(CheckpointError);
  return error as CheckpointError;
}

/** Opcodes that push a string, in protocol 4. */
const text = (string: string): string => `\x8c${String.fromCharCode(string.length)}${string}`;

/** The name of a global as a line of protocol 0 has it. */
const lines = (name: string): string => {
  const dot = name.lastIndexOf(".");
  return `${name.slice(0, dot)}\n${name.slice(dot + 1)}\n`;
};

describe("a global that is not of the list is refused by name, however it is asked for", () => {
  const names = [
    ...[
      "os.system",
      "posix.system",
      "nt.system",
      "os.popen",
      "os.execv",
      "subprocess.Popen",
      "subprocess.check_output",
    ],
    ...[
      "builtins.eval",
      "builtins.exec",
      "builtins.compile",
      "builtins.open",
      "builtins.getattr",
      "builtins.__import__",
    ],
    ...["__builtin__.eval", "__builtin__.apply", "__builtin__.execfile", "__builtin__.getattr", "__builtin__.file"],
    ...["importlib.import_module", "runpy.run_path", "pty.spawn", "shutil.rmtree", "socket.socket", "ctypes.CDLL"],
    ...["operator.attrgetter", "operator.methodcaller", "operator.itemgetter", "functools.partial", "functools.reduce"],
    ...["builtins.map", "builtins.filter", "builtins.type", "builtins.vars", "builtins.globals", "builtins.setattr"],
    ...["types.FunctionType", "types.CodeType", "code.interact", "pickle.loads", "_pickle.loads", "marshal.loads"],
    ...["copyreg.add_extension", "copyreg._extension_registry", "codecs.encode", "_codecs.decode"],
    ...["torch.load", "torch.hub.load", "torch.jit.load", "torch.ops.load_library", "torch.storage._load_from_bytes"],
    ...["torch._utils._import_dotted_name", "torch.serialization.load", "torch.nn.modules.linear.Linear"],
    ...["torch._C._jit_pass_lint", "torch.utils.cpp_extension.load", "torch.classes.load_library"],
    ...["numpy.load", "numpy.f2py.compile", "numpy.core.multiarray.fromfile", "numpy.ctypeslib.load_library"],
    ...["pathlib.Path.write_text", "collections.namedtuple", "collections.abc.Mapping", "constructor.constructor"],
    ...["toString.call", "hasOwnProperty.call", "__proto__.polluted", "torch.__proto__", "torch.constructor"],
  ];
  const ways: Readonly<Record<string, (name: string) => string>> = {
    GLOBAL: (name) => `c${lines(name)}.`,
    "GLOBAL and REDUCE": (name) => `c${lines(name)}(X\x02\0\0\0lstR.`,
    "GLOBAL, dropped again": (name) => `c${lines(name)}0N.`,
    INST: (name) => `(S'ls'\ni${lines(name)}.`,
    OBJ: (name) => `(c${lines(name)}S'ls'\no.`,
    NEWOBJ: (name) => `c${lines(name)})\x81.`,
    NEWOBJ_EX: (name) => `c${lines(name)})}\x92.`,
    "BUILD with a state": (name) => `c${lines(name)})\x81}(X\x01\0\0\0aK\x01ub.`,
    STACK_GLOBAL: (name) => {
      const [module, attribute] = lines(name).split("\n");
      return `\x80\x04${text(module)}${text(attribute)}\x93)R.`;
    },
    "STACK_GLOBAL of memo, duplicates and dropped values": (name) => {
      const [module, attribute] = lines(name).split("\n");
      return `\x80\x04${text(attribute)}\x94${text(module)}\x942N00h\x00\x93)R.`;
    },
    "the factory of a defaultdict": (name) => `ccollections\ndefaultdict\nc${lines(name)}\x85R.`,
    "a rebuilding function": (name) => `ctorch._tensor\n_rebuild_from_type_v2\n(c${lines(name)}ctorch\nTensor\n)}tR.`,
    "the class of a storage": (name) => `(X\x07\0\0\0storagec${lines(name)}X\x01\0\0\x000X\x03\0\0\0cpuI4\ntQ.`,
    "the key of a dict": (name) => `}c${lines(name)}Ns.`,
  };
  for (const [way, program] of Object.entries(ways))
    it(way, async () => {
      for (const name of names) {
        const error = await refusal(program(name));
        expect(error.kind, name).toBe("forbidden-global");
        expect(error.message, name).toContain(name);
      }
    });

  it("with a dotted name, which Python would follow", async () => {
    for (const [module, name] of [
      ["torch", "hub.load"],
      ["torch", "Tensor.__class__"],
      ["collections", "OrderedDict.__init__.__globals__"],
      ["builtins", "list.__subclasses__"],
      ["argparse", "Namespace.__setattr__"],
    ]) {
      const error = await refusal(`\x80\x04${text(module)}${text(name)}\x93.`);
      expect(error.kind).toBe("forbidden-global");
      expect(error.message).toContain(`${module}.${name}`);
    }
  });

  it("nested: the innermost is refused first", async () => {
    const error = await refusal(`cbuiltins\ngetattr\n(cos\nsystem\n${text("__call__")}tR.`);
    expect(error.message).toContain("builtins.getattr");
  });

  it("prints a name without what a terminal would act on, and in part where it is long", async () => {
    const error = await refusal(`c\x1b[2Jos\nsys\xe2\x80\xaetem\n.`);
    expect(error.message).toContain("\\u{1b}[2Jos.sys\\u{202e}tem");
    const long = await refusal(`c${"a".repeat(1e6)}\nb\n.`);
    expect(long.kind).toBe("forbidden-global");
    expect(long.message.length).toBeLessThan(1000);
  });
});

describe("known functions do not let anything else in", () => {
  const tricks: Readonly<Record<string, string>> = {
    "REDUCE of a string": "X\x02\0\0\0ls)R.",
    "REDUCE of a dict": "})R.",
    "REDUCE of a dtype": "ctorch\nfloat32\n)R.",
    "REDUCE of a storage class": "ctorch\nFloatStorage\n)R.",
    "arguments that are a list": "ccollections\nOrderedDict\n]R.",
    "INST of a tensor's function without arguments": "(itorch._utils\n_rebuild_tensor_v2\n.",
    "OBJ of nothing": "(o.",
    "NEWOBJ of a storage": `${storage("0", 4)})\x81.`,
    "NEWOBJ_EX with named arguments": `ccollections\nOrderedDict\n)}X\x01\0\0\0aNs\x92.`,
    "NEWOBJ_EX with a list of named arguments": "ccollections\nOrderedDict\n)]\x92.",
    "BUILD on a list": "]}b.",
    "BUILD on a dict": "}}b.",
    "BUILD on a string": "X\x01\0\0\0a}b.",
    "BUILD on a function": "ccollections\nOrderedDict\n}b.",
    "BUILD with a tuple of dict and slots": "cargparse\nNamespace\n)\x81N}\x86b.",
    "BUILD with a list": "cargparse\nNamespace\n)\x81]b.",
    "BUILD with names that are no strings": "cargparse\nNamespace\n)\x81}K\x01Nsb.",
    "a Namespace made with arguments": "cargparse\nNamespace\nN\x85\x81.",
    "copyreg._reconstructor of a tensor's function":
      "ccopyreg\n_reconstructor\n(ctorch._utils\n_rebuild_tensor_v2\nc__builtin__\nobject\nNtR.",
    "from_type_v2 of a container": "ctorch._tensor\n_rebuild_from_type_v2\n(cbuiltins\nlist\nctorch\nTensor\n])}tR.",
    "from_type_v2 of itself":
      "ctorch._tensor\n_rebuild_from_type_v2\n(ctorch._tensor\n_rebuild_from_type_v2\nctorch\nTensor\n)}tR.",
    "a tensor of a string": "ctorch._utils\n_rebuild_tensor_v2\n(X\x01\0\0\0aK\0)))NtR.",
    EXT1: "\x82\x01.",
    EXT2: "\x83\x01\0.",
    EXT4: "\x84\x01\0\0\0.",
    PERSID: "Pstorage\n.",
    "a persistent id that is a string": "X\x07\0\0\0storageQ.",
    "a persistent id that is a list": `](X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuI4\neQ.`,
    "a persistent id of another kind": `(X\x06\0\0\0modulectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuI4\ntQ.`,
    "a persistent id whose key is a tuple": "(X\x07\0\0\0storagectorch\nFloatStorage\n)X\x03\0\0\0cpuI4\ntQ.",
    NEXT_BUFFER: "\x97.",
    READONLY_BUFFER: "N\x98.",
    "protocol 6": "\x80\x06N.",
  };
  for (const [name, program] of Object.entries(tricks))
    it(name, async () => {
      expect((await refusal(program)).kind).toBe("bad-pickle");
    });

  it("a function or class is no part of a result", async () => {
    for (const place of ["%.", "]%a.", "}N%s.", "}%Ns.", "%\x85.", "(%\x91."])
      expect((await refusal(place.replace("%", "ccollections\nOrderedDict\n"))).kind, place).toBe("unsupported");
  });

  it("attributes are entries of a Map, whatever they are called", async () => {
    const keys = ["__proto__", "constructor", "prototype", "__dict__", "__class__", "__setstate__", "toString"];
    const state = `}(${keys.map((key) => `${text(key)}K\x01`).join("")}u`;
    for (const maker of ["cargparse\nNamespace\n)\x81", "ccollections\nOrderedDict\n)R", ""]) {
      const program = maker === "" ? `${state}.` : `${maker}${state}b.`;
      expect(typeof (await outcome(await archive(ascii(program))))).toBe("object");
    }
    const object = (await load(await archive(ascii(`cargparse\nNamespace\n)\x81${state}b.`)))) as {
      attributes: Map<unknown, unknown>;
    };
    expect([...object.attributes.keys()]).toEqual(keys);
    expect(Object.getPrototypeOf({})).toBe(Object.prototype);
    expect(({} as Record<string, unknown>).__dict__).toBeUndefined();
  });
});
