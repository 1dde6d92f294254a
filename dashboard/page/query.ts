import { useLocation } from 'preact-iso';

/** The filters of a view, which live in the URL so that a link shows the same. Null removes one. */
export function useQuery(): [URLSearchParams, (changes: Record<string, string | null>) => void] {
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
