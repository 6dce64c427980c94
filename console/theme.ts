// Light or dark: the system's choice until the button is used, which is remembered.

import { icon } from './dom.ts';
import type { ThemeName } from './scale.ts';

const STORAGE_KEY = 'hairpin-theme';
const MOON = 'M20 14.500A8.500 8.500 0 0 1 9.500 4 8.500 8.500 0 1 0 20 14.500z';
const SUN =
  'M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v2.500M12 19.500V22M2 12h2.500M19.500 12H22M4.900 4.900l1.800 1.800M17.300 17.300l1.800 1.800M19.100 4.900l-1.800 1.800M6.700 17.300l-1.800 1.800';

export function createTheme(button: HTMLButtonElement, changed: () => void): () => ThemeName {
  const system = matchMedia('(prefers-color-scheme: dark)');
  const current = (): ThemeName => {
    const chosen = document.documentElement.dataset['theme'];
    return chosen === 'light' || chosen === 'dark' ? chosen : system.matches ? 'dark' : 'light';
  };
  const draw = () => {
    const other = current() === 'dark' ? 'light' : 'dark';
    button.replaceChildren(icon(other === 'dark' ? MOON : SUN));
    button.setAttribute('aria-label', `Change to the ${other} theme`);
    button.title = `Change to the ${other} theme`;
  };
  button.addEventListener('click', () => {
    const next = current() === 'dark' ? 'light' : 'dark';
    document.documentElement.dataset['theme'] = next;
    localStorage.setItem(STORAGE_KEY, next);
    draw();
    changed();
  });
  system.addEventListener('change', () => {
    draw();
    changed();
  });
  draw();
  return current;
}
