// What the server wrote into the page: nothing of a person, so that a page can be cached.

export interface Config {
  /** Where the catalogue of types lies, and the tables of codes. */
  readonly types: string
  readonly tables: string
  /** The demonstration: people, organisations and certificates are fictitious. */
  readonly demo: boolean
  readonly domain: { readonly zh: string; readonly en: string }
  readonly publicUrl: string
}

export const config: Config = JSON.parse(document.body.dataset['config'] || '{}') as Config
