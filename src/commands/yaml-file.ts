import {
  type Alias,
  type Document,
  isAlias,
  isCollection,
  isMap,
  isPair,
  isScalar,
  LineCounter,
  type Node,
  parseDocument,
  type Scalar,
  visit,
  type YAMLParseError,
  type YAMLWarning,
} from 'yaml';

/** Tags that only say what YAML would read anyway. Others make values that JSON has not, such as a set or bytes. */
const PLAIN_TAG = /^(!|tag:yaml\.org,2002:(str|int|float|bool|null|map|seq))$/;
/** Values after all aliases are followed: enough for a thousand jobs, too few to fill the memory. */
const MOST_VALUES = 500_000;
const NO_TEXT = 'a name must be a text';
const TOO_DEEP = 'it is nested too deep';

/** A YAML file as plain values. Whole numbers are bigints, so that none is rounded. */
export interface YamlFile {
  readonly content: unknown;
  /** The line of a key of a map at the top level, such as of `jobs.report`; null if it has none. */
  lineOf(map: string, key: string): number | null;
}

/**
 * Reads one YAML 1.2 document, and refuses what would change on its way to JSON.
 * @param textDepth so many names deep, a number or a truth value stays the text that is written
 * @returns the values, or every problem with its line
 */
export function readYaml(
  bytes: Uint8Array,
  textDepth: number,
): YamlFile | { readonly problems: readonly string[] } {
  const text = decode(bytes);
  if (typeof text === 'number') {
    return {
      problems: [`line ${text}: it is not UTF-8, or has a NUL character. Save the file with this encoding`],
    };
  }
  try {
    return readDocument(text, textDepth);
  } catch (error) {
    if (error instanceof RangeError) return { problems: [TOO_DEEP] };
    throw error;
  }
}

function readDocument(text: string, textDepth: number): ReturnType<typeof readYaml> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, intAsBigInt: true });
  const lineAt = (offset: number): number => lines.linePos(offset).line;
  const source = text.split('\n');
  const problems = [...document.errors, ...document.warnings].flatMap((error) => {
    const line = lineAt(error.pos[0]);
    const reason = quoteHint(source[line - 1] ?? '') ?? errorWords(error);
    return reason === null ? [] : [`line ${line}: ${reason}`];
  });
  keepText(document, textDepth);
  problems.push(...nodeProblems(document, (node) => lineAt(node.range?.[0] ?? 0), source));
  // One mistake makes several errors on its line.
  if (problems.length > 0) return { problems: [...new Set(problems)] };
  return {
    content: document.toJS({ maxAliasCount: -1 }),
    lineOf(map, key) {
      const node = document.get(map);
      const pair = isMap(node) ? node.items.find((item) => String(item.key) === key) : undefined;
      const start = (pair?.key as Node | undefined)?.range?.[0];
      return start === undefined ? null : lineAt(start);
    },
  };
}

/** An error of the parser in words for people; null if the check of the nodes says it. */
function errorWords({ code, message }: YAMLParseError | YAMLWarning): string | null {
  if (message.startsWith('Maximum call stack')) return TOO_DEEP;
  switch (code) {
    case 'DUPLICATE_KEY':
      return 'this name is there twice';
    case 'MULTIPLE_DOCS':
      return 'a second document begins here (---). Put everything into one';
    case 'TAG_RESOLVE_FAILED': {
      const [, core] = /^Unresolved tag: tag:yaml\.org,2002:(\w+)$/.exec(message) ?? [];
      return core !== undefined && PLAIN_TAG.test(`tag:yaml.org,2002:${core}`)
        ? `the tag !!${core} does not fit its value. Remove it`
        : null;
    }
    default:
      return message;
  }
}

/** Makes scalars under so many names the text that is written: 007 stays 007, and 1.10 stays 1.10. */
function keepText(document: Document, depth: number): void {
  visit(document, {
    Scalar: (key, node, path) => {
      if (key !== 'value' || path.filter(isPair).length !== depth) return;
      if (node.type === 'PLAIN' && node.value !== null && node.source !== undefined) node.value = node.source;
    },
  });
}

