/** The page behind an address that is unknown, used or expired. */

import { at, showBack, state } from './page.js'

at('message').textContent = state.message
showBack(state.return_url)
