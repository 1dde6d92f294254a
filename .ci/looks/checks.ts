import type { Page } from 'playwright-core';

/** WCAG AA: what people with weaker eyes, or a phone in the sun, can read. */
export const READABLE = 4.5;
/** The same for large text, and the least for diagrams whose colours are Mermaid's. */
export const LEAST = 3;

/**
 * What is wrong with a page as it stands in its window: it is wider than the window, text is cut off, text is hard to
 * read on what is behind it, or a chart is no picture. Blocks of code scroll by themselves and may be wide.
 */
export async function faultsOf(page: Page, contrast = READABLE): Promise<string[]> {
  // All of it in the window, so that the browser can say what is behind each text.
  const size = page.viewportSize() ?? { width: 1012, height: 700 };
  const height = await page.evaluate(() => document.documentElement.scrollHeight);
  await page.setViewportSize({ width: size.width, height: Math.max(size.height, height) });
  const faults = await page.evaluate(lookForFaults, [contrast, LEAST] as const);
  await page.setViewportSize(size);
  return faults;
}

/** Runs in the browser: nothing from outside of it is there. */
function lookForFaults([contrast, contrastLarge]: readonly [number, number]): string[] {
  type Colour = readonly [number, number, number, number];
  const faults: string[] = [];
  const wide = document.documentElement.scrollWidth - window.innerWidth;
  if (wide > 0) faults.push(`the page is ${wide} px wider than its window`);

  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = 1;
  const paint = canvas.getContext('2d', { willReadFrequently: true });
  const colours = new Map<string, Colour>();
  /** Any notation of CSS as red, green, blue (0 to 255) and opacity (0 to 1). */
  const colourOf = (css: string): Colour => {
    const known = colours.get(css);
    if (known) return known;
    if (!paint || css === '' || css === 'none') return [0, 0, 0, 0];
    paint.clearRect(0, 0, 1, 1);
    paint.fillStyle = css;
    paint.fillRect(0, 0, 1, 1);
    const [red = 0, green = 0, blue = 0, alpha = 0] = paint.getImageData(0, 0, 1, 1).data;
    const colour: Colour = [red, green, blue, alpha / 255];
    colours.set(css, colour);
    return colour;
  };
  const luminance = ([red, green, blue]: Colour): number => {
    const part = (value: number): number => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    };
    return 0.2126 * part(red) + 0.7152 * part(green) + 0.0722 * part(blue);
  };
  const isDrawn = (element: Element): boolean => element instanceof SVGGeometryElement;
  const isText = (element: Element): boolean =>
    element instanceof SVGTextElement || element instanceof SVGTSpanElement;
  /** The first thing behind a point that lets nothing through. */
  const behind = (x: number, y: number): Colour => {
    for (const element of document.elementsFromPoint(x, y)) {
      if (isText(element)) continue;
      const style = getComputedStyle(element);
      const colour = colourOf(isDrawn(element) ? style.fill : style.backgroundColor);
      const share = colour[3] * (isDrawn(element) ? Number(style.fillOpacity) : 1) * Number(style.opacity);
      if (share > 0.9) return colour;
    }
    return [255, 255, 255, 1];
  };

  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const words = node.textContent?.trim() ?? '';
    const parent = node.parentElement;
    if (words === '' || !parent || parent.closest('style, script') || !parent.checkVisibility()) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const boxes = [...range.getClientRects()].filter(({ width, height }) => width > 1 && height > 1);
    const [box] = boxes;
    if (!box) continue;
    const name = words.length > 40 ? `${words.slice(0, 40)}…` : words;
    let right = window.innerWidth;
    for (let up: Element | null = parent; up; up = up.parentElement) {
      if (getComputedStyle(up).overflowX !== 'visible' && !(up instanceof SVGElement)) {
        right = Math.min(right, up.getBoundingClientRect().right);
      }
    }
    if (boxes.some((one) => one.left < -1 || one.right > right + 1) && !parent.closest('pre:not(.mermaid)')) {
      faults.push(`"${name}" is cut off`);
      continue;
    }
    const style = getComputedStyle(parent);
    const colour = colourOf(isText(parent) ? style.fill : style.color);
    const ground = behind((box.left + Math.min(box.right, right)) / 2, (box.top + box.bottom) / 2);
    const [light, dark] = [luminance(colour), luminance(ground)].sort((a, b) => b - a);
    const ratio = ((light ?? 0) + 0.05) / ((dark ?? 0) + 0.05);
    const pixels = Number.parseFloat(style.fontSize);
    const large = pixels >= 24 || (pixels >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (large ? contrastLarge : contrast)) {
      faults.push(`"${name}" has a contrast of ${ratio.toFixed(1)}: ${colour} on ${ground}`);
    }
  }

  for (const chart of document.querySelectorAll('.mermaid')) {
    const picture = chart.querySelector('svg');
    const box = picture?.getBoundingClientRect();
    if (!picture || !box || box.width < 50 || box.height < 50) faults.push('a chart is no picture');
    else if (/syntax error/i.test(picture.textContent)) faults.push('a chart is a picture of an error');
  }
  return faults;
}
