import { useEffect, useState } from 'preact/hooks';

type Choice = 'system' | 'light' | 'dark';
const KEY = 'cloud-jobs-theme';
const dark = matchMedia('(prefers-color-scheme: dark)');

/** The theme in use, and a function that steps through system, light and dark. The choice is kept in this browser. */
export function useTheme(): { theme: 'light' | 'dark'; choice: Choice; next: () => void } {
  const [choice, setChoice] = useState<Choice>(
    () => (localStorage.getItem(KEY) as Choice | null) ?? 'system',
  );
  const [system, setSystem] = useState(dark.matches);
  useEffect(() => {
    const change = (): void => setSystem(dark.matches);
    dark.addEventListener('change', change);
    return () => dark.removeEventListener('change', change);
  }, []);
  const theme = choice === 'system' ? (system ? 'dark' : 'light') : choice;
  document.documentElement.dataset.theme = theme;
  return {
    theme,
    choice,
    next: () => {
      const order: Choice[] = ['system', 'light', 'dark'];
      const chosen = order[(order.indexOf(choice) + 1) % order.length] ?? 'system';
      localStorage.setItem(KEY, chosen);
      setChoice(chosen);
    },
  };
}
