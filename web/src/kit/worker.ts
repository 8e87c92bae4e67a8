/** Has the service worker keep a page on this device, so that it opens without a network. */
export async function takeAlong(page: 'wallet' | 'check'): Promise<void> {
  if (!('serviceWorker' in navigator)) return
  await navigator.serviceWorker.register('/sw.js')
  const ready = await navigator.serviceWorker.ready
  ready.active?.postMessage({ take: `/${page}` })
  // Read when somebody puts the page on her home screen, and not before: so it does not stand in the head.
  const icon = document.createElement('link')
  icon.rel = 'apple-touch-icon'
  icon.href = '/icon-192.png'
  document.head.append(icon)
}
