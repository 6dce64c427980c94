// The token that a page sends with its requests, where the API requires one. The tab keeps it until it is closed or
// signed out.

import { el } from './dom.ts';

const STORAGE_KEY = 'hairpin-token';

export function token(): string | undefined {
  return sessionStorage.getItem(STORAGE_KEY) ?? undefined;
}

export function forgetToken(): void {
  sessionStorage.removeItem(STORAGE_KEY);
}

/** Requests a token; `refused` when the one that was sent is not valid. */
export function tokenForm(refused: boolean, given: () => void): HTMLElement {
  const input = el('input', {
    type: 'password',
    id: 'token',
    name: 'token',
    required: true,
    // What a header can hold: a pasted ellipsis would fail in every request.
    pattern: '[\\x21-\\x7e]+',
    title: 'letters, digits, - and _',
    autocomplete: 'current-password',
    spellcheck: 'false',
    placeholder: 'hp_…',
  });
  const form = el(
    'form',
    {
      class: 'token-form',
      onsubmit: event => {
        event.preventDefault();
        sessionStorage.setItem(STORAGE_KEY, input.value.trim());
        given();
      },
    },
    el('label', { for: 'token' }, 'Token'),
    input,
    el('button', { type: 'submit', class: 'primary' }, 'Sign in'),
  );
  queueMicrotask(() => input.focus());
  return el(
    'section',
    { class: 'card first-start' },
    el('h2', {}, 'Sign in'),
    refused
      ? el('p', { class: 'bad', role: 'alert' }, 'This token is not valid. It may be mistyped or expired.')
      : el('p', {}, 'This Hairpin requires a token.'),
    form,
    el(
      'p',
      { class: 'note' },
      'The operator of Hairpin creates one: ',
      el('code', {}, 'npx hairpin token NAME --role read'),
      '. This tab alone keeps it.',
    ),
  );
}
