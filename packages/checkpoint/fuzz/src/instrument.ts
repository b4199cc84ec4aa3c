/**
 * A hook of Node's module loader that counts what the reader runs: a call of `fuzzHit(site)` at the beginning of every
 * function, branch, loop body, case and operand that may be skipped. Files on disk stay as they are.
 */

import type { LoadHook } from "node:module";
import { parseAst } from "rolldown/parseAst";

/** What is measured. */
const INSTRUMENTED = /\/packages\/checkpoint\/dist\/.*\.js$/;

interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
}

const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && typeof (value as Node).type === "string";

let sites = 0;

/** The source with a call at every place that may run or not. */
export function instrument(source: string): string {
  const insertions: { at: number; text: string }[] = [];
  const put = (at: number, text: string) => insertions.push({ at, text });
  const hit = () => `fuzzHit(${sites++})`;
  const statement = (node: unknown): void => {
    if (!isNode(node)) return;
    if (node.type === "BlockStatement") put(node.start + 1, `${hit()};`);
    else {
      put(node.start, `{${hit()};`);
      put(node.end, "}");
    }
  };
  const expression = (node: unknown): void => {
    if (!isNode(node)) return;
    put(node.start, `(${hit()},`);
    put(node.end, ")");
  };
  const visit = (node: Node): void => {
    switch (node.type) {
      case "ArrowFunctionExpression":
        if (node.expression === true) expression(node.body);
        else statement(node.body);
        break;
      case "FunctionDeclaration":
      case "FunctionExpression":
      case "ForStatement":
      case "ForOfStatement":
      case "ForInStatement":
      case "WhileStatement":
      case "CatchClause":
        statement(node.body);
        break;
      case "IfStatement":
        statement(node.consequent);
        statement(node.alternate);
        break;
      case "SwitchCase": {
        const [first] = node.consequent as Node[];
        if (first) put(first.start, `${hit()};`);
        break;
      }
      case "ConditionalExpression":
        expression(node.consequent);
        expression(node.alternate);
        break;
      case "LogicalExpression":
        expression(node.right);
    }
    for (const value of Object.values(node)) {
      if (Array.isArray(value)) value.filter(isNode).forEach(visit);
      else if (isNode(value)) visit(value);
    }
  };
  visit(parseAst(source) as unknown as Node);
  return spliced(source, insertions);
}

/** Texts at the same place keep their order: what encloses was put first, and what closes it must come last. */
function spliced(source: string, insertions: readonly { at: number; text: string }[]): string {
  const parts: string[] = [];
  let from = 0;
  const closing = (text: string) => (text === ")" || text === "}" ? 0 : 1);
  const order = [...insertions].sort((a, b) => a.at - b.at || closing(a.text) - closing(b.text));
  for (const { at, text } of order) {
    parts.push(source.slice(from, at), text);
    from = at;
  }
  return parts.join("") + source.slice(from);
}

export const load: LoadHook = async (url, context, nextLoad) => {
  const loaded = await nextLoad(url, context);
  if (!INSTRUMENTED.test(url) || loaded.source == null) return loaded;
  return { ...loaded, source: instrument(Buffer.from(loaded.source as Uint8Array).toString("utf8")) };
};
