import type { Root, RootContent } from 'hast';
import rehypeRaw from 'rehype-raw';
import rehypeSanitize, { defaultSchema } from 'rehype-sanitize';
import rehypeStringify from 'rehype-stringify';
import remarkGfm from 'remark-gfm';
import remarkParse from 'remark-parse';
import remarkRehype from 'remark-rehype';
import { unified } from 'unified';

/**
 * What GitHub lets through. `defaultSchema` follows GitHub, but leaves out a few elements of its list.
 * Source: html-pipeline, lib/html_pipeline/sanitization_filter.rb.
 */
const schema = {
  ...defaultSchema,
  tagNames: [
    ...(defaultSchema.tagNames ?? []),
    ...['abbr', 'bdo', 'cite', 'dfn', 'mark', 'small', 'time', 'wbr', 'caption', 'figure', 'figcaption'],
  ],
};

/** GitHub lets the text of headings, paragraphs and lists decide on their direction. */
const directions = () => (tree: Root) => {
  const visit = (node: Root | RootContent): void => {
    if (node.type === 'element' && /^(h[1-6]|p|ul|ol)$/.test(node.tagName)) {
      node.properties = { ...node.properties, dir: 'auto' };
    }
    if ('children' in node) for (const child of node.children) visit(child);
  };
  visit(tree);
};

const pipeline = unified()
  .use(remarkParse)
  .use(remarkGfm)
  .use(remarkRehype, { allowDangerousHtml: true })
  .use(rehypeRaw)
  .use(rehypeSanitize, schema)
  .use(directions)
  .use(rehypeStringify);

/** Markdown as the HTML that GitHub makes of it: its dialect, its list of what may stay, charts as it marks them. */
export const githubHtml = (text: string): string =>
  String(pipeline.processSync(text)).replaceAll(
    /<pre><code class="language-mermaid">([\s\S]*?)<\/code><\/pre>/g,
    '<pre class="mermaid">$1</pre>',
  );
