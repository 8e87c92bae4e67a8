import type { OfflineType } from './catalogue.js'

export const offlineTypes: readonly OfflineType[] = []
