/** The page's CSP nonce: styles that libraries insert at run time carry it. */
export const nonce = document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content ?? '';

declare global {
  var __webpack_nonce__: string | undefined;
}
// The scroll lock of dialogs looks for the nonce under this name.
globalThis.__webpack_nonce__ = nonce;
