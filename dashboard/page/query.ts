import { useLocation } from 'preact-iso';

/** Changes parameters of the URL; null removes one. */
export type SetQuery = (changes: Record<string, string | null>) => void;

/** The filters of a view, which live in the URL so that a link shows the same. */
export function useQuery(): [URLSearchParams, SetQuery] {
  const { url, path, route } = useLocation();
  const search = url.includes('?') ? url.slice(url.indexOf('?')) : '';
  return [
    new URLSearchParams(search),
    (changes) => {
      const next = new URLSearchParams(search);
      for (const [name, value] of Object.entries(changes)) {
        if (value === null || value === '') next.delete(name);
        else next.set(name, value);
      }
      const text = next.toString();
      route(text === '' ? path : `${path}?${text}`, true);
    },
  ];
}
