// The token a page sends with its questions, where the API asks for one: kept for this tab until it is closed or signed out.

import { el } from './dom.ts';

const STORAGE_KEY = 'hairpin-token';

export function token(): string | undefined {
  return sessionStorage.getItem(STORAGE_KEY) ?? undefined;
}

export function forgetToken(): void {
  sessionStorage.removeItem(STORAGE_KEY);
}

/** Asks for a token; `refused` when the one that was sent is not in force. */
export function tokenForm(refused: boolean, given: () => void): HTMLElement {
  const input = el('input', {
    type: 'password',
    id: 'token',
    name: 'token',
    required: true,
    // What a header can hold: a pasted ellipsis would fail in every question.
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
    el('h2', {}, 'Who asks?'),
    refused
      ? el('p', { class: 'bad', role: 'alert' }, 'This token is not in force. It may be mistyped, or have expired.')
      : el('p', {}, 'This Hairpin answers to those who have a token.'),
    form,
    el(
      'p',
      { class: 'note' },
      'Whoever runs Hairpin makes one: ',
      el('code', {}, 'npx hairpin token NAME --role read'),
      '. It is kept in this tab only.',
    ),
  );
}
