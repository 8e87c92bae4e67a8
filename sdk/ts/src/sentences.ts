import type { Sentence } from './errors.js'

export const sentences: Readonly<Record<string, Sentence>> = {}