function nodeProblems(document: Document, lineOf: (node: Node) => number, source: string[]): string[] {
  const problems: string[] = [];
  const problem = (node: Node, text: string) => problems.push(`line ${lineOf(node)}: ${text}`);
  if (document.directives?.yaml.explicit && document.directives.yaml.version !== '1.2') {
    problems.push(
      'line 1: it says %YAML 1.1, which reads yes, 010 and dates in another way. Remove the line',
    );
  }
  visit(document, {
    Pair: (_, { key }) => {
      if (isScalar(key)) {
        const found = nameProblem(key);
        if (found !== null) problem(key, found);
      } else if (key !== null) {
        const at = key as Node;
        problem(at, quoteHint(source[lineOf(at) - 1] ?? '') ?? NO_TEXT);
      }
    },
    Alias: (_, alias) => {
      if (alias.resolve(document)) return;
      const hint = quoteHint(source[lineOf(alias) - 1] ?? '');
      problem(
        alias,
        hint ?? `*${alias.source} has no &${alias.source} before it. If it is a text, put it in quotes`,
      );
    },
    Node: (key, node) => {
      if (
        isScalar(node) &&
        key !== 'key' &&
        typeof node.value !== 'string' &&
        /^[+-]?0\d/.test(node.source ?? '')
      )
        problem(node, `${node.source} is the number ${node.value}. Put it in quotes, or leave out the 0`);
      const { tag } = node as { tag?: string };
      if (tag === undefined || PLAIN_TAG.test(tag)) return;
      const name = tag.replace('tag:yaml.org,2002:', '!!');
      problem(node as Node, `the tag ${name} is not used here, because JSON has no such value. Remove it`);
    },
  });
  if (problems.length === 0) {
    const large = tooLarge(document);
    if (large !== null) problem(large.node, large.reason);
  }
  return problems;
}

/** What is wrong with a name: JSON has only texts, and the parser would write another one for `~` or `0x10`. */
function nameProblem({ value, source, type }: Scalar): string | null {
  if (value === '<<' && type === 'PLAIN') return 'YAML 1.2 has no <<: write the fields out';
  const isKept = typeof value === 'string' || (value !== null && String(value) === source);
  return isKept ? null : NO_TEXT;
}

/** The first alias that is part of its own value, or with which the values are more than are read. */
function tooLarge(document: Document): { readonly node: Alias; readonly reason: string } | null {
  const counts = new Map<unknown, number>();
  let found: { node: Alias; reason: string } | null = null;
  let total = 0;
  const count = (node: unknown): number => {
    if (isPair(node)) return count(node.key) + count(node.value);
    if (isAlias(node)) {
      const values = counts.get(node.resolve(document));
      total += values ?? 0;
      if (values === undefined) {
        found ??= { node, reason: `*${node.source} is part of what &${node.source} names` };
      } else if (total > MOST_VALUES) {
        found ??= {
          node,
          reason: `with what *${node.source} repeats it has more than ${MOST_VALUES} values`,
        };
      }
      return values ?? 0;
    }
    total += 1;
    const sum = isCollection(node) ? node.items.reduce<number>((all, item) => all + count(item), 1) : 1;
    counts.set(node, sum);
    return sum;
  };
  count(document.contents);
  return found;
}

/** What to write for a line such as `schedule: @daily`, whose value YAML takes for something else. */
function quoteHint(line: string): string | null {
  const [, key, value] = /^\s*(?:-\s+)?([\w-]+):\s*([*@`%][^#]*?)\s*(?:#.*)?$/.exec(line) ?? [];
  if (key === undefined || value === undefined) return null;
  const sign =
    value[0] === '*' ? 'a bare * for the name of something else' : `${value[0]} for a sign of its own`;
  return `put the value of ${key} in quotes, ${key}: "${value}": YAML takes ${sign}`;
}

/** The text of UTF-8 bytes with its lines ended by LF, or the first line that is none or has a NUL character. */
function decode(bytes: Uint8Array): string | number {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  try {
    const text = decoder.decode(bytes).replace(/\r\n?/g, '\n');
    const nul = text.indexOf('\0');
    return nul === -1 ? text : text.slice(0, nul).split('\n').length;
  } catch {
    const buffer = Buffer.from(bytes);
    for (let start = 0, line = 1; start <= buffer.length; line++) {
      const end = buffer.indexOf('\n', start);
      const part = buffer.subarray(start, end === -1 ? buffer.length : end);
      try {
        decoder.decode(part);
      } catch {
        return line;
      }
      if (end === -1) break;
      start = end + 1;
    }
    return 1;
  }
}
