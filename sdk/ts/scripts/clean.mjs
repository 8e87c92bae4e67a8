// Removes folders that a build makes: names of modules that are gone must not linger in a package.
import { rmSync } from 'node:fs'

for (const folder of process.argv.slice(2)) rmSync(new URL(`../${folder}`, import.meta.url), { recursive: true, force: true })
